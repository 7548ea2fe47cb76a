"""Export: any data set written in the layout that OpenGait reads."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, track
from gait_plugins.errors import DataError

PARTITION = "partition.json"
PROTOCOL = 4
"""Pickle protocol that every supported Python reads."""


def write_opengait_layout(dataset: GaitDataset, folder: Path | str) -> Path:
    """Write ``<id>/<type>/<view>/<view>.pkl`` for every sequence, and ``partition.json`` beside them.

    A sequence of several input sources becomes ``0-<view>.pkl``, ``1-<view>.pkl`` and so on. The
    folder appears only when it is complete.

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
    partial = target.with_name(f"{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for ref in track([*train, *test], "writing sequences", unit="sequence"):
            _write_sequence(partial, ref, dataset.load(ref))
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


def _write_sequence(root: Path, ref: SequenceRef, sources: Sequence[np.ndarray]) -> None:
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
        name = f"{ref.view}.pkl" if len(sources) == 1 else f"{number}-{ref.view}.pkl"
        with open(folder / name, "wb") as file:
            pickle.dump(np.ascontiguousarray(frames), file, protocol=PROTOCOL)
