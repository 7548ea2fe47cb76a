"""Load reports: which weights match a model, which do not, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import nn

from gait_plugins.errors import CheckpointError

SHOWN = 4
"""Examples of each group in a message."""


class Mismatch(NamedTuple):
    """A weight that file and model hold in different shapes; None: as plain data, not as a tensor."""

    key: str
    file: list[int] | None
    model: list[int] | None

    def __str__(self) -> str:
        return f"{self.key} (file {self.file}, model {self.model})"


class Head(NamedTuple):
    """The weights of a classifier for another number of identities."""

    keys: tuple[str, ...]
    file: int
    """Identities that the file's head tells apart."""
    model: int
    """Identities that the model's head tells apart."""


@dataclass(frozen=True)
class LoadReport:
    """The comparison of weights with a model."""

    model: str
    """Class of the model."""
    fitting: tuple[str, ...]
    """Keys that both have, in the same shape."""
    missing: tuple[str, ...]
    """Keys of the model that the file lacks, less those that it :func:`may_lack`."""
    unexpected: tuple[str, ...]
    """Keys of the file that the model lacks."""
    mismatched: tuple[Mismatch, ...]
    """Keys that both have, in different shapes."""
    head: Head | None = None
    """Those of the mismatched that only another number of identities explains."""

    @property
    def complete(self) -> bool:
        """True where nothing is missing, unexpected or of another shape."""
        return not (self.missing or self.unexpected or self.mismatched)

    @property
    def all_but_head(self) -> bool:
        """True where everything matches but the classifier's number of identities."""
        return (
            self.head is not None
            and len(self.head.keys) == len(self.mismatched)
            and not (self.missing or self.unexpected)
        )

    @property
    def own(self) -> int:
        """Weights of the model."""
        return len(self.fitting) + len(self.missing) + len(self.mismatched)

    def without_head(self) -> LoadReport:
        """The report with the classifier left out of account."""
        dropped = () if self.head is None else self.head.keys
        others = tuple(mismatch for mismatch in self.mismatched if mismatch.key not in dropped)
        return replace(self, mismatched=others, head=None)

    def lines(self) -> list[str]:
        """A line for each group that is not empty: its count and first examples."""
        groups: dict[str, Sequence[object]] = {
            "missing in the file": self.missing,
            "unknown to the model": self.unexpected,
            "of another shape": self.mismatched,
        }
        return [f"{len(found)} {title}: {first_of(found)}" for title, found in groups.items() if found]

    def advice(self) -> str:
        """What to do next to test or train with this model."""
        if self.complete:
            return "nothing to do: every weight fits"
        if self.all_but_head and self.head is not None:
            return (
                f"the file is of the same model for another number of identities: set the model's class_num "
                f"to {self.head.file}, or train with --init-from FILE --drop-head"
            )
        if self.mismatched and not (self.missing or self.unexpected):
            return (
                "the file is of the same model with other sizes: set the model's sizes to the file's "
                "(for another number of identities its class_num), or load what fits with "
                "restore_ckpt_strict=false"
            )
        return (
            "the file is of another model (gait-plugins checkpoint show FILE lists candidates); "
            "restore_ckpt_strict=false loads what fits"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **asdict(self),
            "fitting": len(self.fitting),
            "mismatched": [mismatch._asdict() for mismatch in self.mismatched],
            "head": self.head and self.head._asdict(),
            "complete": self.complete,
            "advice": self.advice(),
        }


def compare_weights(model: nn.Module, weights: Mapping[str, Any]) -> LoadReport:
    """Compare a model's weights with a state dict by name and shape; nothing is loaded.

    Args:
        model: may lie on the meta device.
        weights: a state dict.
    """
    name, classes = type(model).__name__, getattr(model, "num_classes", None)
    return compare_states(name, model.state_dict(), weights, classes)


