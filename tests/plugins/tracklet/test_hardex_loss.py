"""The hardness exclusion loss: published values, a naive loop, awkward batches and memory."""

from __future__ import annotations

import resource
from typing import NamedTuple

import numpy as np
import pytest
import torch
from helpers.golden_rules import assert_within_noise, golden
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from gait_plugins.errors import ConfigError
from gait_plugins.nn import triplets
from gait_plugins.plugins.tracklet.hardex import HardnessExclusionTripletLoss

GOLDEN = golden("hardex")
CASES = sorted(key.removesuffix("_emb") for key in GOLDEN if key.endswith("_emb"))
FLOAT = float(np.finfo(np.float32).eps)


@pytest.mark.parametrize("case", CASES)
def test_published_values_and_gradients(case: str) -> None:
    labels = torch.from_numpy(GOLDEN["labels_perm" if case == "perm" else "labels_sorted"])
    embeddings = torch.from_numpy(GOLDEN[f"{case}_emb"]).requires_grad_()
    loss, figures = HardnessExclusionTripletLoss(margin=0.2)(embeddings=embeddings, labels=labels)
    loss.mean().backward()
    for name in ("loss", "hard_loss", "loss_num", "mean_dist"):
        exact = GOLDEN[f"{case}_{name}_f64"]
        noise = max(float(np.abs(GOLDEN[f"{case}_{name}"] - exact).max()), FLOAT * float(np.abs(exact).max()))
        assert_within_noise(figures[name], exact, noise)
        assert not figures[name].requires_grad
    scale = float(np.abs(GOLDEN[f"{case}_grad"]).max())
    assert_within_noise(
        embeddings.grad, GOLDEN[f"{case}_grad"], max(float(GOLDEN[f"{case}_grad_noise"]), FLOAT * scale)
    )


class Naive(NamedTuple):
    loss: float
    violating: int
    closest: float
    """How close a distance comes to the limit, or a hinge to zero: rounding decides near nothing."""


def naive(points: Tensor, labels: list[int], margin: float, exclusion: float) -> Naive:
    """Loss of one part ``[n, c]`` by the definition, in float64."""
    points = points.detach().double()
    distance = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").tolist()
    n = len(labels)
    positive = [(a, p) for a in range(n) for p in range(n) if labels[a] == labels[p]]
    near = [distance[a][p] for a, p in positive]
    mean = sum(near) / len(near)
    limit = mean + exclusion * (max(near) - mean)
    hinges = [
        distance[a][p] - distance[a][k] + margin
        for a, p in positive
        if distance[a][p] < limit
        for k in range(n)
        if labels[a] != labels[k]
    ]
    violating = [hinge for hinge in hinges if hinge > 0]
    closest = min([abs(d - limit) for d in near if max(near) > 0] + [abs(h) for h in hinges], default=1.0)
    return Naive(sum(violating) / max(len(violating), 1), len(violating), closest)


@settings(deadline=None, max_examples=40)
@given(
    labels=st.lists(st.integers(0, 3), min_size=2, max_size=9),
    margin=st.floats(0.05, 2.0),
    exclusion=st.floats(0.0, 0.95),
    seed=st.integers(0, 2**16),
)
def test_any_batch_equals_the_definition(
    labels: list[int], margin: float, exclusion: float, seed: int
) -> None:
    points = torch.randn(len(labels), 3, 2, generator=torch.Generator().manual_seed(seed))
    parts = [naive(points[:, :, part], labels, margin, exclusion) for part in range(2)]
    assume(min(part.closest for part in parts) > 1e-4)
    loss, figures = HardnessExclusionTripletLoss(margin, exclusion)(
        embeddings=points, labels=torch.tensor(labels)
    )
    assert figures["loss_num"].tolist() == [part.violating for part in parts]
    assert loss.tolist() == pytest.approx([part.loss for part in parts], abs=2e-5)


def test_order_of_the_batch_does_not_matter() -> None:
    points = torch.randn(12, 6, 3, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 4])
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    loss = HardnessExclusionTripletLoss()
    straight, _ = loss(embeddings=points, labels=labels)
    shuffled, _ = loss(embeddings=points[order], labels=labels[order])
    torch.testing.assert_close(straight, shuffled)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [0]])
def test_batches_without_triplets_give_a_zero_that_can_be_differentiated(labels: list[int]) -> None:
    points = torch.randn(len(labels), 5, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss, figures = HardnessExclusionTripletLoss(margin=1e-6)(embeddings=points, labels=torch.tensor(labels))
    loss.sum().backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()
    assert torch.isfinite(figures["hard_loss"]).all()


def test_no_exclusion_below_the_maximum_means_more_triplets() -> None:
    points = torch.randn(16, 4, 2, generator=torch.Generator().manual_seed(3))
    labels = torch.arange(4).repeat_interleave(4)
    counts = [
        HardnessExclusionTripletLoss(exclusion=share)(embeddings=points, labels=labels)[1]["loss_num"].sum()
        for share in (0.0, 1 / 3, 2 / 3, 1.0)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float(dtype: torch.dtype) -> None:
    points = torch.randn(8, 4, 2, generator=torch.Generator().manual_seed(3)).to(dtype)
    labels = torch.arange(4).repeat_interleave(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half, _ = HardnessExclusionTripletLoss()(embeddings=points, labels=labels)
    full, _ = HardnessExclusionTripletLoss()(embeddings=points.float(), labels=labels)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full)


def test_memory_grows_with_the_square_of_the_batch() -> None:
    points = torch.randn(512, 8, 16, generator=torch.Generator().manual_seed(4)).requires_grad_()
    labels = torch.arange(16).repeat_interleave(32)  # 130 million triplets in 16 parts: 8 GB a copy
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loss, figures = HardnessExclusionTripletLoss()(embeddings=points, labels=labels)
    loss.mean().backward()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert figures["loss_num"].min() > 0
    assert grown < 600, f"{grown:.0f} MiB"


def test_an_impossible_exclusion_is_refused() -> None:
    with pytest.raises(ConfigError, match="exclusion"):
        HardnessExclusionTripletLoss(exclusion=1.5)


@pytest.mark.parametrize("most_passes", [0, 64])
def test_both_ways_of_counting_equal_the_definition(
    most_passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triplets, "MOST_PASSES", most_passes)
    labels = [0] * 5 + [1] * 2 + [2] * 3 + [3]
    points = torch.randn(len(labels), 4, 2, generator=torch.Generator().manual_seed(7)).requires_grad_()
    loss, figures = HardnessExclusionTripletLoss(0.5)(embeddings=points, labels=torch.tensor(labels))
    for part in range(2):
        expected = naive(points[:, :, part], labels, 0.5, 2 / 3)
        assert figures["loss_num"][part] == expected.violating
        assert loss[part].item() == pytest.approx(expected.loss, abs=1e-5)
    loss.sum().backward()
    assert points.grad is not None
    assert points.grad.abs().max() > 0
