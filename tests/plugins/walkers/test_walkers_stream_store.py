"""Walkers give the streams that are asked for, each with a cache of its own, and the same ones every time."""

from __future__ import annotations

import hashlib
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.places import ROOT

from gait_plugins.errors import ConfigError
from gait_plugins.io.ragged import Frames, Ragged
from gait_plugins.plugins.walkers.body.conditions import tread
from gait_plugins.plugins.walkers.body.skeleton import identity
from gait_plugins.plugins.walkers.dataset import Walkers
from gait_plugins.plugins.walkers.streams.declared import KINDS
from gait_plugins.plugins.walkers.telling import making
from gait_plugins.testing import check_dataset

SMALL = {"train": 1, "test": 1, "views": ["000", "090"], "nm": 1, "bg": 1, "cl": 0, "frames": 4}
ALL = list(KINDS)


def made(root: Path, streams: list[str] | None, **options: object) -> Walkers:
    return Walkers(**(SMALL | {"streams": streams, "cache_dir": str(root)} | options))


def content(frames: Frames) -> bytes:
    return (
        frames.values.tobytes() + frames.offsets.tobytes() if isinstance(frames, Ragged) else frames.tobytes()
    )


def everything(data: Walkers) -> dict[tuple[str, str], bytes]:
    return {
        (ref.name, stream.name): content(frames)
        for subset in ("train", "test")
        for ref in data.sequences(subset)
        for stream, frames in zip(data.streams(), data.load(ref), strict=True)
    }


def files(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.glob("*/*.npy")}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("walkers")


def test_silhouettes_are_given_where_nothing_is_said(root: Path) -> None:
    data = made(root, None)
    (stream,) = data.streams()
    assert (stream.name, stream.shape, stream.dtype, stream.clock) == ("silhouettes", (64, 64), "uint8", 25.0)
    assert everything(data) == everything(made(root, ["silhouettes"]))


def test_streams_come_in_the_order_asked_for(root: Path) -> None:
    data = made(root, ["points", "silhouettes", "ratios"])
    ref = data.sequences("test")[0]
    clouds, silhouettes, ratios = data.load(ref)
    assert isinstance(clouds, Ragged)
    assert silhouettes.shape == (4, 64, 64)
    assert ratios.shape == (4,)
    assert data.length(ref) == len(clouds) == 2
    assert [stream.clock for stream in data.streams()] == [10.0, 25.0, "silhouettes"]


def test_every_stream_is_taken_by_its_declaration(root: Path) -> None:
    data = made(root, ALL)
    for ref in data.sequences("train"):
        for stream, frames in zip(data.streams(), data.load(ref), strict=True):
            assert stream.checked(frames, ref.name) is frames
            array = frames.values if isinstance(frames, Ragged) else frames
            assert array.flags.writeable
            assert not isinstance(array, np.memmap)


def test_the_contract_of_data_sets_holds_with_all_streams(root: Path) -> None:
    check_dataset(made(root, ALL))


@pytest.mark.heavy
def test_two_processes_make_the_same_bytes(root: Path, tmp_path: Path) -> None:
    code = (
        "import sys, hashlib\n"
        "from test_walkers_stream_store import ALL, everything, made\n"
        "from pathlib import Path\n"
        "found = everything(made(Path(sys.argv[1]), ALL))\n"
        "print({key: hashlib.sha256(value).hexdigest() for key, value in found.items()})"
    )
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {here!r}); {code}", str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = {key: hashlib.sha256(value).hexdigest() for key, value in everything(made(root, ALL)).items()}
    assert printed == f"{expected}\n"


def test_a_stream_is_the_same_whatever_is_made_beside_it(root: Path, tmp_path: Path) -> None:
    together = everything(made(root, ALL))
    alone: dict[tuple[str, str], bytes] = {}
    for name in ("keypoints", "points", "flow", "rgb_square"):
        alone |= everything(made(tmp_path, [name]))
    assert alone == {key: together[key] for key in alone}


def test_one_stream_more_makes_no_other_anew(tmp_path: Path) -> None:
    everything(made(tmp_path, ["silhouettes", "keypoints"]))
    before = files(tmp_path)
    assert len({path.parent for path in before}) == 2
    everything(made(tmp_path, ["keypoints", "smpl", "silhouettes"]))
    after = files(tmp_path)
    assert {path: after[path] for path in before} == before
    assert len({path.parent for path in after}) == 3


