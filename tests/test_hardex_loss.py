"""The hardness exclusion loss: published values, a naive loop, awkward batches and memory."""

from __future__ import annotations

import resource

import numpy as np
import pytest
import torch
from golden_rules import assert_within_noise, golden
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gait_plugins.errors import ConfigError
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


def naive(points: Tensor, labels: Tensor, margin: float, exclusion: float) -> tuple[float, int]:
    """Loss and violating triplets of one part, by the definition, in float64."""
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
    return sum(violating) / max(len(violating), 1), len(violating)


@settings(deadline=None, max_examples=40)
@given(
    labels=st.lists(st.integers(0, 3), min_size=2, max_size=9),
    margin=st.floats(0.05, 2.0),
    exclusion=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**16),
)
def test_any_batch_equals_the_definition(
    labels: list[int], margin: float, exclusion: float, seed: int
) -> None:
    points = torch.randn(len(labels), 3, 2, generator=torch.Generator().manual_seed(seed))
    loss, figures = HardnessExclusionTripletLoss(margin, exclusion)(
        embeddings=points, labels=torch.tensor(labels)
    )
    for part in range(2):
        expected, count = naive(points[:, :, part].double(), torch.tensor(labels), margin, exclusion)
        # A pair that lies on the limit, or a hinge of zero, may fall on either side by rounding.
        if figures["loss_num"][part] == count:
            assert loss[part].item() == pytest.approx(expected, abs=2e-5)
        else:
            assert abs(figures["loss_num"][part].item() - count) <= 0.3 * max(count, len(labels))


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
