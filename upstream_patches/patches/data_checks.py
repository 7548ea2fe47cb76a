"""Checks of the data paths in the YAML, before any work."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gait_plugins.errors import DataError


def check_data(data_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]], phase: str) -> None:
    """The data must lie where the YAML says, read from the working directory: the checkout.

    Several data sets are trained on together, and the first of them is tested.

    Raises:
        DataError: there is no such folder or partition, or the one holds no identity of the other.
    """
    listed = [data_cfg] if isinstance(data_cfg, Mapping) else list(data_cfg)
    for data in listed if phase == "train" else listed[:1]:
        _check_one(data, phase)


def _check_one(data: Mapping[str, Any], phase: str) -> None:
    for key, what in (("dataset_root", "folder"), ("dataset_partition", "file")):
        path = data.get(key)
        if isinstance(path, str) and not os.path.exists(path):
            start = "" if os.path.isabs(path) else f" in {os.getcwd()}, where relative paths start"
            raise DataError(
                f"no such {what}: {path!r}{start}",
                where=f"data_cfg.{key}",
                hint=f"set the {what} in the YAML, or with -o data_cfg.{key}=PATH; "
                "gait-plugins data export walkers/gei --out DIR writes sample data",
            )
    root, listed = data.get("dataset_root"), data.get("dataset_partition")
    if isinstance(root, str) and isinstance(listed, str) and os.path.isdir(root):
        _check_identities(root, listed, "TRAIN_SET" if phase == "train" else "TEST_SET")


def _check_identities(root: str, listed: str, subset: str) -> None:
    try:
        labels = json.loads(Path(listed).read_text(encoding="utf-8")).get(subset) or []
    except (ValueError, AttributeError) as error:
        raise DataError(
            f"{listed} is not a partition file: {error}", where="data_cfg.dataset_partition"
        ) from error
    there = os.listdir(root)
    if labels and not set(map(str, labels)) & set(there):
        raise DataError(
            f"{root} holds none of the {len(labels)} identities of {subset} ({labels[0]}, ...); "
            f"it holds {', '.join(sorted(there)[:3]) or 'nothing'}",
            where="data_cfg.dataset_root",
            hint="use the folder that holds the identity folders of the partition: ROOT/ID/TYPE/VIEW/*.pkl",
        )
