"""SupConLoss gives the recorded values and gradients, also where the published one overflows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from helpers.golden_rules import assert_within_noise, golden
from hypothesis import given, settings
from hypothesis import strategies as st

import gait_plugins
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.losses.contrastive import DistanceSupConLoss, DotSupConLoss, SupConLoss
from gait_plugins.plugins.zoo.losses.segmentation import BinaryCrossEntropyLoss
from gait_plugins.testing import check_loss

CASES = [
    ("re_T0.01", DotSupConLoss(0.01), "re_features"),
    ("re_T0.07", DotSupConLoss(0.07), "re_features"),
    ("simclr_T0.07", SupConLoss(0.07), "re_features"),
    ("one_T0.07", SupConLoss(0.07, contrast_mode="one"), "re_features"),
    ("lp_T0.07", DistanceSupConLoss(0.07), "lp_features"),
    ("lpnear_T0.01", DistanceSupConLoss(0.01), "lpnear_features"),
    ("lpnear_T0.07", DistanceSupConLoss(0.07), "lpnear_features"),
]


def features(rows: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, 6, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("case", "loss_fn", "name"), CASES, ids=[case for case, _, _ in CASES])
def test_recorded_values_and_gradients(case: str, loss_fn: SupConLoss, name: str) -> None:
    recorded = golden("supcon")
    labels = None if case.startswith("simclr") else torch.from_numpy(recorded["labels"])
    given_features = torch.from_numpy(recorded[name]).requires_grad_()
    loss, info = loss_fn(features=given_features, labels=labels)
    loss.backward()
    assert list(info) == ["loss"]
    grad = given_features.grad
    assert grad is not None
    # The records carry no noise floor: a few roundings of float32 at the size of the values.
    assert_within_noise(loss, recorded[f"{case}_loss"], 1e-7 * max(1.0, abs(loss.item())))
    expected = recorded[f"{case}_grad"]
    assert_within_noise(grad, expected, 2e-7 * max(1.0, float(np.abs(expected).max())))


def test_far_samples_at_a_low_temperature_stay_finite() -> None:
    # The published formula subtracts the similarity of an anchor to itself and underflows.
    recorded = golden("supcon")
    assert not np.isfinite(recorded["lp_T0.01_loss"])
    given_features = torch.from_numpy(recorded["lp_features"]).requires_grad_()
    loss, _ = DistanceSupConLoss(0.01)(features=given_features, labels=torch.from_numpy(recorded["labels"]))
    loss.backward()
    assert loss.isfinite()
    assert given_features.grad is not None
    assert given_features.grad.isfinite().all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=9), st.integers(0, 99))
def test_any_mixture_of_identities_equals_the_sum_over_pairs(labels: list[int], seed: int) -> None:
    x = features(len(labels), seed)[:, :1].double() * 0.3
    loss, _ = SupConLoss(0.5, base_temperature=0.5)(features=x, labels=torch.tensor(labels))
    total = 0.0
    for i, own in enumerate(labels):
        others = [j for j in range(len(labels)) if j != i]
        logits = {j: float(x[i, 0] @ x[j, 0]) / 0.5 for j in others}
        norm = math.log(sum(math.exp(v) for v in logits.values()))
        positives = [j for j in others if labels[j] == own]
        total += sum(norm - logits[j] for j in positives) / max(len(positives), 1)
    assert loss.item() == pytest.approx(total / len(labels), rel=1e-4, abs=1e-5)


def test_a_mask_takes_the_place_of_labels() -> None:
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3])
    mask = labels[:, None] == labels
    assert torch.equal(
        SupConLoss(0.1)(features=features(), mask=mask)[0],
        SupConLoss(0.1)(features=features(), labels=labels)[0],
    )


def test_a_lone_sample_and_one_without_positives_lose_nothing() -> None:
    for loss_fn in (SupConLoss(), DistanceSupConLoss()):
        lone = features(1)[:, :1].requires_grad_()
        loss, _ = loss_fn(features=lone, labels=torch.tensor([3]))
        loss.backward()
        assert loss.item() == 0
        assert lone.grad is not None
    strangers, _ = SupConLoss()(features=features(4)[:, :1], labels=torch.arange(4))
    assert strangers.item() == 0


@pytest.mark.parametrize("name", ["SupConLoss", "SupConLoss_Re", "SupConLoss_Lp"])
def test_with_labels_the_contract_of_losses_is_kept(name: str) -> None:
    loss_fn = gait_plugins.build("loss", {"type": name, "temperature": 0.07})
    check_loss(loss_fn, {"features": features(), "labels": torch.tensor([0, 0, 0, 1, 1, 2, 3, 3])})


def test_wrong_arguments_are_named() -> None:
    labels = torch.arange(8)
    with pytest.raises(DataError, match=r"features: expected a tensor \[n, views, ...\], got shape \[8, 6\]"):
        SupConLoss()(features=features()[..., 0], labels=labels)
    with pytest.raises(ConfigError, match="cannot be combined"):
        SupConLoss()(features=features(), labels=labels, mask=torch.eye(8))
    with pytest.raises(ConfigError, match="3 labels for 8 features"):
        SupConLoss()(features=features(), labels=labels[:3])
    with pytest.raises(ConfigError, match="temperature is 0"):
        SupConLoss(0)


def test_masks_are_compared_pixel_by_pixel() -> None:
    p = torch.tensor([[0.9, 0.2], [0.5, 1.0]]).view(2, 1, 1, 2)
    y = torch.tensor([[1.0, 0.0], [1.0, 1.0]]).view(2, 1, 1, 2)
    loss, info = BinaryCrossEntropyLoss()(logits=p, labels=y)
    pixels = [-math.log(0.9), -math.log(0.8), -math.log(0.5), 0.0]
    assert loss.item() == pytest.approx(sum(pixels) / 4, rel=1e-6)
    assert info["hard_loss"].item() == pytest.approx(math.log(2), rel=1e-6)
    assert info["miou"].tolist() == pytest.approx([1.0, 0.5])


def test_what_is_no_probability_is_refused() -> None:
    y = torch.ones(1, 1, 2, 2)
    with pytest.raises(DataError, match="from 3 to 3, expected probabilities"):
        BinaryCrossEntropyLoss()(logits=3 * y, labels=y)
    with pytest.raises(DataError, match="one label for each pixel"):
        BinaryCrossEntropyLoss()(logits=y, labels=y[..., :1])
