"""Files of the parts of a preparation: what each has done, beside the prepared data until they are merged."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gait_plugins.errors import DataError
from gait_plugins.io.atomic import locked, write_text
from gait_plugins.prepare.manifest import (
    RECORD,
    Outcome,
    changed_settings,
    noted_ahead,
    other_settings,
)
from gait_plugins.prepare.parts.share import Part

FOLDER = f".{RECORD}.parts"
"""Below the folder of the prepared data, until the parts are merged."""
_STATE = re.compile(r"([0-9]{1,9})-of-([0-9]{1,9})\.json", re.ASCII)

Outcomes = dict[str, list[Outcome]]
"""Sequence of the source -> what became of it, for each person in it."""


@dataclass
class PartFiles:
    """What a part has done.

    Args:
        target: folder of the prepared data.
        part: which.
    """

    target: Path
    part: Part

    @property
    def notes(self) -> str:
        """The file below the target for sequences about to be written."""
        return f"{FOLDER}/{self._stem}.notes"

    @property
    def is_done(self) -> bool:
        """Whether the part came to its end."""
        return bool(self._content()["done"])

    @property
    def settings(self) -> dict[str, Any]:
        """All that the prepared frames of the part depend on, beside the source."""
        settings: dict[str, Any] = self._content()["settings"]
        return settings

    def outcomes(self) -> Outcomes:
        """What the part has made.

        Of a sequence that a kill may have cut off between two of its people nothing is said.
        """
        content = self._content()
        found: Outcomes = {}
        for of, sequence, frames, remarks in content["outcomes"]:
            found.setdefault(of, []).append(Outcome(of, sequence, frames, remarks))
        for sequence, remarks, frames, of in noted_ahead(self.target / self.notes):
            found[of] = [Outcome(of, sequence, frames, remarks)]
            if content["settings"].get("each_label"):
                del found[of]
        return found

    def write(self, settings: Mapping[str, Any], outcomes: Iterable[Outcome], *, done: bool) -> None:
        """Write what the part has made so far; it holds what was noted ahead."""
        content = {"settings": settings, "done": done, "outcomes": list(outcomes)}
        write_text(self._state, json.dumps(content))
        (self.target / self.notes).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process works on this part meanwhile.

        Raises:
            DataError: another one does.
        """
        self._state.parent.mkdir(parents=True, exist_ok=True)
        file = locked(self._state.with_suffix(".lock"))
        if file is None:
            raise DataError(
                f"another process prepares part {self.part} just now",
                where=str(self.target),
                hint="wait for its end; each part needs one process",
            )
        with file:
            yield

    @property
    def _stem(self) -> str:
        return f"{self.part.number}-of-{self.part.of}"

    @property
    def _state(self) -> Path:
        return self.target / FOLDER / f"{self._stem}.json"

    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self._state.read_bytes())
            return {key: content[key] for key in ("settings", "done", "outcomes")}
        except FileNotFoundError:
            return {"settings": {}, "done": False, "outcomes": []}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"the file is not the record of a part: {error}",
                where=str(self._state),
                hint=f"delete it, and run --shard {self.part} again",
            ) from error


def parts_below(target: Path) -> list[PartFiles]:
    """The parts that have been begun in a folder, and are not merged yet, by their numbers."""
    folder = target / FOLDER
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    numbers = sorted((int(m[2]), int(m[1])) for name in names if (m := _STATE.fullmatch(name)))
    return [PartFiles(target, Part(number, of)) for of, number in numbers]


def check_alike(parts: Iterable[PartFiles], settings: Mapping[str, Any]) -> None:
    """See that parts were prepared with these settings.

    Raises:
        DataError: one was not.
    """
    for files in parts:
        earlier = files.settings
        changed = changed_settings(earlier, settings)
        if earlier and changed:  # none: merged just now
            raise other_settings(files.target, [f"part {files.part}", *changed])


def remove_parts(target: Path) -> None:
    """Remove the files of parts that became one result."""
    shutil.rmtree(target / FOLDER, ignore_errors=True)
