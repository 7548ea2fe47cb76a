"""Packed data files and folders in a store: the same bytes as on this machine, and errors in words."""

from __future__ import annotations

import importlib
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.files.layout_files import packed, partition, person, small_set, write
from helpers.remote.file_server import FileServer, serving

from gait_plugins.api import GaitDataset
from gait_plugins.config import build
from gait_plugins.errors import DataError
from gait_plugins.io.dataset_file import PackedFile
from gait_plugins.io.remote import listing, store
from gait_plugins.io.remote.remote_file import BLOCK, RemoteFile
from gait_plugins.io.sequence_file import read_frames

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No waiting, a cache of its own, and nothing from other tests."""
    monkeypatch.setattr(store, "_FIRST_WAIT", 0.001)
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(listing, "_trees", {})
    store.recent.forget()


@pytest.fixture
def data(tmp_path: Path) -> tuple[str, str]:
    return small_set(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    pytest.importorskip("aiohttp")
    with serving(tmp_path) as told:
        yield told


@pytest.fixture(params=["memory", "http"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """From a path below the folder to its address in a store."""
    if request.param == "http":
        told = request.getfixturevalue("server")
        yield lambda path: f"{told.url}/{Path(path).relative_to(tmp_path).as_posix()}"
        return
    memory = fsspec.filesystem("memory")

    def stored(path: str) -> str:
        target = f"/bucket/{Path(path).relative_to(tmp_path).as_posix()}"
        memory.put(str(path), target, recursive=Path(path).is_dir())
        return f"memory:/{target}"

    yield stored
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


def dataset(root: str, listed: str, **options: Any) -> GaitDataset:
    kind = "PackedSilhouettes" if root.partition("?")[0].endswith(".npz") else "OpenGaitLayout"
    made: GaitDataset = build(
        "dataset", {"type": kind, "dataset_root": root, "dataset_partition": listed, **options}
    )
    return made


def equal(here: GaitDataset, there: GaitDataset) -> None:
    for subset in ("train", "test"):
        mine, theirs = list(here.sequences(subset)), list(there.sequences(subset))
        assert [ref[:3] for ref in mine] == [ref[:3] for ref in theirs]
        assert mine
        for one, other in zip(mine, theirs, strict=True):
            for a, b in zip(here.load(one), there.load(other), strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_packed_data_file_is_the_same(data: tuple[str, str], address: Callable[[str], str]):
    root, listed = data
    file = packed(root)
    equal(dataset(file, listed), dataset(address(file), address(listed)))


def test_a_folder_is_the_same(data: tuple[str, str], address: Callable[[str], str]):
    root, listed = data
    equal(dataset(root, listed), dataset(address(root), listed))


def test_every_kind_of_sequence_file_is_read(tmp_path: Path, address: Callable[[str], str]):
    frames = person()
    write(tmp_path / "a.pkl", frames)
    np.save(tmp_path / "b.npy", frames)
    np.savez(tmp_path / "c.npz", frames)
    np.savez_compressed(tmp_path / "d.npz", frames)
    for name in ("a.pkl", "b.npy", "c.npz", "d.npz"):
        np.testing.assert_array_equal(read_frames(address(str(tmp_path / name))), frames)
    (tmp_path / "e.pkl").write_bytes(b"")
    (tmp_path / "f.pkl").write_bytes(pickle.dumps(frames)[:-9])
    for name, told in (("e.pkl", "empty"), ("f.pkl", "truncated or damaged")):
        with pytest.raises(DataError, match=told):
            read_frames(address(str(tmp_path / name)))


def test_the_index_is_fetched_once_and_frames_by_range(data: tuple[str, str], server: FileServer):
    file = packed(data[0])
    url = f"{server.url}/{Path(file).name}"
    first = PackedFile(url)
    frames = first.load(3)
    server.asked.clear()
    store.recent.forget()
    again = PackedFile(url)
    assert [method for method, _, _ in server.asked] == ["HEAD"]
    np.testing.assert_array_equal(again.load(3)[0], frames[0])
    assert len(server.asked) <= 2
    again.load(3)
    assert len(server.asked) <= 2  # what was read last is kept


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (60, 64, 64), np.uint8)


def large(folder: Path) -> str:
    """A packed data file that is much larger than what is fetched of it at once."""
    for number in range(12):
        write(folder / f"set/{number:03d}/nm/0/0.pkl", noise(number))
    file = packed(str(folder / "set"))
    assert Path(file).stat().st_size > 8 * BLOCK
    return file


def test_frames_beyond_the_index_are_read_by_their_range_alone(tmp_path: Path, server: FileServer):
    large(tmp_path)
    found = PackedFile(f"{server.url}/set.npz")
    server.asked.clear()
    np.testing.assert_array_equal(found.load(6)[0], noise(6))
    (asked,) = server.ranges()
    start, end = map(int, asked.removeprefix("bytes=").split("-"))
    assert end - start + 1 == noise(6).nbytes


def test_an_index_of_another_file_is_not_taken(data: tuple[str, str], tmp_path: Path, server: FileServer):
    root, listed = data
    file = packed(root)
    url = f"{server.url}/{Path(file).name}"
    PackedFile(url)
    write(Path(root) / "001/nm-01/000/000.pkl", person(33))
    Path(file).unlink()
    packed(root)
    equal(dataset(file, listed), dataset(url, listed))


@pytest.mark.parametrize("damage", [b"", b"no", b"GPINDEX1" + b"\0" * 50])
def test_a_damaged_cache_is_fetched_anew(
    damage: bytes, data: tuple[str, str], tmp_path: Path, server: FileServer
):
    file = packed(data[0])
    PackedFile(f"{server.url}/{Path(file).name}")
    (kept,) = (tmp_path / "cache/remote").glob("*.index")
    kept.write_bytes(damage)
    assert len(PackedFile(f"{server.url}/{Path(file).name}").load(0)[0])


def test_a_cache_that_cannot_be_written_is_done_without(
    data: tuple[str, str], tmp_path: Path, server: FileServer
):
    (tmp_path / "cache").write_text("a file")
    file = packed(data[0])
    assert len(PackedFile(f"{server.url}/{Path(file).name}").load(0)[0])


def test_a_listing_is_kept_and_the_check_lists_anew(data: tuple[str, str], server: FileServer):
    root, listed = data
    url = f"{server.url}/{Path(root).name}"
    there = dataset(url, listed)
    before = len(there.sequences("train"))
    extra = next(iter(there.sequences("train"))).label
    shutil.copytree(next((Path(root) / extra).iterdir()), Path(root) / extra / "xx-01")
    listing._trees.clear()
    server.asked.clear()
    assert len(dataset(url, listed).sequences("train")) == before
    assert server.asked == []
    report = dataset(url, listed).check()
    assert not report.errors
    assert len(dataset(url, listed).sequences("train")) > before


def test_lost_connections_and_busy_servers_are_asked_again(data: tuple[str, str], server: FileServer):
    file = packed(data[0])
    url = f"{server.url}/{Path(file).name}"
    right = PackedFile(file).load(2)[0]
    server.statuses[:] = [503, 503, 429]
    found = PackedFile(url)
    store.recent.forget()
    server.breaks_after[:] = [5, 100]
    file_ = RemoteFile(url)
    assert store.fetched(url, 0, file_.size) == Path(file).read_bytes()
    np.testing.assert_array_equal(found.load(2)[0], right)


def test_a_connection_that_stays_lost_is_told(data: tuple[str, str], server: FileServer):
    file = packed(data[0])
    url = f"{server.url}/{Path(file).name}"
    PackedFile(url)
    server.breaks_after[:] = [5] * 20
    with pytest.raises(DataError, match="5 attempts"):
        store.fetched(url, 0, 3000)


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "no such file"), (403, "may not be read"), (401, "may not be read"), (500, "answers 500")],
)
def test_refusals_are_told(status: int, told: str, data: tuple[str, str], server: FileServer):
    server.always = status
    with pytest.raises(DataError, match=told) as error:
        PackedFile(f"{server.url}/a.npz?sig=verysecret")
    assert "verysecret" not in str(error.value) + str(error.value.where)
    tries = sum(method == "HEAD" for method, _, _ in server.asked)
    assert tries == (store.TRIES if status == 500 else 1)


def test_a_server_without_ranges_is_told(data: tuple[str, str], server: FileServer):
    file = packed(data[0])
    server.knows_ranges = False
    with pytest.raises(DataError, match="does not give parts of files"):
        PackedFile(f"{server.url}/{Path(file).name}")


def test_nobody_there_is_told(data: tuple[str, str]):
    pytest.importorskip("aiohttp")
    with pytest.raises(DataError, match="cannot be read"):
        PackedFile("http://127.0.0.1:9/a.npz")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(
        importlib.import_module("fsspec.registry").known_implementations,
        "s3",
        {"class": "s3fs_not_here.S3", "err": "Install s3fs"},
    )
    for protocol in ("s3",):
        with pytest.raises(DataError, match="needs the package s3fs-not-here") as error:
            PackedFile(f"{protocol}://key:secret@bucket/a.npz")
        assert "pip install s3fs-not-here" in str(error.value.hint)
        assert "secret" not in str(error.value)
    with pytest.raises(DataError, match="no kind of store is known by nothing://"):
        PackedFile("nothing://bucket/a.npz")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(DataError, match="need the package fsspec") as error:
        PackedFile("memory://bucket/a.npz")
    assert "[remote]" in str(error.value.hint)


def test_what_was_read_is_kept_up_to_a_limit():
    kept = store._Recent(100)
    for number in range(10):
        kept.put(number, bytes(30))
    assert kept.held == 90
    assert kept.get(0) is None
    assert kept.get(9) == bytes(30)
    kept.put(11, bytes(1000))
    assert kept.get(11) is None


def test_a_masked_address_of_a_run_folder_says_what_to_do():
    with pytest.raises(DataError, match="run folders do not keep them") as error:
        PackedFile("s3://***@another/a.npz")
    assert "data_cfg.dataset_root" in str(error.value.hint)


def test_a_packed_file_replaced_in_use_is_told(tmp_path: Path, server: FileServer):
    file = Path(large(tmp_path))
    found = PackedFile(f"{server.url}/{file.name}")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(DataError, match="written to while it was in use"):
        [found.load(row) for row in range(len(found))]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes_read_the_same(method: str, data: tuple[str, str], server: FileServer):
    root, listed = data
    file = packed(root)
    url = f"http://user:verysecret@{server.url.removeprefix('http://')}/{Path(file).name}"
    code = f"""
