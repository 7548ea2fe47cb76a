"""Preparation of all of a source, of a part, or of one result from the parts: one record in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gait_plugins.errors import DataError
from gait_plugins.prepare.find import Sources
from gait_plugins.prepare.manifest import Record, Remarks, read_record
from gait_plugins.prepare.parts.files import (
    Outcomes,
    PartFiles,
    check_alike,
    parts_below,
    remove_parts,
)
from gait_plugins.prepare.parts.share import Part, Share, own_share
from gait_plugins.prepare.patterns import Name
from gait_plugins.prepare.remarks import HIDDEN, MISFITS, OTHERS

_SHOWN = 5
Sequences = dict[Name, list[str]]
IsThere = Callable[[Record, Name], bool]


class Ordered(Protocol):
    """What a record needs of the order to prepare something."""

    @property
    def target(self) -> Path:
        """Folder of the prepared data."""

    @property
    def share(self) -> Share:
        """What this run does of it."""

    @property
    def settings(self) -> dict[str, Any]:
        """All that the prepared frames depend on, beside the source."""

    @property
    def fixes(self) -> dict[str, str]:
        """Every remark that may be made -> what to do about it."""


class Work(NamedTuple):
    """What a run has to do."""

    record: Record
    missing: list[tuple[Name, list[str]]]
    """The sequences that are not there yet, with their files."""


@contextmanager
def preparation(
    order: Ordered, root: Path, sources: Sources, there: IsThere, misfits: str = MISFITS
) -> Iterator[Work]:
    """What is to be made, and the record of it, which is written however that ends.

    The settings are on disk before the first sequence, so that no later run mixes others in.

    Args:
        order: what is prepared.
        root: folder of the source.
        sources: what lies there.
        there: whether a sequence was prepared already.
        misfits: the remark about files that do not fit the layout.

    Raises:
        DataError: the folder holds data by other settings, or parts by another number of them; a part is
            under way elsewhere; parts are to be merged that have not come to their end.
    """
    files = {misfits: sources.misfits, OTHERS: sources.others, HIDDEN: sources.hidden}
    if isinstance(order.share, Part):
        own = own_share(sources.sequences, root, order.share)
        with _of_part(order, order.share, own, files, there) as work:
            yield work
    else:
        with _of_all(order, sources.sequences, files, there) as work:
            yield work


@contextmanager
def _of_part(order: Ordered, part: Part, own: Sequences, files: Remarks, there: IsThere) -> Iterator[Work]:
    mine = PartFiles(order.target, part)
    begun = parts_below(order.target)
    _check_number(order.target, begun, part)
    check_alike(begun, order.settings)
    with mine.alone():
        record = read_record(order.target, order.settings)
        record.files, record.in_part, record.notes, record.made = files, True, mine.notes, []
        outcomes = mine.outcomes()
        _know_people(record, outcomes)
        missing = [item for item in own.items() if not there(record, item[0])]
        again = {str(name) for name, _ in missing}
        kept = [each for of, people in outcomes.items() if of not in again for each in people]
        for each in kept:
            record.note(each.sequence, each.remarks)
        record.present = len(own) - len(missing)
        record.has(own)
        mine.write(order.settings, kept, done=False)
        yield Work(record, missing)
        # Whatever ends it before, the notes tell what was written.
        mine.write(order.settings, [*kept, *record.made], done=True)


@contextmanager
def _of_all(order: Ordered, all_of_it: Sequences, files: Remarks, there: IsThere) -> Iterator[Work]:
    parts = parts_below(order.target)
    if order.share == "merge":
        _check_whole(order.target, parts)
    check_alike(parts, order.settings)
    with ExitStack() as stack:
        for each in parts:
            stack.enter_context(each.alone())
        record = read_record(order.target, order.settings)
        record.files = files
        record.made = [] if parts else None
        outcomes = {of: people for each in parts for of, people in each.outcomes().items()}
        _know_people(record, outcomes)
        missing = [item for item in all_of_it.items() if not there(record, item[0])]
        known = {str(name) for name in all_of_it} - {str(name) for name, _ in missing}
        record.present = len(known - set(outcomes))
        if order.share == "merge":
            _check_covered(order.target, missing, outcomes)
            missing, known = [], {*known, *outcomes}
        record.has(all_of_it)
        order.target.mkdir(parents=True, exist_ok=True)
        record.write(order.target, order.fixes)
        try:
            yield Work(record, missing)
            if record.made is not None:
                _join(record, all_of_it, {of: people for of, people in outcomes.items() if of in known})
        finally:
            record.write(order.target, order.fixes)
    if parts:
        remove_parts(order.target)


def _join(record: Record, all_of_it: Sequences, outcomes: Outcomes) -> None:
    """Note and count all that parts and this run have made, in the order of the source."""
    for each in record.made or ():
        outcomes.setdefault(each.of, []).append(each)
    record.written = record.frames = 0
    for name in all_of_it:
        for _, sequence, frames, remarks in outcomes.get(str(name), ()):
            record.note(sequence, remarks)
            record.written += frames > 0
            record.frames += frames
    _know_people(record, {str(name): outcomes[str(name)] for name in all_of_it if str(name) in outcomes})
    record.has(all_of_it)


def _know_people(record: Record, outcomes: Outcomes) -> None:
    """Tell the record who was written of each sequence, where labels are people."""
    if record.settings.get("each_label"):
        for of, people in outcomes.items():
            place = of.partition("/")[2]
            record.people[of] = [each.sequence.removesuffix(f"/{place}") for each in people if each.frames]


def _check_number(target: Path, begun: Iterable[PartFiles], part: Part) -> None:
    other = next((each.part for each in begun if each.part.of != part.of), None)
    if other is not None:
        raise DataError(
            f"parts by two numbers meet here, {other} and {part}: a preparation keeps one number",
            where=str(target),
            hint=f"go on with --shard I/{other.of}; or run once without --shard and --merge, which takes "
            "over what the parts have made and prepares the rest",
        )


def _check_whole(target: Path, parts: list[PartFiles]) -> None:
    """See that all parts are there, and came to their end."""
    if not parts:
        raise DataError(
            "no parts to merge: none was prepared, or they are merged",
            where=str(target),
            hint="run --shard 1/N to --shard N/N first, with the same TARGET",
        )
    _check_number(target, parts, parts[-1].part)
    count = parts[-1].part.of
    begun = {each.part.number: each for each in parts}
    absent = [number for number in range(1, count + 1) if number not in begun]
    broken = [number for number, each in begun.items() if not each.is_done]
    if absent or broken:
        wrong = [
            f"{_listed(numbers)} of {count} {what}"
            for numbers, what in ((absent, "not prepared"), (broken, "not finished"))
            if numbers
        ]
        raise DataError(
            f"parts are missing: {'; '.join(wrong)}",
            where=str(target),
            hint=f"run them (--shard {min([*absent, *broken])}/{count}), then merge; or run once without "
            "--shard and --merge, which prepares the rest by itself",
        )


def _listed(numbers: list[int]) -> str:
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return ", ".join(map(str, numbers[:_SHOWN])) + more


def _check_covered(target: Path, missing: list[tuple[Name, list[str]]], outcomes: Outcomes) -> None:
    """See that of all sequences of the source a part says what became of them, and that files are there."""
    open_ones = [
        str(name)
        for name, _ in missing
        if str(name) not in outcomes or any(each.frames for each in outcomes[str(name)])
    ]
    if open_ones:
        raise DataError(
            f"{len(open_ones)} sequences of the source were prepared by no part, or are gone since, such as "
            f"{open_ones[0]}",
            where=str(target),
            hint="the source or the target changed: run all parts again, which prepares what is missing",
        )
