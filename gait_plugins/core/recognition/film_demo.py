"""Demonstration on films: two films of synthetic people, some of whom are enrolled from the first one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gait_plugins.api import GaitDataset, Subset
from gait_plugins.core.galleries.calibration import FEWEST
from gait_plugins.core.galleries.conversion import enroll_in
from gait_plugins.core.recognition.film_data import rows_of_tracks
from gait_plugins.core.recognition.film_people import follow_film, video_of
from gait_plugins.core.recognition.film_truth import FilmTruth
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.films.reading import FilmSource
from gait_plugins.prepare.convert import quiet_opencv

ONE_PERSON = 0.95
"""Share of a track that shows one person from which on it is enrolled as that one's."""
_BESIDE = (".csv", ".json", "-labels.avi", "")
"""What lies beside a film: its name goes on so."""


@runtime_checkable
class FilmMaker(Protocol):
    """A data set that makes films of its people, with a table of who is where."""

    def numbers(self, subset: Subset) -> Sequence[int]:
        """The identities of a subset."""

    def street_film(self, path: Path, people: Sequence[int], **options: Any) -> Any:
        """Write a film of these people, and ``table`` with who is where; see the data set ``walkers``."""


@dataclass(frozen=True)
class FilmPlan:
    """What the films of the demonstration show."""

    enrolled: int = 5
    """People who walk in both films."""
    strangers: int = 4
    """People who walk in the second film alone."""
    seconds: tuple[float, float] = (150.0, 80.0)
    """Length of each."""
    cameras: tuple[str, str] = ("a", "b")
    crowd: float = 2.0
    """People in view at a time, about."""
    size: tuple[int, int] = (640, 480)
    false_matches: float = 0.05
    """Wanted share of false matches in comparisons of enrolled people, by which the threshold is found."""


@dataclass(frozen=True)
class DemoFilm:
    """A film of the demonstration."""

    path: Path
    people: tuple[str, ...]
    """Who walks in it."""
    truth: FilmTruth


@dataclass(frozen=True)
class Enrolment:
    """What was enrolled from a film."""

    tracks: dict[str, list[int]] = field(default_factory=dict)
    """Person -> tracks."""
    mixed: list[int] = field(default_factory=list)
    """Tracks that were left out: they show several people, or nobody."""

    def rate(self, wanted: float) -> float:
        """The wanted rate of false matches, or the lowest one that so few tracks can tell."""
        counts = [len(tracks) for tracks in self.tracks.values()]
        comparisons = (sum(counts) ** 2 - sum(count**2 for count in counts)) // 2
        return max(wanted, FEWEST / (comparisons - 0.5)) if comparisons > FEWEST else wanted


def make_films(dataset: GaitDataset, plan: FilmPlan, folder: Path) -> tuple[DemoFilm, DemoFilm]:
    """Make the two films, of different walks of the same people; those of an earlier time are removed.

    Args:
        dataset: that makes films; the people are its first test identities.
        plan: what they show.
        folder: where they are put.

    Raises:
        ConfigError: the data set makes no films, or has too few people.
        DataError: a film cannot be written.
    """
    if not isinstance(dataset, FilmMaker):
        raise ConfigError(
            f"{type(dataset).__name__} makes no films",
            where="data_cfg.type",
            hint="leave it as it is: walkers",
        )
    numbers, wanted = dataset.numbers("test"), plan.enrolled + plan.strangers
    if len(numbers) < wanted:
        raise ConfigError(
            f"the films need {wanted} people, and the data set has {len(numbers)} for tests",
            where="data_cfg.test",
            hint=f"data_cfg.test={wanted} or more",
        )
    return (
        _made(dataset, plan, folder, 0, numbers[: plan.enrolled]),
        _made(dataset, plan, folder, 1, numbers[:wanted]),
    )


def _made(dataset: FilmMaker, plan: FilmPlan, folder: Path, which: int, people: Sequence[int]) -> DemoFilm:
    camera = plan.cameras[which]
    path = folder / f"street-{camera}.mp4"
    for made in (path, *(path.with_name(path.stem + end) for end in _BESIDE)):
        if made.is_dir():
            shutil.rmtree(made)
        made.unlink(missing_ok=True)
    truth = dataset.street_film(
        path,
        people,
        camera=camera,
        take=which + 1,
        seconds=plan.seconds[which],
        crowd=plan.crowd,
        size=plan.size,
        labels=False,
    )
    seen = tuple(sorted({str(track.identity) for track in truth.tracks}))
    return DemoFilm(path, seen, FilmTruth.read(truth.table))


def enroll_shown(film: DemoFilm, embedder: Embedder, gallery: Path) -> Enrolment:
    """Enroll everybody in a film; the truth tells whose each track is, as whoever looks at it would.

    Args:
        film: the film.
        embedder: the model; its ``video_cfg`` says how people are found.
        gallery: what is made, or added to.

    Raises:
        CheckpointError: the model may name nobody.
        DataError: no track of the film shows one person.
    """
    embedder.require_trust()
    video = video_of(embedder)
    with quiet_opencv(threads=None):
        seen = follow_film(FilmSource(film.path, video.rate), video, embedder, keep_places=True)
    shown = film.truth.shown(seen.places)
    sure = {track: who.identity for track, who in shown.items() if who.share >= ONE_PERSON}
    names = {each.track: sure[each.track] for each in seen.tracks if each.track in sure}
    if not names:
        raise DataError(
            "nobody can be enrolled: no track of the film shows one person",
            where=str(film.path),
            hint="look at the film; the keys of video_cfg say how people are found",
        )
    rows, origins = rows_of_tracks(seen, film.path, names)
    enroll_in(gallery, rows, origins)
    done = Enrolment(mixed=[each.track for each in seen.tracks if each.track not in names])
    for track, name in names.items():
        done.tracks.setdefault(name, []).append(track)
    return done
