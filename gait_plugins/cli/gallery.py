"""``gait-plugins gallery``: shows galleries, removes people for good, converts, calibrates and evaluates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import chosen_out, out_option
from gait_plugins.cli.plugin_commands import OpenGroup
from gait_plugins.core.galleries.address import place_of
from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import printable, say, say_json

if TYPE_CHECKING:
    from gait_plugins.core.galleries.calibration import Calibration
    from gait_plugins.core.galleries.entries import Entry
    from gait_plugins.core.galleries.evaluation import Evaluation
    from gait_plugins.metrics import Metric

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)

_ADDRESS = "postgresql://USER@HOST/DATABASE[?schema=NAME]"
Lasting = Annotated[
    Any,
    typer.Argument(metavar="GALLERY", parser=place_of, help=f"Gallery: a folder, or {_ADDRESS}."),
]
Held = Annotated[
    Any,
    typer.Argument(
        metavar="GALLERY", parser=place_of, help=f"Gallery: a folder, a .npz file, or {_ADDRESS}."
    ),
]
Distance = Annotated[str, typer.Option(help="Distance: euc or cos.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _group() -> None:
    """List, remove, convert, calibrate and evaluate galleries."""


@app.command("list")
def list_people(
    gallery: Held,
    sequences: Annotated[bool, typer.Option("--sequences", help="List each sequence.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the enrolled people with the number of their sequences, their conditions and views."""
    from gait_plugins.core.galleries.conversion import read_any
    from gait_plugins.core.galleries.entries import Entry
    from gait_plugins.core.galleries.stores import is_lasting, open_gallery

    thresholds: dict[str, Any] = {}
    if is_lasting(gallery):
        with open_gallery(gallery) as store:
            entries, thresholds = store.entries(), store.thresholds()
            origin, shape, dtype = store.origin, store.shape, store.dtype
    else:
        data = read_any(gallery)
        columns = [getattr(data, key).tolist() for key in ("labels", "names", "types", "views")]
        entries = sorted(Entry(*row) for row in zip(*columns, strict=True))
        origin, shape, dtype = data.origin, data.embeddings.shape[1:], "float32"
    people = _by_person(entries)
    if as_json:
        about = {"model": origin.model, "checkpoint": origin.checkpoint, "config": origin.config}
        listed = [{"person": name, "sequences": [e._asdict() for e in own]} for name, own in people.items()]
        about |= {"input_size": list(origin.input_size), "shape": list(shape), "dtype": dtype}  # type: ignore[dict-item]
        say_json({**about, "thresholds": thresholds, "people": listed})
        return
    say(f"{len(entries)} sequences of {len(people)} people, {shape[0]} channels x {shape[1]} parts, {dtype}")
    say(f"model {origin.model}, checkpoint {origin.checkpoint[:12] or 'none'}, configuration {origin.config}")
    for metric, record in thresholds.items():
        say(f"threshold {record['threshold']:.4f} ({metric}) for a false-match rate of {record['fmr']:g}")
    say("\n".join(_person_lines(people, sequences)))


@app.command("remove")
def remove_people(
    gallery: Lasting,
    people: Annotated[list[str] | None, typer.Argument(metavar="PERSON...", help="Who is removed.")] = None,
    sequence: Annotated[
        list[str] | None,
        typer.Option("--sequence", metavar="NAME", help="Remove this sequence alone; may be repeated."),
    ] = None,
    rewrite: Annotated[
        bool,
        typer.Option(
            "--rewrite",
            help="On a server, write the tables anew, so that no byte stays in their files; others wait "
            "meanwhile. In a folder none stays without it.",
        ),
    ] = False,
) -> None:
    """Remove people for good; it is told what holds them still."""
    from gait_plugins.core.galleries.stores import open_gallery, require_lasting

    if not people and not sequence:
        raise ConfigError(
            "it is not said who is removed", where="gallery remove", hint="name people, or --sequence NAME"
        )
    require_lasting(gallery)
    with open_gallery(gallery) as store:
        count = store.remove(people or (), sequence or ())
        if rewrite:
            store.rewrite()
        say(f"{count} sequences removed; {gallery} holds {len(store)} of {store.people} people")
    say(store.remains)


@app.command("convert")
def convert_gallery(
    source: Annotated[
        Any,
        typer.Argument(
            metavar="FROM", parser=place_of, help=f"Gallery: a folder, a .npz file, or {_ADDRESS}."
        ),
    ],
    target: Annotated[
        Any,
        typer.Argument(
            metavar="TO", parser=place_of, help=f"What is made: a folder, a .npz file, or {_ADDRESS}."
        ),
    ] = None,
    out: Annotated[Any, out_option("TO", "Same as TO.", parser=place_of)] = None,
    dtype: Annotated[
        str | None,
        typer.Option(help="Of the vectors: float32, or float16 for half the size; default: as in FROM."),
    ] = None,
) -> None:
    """Copy a gallery into another form: a folder, a .npz file, or a server."""
    from gait_plugins.core.galleries.conversion import convert
    from gait_plugins.core.galleries.stores import is_lasting

    target = chosen_out("gallery convert", out, target)
    if dtype not in (None, "float32", "float16"):
        raise ConfigError(
            f"unknown type of vectors {dtype!r}, expected float32 or float16", hint="--dtype float16"
        )
    say(f"{convert(source, target, dtype)} sequences: {target}")
    if not is_lasting(target):
        say("a file keeps no times, sources, numbers of frames and thresholds: keep the gallery for these")


