"""``data check``: all problems in one go, each with its fix; the exit code says whether any is an error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.files.layout_files import packed, partition, person, small_set, write
from typer.testing import CliRunner

from gait_plugins.api import DataReport, Finding, GaitDataset, SequenceRef
from gait_plugins.cli import app
from gait_plugins.errors import DataError
from gait_plugins.plugins.zoo.data.layout import OpenGaitLayout
from gait_plugins.plugins.zoo.data.packed_dataset import PackedSilhouettes


def problems(report: DataReport) -> dict[str, Finding]:
    return {finding.problem: finding for finding in report.findings}


def test_good_data_are_counted_and_nothing_is_found(tmp_path):
    report = OpenGaitLayout(*small_set(tmp_path)).check()
    assert report.findings == ()
    assert dict(report.counts) == {
        "train identities": 2,
        "train types": 2,
        "train views": 2,
        "train sequences": 8,
        "test identities": 2,
        "test types": 2,
        "test views": 2,
        "test sequences": 8,
        "train frames": 160,
        "test frames": 160,
        "frame size": "64x64 (uncut)",
    }


def test_a_sheet_is_drawn_before_there_is_a_partition(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, listed = small_set(tmp_path)
    Path(listed).unlink()
    invoke = CliRunner().invoke
    done = invoke(app, ["data", "sheet", "--root", root, "--out", str(tmp_path / "a.png")])
    assert done.exit_code == 0, done.output
    named = ["-o", f"data_cfg.dataset_root={root}", "-o", f"data_cfg.dataset_partition={listed}"]
    done = invoke(app, ["data", "sheet", "own_data/gaitbase", *named, "--out", str(tmp_path / "b.png")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    done = invoke(
        app, ["data", "sheet", "own_data/gaitbase", "--root", root, "--out", str(tmp_path / "c.png")]
    )
    assert done.exit_code == 2
    assert "--root is a data set of its own" in done.stderr


@pytest.fixture
def broken(tmp_path: Path) -> tuple[str, str]:
    """A data set with one of everything that goes wrong."""
    root_name, _ = small_set(tmp_path)
    root = Path(root_name)
    write(root / "005/nm-01/000/000.pkl", person())  # in no set
    write(root / "001/nm-01/deep/extra/000.pkl", person())
    write(root / "001/nm-01/high.pkl", person())
    write(root / "002/nm-01/png/000.png", b"")
    (root / "002/nm-01/void").mkdir()
    (root / "002/.DS_Store").write_bytes(b"x")
    (root / "002/notes.txt").write_bytes(b"x")
    write(root / "003/nm-01/000/000.pkl", person(height=128, width=128))
    write(root / "003/nm-01/090/090.pkl", person(width=44))
    write(root / "003/bg-01/000/000.pkl", person(frames=6))
    write(root / "003/bg-01/090/090.pkl", np.zeros((0, 64, 64), np.uint8))
    write(root / "004/bg-01/000/000.pkl", print)
    path = root / "004/bg-01/090/090.pkl"
    path.write_bytes(path.read_bytes()[:999])
    write(root / "004/nm-01/000/000.pkl", person(value=1))
    blank = person()
    blank[3:5] = 0
    write(root / "004/nm-01/090/090.pkl", blank)
    listed = partition(
        tmp_path / "set.json", ["001", "002", "088"], ["003", "004", "002"], PROBE_SET=["003-zz-000"]
    )
    return root_name, str(listed)


def test_every_problem_is_reported_at_once(broken):
    report = OpenGaitLayout(*broken).check()
    found = problems(report)
    errors = {finding.problem for finding in report.errors}
    assert errors == {
        "folders lie in view folders, one level too deep",
        "files lie directly in a type's folder, one level too high",
        "view folders hold single images instead of one file of all frames",
        "probes are not among the test sequences",
        "sequences cannot be read",
        "sequences are 128x128 (uncut), most are 64x64 (uncut)",
    }
    assert set(found) - errors == {
        "train identities of the partition have no folder",
        "identity folders are in no set of the partition",
        "identities are in the training set and in the test set",
        "hidden files lie among the data",
        "other files lie in an identity's folder",
        "view folders hold no sequence file",
        "sequences are 64x44 (cut), most are 64x64 (uncut)",
        "sequences are shorter than 15 frames",
        "sequences hold black frames",
        "sequences hold the same frames as another one",
        "files hold uint8 masks in 0..1, converted to 0..255 on reading",
    }
    assert found["train identities of the partition have no folder"].examples == ("088",)
    assert found["probes are not among the test sequences"].examples == ("003-zz-000",)
    unreadable = "\n".join(
        f"{finding.problem} {finding.examples} {finding.fix}"
        for finding in report.errors
        if finding.problem == "sequences cannot be read"
    )
    for told in ("no frames", ".print", "truncated or damaged (999 bytes)"):
        assert told in unreadable
    assert found["hidden files lie among the data"].count == 1
    assert all(finding.fix for finding in report.findings)
    severities = [finding.severity for finding in report.findings]
    assert severities == sorted(severities)


def test_copies_white_backgrounds_and_dark_people_are_told(tmp_path):
    root, listed = small_set(tmp_path)
    inverted, dark = Path(root, "001/nm-01/000/000.pkl"), Path(root, "002/nm-01/000/000.pkl")
    write(inverted, 255 - person())
    write(dark, person(value=76))
    Path(root, "004/copy").symlink_to(Path(root, "004/nm-01"))
    for dataset in (
        OpenGaitLayout(root, listed),
        PackedSilhouettes(packed(root), listed),
    ):
        found = problems(dataset.check())
        assert found["sequences have a white background"].examples == ("001-nm-01-000",)
        assert found["sequences hold no white: the person is dark grey"].examples == (
            "002-nm-01-000 (brightest value 76)",
        )
        assert found["sequences hold the same frames as another one"].examples == (
            "004-nm-01-000 = 004-copy-000",
            "004-nm-01-090 = 004-copy-090",
        )
        assert len(found) == 3


def test_quick_check_reads_no_frames(broken):
    report = OpenGaitLayout(*broken).check(read_frames=False)
    assert "sequences cannot be read" not in problems(report)
    assert "train frames" not in report.counts
    assert report.counts["test sequences"] > 0


def test_cut_and_uncut_may_be_mixed_but_heights_may_not(tmp_path):
    root, listed = small_set(tmp_path)
    write(Path(root) / "003/nm-01/000/000.pkl", person(width=44))
    assert OpenGaitLayout(root, listed).check().errors == []
    write(Path(root) / "003/nm-01/090/090.pkl", person(height=32, width=32))
    assert len(OpenGaitLayout(root, listed).check().errors) == 1


def test_missing_root_and_partition_are_both_reported(tmp_path):
    report = OpenGaitLayout(str(tmp_path / "none"), str(tmp_path / "none.json")).check()
    assert {Path(finding.examples[0]).name for finding in report.errors} == {"none", "none.json"}


def test_folders_are_looked_at_even_without_a_partition(tmp_path):
    root, _ = small_set(tmp_path)
    write(Path(root) / "001/nm-01/high.pkl", person())
    report = OpenGaitLayout(root, str(tmp_path / "none.json")).check()
    assert len(report.errors) == 2
    assert report.counts["identity folders"] == 4


def test_wrong_root_is_explained(tmp_path):
    _, listed = small_set(tmp_path)
    (finding,) = OpenGaitLayout(str(tmp_path), listed).check().errors
    assert "one folder level too high" in finding.fix


class Memory(GaitDataset):
    """A data set of another kind, with nothing of its own to check."""

    def sequences(self, subset):
        if subset == "test":
            raise DataError("no test set was drawn", where="memory", hint="draw one")
        return [SequenceRef("1", "nm", "000", 20), SequenceRef("2", "nm", "000", 0)]

    def load(self, ref):
        if not ref.source:
            raise DataError("nothing there", where=ref.name)
        return [person(ref.source)]


def test_every_data_set_can_check_itself():
    report = Memory().check()
    assert [finding.problem for finding in report.errors] == [
        "no test set was drawn",
        "sequences cannot be read",
    ]
    assert report.counts["train frames"] == 20


# --- the command ---------------------------------------------------------------------------------


def run(capsys: Any, *arguments: str) -> tuple[int, str]:
    from gait_plugins.cli import app

    code = app(["data", "check", *arguments], standalone_mode=False)
    return code or 0, capsys.readouterr().out


def test_command_prints_counts_and_exits_with_0(tmp_path, capsys):
    root, listed = small_set(tmp_path)
    code, text = run(capsys, "--root", root, "--partition", listed)
    assert code == 0
    assert "train sequences   8\n" in text
    assert text.rstrip().endswith("no problems")


def test_command_exits_with_2_for_errors_alone(broken, tmp_path, capsys):
    root, listed = broken
    code, text = run(capsys, "--root", root, "--partition", listed)
    assert code == 2
    assert "8 kinds of error, 11 kinds of warning" in text
    assert text.count("  -> ") == 19
    code, text = run(capsys, "--root", "nowhere", "--partition", listed)
    assert "1 kind of error, 0 kinds of warning" in text
    warned = tmp_path / "warned"
    root, listed = small_set(warned)
    (Path(root) / "001/.DS_Store").write_bytes(b"x")
    assert run(capsys, "--root", root, "--partition", listed)[0] == 0


def test_command_shows_five_places_or_all(tmp_path, capsys):
    root, listed = small_set(tmp_path)
    for number in range(8):
        (Path(root) / f"001/notes{number}.txt").write_bytes(b"x")
    assert "... and 3 more" in run(capsys, "--root", root, "--partition", listed, "--quick")[1]
    assert "notes7.txt" in run(capsys, "--root", root, "--partition", listed, "--quick", "--all")[1]


def test_command_prints_json(broken, capsys):
    code, text = run(capsys, "--root", broken[0], "--partition", broken[1], "--json")
    report = json.loads(text)
    assert code == 2
    assert report["counts"]["train identities"] == 2
    assert {finding["severity"] for finding in report["findings"]} == {"error", "warning"}


@pytest.mark.parametrize("arguments", [(), ("--root", "x"), ("gaitbase", "--root", "x")])
def test_command_says_what_it_needs(capsys, arguments):
    from gait_plugins.cli import app

    with pytest.raises(SystemExit) as caught:
        app(["data", "check", *arguments])
    assert caught.value.code == 2
    assert "--root DIR --partition FILE" in capsys.readouterr().err


def test_a_check_imports_neither_torch_nor_what_prepares_data(tmp_path):
    root, listed = small_set(tmp_path)
    code = "import sys\nfrom gait_plugins.cli import app\n"
    words = ["data", "check", "--root", root, "--partition", listed]
    code += f"try: app({words!r})\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'cv2', 'concurrent.futures.process') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "train sequences" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
