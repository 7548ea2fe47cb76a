"""Small films, written by OpenCV, and their headers changed where a phone would have written other ones."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.testing.films import example_film

TURNED = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
"""The matrix of a film that is to be shown a quarter turned."""


def write_film(path: Path, frames: Iterable[np.ndarray], rate: float = 10, code: str = "FFV1") -> Path:
    """A film of pictures, uint8 ``[h, w, 3]`` blue, green, red or ``[h, w]``."""
    writer = None
    for frame in frames:
        if writer is None:
            size = frame.shape[1], frame.shape[0]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, size)
            assert writer.isOpened()
        writer.write(frame if frame.ndim == 3 else cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    assert writer is not None
    writer.release()
    return path


def counting(count: int, size: tuple[int, int] = (64, 48)) -> list[np.ndarray]:
    """Frames that each have the grey value of their number."""
    return [np.full((size[1], size[0], 3), number, np.uint8) for number in range(count)]


def street(path: Path, frames: int = 44, code: str = "FFV1") -> Path:
    """A film of two people who walk past each other far apart."""
    return write_film(path, [frame.pixels for frame in example_film(frames=frames).frames], code=code)


def masks(path: Path, frames: int = 44) -> Path:
    """The same people as white masks."""
    return write_film(path, [frame.pixels for frame in example_film("masks", frames).frames])


def turn(path: Path) -> None:
    """Mark an .mp4 as one to be shown a quarter turned, as phones do."""
    content = path.read_bytes()
    place = content.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    path.write_bytes(content[:place] + TURNED + content[place + 36 :])


def start_late(path: Path, milliseconds: int = 200) -> None:
    """Shift the only cluster of an .mkv, so that its first frame is at another time than 0."""
    content = path.read_bytes()
    cluster = content.index(bytes.fromhex("1F43B675"))
    place = content.index(b"\xe7\x81", cluster) + 2
    path.write_bytes(content[:place] + bytes([milliseconds]) + content[place + 1 :])


def pause(path: Path, frame: int, milliseconds: int) -> None:
    """Give the frames of an .mkv from a number on later times, as a film of a variable rate has them."""
    content = bytearray(path.read_bytes())
    place = content.index(bytes.fromhex("1F43B675")) + 4
    _, place = _number(content, place)
    seen = 0
    while place < len(content) and content[place] in (
        0xBF,
        0xE7,
        0xA7,
        0xAB,
        0xA3,
    ):  # the parts of one cluster
        kind = content[place]
        size, start = _number(content, place + 1)
        if kind == 0xA3:
            time = int.from_bytes(content[start + 1 : start + 3], "big")
            if seen >= frame:
                content[start + 1 : start + 3] = (time + milliseconds).to_bytes(2, "big")
            seen += 1
        place = start + size
    assert seen > frame
    path.write_bytes(content)


def _number(content: bytearray, place: int) -> tuple[int, int]:
    """A size of Matroska's, and where what follows begins."""
    length = 9 - content[place].bit_length()
    value = int.from_bytes(content[place : place + length], "big") & ((1 << 7 * length) - 1)
    return value, place + length


def label_frames() -> list[np.ndarray]:
    """The people of the street as labels 1 and 2, uint8 ``[h, w]``."""
    example = example_film("masks", 44)
    frames = []
    for shown in example.people:
        frame = np.zeros((example.film.height, example.film.width), np.uint8)
        for person in shown:
            left, top, right, bottom = person.box
            frame[top:bottom, left:right][person.mask > 127] = person.label
        frames.append(frame)
    return frames
