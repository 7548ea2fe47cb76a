"""A resumed run is the same run: what decides its numbers is what the checkpoint was trained by."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny import TinyWalks
from helpers.components.tiny_training import equal, final, run, trained

from gait_plugins import ConfigError, GaitPluginsError, SequenceRef
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runs.changes import read_changes

pytestmark = pytest.mark.usefixtures("tiny")

HALF = "trainer_cfg.total_iter=4"

DECIDING = {
    "trainer_cfg.sampler.batch_size=4": "trainer_cfg.sampler.batch_size was 8 and is 4 now",
    "trainer_cfg.sampler.frames=3": "trainer_cfg.sampler.frames was 4 and is 3 now",
    "loss_cfg.1.loss_term_weight=0.7": "loss_cfg.1.loss_term_weight was 0.5 and is 0.7 now",
    "loss_cfg.0.loss_term_weight=2.0": "loss_cfg.0.loss_term_weight was 1.0 and is 2.0 now",
    "loss_cfg.0.type=Softmax": "loss_cfg.0.type was Contrast and is Softmax now",
    "data_cfg.walks=4": "data_cfg.walks was 5 and is 4 now",
    "model_cfg.dropout=0.2": "model_cfg.dropout was 0.1 and is 0.2 now",
    "model_cfg.channels=8": "model_cfg.channels was 4 and is 8 now",
    "optimizer_cfg.lr=0.1": "optimizer_cfg.lr was 0.01 and is 0.1 now",
    "optimizer_cfg.betas=[0.8, 0.999]": r"optimizer_cfg.betas was \[0.9, 0.999\] and is \[0.8, 0.999\] now",
    "optimizer_cfg.solver=AdamW": "optimizer_cfg.solver was Adam and is AdamW now",
    "scheduler_cfg.gamma=0.1": "scheduler_cfg.gamma was 0.5 and is 0.1 now",
    "scheduler_cfg.milestones=[5]": r"scheduler_cfg.milestones was \[4\] and is \[5\] now",
    "trainer_cfg.precision=bf16-mixed": "trainer_cfg.precision was 32-true and is bf16-mixed now",
    "trainer_cfg.sync_BN=true": "trainer_cfg.sync_BN was False and is True now",
    "trainer_cfg.fix_BN=true": "trainer_cfg.fix_BN was False and is True now",
    "trainer_cfg.freeze=[conv]": r"trainer_cfg.freeze was \[\] and is \['conv'\] now",
    "trainer_cfg.frozen_mode=train": "trainer_cfg.frozen_mode was eval and is train now",
    "trainer_cfg.seed=7": "trainer_cfg.seed was 0 and is 7 now",
    "trainer_cfg.transform=[{type: BaseSilTransform}]": "transform.0.type was Shift and is BaseSil",
}

HARMLESS = [
    "trainer_cfg.log_iter=3",
    "trainer_cfg.save_iter=5",
    "trainer_cfg.with_test=true",
    "trainer_cfg.find_unused_parameters=true",
    "trainer_cfg.recompute=[norm]",
    "trainer_cfg.restore_ckpt_strict=false",
    "trainer_cfg.enable_float16=true",  # on a CPU that is no faster by it
    "trainer_cfg.precision=32-true",
    "data_cfg.num_workers=1",
    "data_cfg.test_dataset_name=Other",
    "data_cfg.walks=5",  # its default, written out
    "data_cfg.type=tiny-gait/TinyWalks",
    "loss_cfg.0.loss_term_weight=1.0",
    "optimizer_cfg.amsgrad=false",
    "scheduler_cfg={scheduler: MultiStepLR, milestones: [4], gamma: 0.5}",
    "evaluator_cfg.sampler.batch_size=5",
    "evaluator_cfg.restore_hint=2",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The run folder."""
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


@pytest.fixture
def half(tiny_yaml: Path, folder: Path) -> Path:
    """A run of which four of six steps are done."""
    run(tiny_yaml, HALF)
    return folder


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".held"}


def test_a_setting_that_decides_the_numbers_is_named_with_both_values(tiny_yaml: Path, half: Path) -> None:
    before = files(half)
    for setting, words in DECIDING.items():
        with pytest.raises(ConfigError, match=words) as caught:
            run(tiny_yaml, setting, resume=True)
        assert "--allow-changes" in (caught.value.hint or "")
    assert files(half) == before


