"""What is wrong with files, disks, paths and pipes is said in words, never as a traceback."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from helpers.children import import_path
from typer.testing import CliRunner

from gait_plugins import ConfigError, DataError
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.config.yaml.overrides import written
from gait_plugins.plugins.walkers.cache import default_root
from gait_plugins.plugins.zoo.data.partition_file import read_partition
from gait_plugins.registry.manager import Manager

ODD_NAMES = ("a #b: c 'd' \"e\"", "12", "null", "[x", "ünï 走", "b\udce4d", "😀", "- y", " z ", "a\tb")


def gait(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_override_holds_any_text(tiny: Manager, tiny_yaml: Path, name: str) -> None:
    config = load_config(str(tiny_yaml), overrides=[written("output_dir", name)])
    assert config.output_dir == name
    assert yaml.safe_load(yaml.safe_dump(config.data))["output_dir"] == name


def test_a_path_that_is_no_utf_8_may_be_overridden_as_it_is(tiny: Manager, tiny_yaml: Path) -> None:
    assert load_config(str(tiny_yaml), overrides=["output_dir=b\udce4d"]).output_dir == "b\udce4d"


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
@pytest.mark.parametrize("name", ["out #1: x", "b\udce4d"])
def test_runs_live_in_folders_of_any_name(tiny: Manager, tiny_yaml: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / name
    options = ("-o", written("output_dir", str(output)), "-o", "trainer_cfg.total_iter=2")
    assert gait("train", str(tiny_yaml), "--device", "cpu", *options)[0] == 0
    folder = output / "Tiny" / "TinyModel" / "tiny"
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert records[-1] == records[-1] | {"type": "run_end", "error": None}
    (saved,) = [record["path"] for record in records if record["type"] == "checkpoint"]
    assert saved == str(folder / "checkpoints" / "tiny-00002.pt")
    code, said = gait("test", str(tiny_yaml), "--device", "cpu", "--checkpoint", saved)
    assert code == 0, said


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_an_error_of_a_file_names_it(
    tiny: Manager, tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), "some/file")

    monkeypatch.setattr(Path, "mkdir", refuse)
    code_said, said = gait("train", str(tiny_yaml), "--device", "cpu")
    assert code_said == 2
    assert f"some/file: {os.strerror(code)}\n  -> " in said


def test_a_file_where_a_folder_should_be(tiny: Manager, tiny_yaml: Path, tmp_path: Path) -> None:
    code, said = gait("train", str(tiny_yaml), "--device", "cpu", "-o", f"output_dir={tiny_yaml}")
    assert code == 2
    assert f"{tiny_yaml}/Tiny/TinyModel/tiny" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written() -> None:
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "gait_plugins", "plugins", "list", "--json"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode not in (0, None)
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_ends_the_command_quietly() -> None:
    words = [sys.executable, "-m", "gait_plugins", "plugins", "list", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_ctrl_c_while_commands_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "gait_plugins", "--version"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": import_path(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    )
    assert done.returncode == 130
    assert done.stderr == "interrupted\n"


def test_debug_may_stand_at_the_end() -> None:
    words = [sys.executable, "-m", "gait_plugins", "config", "check", "no/such", "--debug"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert "Traceback" in done.stderr
    assert "no/such" in done.stderr


def test_the_end_of_a_librarys_thread_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    before = threading.excepthook
    try:
        assert gait("plugins", "list")[0] == 0
        logging.getLogger("gait_plugins").propagate = True

        def fail() -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        thread = threading.Thread(target=fail, name="writer")
        thread.start()
        thread.join()
    finally:
        threading.excepthook = before
    assert caplog.messages == ["the thread writer ended with OSError: [Errno 28] No space left on device"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: " + b"[" * 50_000, "nested too deeply"),
        (b"data_cfg:\n\ttype: walkers\n", "town.yaml:2: .*-> indent with spaces"),
        (b"\xff\xfea\x00", "not UTF-8 text(.|\n)*saved as UTF-8"),
    ],
)
def test_files_that_are_no_yaml(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "town.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=f"(?s){said}"):
        load_config(tmp_path / "town.yaml")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder"):
        load_config(tmp_path)


def test_a_partition_without_end(tmp_path: Path) -> None:
    (tmp_path / "partition.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="not a JSON file"):
        read_partition(str(tmp_path / "partition.json"))


def test_a_home_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GAIT_PLUGINS_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(DataError, match=r"no home folder(.|\n)*GAIT_PLUGINS_CACHE"):
        default_root()
    with pytest.raises(ConfigError, match="~nobody/x"):
        load_config("~nobody/x.yaml")


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert gait("config", "check", "walkers/gei")[0] == 0


@pytest.mark.parametrize("classes", [0, -1])
def test_sizes_that_no_network_can_have(classes: int) -> None:
    from gait_plugins import build

    with pytest.raises(ConfigError, match=r"cannot be built|refuses its options"):
        build("model", {"model": "TrackletGait_s", "SeparateBNNecks": {"class_num": classes}})


def test_a_place_below_a_file_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    place = str(tmp_path / "file" / "e.npz")
    done = CliRunner().invoke(app, ["embed", "walkers/gei", "-O", place, "--device", "cpu"])
    assert done.exit_code == 2
    assert f"{place}: the embeddings cannot be written there: file is a file and no folder" in done.output
    assert ".partial" not in done.output
