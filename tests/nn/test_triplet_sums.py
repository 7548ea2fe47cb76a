"""Sums over all triplets agree with forming every triplet, for any batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gait_plugins.nn import pairs_of, pairwise_distance, triplet_sums

batches = st.tuples(
    st.lists(st.integers(0, 4), min_size=1, max_size=9),
    st.integers(0, 2**31 - 1),
    st.sampled_from([0.0, 0.2, 3.0]),
)


def every_triplet(distance: Tensor, labels: Tensor, margin: float, limit: Tensor | None) -> list[Tensor]:
    """Hinges of each part, one triplet after the other, and a zero."""
    n = len(labels)
    hinges: list[list[Tensor]] = [[rows.sum() * 0] for rows in distance]
    for part, rows in enumerate(distance):
        for a in range(n):
            for b in range(n):
                if labels[a] != labels[b] or (limit is not None and rows[a, b] >= limit[part]):
                    continue
                for c in range(n):
                    if labels[a] != labels[c]:
                        hinges[part].append((rows[a, b] - rows[a, c] + margin).relu())
    return [torch.stack(part) for part in hinges]


@settings(max_examples=25, deadline=None)
@given(batches, st.booleans())
def test_sums_equal_those_over_formed_triplets(batch: tuple[list[int], int, float], limited: bool) -> None:
    labels, seed, margin = torch.tensor(batch[0]), batch[1], batch[2]
    points = torch.randn(2, len(labels), 3, generator=torch.Generator().manual_seed(seed)).double()
    x, y = points.clone().requires_grad_(), points.clone().requires_grad_()
    distance, other = pairwise_distance(x), pairwise_distance(y)
    limit = distance.detach().mean((1, 2)) if limited else None
    sums = triplet_sums(distance, pairs_of(labels), margin, limit)
    hinges = every_triplet(other, labels, margin, limit)
    torch.testing.assert_close(sums.total, torch.stack([h.sum() for h in hinges]))
    torch.testing.assert_close(sums.active, torch.stack([(h > 1e-12).sum().double() for h in hinges]))
    torch.testing.assert_close(sums.hardest, torch.stack([h.max() for h in hinges]).detach())
    sums.total.sum().backward()
    sum(h.sum() for h in hinges).backward()
    torch.testing.assert_close(x.grad, y.grad)


@given(st.integers(0, 2**31 - 1))
@settings(max_examples=10, deadline=None)
def test_distances_equal_those_of_cdist(seed: int) -> None:
    x = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(seed)).double()
    torch.testing.assert_close(pairwise_distance(x, x[:, :4] + 1), torch.cdist(x, x[:, :4] + 1))
    own = pairwise_distance(x)
    torch.testing.assert_close(own, torch.cdist(x, x))
    assert not own.diagonal(dim1=1, dim2=2).any()


def test_coinciding_points_have_distance_zero_and_no_gradient_even_under_anomaly_detection() -> None:
    x = torch.ones(1, 3, 4, requires_grad=True)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        (pairwise_distance(x).sum() + pairwise_distance(x, x.detach()).sum()).backward()
    assert x.grad is not None
    assert not x.grad.any()


def test_a_batch_of_one_identity_has_no_triplets() -> None:
    distance = torch.rand(2, 3, 3, requires_grad=True)
    sums = triplet_sums(distance, pairs_of(torch.zeros(3, dtype=torch.int64)), 0.2)
    assert not sums.active.any()
    assert not sums.hardest.any()
    sums.mean().sum().backward()
    assert distance.grad is not None
    assert not distance.grad.any()


def test_memory_stays_quadratic() -> None:
    """The largest tensor of a batch whose triplets number 16 million is a few times ``[p, n, n]``."""
    labels = torch.arange(64).repeat_interleave(8)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            for tensor in out if isinstance(out, tuple | list) else [out]:
                if isinstance(tensor, Tensor):
                    largest = max(largest, tensor.numel())
            return out

    with Watch():
        x = torch.rand(2, 512, 4, requires_grad=True)
        triplet_sums(pairwise_distance(x), pairs_of(labels), 0.2).mean().sum().backward()
    assert largest <= 2 * 512 * 512
