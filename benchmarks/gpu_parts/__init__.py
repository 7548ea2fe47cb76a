"""Parts of ``benchmarks/gpu.py``: the device, the clock, the other trainer, and what is measured."""
