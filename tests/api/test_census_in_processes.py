"""A census by several processes finds what one process finds, in the same order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.files.layout_files import partition, person, small_set, write

from gait_plugins import DataReport, FindingLog, SequenceRef, build
from gait_plugins.api.census import processes, reading
from gait_plugins.api.census.processes import in_pieces
from gait_plugins.errors import DataError


def odd_set(folder: Path) -> tuple[str, str]:
    """Walks with all that a check tells."""
    root, _ = small_set(folder)
    write(Path(root) / "001/nm-01/000/000.pkl", 255 - person())
    write(Path(root) / "001/nm-01/090/090.pkl", person(frames=3))
    write(Path(root) / "002/bg-01/000/000.pkl", person(height=32, width=32))
    write(Path(root) / "002/bg-01/090/090.pkl", (person() > 0).astype(np.uint8))
    write(Path(root) / "003/bg-01/000/000.pkl", print)
    write(Path(root) / "003/nm-01/000/000.pkl", person())
    write(Path(root) / "004/nm-01/000/000.pkl", person())
    write(Path(root) / "004/nm-01/090/090.pkl", np.zeros((20, 64, 64), np.uint8))
    listed = partition(folder / "set.json", ["002", "001"], ["003", "004", "001"], PROBE_SET=["9-9-9"])
    return root, str(listed)


def report(root: str, listed: str, number: int, monkeypatch: pytest.MonkeyPatch) -> DataReport:
    monkeypatch.setattr(processes, "FEWEST", 1)
    monkeypatch.setattr(reading, "_PIECE", 3)
    dataset = build("dataset", {"type": "OpenGaitLayout", "dataset_root": root, "dataset_partition": listed})
    with processes.processes(number):
        return dataset.check()


def test_several_processes_find_the_same_in_the_same_order(tmp_path, monkeypatch):
    data = odd_set(tmp_path)
    alone = report(*data, 1, monkeypatch)
    assert len(alone.findings) >= 8
    assert report(*data, 2, monkeypatch) == alone
    assert report(*data, 5, monkeypatch) == alone


@dataclass(frozen=True)
class Slow:
    """Reads, the first ones last."""

    def __call__(self, ref: SequenceRef, log: FindingLog) -> list[Any]:
        time.sleep(0.05 if ref.source < 3 else 0)
        log.warning("odd", "mend it", ref.name)
        return [person()]


def test_which_process_is_faster_changes_nothing(monkeypatch):
    monkeypatch.setattr(processes, "FEWEST", 1)
    monkeypatch.setattr(reading, "_PIECE", 1)
    table = reading.SequenceTable.of([SequenceRef("1", "nm", f"{n:02d}", n) for n in range(12)])
    log = FindingLog()
    with processes.processes(3):
        reading.read_all(log, Slow(), {"train": table, "test": table[:0]}, {}, None)
    assert log.findings()[0].examples == tuple(table.spelt())


def work(first: int, last: int) -> list[int]:
    if first == 30:
        raise DataError("it is broken", where="here", hint="mend it")
    return list(range(first, last))


@pytest.mark.parametrize("number", [1, 2])
def test_pieces_come_in_order_and_an_error_as_it_was_raised(number):
    found = in_pieces(work, 40, lambda: 10, number)
    assert [next(found) for _ in range(3)] == [list(range(n, n + 10)) for n in (0, 10, 20)]
    with pytest.raises(DataError) as caught:
        next(found)
    assert (caught.value.where, caught.value.hint) == ("here", "mend it")


def test_sequences_that_share_all_names_are_read_once():
    refs = [SequenceRef("1", "nm", view, n) for n, view in enumerate("abac")]
    once = reading._each_once(reading.SequenceTable.of(refs))
    assert [refs[place].source for place in once] == [2, 1, 3]
