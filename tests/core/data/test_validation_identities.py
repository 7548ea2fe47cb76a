"""``data_cfg.validation``: identities that are held out, scored during the training, and never trained on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.components.tiny import Nearest, TinyWalks
from helpers.components.tiny_training import equal, final, run, trained

from gait_plugins import ConfigError, DataError, Results, SequenceRef
from gait_plugins.api import EmbeddingSet
from gait_plugins.config import load_config
from gait_plugins.core.assembly.batches import build_batches
from gait_plugins.core.assembly.components import build_dataset
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.core.data.validation_split import HeldOutDataset, split
from gait_plugins.errors import GaitPluginsError

pytestmark = pytest.mark.usefixtures("tiny")
TEN = "data_cfg.identities=10"
TWO = "data_cfg.validation=2"
CLASSES = "model_cfg.classes=10"
BEST = "trainer_cfg.keep_best={metric: R1}"
TESTED = "trainer_cfg.with_test=true"
FIGURES = {2: 50.0, 4: 75.0, 6: 60.0, 8: 60.0, 10: 60.0, 12: 90.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Who was scored, time after time; the n-th time the figure of step 2n is found."""
    seen: list[tuple[str, ...]] = []

    def evaluate(self: Nearest, data: EmbeddingSet) -> Results:
        seen.append(tuple(dict.fromkeys(data.labels.tolist())))
        return Results("told", data.dataset_name, {"R1": FIGURES[min(2 * len(seen), 12)]}, len(data), 1)

    monkeypatch.setattr(Nearest, "evaluate", evaluate)
    return seen


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Who was trained on."""
    seen: set[str] = set()
    sample = BatchMaker.__getitem__

    def noted(self: BatchMaker, number: int) -> Any:
        batch = sample(self, number)
        if not self.by_sequence:
            seen.update(self.index.refs[position].label for position in batch.positions)
        return batch

    monkeypatch.setattr(BatchMaker, "__getitem__", noted)
    return seen


def refs(*labels: str, walks: int = 2) -> list[SequenceRef]:
    return [SequenceRef(label, f"nm-{walk:02d}", "000", None) for label in labels for walk in range(walks)]


def labels_of(sequences: list[SequenceRef]) -> list[str]:
    return list(dict.fromkeys(ref.label for ref in sequences))


@pytest.mark.parametrize(
    ("wanted", "out"),
    [(None, ""), (2, "af"), (0.3, "adg"), (5, "acegi"), (["j", "b"], "bj"), (0.24, "af")],
)
def test_number_share_or_names_say_who_is_held_out(wanted: Any, out: str):
    rest, held_out = split(refs(*"abcdefghij"), wanted)
    assert "".join(labels_of(held_out)) == out
    assert len(rest) + len(held_out) == 20
    assert not set(labels_of(rest)) & set(labels_of(held_out))


def test_nobody_is_scored_who_is_trained_on_and_the_test_set_waits(
    tiny_yaml: Path, folder: Path, scored: list[tuple[str, ...]], loaded: set[str]
):
    results = run(tiny_yaml, TEN, TWO, CLASSES, BEST, TESTED, "trainer_cfg.total_iter=8")
    validation, test = ("000", "005"), tuple(f"{number:03d}" for number in range(10, 20))
    assert scored == [*[validation] * 4, test]
    assert len(loaded) > 4
    assert not loaded & {*validation, *test}
    assert json.loads((folder / "validation_set.json").read_text()) == list(validation)
    assert list(json.loads((folder / "validation.json").read_text())) == ["2", "4", "6", "8"]
    # The test is that of the best step, by its weights.
    assert [path.name for path in folder.glob("results-*.json")] == ["results-4-Nearest.json"]
    assert load_checkpoint(folder / "checkpoints" / "best.pt")["iteration"] == 4
    assert results is not None
    assert results.subset == "test"


def test_the_last_weights_are_tested_where_no_best_are_kept(
    tiny_yaml: Path, folder: Path, scored: list[tuple[str, ...]]
):
    run(tiny_yaml, TEN, TWO, CLASSES, TESTED)
    assert [path.name for path in folder.glob("results-*.json")] == ["results-6-Nearest.json"]
    assert len(scored) == 4


def test_without_a_test_only_the_validation_is_told(tiny_yaml: Path, folder: Path, scored: list[Any]):
    results = run(tiny_yaml, TEN, TWO, CLASSES)
    assert results is not None
    assert results.subset == "validation"
    assert results.dataset == "Tiny, held out of training"
    assert list(results.scalars()) == ["scalar/validation_accuracy/R1"]
    assert len(scored) == 3
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [r["subset"] for r in records if r["type"] == "results"] == ["validation"] * 3
    assert not list(folder.glob("results-*.json"))


def test_the_best_weights_are_those_that_are_tested(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, TEN, TWO, CLASSES, BEST, TESTED)
    tested = next(folder.glob("results-*.json"))
    config = ["evaluator_cfg.restore_hint=best", f"output_dir={folder.parents[2]}", TEN, CLASSES]
    from gait_plugins.core.evaluate.score import score
    from gait_plugins.core.runtime.options import RunOptions

    told = json.loads(tested.read_text())
    again = score(load_config(str(tiny_yaml), overrides=config), RunOptions(device="cpu"))
    assert again is not None
    assert again.metrics == told["metrics"]


def test_an_early_end_is_followed_by_the_test(
    tiny_yaml: Path, folder: Path, scored: list[tuple[str, ...]], loaded: set[str]
):
    stopping = ("trainer_cfg.early_stopping={patience: 2}", "trainer_cfg.total_iter=12")
    run(tiny_yaml, TEN, TWO, CLASSES, BEST, TESTED, *stopping)
    assert [len(who) for who in scored] == [2, 2, 2, 2, 10]
    run(tiny_yaml, TEN, TWO, CLASSES, BEST, TESTED, *stopping, resume=True)  # all is done
    assert len(scored) == 5


def test_what_an_earlier_training_left_in_the_folder_is_no_test_of_this_one(
    tiny_yaml: Path, folder: Path, scored: list[Any]
):
    run(tiny_yaml, TEN, TWO, CLASSES, TESTED)
    shutil.rmtree(folder / "checkpoints")
    run(tiny_yaml, TEN, TWO, CLASSES, TESTED)
    assert len(scored) == 8
    shutil.rmtree(folder / "checkpoints")
    run(tiny_yaml, TEN, CLASSES)
    assert not (folder / "validation_set.json").exists()
    run(tiny_yaml, TEN, CLASSES, "trainer_cfg.total_iter=8", resume=True)


@pytest.mark.parametrize("lost", ["the test", "the last validation", "two steps"])
def test_what_a_kill_has_left_undone_is_done_by_going_on(tiny_yaml: Path, folder: Path, lost: str):
    overrides = (TEN, TWO, CLASSES, BEST, TESTED)
    run(tiny_yaml, *overrides)
    whole, best = final(folder), load_checkpoint(folder / "checkpoints" / "best.pt")
    figures = json.loads((folder / "validation.json").read_text())
    tested = {path.name: path.read_bytes() for path in folder.glob("results-*")}
    for path in folder.glob("results-*"):
        path.unlink()
    if lost != "the test":
        known = {step: figures[step] for step in ("2", "4")[: 2 if lost == "the last validation" else 1]}
        (folder / "validation.json").write_text(json.dumps(known))
    if lost == "two steps":
        (folder / "checkpoints" / "tiny-00006.pt").unlink()
        (folder / "checkpoints" / "tiny-00004.pt").unlink()
    run(tiny_yaml, *overrides, resume=True)
    assert equal(trained(final(folder)), trained(whole))
    assert equal(trained(load_checkpoint(folder / "checkpoints" / "best.pt")), trained(best))
    assert json.loads((folder / "validation.json").read_text()) == figures
    assert {path.name: path.read_bytes() for path in folder.glob("results-*")} == tested


def test_a_training_does_not_go_on_with_others_held_out(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, TEN, TWO, CLASSES)
    for other in ("data_cfg.validation=3", "data_cfg.validation=null"):
        with pytest.raises(
            ConfigError, match=r"2 identities were held out; .* cannot be used for validation"
        ):
            run(tiny_yaml, TEN, other, CLASSES, "trainer_cfg.total_iter=8", resume=True)
    run(tiny_yaml, TEN, "data_cfg.validation=['005', '000']", CLASSES, resume=True)


def test_too_many_classes_are_told_by_those_that_remain(tiny_yaml: Path, caplog: pytest.LogCaptureFixture):
    run(tiny_yaml, TEN, TWO, CLASSES, "trainer_cfg.total_iter=1")
    assert "is for 10 identities, the training set has 8: -o model_cfg.classes=8" in caplog.text
    run(tiny_yaml, TEN, TWO, "model_cfg.classes=8", "trainer_cfg.total_iter=1", overwrite=True)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("1", r"at least two identities"),
        ("1.5", r"a share must lie between 0 and 1"),
        ("['001']", r"at least two different identities"),
        ("4", r"4 of 4 training identities are held out: none is left"),
        ("0.9", r"none is left"),
        ("0.3", r"0.3 of 4 training identities is 1: at least two"),
        ("['001', '0003']", r"no training identity '0003' among the 4"),
        ("['000', '001', '002', '003']", r"none is left"),
        ("many", r"validation"),
    ],
)
def test_who_cannot_be_held_out_is_an_error_before_any_step(
    tiny_yaml: Path, folder: Path, wanted: str, words: str
):
    with pytest.raises(ConfigError, match=words):
        run(tiny_yaml, f"data_cfg.validation={wanted}")
    assert not folder.exists()


def test_held_out_people_without_positives_are_an_error_before_any_step(tiny_yaml: Path, folder: Path):
    overrides = (TEN, TWO, CLASSES, "data_cfg.walks=1", "evaluator_cfg.eval_func=evaluate_frames")
    with pytest.raises(GaitPluginsError, match=r"2 held-out identities \(000, 005\) cannot be") as e:
        run(tiny_yaml, *overrides)
    assert "no identity of Tiny has a second frame" in str(e.value)
    assert e.value.where == "data_cfg.validation"
    assert not folder.exists()


def test_a_probe_set_is_made_where_the_data_has_one(monkeypatch: pytest.MonkeyPatch):
    held_out = HeldOutDataset(TinyWalks(), refs("a", "b"))
    assert held_out.probe_set() is None
    monkeypatch.setattr(TinyWalks, "probe_set", lambda self: frozenset({"007-nm-00-090"}))
    assert held_out.probe_set() == {"a-nm-00-000", "b-nm-00-000"}
    assert held_out.sequences("train") == []


def test_the_whole_training_set_is_there_without_the_setting(tiny_yaml: Path):
    config = load_config(str(tiny_yaml), overrides=[TEN])
    dataset = build_dataset(config)
    assert len(build_batches(config, dataset, "train").index) == len(dataset.sequences("train"))
    with pytest.raises(DataError, match="there is no validation sequence"):
        build_batches(config, dataset, "validation")
