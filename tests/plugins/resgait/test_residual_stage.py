"""The residual stage: what it wraps, what it freezes, what it trains, what it refuses."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.golden_rules import sil
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.core.checkpoints.files import load_checkpoint, restore_model
from gait_plugins.core.checkpoints.partial import Part, load_part
from gait_plugins.errors import CheckpointError, ConfigError, GaitPluginsError
from gait_plugins.plugins.resgait.oem.model import OcclusionModule
from gait_plugins.plugins.resgait.residual.model import ResidualGait
from gait_plugins.registry.manager import default_manager

SMALL = {"SeparateBNNecks": {"class_num": 4}, "stem_channels": 4, "embedding_channels": 6, "widths": [8, 16]}
OTHERS = {"GEI", "OEM", "GaitSSB_Pretrain"}
"""Models that are trained on nothing, or for something else than embeddings of parts."""


def residual(**options: Any) -> ResidualGait:
    cfg = {"model": "ResidualGait", "gse": {"model": "TrackletGait_s", **SMALL}, **options}
    model: ResidualGait = gait_plugins.build("model", cfg)
    return model


def batch_of(frames: Tensor | None = None) -> GaitBatch:
    frames = sil(4, 3, 64, 44) if frames is None else frames
    n = len(frames)
    return GaitBatch([frames], torch.arange(n) // 2, ["nm-01"] * n, ["090"] * n, None)


def takes_silhouettes(name: str) -> bool:
    """Whether a model has an example, which takes silhouettes and nothing else."""
    cls: Any = gait_plugins.get("model", name)
    example = cls.example_config()
    streams = gait_plugins.build("model", {"model": name, **example}).streams if example else ()
    return bool(example) and [stream.name for stream in streams or ()] in ([], ["silhouettes"])


def wrappable() -> list[str]:
    names = []
    for component in default_manager().components("model"):
        own = component.owner.distribution == "gait-plugins-trackletgait"
        if own and component.origin.startswith(("gait_plugins.plugins.zoo", "gait_plugins.plugins.tracklet")):
            names.append(component.name)
    return [name for name in names if name not in OTHERS and takes_silhouettes(name)]


@pytest.mark.parametrize("name", wrappable())
def test_every_model_that_embeds_parts_can_be_wrapped(name: str) -> None:
    cls: Any = gait_plugins.get("model", name)
    alone = gait_plugins.build("model", {"model": name, **cls.example_config()})
    model = ResidualGait(gait_plugins.build("model", {"model": name, **cls.example_config()}))
    model.full_component.load_state_dict(alone.state_dict(), strict=False)
    for head in model.full_component.head_names:
        if hasattr(alone, head) and getattr(alone, head) is not None:
            getattr(model, head).load_state_dict(getattr(alone, head).state_dict())
    for layer in (model.occ_detector.fc_amount_head,):
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, -100.0)  # nothing is hidden: no residual
    model.eval()
    alone.eval()
    with torch.no_grad():
        one, other = model(batch_of()), alone(batch_of())
    assert not {key.partition(".")[0] for key in model.full_component.state_dict()} & {*alone.head_names}
    expected = other["inference_feat"]["embeddings"]
    assert torch.allclose(one["inference_feat"]["embeddings"], expected, atol=1e-6)
    assert one["training_feat"].keys() == other["training_feat"].keys()
    for loss, features in one["training_feat"].items():
        for key, value in features.items():
            assert torch.allclose(value, other["training_feat"][loss][key], atol=1e-5), (loss, key)


def test_frozen_parts_stay_as_they_are_while_the_rest_learns() -> None:
    model = residual().train()
    assert not model.full_component.training
    assert not model.occ_detector.training
    assert model.mimic_component.training
    assert model.BNNecks.training
    before = {key: value.clone() for key, value in model.state_dict().items()}
    groups = list(model.parameter_groups({"lr": 0.1}))
    optimizer = torch.optim.SGD(groups, lr=0.1)
    for _ in range(2):
        features = model(batch_of())["training_feat"]
        loss = (
            features["softmax"]["logits"].square().mean() + features["triplet"]["embeddings"].square().mean()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert not any(key.startswith(("full_component.", "occ_detector.")) for key in changed)
    assert {"occ_mixer_fc.fc_bin", "BNNecks.fc_bin", "BNNecks.bn1d.running_mean"} <= changed
    assert any(key.startswith("mimic_component.") for key in changed)


def test_statistics_of_frozen_parts_drift_on_request() -> None:
    model = residual(frozen_statistics=False).train()
    before = {key: value.clone() for key, value in model.full_component.state_dict().items()}
    model(batch_of())
    after = model.full_component.state_dict()
    assert any(not torch.equal(after[key], value) for key, value in before.items() if "running" in key)


@pytest.mark.parametrize(
    "name", ["Baseline_Mimic_Residual", "DeepGaitV2_Mimic_Residual", "SwinGait_Residual"]
)
def test_the_optimiser_gets_all_that_is_trainable_once(name: str) -> None:
    cls: Any = gait_plugins.get("model", name)
    model = gait_plugins.build("model", {"model": name, **cls.example_config()})
    groups = [group["params"] for group in model.parameter_groups({"lr": 0.1})]
    listed = [id(p) for group in groups for p in group]
    assert sorted(listed) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_a_saved_residual_model_is_the_same_when_loaded() -> None:
    torch.manual_seed(0)
    model, other = residual().eval(), residual().eval()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        found = [m(batch_of())["inference_feat"]["embeddings"] for m in (model, other)]
    assert torch.equal(*found)


@pytest.mark.parametrize("amount_of", ["amounts", "features"])
def test_sequences_of_one_frame_have_one_amount_either_way(amount_of: Any) -> None:
    model = residual(amount_of=amount_of)
    frames = sil(3, 1, 64, 44).unsqueeze(1)
    found = model.occ_detector.of_sequences(frames, None, amount_of).amounts
    other = model.occ_detector.of_sequences(frames, None, "amounts").amounts
    assert torch.allclose(found, other)


def test_the_authors_amount_is_turned_into_the_hidden_portion() -> None:
    ours, theirs = OcclusionModule(), OcclusionModule(amount="visible")
    theirs.load_state_dict(ours.state_dict())
    rows = torch.randn(50, 64) * 5
    said, turned = ours.portions(rows), theirs.portions(rows)
    assert (said < 0.2).any()
    assert (said > 0.2).any()
    assert torch.equal(turned[said < 0.2], torch.zeros_like(turned[said < 0.2]))
    assert torch.allclose(turned[said >= 0.2], 1 - said[said >= 0.2])


def test_an_input_scale_is_a_factor_of_the_frames() -> None:
    plain, scaled = OcclusionModule(), OcclusionModule(input_scale=255)
    scaled.load_state_dict(plain.state_dict())
    frames = sil(1, 3, 64, 64)[0].unsqueeze(1)
    with torch.no_grad():
        assert torch.allclose(scaled.frame_features(frames), plain.frame_features(frames * 255))


def trained_with(**options: Any) -> dict[str, Any]:
    return {"model": {}, "config": {"model_cfg": {"model": "OEM", **options}}}


def test_a_module_of_another_convention_is_refused() -> None:
    model = residual(occ_detector={"input_scale": 1})
    model.check_init("occ_detector", trained_with())
    model.check_init("full_component", trained_with(input_scale=255))
    model.check_init("occ_detector", {"model": {}})  # a file of the authors says nothing
    with pytest.raises(CheckpointError, match="input_scale 255") as caught:
        model.check_init("occ_detector", trained_with(input_scale=255))
    assert "-o model_cfg.occ_detector.input_scale=255" in str(caught.value)
    with pytest.raises(CheckpointError, match="amount visible"):
        model.check_init("occ_detector", trained_with(amount="visible"))


class OnePiece(GaitModel):
    """Has a classifier, and a forward that nobody can take apart."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.BNNecks = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        raise NotImplementedError


