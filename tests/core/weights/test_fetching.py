"""Fetching: once, verified, resumed, whole or not at all, and told in words where it fails."""

from __future__ import annotations

import errno
import io
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from helpers.components.published import CONTENT, Tell
from helpers.hosts.weights_server import WeightsServer

from gait_plugins import CheckpointError, WebFile
from gait_plugins.core.weights import download as downloads
from gait_plugins.core.weights.cache import file_of, state_of
from gait_plugins.core.weights.fetch import fetch
from gait_plugins.registry.published import NamedCheckpoint

PATH = "/w/net.pt"


def part_of(entry: NamedCheckpoint) -> Path:
    file = file_of(entry)
    return file.with_name(f".{file.name}.part")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_a_file_is_fetched_once(entry: NamedCheckpoint, server: WeightsServer, cache: Path):
    assert state_of(entry) == "not fetched"
    found = fetch(entry)
    assert found.state == "fetched"
    assert found.path.read_bytes() == CONTENT
    assert found.path.is_relative_to(cache)
    assert names(found.path.parent) == {"net.pt"}
    assert fetch(entry).state == "present"
    assert server.count("GET", PATH) == 1
    assert state_of(entry) == "fetched"


def test_a_file_can_be_put_into_a_folder(entry: NamedCheckpoint, server: WeightsServer, tmp_path: Path):
    there = tmp_path / "mine"
    assert fetch(entry, there).state == "fetched"
    assert (there / "net.pt").read_bytes() == CONTENT
    assert state_of(entry) == "not fetched"
    assert fetch(entry, there).state == "present"
    fetch(entry)
    assert fetch(entry, tmp_path / "other").state == "copied"
    assert server.count("GET", PATH) == 2


def test_a_file_of_somebody_is_left_alone(entry: NamedCheckpoint, tmp_path: Path):
    (tmp_path / "net.pt").write_bytes(b"mine")
    with pytest.raises(CheckpointError, match="the folder has another file of this name: it has 4 bytes"):
        fetch(entry, tmp_path)
    assert (tmp_path / "net.pt").read_bytes() == b"mine"


@pytest.mark.parametrize("wrong", [b"short", CONTENT[:-1] + b"x"])
def test_a_wrong_file_in_the_cache_is_told_and_fetched_again(
    entry: NamedCheckpoint, wrong: bytes, caplog: pytest.LogCaptureFixture
):
    fetch(entry)
    file_of(entry).write_bytes(wrong)
    found = fetch(entry)
    assert found.state == "fetched"
    assert found.path.read_bytes() == CONTENT
    assert "is not the published acme/net" in caplog.text
    assert "it is fetched again" in caplog.text


def test_a_broken_connection_goes_on_where_it_was(entry: NamedCheckpoint, server: WeightsServer):
    server.breaks_after = [1000, 2000]
    assert fetch(entry).path.read_bytes() == CONTENT
    assert [asked[2] for asked in server.asked] == ["", "bytes=1000-", "bytes=3000-"]


def test_the_next_command_goes_on_where_the_last_one_ended(entry: NamedCheckpoint, server: WeightsServer):
    server.breaks_after = [1000, 0, 0]
    with pytest.raises(CheckpointError) as caught:
        fetch(entry)
    assert "1000 of 512000 bytes came" in str(caught.value)
    assert "goes on from what came" in str(caught.value)
    assert part_of(entry).stat().st_size == 1000
    assert not file_of(entry).exists()
    server.asked.clear()
    assert fetch(entry).path.read_bytes() == CONTENT
    assert [asked[2] for asked in server.asked] == ["bytes=1000-"]
    assert not part_of(entry).exists()


def test_a_server_that_knows_no_ranges_sends_all_of_it_again(entry: NamedCheckpoint, server: WeightsServer):
    server.knows_ranges = False
    server.breaks_after = [1000]
    assert fetch(entry).path.read_bytes() == CONTENT
    assert server.count("GET", PATH) == 2


