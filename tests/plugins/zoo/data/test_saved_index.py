"""The saved index of a folder: the same sequences as a scan finds, and none that are there no longer."""

from __future__ import annotations

import os
import pickle
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from helpers.files.layout_files import partition, person, small_set, write

from gait_plugins import FindingLog, SequenceTable, build
from gait_plugins.api.census import processes
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.data import saved_index
from gait_plugins.plugins.zoo.data.layout import OpenGaitLayout
from gait_plugins.plugins.zoo.data.layout_index import Listing
from gait_plugins.plugins.zoo.data.layout_scan import scan, scan_identity


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, for small folders too."""
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(saved_index, "FEWEST", 1)
    monkeypatch.setattr(saved_index, "JUST_NOW", 0)
    return tmp_path / "cache" / "folders"


@pytest.fixture
def data(tmp_path: Path) -> tuple[str, str]:
    """A small set."""
    return small_set(tmp_path)


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The identities whose folders are listed."""
    seen: list[str] = []

    def noted(root: str, label: str) -> object:
        seen.append(label)
        return scan_identity(root, label)

    monkeypatch.setattr(saved_index, "scan_identity", noted)
    return seen


def listed(data: tuple[str, str], subset: str = "train", **options: object) -> list[tuple[object, ...]]:
    found = OpenGaitLayout(*data, **options).sequences(subset)
    assert isinstance(found, SequenceTable)
    return [tuple(ref) for ref in found]


def test_columns_are_what_a_scan_of_walks_finds(data):
    walks = scan(data[0], ["002", "001"], FindingLog())
    assert listed(data, saved_index="off") == [tuple(walk) for walk in walks]


def test_the_second_start_lists_no_folder_and_finds_the_same(data, scanned, cache):
    first = {subset: listed(data, subset) for subset in ("train", "test")}
    assert scanned == ["002", "001", "003", "004"]
    assert len(list(cache.iterdir())) == 1
    assert {subset: listed(data, subset) for subset in ("test", "train")} == first
    assert scanned == ["002", "001", "003", "004"]
    assert listed(data, saved_index="off") == first["train"]
    assert len(scanned) == 6


@pytest.mark.parametrize(
    "change",
    [
        lambda root: write(root / "001/nm-01/000/other.pkl", person()),
        lambda root: (root / "001/nm-01/000/000.pkl").rename(root / "001/nm-01/000/new.pkl"),
        lambda root: write(root / "001/nm-01/180/180.pkl", person()),
        lambda root: write(root / "001/nm-02/000/000.pkl", person()),
        lambda root: shutil.rmtree(root / "001/bg-01"),
    ],
)
def test_what_has_changed_is_seen_and_the_rest_is_not_listed_again(data, scanned, change):
    listed(data)
    change(Path(data[0]))
    del scanned[:]
    options = {"data_in_use": [0]}
    assert listed(data, **options) == listed(data, saved_index="off", **options)
    assert scanned[0] == "001"
    assert scanned[1:] == ["002", "001"]


def test_a_folder_that_was_changed_just_before_the_scan_is_listed_again(data, scanned, monkeypatch):
    monkeypatch.setattr(saved_index, "JUST_NOW", 60 * 10**9)
    Path(data[0], "001/nm-01/000/000.pkl").rename(Path(data[0], "001/nm-01/000/now.pkl"))
    listed(data)
    listed(data)
    assert scanned == ["002", "001"] * 2


def test_a_time_that_was_set_back_hides_no_change(data, scanned):
    folder = Path(data[0], "001/nm-01/000")
    before = folder.stat()
    listed(data)
    write(folder / "more.pkl", person())
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    del scanned[:]
    listed(data, data_in_use=[0])
    assert scanned == ["001"]


def test_findings_are_told_from_the_index_too(data, caplog):
    write(Path(data[0], "001/nm-01/000/.hidden"), 1)
    Path(data[0], "001/nm-01/270").mkdir()
    told = []
    for _ in range(2):
        caplog.clear()
        listed(data)
        told.append([record.getMessage() for record in caplog.records])
    assert told[0] == told[1]
    assert len(told[0]) == 2
    write(Path(data[0], "001/stray.pkl"), person())
    for _ in range(2):
        with pytest.raises(DataError, match="two levels too high"):
            listed(data)


def test_renew_lists_again_and_trusted_does_not_look_at_times(data, scanned):
    before = listed(data)
    listed(data, "test")
    shutil.rmtree(Path(data[0], "001/bg-01"))
    del scanned[:]
    assert listed(data, saved_index="trusted") == before
    assert scanned == []
    now = listed(data, saved_index="renew")
    assert scanned == ["002", "001"]
    assert len(now) == len(before) - 2
    assert listed(data, saved_index="trusted") == now
    listed(data, "test", saved_index="trusted")
    assert scanned == ["002", "001"]


def test_a_check_lists_all_folders_and_renews_the_index(data, scanned):
    listed(data)
    OpenGaitLayout(*data).check(read_frames=False)
    assert scanned == ["002", "001", "002", "001", "003", "004"]


def test_a_damaged_index_is_told_and_made_anew(data, scanned, cache, caplog):
    expected = listed(data)
    (path,) = cache.iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 8
    path.write_bytes(content)
    assert listed(data) == expected
    assert "the saved index" in caplog.text
    assert len(scanned) == 4
    listed(data)
    assert len(scanned) == 4


