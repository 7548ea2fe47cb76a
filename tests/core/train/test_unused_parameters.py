"""Parameters without a gradient under several processes are named, with the option that helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

from gait_plugins.core.train.unused_parameters import unused_named
from gait_plugins.errors import ConfigError


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(2, 2).requires_grad_(False)
        self.used = nn.Linear(2, 2)
        self.idle = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(self.frozen(x)).sum()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    """A process group of one: torch checks gradients in it as in one of many."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("alone")
def test_parameters_without_a_gradient_are_named() -> None:
    bare = Half()
    spread = nn.parallel.DistributedDataParallel(bare)
    spread(torch.ones(1, 2)).backward()
    named = pytest.raises(ConfigError, match=r"^trainer_cfg: 2 .*: idle\.weight, idle\.bias\n")
    with named as caught, unused_named(bare):
        spread(torch.ones(1, 2))
    assert "trainer_cfg.find_unused_parameters=true" in (caught.value.hint or "")


def test_other_errors_go_through() -> None:
    with pytest.raises(RuntimeError, match=r"^other$"), unused_named(Half()):
        raise RuntimeError("other")