def test_a_rest_of_another_file_is_given_up(
    entry: NamedCheckpoint, server: WeightsServer, caplog: pytest.LogCaptureFixture
):
    part_of(entry).parent.mkdir(parents=True)
    part_of(entry).write_bytes(b"x" * 1000)
    assert fetch(entry).path.read_bytes() == CONTENT
    assert "it is fetched anew" in caplog.text
    assert server.count("GET", PATH) == 2


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 5])
def test_a_rest_that_is_too_long_is_given_up(entry: NamedCheckpoint, length: int):
    part_of(entry).parent.mkdir(parents=True)
    part_of(entry).write_bytes(b"x" * length)
    assert fetch(entry).path.read_bytes() == CONTENT


def test_a_wrong_checksum_keeps_nothing(entry: NamedCheckpoint, server: WeightsServer):
    server.files[PATH] = CONTENT[:-1] + b"x"
    with pytest.raises(CheckpointError, match="what the server sent is not the published") as caught:
        fetch(entry)
    assert entry.published.sha256 in str(caught.value)
    assert names(file_of(entry).parent) == set()


def test_a_file_of_another_size_is_not_downloaded(entry: NamedCheckpoint, server: WeightsServer):
    server.files[PATH] = CONTENT + b"x"
    with pytest.raises(CheckpointError, match="a file of 512001 bytes, the published one has 512000"):
        fetch(entry)
    assert names(file_of(entry).parent) == set()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "wants to know who asks"),
        (403, "the server refuses access"),
        (404, "there is no such file on the server"),
        (410, "no longer on the server"),
        (418, "the server answers 418"),
        (503, "the server is busy or out of order"),
    ],
)
def test_refusals_are_told_in_words(entry: NamedCheckpoint, server: WeightsServer, status: int, said: str):
    server.statuses[PATH] = status
    with pytest.raises(CheckpointError, match=said) as caught:
        fetch(entry)
    assert caught.value.hint
    assert PATH in str(caught.value)


def test_a_server_that_is_not_there(tell: Tell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("no_proxy", "*")
    entry = tell(WebFile("http://127.0.0.1:9/net.pt"))
    with pytest.raises(CheckpointError, match=r"the server cannot be reached: .*nothing came"):
        fetch(entry)


def test_too_small_a_disk_is_seen_before(
    entry: NamedCheckpoint, server: WeightsServer, monkeypatch: pytest.MonkeyPatch
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    with pytest.raises(CheckpointError, match="the disk has 1000 bytes free, 512000 are needed"):
        fetch(entry)
    assert server.asked == []


def test_a_disk_that_runs_full_keeps_what_came(entry: NamedCheckpoint, monkeypatch: pytest.MonkeyPatch):
    class Full(io.BytesIO):
        def write(self, *_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "open", lambda *_: Full(), raising=False)
    with pytest.raises(CheckpointError, match="the disk is full after 0 of 512000 bytes"):
        fetch(entry)


def test_whoever_comes_later_waits_and_finds_it(
    entry: NamedCheckpoint, server: WeightsServer, tmp_path: Path
):
    """Two processes at once: one request, and both find the file whole."""
    script = tmp_path / "fetch.py"
    script.write_text(
        "import sys\n"
        "from gait_plugins import PublishedCheckpoint, WebFile\n"
        "from gait_plugins.core.weights.fetch import fetch\n"
        "from gait_plugins.registry.components import Owner\n"
        "from gait_plugins.registry.published import NamedCheckpoint\n"
        "told = PublishedCheckpoint(WebFile(sys.argv[1]), int(sys.argv[2]), sys.argv[3], 'x', 'a')\n"
        "print(fetch(NamedCheckpoint('acme/net', told, Owner('a', '1', 'a', 'a'))).state)\n"
    )
    told = entry.published
    command = [sys.executable, str(script), str(told.address), str(told.bytes), told.sha256]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    states = sorted(process.communicate(timeout=60)[0].strip() for process in running)
    assert states == ["fetched", "present"]
    assert server.count("GET", PATH) == 1
