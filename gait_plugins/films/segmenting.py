"""Segmentation of a film: its tracks as aligned silhouettes, with times, boxes and quality beside them."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gait_plugins.api.progress import Job
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.config.film_section import VideoSection
from gait_plugins.errors import DataError
from gait_plugins.films.annotated import AnnotatedFilm
from gait_plugins.films.following import LEFT_OUT, Follower, Outcome, left_out_in_words
from gait_plugins.films.reading import FilmSource
from gait_plugins.films.tracks import Quality, Row, Track
from gait_plugins.io.atomic import remove_orphans, whole_file, write_text
from gait_plugins.io.printable import json_text
from gait_plugins.prepare.convert import write_sequence
from gait_plugins.prepare.patterns import Name

COLUMNS = ("track", "frame", "time", "left", "top", "right", "bottom", "trouble", "view", "silhouette")
"""Of the table of times and boxes."""
KEYPOINTS = "keypoints.npy"
"""File of a track's joints, beside its silhouettes: float32 ``[t, joints, 3]`` in pixels of the film."""
WRITTEN = (".csv", ".png", ".mp4")
"""Endings of the files of a film, beside the report."""
SHOWN = 100
"""Tracks of which pictures are kept for the contact sheet."""
_MAKING = ".partial"
"""Ending of the hidden folder in which tracks are made."""


@dataclass(frozen=True)
class Written:
    """One sequence that was written."""

    name: Name
    quality: Quality
    sheet: np.ndarray | None
    """Pictures for the contact sheet, uint8 ``[n, 3, h, w]``: red, green, blue; None of later ones."""

    def as_dict(self) -> dict[str, Any]:
        """As the report holds it."""
        return {"sequence": "/".join(self.name), **self.quality.as_dict()}


@dataclass
class Report:
    """What became of a film."""

    film: Film
    frames: int = 0
    seconds: float = 0.0
    tracks: list[Written] = field(default_factory=list)
    left_out: Counter[Outcome] = field(default_factory=Counter)
    """Tracks that became no sequence, by the reason."""
    remarks: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        film = {"name": self.film.name, "width": self.film.width, "height": self.film.height}
        return {
            "film": {**film, "rate": round(self.film.rate, 3), "frames": self.frames},
            "seconds": round(self.seconds, 3),
            "tracks": [track.as_dict() for track in self.tracks],
            "left_out": {reason: self.left_out[reason] for reason in LEFT_OUT},
            "remarks": self.remarks,
        }


def segment(source: FilmSource, target: Path, video: VideoSection, annotated: bool = True) -> Report:
    """Write the tracks of a film as ``target/<film>-<track>/<film>/000/000.pkl``.

    Beside them lie ``<film>.csv``, a row for each sighting of a written track; ``<film>.json``, the report;
    and ``<film>.mp4``, the annotated film. A pose estimator's ``keypoints.npy`` lies beside each sequence.
    All of it is made in a hidden folder and appears when it is whole.

    Args:
        source: the film.
        target: a folder, or what becomes one; other films may lie in it.
        video: the components and their settings.
        annotated: write the annotated film too.

    Raises:
        DataError: the target cannot be used, the film cannot be read or segmented, or nobody was followed for
            long enough.
    """
    check_target(target, source.film)
    if target.is_dir() and source.path.is_dir() and target.samefile(source.path):
        raise DataError(
            "the target is the folder of the film's pictures: what is written would be frames of it",
            where=str(target),
            hint="choose another folder",
        )
    target.mkdir(parents=True, exist_ok=True)
    remove_orphans(target / source.film.name, _MAKING)
    # Another process may be at a film of the same name: neither touches what the other has.
    hidden = target / f".{source.film.name}.{os.getpid()}{_MAKING}"
    hidden.mkdir()
    try:
        report = _Segmentation(source, hidden, video, annotated).run()
        if not report.tracks:
            raise _nobody(report, video, source)
        write_text(hidden / f"{source.film.name}.json", json_text(report.as_dict(), 2))
        check_target(target, source.film)
        for made in sorted(hidden.iterdir(), key=lambda path: path.suffix == ".json"):
            made.rename(target / made.name)
        return report
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def check_target(target: Path, film: Film) -> None:
    """See that a film's tracks can be written below a folder.

    Raises:
        DataError: it is a file, or holds tracks of a film of that name already, or the film itself.
    """
    if target.exists() and not target.is_dir():
        raise DataError(
            "the target is a file, expected a folder",
            where=str(target),
            hint="choose a folder, or a path that does not exist yet",
        )
    files = (target / f"{film.name}{ending}" for ending in WRITTEN)
    in_the_way = next((path for path in files if path.exists()), None)
    held = [target / f"{film.name}.json", *target.glob(f"{_escaped(film.name)}-[0-9][0-9][0-9][0-9]")]
    there = next((path for path in held if path.exists()), None)
    if there is not None:
        raise DataError(
            f"tracks of a film called {film.name!r} are there already",
            where=str(there),
            hint="choose another folder, or delete these tracks first",
        )
    if in_the_way is not None:
        raise DataError(
            "a file of that name would be written over",
            where=str(in_the_way),
            hint="choose another folder: the one that the film lies in is none",
        )


