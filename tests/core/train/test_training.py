"""Training: resume equals uninterrupted, bad states stop with words, the run folder tells the story."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pytest
import torch
import yaml
from helpers.components.tiny import TinyModel, TinyWalks
from helpers.components.tiny_training import equal, final, run, trained

from gait_plugins import ConfigError, EmbeddingSet, GaitBatch, ModelOutput, NonFiniteLoss, hookimpl
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.errors import CheckpointError

pytestmark = pytest.mark.usefixtures("tiny")

CPU = RunOptions(device="cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


@pytest.mark.smoke
def test_resumed_run_ends_as_the_one_never_interrupted(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    whole = final(folder)
    checkpoint_path(folder, "tiny", 6).unlink()
    checkpoint_path(folder, "tiny", 4).unlink()
    run(tiny_yaml, resume=True)
    assert equal(trained(final(folder)), trained(whole))


def test_a_model_sees_the_first_batches_once_before_the_first_step(
    tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    shown: list[torch.Tensor] = []
    trained_on: list[torch.Tensor] = []
    forward = TinyModel.forward

    def calibrate(self: TinyModel, batches: Iterable[GaitBatch]) -> None:
        assert self.training
        shown.extend(batch.inputs[0].clone() for batch in islice(batches, 2))
        torch.nn.init.zeros_(self.head.weight)

    def watched(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        if self.training:
            trained_on.append(batch.inputs[0].clone())
            if len(trained_on) == 1:
                assert not self.head.weight.any()
        return forward(self, batch)

    monkeypatch.setattr(TinyModel, "calibrate", calibrate)
    monkeypatch.setattr(TinyModel, "forward", watched)
    run(tiny_yaml)
    assert len(shown) == 2
    assert equal(shown, trained_on[:2])
    whole = final(folder)
    checkpoint_path(folder, "tiny", 6).unlink()
    run(tiny_yaml, resume=True)
    assert len(shown) == 2
    for step in (2, 4, 6):  # as if it had been killed before its first checkpoint
        checkpoint_path(folder, "tiny", step).unlink()
    run(tiny_yaml, "data_cfg.num_workers=2", resume=True)
    assert equal(shown[2:], shown[:2])
    assert equal(trained(final(folder)), trained(whole))
    run(tiny_yaml, "trainer_cfg.save_name=later", init_from=checkpoint_path(folder, "tiny", 6))
    assert len(shown) == 4


def test_frames_are_checked_before_a_model_sees_them(tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(TinyModel, "frame_channels", 3)
    monkeypatch.setattr(TinyModel, "calibrate", lambda self, batches: next(iter(batches)) and 1 / 0)
    with pytest.raises(ConfigError, match="the frames have 1 channel"):
        run(tiny_yaml)


def test_workers_change_nothing(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    whole = final(folder)
    for workers in (1, 3):
        run(tiny_yaml, f"data_cfg.num_workers={workers}", overwrite=True)
        assert equal(trained(final(folder)), trained(whole))


def test_restore_hint_resumes_from_an_iteration_as_in_opengait(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    whole = final(folder)
    checkpoint_path(folder, "tiny", 6).unlink()
    run(tiny_yaml, "trainer_cfg.restore_hint=4")
    assert equal(trained(final(folder)), trained(whole))


def test_init_from_takes_the_weights_and_nothing_else(tiny_yaml: Path, folder: Path, tmp_path: Path):
    run(tiny_yaml)
    start = checkpoint_path(folder, "tiny", 6)
    run(tiny_yaml, "trainer_cfg.save_name=tuned", "optimizer_cfg.lr=0", init_from=start)
    tuned = load_checkpoint(checkpoint_path(folder.parent / "tuned", "tuned", 6))
    assert tuned["iteration"] == 6
    assert torch.equal(tuned["model"]["conv.weight"], final(folder)["model"]["conv.weight"])
    state = tuned["optimizer"]["state"][0]
    assert state["step"] == 6


def test_resume_and_init_from_exclude_each_other(tiny_yaml: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="exclude each other"):
        run(tiny_yaml, resume=True, init_from=tmp_path / "x.pt")


def test_another_run_is_not_overwritten_by_accident(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    with pytest.raises(ConfigError, match="already holds checkpoints up to iteration 6"):
        run(tiny_yaml)
    run(tiny_yaml, overwrite=True)


def test_resume_of_a_finished_run_does_nothing(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    before = final(folder)
    run(tiny_yaml, resume=True)
    assert equal(final(folder), before)


def test_other_seed_cannot_resume(tiny_yaml: Path):
    run(tiny_yaml, "trainer_cfg.total_iter=2")
    with pytest.raises(ConfigError, match="seed"):
        run(tiny_yaml, "trainer_cfg.seed=7", resume=True)


def test_last_step_is_saved_though_it_is_not_a_saving_step(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, "trainer_cfg.save_iter=4")
    assert final(folder)["iteration"] == 6


def test_non_finite_loss_stops_with_step_term_and_sequences(tiny_yaml: Path, folder: Path):
    with pytest.raises(NonFiniteLoss, match=r"step 4.*softmax/loss") as caught:
        run(tiny_yaml, "loss_cfg.1.poison=4", "trainer_cfg.save_iter=1")
    assert "-nm-0" in str(caught.value)
    last = final(folder, 3)
    assert all(torch.isfinite(v).all() for v in last["model"].values())
    assert not checkpoint_path(folder, "tiny", 4).exists()


def test_loss_parameters_are_trained_and_saved(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    assert final(folder)["losses"]["contrast.scale"] != 1


def test_fixed_batch_norm_keeps_its_statistics(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, "trainer_cfg.fix_BN=true")
    state = final(folder)["model"]
    assert state["norm.num_batches_tracked"] == 0
    assert torch.equal(state["norm.running_mean"], torch.zeros(4))


def test_run_folder_tells_the_story(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    resolved = yaml.safe_load((folder / "config.yaml").read_text())
    assert resolved["trainer_cfg"]["total_iter"] == 6
    assert load_config(str(folder / "config.yaml")).data == load_config(str(tiny_yaml)).data
    plugins = json.loads((folder / "plugins.json").read_text())
    assert plugins["model/TinyModel"] == {
        "distribution": "tiny-gait",
        "version": "1.0",
        "target": "helpers.components.tiny:TinyModel",
    }
    assert "torch" in json.loads((folder / "environment.json").read_text())["packages"]
    assert final(folder)["plugins"] == plugins


def test_drift_of_a_package_is_reported(tiny_yaml: Path, folder: Path, caplog: pytest.LogCaptureFixture):
    run(tiny_yaml, "trainer_cfg.total_iter=2")
    path = checkpoint_path(folder, "tiny", 2)
    state = torch.load(path, weights_only=True)
    state["plugins"]["model/TinyModel"]["version"] = "0.9"
    torch.save(state, path)
    run(tiny_yaml, resume=True)
    assert "model/TinyModel was tiny-gait 0.9" in caplog.text


def test_loss_that_the_model_does_not_feed_is_an_error(tiny_yaml: Path):
    with pytest.raises(ConfigError, match=r"(?s)log_prefix.*features"):
        run(tiny_yaml, "loss_cfg.1.log_prefix=other")


def test_too_few_classes_is_an_error_before_any_work(tiny_yaml: Path, folder: Path):
    with pytest.raises(ConfigError, match="is for 3 identities, the training set has 4"):
        run(tiny_yaml, "model_cfg.classes=3")
    assert not folder.exists()


def test_more_classes_than_identities_are_told_of_once(tiny_yaml: Path, caplog: pytest.LogCaptureFixture):
    run(tiny_yaml)
    assert "the model's classifier is for" not in caplog.text
    run(tiny_yaml, "model_cfg.classes=7", "trainer_cfg.save_name=seven")
    said = "is for 7 identities, the training set has 4: -o model_cfg.classes=4"
    assert [r.levelname for r in caplog.records if said in r.getMessage()] == ["WARNING"]


def test_checkpoint_of_another_class_number(tiny_yaml: Path):
    run(tiny_yaml)
    with pytest.raises(CheckpointError, match="of another shape"):
        score(load_config(str(tiny_yaml), overrides=["model_cfg.classes=9"]), CPU)


def test_frames_of_another_size_than_trained_on(tiny_yaml: Path):
    run(tiny_yaml)
    with pytest.raises(CheckpointError, match=r"trained on frames of 8x8.*12x12"):
        score(load_config(str(tiny_yaml), overrides=["data_cfg.size=12"]), CPU)


@pytest.mark.parametrize("frames", [2, None], ids=["equal lengths", "packed"])
def test_a_test_embeds_alike_at_every_batch_size_and_with_any_workers(
    tiny_yaml: Path, scored_sets: list[EmbeddingSet], frames: int | None
):
    """Also where the frame sampler, or a transform, draws: what a sequence gets is its own."""
    run(tiny_yaml)

    def embeddings(*overrides: str) -> torch.Tensor:
        sampler = [f"evaluator_cfg.sampler.frames={frames}"] if frames else []
        score(load_config(str(tiny_yaml), overrides=[*sampler, *overrides]), CPU)
        return torch.from_numpy(scored_sets[-1].embeddings)

    whole = embeddings("evaluator_cfg.sampler.batch_size=100")
    for size in (1, 3, 8):
        found = embeddings(f"evaluator_cfg.sampler.batch_size={size}")
        torch.testing.assert_close(found, whole, atol=1e-6, rtol=1e-5)  # sums of another order
    assert torch.equal(embeddings("data_cfg.num_workers=2"), embeddings())
    drawn_anew = embeddings("trainer_cfg.seed=7", "evaluator_cfg.sampler.batch_size=100")
    changed = (drawn_anew - whole).abs().amax((1, 2)) > 1e-4
    assert changed.float().mean() > 0.5  # else all of this would say nothing


def test_missing_checkpoint_names_those_there(tiny_yaml: Path):
    run(tiny_yaml)
    with pytest.raises(CheckpointError, match="tiny-00006"):
        score(load_config(str(tiny_yaml), overrides=["evaluator_cfg.restore_hint=99"]), CPU)


@pytest.mark.usefixtures("tiny")
def test_a_test_of_another_checkpoint_than_the_last_says_so(tiny_yaml: Path):
    config = load_config(str(tiny_yaml), overrides=["evaluator_cfg.restore_hint=99"])
    with pytest.raises(CheckpointError, match=r"restore_hint is 99 and trainer_cfg.total_iter 6: give"):
        score(config, CPU)


def test_results_name_the_data_and_the_table_that_they_were_scored_by(
    tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch
):
    run(tiny_yaml)
    same = score(load_config(str(tiny_yaml)), CPU)
    monkeypatch.setattr(TinyWalks, "called", "Tiny")
    other = score(load_config(str(tiny_yaml), overrides=["data_cfg.test_dataset_name=CASIA-B"]), CPU)
    assert same is not None
    assert other is not None
    assert (same.dataset, same.scored_as) == ("Tiny", "")
    assert (other.dataset, other.scored_as) == ("Tiny", "CASIA-B")


def test_hooks_fire_in_order(tiny, tiny_yaml: Path):
    heard: list[str] = []

    class Listener:
        @hookimpl
        def gait_run_begin(self, run):
            heard.append("begin")

        @hookimpl
        def gait_step_end(self, run, step, metrics):
            heard.append(f"step {step} {len(metrics) > 0}")

        @hookimpl
        def gait_checkpoint_saved(self, run, path, step):
            assert path.exists()
            heard.append(f"saved {step}")

        @hookimpl
        def gait_evaluated(self, run, step, results):
            heard.append(f"R1 {step}")

        @hookimpl
        def gait_run_end(self, run, error):
            heard.append(f"end {error}")

    tiny.register(Listener(), distribution="ears")
    run(tiny_yaml, "trainer_cfg.total_iter=4", "trainer_cfg.log_iter=3", "trainer_cfg.with_test=true")
    assert heard == [
        "begin",
        "step 1 False",
        "step 2 False",
        "saved 2",
        "R1 2",
        "step 3 True",
        "step 4 False",
        "saved 4",
        "R1 4",
        "end None",
    ]
