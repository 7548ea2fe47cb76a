"""Names that no one would choose: never raw in what commands show or write, and never a traceback."""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.components.tiny_training import run
from typer.testing import CliRunner

from gait_plugins.api import Results, Table
from gait_plugins.cli.program import app
from gait_plugins.core.evaluate.report import print_results, write_results
from gait_plugins.io.tables import csv_rows
from gait_plugins.registry.manager import Manager

RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2028\ud800-\udfff]")
NAMES = ["\x1b]0;title\x07", "\x1b[31mred", "two\nerror: lines", "tab\t", "\x7f", "\x9b2J", "\u202eleft"]
NAMES += ["a\u200bb", "=1+1", "@x", "[bold]", "%s", "{id}", "plain", "René"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Prepared data of these identities, and one whose name is no UTF-8."""
    frames = np.zeros((16, 64, 44), np.uint8)
    frames[:, 8:60, 12:32] = 255
    for name in [*map(os.fsencode, NAMES), b"Ren\xe9", b"002"]:
        for view in (b"000", b"\x1b090"):
            folder = os.path.join(os.fsencode(tmp_path), b"data", name, b"nm-01", view)
            os.makedirs(folder)
            Path(os.fsdecode(folder), "x.pkl").write_bytes(pickle.dumps(frames))
    return tmp_path / "data"


def _succeed(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    assert RAW.search(done.output) is None
    assert "\nerror: lines" not in done.output
    return done.output


def test_a_partition_of_any_names_gives_them_back(root: Path, tmp_path: Path) -> None:
    _succeed("data", "partition", root, "-O", tmp_path / "p.json")
    text = (tmp_path / "p.json").read_bytes().decode()  # valid UTF-8
    assert RAW.search(text) is None
    content = json.loads(text)
    assert {*content["TRAIN_SET"], *content["TEST_SET"]} == {*NAMES, "Ren\udce9", "002"}
    said = _succeed("data", "check", "--root", root, "--partition", tmp_path / "p.json")
    assert "train identities" in said
    _succeed("data", "pack", root, tmp_path / "packed.npz")
    _succeed("data", "partition", tmp_path / "packed.npz", "-O", tmp_path / "q.json")
    assert json.loads((tmp_path / "q.json").read_text()) == content


@pytest.mark.parametrize("packed", [False, True])
def test_names_of_a_partition_that_no_folder_can_have_are_told(
    root: Path, tmp_path: Path, packed: bool
) -> None:
    odd = ["\ud800", "\x1b[2Jgone", "a\0b", "plain"]
    (tmp_path / "p.json").write_text(json.dumps({"TRAIN_SET": odd, "TEST_SET": ["002", "\udcff"]}))
    place = tmp_path / "packed.npz" if packed else root
    if packed:
        _succeed("data", "pack", root, place)
    said = _succeed("data", "check", "--root", place, "--partition", tmp_path / "p.json", "--all")
    assert r"\x1b[2Jgone" in said
    assert r"\ud800" in said
    _succeed("data", "check", "--root", place, "--partition", tmp_path / "p.json", "--json")


def test_an_error_with_a_name_is_spelt_out(root: Path, tmp_path: Path) -> None:
    said = _succeed("data", "partition", root, "-O", tmp_path / "p.json", "--train", "\x1b[none", code=2)
    assert r"\x1b[none" in said
    said = _succeed("data", "partition", tmp_path / "\x1bno\nwhere", "-O", tmp_path / "p.json", code=2)
    assert r"\x1bno\nwhere" in said


def test_an_unknown_key_is_spelt_out(tiny: Manager, tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text('model_cfg: {"\\u001b[2J": 1, "\\udce9": 2, model: "B\\u001b[1m"}\n"sec\\u202etion": 1\n')
    assert r"\u202e" in _succeed("config", "check", path, code=2)


def test_a_run_folder_whose_name_is_no_utf8_is_written_and_resumed(
    tiny: Manager, tiny_yaml: Path, tmp_path: Path
) -> None:
    folder = tmp_path / os.fsdecode(b"run\xe9\x1b")
    run(tiny_yaml, f"run_dir={folder}", log_to_file=True)
    run(tiny_yaml, f"run_dir={folder}", "trainer_cfg.total_iter=8", resume=True)
    texts = [p for p in folder.rglob("*") if p.suffix in (".json", ".jsonl", ".yaml", ".txt", ".csv")]
    assert len(texts) >= 5
    for path in texts:
        text = path.read_bytes().decode()
        assert RAW.search(text) is None, path.name
        if path.suffix == ".jsonl":
            assert [json.loads(line) for line in text.splitlines()][-1]["type"] == "run_end"


def test_results_of_any_names_are_shown_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "=\x1b[31m\udce9\n"
    table = Table(name, (name, "value"), ((name, "1"),))
    results = Results(name, name, {name: 1.5}, probes=1, gallery=1, tables=(table,), notes=(name,))
    print_results(results)
    assert RAW.search(capsys.readouterr().out) is None
    path = write_results(results, tmp_path, 3, "own")
    assert RAW.search(path.read_bytes().decode()) is None
    assert json.loads(path.read_text())["metrics"] == {name: 1.5}
    rows = csv_rows(path.with_suffix(".csv").read_bytes().decode())
    assert rows[1][:4] == [name, "1.5", name, name]
    assert path.with_suffix(".csv").read_text().splitlines()[1].startswith("'=")