class _Segmentation:
    """One film on its way."""

    def __init__(self, source: FilmSource, target: Path, video: VideoSection, annotated: bool) -> None:
        self.source, self.target, self.video = source, target, video
        self.film = source.film
        self.report = Report(self.film)
        self.follower = Follower(self.film, video)
        self.annotated = annotated

    def run(self) -> Report:
        with ExitStack() as stack:
            table = stack.enter_context(open(self.target / f"{self.film.name}.csv", "wb"))
            self.table = _Table(table)
            drawn = None
            if self.annotated:
                path = self.target / f"{self.film.name}.mp4"
                drawn = stack.enter_context(AnnotatedFilm(path, self.film))
            self.follower.begin(_previewed(self.source.frames()))
            job = stack.enter_context(Job("following people", self.film.frames, "frame"))
            for frame in self.source.frames():
                sightings, over = self.follower.see(frame)
                self._take(over)
                if drawn is not None:
                    drawn.write(frame, sightings)
                self.report.frames += 1
                self.report.seconds = frame.time
                job.advance()
            self._take(self.follower.rest())
        self.report.tracks.sort(key=lambda track: track.name)
        self.report.remarks += [*self.source.remarks, *self.follower.remarks()]
        return self.report

    def _take(self, tracks: Sequence[Track]) -> None:
        for track in tracks:
            outcome = self.follower.outcome(track)
            if outcome == "sequence":
                self._write(track)
            else:
                self.report.left_out[outcome] += 1

    def _write(self, track: Track) -> None:
        name = Name(f"{self.film.name}-{track.number:04d}", self.film.name, f"{track.part:03d}")
        path = write_sequence(self.target, name, np.stack(track.frames))
        if track.joints:
            with whole_file(path.with_name(KEYPOINTS)) as file:
                np.save(file, np.stack(track.joints))
        self.table.write(name, track.rows)
        sheet = track.sheet() if len(self.report.tracks) < SHOWN else None
        self.report.tracks.append(Written(name, track.quality(), sheet))


class _Table:
    """Times and boxes, written track by track."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines([COLUMNS])

    def write(self, name: Name, rows: Sequence[Row]) -> None:
        self._lines(
            (
                name.id,
                row.frame,
                f"{row.time:.3f}",
                *(row.left, row.top, row.right, row.bottom),
                row.trouble,
                name.view,
                "" if row.silhouette is None else row.silhouette,
            )
            for row in rows
        )

    def _lines(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode(errors="backslashreplace"))


def _previewed(frames: Iterator[FilmFrame]) -> Iterator[FilmFrame]:
    """The frames, with a bar for those that are looked at ahead."""
    with Job("looking ahead", None, "frame") as job:
        for frame in frames:
            frame.pixels.flags.writeable = False
            yield frame
            job.advance()


def _nobody(report: Report, video: VideoSection, source: FilmSource) -> DataError:
    found = f"nobody was followed for {video.min_frames} silhouettes in {report.frames} frames"
    if report.left_out:
        found += f" ({left_out_in_words(report.left_out)})"
    hint = "look at the film; -o video_cfg.min_frames=N takes shorter tracks, -o video_cfg.min_move=0 those "
    hint += "that stand"
    if report.remarks:
        found += f"; {'; '.join(report.remarks)}"
    return DataError(found, where=str(source.path), hint=hint)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
