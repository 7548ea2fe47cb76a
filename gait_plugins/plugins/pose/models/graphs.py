"""Adjacency of joints: matrices by hops for GaitGraph, by body part for MSGG, equal to OpenGait's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gait_plugins.skeleton.bones import Link

Strategy = Literal["uniform", "distance", "spatial", "gait_temporal"]

_BODY_12: tuple[tuple[int, tuple[Link, ...]], ...] = (
    (
        12,
        (
            *((7, 1), (1, 0), (10, 4), (4, 6), (8, 2), (2, 3)),
            *((11, 5), (5, 9), (9, 3), (3, 0), (9, 6), (6, 0)),
        ),
    ),
    (6, ((1, 0), (4, 0), (0, 3), (2, 3), (5, 3))),
    (3, ((1, 0), (2, 0))),
)
"""MSGG's three levels: nodes, and which are linked."""


def hop_adjacency(joints: int, links: Sequence[Link], max_hop: int = 3) -> Tensor:
    """One matrix for each number of hops from 0 to ``max_hop``, float32 ``[max_hop + 1, v, v]``.

    Columns are divided by the number of joints within ``max_hop`` of the column's joint.
    """
    hops = _hops(joints, links, max_hop)
    return _float(np.stack([_normalised(hops) * (hops == hop) for hop in range(max_hop + 1)]))


def body_adjacency(strategy: Strategy, level: int) -> Tensor:
    """MSGG's matrices of a level, float32 ``[k, v, v]`` with k subsets of linked nodes and v = 12, 6, 3.

    Args:
        strategy: ``uniform``: one subset; ``distance``: a node itself, its neighbours; ``spatial``: a node
            itself, neighbours that are no nearer to the torso, nearer ones; ``gait_temporal``: a node
            itself, neighbours of the torso, neighbours of the limbs.
        level: 0 for joints, 1 for limbs, 2 for body parts.
    """
    nodes, links = _BODY_12[level]
    hops = _hops(nodes, links, 1)
    matrix = _normalised(hops)
    torso = np.arange(nodes) % 3 == 0
    return _float(np.stack([matrix * subset for subset in _subsets(strategy, hops, torso)]))


def _subsets(strategy: Strategy, hops: np.ndarray, torso: np.ndarray) -> list[np.ndarray]:
    itself, linked = hops == 0, hops == 1
    if strategy == "uniform":
        return [itself | linked]
    if strategy == "distance":
        return [itself, linked]
    if strategy == "gait_temporal":
        return [itself, linked & torso[:, None], linked & ~torso[:, None]]
    away = hops[:, torso].min(1)
    row, column = away[:, None], away[None]
    # inf == inf: two nodes that are both too far from the torso count as equally far.
    return [itself, linked & (row >= column), linked & (row < column)]


def _hops(joints: int, links: Sequence[Link], most: int) -> np.ndarray:
    """Shortest way between joints ``[v, v]``, infinite beyond ``most``."""
    near = np.eye(joints)
    for a, b in links:
        near[a, b] = near[b, a] = 1
    hops = np.full((joints, joints), np.inf)
    for hop in range(most, -1, -1):
        hops[np.linalg.matrix_power(near, hop) > 0] = hop
    return hops


def _normalised(hops: np.ndarray) -> np.ndarray:
    """1 / (joints that are near) for each column, 0 where joints are not near each other."""
    near = np.isfinite(hops).astype(np.float64)
    return np.asarray(near / near.sum(0))


def _float(matrices: np.ndarray) -> Tensor:
    return torch.from_numpy(matrices.astype(np.float32))
