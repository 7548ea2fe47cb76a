"""Reading of films: frames and times are those of the film, whatever holds it; damage is told in words."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.files.films import counting, pause, start_late, turn, write_film

from gait_plugins.errors import DataError
from gait_plugins.films.reading import FilmSource


def times(source: FilmSource) -> list[float]:
    return [round(frame.time, 2) for frame in source.frames()]


def greys(source: FilmSource) -> list[int]:
    return [int(frame.pixels.mean().round()) for frame in source.frames()]


@pytest.mark.parametrize(
    ("name", "code"),
    [("a.avi", "FFV1"), ("a.mkv", "FFV1"), ("a.mp4", "mp4v"), ("a.mov", "png "), ("a.mkv", "mp4v")],
)
def test_containers_of_the_same_film_have_the_same_times(tmp_path: Path, name: str, code: str):
    source = FilmSource(write_film(tmp_path / name, counting(30), 12, code))
    assert times(source) == [round(number / 12, 2) for number in range(30)]
    assert source.film.rate == pytest.approx(12, rel=0.01)
    assert source.film.frames == 30
    assert (source.film.width, source.film.height, source.film.name) == (64, 48, "a")
    assert source.remarks == []


def test_a_film_can_be_read_again_and_each_frame_is_its_own(tmp_path: Path):
    source = FilmSource(write_film(tmp_path / "a.avi", counting(12)))
    assert source.film.lossless
    frames = list(source.frames())
    assert [frame.number for frame in frames] == list(range(12))
    assert greys(source) == list(range(12))
    assert [int(frame.pixels.mean()) for frame in frames] == list(range(12))
    assert frames[0].pixels.dtype == np.uint8
    assert frames[0].pixels.shape == (48, 64, 3)


def test_pixels_are_blue_green_and_red(tmp_path: Path):
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[..., 0], frame[..., 2] = 10, 200
    source = FilmSource(write_film(tmp_path / "a.avi", [frame] * 3))
    assert next(source.frames()).pixels[5, 5].tolist() == [10, 0, 200]


def test_a_phone_film_is_turned_by_its_flag(tmp_path: Path):
    path = write_film(tmp_path / "phone.mp4", counting(5), code="mp4v")
    turn(path)
    source = FilmSource(path)
    assert (source.film.width, source.film.height) == (48, 64)
    assert next(source.frames()).pixels.shape == (64, 48, 3)


def test_a_film_that_starts_late_starts_at_0(tmp_path: Path):
    path = write_film(tmp_path / "late.mkv", counting(8))
    start_late(path)
    assert times(FilmSource(path))[:3] == pytest.approx([0, 0.1, 0.2])


def test_frames_at_uneven_times_keep_them(tmp_path: Path):
    path = write_film(tmp_path / "uneven.mkv", counting(12))
    pause(path, 6, 700)
    source = FilmSource(path)
    assert times(source) == pytest.approx(
        [*(n / 10 for n in range(6)), *(0.7 + n / 10 for n in range(6, 12))]
    )
    assert source.film.rate == pytest.approx(10)
    assert source.remarks == []


def test_of_a_fast_film_every_fourth_frame_is_read(tmp_path: Path):
    source = FilmSource(write_film(tmp_path / "fast.avi", counting(120), 240))
    assert (source.every, source.film.frames) == (8, 15)
    assert source.film.rate == pytest.approx(30, rel=0.01)
    assert [frame.number for frame in source.frames()] == list(range(0, 120, 8))
    assert times(source)[1] == pytest.approx(8 / 240, abs=0.01)
    assert source.remarks == ["the film has 240 frames a second: every 8. is looked at, 30 a second"]


def test_the_rate_that_is_read_can_be_chosen(tmp_path: Path):
    path = write_film(tmp_path / "a.avi", counting(40), 20)
    assert FilmSource(path, most=20).every == 1
    assert FilmSource(path, most=5).film.rate <= 8


def test_a_film_of_one_frame_has_one(tmp_path: Path):
    source = FilmSource(write_film(tmp_path / "one.avi", counting(1)))
    assert times(source) == [0]


def test_a_film_that_is_cut_short_is_told(tmp_path: Path):
    path = write_film(
        tmp_path / "cut.avi", [np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)] * 60
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    source = FilmSource(path)
    assert 0 < len(times(source)) < 45
    assert len(source.remarks) == 1
    assert source.remarks[0].endswith("s: it is cut short or damaged")
    assert len(times(source)) < 45
    assert len(source.remarks) == 1  # once, however often it is read


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the film is empty (0 bytes)"),
        (b"no film at all" * 30, "no frame of the film can be read (420 bytes)"),
    ],
)
def test_no_film_is_told_in_words(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        FilmSource(path)
    assert caught.value.message.startswith(said)
    assert "ffmpeg" in (caught.value.hint or "")


def test_what_is_not_there_and_what_never_ends_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="the film does not exist"):
        FilmSource(tmp_path / "none.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(DataError, match="a pipe, socket or device"):
        FilmSource(tmp_path / "pipe.mp4")


def test_a_name_that_is_no_utf8_can_be_read(tmp_path: Path):
    path = write_film(tmp_path / "a.avi", counting(4))
    odd = tmp_path / os.fsdecode(b"caf\xe9.avi")
    path.rename(odd)
    assert len(times(FilmSource(odd))) == 4


def test_a_folder_of_pictures_is_a_film_in_the_order_of_its_numbers(tmp_path: Path):
    for number in (0, 1, 2, 10, 9):
        cv2.imwrite(str(tmp_path / f"frame-{number}.png"), np.full((48, 64), number, np.uint8))
    source = FilmSource(tmp_path)
    assert greys(source) == [0, 1, 2, 9, 10]
    assert times(source) == [0, 0.04, 0.08, 0.12, 0.16]
    assert source.film.lossless
    assert (source.film.name, source.film.frames) == (tmp_path.name, 5)


def test_labels_beyond_255_stay_what_they_are(tmp_path: Path):
    labels = np.zeros((48, 64), np.uint16)
    labels[4:20, 4:20], labels[30:40, 30:50] = 300, 70
    cv2.imwrite(str(tmp_path / "0.png"), labels)
    blue, green, red = cv2.split(next(FilmSource(tmp_path).frames()).pixels.astype(np.int32))
    assert np.array_equal(red << 16 | green << 8 | blue, labels)


def test_folders_without_pictures_and_of_two_sizes_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="the folder holds no pictures"):
        FilmSource(tmp_path)
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((48, 64), np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((50, 64), np.uint8))
    with pytest.raises(DataError, match="frame 1 is 64x50, the first one 64x48"):
        list(FilmSource(tmp_path).frames())