import multiprocessing, sys
from gait_plugins.config import build
def size(ref):
    return [int(part.sum()) for part in there.load(ref)]
def start(made):
    global there
    there = made
if __name__ == "__main__":
    options = dict(dataset_root={url!r}, dataset_partition={listed!r})
    there = build("dataset", dict(type="PackedSilhouettes", **options))
    refs = list(there.sequences("train"))
    here = [size(ref) for ref in refs]
    with multiprocessing.get_context({method!r}).Pool(2, start, (there,)) as pool:
        assert pool.map(size, refs) == here
    print("alike", len(refs), there.root)
"""
    script = Path(root).parent / "workers.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("alike")
    assert "verysecret" not in done.stdout + done.stderr
    assert server.users


def test_parts_of_a_packed_data_set_are_found_beside_it(
    tmp_path: Path, data: tuple[str, str], server: FileServer
):
    from gait_plugins.prepare.pack import pack_dataset
    from gait_plugins.prepare.sequences import every_sequence

    root, listed = data
    pack_dataset(*every_sequence(Path(root)), tmp_path / "parted.npz", parts=2)
    server.token = "sig=abc"
    there = dataset(f"{server.url}/parted.npz?sig=abc", listed)
    equal(dataset(str(tmp_path / "parted.npz"), listed), there)
    assert "abc" not in str(there.root)


def test_partitions_may_lie_in_a_store(data: tuple[str, str], tmp_path: Path, server: FileServer):
    partition(tmp_path / "bad.json", [], [])
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match="not a JSON file"):
        dataset(data[0], f"{server.url}/bad.json").sequences("train")
