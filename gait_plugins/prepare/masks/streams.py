"""Streams of pictures: images, pages or film of one sequence in order, and a sample from all parts."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.io.folders import is_special, suffix
from gait_plugins.io.images import UnreadableImage
from gait_plugins.io.pictures import Picture, read_pictures
from gait_plugins.io.sequence_file import VIDEO_SUFFIXES

SAMPLE = 8
"""Pictures of a sequence that its form is told from."""
MOST_HELD = 32 << 20
"""Bytes of a film, or of the pages of an image, that are kept for a second look."""
DAMAGED_IMAGES = "images cannot be read"
DAMAGED_VIDEOS = "videos cannot be read"
CUT_SHORT = "videos end before the length that they state"
PAGES = "images hold several pages, each of which is a frame"
_ENOUGH = 0.9
"""Share of its stated frames that a video has at least; containers state them roughly."""
_TINT = 40
_TINTED = 0.002

Remarks = defaultdict[str, list[str]]
Placed = tuple[str, Picture]


class Stream:
    """The pictures of one sequence, of which few are in memory at a time.

    Args:
        root: the folder that paths are relative to.
        paths: images, or films.
        stopped: asked now and then whether to end.
    """

    def __init__(self, root: Path, paths: list[str], stopped: Callable[[], bool] = lambda: False) -> None:
        self.root, self.paths, self.stopped = root, paths, stopped
        self.grey = False
        """Take lossy pictures for grey ones from now on."""
        self._known: dict[str, Picture] = {}
        self._whole: tuple[list[Placed], Remarks] | None = None

    def sample(self) -> list[Picture]:
        """Pictures from all parts of the sequence; none where none can be read."""
        if len(self.paths) >= SAMPLE:
            return self._some_images()
        held: list[Placed] = []
        remarks: Remarks = defaultdict(list)
        size = 0
        every, kept = 1, []
        for number, (place, picture) in enumerate(self._read(self.paths, remarks)):
            size += picture.values.nbytes
            if size <= MOST_HELD:
                held.append((place, picture))
            if number % every == 0:
                kept.append(picture)
            if len(kept) == 2 * SAMPLE:
                every, kept = 2 * every, kept[::2]
            if self.stopped():
                break
        if size <= MOST_HELD:
            self._whole = held, remarks
            return [held[place][1] for place in _spread(len(held))]
        return kept

    def read(self, remarks: Remarks) -> Iterator[Placed]:
        """Every picture with its place; what cannot be read goes to the remarks."""
        if self._whole is None:
            yield from self._read(self.paths, remarks)
            return
        held, noted = self._whole
        for remark, places in noted.items():
            remarks[remark] += places
        yield from held

    def _some_images(self) -> list[Picture]:
        sample = []
        for place in _spread(len(self.paths)):
            path = self.paths[place]
            pages = self._film(path, defaultdict(list)) if _is_film(path) else self._image(path)
            try:
                first, second = next(pages, None), next(pages, None)
            except (OSError, UnreadableImage):
                continue  # read once more in its turn, and told then
            if first is not None and second is None:
                self._known[path] = first[1]
            sample += [page[1] for page in (first, second) if page is not None]
        return sample

    def _read(self, paths: list[str], remarks: Remarks) -> Iterator[Placed]:
        for path in paths:
            if _is_film(path):
                yield from self._film(path, remarks)
                continue
            known = self._known.pop(path, None)
            if known is not None:
                yield path, known
                continue
            try:
                pages = 0
                for page in self._image(path):
                    yield page
                    pages += 1
                if pages > 1:
                    remarks[PAGES].append(f"{path} ({pages} pages)")
            except (OSError, UnreadableImage):  # a link that leads nowhere, no right to read, damage
                remarks[DAMAGED_IMAGES].append(path)

    def _image(self, path: str) -> Iterator[Placed]:
        for number, picture in enumerate(read_pictures(self.root / path, self.grey)):
            yield (f"{path} page {number + 1}" if number else path), picture

    def _film(self, path: str, remarks: Remarks) -> Iterator[Placed]:
        if is_special(self.root / path):
            remarks[DAMAGED_VIDEOS].append(path)
            return
        with in_utf8(self.root / path) as name:
            video = cv2.VideoCapture(name)
        try:
            number = 0
            while True:
                read, colours = video.read()
                if not read:
                    break
                number += 1
                yield f"{path} frame {number}", film_picture(np.asarray(colours), self.grey)
            if not number:
                remarks[DAMAGED_VIDEOS].append(path)
            elif number < _ENOUGH * video.get(cv2.CAP_PROP_FRAME_COUNT):
                remarks[CUT_SHORT].append(path)
        finally:
            video.release()


def sampled(pictures: Iterator[Picture], in_memory: bool) -> tuple[list[Picture], Iterator[Picture]]:
    """Some of the pictures, and all of them.

    Args:
        pictures: can be gone through once.
        in_memory: their arrays are in memory anyway; else only the first :data:`MOST_HELD` bytes are held,
            and the sample is from them.
    """
    held: list[Picture] = []
    size = 0
    for picture in pictures:
        held.append(picture)
        size += picture.values.nbytes
        if size > MOST_HELD and not in_memory:
            break
    return [held[place] for place in _spread(len(held))], chain(held, pictures)


def _is_film(path: str) -> bool:
    return suffix(path) in VIDEO_SUFFIXES


def _spread(count: int) -> list[int]:
    """Up to :data:`SAMPLE` places of so many, from all parts."""
    taken = min(count, SAMPLE)
    return [(2 * number + 1) * count // (2 * taken) for number in range(taken)]


def film_picture(colours: np.ndarray, grey: bool = False, lossy: bool = True) -> Picture:
    """A frame of a film as a picture: coloured, or of grey values.

    Args:
        colours: uint8 ``[h, w, 3]``: blue, green, red.
        grey: take it for a grey one, without a look at its colours.
        lossy: the film's compression has changed the values: a tint is no colour.
    """
    if not grey:
        blue, green, red = cv2.split(colours)
        far = cv2.max(cv2.absdiff(blue, green), cv2.absdiff(green, red))
        tint, tinted = (_TINT, _TINTED * far.size) if lossy else (0, 0)
        if np.count_nonzero(np.asarray(far) > tint) > tinted:
            return Picture(np.asarray(cv2.merge([red, green, blue])), lossy=lossy)
        if not lossy:
            return Picture(np.asarray(green))
    return Picture(np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)), lossy=lossy)


@contextmanager
def in_utf8(path: Path) -> Iterator[str]:
    """A name of a film that OpenCV can take: bytes that are no UTF-8 end the process in it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, f"video{suffix(path.name)}")
            link.symlink_to(path.absolute())
            yield str(link)
    else:
        yield str(path)
