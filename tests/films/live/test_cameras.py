"""Cameras: frames as they come, connections that are lost, files that grow, and secrets that stay secret."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from helpers.cameras import NetworkCamera
from helpers.files.films import counting, write_film

from gait_plugins.api.video.frames import FilmFrame
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.films.live import cameras
from gait_plugins.films.live.cameras import Address, Camera, shown_address
from gait_plugins.prepare.convert import quiet_opencv
from gait_plugins.testing.films import example_film

STREET = [frame.pixels for frame in example_film(frames=44).frames]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with quiet_opencv(threads=None):
        yield


def taken(camera: Camera, seconds: float) -> list[FilmFrame]:
    """The frames of so many seconds."""
    end = time.monotonic() + seconds
    return list(itertools.takewhile(lambda _: time.monotonic() < end, camera.frames()))


def test_frames_of_a_camera_have_the_times_of_the_clock():
    with NetworkCamera(STREET, rate=20) as server:
        camera = Camera(Address.of(server.address, False))
        begun = time.monotonic()
        frames = taken(camera, 1.5)
        lasted = time.monotonic() - begun
        camera.close()
    assert camera.film.live
    assert (camera.film.width, camera.film.height) == (160, 120)
    assert 8 < camera.film.rate < 30
    times = [frame.time for frame in frames]
    assert times == sorted(set(times))
    assert times[0] == 0
    assert times[-1] - times[1] == pytest.approx(lasted, abs=1.0)
    assert camera.moment(2.0).timestamp() - camera.started.timestamp() == pytest.approx(2)
    assert not camera.left_behind


def test_a_camera_that_is_gone_is_tried_again_and_that_is_told():
    told: list[str] = []
    with NetworkCamera(STREET, rate=20) as server:
        camera = Camera(Address.of(server.address, False), tell=told.append)
        threading.Timer(0.5, server.leave).start()
        threading.Timer(1.2, server.go).start()
        frames = taken(camera, 6)
        camera.close()
    assert camera.lost == 1
    assert told[0].endswith("/live: no picture any more; trying again")
    assert "/live: pictures again after " in told[1]
    gaps = [after.time - before.time for before, after in itertools.pairwise(frames)]
    assert max(gaps) > 0.6
    assert frames[-1].time > 3


def test_a_camera_that_stays_away_is_given_up():
    with NetworkCamera(STREET[:6], rate=20, once=True) as server:
        camera = Camera(Address.of(server.address, False), give_up=1.5)
        server.leave()
        begun = time.monotonic()
        with pytest.raises(DataError, match=r"there has been no picture for \d s") as caught:
            list(camera.frames())
        assert time.monotonic() - begun < 6
        camera.close()
    assert "without --give-up it is waited for" in str(caught.value)


def test_of_a_camera_that_is_too_fast_the_newest_frame_counts():
    with NetworkCamera(counting(200), rate=50) as server:
        camera = Camera(Address.of(server.address, False), most=50)
        seen = []
        for frame in camera.frames():
            seen.append(int(frame.pixels.mean().round()))
            time.sleep(0.2)
            if len(seen) == 6:
                camera.stop()
        behind = server.place - 1 - seen[-1]
        dropped = camera.dropped
        camera.close()
    assert dropped > 20
    assert behind < 40  # less than a second: nothing waits in a queue
    assert seen == sorted(seen)


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cameras, "STALE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(DataError, match="there is no picture"):
            Camera(Address.of(f"http://127.0.0.1:{silent.getsockname()[1]}/live", False))
        assert time.monotonic() - begun < 8


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://eve:secret@10.0.0.7:554/live", "rtsp://10.0.0.7:554/live"),
        ("http://cam/video?user=eve&pwd=secret", "http://cam/video?..."),
        ("http://cam/user=eve&password=secret/1", "http://cam/..."),
        ("rtsp://eve:se/cret@cam/x", "rtsp://..."),
        ("rtsp://eve:12?34@cam/x", "rtsp://..."),
        ("rtsp://eve:12#34@cam/x", "rtsp://..."),
        ("rtsp://eve:12/34@cam/x", "rtsp://..."),
        ("rtsp://eve:secret@[::1/x", "rtsp://..."),
    ],
)
def test_a_password_is_never_shown(address: str, shown: str):
    assert shown_address(address) == shown
    assert str(Address.of(address, False)) == shown
    assert "secret" not in Address.of(address, False).name


def test_a_password_is_in_no_message(capfd: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DataError) as caught:
        Camera(Address.of(f"rtsp://eve:secret@127.0.0.1:{port}/live", False))
    assert "secret" not in str(caught.value) + "".join(capfd.readouterr())
    assert f"rtsp://127.0.0.1:{port}/live: there is no picture" in str(caught.value)


def test_no_camera_of_a_number_is_told():
    with pytest.raises(DataError, match="camera 99: there is no picture") as caught:
        Camera(Address.of("99", False))
    assert "0 is the first camera of this machine" in str(caught.value)
    assert Address.of("/dev/video99", False) == Address.of("99", False)


def test_sources_that_are_none_are_told(tmp_path: Path):
    film = write_film(tmp_path / "a.avi", counting(3))
    with pytest.raises(ConfigError, match="this is a file") as caught:
        Address.of(str(film), False)
    assert "--follow" in str(caught.value)
    assert "video identify" in str(caught.value)
    with pytest.raises(DataError, match="there is no such file"):
        Address.of(str(tmp_path / "none.avi"), True)
    with pytest.raises(ConfigError, match="--follow is for a file"):
        Address.of("0", True)


def growing(path: Path, content: bytes, pieces: int = 12, seconds: float = 1.5) -> threading.Thread:
    """Write a file bit by bit; a first part of it is there at once."""
    step = -(-len(content) // pieces)
    path.write_bytes(content[:step])

    def write() -> None:
        with open(path, "ab") as file:
            for begin in range(step, len(content), step):
                time.sleep(seconds / pieces)
                file.write(content[begin : begin + step])
                file.flush()

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.parametrize(("name", "code"), [("a.mkv", "FFV1"), ("a.avi", "MJPG"), ("a.ts", "mpg2")])
def test_a_file_that_grows_is_read_to_its_end(tmp_path: Path, name: str, code: str):
    whole = write_film(tmp_path / name, STREET, 25 if code == "mpg2" else 12, code)
    path = tmp_path / f"growing-{name}"
    thread = growing(path, whole.read_bytes())
    camera = Camera(Address.of(str(path), True), give_up=1.0)
    frames = list(camera.frames())
    camera.close()
    thread.join()
    video = cv2.VideoCapture(str(whole))
    count = 0
    while video.grab():
        count += 1
    assert len(frames) == count >= 40
    assert camera.dropped == 0
    assert camera.film.rate == pytest.approx(25 if code == "mpg2" else 12, rel=0.05)
    assert frames[12].time - frames[0].time == pytest.approx(12 / camera.film.rate, abs=0.02)
    assert not camera.left_behind
    assert not Path(str(camera._file)).exists()


def test_a_file_that_can_be_read_only_when_it_is_finished_is_told(tmp_path: Path):
    whole = write_film(tmp_path / "a.mp4", STREET, code="mp4v")
    path = tmp_path / "growing.mp4"
    path.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(DataError, match="no frame can be read from the file so far") as caught:
        Camera(Address.of(str(path), True), give_up=0.5)
    assert ".mkv" in str(caught.value)


def test_a_camera_that_is_still_starting_is_waited_for():
    with NetworkCamera(STREET, rate=20) as server:
        server.leave()
        threading.Timer(1.0, server.go).start()
        camera = Camera(Address.of(server.address, False), give_up=15)
        assert camera.film.width == 160
        camera.close()


def test_a_camera_that_hangs_is_tried_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cameras, "STALE", 1.0)
    told: list[str] = []
    with NetworkCamera(STREET, rate=20) as server:
        camera = Camera(Address.of(server.address, False), tell=told.append)
        server.hang(3.0)
        taken(camera, 6)
        camera.close()
    assert camera.lost >= 1
    assert "pictures again" in told[-1]
