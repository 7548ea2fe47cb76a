"""``gait-plugins data partition`` and ``data pack``: make prepared data ready for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import chosen_out, old_option, out_option, override_option
from gait_plugins.io.printable import json_text, say
from gait_plugins.io.remote.address import path_or_address

if TYPE_CHECKING:
    from gait_plugins.api import GaitDataset, SequenceRef

Root = Annotated[
    Any,
    typer.Argument(
        metavar="ROOT",
        parser=path_or_address,
        help="Prepared data: a folder laid out as ID/TYPE/VIEW/FILES, or a packed data file; or the address "
        "of one (s3://...).",
    ),
]


def partition(
    root: Root,
    out: Annotated[Path | None, out_option("FILE", "JSON file to write.")] = None,
    share: Annotated[
        float, typer.Option(help="Share of the identities to train on, from 0 to 1, drawn with --seed.")
    ] = 0.5,
    first: Annotated[
        int | None,
        typer.Option(help="Train on this number of identities, the first in sorted order (CASIA-B: 74)."),
    ] = None,
    train: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Train on this identity; may be repeated.")
    ] = None,
    test: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Test this identity; may be repeated.")
    ] = None,
    train_list: Annotated[
        Path | None,
        typer.Option(
            "--train-list", metavar="FILE", help="Text file of identities to train on, one per line."
        ),
    ] = None,
    test_list: Annotated[
        Path | None,
        typer.Option("--test-list", metavar="FILE", help="Text file of identities to test, one per line."),
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Test sequences to use as probes, by id-type-view: '*-bg-*'; may be repeated.",
        ),
    ] = None,
    probes: Annotated[
        int | None, typer.Option(help="Draw this number of probes of each test identity instead.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything that is drawn.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it exists.")] = False,
    old: Annotated[Path | None, old_option("-o", "--output")] = None,
) -> None:
    """Write the partition of your own data: identities to train on, identities to test, and probes."""
    from gait_plugins.io.atomic import write_text
    from gait_plugins.prepare.partition import Split, make_partition
    from gait_plugins.prepare.sequences import every_sequence

    to = chosen_out("data partition", out, o=old)
    _check_free(to, overwrite)
    trained = [*(train or ()), *_lines(train_list)]
    tested = [*(test or ()), *_lines(test_list)]
    split = Split(share, first, trained, tested, probe or (), probes, seed)
    _, refs = every_sequence(root)
    content = make_partition(refs, split)
    write_text(to, json_text(content, 1) + "\n")
    train_set, test_set = content["TRAIN_SET"], content["TEST_SET"]
    probed = f", {len(content['PROBE_SET'])} probes" if "PROBE_SET" in content else ""
    say(f"{to}: {len(train_set)} identities to train on, {len(test_set)} to test{probed}")
    say(f"next: gait-plugins data check --root {root} --partition {to}")


def pack(
    root: Root,
    to: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Packed data file to write, FILE.npz.")
    ] = None,
    out: Annotated[Path | None, out_option("FILE", "Same as FILE.")] = None,
    threshold: Annotated[
        int | None,
        typer.Option(
            help="Grey value, 0 to 254: pixels above become 255, others 0, one bit each. Default: lossless."
        ),
    ] = None,
    inputs: Annotated[
        list[int] | None,
        typer.Option(
            "--input",
            metavar="N",
            help="Take file N of each view folder, counted from 0; may be repeated. Default: all.",
        ),
    ] = None,
    shards: Annotated[
        int, typer.Option(min=1, metavar="N", help="Write the frames into N files beside FILE.")
    ] = 1,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Processes that read and pack. Default: one for each core."),
    ] = None,
    override: Annotated[
        list[str] | None, override_option("Where ROOT is a configuration, override a setting of it.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it exists.")] = False,
) -> None:
    """Write prepared data as one file that is read in place, an eighth of the size or less.

    ROOT may be a configuration (FILE.yaml): its data set is packed, with whatever streams it has.

    With --shards the frames lie in files beside FILE, which FILE lists: FILE-00001-of-N.npz, ...

    To train from it, set data_cfg: {type: PackedSilhouettes, dataset_root: FILE}, with the same partition.
    """
    from gait_plugins.api.census.processes import processes
    from gait_plugins.errors import ConfigError
    from gait_plugins.io.dataset_file import require_sound
    from gait_plugins.prepare.pack import pack_dataset
    from gait_plugins.prepare.sequences import every_sequence

    to = chosen_out("data pack", out, to)
    _check_free(to, overwrite)
    if threshold is not None and not 0 <= threshold <= 254:
        raise ConfigError(f"--threshold is {threshold}, expected 0 to 254", where="data pack")
    is_config = isinstance(root, Path) and root.suffix in (".yaml", ".yml")
    if override and not is_config:
        raise ConfigError("-o needs a configuration", where="data pack", hint="give CONFIG.yaml as ROOT")
    if isinstance(root, Path) and root.is_file() and not is_config:
        require_sound(str(root))
    with processes(workers):
        dataset, refs = _of_config(root, override or ()) if is_config else every_sequence(root, inputs)
        size = pack_dataset(dataset, refs, to, threshold=threshold, parts=shards)
    say(
        f"{to}: {size.sequences} sequences, {size.frames} frames, {size.bytes:,} bytes: "
        f"1/{size.pixels / size.bytes:.1f} of their {size.pixels:,} bytes"
    )
    if size.grey:
        say(
            f"{size.grey} sequences are grey (soft edges) and are kept as they are, 8 bits per pixel; "
            "--threshold 127 makes them black and white, one bit per pixel"
        )
    say(f"to train from it: -o data_cfg.type=PackedSilhouettes -o data_cfg.dataset_root={to}")


def _of_config(path: Path, overrides: Sequence[str]) -> tuple[GaitDataset, Sequence[SequenceRef]]:
    """The data set of a configuration, and its sequences for training and test, by their people's labels."""
    from gait_plugins.api import SequenceTable
    from gait_plugins.config.loading import load_config
    from gait_plugins.prepare.sequences import each_once

    dataset = _own_labels(load_config(str(path), overrides).data_cfg.dataset).build()
    train, test = dataset.sequences("train"), dataset.sequences("test")
    tables = isinstance(train, SequenceTable) and isinstance(test, SequenceTable)
    if tables and not {*train.distinct(0)} & {*test.distinct(0)}:
        return dataset, train.and_of(test)
    return dataset, each_once([*train, *test])