class Whole(GaitModel):
    """Embeds in one piece; losses get the embeddings, and on request logits of them."""

    def __init__(self, logits: bool = False) -> None:
        super().__init__()
        self.embed, self.told_apart = nn.Linear(44, 6), nn.Linear(6, 3) if logits else None

    def forward(self, batch: GaitBatch) -> ModelOutput:
        rows = batch.inputs[0].flatten(1, 3) if batch.inputs[0].dim() == 5 else batch.inputs[0].flatten(1, 2)
        embeddings = self.embed(rows.amax(1)).unsqueeze(2)
        training = {
            name: {"embeddings": embeddings, "labels": batch.labels} for name in ("triplet", "compact")
        }
        if self.told_apart is not None:
            training["softmax"] = {"logits": self.told_apart(embeddings[..., 0]), "labels": batch.labels}
        return {
            "training_feat": training,
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }


def test_every_loss_of_a_model_in_one_piece_gets_the_corrected_embeddings() -> None:
    torch.manual_seed(0)
    gse = Whole()
    model = ResidualGait(gse)
    output = model(batch_of())
    corrected = output["inference_feat"]["embeddings"]
    assert corrected.requires_grad
    assert not torch.equal(corrected, gse(batch_of())["inference_feat"]["embeddings"])
    for name in ("triplet", "compact"):
        assert output["training_feat"][name]["embeddings"] is corrected
        assert torch.equal(output["training_feat"][name]["labels"], batch_of().labels)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ResidualGait(OnePiece()), "does not provide its part embeddings"),
        (lambda: ResidualGait(Whole(logits=True)), "its losses get softmax.logits"),
        (lambda: residual(gse={"model": "GEI"}), "no trainable parameters"),
        (lambda: residual(OccMixerFCs={"in_channels": 320}), "in_channels is 320, expected 70"),
        (lambda: residual(occ_detector={"input_scale": 0}), "input_scale is 0"),
        (lambda: residual(occ_detector={"amount": "seen"}), "seen"),
        (lambda: gait_plugins.build("model", {"model": "OEM", "kinds": ["none", "left"]}), "left"),
        (lambda: gait_plugins.build("model", {"model": "OEM", "kinds": ["top", "top"]}), "different"),
    ],
)
def test_what_cannot_be_wrapped_is_refused_in_words(build: Any, words: str) -> None:
    with pytest.raises(GaitPluginsError, match=words):
        build()


