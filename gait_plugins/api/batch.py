"""Batches: the input of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gait_plugins.errors import ConfigError


class RaggedTensor(NamedTuple):
    """Frames of unequal size, such as point clouds: the rows of all frames, one after the other.

    ``gait_plugins.nn.ragged_frames`` splits, pads and pools them.
    """

    values: Tensor
    """``[m, ...]``."""
    offsets: Tensor
    """int64 ``[frames + 1]``: frame i is ``values[offsets[i]:offsets[i + 1]]``; frames of a batch lie
    sequence after sequence, whether it is packed or not."""

    def to(self, device: torch.device | str, **options: Any) -> RaggedTensor:
        """The same on another device."""
        return RaggedTensor(self.values.to(device, **options), self.offsets.to(device, **options))

    def clone(self) -> RaggedTensor:
        """A copy."""
        return RaggedTensor(self.values.clone(), self.offsets.clone())


class _Fields(NamedTuple):
    inputs: list[Any]
    """One tensor (or :class:`RaggedTensor`) per input source; silhouettes as float32 in [0, 1]."""
    labels: Tensor
    """Class index of each sequence, int64 ``[n]``."""
    types: list[str]
    """Walking condition of each sequence (``nm-01``)."""
    views: list[str]
    """Camera view of each sequence (``090``)."""
    seq_lens: Tensor | None
    """Frames of each packed sequence, int32 ``[1, n]``, or None."""


class GaitBatch(_Fields):
    """One batch; unpacks like OpenGait's ``ipts, labs, typs, vies, seqL``.

    Equal lengths: ``inputs[i]`` is ``[n, s, h, w]`` (or ``[n, s, c, h, w]``, or whatever frames the stream
    has) and ``seq_lens`` is None. Packed: ``inputs[i]`` is ``[1, sum(s_j), h, w]``, all sequences one after
    the other along time.
    """

    targets: Mapping[str, Tensor] = MappingProxyType({})
    """What transforms and data set know of each sequence beside its identity: name -> ``[n, ...]``.

    It is no field, so that the batch unpacks into OpenGait's five."""

    names: tuple[str, ...] = ()
    """Names of the streams in ``inputs``; empty where data set and model do not say."""

    lens: Mapping[str, Tensor] = MappingProxyType({})
    """Stream -> its frames of each sequence, int32 ``[1, n]``, for streams with frames of their own clock, in
    packed batches and in others; the other streams have those of ``seq_lens``."""

    def stream(self, name: str) -> Any:
        """The tensor, or :class:`RaggedTensor`, of a stream."""
        return self.inputs[self.names.index(name)]

    def __new__(
        cls,
        inputs: list[Any],
        labels: Tensor,
        types: list[str],
        views: list[str],
        seq_lens: Tensor | None,
        targets: Mapping[str, Tensor] | None = None,
        names: tuple[str, ...] = (),
        lens: Mapping[str, Tensor] | None = None,
    ) -> GaitBatch:
        batch = super().__new__(cls, inputs, labels, types, views, seq_lens)
        batch.targets = targets or {}
        batch.names, batch.lens = names, lens or {}
        return batch

    @classmethod
    def of(cls, batch: tuple[Any, ...]) -> GaitBatch:
        """A batch as it is, and OpenGait's plain five as one."""
        return batch if isinstance(batch, cls) else cls(*batch)

    @classmethod
    def of_frames(cls, frames: Any, names: tuple[str, ...] = ()) -> GaitBatch:
        """Frames alone as a batch of sequences of equal length, whose identities are not known (label -1).

        ``model.eval()(GaitBatch.of_frames(silhouettes))`` embeds silhouettes ``[n, s, h, w]``.

        Args:
            frames: ``[n, s, ...]``, silhouettes as floats in [0, 1]; of several streams a list of these.
            names: of the streams.
        """
        inputs = list(frames) if isinstance(frames, list | tuple) else [frames]
        n, device = len(inputs[0]), inputs[0].device
        labels = torch.full((n,), -1, dtype=torch.int64, device=device)
        return cls(inputs, labels, [""] * n, [""] * n, None, names=names)

    def _replace(self, **changes: Any) -> GaitBatch:
        beside = {key: changes.pop(key, getattr(self, key)) for key in ("targets", "names", "lens")}
        return GaitBatch(*super()._replace(**changes), **beside)

    def to(self, device: torch.device | str) -> GaitBatch:
        """The same batch with its tensors on ``device``."""
        lens = None if self.seq_lens is None else self.seq_lens.to(device)
        return self._replace(
            inputs=[x.to(device, non_blocking=True) for x in self.inputs],
            labels=self.labels.to(device, non_blocking=True),
            seq_lens=lens,
            targets={name: x.to(device, non_blocking=True) for name, x in self.targets.items()},
            lens={name: x.to(device, non_blocking=True) for name, x in self.lens.items()},
        )


def as_batch(given: Any, model: str, streams: Mapping[str, Sequence[Any]]) -> Any:
    """What a model is called with, as a batch where it is OpenGait's plain five, or frames alone.

    Args:
        given: what it is called with; what is neither frames nor a collection is handed on as it is.
        model: name of the model, for the error.
        streams: name of each stream that it takes -> the shape of a frame.

    Raises:
        ConfigError: it cannot be taken as a batch; says how to make one.
    """
    if isinstance(given, tuple) and len(given) == len(_Fields._fields):
        return GaitBatch.of(given)
    if isinstance(given, Tensor):
        (shape, *others) = streams.values()
        if not others and given.is_floating_point() and _fits(tuple(given.shape), shape):
            return GaitBatch.of_frames(given)
    elif not isinstance(given, list | tuple | dict | np.ndarray | None):
        return given
    raise no_batch(given, model, streams)


def no_batch(given: Any, model: str, streams: Mapping[str, Sequence[Any]], reason: str = "") -> ConfigError:
    """The error of a model that was called with something else than a batch; see :func:`as_batch`."""
    found = type(given).__name__
    if isinstance(given, Tensor):
        found = f"a tensor {list(given.shape)} of {str(given.dtype).removeprefix('torch.')}"
    told = ", ".join(f"{name} [{', '.join(map(str, ('n', 's', *axes)))}]" for name, axes in streams.items())
    said = f"; taken as such, the tensor fails: {reason}" if reason else ""
    return ConfigError(
        f"{model} is called with {found}, expected a GaitBatch: n sequences of s frames, {told}, of floats "
        f"(silhouettes from 0 to 1){said}",
        hint="GaitBatch.of_frames(frames) makes one, of several streams with a list of them; of sequences of "
        "unequal length GaitBatch([frames], labels, types, views, seq_lens)",
    )


def _fits(found: tuple[int, ...], frame: Sequence[Any]) -> bool:
    """Whether frames ``[n, s, ...]`` are of the shape; a model of pictures may take channels unsaid."""
    if None in frame:
        return False
    if tuple(frame) == ("h", "w") and len(found) == 5:
        return found[1] != 1 or found[2] <= 3  # else it is rather [n, c, s, h, w]
    sizes = zip(found[2:], frame, strict=False)
    return len(found) == 2 + len(frame) and all(not isinstance(b, int) or a == b for a, b in sizes)