@pytest.mark.parametrize("name", ["points", "smpl"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "gone"])
def test_a_damaged_file_of_a_stream_is_made_again(tmp_path: Path, name: str, damage: str) -> None:
    expected = everything(made(tmp_path, [name]))
    for path in files(tmp_path):
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 255
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes({"flip": bytes(whole), "cut": bytes(whole[:-40]), "empty": b""}[damage])
    assert everything(made(tmp_path, [name])) == expected


def test_a_worker_gets_the_data_set_without_its_frames(root: Path) -> None:
    data = made(root, ["points", "keypoints", "silhouettes"])
    ref = data.sequences("test")[0]
    expected = [content(frames) for frames in data.load(ref)]
    copy = pickle.loads(pickle.dumps(data))
    assert [content(frames) for frames in copy.load(ref)] == expected
    assert len(pickle.dumps(data)) < 10_000


def test_a_faster_camera_sees_more_of_the_same_walk(tmp_path: Path) -> None:
    slow, fast = (
        made(tmp_path, ["smpl", "points"], rate=rate, frames=31, noise=0.0) for rate in (15.0, 30.0)
    )
    assert [stream.clock for stream in fast.streams()] == [30.0, 10.0]
    poses = [data.load(data.sequences("test")[0])[0][:, 3:75] for data in (slow, fast)]
    np.testing.assert_allclose(poses[0][:15], poses[1][:30:2], atol=1e-5)
    clouds = [data.load(data.sequences("test")[0])[1] for data in (slow, fast)]
    assert [len(cloud) for cloud in clouds] == [21, 11]


def test_a_name_is_suggested_for_an_unknown_stream() -> None:
    with pytest.raises(ConfigError, match="no stream 'keypoint'") as caught:
        Walkers(streams=["keypoint"])
    assert "did you mean 'keypoints'?" in str(caught.value)


@pytest.mark.parametrize("options", [{"streams": []}, {"streams": ["rgb", "rgb"]}, {"rate": 0}], ids=str)
def test_impossible_streams_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        Walkers(**options)


def test_the_page_and_the_option_name_every_stream() -> None:
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8").partition("### Streams of the walkers")[2]
    rows = re.findall(r"^\| `(\w+)` \| (\w+)(?: `\[([^]]*)\]`)? \|", page, re.MULTILINE)
    shapes = {name: (dtype, shape) for name, dtype, shape in rows}
    assert shapes == {
        kind.stream.name: (kind.stream.dtype, kind.stream.described[1:-1]) for kind in KINDS.values()
    }
    assert Walkers.__doc__ is not None
    assert all(re.search(rf"\b{name}\b", Walkers.__doc__) for name in KINDS)


# --- classes of gait ---------------------------------------------------------------------------


def test_the_type_is_the_class_of_gait(tmp_path: Path) -> None:
    data = made(tmp_path, ["silhouettes", "keypoints"], gait_classes=True, train=6, test=3)
    train = {(ref.label, ref.type) for ref in data.sequences("train")}
    assert len(train) == 6
    assert sorted(kind for _, kind in train) == 2 * ["negative"] + 2 * ["neutral"] + 2 * ["positive"]
    assert {ref.type for ref in data.sequences("test")} == {"negative", "neutral", "positive"}
    assert [ref.view for ref in data.sequences("test")] == 3 * ["000", "090"]
    silhouettes, joints = data.load(data.sequences("test")[0])
    assert len(silhouettes) == len(joints) == 4


def test_classes_differ_in_how_even_the_walk_is() -> None:
    style = identity(1, 1).style
    assert tread(style, "negative") is style
    assert tread(style, "nm-01") is style
    neutral, positive = tread(style, "neutral"), tread(style, "positive")
    assert style.limp < neutral.limp < positive.limp
    assert style.roll < neutral.roll < positive.roll


def test_the_log_says_how_far_a_long_making_is(caplog: pytest.LogCaptureFixture) -> None:
    ticks = iter([0.0, 9.0, 11.0, 40.0, 42.0, 50.0, 60.0])
    with caplog.at_level("INFO", "gait_plugins"), making("points", 100, lambda: next(ticks)) as advance:
        for _ in range(5):
            advance(20)
    assert [record.getMessage() for record in caplog.records] == [
        "walkers: making points: 40 of 100 frames, 16 s left",
        "walkers: making points: 80 of 100 frames, 10 s left",
        "walkers: made points in 1:00 min; kept for the next time",
    ]


def test_the_log_says_nothing_of_a_short_making(caplog: pytest.LogCaptureFixture) -> None:
    ticks = iter([0.0, 4.0, 9.0])
    with caplog.at_level("INFO", "gait_plugins"), making("points", 2, lambda: next(ticks)) as advance:
        advance(1)
        advance(1)
    assert not caplog.records