def test_every_change_is_named(tiny_yaml: Path, half: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        run(tiny_yaml, *list(DECIDING)[:4], "trainer_cfg.seed=3", resume=True)
    assert str(caught.value).count(" now\n") == 5


def test_settings_that_change_nothing_pass(
    tiny_yaml: Path, half: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tiny_yaml, resume=True)
    whole = final(half)
    checkpoint_path(half, "tiny", 6).unlink()
    moved = tmp_path / "moved"
    shutil.copytree(half, moved)
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        run(tiny_yaml, *HARMLESS, f"run_dir={moved}", resume=True)
    assert equal(trained(final(moved)), trained(whole))
    assert not (moved / "changes.json").exists()
    assert caplog.messages == []


def test_an_iteration_as_restore_hint_is_compared_too(tiny_yaml: Path, half: Path) -> None:
    with pytest.raises(ConfigError, match=r"batch_size was 8 and is 4 now"):
        run(tiny_yaml, "trainer_cfg.restore_hint=2", "trainer_cfg.sampler.batch_size=4")
    run(tiny_yaml, "trainer_cfg.restore_hint=2")


def test_changes_that_are_allowed_are_recorded(tiny_yaml: Path, half: Path) -> None:
    run(tiny_yaml, "trainer_cfg.sampler.batch_size=4", "trainer_cfg.seed=7", resume=True, allow_changes=True)
    changes = [
        {"name": "trainer_cfg.seed", "then": 0, "now": 7},
        {"name": "trainer_cfg.sampler.batch_size", "then": 8, "now": 4},
    ]
    assert json.loads((half / "changes.json").read_text()) == [{"after_step": 4, "changes": changes}]
    # To go on with these is no change any more; to go back makes what came after void.
    run(
        tiny_yaml,
        "trainer_cfg.sampler.batch_size=4",
        "trainer_cfg.seed=7",
        "trainer_cfg.total_iter=7",
        resume=True,
    )
    assert len(read_changes(half)) == 1
    run(tiny_yaml, "trainer_cfg.restore_hint=2")
    assert not (half / "changes.json").exists()


def test_allowed_settings_of_optimiser_and_schedule_count(tiny_yaml: Path, half: Path) -> None:
    """The rate is that of a run which had them from the beginning; the moments are those of the run."""
    moments = load_checkpoint(checkpoint_path(half, "tiny", 4))["optimizer"]["state"][0]["step"]
    other = ("optimizer_cfg.lr=0.08", "scheduler_cfg.milestones=[3, 5]", "optimizer_cfg.weight_decay=0.1")
    run(tiny_yaml, *other, resume=True, allow_changes=True)
    (group,) = final(half)["optimizer"]["param_groups"]
    assert group["lr"] == pytest.approx(0.08 * 0.5 * 0.5)
    assert (group["weight_decay"], group["initial_lr"]) == (0.1, 0.08)
    assert final(half)["optimizer"]["state"][0]["step"] == moments + 2
    assert final(half)["scheduler"]["last_epoch"] == 6


def test_an_allowed_loss_starts_with_what_fits(tiny_yaml: Path, half: Path) -> None:
    other = ("loss_cfg.0.type=Softmax", "loss_cfg.0.log_prefix=softmax", "loss_cfg.1.type=Contrast")
    reset = "trainer_cfg.optimizer_reset=true"
    run(tiny_yaml, *other, "loss_cfg.1.log_prefix=contrast", reset, resume=True, allow_changes=True)
    assert final(half)["iteration"] == 6


def test_a_reset_that_is_asked_for_is_recorded_and_done_once(tiny_yaml: Path, half: Path) -> None:
    asked = ("trainer_cfg.optimizer_reset=true", "optimizer_cfg.solver=SGD")
    run(tiny_yaml, *asked, resume=True)
    names = [change["name"] for change in read_changes(half)[0]["changes"]]
    assert (names[0], names[-1]) == ("optimizer_cfg.solver", "trainer_cfg.optimizer_reset")
    run(tiny_yaml, *asked, "trainer_cfg.total_iter=8", resume=True)
    assert final(half, 8)["optimizer"]["param_groups"][0]["momentum"] == 0.9
    assert len(read_changes(half)) == 1


def test_a_run_that_began_with_a_reset_is_resumed_exactly(tiny_yaml: Path, folder: Path) -> None:
    run(tiny_yaml, "trainer_cfg.save_name=first")
    start = checkpoint_path(folder.parent / "first", "first", 6)
    begun = [f"trainer_cfg.{part}_reset=true" for part in ("optimizer", "scheduler")]
    begun.append(f"trainer_cfg.restore_hint={start}")
    run(tiny_yaml, *begun)
    whole = final(folder)
    checkpoint_path(folder, "tiny", 6).unlink()
    run(tiny_yaml, *begun, resume=True)
    assert equal(trained(final(folder)), trained(whole))


def test_more_steps_are_no_change(tiny_yaml: Path, half: Path) -> None:
    run(tiny_yaml, "trainer_cfg.total_iter=8", resume=True)
    assert final(half, 8)["iteration"] == 8


# --- older and foreign checkpoints ----------------------------------------------------------------


def edit(folder: Path, change: Any) -> None:
    path = checkpoint_path(folder, "tiny", 4)
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)


def test_a_setting_that_an_older_version_did_not_know_was_its_default(tiny_yaml: Path, half: Path) -> None:
    edit(half, lambda state: [state["config"]["trainer_cfg"].pop(key) for key in ("frozen_mode", "freeze")])
    with pytest.raises(ConfigError, match=r"frozen_mode was eval and is train now"):
        run(tiny_yaml, "trainer_cfg.frozen_mode=train", resume=True)
    run(tiny_yaml, resume=True)


