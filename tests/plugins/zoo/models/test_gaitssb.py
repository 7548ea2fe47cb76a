"""GaitSSB: two views predict each other in pretraining; fine-tuning trains what it is told to alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import yaml
from helpers.components.tiny import TINY_YAML
from helpers.golden_rules import fill_weights_B, packed_sil, sil
from test_swingait import batch_of, embed, rates
from torch import Tensor
from torch.optim.lr_scheduler import MultiStepLR

import gait_plugins
from gait_plugins.api import GaitBatch
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import ConfigError
from gait_plugins.nn import views_of
from gait_plugins.plugins.zoo.models import gaitssb
from gait_plugins.plugins.zoo.models.gaitssb import GaitSSBFinetune, GaitSSBPretrain, similarities
from gait_plugins.plugins.zoo.models.schedules import FlooredSchedule

FORMS = ["GaitSSB_Pretrain", "GaitSSB_Finetune"]
LENGTHS = (3, 7, 1, 5, 2)


def build(name: str, **changes: Any) -> Any:
    return gait_plugins.build("model", {"model": name, **GaitSSBPretrain.example_config(), **changes})


def head_keys(name: str) -> list[str]:
    return [key for key in build(name).state_dict() if not key.startswith("Backbone.")]


def two_views(first: Tensor, second: Tensor) -> GaitBatch:
    n = len(first)
    types = [f"nm-{i:02d}" for i in range(n)] * 2
    return GaitBatch([torch.cat([first, second])], torch.zeros(2 * n).long(), types, ["090"] * 2 * n, None)


def test_keys_are_opengaits() -> None:
    norm = [f"bn1d.{v}" for v in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
    mlp = ["0.fc_bin", *(f"1.{key}" for key in norm), "3.fc_bin"]
    projector = [f"projector.{key}" for key in (*mlp, *(f"4.{key}" for key in norm))]
    assert head_keys("GaitSSB_Pretrain") == [*projector, *(f"predictor.{key}" for key in mlp)]
    assert head_keys("GaitSSB_Finetune") == [*projector, "head0.fc_bin"]
    assert "Backbone.forward_block.layer1.0.conv1.weight" in build("GaitSSB_Finetune").state_dict()


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_a_pack_is_embedded_as_its_sequences_one_by_one(form: str) -> None:
    model = fill_weights_B(build(form)).double().eval()
    frames, seq_lens = packed_sil(LENGTHS, 64, 44)
    together = embed(model, batch_of(frames.double(), seq_lens))
    alone = [embed(model, batch_of(part)) for part in frames.double().split(LENGTHS, 1)]
    torch.testing.assert_close(together, torch.cat(alone))
    assert together.shape == (5, 6, 31)


def test_each_view_predicts_the_other_among_all_of_the_batch() -> None:
    model = fill_weights_B(build("GaitSSB_Pretrain")).double().train()
    first, second = sil(3, 4, 64, 44).double(), sil(3, 4, 64, 44, 0.5, 0.2).double()
    features = model(two_views(first, second))["training_feat"]
    # By the definition, with the batch statistics of each view.
    z = [model.encode(view, None) for view in (first, second)]
    for name, own, other in (("softmax1", 0, 1), ("softmax2", 1, 0)):
        expected = torch.stack(
            [
                F.cosine_similarity(model.predictor(z[own])[:, None], z[other][None], dim=2)[:, :, part]
                for part in range(31)
            ],
            2,
        )
        torch.testing.assert_close(features[name]["logits"], expected)
        assert features[name]["labels"].tolist() == [0, 1, 2]


def test_the_predicted_view_gets_no_gradient() -> None:
    model = fill_weights_B(build("GaitSSB_Pretrain")).train()
    views = [sil(3, 2, 64, 44, 0.3, b).requires_grad_() for b in (0.2, 0.5)]
    model(two_views(*views))["training_feat"]["softmax1"]["logits"].square().sum().backward()
    assert views[0].grad is not None
    assert views[0].grad.any()
    assert views[1].grad is None or not views[1].grad.any()


def test_packed_views_are_told_apart() -> None:
    frames, _ = packed_sil((3, 2, 3, 4), 64, 44)
    lens = torch.tensor([[3, 2, 3, 4]])
    known = {"share": torch.arange(4)}
    batch = GaitBatch([frames, 1 - frames], torch.arange(4), ["a", "b"] * 2, ["0"] * 4, lens, known)
    first, second = views_of(batch, "GaitSSB_Pretrain")
    for view, rows, cut in ((first, [0, 1], slice(0, 5)), (second, [2, 3], slice(5, None))):
        assert torch.equal(view.inputs[0], frames[:, cut])
        assert torch.equal(view.inputs[1], 1 - frames[:, cut])
        assert view.labels.tolist() == view.targets["share"].tolist() == rows
        assert view.types == ["a", "b"]
        assert view.seq_lens is not None
        assert torch.equal(view.seq_lens, lens[:, rows])


def test_a_pack_of_equal_lengths_is_contrasted_like_a_stack() -> None:
    model = fill_weights_B(build("GaitSSB_Pretrain")).double().train()
    stacked = two_views(sil(2, 3, 64, 44).double(), sil(2, 3, 64, 44, 0.5, 0.2).double())
    lens = torch.full((1, 4), 3, dtype=torch.int32)
    packed = stacked._replace(inputs=[stacked.inputs[0].flatten(0, 1)[None]], seq_lens=lens)
    one, other = (model(batch)["training_feat"]["softmax2"]["logits"] for batch in (stacked, packed))
    torch.testing.assert_close(one, other)


def test_halves_of_other_sequences_are_refused() -> None:
    model = build("GaitSSB_Pretrain").train()
    batch = two_views(sil(2, 2, 64, 44), sil(2, 2, 64, 44))
    for types in (["a", "b", "b", "a"], ["a", "b", "a"]):
        with pytest.raises(ConfigError, match="not the same sequences") as caught:
            model(batch._replace(types=types))
        assert "BilateralSampler" in str(caught.value)


def test_frozen_stages_keep_weights_and_statistics() -> None:
    model = build("GaitSSB_Finetune", backbone_lr=[0, 0.001, 0, 0.001]).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    groups = list(model.parameter_groups({"lr": 0.1}))
    optimizer = torch.optim.SGD(groups, lr=0.1)
    assert [group["lr"] for group in optimizer.param_groups] == [0.001, 0.001, 0.01, 0.1]
    batch = batch_of(sil(4, 3, 64, 44))
    model(batch)["training_feat"]["triplet"]["embeddings"].square().sum().backward()
    optimizer.step()
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    block = "Backbone.forward_block."
    frozen = tuple(block + part for part in ("conv1", "bn1", "layer1", "layer3"))
    assert not [key for key in moved if key.startswith(frozen)]
    for part in (f"{block}layer2", f"{block}layer4", "projector", "head0"):
        assert any(key.startswith(part) for key in moved), part
    grouped = {id(p) for group in groups for p in group["params"]}
    assert grouped == {id(p) for p in model.parameters() if p.requires_grad}


def test_low_rates_are_lifted_every_so_often_and_resume() -> None:
    def fresh() -> FlooredSchedule:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        return FlooredSchedule(MultiStepLR(optimizer, [2, 5], gamma=0.1), lowest=0.05, every=4)

    # 1 falls to 0.1 after 2 steps, to 0.01 after 5; after 8 it is lifted to 0.05.
    whole = rates(fresh(), 10)
    assert whole == pytest.approx([1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.05, 0.05])
    first, second = fresh(), fresh()
    rates(first, 6)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.load_state_dict(first.state_dict())
    assert rates(second, 4) == whole[6:]
    assert second.get_last_lr() == pytest.approx([0.05])


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("GaitSSB_Pretrain", {"parts_num": 16}, "parts_num is 16, expected 31"),
        ("GaitSSB_Finetune", {"backbone_lr": [0.1]}, r"backbone_lr is \[0\.1\], expected"),
        ("GaitSSB_Finetune", {"backbone_lr": [0, 0, 0, -1]}, "backbone_lr is"),
    ],
)
def test_options_that_make_no_model_are_refused(name: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(name, **changes)


def test_networks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="Linear does not state how many channels"):
        GaitSSBPretrain(torch.nn.Linear(1, 1))
    net = torch.nn.Conv2d(1, 4, 3)
    with pytest.raises(ConfigError, match="Conv2d has no conv1, bn1, layer1"):
        GaitSSBFinetune(net)


@pytest.mark.parametrize("form", FORMS)
def test_a_size_without_strips_is_refused(form: str) -> None:
    build(form).check_input_size(64, 44)
    with pytest.raises(ConfigError, match="frames of 30x25 do not fit"):
        build(form).check_input_size(30, 25)


@pytest.mark.usefixtures("tiny")
def test_fine_tuning_starts_from_a_pretraining(tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(TINY_YAML)
    config["output_dir"] = str(tmp_path)
    config["data_cfg"]["size"] = 64
    config["trainer_cfg"] |= {"total_iter": 2, "save_iter": 2}
    config["model_cfg"] = {"model": "GaitSSB_Pretrain", **GaitSSBPretrain.example_config()}
    config["loss_cfg"] = [{"type": "CrossEntropyLoss", "log_prefix": f"softmax{i}"} for i in (1, 2)]
    two = {"type": "BilateralSampler", "batch_size": [2, 3], "method": "FirstFrames", "frames": 3}
    config["trainer_cfg"] |= {"sampler": two, "transform": [{"type": "DA4GaitSSB", "cutting": 0}]}
    train(load_config(config), RunOptions(device="cpu"))
    file = checkpoint_path(tmp_path / "Tiny" / "GaitSSB_Pretrain" / "tiny", "tiny", 2)
    pretrained = load_checkpoint(file)["model"]

    config["model_cfg"]["model"] = "GaitSSB_Finetune"
    config["loss_cfg"] = [{"type": "TripletLoss", "log_prefix": "triplet"}]
    config["trainer_cfg"] |= {
        "sampler": {"type": "Draw", "batch_size": 6, "method": "FirstFrames", "frames": 3},
        "fix_BN": True,
        "restore_hint": str(file),
        "restore_ckpt_strict": False,
        "optimizer_reset": True,
        "scheduler_reset": True,
    }
    train(load_config(config), RunOptions(device="cpu"))
    folder = tmp_path / "Tiny" / "GaitSSB_Finetune" / "tiny"
    tuned = load_checkpoint(checkpoint_path(folder, "tiny", 2))["model"]
    kept = [key for key in tuned if ".layer1." in key or ".conv1.conv" in key or "running" in key]
    assert len(kept) > 20
    assert all(torch.equal(tuned[key], pretrained[key]) for key in kept)
    moved = "Backbone.forward_block.layer4.0.conv1.weight"
    assert not torch.equal(tuned[moved], pretrained[moved])


def test_targets_of_all_processes_are_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    class SecondOfTwo:
        is_available = is_initialized = staticmethod(lambda: True)
        get_world_size = staticmethod(lambda: 2)
        get_rank = staticmethod(lambda: 1)

        @staticmethod
        def all_gather(everyone: list[Tensor], own: Tensor) -> None:
            everyone[0].copy_(-own)
            everyone[1].copy_(own)

    monkeypatch.setattr(gaitssb, "dist", SecondOfTwo)
    x = F.normalize(torch.randn(3, 6, 2), dim=1)
    found = similarities(x, x)
    assert found["labels"].tolist() == [3, 4, 5]
    assert found["logits"].shape == (3, 6, 2)
    torch.testing.assert_close(found["logits"][:, :3], -found["logits"][:, 3:])
    torch.testing.assert_close(found["logits"][0, 3], torch.ones(2))
