"""Film data: films beside sequence files for ``embed``, ``enroll``, ``identify``; a track is a sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TypeGuard

import numpy as np

from gait_plugins.core.recognition.film_people import FilmTracks, Followed, follow_film, video_of
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import Embeddings
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.films.following import left_out_in_words
from gait_plugins.films.reading import FilmSource
from gait_plugins.io.folders import suffix
from gait_plugins.prepare.convert import quiet_opencv

FILM_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv"),
    *(".ts", ".mts", ".m2ts", ".3gp"),
)
"""Endings of files that are taken for films. A folder of pictures holds aligned silhouettes there."""
_LISTED = 12


def is_film(path: Path | str) -> TypeGuard[Path]:
    """Whether a path that is given as data names a film; an address does not."""
    return isinstance(path, Path) and suffix(path.name) in FILM_SUFFIXES and not path.is_dir()


def embed_data(
    embedder: Embedder,
    paths: Sequence[Path | str],
    identity: str | None = None,
    *,
    tracks: Sequence[int] = (),
    of_one: bool = False,
) -> tuple[Embeddings, list[tuple[int, str]]]:
    """The embeddings of sequences, in the order given, and of each its number of frames and its source.

    The tracks of a film are named as ``video segment`` names them, ``street-0001-street-000``.

    Args:
        embedder: the model; its ``video_cfg`` says how people in films are found.
        paths: what :class:`~gait_plugins.core.tools.sequence_files.SequenceFiles` takes, and films.
        identity: of the person in them; None: a track is its own.
        tracks: those of a film that are meant; empty: all.
        of_one: a film is refused where several tracks are meant and none of them was chosen.

    Raises:
        ConfigError: tracks are chosen, and there is no film or more than one.
        DataError: a path cannot be read, or a film has nobody in it, or several tracks, or no such track.
    """
    films = [path for path in paths if is_film(path)]
    if tracks and len(films) != 1:
        raise ConfigError(
            f"--track chooses tracks of one film, and {len(films)} are given",
            hint="give the films one by one",
        )
    if not films:
        return embedder.files_with_origins(paths, identity)
    parts = []
    for of_films, some in groupby(paths, is_film):
        if of_films:
            parts += [_of_film(embedder, Path(film), identity, tracks, of_one) for film in some]
        else:
            parts.append(embedder.files_with_origins(list(some), identity))
    found, *others = (embeddings for embeddings, _ in parts)
    for other in others:
        found = found.extended(other)
    return found, [origin for _, origins in parts for origin in origins]


def _of_film(
    embedder: Embedder, path: Path, identity: str | None, chosen: Sequence[int], of_one: bool
) -> tuple[Embeddings, list[tuple[int, str]]]:
    video = video_of(embedder)
    with quiet_opencv(threads=None):
        seen = follow_film(FilmSource(path, video.rate), video, embedder)
    if seen.embeddings is None:
        raise _nobody(seen, path)
    if of_one and len(seen.tracks) > 1 and not chosen:
        raise DataError(
            f"the film has {len(seen.tracks)} tracks, and nothing tells which are of this person: "
            f"{_listed(seen.tracks)}",
            where=str(path),
            hint="look at them (gait-plugins video segment FILM DIR), and choose by --track N, which may be "
            "repeated",
        )
    places = _places(seen, chosen, path)
    names = {seen.tracks[place].track: identity for place in places}
    return rows_of_tracks(seen, path, names)


def rows_of_tracks(
    seen: FilmTracks, path: Path, names: Mapping[int, str | None]
) -> tuple[Embeddings, list[tuple[int, str]]]:
    """Tracks of a film as sequences of people; and of each its number of silhouettes and where it comes from.

    Args:
        seen: a film with tracks.
        path: the film.
        names: tracks that are meant, and whose each is; None: a track is its own.
    """
    assert seen.embeddings is not None
    film = seen.film.name
    places = [place for place, each in enumerate(seen.tracks) if each.track in names]
    tracks = [seen.tracks[place] for place in places]
    own = [f"{film}-{track.track:04d}" for track in tracks]
    given = [names[track.track] for track in tracks]
    people = [name if person is None else person for name, person in zip(own, given, strict=True)]
    rows = replace(
        seen.embeddings.rows(places),
        labels=np.array(people),
        types=np.array([film] * len(own)),
        views=np.array(["000"] * len(own)),
        names=np.array([f"{name}-{film}-000" for name in own]),
    )
    sources = [f"{path}, track {each.track}, {each.begin:.1f} to {each.end:.1f} s" for each in tracks]
    return rows, [(track.silhouettes, source) for track, source in zip(tracks, sources, strict=True)]


def _places(seen: FilmTracks, chosen: Sequence[int], path: Path) -> list[int]:
    numbers = [track.track for track in seen.tracks]
    absent = [number for number in chosen if number not in numbers]
    if absent:
        raise DataError(
            f"the film has no track {absent[0]} that is a sequence; it has {_listed(seen.tracks)}",
            where=str(path),
            hint="choose one of these",
        )
    return [place for place, number in enumerate(numbers) if not chosen or number in chosen]


def _listed(tracks: Sequence[Followed]) -> str:
    said = [
        f"{each.track} ({each.begin:.1f} to {each.end:.1f} s, {each.silhouettes} silhouettes)"
        for each in tracks[:_LISTED]
    ]
    more = f" and {len(tracks) - _LISTED} more" if len(tracks) > _LISTED else ""
    return ", ".join(said) + more


def _nobody(seen: FilmTracks, path: Path) -> DataError:
    why = f" ({left_out_in_words(seen.left_out)})" if seen.left_out else ""
    remarks = f"; {'; '.join(seen.remarks)}" if seen.remarks else ""
    return DataError(
        f"nobody in the film can be followed long enough{why}",
        where=str(path),
        hint=f"look at the film; the keys of video_cfg say what a track must have{remarks}",
    )
