"""Part distances between probes and gallery, a chunk of probes at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gait_plugins.errors import ConfigError, DataError

Metric = Literal["euc", "cos"]

# Distances held at once. On the CPU the gallery is read once for each chunk of probes: with 2**23 floats
# (32 MiB) that is seldom enough. A GPU wants more rows for each launch.
_CPU_BUDGET = 2**23
_GPU_BUDGET = 2**26

# On the CPU the parts are summed over tiles that stay in the processor's cache: 2 MiB, square or nearly so,
# since a product of many rows with few columns reads each value too often.
_TILE = 2**19
_TILE_ROWS = 1024
# The product is a third slower where the rows of its result do not all begin at a line of the cache.
_ALIGNED = 64

# Embeddings that are turned to parts at once, in values: they stay in the processor's cache.
_TURNED = 2**19


@dataclass(frozen=True)
class Rows:
    """Some rows of embeddings, taken a few at a time when they are needed: a selection without a copy."""

    of: np.ndarray
    """float ``[n, c, p]`` or ``[n, c]``."""
    at: np.ndarray
    """Positions, int ``[m]``."""

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: slice) -> np.ndarray:
        found: np.ndarray = self.of[self.at[rows]]
        return found


def as_parts(embeddings: np.ndarray | Tensor, device: torch.device | str | None = None) -> Tensor:
    """Embeddings with the parts in front.

    Args:
        embeddings: ``[n, c, p]`` or ``[n, c]`` (one part), any floating type.
        device: where to; None means CUDA where there is one for arrays, else where they are.

    Returns:
        float32 ``[p, n, c]``, contiguous.

    Raises:
        DataError: another number of axes.
    """
    if isinstance(embeddings, Tensor):
        tensor = embeddings.detach()
    else:
        device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        _check_axes(embeddings)
        if device.type == "cpu" and embeddings.ndim == 3:
            # numpy turns the axes in less than half of torch's time.
            return torch.from_numpy(np.require(embeddings.transpose(2, 0, 1), np.float32, ["C", "W"]))
        # torch wants to own a writable array; a read-only one is copied.
        tensor = torch.from_numpy(np.require(embeddings, np.float32, ["C", "W"]))
    _check_axes(tensor)
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(2)
    tensor = tensor.to(device=device, dtype=torch.float32)
    return tensor.permute(2, 0, 1).contiguous()


def distance_chunks(
    probe: np.ndarray | Tensor | Rows,
    gallery: np.ndarray | Tensor | Rows,
    metric: Metric = "euc",
    *,
    chunk_size: int | None = None,
    device: torch.device | str | None = None,
) -> Iterator[tuple[slice, Tensor]]:
    """Distances of a few probes at a time to the whole gallery: the mean over parts.

    ``euc`` is the Euclidean distance ``sqrt(relu(x2 + y2 - 2xy))``, ``cos`` is 1 - cosine
    similarity, of the ``c`` values of one part.

    Args:
        probe: ``[n_probe, c, p]`` (or ``[n_probe, c]``), or some rows of such.
        gallery: ``[n_gallery, c, p]`` (or ``[n_gallery, c]``), or some rows of such.
        metric: ``euc`` or ``cos``.
        chunk_size: probes at a time; None keeps a chunk at about 32 MiB whatever the gallery's size.
        device: where to compute; None means CUDA where there is one for arrays.

    Yields:
        The probes' positions and their distances, float32 ``[chunk, n_gallery]``.

    Raises:
        ConfigError: an unknown metric.
        DataError: channels or parts of the two differ, or an embedding's squared norm is not finite.
    """
    if metric not in ("euc", "cos"):
        raise ConfigError(
            f"unknown distance {metric!r}, expected euc or cos", hint="evaluator_cfg.metric: euc, or cos"
        )
    itself = gallery is probe
    for side in (probe, gallery):
        _check_axes(side.of if isinstance(side, Rows) else side)
    y = _whole(gallery, device)

    def parts_of(rows: slice) -> Tensor:
        return y[:, rows] if itself else as_parts(probe[rows], device)

    first = parts_of(slice(1))
    if (len(first), first.shape[2]) != (len(y), y.shape[2]):
        raise DataError(
            f"probe embeddings have {first.shape[2]} channels x {len(first)} parts, "
            f"gallery embeddings {y.shape[2]} x {len(y)}; both must have the same numbers",
            hint="embed probes and gallery with the same model",
        )
    if chunk_size is None:
        budget = _CPU_BUDGET if first.device.type == "cpu" else _GPU_BUDGET
        chunk_size = budget // max(y.shape[1], 1)
    chunk_size = max(chunk_size, 1)
    chunks = [slice(start, min(start + chunk_size, len(probe))) for start in range(0, len(probe), chunk_size)]
    # Whatever is not finite is refused before the first chunk.
    y2 = _finite(_squared_norms(y))
    x2 = y2 if itself else _finite(_joined([_squared_norms(parts_of(rows)) for rows in chunks], y2))
    if metric == "cos":
        y = _normalised(y) if itself else _normalised(y, in_place=not isinstance(gallery, Tensor))
    for rows in chunks:
        x = parts_of(rows)
        if metric == "cos" and not itself:
            x = F.normalize(x, dim=2)
        yield rows, _compared(x, y, None if metric == "cos" else (x2[:, rows], y2))


def part_distances(
    probe: np.ndarray | Tensor,
    gallery: np.ndarray | Tensor,
    metric: Metric = "euc",
    *,
    chunk_size: int | None = None,
    device: torch.device | str | None = None,
) -> np.ndarray:
    """The whole distance matrix, float32 ``[n_probe, n_gallery]``; see :func:`distance_chunks`."""
    chunks = distance_chunks(probe, gallery, metric, chunk_size=chunk_size, device=device)
    rows = [chunk.cpu().numpy() for _, chunk in chunks]
    return np.concatenate(rows) if rows else np.zeros((0, len(gallery)), np.float32)


def paired_distances(
    embeddings: np.ndarray, left: np.ndarray, right: np.ndarray, metric: Metric = "euc"
) -> np.ndarray:
    """Distances of chosen pairs, a few at a time; see :func:`distance_chunks`.

    Args:
        embeddings: float ``[n, c, p]`` or ``[n, c]``.
        left: positions, int ``[m]``.
        right: positions, int ``[m]``.
        metric: ``euc`` or ``cos``.

    Returns:
        float32 ``[m]``.
    """
    if embeddings.ndim == 2:
        embeddings = embeddings[:, :, None]
    chunk_size = max(_CPU_BUDGET // max(embeddings[0].size, 1), 1) if len(embeddings) else 1
    found = np.empty(len(left), np.float32)
    for start in range(0, len(left), chunk_size):
        rows = slice(start, start + chunk_size)
        x, y = (torch.as_tensor(embeddings[side[rows]], dtype=torch.float32) for side in (left, right))
        apart = 1 - F.cosine_similarity(x, y, dim=1) if metric == "cos" else (x - y).norm(dim=1)
        found[rows] = apart.mean(1).numpy()
    return found


def _check_axes(embeddings: np.ndarray | Tensor) -> None:
    if embeddings.ndim not in (2, 3):
        raise DataError(f"embeddings have shape {list(embeddings.shape)}, expected [n, c, p] or [n, c]")


def _whole(embeddings: np.ndarray | Tensor | Rows, device: torch.device | str | None) -> Tensor:
    """As :func:`as_parts`; of arrays a few rows at a time, so that there is no second copy of them."""
    count = len(embeddings)
    if isinstance(embeddings, Tensor) or not count:
        return as_parts(embeddings if isinstance(embeddings, Tensor) else embeddings[:0], device)
    first = as_parts(embeddings[:1], device)
    found = first.new_empty(len(first), count, first.shape[2])
    size = max(_TURNED // max(first.numel(), 1), 1)
    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        found[:, rows] = as_parts(embeddings[rows], device)
    return found


def _squared_norms(x: Tensor) -> Tensor:
    """``[p, n]`` of ``[p, n, c]``."""
    if not len(x):
        return x.sum(2)
    # A few at a time: the squares of all of them would take as much memory as the embeddings.
    size = max(_TURNED // max(x.shape[2], 1), 1) if x.device.type == "cpu" else max(x.shape[1], 1)
    return torch.stack([torch.cat([some.square().sum(1) for some in part.split(size)]) for part in x])


def _joined(norms: list[Tensor], like: Tensor) -> Tensor:
    return torch.cat(norms, 1) if norms else like[:, :0]


def _finite(norms: Tensor) -> Tensor:
    """The same; whatever is not finite shows here, before it can spoil a ranking."""
    broken = int((~norms.isfinite()).any(0).sum())
    if broken:
        raise DataError(
            f"{broken} of {norms.shape[1]} embeddings hold NaN, infinite or overflowing values: they cannot "
            "be ranked",
            hint="test an earlier checkpoint, or full precision: -o evaluator_cfg.precision=32-true",
        )
    return norms


def _normalised(y: Tensor, *, in_place: bool = False) -> Tensor:
    """Parts of length 1, a part at a time."""
    found = y if in_place else torch.empty_like(y)
    for part, turned in zip(y, found, strict=True):
        turned.copy_(F.normalize(part, dim=1))
    return found


def _compared(x: Tensor, y: Tensor, norms: tuple[Tensor, Tensor] | None) -> Tensor:
    """``[rows, n_gallery]``, tile by tile on the CPU: Euclidean with squared norms, else cosine."""
    found = x.new_empty(x.shape[1], y.shape[1])
    planes = 2 if norms else 1
    if found.device.type != "cpu":
        room = [found, *(torch.empty_like(found) for _ in range(planes - 1))]
        _sum_parts(x, y, norms, room)
        return found
    count, wide = _tile_of(*found.shape)
    own = x.new_empty(planes, count, wide)
    for top in range(0, len(found), count):
        rows = slice(top, top + count)
        for left in range(0, found.shape[1], wide):
            columns = slice(left, left + wide)
            tile = found[rows, columns]
            room = [plane[: tile.shape[0], : tile.shape[1]] for plane in own]
            both = (norms[0][:, rows], norms[1][:, columns]) if norms else None
            _sum_parts(x[:, rows], y[:, columns], both, room)
            tile.copy_(room[0])
    return found


def _tile_of(rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of a tile; the columns are a multiple of what the product likes."""
    count = math.ceil(max(rows, 1) / max(math.ceil(rows / _TILE_ROWS), 1))
    wide = max(_TILE // count // _ALIGNED, 1)
    return count, _ALIGNED * min(wide, max(math.ceil(columns / _ALIGNED), 1))


def _sum_parts(x: Tensor, y: Tensor, norms: tuple[Tensor, Tensor] | None, room: list[Tensor]) -> None:
    """Distances of one tile into the first of its planes; Euclidean ones need a second."""
    total = room[0].zero_()
    if norms is None:
        for part in range(len(x)):
            total.addmm_(x[part], y[part].T)
        total.div_(-len(x)).add_(1)
        return
    (x2, y2), squared = norms, room[1]
    for part in range(len(x)):
        torch.add(x2[part, :, None], y2[part], out=squared)
        squared.addmm_(x[part], y[part].T, alpha=-2)
        total += squared.relu_().sqrt_()
    total.div_(len(x))
