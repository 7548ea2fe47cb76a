"""The retention report: two runs under the same conditions, as a table and as a picture."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from gait_plugins.cli.program import app
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.resgait.retention.plot import DPI, MARGIN, PANEL, plot_retention
from gait_plugins.plugins.resgait.retention.report import curves, retention

Figures = dict[str, dict[str, float]]
BEFORE: Figures = {
    "as they are": {"NM@R1": 80.0, "CL@R1": 60.0, "mAP": 50.0},
    "top 0.4": {"NM@R1": 20.0, "CL@R1": 8.0, "mAP": 9.0},
    "top 20%": {"NM@R1": 50.0, "CL@R1": 20.0, "mAP": 9.0},
    "dark": {"NM@R1": 10.0, "CL@R1": 10.0, "mAP": 9.0},
}
AFTER: Figures = {
    "as they are": {"NM@R1": 79.0, "CL@R1": 58.2, "mAP": 50.0},
    "top 0.4": {"NM@R1": 60.0, "CL@R1": 24.0, "mAP": 9.0},
    "top 20%": {"NM@R1": 70.0, "CL@R1": 35.0, "mAP": 9.0},
}


def run(folder: Path, figures: Figures, name: str = "results-160-evaluate_indoor_dataset.json") -> Path:
    folder.mkdir(exist_ok=True)
    conditions = {"changed": "probes", "metrics": figures}
    (folder / name).write_text(json.dumps({"details": {"conditions": conditions}}))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    return run(tmp_path / "gse", BEFORE), run(tmp_path / "residual", AFTER)


def test_shares_of_the_bound_are_means_over_the_first_ranks(runs: tuple[Path, Path]) -> None:
    found = retention(*runs)
    assert found.figures == ("NM@R1", "CL@R1")
    assert (found.bound, found.whole) == (70.0, pytest.approx(68.6))
    assert found.retention == pytest.approx(0.98)
    assert [row.condition for row in found.rows] == ["top 0.4", "top 20%"]  # what both were scored under
    assert found.rows[0] == ("top 0.4", 14.0, 42.0, pytest.approx(0.2), pytest.approx(0.6))
    assert retention(*runs, figures=["mAP"]).bound == 50


def test_every_kind_has_its_mean_and_the_runs_their_names(runs: tuple[Path, Path]) -> None:
    found = retention(*runs)
    assert found.kinds == (("top", 24.5, 47.25, pytest.approx(0.35), pytest.approx(0.675)),)
    assert found.title == "Rank-1 (%), mean of NM, CL"
    assert retention(*runs, figures=["mAP"]).title == "mAP (%)"
    lines = found.lines()
    assert lines[0] == ["", "gse", "residual", "RP gse", "RP residual", "gain of RP"]
    assert lines[-1] == ["top, mean", "24.50", "47.25", "0.350", "0.675", "+0.325"]
    same = retention(runs[0], run(runs[1] / "gse", AFTER))
    assert same.names == ("before", "after")


def test_amounts_are_read_off_the_names(runs: tuple[Path, Path]) -> None:
    found = curves(retention(*runs).rows)
    assert [(amount, row.condition) for amount, row in found["top"]] == [(0.2, "top 20%"), (0.4, "top 0.4")]


def test_the_newest_results_with_conditions_count(runs: tuple[Path, Path]) -> None:
    run(runs[1], {"as they are": {"NM@R1": 1.0}}, "results-200-evaluate_own_data.json")
    assert retention(*runs).whole == pytest.approx(68.6)
    run(runs[1], {**AFTER, "as they are": {"NM@R1": 70.0, "CL@R1": 70.0}}, "results-180.json")
    assert retention(*runs).retention == 1
    assert retention(*runs, steps=(None, 160)).whole == pytest.approx(68.6)


@pytest.mark.parametrize(("kinds", "rows", "columns"), [(1, 1, 1), (4, 1, 4), (5, 2, 3)])
def test_the_picture_has_a_panel_for_each_kind(kinds: int, rows: int, columns: int, tmp_path: Path) -> None:
    figures = {"as they are": {"Rank-1": 80.0}, **{f"k{i} 20%": {"Rank-1": 40.0} for i in range(kinds)}}
    found = retention(run(tmp_path / "gse", figures), run(tmp_path / "residual", figures))
    image = cv2.imread(str(plot_retention(found, tmp_path / "plots" / "retention.png")))
    assert image is not None
    high, wide = (
        round(DPI * (a * b + c)) for a, b, c in zip(PANEL[::-1], (rows, columns), MARGIN[::-1], strict=True)
    )
    assert image.shape[:2] == (high, wide)
    assert len(set(map(tuple, image.reshape(-1, 3)))) > 10


def test_without_matplotlib_the_extra_is_named(
    runs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ConfigError, match="matplotlib") as caught:
        plot_retention(retention(*runs), tmp_path / "x.png")
    assert "[viz]" in str(caught.value)


def test_what_cannot_be_compared_is_told(runs: tuple[Path, Path], tmp_path: Path) -> None:
    bare = run(tmp_path / "bare", {"as they are": {"NM@R1": 1.0}})
    with pytest.raises(DataError, match="not scored under conditions"):
        retention(runs[0], bare)
    with pytest.raises(DataError, match="no such run folder"):
        retention(runs[0], tmp_path / "nothing")
    with pytest.raises(DataError, match="figure BG@R1"):
        retention(*runs, figures=["BG@R1"])
    other = run(tmp_path / "other", {"as they are": {"NM@R1": 1.0}, "wet": {"NM@R1": 1.0}})
    with pytest.raises(DataError, match="no condition in common"):
        retention(runs[0], other)
    unnumbered = dict.fromkeys(("as they are", "dark"), AFTER["as they are"])
    with pytest.raises(DataError, match="ends with an amount"):
        plot_retention(retention(runs[0], run(tmp_path / "dark", unnumbered)), tmp_path / "x.png")
    (runs[1] / "results-160-evaluate_indoor_dataset.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        retention(*runs)


def test_the_command_prints_the_table_and_writes_the_picture(runs: tuple[Path, Path], tmp_path: Path) -> None:
    picture = tmp_path / "r.png"
    done = CliRunner().invoke(app, ["runs", "retention", *map(str, runs), "--out", str(picture)])
    assert done.exit_code == 0, done.output
    assert "bound 70.00 (gse, as they are), retention 0.980" in done.output
    assert "+0.400" in done.output
    assert picture.is_file()
    as_json = CliRunner().invoke(app, ["runs", "retention", *map(str, runs), "--json", "--figure", "mAP"])
    assert json.loads(as_json.output)["retention"] == 1
