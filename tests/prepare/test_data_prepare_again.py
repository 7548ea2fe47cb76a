"""``data prepare`` cut off, killed or called once more: whole files, one set of settings, no work twice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.files.mask_files import mask, walk, write_mask
from helpers.files.prepare_runs import gait, prepared, raw_walks, record_of

from gait_plugins.prepare import LAYOUTS, Name, Order, prepare, write_sequence


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return raw_walks(tmp_path / "raw")


def test_a_second_run_does_only_what_is_missing(raw, tmp_path):
    out = tmp_path / "out"
    assert gait("prepare", raw, out)[0] == 0
    kept, made_again = out / "001/nm-01/000/000.pkl", out / "002/bg-01/000/000.pkl"
    before = kept.stat().st_mtime_ns
    content = made_again.read_bytes()
    made_again.write_bytes(b"")  # as a power cut leaves it
    (made_again.parent / ".000.pkl.77.partial").write_bytes(b"half")
    code, text = gait("prepare", raw, out)
    assert code == 0
    assert "1 sequences of 16 frames written" in text
    assert "2 sequences were already present" in text
    assert kept.stat().st_mtime_ns == before
    assert made_again.read_bytes() == content
    assert [f.name for f in made_again.parent.iterdir()] == ["000.pkl"]
    code, text = gait("prepare", raw, out, "--json")
    assert (code, json.loads(text)["present"]) == (0, 3)


def test_remarks_of_earlier_runs_are_kept_and_renewed(raw, tmp_path):
    out = tmp_path / "out"
    bad = raw / "002/bg-01/000/003.png"
    good = bad.read_bytes()
    bad.write_bytes(b"")
    gait("prepare", raw, out)
    assert "images cannot be read" in gait("prepare", raw, out)[1]
    bad.write_bytes(good)
    (out / "002/bg-01/000/000.pkl").unlink()
    assert "images cannot be read" not in gait("prepare", raw, out)[1]
    assert record_of(out)["sequences"] == {}


def test_a_second_source_does_not_repeat_the_remarks_of_the_first(raw, tmp_path):
    out, second = tmp_path / "out", tmp_path / "second"
    (raw / "002/bg-01/000/003.png").write_bytes(b"")
    (raw / "002/bg-01/000/notes.txt").write_text("")
    first = gait("prepare", raw, out)[1]
    assert "images cannot be read" in first
    assert "other files lie among the images" in first
    walk(second / "009/nm-01/000", 16)
    code, text = gait("prepare", second, out)
    assert code == 0
    assert "1 sequences of 16 frames written" in text
    assert "images cannot be read" not in text
    assert "other files" not in text
    assert json.loads(gait("prepare", second, out, "--json")[1])["remarks"] == []
    assert list(record_of(out)["sequences"]) == ["002/bg-01/000"]  # the record keeps it
    assert "images cannot be read" in gait("prepare", raw, out)[1]


def test_other_settings_do_not_mix_into_one_folder(raw, tmp_path):
    assert gait("prepare", raw, tmp_path / "out")[0] == 0
    code, text = gait("prepare", raw, tmp_path / "out", "--size", 128)
    assert code == 2
    assert "size was 64, is 128" in text
    (tmp_path / "out/prepare.json").write_text("{")
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 2
    assert "not the record of a preparation" in text


def test_a_full_disk_ends_it_with_whole_files_only(raw, tmp_path, monkeypatch):
    import gait_plugins.io.atomic as atomic

    real = os.fsync
    calls = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(atomic.os, "fsync", full)
    code, text = gait("prepare", raw, tmp_path / "out", "--workers", 1)
    assert code == 2
    assert "No space left on device" in text
    assert "free some disk space" in text
    assert all(shape == (16, 64, 64) for shape in prepared(tmp_path / "out").values())
    assert not list((tmp_path / "out").rglob("*.partial"))
    monkeypatch.undo()
    assert gait("prepare", raw, tmp_path / "out")[0] == 0
    assert len(prepared(tmp_path / "out")) == 3


INTERRUPTED = """
import os, signal, time
from gait_plugins.cli import main
from gait_plugins.prepare import convert