def test_an_index_does_not_grow_with_the_changes_that_it_has_seen(data, cache):
    one, other = (Path(data[0], "001/nm-01/000", name) for name in ("000.pkl", "new.pkl"))
    for _ in range(8):
        one.rename(other)
        one, other = other, one
        expected = listed(data, saved_index="off"), listed(data, "test", saved_index="off")
        assert (listed(data), listed(data, "test")) == expected
    (path,) = cache.iterdir()
    grown = path.stat().st_size
    assert (listed(data), listed(data, "test")) == expected
    path.unlink()
    listed(data)
    listed(data, "test")
    assert path.stat().st_size == grown


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("view_time", lambda column: column[:-1]),
        ("view_time", lambda column: column[:, None]),
        ("type_owner", lambda column: column[::-1]),
        ("view_name", lambda column: column + 100),
        ("stop", lambda column: column + 1),
        ("start", lambda column: column - 1),
        ("format", lambda column: np.array([1, 2])),
        ("root", lambda column: np.array("/elsewhere")),
    ],
)
def test_an_index_that_does_not_fit_is_told_and_made_anew(data, scanned, cache, caplog, name, change):
    expected = listed(data)
    (path,) = cache.iterdir()
    with np.load(path) as file:
        arrays = dict(file)
    arrays[name] = change(arrays[name])
    np.savez(path, **arrays)
    assert listed(data, saved_index="trusted") == expected
    assert "cannot be read" in caplog.text
    assert len(scanned) == 4


def test_few_folders_and_folders_that_cannot_be_written_have_no_index(data, monkeypatch, cache, caplog):
    monkeypatch.setattr(saved_index, "FEWEST", 100)
    listed(data)
    assert not cache.exists()
    monkeypatch.setattr(saved_index, "FEWEST", 1)
    cache.parent.write_text("a file")
    listed(data)
    assert "cannot be saved" in caplog.text


def test_other_partitions_and_choices_take_what_they_need_of_one_index(data, scanned, tmp_path):
    listed(data)
    other = str(partition(tmp_path / "other.json", ["001", "004"], ["002"]))
    assert {label for label, *_ in listed((data[0], other))} == {"001", "004"}
    assert scanned == ["002", "001", "004"]
    own = OpenGaitLayout(*data, self_supervised=True).sequences("train")
    assert [ref.label for ref in own] == [ref.name for ref in OpenGaitLayout(*data).sequences("train")]
    assert len(scanned) == 3


def test_workers_are_sent_what_paths_are_made_of(data):
    dataset = OpenGaitLayout(*data)
    refs = dataset.sequences("train")
    sent = pickle.loads(pickle.dumps(refs))
    assert sent == refs
    assert sent.sources.listing.findings == []
    assert len(dataset.load(sent[0])[0]) == 20


def test_an_unknown_kind_is_refused(data):
    with pytest.raises(ConfigError, match="saved_index is 'maybe', expected one of auto"):
        OpenGaitLayout(*data, saved_index="maybe")


def test_off_may_be_written_without_quotes(data):
    root, partition_file = data
    options = {"dataset_root": root, "dataset_partition": partition_file, "saved_index": False}
    assert build("dataset", {"type": "OpenGaitLayout", **options}).saved_index == "off"
    with pytest.raises(ConfigError, match="saved_index is True, expected one of auto"):
        OpenGaitLayout(*data, saved_index=True)


def columns(listing: Listing) -> dict[str, object]:
    """All of a listing that does not depend on the time of day."""
    found = {each.name: getattr(listing, each.name) for each in fields(Listing) if each.name != "scanned"}
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}


def test_processes_find_what_one_finds_in_the_same_order(tmp_path, monkeypatch):
    root, _ = small_set(tmp_path)
    write(Path(root) / "000/zz-01/017/a.npy", person())  # names that the others have not
    write(Path(root) / "003/loose.pkl", person())
    monkeypatch.setattr(processes, "FEWEST", 1)
    monkeypatch.setattr(saved_index, "_TRIED", 1)
    monkeypatch.setattr(saved_index, "_PIECE", 1)
    monkeypatch.setattr(saved_index, "_waits", lambda: 0)
    names = ["003", "000", "004", "001", "002"]
    alone = saved_index.listing(root, names, "train", "off", FindingLog())
    log = FindingLog()
    with processes.processes(2), monkeypatch.context() as patch:
        patch.setattr(
            saved_index, "_told", lambda scanned, job: list(scanned)[:1]
        )  # of this process: one alone
        shared = saved_index.listing(root, names, "train", "off", log)
    assert columns(shared) == columns(alone)
    assert shared.labels == names
    assert [finding.examples for finding in log.findings()] == [(f"{root}/003/loose.pkl",)]


def test_an_error_in_a_process_that_scans_is_told_as_it_is(tmp_path, monkeypatch):
    root, _ = small_set(tmp_path)
    monkeypatch.setattr(processes, "FEWEST", 1)
    monkeypatch.setattr(saved_index, "_TRIED", 1)
    monkeypatch.setattr(saved_index, "_waits", lambda: 0)
    with processes.processes(2), pytest.raises(DataError, match="cannot be listed") as caught:
        saved_index.listing(root, ["001", "002", "nobody"], "train", "off", FindingLog())
    assert caught.value.where == f"{root}/nobody"


def test_an_api_call_starts_no_process_for_a_scan(tmp_path, monkeypatch):
    root, _ = small_set(tmp_path)
    monkeypatch.setattr(processes, "FEWEST", 1)
    monkeypatch.setattr(saved_index, "_TRIED", 1)
    monkeypatch.setattr(saved_index, "in_pieces", lambda *_: pytest.fail("processes were started"))
    assert len(saved_index.listing(root, ["001", "002"], "train", "off", FindingLog())) == 8
