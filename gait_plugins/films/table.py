"""Table of times and boxes: a row for each sighting of a track that was written."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from gait_plugins.films.tracks import Row
from gait_plugins.prepare.patterns import Name

COLUMNS = ("track", "frame", "time", "left", "top", "right", "bottom", "trouble", "view", "silhouette")
"""Of the table of times and boxes."""


class SightingTable:
    """Times and boxes, written track by track.

    Args:
        file: open for writing; what it holds stays until :meth:`begin` or :meth:`go_on`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def begin(self) -> None:
        """Begin anew."""
        self.go_on(0)
        self._lines([COLUMNS])

    def go_on(self, size: int) -> None:
        """Write on after so many bytes."""
        self._file.truncate(size)
        self._file.seek(size)

    def sync(self) -> int:
        """Bring all of it to disk; how many bytes that are."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def write(self, name: Name, rows: Sequence[Row]) -> None:
        """The rows of a sequence."""
        self._lines(
            (
                name.id,
                row.frame,
                f"{row.time:.3f}",
                *(row.left, row.top, row.right, row.bottom),
                row.trouble,
                name.view,
                "" if row.silhouette is None else row.silhouette,
            )
            for row in rows
        )

    def _lines(self, rows: Iterable[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode(errors="backslashreplace"))
