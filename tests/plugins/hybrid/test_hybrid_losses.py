"""The hybrid pipeline's losses equal the published ones, gradients included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.golden_rules import golden
from torch import Tensor

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.hybrid.batch_hard import BatchHardTripletLoss
from gait_plugins.plugins.hybrid.ntxent import NTXentLoss

SSL = golden("ssl")


def leaf(name: str) -> Tensor:
    return torch.from_numpy(SSL[name]).requires_grad_()


def close(found: Tensor | None, name: str) -> None:
    assert found is not None
    np.testing.assert_allclose(found.detach().numpy(), SSL[name], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("case", ["unit", "raw"])
def test_ntxent_equals_the_published_one(case: str) -> None:
    first, second = leaf(f"ntxent_{case}_z1"), leaf(f"ntxent_{case}_z2")
    loss, figures = NTXentLoss(0.07)(first, second)
    loss.backward()
    close(loss, f"ntxent_{case}_loss")
    close(first.grad, f"ntxent_{case}_grad_z1")
    close(second.grad, f"ntxent_{case}_grad_z2")
    assert 0 <= float(figures["accuracy"]) <= 1


def test_ntxent_does_not_care_which_view_comes_first() -> None:
    first, second = torch.from_numpy(SSL["ntxent_unit_z1"]), torch.from_numpy(SSL["ntxent_unit_z2"])
    torch.testing.assert_close(NTXentLoss()(first, second)[0], NTXentLoss()(second, first)[0])


def test_ntxent_of_one_sample_is_refused() -> None:
    with pytest.raises(DataError, match="one sample has no negatives"):
        NTXentLoss()(torch.ones(1, 4), torch.ones(1, 4))


def test_ntxent_refuses_a_temperature_of_zero() -> None:
    with pytest.raises(ConfigError, match="temperature is 0"):
        NTXentLoss(temperature=0)


@pytest.mark.parametrize("margin", ["0.3", "0.5"])
@pytest.mark.parametrize("scale", ["x1", "x0.1"])
def test_batch_hard_equals_the_published_one(margin: str, scale: str) -> None:
    case = f"triplet_m{margin}_{scale}"
    embeddings = leaf(f"{case}_emb")
    labels = torch.from_numpy(SSL["triplet_labels"])
    loss, _ = BatchHardTripletLoss(float(margin))(embeddings.unsqueeze(2), labels)
    loss.sum().backward()
    close(loss[0], f"{case}_loss")
    close(embeddings.grad, f"{case}_grad")


def test_a_batch_without_triplets_costs_nothing_as_published_where_asked() -> None:
    embeddings = leaf("triplet_no_valid_emb")
    loss, _ = BatchHardTripletLoss(allow_no_triplets=True)(embeddings.unsqueeze(2), torch.arange(5))
    loss.sum().backward()
    close(loss[0], "triplet_no_valid_loss")
    assert embeddings.grad is not None
    assert not embeddings.grad.any()


@pytest.mark.parametrize(
    ("labels", "words"), [([0, 1, 2], "no identity has two samples"), ([4, 4, 4], "all samples are of one")]
)
def test_a_batch_without_triplets_is_an_error_in_words(labels: list[int], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        BatchHardTripletLoss()(torch.randn(3, 4, 2), torch.tensor(labels))
    assert "TripletSampler" in str(caught.value.hint)
    with pytest.raises(DataError, match=words):
        BatchHardTripletLoss().check_batch(torch.tensor(labels))
    BatchHardTripletLoss(allow_no_triplets=True).check_batch(torch.tensor(labels))
    BatchHardTripletLoss().check_batch(torch.tensor([4, 4, 5]))


def test_batch_hard_equals_a_loop_over_anchors_for_every_part() -> None:
    generator = torch.Generator().manual_seed(3)
    embeddings = torch.randn(9, 5, 3, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 3])
    loss, _ = BatchHardTripletLoss(0.4)(embeddings, labels)
    for part in range(3):
        hinges = []
        for anchor, label in enumerate(labels):
            away = (embeddings[:, :, part] - embeddings[anchor, :, part]).norm(dim=1)
            same = (labels == label) & (torch.arange(9) != anchor)
            if same.any():
                hinges.append((away[same].max() - away[labels != label].min() + 0.4).clamp(min=0))
        torch.testing.assert_close(loss[part].double(), torch.stack(hinges).mean(), rtol=1e-5, atol=1e-5)