def test_the_module_needs_silhouettes_and_kinds_that_it_knows() -> None:
    model = OcclusionModule()
    with pytest.raises(ConfigError, match="3 channels"):
        model(batch_of(torch.rand(2, 2, 3, 64, 44)))
    strange = {"occlusion_kind": torch.tensor([0, 5]), "occlusion_portion": torch.zeros(2)}
    with pytest.raises(ConfigError, match="kind number 5"):
        model(batch_of(torch.rand(2, 2, 64, 44))._replace(targets=strange))
    with pytest.raises(ConfigError, match="too small"):
        model.check_input_size(4, 44)


def test_published_files_name_the_earlier_stages() -> None:
    from gait_plugins.plugins.resgait.config_compat import take_earlier_stages

    config: dict[str, Any] = {
        "data_cfg": {"dataset_name": "GREW"},
        "model_cfg": {
            "model": "SwinGait_Residual",
            "occ_detector_path": "oem.pth",
            "mimic_cfg": {
                "phase": 2,
                "teacher_model_name": "SwinGait",
                "teacher_save_name": "S",
                "teacher_model_iter": 20,
                "init_mimic": True,
            },
        },
        "trainer_cfg": {"T_max_iter": 150000},
    }
    take_earlier_stages(config)
    file = "./output/GREW/SwinGait/S/checkpoints/S-00020.pt"
    assert config["model_cfg"] == {"model": "SwinGait_Residual", "T_max_iter": 150000}
    assert config["trainer_cfg"]["init"] == {
        "full_component": file,
        "BNNecks": file,
        "mimic_component": file,
        "occ_detector": "oem.pth",
    }
    other = {"model_cfg": {"model": "Baseline", "mimic_cfg": {}}, "trainer_cfg": {}}
    take_earlier_stages(other)
    assert other == {"model_cfg": {"model": "Baseline", "mimic_cfg": {}}, "trainer_cfg": {}}


def test_the_authors_detector_file_loads_into_module_and_residual(tmp_path: Path) -> None:
    theirs = OcclusionModule()
    file = tmp_path / "best-model.pth"
    torch.save({f"module.{key}": value for key, value in theirs.state_dict().items()}, file)
    model = residual(occ_detector={"input_scale": 255, "amount": "visible"})
    record = load_part(model, Part("occ_detector", str(file)))
    assert (record["taken"], record["missing"], record["unexpected"]) == (14, 0, 4)
    frames = sil(2, 1, 64, 64)[:, 0].unsqueeze(1)
    with torch.no_grad():
        assert torch.equal(
            model.occ_detector.frame_features(frames / 255), theirs.frame_features(frames / 255 * 255)
        )
    alone = OcclusionModule(input_scale=255, amount="visible")
    restore_model(alone, load_checkpoint(file)["model"], strict=True, where=str(file))
    assert torch.equal(alone.fc2.weight, theirs.fc2.weight)


def test_a_copy_shares_its_classifier_as_the_original_does() -> None:
    model = copy.deepcopy(residual())
    assert model.full_component.BNNecks is model.BNNecks
    assert model.mimic_component.BNNecks is model.BNNecks
    assert not any(".BNNecks." in key for key in model.state_dict())


def test_a_model_of_other_streams_is_refused() -> None:
    cls: Any = gait_plugins.get("model", "SkeletonGaitPP")
    gse = gait_plugins.build("model", {"model": "SkeletonGaitPP", **cls.example_config()})
    with pytest.raises(ConfigError, match="takes skeleton_maps, silhouettes; what is hidden is found on"):
        ResidualGait(gse)
