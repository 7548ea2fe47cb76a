"""Export: any data set written in the layout that OpenGait reads."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Stream, track
from gait_plugins.errors import DataError
from gait_plugins.io.ragged import Frames, Ragged

PARTITION = "partition.json"
PROTOCOL = 4
"""Pickle protocol that every supported Python reads."""


def write_opengait_layout(dataset: GaitDataset, folder: Path | str) -> Path:
    """Write ``<id>/<type>/<view>/<view>.pkl`` for every sequence, and ``partition.json`` beside them.

    A sequence of several input sources becomes ``0-<view>.pkl``, ``1-<view>.pkl`` and so on; declared streams
    are called ``0-<stream>.pkl``, with their times in ``0-<stream>.times.txt`` where they are known. Ragged
    frames become a list of arrays. The folder appears only when it is complete.

    Returns:
        The partition file.

    Raises:
        DataError: the folder holds something already, or a label cannot be a folder's name.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(
            "the target exists and is not an empty folder", where=str(target), hint="give a new folder"
        )
    train, test = dataset.sequences("train"), dataset.sequences("test")
    streams = dataset.streams()
    partial = target.with_name(f"{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for ref in track([*train, *test], "writing sequences", unit="sequence"):
            _write_sequence(partial, ref, dataset.load(ref), streams, dataset.times(ref) if streams else {})
        (partial / PARTITION).write_text(json.dumps(_partition(dataset, train, test), indent=1) + "\n")
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise DataError(
            f"the data set cannot be written: {error}",
            where=str(target),
            hint="check the free space and that you may write there",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target / PARTITION


def _partition(
    dataset: GaitDataset, train: Sequence[SequenceRef], test: Sequence[SequenceRef]
) -> dict[str, list[str]]:
    partition = {
        "TRAIN_SET": sorted({ref.label for ref in train}),
        "TEST_SET": sorted({ref.label for ref in test}),
    }
    probes = dataset.probe_set()
    if probes is not None:
        partition["PROBE_SET"] = sorted(probes)
    return partition


def _write_sequence(
    root: Path,
    ref: SequenceRef,
    sources: Sequence[Frames],
    streams: tuple[Stream, ...] | None,
    times: Mapping[str, np.ndarray],
) -> None:
    parts = (ref.label, ref.type, ref.view)
    for part in parts:
        if not part or part in (".", "..") or "/" in part or "\\" in part:
            raise DataError(
                f"{part!r} of the sequence {ref.name!r} cannot be the name of a folder",
                hint="rename this identity, condition or view",
            )
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True)
    for number, frames in enumerate(sources):
        stem = ref.view if streams is None or len(streams) == 1 else streams[number].name
        place = f"{number:0{len(str(len(sources) - 1))}d}-"  # they are sorted by name when they are read
        name = stem if len(sources) == 1 else f"{place}{stem}"
        content = list(frames) if isinstance(frames, Ragged) else np.ascontiguousarray(frames)
        with open(folder / f"{name}.pkl", "wb") as file:
            pickle.dump(content, file, protocol=PROTOCOL)
        moments = None if streams is None else times.get(streams[number].name)
        if moments is not None:
            lines = "".join(f"{moment!r}\n" for moment in np.asarray(moments, np.float64).tolist())
            (folder / f"{name}.times.txt").write_text(lines)
