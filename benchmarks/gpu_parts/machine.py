"""The device that is measured: what it is, when it is done, and how much memory was taken."""

from __future__ import annotations

import ctypes
import datetime
import gc
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

T = TypeVar("T")
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Machine:
    """A CUDA card, or the processor.

    Args:
        device: ``auto``, ``cuda`` or ``cpu``.
    """

    def __init__(self, device: str = "auto") -> None:
        found = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(found if device == "auto" else device)
        self.on_gpu = self.device.type == "cuda"
        if self.on_gpu:
            torch.cuda.init()
            square = torch.ones(8, 8, device=self.device)
            float((square @ square).sum())  # what cuBLAS takes for itself, it takes here

    def wait(self) -> None:
        """Wait until all that was asked of the device is done: launches return at once."""
        if self.on_gpu:
            torch.cuda.synchronize(self.device)

    def now(self) -> float:
        """Seconds of a clock, read when the device is done."""
        self.wait()
        return time.perf_counter()

    def clear(self) -> None:
        """Give back what nobody holds any more."""
        gc.collect()
        if self.on_gpu:
            torch.cuda.empty_cache()
        elif sys.platform == "linux":
            # A training keeps freed memory, which would count as taken by what comes next.
            getattr(ctypes.CDLL(None), "malloc_trim", lambda kept: None)(0)

    def peak(self, work: Callable[[], T]) -> tuple[float, T]:
        """Peak memory in MiB while work runs, beside what was taken before; and what it returns.

        Of a card it is what tensors took, of a processor what of the process was resident.
        """
        self.clear()
        self.wait()
        if self.on_gpu:
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
            result = work()
            self.wait()
            return (torch.cuda.max_memory_allocated(self.device) - before) / 2**20, result
        before = _resident("VmRSS")
        if os.access(_RESET, os.W_OK):
            _RESET.write_text("5")  # the peak counts from here on
        result = work()
        return max(0.0, (_resident("VmHWM") - before) / 2**10), result

    def described(self) -> dict[str, str]:
        """What was measured on: card, driver, versions, processor and date, in words."""
        found = {
            "date": datetime.date.today().isoformat(),
            "device": self._card() if self.on_gpu else f"CPU, {torch.get_num_threads()} threads",
            "processor": f"{_processor()}, {os.cpu_count()} cores",
            "python": platform.python_version(),
            "torch": torch.__version__,
        }
        if self.on_gpu:
            found["driver"] = _driver()
            found["cuda"] = str(torch.version.cuda)
            found["cudnn"] = str(torch.backends.cudnn.version())
        return found

    def _card(self) -> str:
        card = torch.cuda.get_device_properties(self.device)
        return f"{card.name}, {card.total_memory / 2**30:.0f} GiB"


def _resident(key: str) -> float:
    """KiB that the kernel tells of this process; 0 where it tells nothing."""
    if not _STATUS.exists():
        return 0.0
    found = re.search(rf"{key}:\s*(\d+)", _STATUS.read_text())
    return float(found.group(1)) if found else 0.0


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.*)", told.read_text()) if told.exists() else None
    return found.group(1) if found else platform.processor() or platform.machine()


def _driver() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return "not known"
    asked = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "not known"
    return (
        done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else "not known"
    )
