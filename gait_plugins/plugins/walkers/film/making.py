"""Making of a film of walkers: the film and its truth, in files that appear when they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2

from gait_plugins.api.progress import Job
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_orphans, write_text
from gait_plugins.io.printable import json_text
from gait_plugins.plugins.walkers.film.cameras import CAMERAS
from gait_plugins.plugins.walkers.film.pictures import Plan, pictures
from gait_plugins.plugins.walkers.film.truth import Truth, TruthFiles, sequence_info
from gait_plugins.suggest import did_you_mean

FORMATS = {".mp4": "mp4v", ".avi": "FFV1", ".mkv": "FFV1"}
"""Ending of a film -> its code: mp4 loses a little, as films do; the others lose nothing."""
MOST_PEOPLE = 999
_MAKING = ".partial"


def street_film(
    path: Path | str,
    people: Sequence[int | str],
    *,
    seed: int = 1,
    take: int = 1,
    camera: str = "a",
    seconds: float = 60.0,
    size: tuple[int, int] = (640, 480),
    rate: float = 25.0,
    crowd: float = 3.0,
    noise: float = 1.0,
    light: float = 1.0,
    labels: bool = True,
) -> Truth:
    """Write a film of walkers in a street, and its truth.

    The film is a pure function of the options, to the byte except for ``.mkv``. Two cameras of one ``take``
    see the same walks at the same time; another ``take`` shows other walks of the same people, in the same
    street. Beside ``street.mp4`` lie ``street.csv`` (a row for each person in each frame), ``street.json``
    (each track), ``street-labels.avi`` (a colour for each track, without loss), and ``street/`` with
    ``gt/gt.txt`` and ``seqinfo.ini`` as the MOT challenge has them. Memory does not grow with the length.

    Args:
        path: the film: ``.mp4``, or ``.avi`` and ``.mkv`` without loss.
        people: numbers of the walkers, 1 to 999, as numbers or as the data set names them (``"061"``).
        seed: of the population and of the street; the data set ``walkers`` with the same seed has the same
            people.
        take: number of the film.
        camera: ``a`` looks straight across the street, ``b`` to the right and ``c`` to the left.
        seconds: length.
        size: width and height, even numbers.
        rate: frames a second.
        crowd: people in view at a time, about; fewer where ``people`` are too few.
        noise: factor of the sensor's noise.
        light: factor of the light's changes.
        labels: write the film of labels too.

    Raises:
        ConfigError: an option is out of range.
        DataError: files of that name are there already, or cannot be written.
    """
    plan = Plan(
        numbers_of(people), seed, take, camera, float(seconds), size, float(rate), crowd, noise, light
    )
    return make_film(Path(path), plan, labels)


def make_film(path: Path, plan: Plan, labels: bool = True) -> Truth:
    """As :func:`street_film`, of a plan."""
    check_film(path, plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_orphans(path, _MAKING)
    hidden = path.with_name(f".{path.name}.{os.getpid()}{_MAKING}")
    hidden.mkdir()
    try:
        truth = Truth(hidden / path.name, plan)
        _make(truth, labels)
        write_text(hidden / f"{path.stem}.json", json_text(truth.as_dict(), 2))
        truth.film = path
        _check_free(path)
        # The film is the last to appear: with it, all is there.
        for made in sorted(hidden.iterdir(), key=lambda made: made.name == path.name):
            made.rename(path.parent / made.name)
        return truth
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _make(truth: Truth, labels: bool) -> None:
    plan, folder = truth.plan, truth.film.parent
    (truth.mot / "gt").mkdir(parents=True)
    write_text(truth.mot / "seqinfo.ini", sequence_info(truth.film.stem, plan))
    with ExitStack() as stack:
        film = _writer(truth.film, plan, stack)
        labelled = _writer(truth.labels, plan, stack) if labels else None
        table = stack.enter_context(open(truth.table, "wb"))
        boxes = stack.enter_context(open(truth.mot / "gt" / "gt.txt", "wb"))
        files = TruthFiles(truth, table, boxes, labelled)
        job = stack.enter_context(Job(f"walkers: filming {truth.film.stem}", plan.frames, "frame"))
        for picture in pictures(plan):
            film.write(picture.pixels)
            files.write(picture)
            job.advance()
    if truth.film.stat().st_size == 0:  # pragma: no cover - a full disk, of which OpenCV says nothing
        raise DataError("the film could not be written: is the disk full?", where=str(folder))


def _writer(path: Path, plan: Plan, stack: ExitStack) -> cv2.VideoWriter:
    code = cv2.VideoWriter.fourcc(*FORMATS[path.suffix])
    writer = cv2.VideoWriter(str(path), code, plan.rate, plan.size)
    stack.callback(writer.release)
    if not writer.isOpened():
        raise DataError(
            f"OpenCV cannot write a film there, or has no {FORMATS[path.suffix]}",
            where=str(path),
            hint="check that you may write there",
        )
    return writer


def check_film(path: Path, plan: Plan) -> None:
    """See that a film can be made there.

    Raises:
        ConfigError: what is planned is out of range.
        DataError: files of its name are there already.
    """
    check_plan(plan)
    if path.suffix not in FORMATS:
        raise ConfigError(
            f"the film's name ends in {path.suffix!r}, expected {', '.join(FORMATS)}", where=str(path)
        )
    _check_free(path)


def _check_free(path: Path) -> None:
    if path.parent.exists() and not path.parent.is_dir():
        raise DataError("the target is a file, expected a folder", where=str(path.parent))
    truth = Truth(path, Plan(()))
    for made in (path, truth.labels, truth.table, path.with_suffix(".json"), truth.mot):
        if made.exists():
            raise DataError(
                "a file of that name would be written over",
                where=str(made),
                hint="choose another folder or name, or delete it first",
            )


def check_plan(plan: Plan) -> None:
    """See that a film can be made.

    Raises:
        ConfigError: it cannot.
    """
    if plan.camera not in CAMERAS:
        raise ConfigError(
            f"there is no camera {plan.camera!r}",
            where="street film",
            hint=did_you_mean(plan.camera, CAMERAS, also=f"there are {', '.join(CAMERAS)}"),
        )
    width, height = plan.size
    for name, value, least, most in (
        ("seconds", plan.seconds, 0.04, 86400),
        ("width", width, 64, 4096),
        ("height", height, 64, 4096),
        ("rate", plan.rate, 1, 240),
        ("crowd", plan.crowd, 0.1, 20),
        ("noise", plan.noise, 0, 10),
        ("light", plan.light, 0, 3),
        ("seed", plan.seed, 0, 2**31),
        ("take", plan.take, 1, 9999),
    ):
        if not least <= value <= most:
            raise ConfigError(f"{name} is {value:g}, expected {least:g} to {most:g}", where="street film")
    if width % 2 or height % 2:
        raise ConfigError(
            f"the size is {width}x{height}, expected even numbers: codecs want them", where="street film"
        )


def numbers_of(people: Sequence[int | str]) -> tuple[int, ...]:
    """The walkers' numbers.

    Raises:
        ConfigError: one is out of range or named twice, or there are none.
    """
    found = []
    for person in people:
        text = str(person)
        if not text.isdecimal() or not 1 <= int(text) <= MOST_PEOPLE:
            raise ConfigError(
                f"there is no walker {text!r}, expected numbers from 1 to {MOST_PEOPLE}", where="street film"
            )
        found.append(int(text))
    if not found or len(set(found)) < len(found):
        raise ConfigError(
            f"the people are {list(people)}: expected at least one, each once", where="street film"
        )
    return tuple(found)
