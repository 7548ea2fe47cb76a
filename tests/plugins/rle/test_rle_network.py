"""The network of visible-thermal re-identification, its losses, schedule and batches."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.lr_scheduler import MultiStepLR

from gait_plugins.api import GaitBatch, SequenceIndex, SequenceRef
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.rle.data.sampling import CrossSpectralSampler
from gait_plugins.plugins.rle.losses import PartsCrossEntropyLoss, PartsTripletLoss
from gait_plugins.plugins.rle.modality import MODALITIES, THERMAL, VISIBLE
from gait_plugins.plugins.rle.models.network import CrossSpectralNet
from gait_plugins.plugins.rle.models.resnet import Layers, Stem
from gait_plugins.plugins.rle.models.warmup import WarmUp


def small(**options: Any) -> CrossSpectralNet:
    torch.manual_seed(0)
    model = CrossSpectralNet(**{"class_num": 4, "depth": 18, "width": 4, **options})
    model.init_parameters()
    return model


def batch_of(images: Tensor, types: list[str]) -> GaitBatch:
    labels = torch.arange(len(types)) % 4
    return GaitBatch([images], labels, types, [f"cam1:{i}" for i in range(len(types))], None)


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "count"), [(18, 11_176_512), (50, 23_508_032)])
def test_stem_and_layers_have_the_names_and_sizes_of_torchvision(depth: Any, count: int) -> None:
    with torch.device("meta"):
        parts = {**Stem().state_dict(), **Layers(depth).state_dict()}
    numbers = [v.numel() for k, v in parts.items() if "running" not in k and "num_batches" not in k]
    assert sum(numbers) == count  # the published network without its classifier
    assert parts["conv1.weight"].shape == (64, 3, 7, 7)
    assert parts["layer2.0.downsample.0.weight"].shape[2:] == (1, 1)
    names = {"bn1.running_var", "layer1.1.bn2.bias", "layer4.1.conv2.weight", "layer3.0.downsample.1.bias"}
    assert names <= set(parts)
    if depth == 50:
        assert parts["layer3.5.conv3.weight"].shape == (1024, 256, 1, 1)
        assert parts["layer1.0.downsample.0.weight"].shape == (256, 64, 1, 1)


def test_the_authors_names_are_ours() -> None:
    with torch.device("meta"):
        keys = set(CrossSpectralNet(395).state_dict())
    assert {
        "visible_module.visible.conv1.weight",
        "thermal_module.thermal.bn1.running_mean",
        "base_resnet.base.layer4.2.bn3.weight",
        *(f"bottleneck{part}.bias" for part in "123g"),
        *(f"classifier{part}.weight" for part in "123g"),
    } <= keys
    assert {key.split(".")[0] for key in keys} == {
        "visible_module",
        "thermal_module",
        "base_resnet",
        *(f"{kind}{part}" for kind in ("bottleneck", "classifier") for part in "123g"),
    }


def test_regdb_stops_after_the_third_layer() -> None:
    with torch.device("meta"):
        state = CrossSpectralNet(206, layers=3).state_dict()
    assert not any("layer4" in key for key in state)
    assert state["classifierg.weight"].shape == (206, 1024)


# --- forward ------------------------------------------------------------------------------------


def test_each_modality_goes_through_its_own_stem() -> None:
    model = small().eval()
    images = torch.rand(6, 1, 3, 48, 24)
    kinds = [VISIBLE, THERMAL, THERMAL, VISIBLE, "nm-01", THERMAL]
    mixed = model.pooled(batch_of(images, kinds))
    for modality, chosen in ((VISIBLE, [0, 3, 4]), (THERMAL, [1, 2, 5])):
        alone = model.pooled(batch_of(images[chosen], [modality] * 3))
        torch.testing.assert_close(mixed[chosen], alone, atol=1e-5, rtol=1e-4)
    swapped = model.pooled(batch_of(images, [THERMAL] * 6))
    assert not torch.allclose(swapped[0], mixed[0], atol=1e-3)


def test_stripes_are_averages_over_thirds_of_the_height() -> None:
    model = small(imagenet_norm=False).eval()
    batch = batch_of(torch.rand(2, 1, 3, 96, 32), [VISIBLE] * 2)
    maps = model.base_resnet["base"](model.visible_module["visible"](batch.inputs[0].flatten(0, 1)))
    assert maps.shape[2] == 6
    pooled = model.pooled(batch)
    for stripe, rows in enumerate(maps.split(2, 2)):
        torch.testing.assert_close(pooled[:, :, stripe], rows.mean((2, 3)))
    torch.testing.assert_close(pooled[:, :, 3], maps.mean((2, 3)))


def test_the_mean_cosine_of_embeddings_is_the_published_sum_of_similarities() -> None:
    model = small().eval()
    output = model(batch_of(torch.rand(3, 1, 3, 48, 24), [VISIBLE, THERMAL, THERMAL]))
    embeddings = output["inference_feat"]["embeddings"]
    pooled = output["training_feat"]["triplet"]["embeddings"]
    before = F.normalize(pooled.transpose(1, 2).flatten(1), dim=1)
    torch.testing.assert_close(embeddings[:, :, 0], before)
    similar = sum(embeddings[:, :, part] @ embeddings[:, :, part].T for part in (0, 1))
    cosine = torch.stack([F.cosine_similarity(embeddings[i : i + 1], embeddings) for i in range(3)])
    torch.testing.assert_close(cosine.sum(2), similar, atol=1e-5, rtol=1e-5)


def test_a_gray_image_is_one_of_three_equal_channels() -> None:
    model = small().eval()
    gray = torch.rand(2, 1, 48, 24)
    rgb = gray.unsqueeze(2).expand(-1, -1, 3, -1, -1)
    kinds: list[str] = [VISIBLE, THERMAL]
    torch.testing.assert_close(model.pooled(batch_of(gray, kinds)), model.pooled(batch_of(rgb, kinds)))


def test_other_channels_are_refused() -> None:
    with pytest.raises(ConfigError, match="images have 4 channels"):
        small()(batch_of(torch.rand(2, 1, 4, 48, 24), [VISIBLE] * 2))


def test_a_batch_of_one_modality_gives_every_weight_a_gradient() -> None:
    model = small().train()
    output = model(batch_of(torch.rand(4, 1, 3, 48, 24), [VISIBLE] * 4))
    output["training_feat"]["softmax"]["logits"].sum().backward()
    grads = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert all(grad is not None and grad.isfinite().all() for grad in grads.values())
    stem = grads["thermal_module.thermal.conv1.weight"]
    assert stem is not None
    assert not stem.any()


# --- optimisation -------------------------------------------------------------------------------


def test_backbone_and_heads_have_their_learning_rates() -> None:
    model = small()
    groups = list(model.parameter_groups({"lr": 0.1}))
    assert groups[1]["lr"] == pytest.approx(0.01)
    heads = {id(p) for p in groups[0]["params"]}
    wanted = {id(p) for n, p in model.named_parameters() if n.startswith(("bottleneck", "classifier"))} - {
        id(model.get_parameter(f"bottleneck{part}.bias")) for part in "123g"
    }
    assert heads == wanted
    trained = sum(p.requires_grad for p in model.parameters())
    assert len(groups[0]["params"]) + len(groups[1]["params"]) == trained


def published_rate(epoch: int) -> float:
    if epoch < 10:
        return 0.1 * (epoch + 1) / 10
    return 0.1 * 0.1 ** sum(epoch >= end for end in (20, 80, 120))


def test_the_schedule_is_the_published_one() -> None:
    model = small(warmup_iters=30, warmup_stairs=10)
    solver = torch.optim.SGD(list(model.parameter_groups({"lr": 0.1})), lr=0.1)
    schedule = model.schedule(solver, lambda: MultiStepLR(solver, [60, 240, 360], 0.1))
    for iteration in range(450):
        rate = published_rate(iteration // 3)
        assert [g["lr"] for g in solver.param_groups] == pytest.approx([rate, rate / 10])
        solver.step()
        schedule.step()


@pytest.mark.parametrize("at", [4, 11, 13, 40])
def test_a_restored_schedule_goes_on_as_if_nothing_had_been(at: int) -> None:
    def fresh() -> tuple[torch.optim.Optimizer, WarmUp]:
        solver = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        return solver, WarmUp(MultiStepLR(solver, [8, 20], 0.1), 12, 4)

    def walk(solver: torch.optim.Optimizer, schedule: WarmUp, steps: int) -> list[float]:
        rates = []
        for _ in range(steps):
            solver.step()
            schedule.step()
            rates.append(solver.param_groups[0]["lr"])
        return rates

    solver, schedule = fresh()
    walk(solver, schedule, at)
    other, again = fresh()
    other.load_state_dict(solver.state_dict())
    again.load_state_dict(schedule.state_dict())
    assert walk(other, again, 30) == pytest.approx(walk(solver, schedule, 30))


# --- losses -------------------------------------------------------------------------------------


def test_the_triplet_loss_is_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(12, 5, 4, generator=generator)
    labels = torch.arange(4).repeat(3)
    each = []
    for part in features.unbind(2):
        distance = torch.cdist(part, part)
        terms = [
            F.relu(distance[i][labels == labels[i]].max() - distance[i][labels != labels[i]].min() + 0.3)
            for i in range(12)
        ]
        each.append(torch.stack(terms).mean())
    expected = torch.stack(each[:3]).mean() + each[3]
    torch.testing.assert_close(PartsTripletLoss()(embeddings=features, labels=labels)[0], expected)


def test_the_identity_loss_is_its_definition() -> None:
    logits = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    each = [F.cross_entropy(part, labels) for part in logits.unbind(2)]
    loss, figures = PartsCrossEntropyLoss()(logits=logits, labels=labels)
    torch.testing.assert_close(loss, sum(each[:3]) / 3 + each[3])
    assert figures["accuracy"] == (logits[:, :, 3].argmax(1) == labels).float().mean()
    with pytest.raises(DataError, match="label 5 has no class"):
        PartsCrossEntropyLoss()(logits=logits, labels=labels + 1)


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_without_positives_or_negatives_the_triplet_loss_is_nothing(labels: list[int]) -> None:
    features = torch.randn(3, 4, 2, requires_grad=True)
    loss, _ = PartsTripletLoss()(embeddings=features, labels=torch.tensor(labels))
    loss.backward()
    assert loss == 0
    assert features.grad is not None
    assert features.grad.isfinite().all()


# --- batches ------------------------------------------------------------------------------------


def index_of(*, without_thermal: tuple[int, ...] = (), images: int = 3) -> SequenceIndex:
    return SequenceIndex(
        [
            SequenceRef(f"{identity:04d}", modality, f"cam1:{image}", None)
            for identity in range(6)
            for modality in MODALITIES
            if not (modality == THERMAL and identity in without_thermal)
            for image in range(images)
        ]
    )


def test_a_batch_holds_as_many_images_of_either_modality() -> None:
    index, sampler = index_of(), CrossSpectralSampler((4, 2))
    for number in range(20):
        refs = [index.refs[i] for i in sampler.batch(index, number, np.random.default_rng(number))]
        assert [ref.type for ref in refs] == [VISIBLE] * 8 + [THERMAL] * 8
        assert set(Counter((ref.label, ref.type) for ref in refs).values()) == {2}
        assert len({ref.name for ref in refs}) == 16


def test_few_images_are_drawn_again() -> None:
    index, sampler = index_of(images=2), CrossSpectralSampler((3, 4))
    assert len(sampler.batch(index, 0, np.random.default_rng(0))) == 24


def test_identities_of_one_modality_are_never_drawn(caplog: pytest.LogCaptureFixture) -> None:
    index, sampler = index_of(without_thermal=(1, 4)), CrossSpectralSampler((4, 2))
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        sampler.check(index)
    assert "2 training identities have images in one modality only" in caplog.text
    drawn = {
        index.refs[i].label
        for number in range(20)
        for i in sampler.batch(index, number, np.random.default_rng(number))
    }
    assert drawn == {"0000", "0002", "0003", "0005"}


def test_too_few_paired_identities_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"have 4 with images in both modalities \(2 in one only\)"):
        CrossSpectralSampler((5, 2)).check(index_of(without_thermal=(1, 4)))
    with pytest.raises(DataError, match="types of the images: visible"):
        CrossSpectralSampler((1, 2)).check(index_of(without_thermal=tuple(range(6))))
    with pytest.raises(ConfigError, match="expected \\[identities"):
        CrossSpectralSampler((0, 2))
