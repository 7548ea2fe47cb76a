"""``gait-plugins embed``, ``enroll`` and ``identify``: write embeddings and recognise people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import (
    Fast,
    Overrides,
    chosen_out,
    old_option,
    out_option,
    with_fast,
    without_old_out,
)
from gait_plugins.core.galleries.address import Place, place_of
from gait_plugins.errors import ConfigError
from gait_plugins.io.folders import require_there
from gait_plugins.io.printable import printable, say, say_json
from gait_plugins.io.remote.address import path_or_address

if TYPE_CHECKING:
    from gait_plugins.api.galleries.index import GalleryIndex
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.tools.embeddings import Origin
    from gait_plugins.core.tools.identification import Answer, Separation

FEW = 2000
"""Sequences of a gallery that are all compared with each other when some are added."""

Name = Annotated[
    str, typer.Argument(metavar="CONFIG", help="Path of a YAML file, or name of a shipped configuration.")
]
DATA = (
    "Sequence files, folders of aligned images, folders ID/TYPE/VIEW/FILES or those of one ID, packed data "
    "files, or films; or the address of a folder or packed data file (s3://...)"
)
Data = Annotated[list[Any], typer.Argument(metavar="DATA...", parser=path_or_address, help=f"{DATA}.")]
Checkpoint = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Checkpoint with the weights; default: the one that CONFIG tests."),
]
Device = Annotated[str, typer.Option(help="Device to compute on: auto, cpu, cuda or mps.")]
Devices = Annotated[
    int, typer.Option(min=1, help="Number of processes; torchrun and Slurm set their own number.")
]
Gallery = Annotated[
    Any,
    typer.Option(
        metavar="GALLERY",
        parser=place_of,
        help="Gallery of the enrolled identities: a folder, a .npz file, or "
        "postgresql://USER@HOST/DATABASE[?schema=NAME].",
    ),
]
UnknownAbove = Annotated[
    float | None,
    typer.Option(
        metavar="DISTANCE",
        help="Report walks farther away than this as unknown; default: what gallery calibrate has found, if "
        "it was run.",
    ),
]
Index = Annotated[
    str, typer.Option(metavar="INDEX", help="Index of a large gallery: its name, or {type: NAME, ...}.")
]
Distance = Annotated[str | None, typer.Option(help="Distance: euc or cos; default: the metric of CONFIG.")]


def run_embed(
    config: Name,
    data: Annotated[
        list[Any] | None,
        typer.Argument(
            metavar="[DATA...]", parser=path_or_address, help=f"{DATA}; default: the test set of CONFIG."
        ),
    ] = None,
    out: Annotated[Path | None, out_option("FILE", "File to write: .npz or .csv.")] = None,
    checkpoint: Checkpoint = None,
    override: Overrides = None,
    fast: Fast = False,
    device: Device = "auto",
    devices: Devices = 1,
    old: Annotated[Path | None, old_option("--output")] = None,
) -> None:
    """Write the embeddings of sequences with their labels, conditions, views and names."""
    from gait_plugins.core.recognition.film_data import embed_data
    from gait_plugins.core.runtime.devices import with_all_processes
    from gait_plugins.core.tools.embeddings import check_target, write_embeddings

    override, short = without_old_out(override)
    output = chosen_out("embed", out, output=old, o=short)
    check_target(output)
    require_there(data or ())
    with with_all_processes():
        embedder = open_embedder(config, checkpoint, with_fast(override, fast), device, devices=devices)
        found = embed_data(embedder, data)[0] if data else embedder.test_set()
    if not embedder.fabric.is_global_zero:
        return
    write_embeddings(output, found)
    _, channels, parts = found.embeddings.shape
    say(f"{len(found)} sequences, {channels} channels x {parts} parts: {output}")


def run_enroll(
    config: Name,
    data: Data,
    gallery: Gallery,
    identity: Annotated[
        str | None,
        typer.Option("--id", help="Identity of the person in these files, images or folders of one ID."),
    ] = None,
    track: Annotated[
        list[int] | None,
        typer.Option("--track", metavar="N", help="Track of a film with several; may be repeated."),
    ] = None,
    when: Annotated[
        str, typer.Option(metavar="TIME", help="When they were recorded, in ISO 8601; default: now.")
    ] = "",
    dtype: Annotated[
        str | None,
        typer.Option(help="Of a new gallery's vectors: float32, or float16 for half the size."),
    ] = None,
    checkpoint: Checkpoint = None,
    override: Overrides = None,
    fast: Fast = False,
    device: Device = "auto",
    metric: Distance = None,
) -> None:
    """Add people to a gallery, or begin one: other sequences are compared with theirs."""
    from gait_plugins.core.galleries.conversion import enroll_in, read_any
    from gait_plugins.core.galleries.stores import is_file_form, open_gallery
    from gait_plugins.core.recognition.film_data import embed_data, is_film
    from gait_plugins.core.tools.identification import separation

    override = with_fast(override, fast)
    _check_enrolment(when, dtype, data, identity)
    require_there(data)
    if is_file_form(gallery):
        _enroll_in_file(gallery, config, data, identity, track, checkpoint, override, device, metric)
        return
    embedder = open_embedder(config, checkpoint, override, device, (_origin_of(gallery), gallery))
    embedder.require_trust()
    chosen = embedder.metric(metric)
    new, origins = embed_data(embedder, data, identity, tracks=track or (), of_one=True)
    count = enroll_in(gallery, new, origins, when=when, dtype=dtype)
    with open_gallery(gallery) as held:
        total, people = len(held), held.people
    if count < len(new):
        say(f"{len(new) - count} sequences are already enrolled and are left out")
        if any(map(is_film, data)):
            say("tracks are known by the name of their film: rename the file if it is another film")
    say(f"{count} sequences enrolled; {gallery} holds {total} of {people} identities")
    if total <= FEW:
        for line in _separation_lines(separation(read_any(gallery), chosen)):
            say(line)
    else:
        say(f"gait-plugins gallery calibrate {gallery} sets a threshold")


def run_identify(
    config: Name,
    data: Data,
    gallery: Gallery,
    top: Annotated[
        int | None,
        typer.Option("-k", "--top", help="Number of identities to list for each sequence; default: up to 5."),
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
    """List the nearest identities of a gallery for each sequence, with their distances."""
    from gait_plugins.core.galleries.calibration import kept_threshold
    from gait_plugins.core.galleries.search import identify_in
    from gait_plugins.core.galleries.stores import is_file_form, open_gallery
    from gait_plugins.core.recognition.film_data import embed_data
    from gait_plugins.core.tools.embeddings import read_embeddings
    from gait_plugins.core.tools.identification import check_gallery, check_threshold, checked_top, identify

    override = with_fast(override, fast)
    check_threshold(unknown_above)
    require_there(data)
    in_file = is_file_form(gallery)
    searched = chosen_index(index, gallery)
    if in_file:
        enrolled = read_embeddings(gallery)
        checked_top(top, check_gallery(enrolled, str(gallery)), str(gallery))
        embedder = open_embedder(config, checkpoint, override, device, (enrolled.origin, gallery))
        embedder.require_trust()
        chosen = embedder.metric(metric)
        probes, _ = embed_data(embedder, data)
        answers = identify(
            probes, enrolled, top=top, metric=chosen, unknown_above=unknown_above, where=str(gallery)
        )
    else:
        with open_gallery(gallery) as store:
            checked_top(top, store.people, str(gallery))
            embedder = open_embedder(config, checkpoint, override, device, (store.origin, gallery))
            embedder.require_trust()
            chosen = embedder.metric(metric)
            limit = kept_threshold(store, chosen) if unknown_above is None else unknown_above
            probes, _ = embed_data(embedder, data)
            answers = identify_in(store, probes, top=top, metric=chosen, unknown_above=limit, index=searched)
    if as_json:
        say_json([answer.as_dict() for answer in answers])
    else:
        say("\n".join(line for answer in answers for line in _answer_lines(answer)))


def _enroll_in_file(
    gallery: Path,
    config: str,
    data: list[Path | str],
    identity: str | None,
    track: list[int] | None,
    checkpoint: Path | None,
    override: list[str] | None,
    device: Any,
    metric: str | None,
) -> None:
    """Enroll in a gallery of the old form, a file that is written anew."""
    from gait_plugins.core.galleries.entries import check_named, check_usable
    from gait_plugins.core.recognition.film_data import embed_data
    from gait_plugins.core.tools.embeddings import read_embeddings, write_embeddings
    from gait_plugins.core.tools.identification import enroll, separation

    before = read_embeddings(gallery) if gallery.exists() else None
    embedder = open_embedder(
        config, checkpoint, override, device, (before.origin if before else None, gallery)
    )
    embedder.require_trust()
    new, _ = embed_data(embedder, data, identity, tracks=track or (), of_one=True)
    check_named(new.labels.tolist(), new.names.tolist())
    _, channels, parts = new.embeddings.shape
    check_usable(new.embeddings, new.names.tolist(), (channels, parts), str(gallery))
    extended = enroll(before, new, str(gallery))
    mode = gallery.stat().st_mode if before else 0o600
    write_embeddings(gallery, extended)
    gallery.chmod(mode)
    known = len(before) if before else 0
    people = len(set(extended.labels.tolist()))
    say(f"{len(extended) - known} sequences enrolled; {gallery} holds {len(extended)} of {people} identities")
    say("\n".join(_separation_lines(separation(extended, embedder.metric(metric)))))


def _check_enrolment(when: str, dtype: str | None, data: list[Path | str], identity: str | None) -> None:
    from gait_plugins.core.recognition.film_data import is_film

    films = [path for path in data if is_film(path)]
    if films and identity is None:
        raise ConfigError(
            "the film does not say who is in it", where=str(films[0]), hint="give the identity with --id"
        )
    if dtype not in (None, "float32", "float16"):
        raise ConfigError(
            f"unknown type of vectors {dtype!r}, expected float32 or float16", hint="--dtype float16"
        )
    try:
        datetime.fromisoformat(when or "2000-01-01")
    except ValueError as error:
        raise ConfigError(
            f"--when is {when!r}, expected a date or a time in ISO 8601", hint="--when 2026-03-31T14:05"
        ) from error


def _origin_of(gallery: Place) -> Origin | None:
    from gait_plugins.core.galleries.stores import is_there, open_gallery

    if not is_there(gallery):
        return None
    with open_gallery(gallery) as store:
        return store.origin


def chosen_index(index: str, gallery: Place) -> GalleryIndex | None:
    """The index that an option names; None for the exact one.

    Raises:
        ConfigError: there is no such index, or the gallery is a file.
    """
    import yaml

    from gait_plugins.config import build
    from gait_plugins.core.galleries.stores import is_file_form

    if index == "exact":
        return None
    if is_file_form(gallery):
        raise ConfigError(
            "a gallery in a .npz file is searched without an index",
            where=str(gallery),
            hint=f"gait-plugins gallery convert {gallery} {gallery.with_suffix('.gallery')}",
        )
    try:
        given = yaml.safe_load(index)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"--index is no YAML: {index!r}", hint="--index '{type: faiss, keep: 500}'"
        ) from error
    found: GalleryIndex = build("index", given if isinstance(given, dict) else {"type": str(given)})
    return found


def open_embedder(
    config: str,
    checkpoint: Path | None,
    override: list[str] | None,
    device: Any,
    compared: tuple[Origin | None, Place] | None = None,
    *,
    devices: int | None = None,
) -> Embedder:
    """The model of a configuration with its weights; a gallery of another origin is refused at once.

    Args:
        config: a file or name.
        checkpoint: its weights.
        override: settings over those of the file.
        device: where to compute.
        compared: the origin of a gallery, and where that lies.
        devices: processes; None: the command works in one alone.
    """
    from gait_plugins.config import load_config
    from gait_plugins.core.runtime.places import require_one_process
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.tools.embeddings import require_same_origin

    if devices is None:
        require_one_process()
    embedder = Embedder(load_config(config, override or ()), checkpoint, device=device, devices=devices or 1)
    if compared and compared[0] is not None:  # before the work, as far as it can be told
        require_same_origin(compared[0], embedder.origin, str(compared[1]))
    return embedder


def _separation_lines(found: Separation) -> Iterator[str]:
    if found.within is not None:
        yield f"largest distance to the nearest other sequence of the same identity: {found.within:.3f}"
    if found.between is not None:
        yield f"smallest distance between two identities: {found.between:.3f}"
    if found.within is None or found.between is None:
        return
    if found.within < found.between:
        yield f"--unknown-above {(found.within + found.between) / 2:.3f} lies between the two"
    else:
        yield "no threshold separates all identities"


def _answer_lines(answer: Answer) -> Iterator[str]:
    yield f"{printable(answer.name)}: {printable(answer.identity or 'unknown')}"
    names = [printable(match.identity) for match in answer.matches]
    width = max(map(len, names))
    for rank, (name, match) in enumerate(zip(names, answer.matches, strict=True), 1):
        yield f"  {rank:>2}  {name:{width}}  {match.distance:.4f}  {printable(match.sequence)}"