def compare_states(
    name: str, own: Mapping[str, Any], weights: Mapping[str, Any], classes: int | None = None
) -> LoadReport:
    """Compare two state dicts by name and shape.

    Args:
        name: of what the first one belongs to.
        own: what weights are wanted for; may lie on the meta device.
        weights: those that there are.
        classes: identities that the first one tells apart, where known.
    """
    common = [key for key in weights if key in own]
    fitting = [key for key in common if _shape(weights[key]) == _shape(own[key])]
    fits = set(fitting)
    mismatched = tuple(Mismatch(k, _shape(weights[k]), _shape(own[k])) for k in common if k not in fits)
    return LoadReport(
        model=name,
        fitting=tuple(fitting),
        missing=tuple(key for key in own if key not in weights and not may_lack(key, weights)),
        unexpected=tuple(key for key in weights if key not in own),
        mismatched=mismatched,
        head=_head(mismatched, classes),
    )


def may_lack(key: str, weights: Mapping[str, Any]) -> bool:
    """Whether weights are whole without a key: a norm's of before PyTorch 0.4.1 count no batches.

    torchvision's first ImageNet weights are among them; with a fixed momentum nothing depends on it.
    """
    norm, _, name = key.rpartition(".")
    return name == "num_batches_tracked" and f"{norm}.running_mean".lstrip(".") in weights


def not_finite(weights: Mapping[str, Any]) -> list[str]:
    """Keys of the tensors that hold NaN or infinite values."""
    return [key for key, value in weights.items() if isinstance(value, torch.Tensor) and not _finite(value)]


def check_types(own: Mapping[str, Any], weights: Mapping[str, Any], where: str) -> None:
    """See that weights hold numbers of the kind that is wanted: quantised ones, and none at all, do not.

    Raises:
        CheckpointError: some do not.
    """
    for key, value in weights.items():
        if not isinstance(value, torch.Tensor) or not isinstance(own.get(key), torch.Tensor):
            continue
        if value.is_meta or (own[key].is_floating_point() and not value.is_floating_point()):
            held = "no values" if value.is_meta else _name(value.dtype)
            raise CheckpointError(
                f"the weight {key} holds {held} in the file, expected {_name(own[key].dtype)}",
                where=where,
                hint="give the weights as they were trained: quantised ones and placeholders are not read",
            )


def other_types(own: Mapping[str, Any], weights: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Floating-point weights of another precision: type in the file and in the model -> keys."""
    found: dict[tuple[str, str], list[str]] = {}
    for key, value in weights.items():
        types = _float_type(value), _float_type(own.get(key))
        if types[0] and types[1] and types[0] != types[1]:
            found.setdefault((types[0], types[1]), []).append(key)
    return found


def _float_type(value: Any) -> str | None:
    floats = isinstance(value, torch.Tensor) and value.is_floating_point()
    return _name(value.dtype) if floats else None


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _finite(value: torch.Tensor) -> bool:
    numbers = value.is_floating_point() or value.is_complex()
    if value.is_meta or value.layout != torch.strided or not numbers:
        return True
    if value.dtype.itemsize == 1:  # too small for torch to sum
        value = value.float()
    # A sum is read faster than a mask is made; where it overflows, each value is looked at.
    return bool(value.sum().isfinite()) or bool(value.isfinite().all())


def _head(mismatched: Sequence[Mismatch], classes: int | None) -> Head | None:
    """The mismatches along one axis that is as long as the model has classes.

    All of them must agree on how many the file has: else a width of the network happens to equal the
    number of classes, and the two cannot be distinguished.
    """
    found: dict[str, int] = {}
    for key, file, model in mismatched:
        if file is None or model is None or len(file) != len(model):
            continue
        axes = [axis for axis in range(len(file)) if file[axis] != model[axis]]
        if len(axes) == 1 and model[axes[0]] == classes:
            found[key] = file[axes[0]]
    counts = set(found.values())
    if classes is None or len(counts) != 1:
        return None
    return Head(tuple(found), counts.pop(), classes)


def _shape(value: Any) -> list[int] | None:
    # What a module keeps by get_extra_state is no tensor: it fits whatever it holds.
    return list(value.shape) if isinstance(value, torch.Tensor) else None


def first_of(found: Sequence[object]) -> str:
    """The first few of many things, in words."""
    return ", ".join(map(str, found[:SHOWN])) + ", ..." * (len(found) > SHOWN)
