"""Segmentation of a film: its tracks as aligned silhouettes, with times, boxes and quality beside them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api.progress import Job
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.config.film_section import VideoSection
from gait_plugins.errors import DataError
from gait_plugins.films.annotated import AnnotatedFilm
from gait_plugins.films.chapters import Chapters
from gait_plugins.films.following import LEFT_OUT, Follower, Outcome, left_out_in_words
from gait_plugins.films.reading import FilmSource, Reading
from gait_plugins.films.sightings import SightingLog, logged_sightings
from gait_plugins.films.table import SightingTable
from gait_plugins.films.tracks import Quality, Track
from gait_plugins.films.workplace import Checkpoint, Workplace, check_target
from gait_plugins.io.atomic import whole_file, write_text
from gait_plugins.io.printable import json_text, printable
from gait_plugins.prepare.convert import write_sequence
from gait_plugins.prepare.patterns import Name

log = logging.getLogger("gait_plugins")

KEYPOINTS = "keypoints.npy"
"""File of a track's joints, beside its silhouettes: float32 ``[t, joints, 3]`` in pixels of the film."""
SHOWN = 100
"""Tracks of which pictures are kept for the contact sheet."""
Finish = Callable[["Report", Path], None]
"""Makes what else is to appear with the tracks, in a folder."""


@dataclass(frozen=True)
class Written:
    """One sequence that was written."""

    name: Name
    quality: Quality
    sheet: Path | None
    """File of pictures for the contact sheet, uint8 ``[n, 3, h, w]``: red, green, blue; of the first ones."""

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

    def state(self) -> dict[str, Any]:
        """All that is known, as plain data."""
        tracks = [
            (list(each.name), asdict(each.quality), each.sheet and each.sheet.name) for each in self.tracks
        ]
        kept: dict[str, Any] = {name: getattr(self, name) for name in self._plain()}
        return {**kept, "tracks": tracks, "left_out": dict(self.left_out)}

    def restore(self, state: dict[str, Any], sheets: Path) -> None:
        """Take up a state.

        Args:
            state: what :meth:`state` gave.
            sheets: folder of the pictures.
        """
        for name in self._plain():
            setattr(self, name, state[name])
        self.left_out = Counter(state["left_out"])
        self.tracks = [
            Written(Name(*name), Quality(**quality), sheets / sheet if sheet else None)
            for name, quality, sheet in state["tracks"]
        ]

    @classmethod
    def _plain(cls) -> list[str]:
        return [each.name for each in fields(cls) if each.name not in ("film", "tracks", "left_out")]


