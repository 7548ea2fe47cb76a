"""Memory of CPU trainings: what is freed is kept for the next step, or returned where memory is short."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP_UP_TO = 1 << 30
_OLDER_LIMIT = 1 << 25
"""The most that glibc before 2.35 takes for the size of a block of its own heap."""


def keep_freed_memory() -> bool:
    """Tell glibc to serve large blocks from its own heap and to keep what is freed.

    Without it, each activation is a fresh mapping whose pages the kernel clears anew in every step:
    as much as half of a training step's time goes there.

    Returns:
        False where the C library has no such setting.
    """
    return _set_blocks(_KEEP_UP_TO, _KEEP_UP_TO)


def return_freed_memory() -> bool:
    """Tell glibc to return large blocks when they are freed, as it does if nobody tells it anything.

    Kept ones leave gaps that blocks of other sizes do not fill: half as much again as the blocks themselves
    where parts of a model are recomputed.

    Returns:
        False where the C library has no such setting.
    """
    return _set_blocks(_OLDER_LIMIT, 2 * _OLDER_LIMIT)


def _set_blocks(own: int, kept: int) -> bool:
    """Blocks up to ``own`` bytes come from the heap, at whose end up to ``kept`` free ones stay."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library, such as musl
        return False
    blocks = mallopt(_M_MMAP_THRESHOLD, own) or mallopt(_M_MMAP_THRESHOLD, _OLDER_LIMIT)
    return bool(blocks and mallopt(_M_TRIM_THRESHOLD, kept))
