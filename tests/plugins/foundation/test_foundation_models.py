"""FoundationGait: what is frozen stays, the teacher follows, bands cover a frame, packs do not leak."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_rules import fill_weights_B, packed_sil, sil
from test_foundation_golden import MODELS, batch_of, build
from torch import Tensor, nn
from torch.optim.lr_scheduler import MultiStepLR

from gait_plugins.errors import ConfigError
from gait_plugins.nn.averages import follow
from gait_plugins.nn.parameter_groups import groups_by_name
from gait_plugins.plugins.foundation.bands import _cut, _stitch, banded_maps
from gait_plugins.plugins.foundation.teacher import (
    LossTeacherSchedule,
    cosine_momentum,
    with_teacher,
)

LENGTHS = (3, 7, 1, 5)


def moved(model: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}


def step(model: Any, views: Tensor, rate: float = 0.1) -> set[str]:
    """Keys that one step of training changes."""
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameter_groups({"lr": rate}), lr=rate)
    schedule = model.schedule(optimizer, lambda: MultiStepLR(optimizer, [100]))
    features = model(batch_of(views))["training_feat"]
    sum(term["logits"].square().sum() for term in features.values() if "logits" in term).backward()
    optimizer.step()
    schedule.step()
    return moved(model, before)


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_a_pack_is_embedded_as_its_sequences_one_by_one(name: str) -> None:
    model = build(name).double().eval()
    frames, seq_lens = packed_sil(LENGTHS, 64, 44)
    together = model(batch_of(frames.double(), seq_lens=seq_lens))["inference_feat"]["embeddings"]
    parts = [model(batch_of(part)) for part in frames.double().split(LENGTHS, 1)]
    torch.testing.assert_close(together, torch.cat([part["inference_feat"]["embeddings"] for part in parts]))


def test_the_teacher_moves_towards_the_student_and_gets_no_gradient() -> None:
    model = build("pretrain", EMA_steps=10).train()
    teacher, student = model.teacher_backbone, model.student_backbone
    assert not teacher.training
    assert not teacher.layer2[0].sbn.training
    assert student.training
    before = [value.clone() for value in teacher.parameters()]
    changed = step(model, sil(16, 2, 64, 44))
    assert all(parameter.grad is None for parameter in teacher.parameters())
    kept = cosine_momentum(1, 10, 0.99)
    for then, now, fast in zip(before, teacher.parameters(), student.parameters(), strict=True):
        torch.testing.assert_close(now, then.lerp(fast, 1 - kept))
    assert {key for key in changed if key.startswith("teacher") and "running" in key}


def test_the_published_teacher_keeps_statistics_of_its_own() -> None:
    model = build("pretrain", EMA_steps=10, published=True).train()
    assert model.teacher_backbone.training
    changed = step(model, sil(16, 2, 64, 44))
    number = "layer0.forward_block.1.num_batches_tracked"
    assert f"teacher_backbone.{number}" in changed
    # The student goes by four groups of bands, the teacher by one batch of whole frames.
    counts = [model.state_dict()[f"{side}_backbone.{number}"] for side in ("teacher", "student")]
    assert [int(count) for count in counts] == [1, 4]


def test_the_teacher_begins_as_the_student() -> None:
    model = build("pretrain")
    model.init_parameters()
    student = model.student_backbone.state_dict()
    assert all(torch.equal(x, student[key]) for key, x in model.teacher_backbone.state_dict().items())


def test_layers_with_a_rate_of_zero_stay_as_they_are() -> None:
    model = build("finetune").train()
    rates = [group.get("lr") for group in model.parameter_groups({})]
    assert rates == [0.001, 0.005, 0.01, None]
    changed = step(model, sil(8, 2, 64, 44))
    own = "teacher_backbone."
    frozen = tuple(f"{own}{name}." for name in ("layer0", "layer1", "layer2", "predictor"))
    assert not [key for key in changed if key.startswith(frozen)]
    for name in (f"{own}layer3", f"{own}layer4", f"{own}projector", "FCs", "BNNecks"):
        assert any(key.startswith(name) for key in changed), name


def test_published_frozen_layers_drift_by_their_statistics_alone() -> None:
    changed = step(build("finetune", published=True).train(), sil(8, 2, 64, 44))
    drifted = [key for key in changed if key.startswith("teacher_backbone.layer1.")]
    assert drifted
    assert all("running" in key or "tracked" in key for key in drifted)


def test_a_linear_probe_trains_its_classifier_alone() -> None:
    changed = step(build("probe_dgait").train(), sil(2, 2, 64, 44))
    assert changed
    assert all(key.startswith("BNNecks.") for key in changed)


@pytest.mark.parametrize("bands", [1, 2, 4, 8])
@torch.no_grad()
def test_bands_that_are_encoded_apart_come_together_as_a_whole(bands: int) -> None:
    class Rows(nn.Module):
        def maps(self, frames: Tensor) -> Tensor:
            return frames.unflatten(3, (-1, 4)).mean(4)

    frames = torch.rand(4, 1, 2, 64, 5)
    found = banded_maps(Rows(), frames, [bands, 1], "X")  # type: ignore[arg-type]
    torch.testing.assert_close(found, Rows().maps(frames))
    assert torch.equal(_stitch(_cut(frames, bands), bands), frames)


@pytest.mark.parametrize(
    ("name", "changes", "rows", "words"),
    [
        ("pretrain", {}, 24, "12 sequences do not divide into 4 groups of an even number"),
        ("finetune", {}, 6, "6 sequences do not divide into 4 groups"),
    ],
)
def test_batches_that_do_not_divide_are_refused(
    name: str, changes: dict[str, Any], rows: int, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        build(name, **changes).train()(batch_of(sil(rows, 1, 64, 44)))


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("pretrain", {"parts_num": 16}, "parts_num is 16, expected 31"),
        ("pretrain", {"crop_list": []}, r"crop_list is \[\], expected"),
        ("pretrain", {"EMA_value": 2}, "EMA_value of FoundationGait_Scaling is 2"),
        ("pretrain", {"bin_num": []}, r"bin_num is \[\]"),
        ("finetune", {"backbone_lr": [0.1]}, r"backbone_lr is \[0\.1\]"),
        ("finetune", {"projector_lr": -1}, "projector_lr -1"),
        ("finetune", {"SeparateFCs": {"in_channels": 1, "out_channels": 8, "parts_num": 31}}, "do not fit"),
        (
            "probe_dgait",
            {"SeparateBNNecks": {"class_num": 2, "in_channels": 1, "parts_num": 1}},
            "expected 310",
        ),
        ("probe_ragar", {"Attribute_list": []}, r"Attribute_list is \[\]"),
    ],
)
def test_options_that_make_no_model_are_refused(name: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(name, **changes)


def test_sizes_without_strips_or_bands_are_refused() -> None:
    build("pretrain").check_input_size(64, 44)
    with pytest.raises(ConfigError, match="maps of 8x7, which do not divide into 16 strips"):
        build("pretrain").check_input_size(30, 25)
    with pytest.raises(ConfigError, match="64 rows cannot be cut into 16 bands"):
        build("pretrain", crop_list=[16]).check_input_size(64, 44)


def test_packed_batches_are_not_cut_into_bands() -> None:
    frames, seq_lens = packed_sil((3, 2), 64, 44)
    with pytest.raises(ConfigError, match="unequal length"):
        build("finetune").train()(batch_of(frames, seq_lens=seq_lens))


def test_a_label_beyond_the_classes_is_told() -> None:
    batch = batch_of(sil(2, 1, 64, 44))
    batch.targets = {"class": torch.tensor([0, 2])}
    with pytest.raises(Exception, match="label 2 has no class"):
        build("probe_dgait").train()(batch)


def test_the_teacher_follows_under_a_schedule_that_sees_the_loss() -> None:
    from gait_plugins.nn.schedules import ReduceLROnPlateau

    teacher, student = (fill_weights_B(nn.Linear(2, 2)) for _ in range(2))
    nn.init.zeros_(teacher.weight)
    optimizer = torch.optim.SGD(student.parameters(), lr=1.0)
    schedule = with_teacher(ReduceLROnPlateau(optimizer, 1), teacher, student, 0.5, None, True)
    assert isinstance(schedule, LossTeacherSchedule)
    schedule.observe(torch.tensor(1.0))
    schedule.step()
    torch.testing.assert_close(teacher.weight, student.weight / 2)
    schedule.load_state_dict(schedule.state_dict())
    assert schedule.last_epoch == 1


def test_statistics_follow_where_they_are_asked_for() -> None:
    slow, fast = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    fast(torch.randn(4, 2) + 5)
    follow(slow, fast, 0.5, statistics=False)
    assert slow.running_mean is not None
    assert not slow.running_mean.any()
    follow(slow, fast, 0.5)
    assert fast.running_mean is not None
    torch.testing.assert_close(slow.running_mean, fast.running_mean / 2)
    assert slow.num_batches_tracked == 1


def test_groups_by_name_leave_out_what_is_frozen() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1))
    model[1].requires_grad_(False)
    groups = groups_by_name(model.named_parameters(), {"0.": 0.5, "1.": 0.25, "": None})
    assert [group.get("lr") for group in groups] == [0.5, None]
    assert [len(group["params"]) for group in groups] == [2, 2]