def test_a_checkpoint_without_a_configuration_is_taken(tiny_yaml: Path, half: Path) -> None:
    edit(half, lambda state: [state.pop(key) for key in ("config", "data", "machine", "init")])
    with pytest.raises(ConfigError, match=r"trainer_cfg.seed was 0 and is 7 now"):
        run(tiny_yaml, "trainer_cfg.seed=7", resume=True)
    run(tiny_yaml, "trainer_cfg.sampler.batch_size=4", resume=True)


def test_a_checkpoint_may_hold_anything(tiny_yaml: Path, half: Path) -> None:
    kept = checkpoint_path(half, "tiny", 4).read_bytes()
    for part in ("config", "rng", "data", "machine", "init"):
        for value in ({"trainer_cfg": 3, "seed": "x"}, [3], {"a": {"b": None}}):
            checkpoint_path(half, "tiny", 4).write_bytes(kept)
            edit(half, lambda state, part=part, value=value: state.update({part: value}))
            with contextlib.suppress(GaitPluginsError):
                run(tiny_yaml, HALF, resume=True)


# --- data -----------------------------------------------------------------------------------------


def test_other_sequences_are_another_training(
    tiny_yaml: Path, half: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = TinyWalks.sequences

    def fewer(self: TinyWalks, subset: Any) -> list[SequenceRef]:
        return listed(self, subset)[:-1]

    monkeypatch.setattr(TinyWalks, "sequences", fewer)
    before = files(half)
    with pytest.raises(ConfigError, match=r"training sequences was 20 of 4 .* and is 19 of 4"):
        run(tiny_yaml, resume=True)
    assert files(half) == before
    run(tiny_yaml, resume=True, allow_changes=True)
    assert read_changes(half)[0]["changes"][0]["name"] == "training sequences"


def test_the_order_of_the_sequences_counts(
    tiny_yaml: Path, half: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = TinyWalks.sequences
    monkeypatch.setattr(TinyWalks, "sequences", lambda self, subset: listed(self, subset)[::-1])
    with pytest.raises(ConfigError, match="training sequences"):
        run(tiny_yaml, resume=True)


class PlacedWalks(TinyWalks):
    """The tiny data set, somewhere."""

    def __init__(self, dataset_root: str, store: str = "a", identities: int = 4) -> None:
        super().__init__(identities)

    indifferent_options = TinyWalks.indifferent_options | {"store"}


@pytest.fixture
def placed(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The override that chooses it."""
    from gait_plugins import hookimpl

    class Placed:
        """The manifest."""

        @hookimpl
        def gait_datasets(self) -> dict[str, type]:
            return {"PlacedWalks": PlacedWalks}

    tiny.register(Placed(), distribution="placed-gait")
    return "data_cfg={type: PlacedWalks, dataset_name: Tiny, num_workers: 0}"


def test_data_may_move(tiny_yaml: Path, folder: Path, placed: str, caplog: pytest.LogCaptureFixture) -> None:
    tiny_yaml.write_text(
        tiny_yaml.read_text().replace("type: TinyWalks", "type: PlacedWalks, dataset_root: here")
    )
    run(tiny_yaml, HALF)
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        run(
            tiny_yaml,
            "data_cfg.dataset_root=there",
            "data_cfg.store=b",
            "trainer_cfg.total_iter=5",
            resume=True,
        )
    assert caplog.messages == []
    shutil.move(checkpoint_path(folder, "tiny", 5), folder / "kept")
    edit(folder, lambda state: state.pop("data"))  # as an older version wrote it
    run(tiny_yaml, "data_cfg.dataset_root=there", resume=True)
    (warning,) = caplog.messages
    assert "they are taken to be the same:\n  data_cfg.dataset_root was here and is there now" in warning


# --- machine --------------------------------------------------------------------------------------


def test_another_number_of_threads_or_processes_is_told_with_both_numbers(
    tiny_yaml: Path, half: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    state = final(half, 4)
    assert state["machine"] == {"device": "cpu", "processes": 1, "threads": 1, "precision": "32-true"}
    environment = json.loads((half / "environment.json").read_text())
    assert (environment["threads"], environment["processes"]) == (1, 1)
    edit(half, lambda state: state["machine"].update(threads=4, processes=2))
    run(tiny_yaml, resume=True)
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "processes 2 then, 1 now; threads 4 then, 1 now" in warning
    assert [c["name"] for c in read_changes(half)[0]["changes"]] == ["processes", "threads"]


def test_of_an_older_checkpoint_the_run_folder_knows_the_threads(
    tiny_yaml: Path, half: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edit(half, lambda state: state.pop("machine"))
    environment = json.loads((half / "environment.json").read_text())
    del environment["processes"]
    (half / "environment.json").write_text(json.dumps({**environment, "threads": 3}))
    run(tiny_yaml, resume=True)
    assert any("threads 3 then, 1 now" in message for message in caplog.messages)


def test_the_precision_that_was_computed_in_counts(
    tiny_yaml: Path, half: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(half, lambda state: state["machine"].update(precision="16-mixed", device="cuda"))
    with pytest.raises(ConfigError, match=r"trainer_cfg.precision was 16-mixed and is 32-true now"):
        run(tiny_yaml, resume=True)
