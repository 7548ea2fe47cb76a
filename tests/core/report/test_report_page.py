"""The page of a report: what is on it, that it is the same again, and what it says where something lacks."""

from __future__ import annotations

import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from helpers.components.report_runs import grow
from typer.testing import CliRunner

import gait_plugins
from gait_plugins import ConfigError, DataError
from gait_plugins.cli import app
from gait_plugins.core.report.folders import names_of, read_run
from gait_plugins.core.tools.embeddings import read_embeddings

SECTIONS = ["figures", "training", "cmc", "views", "errors", "embeddings", "probes", "configuration"]


class Page(HTMLParser):
    """What a page holds: sections, named pictures, links, and whether every element is closed."""

    VOID = ("meta", "link", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.open: list[str] = []
        self.sections: list[str] = []
        self.pictures: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "section":
            self.sections.append(str(found["id"]))
        if tag == "svg":
            self.pictures.append(str(found["aria-label"]))
        self.links += [str(found[name]) for name in ("href", "src") if name in found]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def section(self, name: str) -> str:
        """The text of a section, without its marks."""
        found = re.search(rf'<section id="{name}">(.*?)</section>', self.text, re.DOTALL)
        assert found is not None
        return re.sub(r"<[^>]+>", " ", found[1])


def made(*runs: Path, **options: object) -> Page:
    page = gait_plugins.report(*runs, device="cpu", **{"projection": "pca", **options})  # type: ignore[arg-type]
    return Page(page.read_text(encoding="utf-8"))


def test_a_run_has_all_sections_and_pictures(tested: Path, tmp_path: Path):
    page = made(tested, out=tmp_path / "page.html")
    assert page.sections == SECTIONS
    assert all(page.pictures)
    assert len(page.pictures) >= 3 + 1 + 3 + 3 + 3 + 9  # training, CMC, views, errors, embeddings, probes
    assert "<script" not in page.text
    strange = [link for link in page.links if not link.startswith(("#", "data:"))]
    assert strange == []  # nothing is fetched


def test_the_same_run_gives_the_same_page(tested: Path, tmp_path: Path):
    pages = [made(tested, out=tmp_path / name).text for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


@pytest.mark.heavy
def test_dots_are_placed_by_umap_where_it_is_installed(tested: Path, tmp_path: Path):
    pytest.importorskip("umap", reason="umap-learn is not installed: the extra [umap]")
    pages = [made(tested, out=tmp_path / name, projection="umap") for name in ("a.html", "b.html")]
    assert "placed by UMAP" in pages[0].section("embeddings")
    assert pages[0].text == pages[1].text


def test_without_umap_the_section_says_what_to_install(
    tested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "umap" else real(name, *a)
    )
    page = made(tested, out=tmp_path / "page.html", projection="umap")
    assert "gait-plugins-trackletgait[umap]" in page.section("embeddings")
    assert "placed by PCA" in made(tested, out=tmp_path / "page.html", projection="auto").section(
        "embeddings"
    )


def test_the_curve_begins_at_the_figures_of_the_protocol(tested: Path, tmp_path: Path):
    page = made(tested, out=tmp_path / "page.html")
    (curve,) = [each for each in page.pictures if each.startswith("Share of probes")]
    results = json.loads(next(tested.glob("results-*.json")).read_text())
    for name, value in results["metrics"].items():
        assert f"{name.removesuffix('@R1')} {value:.1f} %" in curve


def test_a_resumed_training_is_one_curve(tested: Path):
    steps = [each["step"] for each in read_run(tested, "demo").records if each["type"] == "step"]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_an_unfinished_run_says_where_it_ends(run: Path, tmp_path: Path):
    for path in [*run.glob("results-*"), *run.glob("embeddings-*"), run / "log.jsonl"]:
        path.unlink()
    (run / "log.jsonl").write_text(
        '{"type": "run_begin", "phase": "train", "first_step": 0, "total_steps": 9}\n'
        '{"type": "step", "time": 1, "step": 4, "metrics": {"scalar/loss": 1.0}}\n'
    )
    page = made(run, out=tmp_path / "page.html", embed=False)
    assert page.sections == ["training", "cmc", "configuration"]
    assert "its record ends at step 4 of 9" in page.text
    assert "gait-plugins test CONFIG scores" in page.text
    assert "--no-embed" in page.section("cmc")


def test_an_older_run_says_so(run: Path, tmp_path: Path):
    path = run / "test" / "environment.json"
    told = json.loads(path.read_text())
    told["packages"]["gait-plugins-trackletgait"] = "0.0.9"
    path.write_text(json.dumps(told))
    assert "The run was made by version 0.0.9" in made(run, out=tmp_path / "page.html").text


def test_without_its_data_a_run_has_no_strips_and_says_why(run: Path, tmp_path: Path):
    path = run / "test" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["data_cfg"] |= {"type": "OpenGaitLayout", "dataset_root": "/nowhere/at/all"}
    for option in ("train", "test", "seed"):
        config["data_cfg"].pop(option, None)
    (tmp_path / "partition.json").write_text('{"TRAIN_SET": ["1"], "TEST_SET": ["2"]}')
    config["data_cfg"]["dataset_partition"] = str(tmp_path / "partition.json")
    path.write_text(yaml.safe_dump(config))
    page = made(run, out=tmp_path / "page.html")
    assert "cmc" in page.sections
    assert "The strips are left out, because the data cannot be read now" in page.section("probes")
    assert "data_cfg.dataset_root=DIR" in page.section("probes")


def test_embeddings_of_other_weights_are_not_taken(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (kept,) = run.glob("embeddings-*.npz")
    kept.write_bytes(b"broken")
    page = made(run, out=tmp_path / "page.html")
    assert "not a file of embeddings" in caplog.text
    assert page.sections == SECTIONS
    assert len(read_embeddings(kept)) == 240


def test_embeddings_by_other_settings_are_neither_kept_nor_taken(run: Path, tmp_path: Path):
    (kept,) = run.glob("embeddings-*.npz")
    count = len(read_embeddings(kept))
    few = made(run, out=tmp_path / "few.html", overrides=("data_cfg.test=3",))
    assert f"{count * 3 // 4} walks in two dimensions" in " ".join(few.pictures)
    assert len(read_embeddings(kept)) == count
    kept.unlink()
    made(run, out=tmp_path / "few.html", overrides=("data_cfg.test=3",))
    assert not kept.exists()


def test_embeddings_that_cannot_be_kept_are_shown(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (kept,) = run.glob("embeddings-*.npz")
    kept.unlink()
    kept.mkdir()
    page = made(run, out=tmp_path / "page.html")
    assert page.sections == SECTIONS
    assert (
        "these embeddings are not kept: the embeddings cannot be written there: it is a folder" in caplog.text
    )


def test_two_runs_lie_side_by_side_with_what_differs(tested: Path, run: Path, tmp_path: Path):
    path = run / "test" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["trainer_cfg"]["seed"] = 7
    config["data_cfg"]["dataset_name"] = "elsewhere"
    path.write_text(yaml.safe_dump(config))
    results = next(run.glob("results-*.json"))
    told = json.loads(results.read_text()) | {"dataset": "elsewhere"}
    results.write_text(json.dumps(told))
    page = made(tested, run, out=tmp_path / "page.html")
    assert page.sections == ["figures", "comparison", *SECTIONS[1:]]
    assert "trainer_cfg.seed" in page.section("comparison")
    assert "The runs are of different data sets" in page.section("comparison")
    assert "These figures cannot be compared" in page.section("figures")


def test_runs_that_were_never_tested_are_compared_by_their_settings(run: Path, tested: Path, tmp_path: Path):
    for path in run.glob("results-*"):
        path.unlink()
    page = made(tested, run, out=tmp_path / "page.html")
    assert "What differs" in page.text
    assert "The run has no results" in page.text


def test_names_are_as_long_as_they_must_be(tmp_path: Path):
    folders = [tmp_path / name for name in ("a/M/demo", "b/M/demo")]
    assert names_of(folders[:1]) == ["M/demo"]
    assert names_of(folders) == ["a/M/demo", "b/M/demo"]
    with pytest.raises(ConfigError, match="given twice"):
        names_of([folders[0], tmp_path / "a" / "M" / ".." / "M" / "demo"])


def test_many_sequences_and_odd_names_make_a_small_page(run: Path, tmp_path: Path):
    """Names are data: they may hold marks of HTML. A page for 1,000 probes stays under 5 MB."""
    grow(run, 1700, odd=True)
    page = made(run, out=tmp_path / "page.html")
    assert "<script" not in page.text
    (walks,) = [each for each in page.pictures if each.endswith("coloured by view: 6 different ones.")]
    assert walks.startswith("1500 walks")
    assert len(page.text.encode()) < 5e6


@pytest.mark.heavy
def test_pictures_are_written_as_svg_and_png(tested: Path, tmp_path: Path):
    page = made(tested, out=tmp_path / "page.html", pictures=tmp_path / "pictures")
    names = {path.stem for path in (tmp_path / "pictures").glob("*.svg")}
    assert names == {path.stem for path in (tmp_path / "pictures").glob("*.png")}
    assert len(names) == len(page.pictures)
    assert "cmc-curve" in names


@pytest.mark.heavy
def test_tensorboard_gets_pictures_embeddings_and_settings(run: Path, tmp_path: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # the second takes the place of the first
        made(run, out=tmp_path / "page.html", tensorboard=True)
    board = run / "summary" / "report"
    events = EventAccumulator(str(board)).Reload()
    assert "report/cmc-curve" in events.Tags()["images"]
    assert len(events.Images("report/cmc-curve")) == 1
    assert (board / "projector_config.pbtxt").is_file()
    (metadata,) = board.rglob("metadata.tsv")
    assert metadata.read_text().splitlines()[0] == "person\tview\tcondition"
    assert list((board / "settings").glob("events.*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["report", "nowhere"], "there is no such folder"),
        (["report", "EMPTY"], "this is not a run folder"),
        (["report", "FILE"], "this is a file, expected a run folder"),
        (["report", "RUN", "RUN"], "this run folder is given twice"),
        (["report", "RUN", "-O", "page.txt"], "a report is written as .html, got .txt"),
        (["report", "RUN", "-O", "FOLDER"], "the page cannot be written there: it is a folder"),
        (["report", "RUN", "-O", "FILE/page.html"], "the page cannot be written there: file is a file"),
        (["report", "RUN", "--pictures", "FILE"], "the pictures cannot be written there: file is a file"),
        (["report", "RUN", "-O", "NEW", "-o", "data_cfg.tset=3"], "did you mean 'test'?"),
        (["report", "RUN", "--step", "77"], "no results of step 77"),
        (["report", "RUN", "--projection", "tsne"], "expected auto, pca or umap"),
    ],
)
def test_bad_input_is_told_in_words(words: list[str], said: str, tested: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder.html").mkdir()
    places = {
        "RUN": tested,
        "EMPTY": tmp_path / "empty",
        "FILE": tmp_path / "file",
        "FILE/page.html": tmp_path / "file" / "page.html",
        "FOLDER": tmp_path / "folder.html",
        "NEW": tmp_path / "new.html",
    }
    done = CliRunner().invoke(app, [str(places.get(word, word)) for word in words])
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_damaged_records_are_told_in_words(run: Path, tmp_path: Path):
    (run / "test" / "config.yaml").write_text("a: [")
    with pytest.raises(DataError, match="cannot be read"):
        made(run, out=tmp_path / "page.html")