def _own_labels(value: Any) -> Any:
    """A data set's spec without ``self_supervised``, in data sets within it too.

    That option gives every training sequence a label of its own. A file has the labels of the data, and a
    training from it sets the option again.
    """
    from gait_plugins.config.specs import ComponentSpec

    if isinstance(value, ComponentSpec):
        arguments = {name: _own_labels(argument) for name, argument in value.arguments.items()}
        if value.kind == "dataset" and arguments.get("self_supervised") is True:
            arguments["self_supervised"] = False
        return replace(value, arguments=arguments)
    if isinstance(value, dict):
        return {name: _own_labels(item) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_own_labels(item) for item in value)
    return value


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    from gait_plugins.errors import ConfigError

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = (
            (error.strerror or str(error)) if isinstance(error, OSError) else "the file is not UTF-8 text"
        )
        raise ConfigError(
            f"the list of identities cannot be read: {reason}",
            where=str(path),
            hint="give a text file with one identity per line",
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _check_free(path: Path, overwrite: bool) -> None:
    from gait_plugins.errors import ConfigError

    if path.is_dir():
        raise ConfigError("this is a folder, expected the name of a file to write", where=str(path))
    if path.exists() and not overwrite:
        raise ConfigError(
            "the file already exists", where=str(path), hint="choose another name, or add --overwrite"
        )