@app.command("calibrate")
def calibrate_gallery(
    gallery: Lasting,
    fmr: Annotated[
        float, typer.Option("--fmr", metavar="RATE", help="Wanted share of false matches in comparisons.")
    ] = 0.001,
    metric: Distance = "euc",
    as_json: AsJson = False,
) -> None:
    """Find the threshold for a rate of false matches among the enrolled people, and keep it."""
    from gait_plugins.core.galleries import calibration
    from gait_plugins.core.galleries.stores import require_lasting

    chosen = _metric(metric)
    require_lasting(gallery)
    found = calibration.calibrate_gallery(gallery, fmr, chosen)
    if as_json:
        say_json({**found.as_dict(), "remarks": found.remarks})
    else:
        say("\n".join(calibration_lines(found)))


@app.command("evaluate")
def evaluate_gallery(
    gallery: Held,
    probes: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PROBES]",
            help="Labelled sequences, a .npz file of gait-plugins embed; default: those of the gallery.",
        ),
    ] = None,
    metric: Distance = "euc",
    unknown_above: Annotated[
        float | None,
        typer.Option(metavar="DISTANCE", help="Threshold; default: that of gallery calibrate."),
    ] = None,
    out: Annotated[
        Path | None,
        out_option("FILE", "File to write: .csv, .json, or .png (a curve)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print rates of false matches and false non-matches over labelled sequences."""
    from gait_plugins.core.galleries.conversion import read_any
    from gait_plugins.core.galleries.evaluation import SAMPLE, check_report, evaluate, write_report
    from gait_plugins.core.galleries.stores import is_lasting, open_gallery
    from gait_plugins.core.tools.identification import check_threshold

    chosen = _metric(metric)
    check_threshold(unknown_above)
    if out is not None:
        check_report(out)
    if unknown_above is None and is_lasting(gallery):
        with open_gallery(gallery) as store:
            unknown_above = store.thresholds().get(metric, {}).get("threshold")
    enrolled = read_any(gallery, SAMPLE)
    sought = None if probes is None else read_any(probes, SAMPLE)
    found = evaluate(
        enrolled,
        sought,
        metric=chosen,
        threshold=unknown_above,
        where=str(gallery),
        probes_file="" if probes is None else str(probes),
    )
    if out is not None:
        write_report(out, found)
    if as_json:
        say_json(found.as_dict())
    else:
        say("\n".join(_evaluation_lines(found)))


def _metric(metric: str) -> Metric:
    if metric == "euc":
        return "euc"
    if metric == "cos":
        return "cos"
    raise ConfigError(
        f"unknown distance {metric!r}, expected euc or cos", hint="--metric euc or --metric cos"
    )


def _by_person(entries: list[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.person, []).append(entry)
    return found


def _person_lines(people: dict[str, list[Entry]], sequences: bool) -> Iterator[str]:
    width = max((len(printable(name)) for name in people), default=0)
    for name, own in people.items():
        conditions = ", ".join(sorted({entry.condition for entry in own} - {""}))
        views = ", ".join(sorted({entry.view for entry in own} - {""}))
        known = [f"{len(own)} sequences", conditions, views and f"views {views}", _when(own)]
        yield f"{printable(name):{width}}  {printable('; '.join(filter(None, known)))}"
        if sequences:
            for entry in own:
                frames = "" if entry.frames is None else f"{entry.frames} frames"
                source = entry.source and f"from {entry.source}"
                told = [entry.name, frames, entry.when, source]
                yield printable(f"  {'; '.join(filter(None, told))}")


def _when(entries: list[Entry]) -> str:
    days = sorted({entry.when[:10] for entry in entries} - {""})
    return "" if not days else days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def calibration_lines(found: Calibration) -> Iterator[str]:
    """What is printed of a calibration."""
    yield f"threshold {found.threshold:.4f} ({found.metric}) for a false-match rate of {found.fmr:g}"
    yield (
        f"it rests on {found.comparisons} comparisons of {found.pairs} pairs of people "
        f"({found.people} people, {found.sequences} sequences); {found.false_matches} of them match"
    )
    yield (
        f"{found.named_wrongly:.1%} of the sequences have somebody else within it: about as many searches "
        "for people who are not enrolled would give a name"
    )
    if found.own_missed is not None:
        yield f"{found.own_missed:.1%} of the sequences are farther than it from the person's other ones"
    for remark in found.remarks:
        yield f"warning: {remark}"
    yield "identify uses it from now on; --unknown-above gives another"


def _evaluation_lines(found: Evaluation) -> Iterator[str]:
    yield f"{found.genuine} comparisons of one person, {found.impostor} of two people ({found.metric})"
    yield f"equal error rate {found.eer:.2%} at a distance of {found.eer_threshold:.4f}"
    for rate, missed in found.fnmr_at.items():
        yield f"false-non-match rate {missed:.2%} at a false-match rate of {rate:g}"
    if found.at is not None:
        yield (
            f"at the threshold {found.at.threshold:.4f}: false-match rate {found.at.fmr:.2g}, "
            f"false-non-match rate {found.at.fnmr:.2%}"
        )
    if found.searches is not None:
        searches = found.searches
        unknown = searches.enrolled - searches.named - searches.misnamed
        yield (
            f"searches for enrolled people: {searches.named} of {searches.enrolled} named rightly, "
            f"{searches.misnamed} as somebody else, {unknown} unknown"
        )
        yield f"searches for strangers: {searches.strangers_named} of {searches.strangers} named"
