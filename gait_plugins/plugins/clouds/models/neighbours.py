"""Neighbours in point clouds: farthest-point sampling, the k nearest points, the points within a ball."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_VALUES = 1 << 15
"""Distances that are worked on at a time on a CPU: what its cache holds."""


def farthest_points(
    xyz: Tensor, count: int, start: Tensor | None = None, own: Tensor | None = None
) -> Tensor:
    """Points that cover each cloud: every one is the farthest from those before it.

    Where a cloud has fewer points, its first one fills up.

    Args:
        xyz: ``[b, n, 3]``.
        count: points to take of each cloud.
        start: the point to begin with, int64 ``[b]``; None: the first one.
        own: bool ``[b, n]``, false for rows that only fill up the cloud; None: all are points.

    Returns:
        int64 ``[b, count]``.
    """
    b = len(xyz)
    first = xyz.new_zeros(b, dtype=torch.long) if start is None else start
    spread = torch.full(xyz.shape[:2], torch.inf, dtype=xyz.dtype, device=xyz.device)
    if own is not None:
        spread.masked_fill_(~own, -1.0)
    parts = [_farthest(xyz[part], spread[part], first[part], count) for part in _parts(xyz, xyz.shape[1])]
    return torch.cat(parts) if parts else first.new_zeros(0, count)


def _farthest(xyz: Tensor, spread: Tensor, first: Tensor, count: int) -> Tensor:
    x, y, z = xyz.permute(2, 0, 1).contiguous().unbind(0)
    chosen = first.new_empty(count, len(first), 1)
    chosen[0, :, 0] = first
    distance, step = torch.empty_like(spread), torch.empty_like(spread)
    for number in range(1, count):
        last = chosen[number - 1]
        torch.sub(x, x.gather(1, last), out=distance)
        distance.mul_(distance)
        for axis in (y, z):
            torch.sub(axis, axis.gather(1, last), out=step)
            distance.addcmul_(step, step)
        torch.minimum(spread, distance, out=spread)
        torch.argmax(spread, 1, keepdim=True, out=chosen[number])
    return chosen[:, :, 0].t()


def nearest_points(xyz: Tensor, queries: Tensor, count: int, own: Tensor | None = None) -> Tensor:
    """The nearest points of each query, the nearest first; the query itself is one of them if it is a point.

    Where a cloud has fewer points, the nearest one fills up.

    Args:
        xyz: ``[b, n, 3]``.
        queries: ``[b, s, 3]``.
        count: neighbours of each query; a cloud of fewer points (n) gives n.
        own: as of :func:`farthest_points`.

    Returns:
        int64 ``[b, s, min(count, n)]``.
    """
    count = min(count, xyz.shape[1])
    found = []
    for part in _parts(xyz, xyz.shape[1] * queries.shape[1]):
        distance = _squared_distances(xyz[part], queries[part])
        if own is None:
            found.append(distance.topk(count, largest=False)[1])
            continue
        distance.masked_fill_(~own[part, None], torch.inf)
        value, place = distance.topk(count, largest=False)
        found.append(torch.where(value.isinf(), place[..., :1], place))
    return torch.cat(found)


def points_in_ball(
    xyz: Tensor, queries: Tensor, radius: float, count: int, own: Tensor | None = None
) -> Tensor:
    """The first points, by their place in the cloud, within ``radius`` of each query.

    Where there are fewer, the first of them fills up.

    Args:
        xyz: ``[b, n, 3]``.
        queries: points of the clouds, ``[b, s, 3]``: a ball around one is never empty.
        radius: of the ball, its surface included.
        count: points of each ball; a cloud of fewer points (n) gives n.
        own: as of :func:`farthest_points`.

    Returns:
        int64 ``[b, s, min(count, n)]``.
    """
    n = xyz.shape[1]
    places = torch.arange(n, dtype=torch.int32, device=xyz.device)
    found = []
    for part in _parts(xyz, n * queries.shape[1]):
        outside = _squared_distances(xyz[part], queries[part]) > radius**2
        if own is not None:
            outside |= ~own[part, None]
        place = torch.where(outside, n, places).topk(min(count, n), largest=False)[0]
        found.append(torch.where(place == n, place[..., :1], place).long())
    return torch.cat(found)


def _squared_distances(xyz: Tensor, queries: Tensor) -> Tensor:
    """``[b, s, n]``, by differences: a matrix product would give other digits in batches of other sizes."""
    axes = xyz.transpose(1, 2).contiguous()
    distance = (queries[..., :1] - axes[:, :1]).square_()
    for axis in (1, 2):
        step = queries[..., axis : axis + 1] - axes[:, axis : axis + 1]
        distance.addcmul_(step, step)
    return distance


def _parts(xyz: Tensor, values: int) -> Iterator[slice]:
    """Clouds that are worked on together: all of them, but on a CPU few."""
    size = max(1, _VALUES // max(1, values)) if xyz.device.type == "cpu" else max(1, len(xyz))
    return (slice(first, first + size) for first in range(0, len(xyz), size))
