"""Results are shown as tables and written as JSON and CSV."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from gait_plugins import Results, Table
from gait_plugins.core.evaluate.report import print_results, results_to_csv, results_to_json, write_results


@pytest.fixture
def results():
    return Results(
        protocol="evaluate_indoor_dataset: [euc]",
        dataset="CASIA-B",
        metrics={"NM@R1": np.float64(98.765), "CL@R1": 87.0},
        probes=20,
        gallery=40,
        probes_without_match=3,
        tables=(Table("Rank-1", ("", "000", "mean"), (("NM", "98.77", "98.77"), ("CL", "-", "-"))),),
        details={"matrix": np.array([[1.0, np.nan]]), "views": ("000",), "count": np.int64(3)},
        notes=("BG is left out",),
    )


def _printed(results):
    console = Console(file=io.StringIO(), width=100)
    print_results(results, console)
    return console.file.getvalue()


def test_print_shows_protocol_counts_figures_and_notes(results):
    text = _printed(results)
    for part in ("CASIA-B: evaluate_indoor_dataset: [euc]", "20 probes, 40 gallery", "3 probes without"):
        assert part in text
    for part in ("Rank-1", "000", "mean", "98.77", "note: BG is left out"):
        assert part in text


def test_print_without_tables_shows_the_metrics(results):
    bare = Results(results.protocol, results.dataset, results.metrics, 1, 2)
    assert "NM@R1" in _printed(bare)
    assert "87.00" in _printed(bare)


def test_data_scored_by_the_names_of_another_data_set_are_called_by_their_own(results):
    walkers = dataclasses.replace(results, dataset="walkers", scored_as="CASIA-B")
    assert "walkers (scored as CASIA-B): evaluate_indoor_dataset" in _printed(walkers)
    assert results_to_json(walkers)["scored_as"] == "CASIA-B"
    assert results_to_json(results)["scored_as"] == results.dataset


def test_figures_of_many_views_are_never_cut(results):
    views = tuple(f"{angle:03d}" for angle in range(0, 181, 18))
    figures = tuple(f"{90 + n / 7:.2f}" for n in range(len(views)))
    wide = Table("Rank-1", ("", *views), (("NM", *figures), ("BG", *["100.00"] * len(views))))
    console = Console(file=io.StringIO(), width=40)
    print_results(dataclasses.replace(results, tables=(wide,)), console)
    lines = console.file.getvalue().splitlines()
    assert any(line.split() == list(views) for line in lines)
    assert any(line.split() == ["NM", *figures] for line in lines)


def test_json_is_plain_and_strict(results):
    data = results_to_json(results, step=7)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["details"] == {"matrix": [[1.0, None]], "views": ["000"], "count": 3}
    assert (data["step"], data["metrics"]["NM@R1"], data["notes"]) == (7, 98.765, ["BG is left out"])


def test_csv_keeps_the_figures_unrounded(results):
    lines = list(csv.DictReader(io.StringIO(results_to_csv(results))))
    assert [(line["figure"], float(line["value"])) for line in lines] == list(results.metrics.items())


def test_csv_says_of_every_figure_what_it_was_found_by(results):
    for line in csv.DictReader(io.StringIO(results_to_csv(results))):
        assert line["protocol"] == results.protocol
        assert (line["dataset"], line["probes"], line["probes_without_match"]) == ("CASIA-B", "20", "3")


def test_a_protocols_own_files_lie_beside_the_figures(results, tmp_path, caplog):
    caplog.set_level("INFO")
    files = {"GREW_submission.csv": "videoId,rank1\n", "../../elsewhere.csv": "x\n"}
    path = write_results(
        dataclasses.replace(results, metrics={}, files=files), tmp_path / "run", 120, "GREW_submission"
    )
    assert (tmp_path / "run" / "GREW_submission-120.csv").read_text() == "videoId,rank1\n"
    assert (tmp_path / "run" / "elsewhere-120.csv").read_text() == "x\n"
    assert json.loads(path.read_text())["files"] == ["GREW_submission-120.csv", "elsewhere-120.csv"]
    assert f"written: {tmp_path / 'run' / 'GREW_submission-120.csv'}" in caplog.text
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_written_files_are_whole(results, tmp_path):
    path = write_results(results, tmp_path, 120, "acme-gait/indoor")
    assert path == tmp_path / "results-120-indoor.json"
    assert json.loads(path.read_text())["metrics"]["CL@R1"] == 87.0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results-120-indoor.csv", "results-120-indoor.json"]


def test_a_failing_write_leaves_the_previous_file(results, tmp_path):
    path = write_results(results, tmp_path, 1, "indoor")
    before = path.read_bytes()
    broken = Results("p", "d", {"x": 1.0}, 1, 1, details={"odd": object()})
    with pytest.raises(TypeError):
        write_results(broken, tmp_path, 1, "indoor")
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results-1-indoor.csv", "results-1-indoor.json"]
