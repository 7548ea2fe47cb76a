"""TripletLoss and CrossEntropyLoss give the recorded values and gradients, and hold on odd batches."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from helpers.golden_rules import assert_within_noise, golden

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.losses.cross_entropy import CrossEntropyLoss
from gait_plugins.plugins.zoo.losses.triplet import TripletLoss

CASES = [f"s{seed}_x{scale}" for seed in range(3) for scale in ("1", "0.1")]


@pytest.mark.parametrize("case", [*CASES, "perm", "separated", "mixed", "collapsed"])
def test_triplet_loss_gives_recorded_values_and_gradients(case: str) -> None:
    recorded = golden("triplet")
    labels = torch.from_numpy(recorded["labels_perm" if case == "perm" else "labels_sorted"])
    embeddings = torch.from_numpy(recorded[f"{case}_emb"]).requires_grad_()
    loss, info = TripletLoss(margin=float(recorded["margin"]))(embeddings=embeddings, labels=labels)
    loss.mean().backward()
    assert list(info) == ["loss", "hard_loss", "loss_num", "mean_dist"]
    for figure, value in info.items():
        exact = recorded[f"{case}_{figure}_f64"]
        noise = max(float(np.abs(recorded[f"{case}_{figure}"] - exact).max()), 1e-7)
        assert_within_noise(value, exact, noise)
    assert embeddings.grad is not None
    noise = max(float(recorded[f"{case}_grad_noise"]), 1e-9)
    assert_within_noise(embeddings.grad, recorded[f"{case}_grad"], noise)


@pytest.mark.parametrize("scale", ["1", "0.1"])
@pytest.mark.parametrize("kind", ["smooth", "plain"])
def test_cross_entropy_gives_recorded_values_and_gradients(kind: str, scale: str) -> None:
    recorded = golden("ce")
    logits = torch.from_numpy(recorded[f"{kind}_x{scale}_logits"]).requires_grad_()
    loss_fn = CrossEntropyLoss(label_smooth=kind == "smooth", log_accuracy=True)
    loss, info = loss_fn(logits=logits, labels=torch.from_numpy(recorded["labels"]))
    loss.backward()
    assert_within_noise(loss, recorded[f"{kind}_x{scale}_loss"], 1e-7 * max(1.0, loss.item()))
    assert_within_noise(info["accuracy"], recorded[f"{kind}_x{scale}_accuracy"], 1e-8)
    assert logits.grad is not None
    assert_within_noise(logits.grad, recorded[f"{kind}_x{scale}_grad"], 2e-8)


def test_triplet_loss_takes_unequal_numbers_of_sequences() -> None:
    embeddings = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    loss, info = TripletLoss(margin=100.0)(embeddings=embeddings, labels=labels)
    # A margin this wide is violated by every triplet: 3 x 3 x 3 + 2 x 2 x 4 + 1 x 1 x 5.
    assert info["loss_num"].tolist() == [48.0] * 3
    assert loss.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_are_reduced_in_float32(dtype: torch.dtype) -> None:
    x = torch.randn(6, 8, 2, generator=torch.Generator().manual_seed(1)).to(dtype)
    labels = torch.arange(3).repeat_interleave(2)
    for loss_fn, key in ((TripletLoss(), "embeddings"), (CrossEntropyLoss(), "logits")):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half, _ = loss_fn(**{key: x}, labels=labels)
        full, _ = loss_fn(**{key: x.float()}, labels=labels)
        assert half.dtype == torch.float32
        assert torch.equal(half, full)


@pytest.mark.parametrize("label", [-1, 4])
def test_a_label_without_class_is_named(label: int) -> None:
    labels = torch.tensor([0, label])
    with pytest.raises(DataError, match=re.escape(f"label {label} has no class")) as caught:
        CrossEntropyLoss()(logits=torch.zeros(2, 4, 1), labels=labels)
    assert "4 identities" in str(caught.value)
    assert "class_num" in str(caught.value)


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"eps is 1\.5"):
        CrossEntropyLoss(eps=1.5)
