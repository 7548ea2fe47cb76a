"""The process: devices, precision, memory, interrupts, and errors of component code."""
