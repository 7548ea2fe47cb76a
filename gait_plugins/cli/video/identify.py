"""``gait-plugins video identify``: who is seen in films, from when to when, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import Fast, out_option, with_fast
from gait_plugins.cli.embed import (
    Checkpoint,
    Device,
    Distance,
    Gallery,
    Index,
    Name,
    UnknownAbove,
    chosen_index,
    open_embedder,
)
from gait_plugins.cli.video.segment import Overrides
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.printable import printable, say, say_json

if TYPE_CHECKING:
    from gait_plugins.core.galleries.address import Place
    from gait_plugins.core.recognition.film_people import FilmPeople
    from gait_plugins.core.recognition.naming import Namer
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.films.reading import FilmSource


def run_identify_film(
    config: Name,
    films: Annotated[
        list[Path], typer.Argument(metavar="FILM...", help="Films, or folders of pictures that are frames.")
    ],
    gallery: Gallery,
    out: Annotated[
        Path | None,
        out_option("FILE", "File to write: who was seen, .json, or .csv with a row for each track."),
    ] = None,
    annotated: Annotated[
        Path | None,
        typer.Option("--annotated", metavar="FILE.mp4", help="Write the film with names; for one film."),
    ] = None,
    join: Annotated[
        bool, typer.Option("--join/--no-join", help="Join tracks of one person where that is sure.")
    ] = True,
    top: Annotated[
        int | None,
        typer.Option("-k", "--top", help="Number of candidates of each track in JSON; default: up to 5."),
    ] = None,
    unknown_above: UnknownAbove = None,
    index: Index = "exact",
    checkpoint: Checkpoint = None,
    override: Overrides = None,
    fast: Fast = False,
    device: Device = "auto",
    metric: Distance = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Name the people in films: who, from when to when, how near to the enrolled walks; or unknown.

    The section video_cfg of CONFIG says how people are found and followed. Two people who are seen at the
    same time never bear the same name. A film with nobody in it is an answer and no error.
    """
    _check_out(out)
    embedder = open_embedder(config, checkpoint, with_fast(override, fast), device)

    def tell(report: dict[str, Any], found: Sequence[FilmPeople]) -> None:
        if as_json:
            say_json(report)
        else:
            say("\n".join(chain.from_iterable(map(people_lines, found))))

    identify_films(
        embedder,
        films,
        gallery,
        tell,
        out=out,
        annotated=annotated,
        join=join,
        top=top,
        unknown_above=unknown_above,
        metric=metric,
        index=index,
    )


def identify_films(
    embedder: Embedder,
    films: Sequence[Path],
    gallery: Place,
    tell: Callable[[dict[str, Any], Sequence[FilmPeople]], None],
    *,
    out: Path | None = None,
    annotated: Path | None = None,
    join: bool = True,
    top: int | None = None,
    unknown_above: float | None = None,
    metric: str | None = None,
    index: str = "exact",
) -> tuple[dict[str, Any], list[FilmPeople]]:
    """What ``video identify`` finds and writes: the report, and the people of each film.

    Args:
        tell: prints both, before the film with names is drawn.
        embedder: the model; the others are those of the command.
    """
    from gait_plugins.core.recognition.film_people import draw_people
    from gait_plugins.core.recognition.naming import Namer
    from gait_plugins.prepare.convert import quiet_opencv

    with quiet_opencv(threads=None):
        sources = _sources(films, embedder, annotated)
        chosen = chosen_index(index, gallery)
        with Namer(
            embedder, gallery, top=top, unknown_above=unknown_above, metric=metric, index=chosen
        ) as namer:
            found: list[FilmPeople] = []
            try:
                for source in sources:
                    found.append(_people(source, namer, join, annotated is not None))
            finally:  # a film that fails takes nothing from those before it
                report = _report(found, namer)
                if found:
                    if out is not None:
                        _write(out, report, found)
                    tell(report, found)
        if annotated is not None:  # at last: whatever ends it, the names are told
            draw_people(sources[0], found[0], annotated)
    return report, found


def _sources(films: Sequence[Path], embedder: Embedder, annotated: Path | None) -> list[FilmSource]:
    """The films, all of which can be read."""
    from gait_plugins.core.recognition.film_people import check_drawing, video_of
    from gait_plugins.films.reading import FilmSource

    sources = [FilmSource(film, video_of(embedder).rate) for film in films]
    if annotated is not None:
        if len(sources) > 1:
            raise ConfigError(
                f"--annotated writes one film, and {len(sources)} are given",
                hint="give the films one by one",
            )
        check_drawing(sources[0], annotated)
    return sources


def _people(source: FilmSource, namer: Namer, join: bool, keep_places: bool) -> FilmPeople:
    from gait_plugins.core.recognition.film_people import follow_film, name_people, video_of

    tracks = follow_film(source, video_of(namer.embedder), namer.embedder, keep_places)
    return name_people(tracks, namer, join)


def _report(found: Sequence[FilmPeople], namer: Namer) -> dict[str, Any]:
    return {
        "gallery": namer.where,
        "threshold": namer.threshold,
        "metric": namer.metric,
        "films": [each.as_dict() for each in found],
    }


def _check_out(out: Path | None) -> None:
    from gait_plugins.io.folders import unwritable

    if out is None:
        return
    if out.suffix.lower() not in (".json", ".csv"):
        raise ConfigError(
            f"people are written as .json or .csv, got {out.suffix or 'a name without an ending'}",
            where=str(out),
            hint=f"--out {out.with_suffix('.json')}",
        )
    if reason := unwritable(out):
        raise DataError(f"the file cannot be written: {reason}", where=str(out), hint="choose another name")


def _write(out: Path, report: dict[str, Any], found: Sequence[FilmPeople]) -> None:
    from gait_plugins.core.recognition.film_people import COLUMNS
    from gait_plugins.io.atomic import write_text
    from gait_plugins.io.printable import json_text
    from gait_plugins.io.tables import csv_text

    if out.suffix.lower() == ".json":
        write_text(out, json_text(report, 2) + "\n")
    else:
        write_text(out, csv_text([list(COLUMNS), *chain.from_iterable(each.rows() for each in found)]))


def people_lines(people: FilmPeople) -> Iterator[str]:
    """What is printed of a film: its people, and what is odd about it."""
    from gait_plugins.films.following import left_out_in_words

    found = people.found
    name, spent = printable(found.film.name), f"{found.frames} frames ({found.seconds:.1f} s)"
    count = len(people.people)
    yield f"{name}: {'nobody' if not count else '1 person' if count == 1 else f'{count} people'} in {spent}"
    if found.left_out:
        yield f"left out: {left_out_in_words(found.left_out)}"
    yield from (f"remark: {printable(remark)}" for remark in found.remarks)
    if not count:
        return
    width = max(6, *(len(printable(person.label)) for person in people.people))
    yield ""
    yield f"{'person':{width}}  {'from s':>7}  {'to s':>7}  track  silhouettes  distance  margin"
    for person in people.people:
        for seen in person.seen:
            named = seen.named
            margin = "" if named.margin is None else f"{named.margin:.4f}"
            line = f"{printable(person.label):{width}}  {seen.begin:7.1f}  {seen.end:7.1f}  {seen.track:5}  "
            line += f"{seen.silhouettes:11}  {named.distance:8.4f}  {margin:>6}  {printable(seen.remark)}"
            yield line.rstrip()
