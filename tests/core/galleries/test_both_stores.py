"""Galleries in a folder and on a server keep the same contract."""

from __future__ import annotations

import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.files.gallery_files import ORIGIN, SHAPE, embeddings, entries, gallery_of
from helpers.stores import STORES, place_in, values_of

from gait_plugins import CheckpointError, ConfigError, DataError, GalleryIndex, StoredVectors
from gait_plugins.config import build
from gait_plugins.core.galleries.address import Place
from gait_plugins.core.galleries.calibration import calibrate
from gait_plugins.core.galleries.conversion import convert, enroll_in, read_any
from gait_plugins.core.galleries.entries import Entry
from gait_plugins.core.galleries.search import identify_in
from gait_plugins.core.galleries.stores import is_lasting, is_there, make_gallery, new_gallery, open_gallery
from gait_plugins.core.tools.embeddings import read_embeddings, write_embeddings
from gait_plugins.core.tools.identification import Answer, identify
from gait_plugins.metrics import Metric


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest) -> Place:
    """Where a gallery may be made, of each store."""
    return place_in(request.param, request)


@pytest.fixture(params=STORES)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Another one, of each store."""
    return tmp_path / "other" if request.param == "folder" else place_in(request.param, request)


def said(answers: list[Answer]) -> list[list[tuple[str, str]]]:
    return [[(match.identity, match.sequence) for match in answer.matches] for answer in answers]


def test_what_was_enrolled_is_there_again(place: Place) -> None:
    data = embeddings(4, 3)
    assert not is_there(place)
    gallery_of(place, data).close()
    assert is_there(place)
    assert is_lasting(place)
    with open_gallery(place) as gallery:
        assert (len(gallery), gallery.people, gallery.shape, gallery.origin) == (12, 4, SHAPE, ORIGIN)
        assert (gallery.dtype, gallery.where) == ("float32", str(place))
        assert gallery.entries() == sorted(entries(data))
        found = values_of(gallery)
        assert all(np.array_equal(found[n], v) for n, v in zip(data.names, data.embeddings, strict=True))


def test_rows_are_read_in_any_order_and_people_are_numbered_from_one(place: Place) -> None:
    data = embeddings(5, 2)
    with gallery_of(place, data) as gallery:
        rows = gallery.rows()
        assert (rows.people.min(), rows.removals) == (1, 0)  # 0 is what fillers of an index look like
        for places in ([3, 1, 1, 7], [9], [], [4, 5, 6]):
            found = gallery.read(rows, np.array(places, np.int64))
            assert np.array_equal(found, data.embeddings[places])
        held = gallery.entries_of(rows.ids[[7, 0]])
        assert [entry and entry.name for entry in held] == [data.names[7], data.names[0]]
        last = int(rows.people.max())
        gallery.remove(["person-004"])
        assert gallery.entries_of(rows.ids[[9, 0]])[0] is None
        assert gallery.entry(int(rows.ids[9])) is None
        new = embeddings(1, 1, first=9)
        gallery.add(entries(new), new.embeddings)
        assert gallery.rows().people.max() > last  # a number is never given twice


def test_nobody_is_enrolled_twice(place: Place) -> None:
    data, more = embeddings(2, 2), embeddings(3, 2)
    with gallery_of(place, data) as gallery:
        twice = entries(more) + entries(more)[-1:]
        assert gallery.add(twice, np.r_[more.embeddings, more.embeddings[:1]]) == 2
        assert gallery.add(entries(more), more.embeddings) == 0
        assert gallery.add([], np.zeros((0, *SHAPE), np.float32)) == 0
        assert (len(gallery), gallery.people) == (6, 3)
        assert np.array_equal(values_of(gallery)["person-002-s0-1"], more.embeddings[5])


def test_people_and_sequences_are_removed(place: Place) -> None:
    data = embeddings(30, 4)
    with gallery_of(place, data) as gallery:
        assert gallery.remove(["person-007"]) == 4
        assert gallery.remove([], ["person-008-s0-2"]) == 1
        assert gallery.remove(["person-009"], ["person-009-s0-0", "person-009-s0-1"]) == 2
        assert (len(gallery), gallery.people, gallery.removals()) == (113, 29, 3)
        gone = {"person-008-s0-2", "person-009-s0-0", "person-009-s0-1"}
        gone |= {str(name) for name in data.names if str(name).startswith("person-007")}
        assert set(values_of(gallery)) == set(data.names.tolist()) - gone


def test_removing_somebody_who_is_not_there_removes_nobody(place: Place) -> None:
    with gallery_of(place, embeddings(3, 2)) as gallery:
        with pytest.raises(DataError, match="no person 'person-01'") as caught:
            gallery.remove(["person-000", "person-01"])
        assert "did you mean 'person-001'" in str(caught.value)
        with pytest.raises(DataError, match="no sequence 'person-000' / 'person-001-s0-0'"):
            gallery.remove(["person-000"], ["person-001-s0-0"])
        assert (len(gallery), gallery.removals()) == (6, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_embeddings_that_mean_nothing_are_refused_by_name(place: Place, value: float) -> None:
    data = embeddings(3, 1)
    broken = data.embeddings.copy()
    broken[1] = value
    with gallery_of(place, embeddings(1, 1, first=9)) as gallery:
        kind = "of length zero" if value == 0 else "NaN or infinite"
        with pytest.raises(DataError, match=rf"1 of 3 embeddings are {kind}, the first of person-001-s0-0"):
            gallery.add(entries(data), broken)
        assert len(gallery) == 1
        with pytest.raises(DataError, match="8 channels x 3 parts, the new embeddings have 8 x 2"):
            gallery.add(entries(data), data.embeddings[:, :, :2])
        with pytest.raises(DataError, match="no identity given for walk"):
            gallery.add([Entry("", "walk")], data.embeddings[:1])
        for bad in (entries(data)[0]._replace(person="\udcff"), entries(data)[0]._replace(name="\udcff.pkl")):
            with pytest.raises(DataError, match="a name is no UTF-8"):
                gallery.add([bad], data.embeddings[:1])
        with pytest.raises(DataError, match="a name is no UTF-8"):
            gallery.remove(["\udcff"])


def test_halves_are_kept_and_numbers_beyond_them_refused(place: Place) -> None:
    data = embeddings(2, 1)
    with gallery_of(place, data, "float16") as gallery:
        assert gallery.dtype == "float16"
        expected = data.embeddings.astype(np.float16).astype(np.float32)
        assert np.array_equal(values_of(gallery)["person-001-s0-0"], expected[1])
        large = embeddings(1, 1, first=5)
        with pytest.raises(DataError, match="person-005-s0-0 holds numbers beyond float16"):
            gallery.add(entries(large), large.embeddings * 1e6)


def test_every_letter_of_a_name_is_kept(place: Place) -> None:
    names = ["Åsa'); DROP TABLE person; --", 'a\\b\t"c"', "李 %s %(x)s", "é", "z" * 200, "@.person"]
    data = embeddings(len(names), 1)
    with gallery_of(place, embeddings(1, 1, first=50)) as gallery:
        given = [Entry(name, f"{name}/walk", name, name, "2026", None, name) for name in names]
        assert gallery.add(given, data.embeddings) == len(names)
        assert set(gallery.entries()) >= set(given)
        assert [entry.person for entry in gallery.entries()] == sorted([*names, "person-050"])
        assert gallery.remove(names[:1], []) == 1
        assert gallery.remove([], [f"{names[2]}/walk"]) == 1
        assert (len(gallery), gallery.people) == (5, 5)


def test_a_second_maker_gets_the_gallery_of_the_first(place: Place) -> None:
    with gallery_of(place, embeddings(2, 1)), make_gallery(place, ORIGIN, (1, 1)) as again:
        assert (len(again), again.shape) == (2, SHAPE)


def test_a_new_gallery_is_whole_or_not_there(place: Place) -> None:
    data = embeddings(2, 1)

    class Cut(Exception):
        pass

    def cut_short() -> None:
        with new_gallery(place, ORIGIN, SHAPE, "float32") as gallery:
            gallery.add(entries(data), data.embeddings)
            raise Cut

    with pytest.raises(Cut):
        cut_short()
    assert not is_there(place)
    with new_gallery(place, ORIGIN, SHAPE, "float16") as gallery:
        gallery.add(entries(data), data.embeddings)
        assert not is_there(place)
    with open_gallery(place) as gallery:
        assert (len(gallery), gallery.dtype) == (2, "float16")


def test_many_write_and_read_at_once(place: Place) -> None:
    gallery_of(place, embeddings(1, 1)).close()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with open_gallery(place) as gallery:
                for turn in range(3):
                    data = embeddings(1, 2, first=10 * number + turn + 1)
                    gallery.add(entries(data), data.embeddings)
                    rows = gallery.rows()
                    gallery.read(rows, np.arange(len(rows.ids)))
                gallery.remove([f"person-{10 * number + 1:03d}"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_gallery(place) as gallery:
        assert (len(gallery), gallery.people, gallery.removals()) == (17, 9, 4)
        assert len(values_of(gallery)) == 17


def test_thresholds_are_kept_by_metric(place: Place) -> None:
    with gallery_of(place, embeddings(1, 1)) as gallery:
        gallery.keep_threshold("euc", {"threshold": 1.0})
        gallery.keep_threshold("euc", {"threshold": 2.0})
        gallery.keep_threshold("cos", {"threshold": 0.1})
    with open_gallery(place) as gallery:
        assert gallery.thresholds() == {"euc": {"threshold": 2.0}, "cos": {"threshold": 0.1}}
        assert replace(gallery.origin) == ORIGIN


@pytest.mark.parametrize("metric", ["euc", "cos"])
@pytest.mark.parametrize("top", [None, 1, 40])
def test_a_gallery_answers_as_a_file_does(place: Place, metric: Metric, top: int | None) -> None:
    data, probes = embeddings(40, 3), embeddings(45, 2, seed=1)
    expected = identify(probes, data, top=top, metric=metric, unknown_above=1.0)
    with gallery_of(place, data) as gallery:
        index = build("index", {"type": "exact"})
        index.block = 24 * 7  # a block ends within a person
        found = identify_in(gallery, probes, top=top, metric=metric, unknown_above=1.0, index=index)
    assert said(found) == said(expected)
    assert [answer.known for answer in found] == [answer.known for answer in expected]
    pairs = zip((m for a in found for m in a.matches), (m for a in expected for m in a.matches), strict=True)
    assert max(abs(a.distance - b.distance) for a, b in pairs) < 1e-4


def test_a_removal_in_the_middle_of_a_search_is_noticed(place: Place) -> None:
    other = embeddings(1, 1, first=8)

    class Removing(GalleryIndex):
        turns = 1

        def build(self, vectors: StoredVectors, metric: Metric) -> None:
            self.size = len(vectors)

        def candidates(self, probes: np.ndarray, count: int) -> np.ndarray:
            with open_gallery(place) as writer:
                if self.turns:
                    self.turns -= 1
                    # In a folder the slot bears somebody else then, on a server the row is gone.
                    writer.remove(["person-000"])
                    writer.add(entries(other), other.embeddings)
            return np.tile(np.arange(self.size), (len(probes), 1))

    with gallery_of(place, embeddings(3, 1)) as gallery:
        [answer] = identify_in(gallery, embeddings(1, 1), top=3, index=Removing())
        people = sorted(match.identity for match in answer.matches)
        assert people == ["person-001", "person-002", "person-008"]
        assert answer.matches[0].distance > 0.1


def test_a_search_is_not_begun_anew_for_others_who_are_removed(place: Place) -> None:
    turns = []

    class Removing(GalleryIndex):
        def build(self, vectors: StoredVectors, metric: Metric) -> None:
            self.size = len(vectors)
            self.vectors = vectors

        def candidates(self, probes: np.ndarray, count: int) -> np.ndarray:
            turns.append(count)
            with open_gallery(place) as writer:
                writer.remove([f"person-{len(turns) + 5:03d}"])
            return np.tile(np.arange(self.size), (len(probes), 1))

    with gallery_of(place, embeddings(9, 1)) as gallery:
        [answer] = identify_in(gallery, embeddings(1, 1, seed=3), top=1, index=Removing())
    assert (answer.identity, turns) == ("person-000", [1])


def test_memory_does_not_grow_with_the_gallery(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gait_plugins.core.galleries.postgres.store.PAGE", 2**16)
    monkeypatch.setattr("gait_plugins.core.galleries.postgres.store._ROWS", 1000)
    data = embeddings(2000, 5)
    with gallery_of(place, data, "float16") as gallery:
        index = build("index", {})
        index.block = 2**14
        probes = embeddings(8, 1, seed=2)
        identify_in(gallery, probes, index=index)  # what is imported and kept
        tracemalloc.start()
        found = identify_in(gallery, probes, index=index)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert [answer.identity for answer in found] == probes.labels.tolist()
    assert peak < 10 * 4 * 2**14 + 100 * len(data)


def test_embeddings_are_enrolled_in_what_is_there_or_made(place: Place) -> None:
    data = embeddings(2, 1)
    broken = data.embeddings.copy()
    broken[1] = np.nan
    with pytest.raises(DataError, match="NaN or infinite, the first of person-001-s0-0"):
        enroll_in(place, replace(data, embeddings=broken))
    assert not is_there(place)
    assert enroll_in(place, data, dtype="float16") == 2
    assert enroll_in(place, data) == 0
    with pytest.raises(ConfigError, match="vectors are float16, and --dtype asks for float32"):
        enroll_in(place, data, dtype="float32")
    with pytest.raises(CheckpointError, match="another origin: checkpoint abc, now xyz"):
        enroll_in(place, replace(data, origin=replace(data.origin, checkpoint="xyz")))


def test_a_file_becomes_a_gallery_and_a_file_again(place: Place, tmp_path: Path) -> None:
    data = embeddings(4, 3)
    write_embeddings(tmp_path / "old.npz", data)
    write_embeddings(tmp_path / "large.npz", replace(data, embeddings=data.embeddings * 1e6))
    with pytest.raises(DataError, match="numbers beyond float16"):
        convert(tmp_path / "large.npz", place, "float16")
    assert not is_there(place)
    assert convert(tmp_path / "old.npz", place) == 12
    with open_gallery(place) as gallery:
        assert all(entry.when for entry in gallery.entries())
    assert convert(place, tmp_path / "again.npz") == 12
    found, again = read_any(place), read_embeddings(tmp_path / "again.npz")
    assert found.origin == again.origin == data.origin
    for one in (found, again):
        order = np.argsort(one.names)
        assert one.names[order].tolist() == sorted(data.names.tolist())
        assert np.array_equal(one.embeddings[order], data.embeddings[np.argsort(data.names)])
    with pytest.raises(DataError, match="something under this name"):
        convert(tmp_path / "old.npz", place)


def test_a_copy_in_the_other_store_keeps_all_that_is_known(
    place: Place, other: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gait_plugins.core.galleries.conversion._BLOCK", 24 * 7)
    if isinstance(place, Path) and isinstance(other, Path):
        gallery_of(place, embeddings(1, 1)).close()
        with pytest.raises(ConfigError, match="both are galleries in folders"):
            convert(place, other)
        return
    data = embeddings(6, 3, noise=1.0)
    with gallery_of(place, data, "float16") as gallery:
        gallery.remove(["person-003"])
        held = {"people": 5, "sequences": 15, "removals": gallery.removals()}
        gallery.keep_threshold("euc", {**calibrate(read_any(place), 0.1).as_dict(), **held})
        gallery.keep_threshold("cos", {"threshold": 0.5, "removals": 0})
        before, values = gallery.entries(), values_of(gallery)
        thresholds = gallery.thresholds()
    assert convert(place, other) == 15
    with open_gallery(other) as copy:
        assert (copy.entries(), copy.dtype, copy.origin, copy.people) == (before, "float16", ORIGIN, 5)
        found = values_of(copy)
        assert all(np.array_equal(found[name], value) for name, value in values.items())
        kept = copy.thresholds()
        # Found for the people who are there: it still is. The other one was found before a removal.
        assert kept["euc"] == {**thresholds["euc"], "removals": copy.removals()}
        assert kept["cos"]["removals"] != copy.removals()


def test_an_empty_gallery_says_so(place: Place, tmp_path: Path) -> None:
    data = embeddings(2, 1)
    with gallery_of(place, data) as gallery:
        gallery.remove(["person-000", "person-001"])
        assert (len(gallery), gallery.people, gallery.entries()) == (0, 0, [])
        assert gallery.read(gallery.rows(), np.zeros(0, np.int64)).shape == (0, *SHAPE)
        with pytest.raises(DataError, match="the gallery is empty"):
            identify_in(gallery, data)
    with pytest.raises(DataError, match="empty"):
        convert(place, tmp_path / "none.npz")
    assert not (tmp_path / "none.npz").exists()


def test_fillers_and_places_named_twice_are_nobody(place: Place) -> None:
    class Filling(GalleryIndex):
        def build(self, vectors: StoredVectors, metric: Metric) -> None: ...

        def candidates(self, probes: np.ndarray, count: int) -> np.ndarray:
            # FAISS and others fill with -1, which is the last row in numpy; some give one number twice.
            return np.array([[2, -1, 2, -1, -1]] * len(probes), np.int64)

    with gallery_of(place, embeddings(4, 1)) as gallery:
        [answer] = identify_in(gallery, embeddings(1, 1, seed=3), top=3, index=Filling())
        assert [match.identity for match in answer.matches] == ["person-002"]
        probes = embeddings(1, 1)
        broken = replace(probes, embeddings=probes.embeddings * np.nan)
        with pytest.raises(DataError, match="NaN or infinite"):  # FAISS would give -1 for all of its labels
            identify_in(gallery, broken, index=Filling())
