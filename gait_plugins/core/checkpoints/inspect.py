"""Checkpoint information: what a file holds, and what its weights reveal."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gait_plugins.config import load_config
from gait_plugins.core.assembly.components import on_meta
from gait_plugins.core.checkpoints.compare import compare_weights, not_finite
from gait_plugins.core.checkpoints.files import Checkpoint, read_checkpoint
from gait_plugins.core.checkpoints.found import Found
from gait_plugins.core.checkpoints.identify import Guess, file_classes, guess_origin
from gait_plugins.core.checkpoints.partial import under
from gait_plugins.core.weights.lookup import located
from gait_plugins.errors import GaitPluginsError
from gait_plugins.io.atomic import file_sha256
from gait_plugins.io.weights.part_of_file import split_part

_FEW = 8
"""Weights of a part that no network is looked for in."""
_NECKS = "BNNecks.fc_bin"
"""OpenGait's usual classifier, ``[p, c, classes]``."""


class Size(NamedTuple):
    """How much a part of a checkpoint holds."""

    tensors: int
    values: int
    bytes: int


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint in figures."""

    path: str
    sha256: str
    bytes: int
    writer: str
    """``gait-plugins`` where the file holds our keys, ``OpenGait``, ``another tool`` or ``weights alone``."""
    weights: str
    """Where in the file the weights were found."""
    other_weights: tuple[str, ...]
    """Other weights in it, as ``FILE#PART`` names them."""
    iteration: int | None
    model: str | None
    """Name of the model's component; None where nothing tells."""
    classes: int | None
    """Identities that its head tells apart; None where it has none, or nothing tells."""
    classes_by: str
    """What the number of identities is known by."""
    dataset: str | None
    input_size: tuple[int, int] | None
    """Height and width of the training frames, in pixels."""
    seed: int | None
    parts: dict[str, Size]
    """Part of the file (``model``, ``optimizer``) -> what it holds."""
    layers: dict[str, Size]
    """First name of the model's keys (``Backbone``) -> what it holds."""
    plugins: dict[str, Any]
    """``kind/name`` -> distribution, version and ``module:attr`` that it was written with."""
    machine: Mapping[str, Any]
    """Device, processes, threads and precision that it was trained with; empty where nothing tells."""
    init: tuple[Mapping[str, Any], ...]
    """What parts of its model started from: a record of each, with file and SHA-256."""
    guesses: tuple[Guess, ...]
    """Where the file does not tell its configuration: those that fit."""
    not_finite: tuple[str, ...] = ()
    """Keys of the model's weights, and of its losses', that hold NaN or infinite values."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        sizes = {name: {k: v._asdict() for k, v in getattr(self, name).items()} for name in _SIZES}
        return {**asdict(self), **sizes}


_SIZES = ("parts", "layers")


def checkpoint_info(path: Path, like: Mapping[str, Any] | None = None) -> CheckpointInfo:
    """Read a checkpoint and tell what it is.

    Args:
        path: the file or the name of a published one, or ``FILE#PART``.
        like: weights by the names that are wanted; see :func:`read_checkpoint`.

    Raises:
        CheckpointError: it cannot be read; see :func:`load_checkpoint`.
    """
    path = located(path)
    checkpoint, found = read_checkpoint(path, like=like)
    file, _ = split_part(path)
    weights = checkpoint["model"]
    config = checkpoint.get("config", {})
    guesses = () if config else _guesses(weights)
    model = _said(config, "model_cfg", "model") or (guesses[0].model if guesses else None)
    classes, known_by = _classes(checkpoint, guesses)
    size = checkpoint.get("input_size")
    return CheckpointInfo(
        path=str(path),
        sha256=file_sha256(file),
        bytes=file.stat().st_size,
        writer=_writer(checkpoint, found),
        weights=f"{found.title}; {found.note}" if found.note else found.title,
        other_weights=found.others,
        iteration=checkpoint.get("iteration"),
        model=model,
        classes=classes,
        classes_by=known_by,
        dataset=_said(config, "data_cfg", "dataset_name"),
        input_size=None if size is None else (int(size[0]), int(size[1])),
        seed=_said(config, "trainer_cfg", "seed"),
        parts={name: _size(part) for name, part in checkpoint.items() if isinstance(part, dict)},
        layers=_layers(weights),
        plugins=checkpoint.get("plugins", {}),
        machine=checkpoint.get("machine", {}),
        init=_records(checkpoint),
        guesses=guesses,
        not_finite=(*not_finite(weights), *not_finite(checkpoint.get("losses", {}))),
    )


def _guesses(weights: Mapping[str, Any]) -> tuple[Guess, ...]:
    """What the weights may belong to, or else those of their largest part: a trainer's module holds more."""
    found = guess_origin(weights)
    tops = Counter(key.partition(".")[0] for key in weights if "." in key)
    top, count = (tops.most_common(1) or [("", 0)])[0]
    if found or count < max(_FEW, len(weights) / 2):
        return tuple(found)
    return tuple(guess_origin(under(weights, top)))


def _said(config: Any, *path: str) -> Any:
    """A setting of the file's configuration; None where it is not there. A file may hold anything."""
    for name in path:
        config = config.get(name) if isinstance(config, Mapping) else None
    return config


def _records(checkpoint: Checkpoint) -> tuple[Mapping[str, Any], ...]:
    written = checkpoint.get("init")
    found = written if isinstance(written, list) else []  # a file may hold anything
    return tuple(record for record in found if isinstance(record, Mapping))


def _writer(checkpoint: Checkpoint, found: Found) -> str:
    if "format" in checkpoint:
        return "gait-plugins"
    if {"optimizer", "iteration"} <= set(checkpoint):
        return "OpenGait"
    return "another tool" if found.keys not in ((), ("model",)) else "weights alone"


def _classes(checkpoint: Checkpoint, guesses: tuple[Guess, ...]) -> tuple[int | None, str]:
    weights, config = checkpoint["model"], checkpoint.get("config")
    if config:
        try:
            model = on_meta(load_config(config).model_cfg.build)
        except GaitPluginsError as error:
            return None, f"the model cannot be built here: {error.message}"
        return file_classes(model, compare_weights(model, weights)), "its configuration"
    if guesses and guesses[0].exact:
        return guesses[0].classes, f"the head's shape, as in {guesses[0].config}"
    necks = [v for k, v in weights.items() if k.endswith(_NECKS) and getattr(v, "ndim", 0) == 3]
    if necks:
        return int(necks[0].shape[2]), f"the shape of {_NECKS}"
    return None, "no information"


def _layers(weights: Mapping[str, Any]) -> dict[str, Size]:
    groups: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for key, value in weights.items():
        groups[key.partition(".")[0]][key] = value
    return {name: _size(group) for name, group in groups.items()}


def _size(part: Any) -> Size:
    tensors = list(_tensors(part))
    return Size(len(tensors), sum(t.numel() for t in tensors), sum(t.nbytes for t in tensors))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
