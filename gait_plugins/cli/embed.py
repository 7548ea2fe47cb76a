"""``gait-plugins embed``, ``enroll`` and ``identify``: write embeddings and recognise people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import printable, say, say_json

if TYPE_CHECKING:
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.tools.embeddings import Embeddings
    from gait_plugins.core.tools.identification import Answer, Separation
    from gait_plugins.metrics import Metric

Name = Annotated[
    str, typer.Argument(metavar="CONFIG", help="Path of a YAML file, or name of a shipped configuration.")
]
DATA = "Sequence files, folders of aligned images, folders ID/TYPE/VIEW/FILES, or packed data files"
Data = Annotated[list[Path], typer.Argument(metavar="DATA...", help=f"{DATA}.")]
Checkpoint = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Checkpoint with the weights; default: the one that CONFIG tests."),
]
Override = Annotated[
    list[str] | None,
    typer.Option("--override", metavar="KEY=VALUE", help="Override a setting of CONFIG; may be repeated."),
]
Device = Annotated[str, typer.Option(help="Device to compute on: auto, cpu, cuda or mps.")]
Gallery = Annotated[
    Path, typer.Option(metavar="FILE.npz", help="Gallery: the file of the enrolled identities.")
]
Distance = Annotated[str | None, typer.Option(help="Distance: euc or cos; default: the metric of CONFIG.")]


def run_embed(
    config: Name,
    output: Annotated[
        Path,
        typer.Option("-O", "--out", "-o", "--output", metavar="FILE", help="File to write: .npz or .csv."),
    ],
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DATA...]", help=f"{DATA}; default: the test set of CONFIG."),
    ] = None,
    checkpoint: Checkpoint = None,
    override: Override = None,
    device: Device = "auto",
) -> None:
    """Write the embeddings of sequences with their labels, conditions, views and names."""
    from gait_plugins.core.tools.embeddings import check_target, write_embeddings

    check_target(output)
    embedder = _embedder(config, checkpoint, override, device)
    found = embedder.files(data) if data else embedder.test_set()
    write_embeddings(output, found)
    _, channels, parts = found.embeddings.shape
    say(f"{len(found)} sequences, {channels} channels x {parts} parts: {output}")


def run_enroll(
    config: Name,
    data: Data,
    gallery: Gallery,
    identity: Annotated[
        str | None, typer.Option("--id", help="Identity of the person in these files or folders of images.")
    ] = None,
    checkpoint: Checkpoint = None,
    override: Override = None,
    device: Device = "auto",
    metric: Distance = None,
) -> None:
    """Add people to a gallery, or begin one: other sequences are compared with theirs."""
    from gait_plugins.core.tools.embeddings import read_embeddings, write_embeddings
    from gait_plugins.core.tools.identification import enroll, separation

    _require_npz(gallery)
    before = read_embeddings(gallery) if gallery.exists() else None
    embedder = _embedder(config, checkpoint, override, device, (before, gallery))
    extended = enroll(before, embedder.files(data, identity), str(gallery))
    write_embeddings(gallery, extended)
    known = len(before) if before else 0
    people = len(set(extended.labels.tolist()))
    say(f"{len(extended) - known} sequences enrolled; {gallery} holds {len(extended)} of {people} identities")
    say("\n".join(_separation_lines(separation(extended, _metric(embedder, metric)))))


def run_identify(
    config: Name,
    data: Data,
    gallery: Gallery,
    top: Annotated[
        int | None,
        typer.Option("-k", "--top", help="Number of identities to list for each sequence; default: up to 5."),
    ] = None,
    unknown_above: Annotated[
        float | None,
        typer.Option(
            metavar="DISTANCE",
            help="Report sequences farther away than this as unknown; enroll suggests a value.",
        ),
    ] = None,
    checkpoint: Checkpoint = None,
    override: Override = None,
    device: Device = "auto",
    metric: Distance = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the nearest identities of a gallery for each sequence, with their distances."""
    from gait_plugins.core.tools.embeddings import read_embeddings
    from gait_plugins.core.tools.identification import check_gallery, check_threshold, checked_top, identify

    check_threshold(unknown_above)
    enrolled = read_embeddings(gallery)
    checked_top(top, check_gallery(enrolled, str(gallery)), str(gallery))
    embedder = _embedder(config, checkpoint, override, device, (enrolled, gallery))
    answers = identify(
        embedder.files(data),
        enrolled,
        top=top,
        metric=_metric(embedder, metric),
        unknown_above=unknown_above,
        where=str(gallery),
    )
    if as_json:
        say_json([answer.as_dict() for answer in answers])
    else:
        say("\n".join(line for answer in answers for line in _answer_lines(answer)))


def _embedder(
    config: str,
    checkpoint: Path | None,
    override: list[str] | None,
    device: Any,
    compared: tuple[Embeddings | None, Path] | None = None,
) -> Embedder:
    from gait_plugins.config import load_config
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.tools.embeddings import require_same_origin

    embedder = Embedder(load_config(config, override or ()), checkpoint, device=device)
    if compared and compared[0] is not None:  # before the work, as far as it can be told
        require_same_origin(compared[0].origin, embedder.origin, str(compared[1]))
    return embedder


def _metric(embedder: Embedder, asked: str | None) -> Metric:
    chosen: Any = asked or embedder.config.evaluator_cfg.protocol.options.get("metric", "euc")
    if chosen not in ("euc", "cos"):
        raise ConfigError(
            f"unknown distance {chosen!r}, expected euc or cos", hint="--metric euc or --metric cos"
        )
    metric: Metric = chosen
    return metric


def _require_npz(gallery: Path) -> None:
    if gallery.suffix.lower() != ".npz":
        raise ConfigError(
            "a gallery must be a .npz file",
            where=str(gallery),
            hint=f"--gallery {gallery.with_suffix('.npz')}",
        )


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