write, written = convert.write_sequence, []

def interrupting(*given):
    path = write(*given)
    written.append(path)
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGINT)
    if len(written) >= 3:
        time.sleep(0.05)  # a loaded machine must not have done it all before the signal is seen
    return path

convert.write_sequence = interrupting
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
main()
"""
"""``gait-plugins``, with a Ctrl-C once the third sequence is on disk."""


def test_ctrl_c_leaves_whole_files_and_a_second_run_goes_on(tmp_path):
    walk(tmp_path / "raw/001/nm/000", frames=40)
    for number in range(60):
        (tmp_path / f"raw/{number + 2:03d}/nm").mkdir(parents=True)
        (tmp_path / f"raw/{number + 2:03d}/nm/000").symlink_to(tmp_path / "raw/001/nm/000")
    out = tmp_path / "out"
    words = ["data", "prepare", str(tmp_path / "raw"), str(out), "--workers", "1"]
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *words], stderr=subprocess.PIPE, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr.strip()) == (130, "interrupted")
    done = prepared(out)
    assert 0 < len(done) < 61
    assert set(done.values()) == {(40, 64, 64)}
    assert not list(out.rglob("*.partial"))
    assert record_of(out)["last run"]["sequences written"] <= len(done)
    assert gait("prepare", tmp_path / "raw", out)[0] == 0
    assert len(prepared(out)) == 61


def test_a_kill_leaves_the_settings_behind(raw, tmp_path, monkeypatch):
    out = tmp_path / "out"

    class Killed(BaseException):
        pass

    def killed(*args: object) -> None:
        # kill -9 runs no handler: what is on disk now is all that a second run will find.
        shutil.copytree(write_sequence(out, Name("001", "nm-01", "000"), mask()[None]).parents[3], left)
        raise Killed

    left = tmp_path / "left"
    monkeypatch.setattr("gait_plugins.prepare.convert._make_all", killed)
    order = Order(raw, out, LAYOUTS["own"])
    with pytest.raises(Killed):
        prepare(order)
    monkeypatch.undo()
    assert record_of(left)["settings"] == order.settings
    code, text = gait("prepare", raw, left, "--size", 128)
    assert code == 2
    assert "size was 64, is 128" in text
    assert "2 sequences of 32 frames written" in gait("prepare", raw, left)[1]


def test_a_kill_loses_no_remark_about_what_was_written(raw, tmp_path, monkeypatch):
    (raw / "001/nm-01/000/003.png").write_bytes(b"damaged")
    assert gait("prepare", raw, tmp_path / "whole")[0] == 0
    out, left = tmp_path / "out", tmp_path / "left"

    def killed(*given: object) -> Path:
        # kill -9 runs no handler: what is on disk now is all that a second run will find.
        path = write_sequence(*given)
        if not left.exists():
            shutil.copytree(out, left)
        return path

    monkeypatch.setattr("gait_plugins.prepare.convert.write_sequence", killed)
    assert gait("prepare", raw, out, "--workers", 1)[0] == 0
    monkeypatch.undo()
    with open(left / ".prepare.json.notes", "ab") as notes:
        notes.write(b'["001/nm-01/090", {"cut')
    assert len(prepared(left)) == 1
    code, text = gait("prepare", raw, left)
    assert code == 0
    assert "images cannot be read" in text
    assert record_of(left)["sequences"] == record_of(tmp_path / "whole")["sequences"] != {}
    assert sorted(f.name for f in left.iterdir()) == ["001", "002", "prepare.json"]


def test_settings_of_a_run_that_wrote_nothing_bind_nobody(tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", mask(value=90))
    assert gait("prepare", tmp_path / "raw", tmp_path / "out", "--threshold", 100)[0] == 2
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--threshold", 0)
    assert code == 0, text
    assert len(prepared(tmp_path / "out")) == 1