def segment(
    source: FilmSource,
    target: Path,
    video: VideoSection,
    annotated: bool = True,
    *,
    fresh: bool = False,
    finish: Finish | None = None,
) -> Report:
    """Write the tracks of a film as ``target/<film>-<track>/<film>/000/000.pkl``.

    Beside them lie ``<film>.csv``, a row for each sighting of a written track; ``<film>.json``, the report;
    and ``<film>.mp4``, the annotated film. A pose estimator's ``keypoints.npy`` lies beside each sequence.
    All of it is made in a hidden folder and appears when it is whole. A run that is cut off after its first
    chapter leaves that folder, and the next one goes on from there.

    Args:
        source: the film.
        target: a folder, or what becomes one; other films may lie in it.
        video: the components and their settings.
        annotated: write the annotated film too.
        fresh: begin anew where an earlier run was cut off.
        finish: makes what else is to appear, once the tracks are written.

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
    # Another process may be at a film of the same name: neither touches what the other has.
    work = _workplace(target, source, video, annotated, fresh)
    try:
        report = _Segmentation(source, work, video, annotated).run()
        if report.tracks:
            if finish is not None:
                finish(report, work.folder)
            write_text(work.folder / f"{source.film.name}.json", json_text(report.as_dict(), 2))
    except BaseException:
        if work.checkpoint is None:
            work.remove()
        else:
            _tell_how_to_go_on(work.checkpoint, source.film)
            work.leave()
        raise
    try:
        if not report.tracks:
            raise _nobody(report, video, source)
        check_target(target, source.film)
        work.appear(target)
        return report
    finally:
        work.remove()


def _workplace(
    target: Path, source: FilmSource, video: VideoSection, annotated: bool, fresh: bool
) -> Workplace:
    try:
        target.mkdir(parents=True, exist_ok=True)
        return Workplace(target, source, video, annotated, fresh)
    except OSError as error:
        above = next((path for path in target.parents if path.exists() and not path.is_dir()), None)
        hint = "choose a folder that you may write to: relative paths start at the working directory"
        raise DataError(
            f"the folder cannot be made, or not written to: {error.strerror or error}",
            where=str(target),
            hint=hint if above is None else f"{above} is a file: choose a path that holds none",
        ) from error


def _tell_how_to_go_on(checkpoint: Checkpoint, film: Film) -> None:
    minutes, seconds = divmod(round(checkpoint.report["seconds"]), 60)
    log.info(
        "%s: %d:%02d of the film are done: the same command goes on from there (--fresh begins anew)",
        printable(film.name),
        minutes,
        seconds,
    )


class _Segmentation:
    """One film on its way."""

    def __init__(self, source: FilmSource, work: Workplace, video: VideoSection, annotated: bool) -> None:
        self.source, self.work, self.video = source, work, video
        self.film, self.target = source.film, work.folder
        self.report = Report(self.film)
        self.follower = Follower(self.film, video)
        self.chapters = Chapters(source, video.chapter)
        self.annotated = annotated
        self._logged = ExitStack()

    def run(self) -> Report:
        with ExitStack() as stack:
            table = stack.enter_context(open(self.target / f"{self.film.name}.csv", "ab"))
            drawn = None
            if self.annotated:
                path = self.target / f"{self.film.name}.mp4"
                drawn = stack.enter_context(AnnotatedFilm(path, self.film))
            stack.enter_context(closing(self.chapters))
            frames = stack.enter_context(closing(self.source.frames()))
            stack.enter_context(closing(self._logged))
            job = stack.enter_context(Job("following people", self.film.frames, "frame"))
            self.table = SightingTable(table)
            if self.work.checkpoint is None:
                self.table.begin()
            else:
                self._go_on(self.work.checkpoint, frames, drawn, job)
            self._follow(frames, drawn, job)
            self._end_chapter()
        self.report.tracks.sort(key=lambda track: track.name)
        self.report.remarks += self.source.remarks
        return self.report

    def _follow(self, frames: Reading, drawn: AnnotatedFilm | None, job: Job) -> None:
        for frame in frames:
            if self.chapters.is_over(frame, self.follower.idle):
                self._end_chapter()
                self._keep(frame)
            if not self.chapters.open:
                self._begin_chapter(frame)
            sightings, over = self.follower.see(frame) if self.chapters.usable else ([], [])
            self._take(over)
            if drawn is not None:
                drawn.write(frame, sightings)
                self.log.write(frame, sightings)
            self.report.frames += 1
            self.report.seconds = frame.time
            job.advance()

    def _begin_chapter(self, frame: FilmFrame) -> None:
        self.report.remarks += self.chapters.begin(frame, self.follower)
        if self.annotated:
            path = self.work.inner / f"seen-{self.chapters.number:05d}.gz"
            self.log = self._logged.enter_context(SightingLog(path))

    def _end_chapter(self) -> None:
        if not self.chapters.open:
            return
        self._take(self.follower.rest())
        if self.chapters.usable:
            new = self.follower.remarks()
            self.report.remarks += [remark for remark in new if remark not in self.report.remarks]
        self.chapters.end()
        self._logged.close()

    def _keep(self, frame: FilmFrame) -> None:
        """Keep what the next run needs where this one is cut off."""
        number, highest = self.chapters.number, self.follower.highest
        at = Checkpoint(frame.number, number, highest, self.table.sync(), self.report.state())
        self.work.keep(at)

    def _go_on(self, at: Checkpoint, frames: Reading, drawn: AnnotatedFilm | None, job: Job) -> None:
        """Take up what an earlier run did."""
        self.report.restore(at.report, self.work.inner)
        self.work.keep_only({track.name.id for track in self.report.tracks})
        self.table.go_on(at.table)
        self.follower.highest = at.tracks
        self.chapters.number = at.chapters
        log.info(
            "%s: going on after %.0f s of the film, where an earlier run was cut off",
            printable(self.film.name),
            self.report.seconds,
        )
        if drawn is None:
            frames.skip_to(at.frame, job.advance)
            return
        logs = sorted(self.work.inner.glob("seen-*.gz"))[: at.chapters]
        seen = logged_sightings(logs)
        number, sightings = next(seen, (-1, []))
        for frame in frames.up_to(at.frame):
            drawn.write(frame, sightings if frame.number == number else [])
            if frame.number == number:
                number, sightings = next(seen, (-1, []))
            job.advance()

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
        sheet = None
        if len(self.report.tracks) < SHOWN:
            sheet = self.work.inner / f"{track.number:04d}-{track.part:03d}.npy"
            with whole_file(sheet) as file:
                np.save(file, track.sheet())
        self.report.tracks.append(Written(name, track.quality(), sheet))


def _nobody(report: Report, video: VideoSection, source: FilmSource) -> DataError:
    found = f"nobody was followed for {video.min_frames} silhouettes in {report.frames} frames"
    if report.left_out:
        found += f" ({left_out_in_words(report.left_out)})"
    hint = "look at the film; -o video_cfg.min_frames=N takes shorter tracks, -o video_cfg.min_move=0 those "
    hint += "that stand"
    if report.remarks:
        found += f"; {'; '.join(report.remarks)}"
    return DataError(found, where=str(source.path), hint=hint)
