"""The processes of the host's run: how many there are, and which one this is."""

from __future__ import annotations

import torch.distributed as dist


def world_size() -> int:
    """Processes of the group; 1 where there is none."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's place in the group."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
