"""Hosts of a run: each reads its own disk, and what decides the numbers must be the same on all of them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import nn

from gait_plugins.config import Config
from gait_plugins.core.runs.changes import HARMLESS, setting_changes
from gait_plugins.core.runs.folder import provenance_of
from gait_plugins.core.runtime.devices import on_first_rank
from gait_plugins.core.runtime.precision import precision_of
from gait_plugins.errors import ConfigError

T = TypeVar("T")

_ITS_OWN = (
    "output_dir",
    "run_dir",
    "plugins",
    "data_cfg.num_workers",
    "trainer_cfg.init",  # the weights are compared
    "trainer_cfg.restore_hint",
)
"""Settings that each host may have as it likes."""


def several_hosts(fabric: Fabric) -> bool:
    """True where the processes of a job run on more than one host."""
    return fabric.world_size > 1 and getattr(fabric.strategy, "num_nodes", 1) > 1


def read_by_first(fabric: Fabric, read: Callable[[], T]) -> T:
    """What ``read`` returns; of several hosts the first reads, and gives it to the others.

    The run folder may lie on a disk that only the first host has.
    """
    if not several_hosts(fabric):
        return read()
    found = fabric.broadcast(on_first_rank(fabric, read))
    return cast(T, found)


def require_same_settings(fabric: Fabric, config: Config) -> None:
    """See that the hosts have the same components, and the same settings where they decide the numbers.

    Raises:
        ConfigError: they have not; all processes raise it.
    """
    if not several_hosts(fabric):
        return
    first = fabric.broadcast(config.data)
    also = [name for name in HARMLESS if name not in _ITS_OWN]
    precision = precision_of(fabric)
    changes = setting_changes(first, config, precision=(fabric.broadcast(precision), precision), also=also)
    lines = [f"{change.name}: {change.then} at {{first}}, {change.now} at {{here}}" for change in changes]
    _tell_all(lines, "settings", "give all of them the same configuration and options")
    found = {
        name: record.get("sha256", "")[:12] or f"{record.get('distribution')} {record.get('version')}"
        for name, record in provenance_of(config).items()
    }
    require_same(fabric, "components", lambda: found, "install the same versions, or copy the same files")


def require_same(fabric: Fabric, what: str, find: Callable[[], Mapping[str, Any]], hint: str) -> None:
    """See that the hosts have found the same.

    Args:
        fabric: of the job.
        what: it in words: ``"training sequences"``.
        find: gives plain values by their names; called on several hosts alone.
        hint: what to do where they have not.

    Raises:
        ConfigError: they have not; all processes raise it.
    """
    if not several_hosts(fabric):
        return
    found = find()
    first = fabric.broadcast(dict(found))
    names = [name for name in {**first, **found} if first.get(name) != found.get(name)]
    lines = [f"{name}: {first.get(name)} at {{first}}, {found.get(name)} at {{here}}" for name in names]
    _tell_all(lines, what, hint)


def require_same_weights(fabric: Fabric, model: nn.Module) -> None:
    """See that the hosts start from the same weights: each has read its own files.

    Raises:
        ConfigError: they do not; all processes raise it.
    """
    hint = "give all of them the same files to start from, or a disk that they share"
    require_same(fabric, "weights", lambda: {"checksum": _checksum(model)}, hint)


def _checksum(model: nn.Module) -> str:
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        found.update(name.encode())
        if isinstance(value, torch.Tensor):
            found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()[:12]


def _tell_all(lines: list[str], what: str, hint: str) -> None:
    """Raise on all ranks what the first of them has that is not as at rank 0."""
    mine = platform.node(), lines
    them: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(them, mine)
    first = f"rank 0 ({them[0][0]})"
    for rank, (host, told) in enumerate(them):
        if told:
            here = f"rank {rank} ({host})"
            listed = "".join(f"\n  {line}" for line in told)
            said = listed.replace("{first}", first).replace("{here}", here)
            raise ConfigError(f"the hosts do not have the same {what}:{said}", hint=hint)
