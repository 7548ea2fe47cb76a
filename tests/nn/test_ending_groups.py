"""Process groups that end: gloo's threads have the time to free their last work before the group is freed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch.distributed as dist

from gait_plugins.nn import collectives


def test_threads_of_a_group_may_settle_before_it_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, bool]] = []
    monkeypatch.setattr(collectives.time, "sleep", lambda s: seen.append((s, dist.is_initialized())))
    collectives.end_process_group()
    assert not seen
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    collectives.end_process_group()
    assert seen == [(0.05, True)]
    assert not dist.is_initialized()
