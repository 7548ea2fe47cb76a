"""Usage of time and memory by a training: seconds of a step, and the most memory that was held."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


class Usage:
    """Figures of a training's use between two logging steps.

    Args:
        first_step: the step that the training starts from.
        clock: seconds, for tests.
    """

    def __init__(self, first_step: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = (first_step, clock())

    def told(self, step: int) -> dict[str, float]:
        """``scalar/usage/seconds_per_step`` since the last call, and ``.../memory_MB`` of GPU or process."""
        now = self._clock()
        (before, then), self._last = self._last, (step, now)
        found = {"scalar/usage/memory_MB": peak / 1e6} if (peak := _peak_bytes()) else {}
        if step > before:
            found["scalar/usage/seconds_per_step"] = (now - then) / (step - before)
        return found


def _peak_bytes() -> int:
    """The most memory held so far: of the GPU where one is used, else of this process; 0: unknown."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    if resource is None:
        return 0
    used = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return used if sys.platform == "darwin" else used * 1024
