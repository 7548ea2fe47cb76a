"""Partitions of your own data: training identities, test identities and probes."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gait_plugins.api import SequenceRef, fits_any
from gait_plugins.errors import ConfigError
from gait_plugins.io.folders import by_numbers
from gait_plugins.io.printable import printable
from gait_plugins.suggest import did_you_mean

log = logging.getLogger("gait_plugins")

_WHERE = "data partition"


@dataclass(frozen=True)
class Split:
    """How identities are divided, and which test sequences are probes.

    Args:
        share: share of the identities to train on, in (0, 1); drawn by ``seed``. Used where neither
            ``first``, ``train`` nor ``test`` is given.
        first: train on so many identities, first in sorted order, p2 before p10.
        train, test: identities by name; with one of them alone, all others are in the other set.
        probe: patterns of ``id-type-view`` (``*-bg-*``): the test sequences that are probes.
        probes: draw so many probes of each test identity, by ``seed``.
        seed: of what is drawn.
    """

    share: float = 0.5
    first: int | None = None
    train: Sequence[str] = ()
    test: Sequence[str] = ()
    probe: Sequence[str] = ()
    probes: int | None = None
    seed: int = 0


def make_partition(refs: Iterable[SequenceRef], split: Split) -> dict[str, Any]:
    """The partition of these sequences, ready for JSON; its two sets share no identity.

    Raises:
        ConfigError: an identity is not there or in both sets, a set would be empty, ways of splitting
            contradict each other, or no test sequence is a probe.
    """
    refs = sorted(refs, key=lambda ref: ref[:3])
    labels = sorted({ref.label for ref in refs})
    rng = np.random.default_rng(split.seed)
    train, test = _sets(labels, split, rng)
    content: dict[str, Any] = {"TRAIN_SET": train, "TEST_SET": test}
    if split.probe or split.probes is not None:
        tested = set(test)
        content["PROBE_SET"] = _probes([ref for ref in refs if ref.label in tested], split, rng)
    return content


def _sets(labels: list[str], split: Split, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    by_name = bool(split.train or split.test)
    if by_name and split.first is not None:
        raise ConfigError("--first cannot be combined with lists of identities: give one", where=_WHERE)
    if by_name:
        for label in [*split.train, *split.test]:
            _check_there(label, labels)
        both = sorted({*split.train} & {*split.test})
        if both:
            raise ConfigError(
                f"{', '.join(both[:3])} would be in both sets: test identities must not be trained on",
                where=_WHERE,
                hint="list each identity once",
            )
        train = sorted(set(split.train) or set(labels) - set(split.test))
        test = sorted(set(split.test) or set(labels) - set(split.train))
    else:
        count = split.first
        order = sorted(labels, key=by_numbers)
        if count is None:
            if not 0 < split.share < 1:
                raise ConfigError(f"--share {split.share}: expected a share between 0 and 1", where=_WHERE)
            count = min(max(round(split.share * len(labels)), 1), len(labels) - 1)
            order = [labels[place] for place in rng.permutation(len(labels))]
        train, test = sorted(order[: max(count, 0)]), sorted(order[max(count, 0) :])
    if not train or not test:
        empty = "test set" if train else "training set"
        raise ConfigError(
            f"no identity is left for the {empty}: the data hold {len(labels)} identities",
            where=_WHERE,
            hint="training and test need different people; provide at least two identities for each",
        )
    return train, test


def _check_there(label: str, labels: list[str]) -> None:
    if label not in labels:
        some = ", ".join(map(printable, labels[:3]))
        raise ConfigError(
            f"the data hold no identity {label!r}, but {len(labels)} others, such as {some}",
            where=_WHERE,
            hint=did_you_mean(label, labels) or "write identities as their folders are named",
        )


def _probes(tested: list[SequenceRef], split: Split, rng: np.random.Generator) -> list[str]:
    if split.probe and split.probes is not None:
        raise ConfigError("--probe and --probes cannot be combined: give one", where=_WHERE)
    of: defaultdict[str, list[str]] = defaultdict(list)
    for ref in tested:
        of[ref.label].append(ref.name)
    if split.probes is not None and split.probes < 1:
        raise ConfigError(f"--probes {split.probes}: expected 1 or more", where=_WHERE)
    chosen = []
    for names in of.values():
        if split.probes is not None:
            chosen += [names[place] for place in rng.permutation(len(names))[: split.probes]]
        else:
            chosen += [name for name in names if fits_any(name, split.probe)]
    if not chosen:
        raise ConfigError(
            f"no test sequence matches --probe {' '.join(split.probe)}",
            where=_WHERE,
            hint=f"sequences are named id-type-view ({tested[0].name}): try --probe '*-{tested[0].type}-*'",
        )
    _tell_of_lonely(of, set(chosen))
    return sorted(chosen)


def _tell_of_lonely(of: dict[str, list[str]], chosen: set[str]) -> None:
    lonely = [label for label, names in of.items() if chosen.issuperset(names)]
    if lonely:
        log.warning(
            "%d test identities (%s) have only probes: no gallery sequence can match them",
            len(lonely),
            ", ".join(map(printable, lonely[:3])),
        )
