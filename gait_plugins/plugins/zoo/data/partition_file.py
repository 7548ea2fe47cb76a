"""The partition file: training identities, test identities and probes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, NamedTuple

from gait_plugins.api import Subset
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.folders import require_regular
from gait_plugins.io.remote.address import is_address
from gait_plugins.io.remote.store import read_whole

log = logging.getLogger("gait_plugins")

FORMAT = 'a JSON object {"TRAIN_SET": ["001", ...], "TEST_SET": ["075", ...]} with identities as folder names'
PLACEHOLDER = "your_path"


class Partition(NamedTuple):
    """The lists of a partition file, in its order."""

    train: list[str]
    test: list[str]
    probes: frozenset[str] | None
    """``PROBE_SET``, entries ``id-type-view``."""
    gallery: frozenset[str] | None
    """``GALLERY_SET``: where only it is listed, every other test sequence is a probe."""

    def of(self, subset: Subset) -> list[str]:
        """Identities of a subset, each once."""
        return list(dict.fromkeys(self.train if subset == "train" else self.test))


def _numbered(first: int, last: int) -> list[str]:
    return [f"{number:03d}" for number in range(first, last + 1)]


RULES = {"CASIA-B": Partition(_numbered(1, 74), _numbered(75, 124), None, None)}
"""Data sets whose partition is a rule and needs no file."""


def partition_by_rule(dataset_name: str | None) -> Partition | None:
    """The partition of a data set that has one by rule; case and separators of its name do not count."""
    by_name = {_bare(name): partition for name, partition in RULES.items()}
    return by_name.get(_bare(dataset_name or ""))


def check_partition_options(dataset_partition: str | None, dataset_name: str | None) -> None:
    """See that there is a partition at all, of a file or by rule.

    Raises:
        ConfigError: there is none.
    """
    if dataset_partition is None and partition_by_rule(dataset_name) is None:
        raise ConfigError(
            "needs the option 'dataset_partition' (str)",
            hint="give the JSON file that comes with the data set; it may be left out only with "
            f"data_cfg.dataset_name: {', '.join(RULES)}",
        )


def find_partition(path: str | None, dataset_name: str | None) -> Partition:
    """The partition of a file, or by the data set's rule where none is given.

    Raises:
        ConfigError: there is neither.
        DataError: the file cannot be read.
    """
    check_partition_options(path, dataset_name)
    found = partition_by_rule(dataset_name)
    return found if path is None and found is not None else read_partition(str(path), dataset_name)


def warn_of_shared_identities(partition: Partition) -> None:
    """Say so where people are trained on and tested."""
    seen = sorted({*partition.train} & {*partition.test})
    if seen:
        log.warning(
            "%d of %d test identities (%s) are in TRAIN_SET too: test identities should not be trained on",
            len(seen),
            len(partition.of("test")),
            ", ".join(seen[:3]),
        )


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def read_partition(path: str, dataset_name: str | None = None) -> Partition:
    """Read and check a partition file.

    Raises:
        DataError: it is missing, no JSON, or not of the expected form.
    """
    try:
        content = json.loads(_text(path))
    except OSError as error:
        by_rule = partition_by_rule(dataset_name) is not None
        otherwise = f", or leave it out: the partition of {dataset_name} is built in" if by_rule else ""
        raise DataError(
            f"the partition file cannot be read: {error.strerror or error}",
            where=path,
            hint="set data_cfg.dataset_partition to the JSON that comes with the data set; relative paths "
            f"start at the working directory ({Path.cwd()}){otherwise}",
        ) from error
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, nested without end
        raise DataError(f"not a JSON file: {error}; expected {FORMAT}", where=path) from error
    if not isinstance(content, dict):
        raise DataError(f"found a JSON {type(content).__name__}, expected {FORMAT}", where=path)
    sets = {key: _names(content, key, path) for key in ("TRAIN_SET", "TEST_SET", "PROBE_SET", "GALLERY_SET")}
    return Partition(
        train=sets["TRAIN_SET"] or [],
        test=sets["TEST_SET"] or [],
        probes=None if sets["PROBE_SET"] is None else frozenset(sets["PROBE_SET"]),
        gallery=None if sets["GALLERY_SET"] is None else frozenset(sets["GALLERY_SET"]),
    )


def _text(path: str) -> str:
    if is_address(path):
        return read_whole(path).decode("utf-8-sig")
    require_regular(path)
    return Path(path).read_text(encoding="utf-8-sig")


def _names(content: dict[str, Any], key: str, path: str) -> list[str] | None:
    names = content.get(key)
    if names is None:
        if key in ("TRAIN_SET", "TEST_SET"):
            found = ", ".join(content) or "no keys"
            raise DataError(f"{key} is missing; found {found}, expected {FORMAT}", where=path)
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        wrong = names if not isinstance(names, list) else next(n for n in names if not isinstance(n, str))
        raise DataError(
            f"{key} holds {wrong!r}, expected a list of strings",
            where=path,
            hint='write identities as their folders are named, in quotes: "001"',
        )
    return names
