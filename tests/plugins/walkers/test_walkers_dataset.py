"""The walkers as a data set: naming, partition, cache, difficulty."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gait_plugins
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.walkers.body.skeleton import identity
from gait_plugins.plugins.walkers.cache import default_root
from gait_plugins.plugins.walkers.dataset import Walkers

SMALL = {"train": 2, "test": 1, "views": ["000", "090"], "nm": 2, "bg": 1, "cl": 1, "frames": 3}


@pytest.fixture
def small(tmp_path: Path) -> Walkers:
    return Walkers(**SMALL, cache_dir=str(tmp_path))


def everything(data: Walkers) -> dict[str, bytes]:
    refs = data.sequences("train") + data.sequences("test")
    return {ref.name: data.load(ref)[0].tobytes() for ref in refs}


def cached(root: Path) -> list[Path]:
    return sorted(root.glob("*/*.npy"))


def test_names_and_partition_are_casia_bs(small: Walkers) -> None:
    train, test = small.sequences("train"), small.sequences("test")
    assert [ref.name for ref in test] == [
        f"003-{kind}-{view}" for kind in ("bg-01", "cl-01", "nm-01", "nm-02") for view in ("000", "090")
    ]
    assert {ref.label for ref in train} == {"001", "002"}
    (frames,) = small.load(train[0])
    assert frames.shape == (3, 64, 64)
    assert set(np.unique(frames)) == {0, 255}


def test_defaults_fill_the_protocol() -> None:
    data = Walkers()
    kinds = [*(f"nm-{i:02d}" for i in range(1, 7)), "bg-01", "bg-02", "cl-01", "cl-02"]
    assert data.types == kinds
    assert data.numbers("train") == range(1, 61)
    assert data.numbers("test") == range(61, 81)


def test_it_is_built_by_name(tmp_path: Path) -> None:
    data = gait_plugins.build("dataset", {"type": "walkers", **SMALL, "cache_dir": str(tmp_path)})
    assert isinstance(data, Walkers)


def test_the_same_options_give_the_same_bytes_in_any_order(small: Walkers, tmp_path: Path) -> None:
    again = Walkers(**SMALL, cache_dir=str(tmp_path / "again"))
    refs = again.sequences("test") + again.sequences("train")
    backwards = {ref.name: again.load(ref)[0].tobytes() for ref in reversed(refs)}
    assert backwards == everything(small)


def test_another_seed_gives_other_people(small: Walkers, tmp_path: Path) -> None:
    other = everything(Walkers(**SMALL, seed=2, cache_dir=str(tmp_path)))
    mine = everything(small)
    assert other.keys() == mine.keys()
    assert all(other[name] != mine[name] for name in mine)


def test_sets_of_other_sizes_share_the_cache(small: Walkers, tmp_path: Path) -> None:
    small.sequences("train")
    times = [path.stat().st_mtime_ns for path in cached(tmp_path)]
    larger = Walkers(**(SMALL | {"train": 3}), cache_dir=str(tmp_path))
    larger.sequences("train")
    assert len(cached(tmp_path)) == 3
    assert [path.stat().st_mtime_ns for path in cached(tmp_path)[:2]] == times


def test_loading_works_in_a_worker_that_got_it_pickled(small: Walkers) -> None:
    refs = small.sequences("test")
    expected = small.load(refs[0])[0]
    copy, ref = pickle.loads(pickle.dumps((small, refs[0])))
    np.testing.assert_array_equal(copy.load(ref)[0], expected)
    assert len(pickle.dumps(small)) < 10_000


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_file_is_made_again(small: Walkers, tmp_path: Path, damage: str) -> None:
    expected = everything(small)
    path = cached(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes({"flip": bytes(content), "cut": bytes(content[:-40]), "empty": b""}[damage])
    assert everything(Walkers(**SMALL, cache_dir=str(tmp_path))) == expected


def test_two_processes_fill_one_cache(small: Walkers, tmp_path: Path) -> None:
    code = (
        "import sys; from gait_plugins.plugins.walkers.dataset import Walkers\n"
        f"data = Walkers(**{SMALL!r}, cache_dir=sys.argv[1])\n"
        "print(sum(data.load(r)[0].astype(int).sum() for s in ('train', 'test') for r in data.sequences(s)))"
    )
    root = tmp_path / "shared"
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = {worker.communicate(timeout=60)[0] for worker in workers}
    assert [worker.returncode for worker in workers] == [0, 0]
    expected = sum(np.frombuffer(frames, np.uint8).astype(int).sum() for frames in everything(small).values())
    assert printed == {f"{expected}\n"}
    assert not [path for path in root.rglob(".*") if path.is_file()]


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path))
    assert default_root() == tmp_path / "walkers"
    monkeypatch.delenv("GAIT_PLUGINS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert default_root() == tmp_path / "x" / "gait-plugins" / "walkers"


@pytest.mark.skipif(os.name != "posix", reason="folders are made unwritable by putting a file in their place")
def test_an_unusable_cache_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be used") as caught:
        Walkers(**SMALL, cache_dir=str(tmp_path / "file")).sequences("train")
    assert "GAIT_PLUGINS_CACHE" in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("views", ["36"]),
        ("views", [36]),
        ("views", ["000", "000"]),
        ("views", []),
        ("views", ["190"]),
        ("train", -1),
        ("frames", 0),
        ("noise", -0.5),
        ("train", 1000),
    ],
)
def test_impossible_options_are_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError):
        Walkers(**{option: value})


def test_energy_images_fail_across_views(tmp_path: Path) -> None:
    """The nearest Gait Energy Image finds the person in the same view, not from another camera."""
    views = ["000", "072", "144"]
    data = Walkers(train=0, test=14, views=views, nm=2, bg=0, cl=0, frames=28, cache_dir=str(tmp_path))
    refs = data.sequences("test")
    images = {(r.type, r.view, r.label): data.load(r)[0].mean(0).ravel() for r in refs}
    labels = sorted({ref.label for ref in refs})

    def rank1(probe_view: str, gallery_view: str) -> float:
        gallery = np.stack([images["nm-01", gallery_view, label] for label in labels])
        probes = np.stack([images["nm-02", probe_view, label] for label in labels])
        distance = ((probes[:, None] - gallery[None]) ** 2).sum(2)
        return float((distance.argmin(1) == np.arange(len(labels))).mean())

    same = np.mean([rank1(view, view) for view in views])
    cross = np.mean([rank1(a, b) for a in views for b in views if a != b])
    assert same > 0.8
    assert cross < 0.6


def test_people_of_one_body_walk_in_ways_of_their_own(tmp_path: Path) -> None:
    alike = Walkers(**{**SMALL, "frames": 1}, noise=0, bodies=0, cache_dir=str(tmp_path))
    people = [identity(alike.seed, number, bodies=0) for number in (1, 2)]
    assert people[0].body == people[1].body
    assert people[0].style.stride == identity(alike.seed, 1).style.stride != people[1].style.stride
    usual = Walkers(**{**SMALL, "frames": 1}, noise=0, cache_dir=str(tmp_path))
    assert everything(alike).keys() == everything(usual).keys()
    assert everything(alike) != everything(usual)
    with pytest.raises(ConfigError, match="bodies is 2, expected a factor from 0 to 1"):
        Walkers(bodies=2)


@pytest.mark.parametrize("stream", ["depth_metres", "smpl"])
def test_streams_show_the_same_bodies(stream: str, tmp_path: Path) -> None:
    usual, alike = (
        Walkers(**SMALL, streams=["silhouettes", stream], bodies=bodies, cache_dir=str(tmp_path))
        for bodies in (1, 0.0)
    )
    frames, told = alike.load(alike.sequences("test")[0])
    assert not np.array_equal(told, usual.load(usual.sequences("test")[0])[1])
    if stream == "depth_metres":
        np.testing.assert_array_equal(told > 0, frames > 0)
