"""Presence of a run folder: removed, moved or replaced under a run, it ends the run in words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from gait_plugins.core.runs.folder import HELD
from gait_plugins.errors import CheckpointError, RunFolderLost

_GONE = (FileNotFoundError, NotADirectoryError)


class Presence:
    """Sees whether a run folder is still the one that a run began in, before and after what is written there.

    A folder that vanishes would else be made anew by the next write, without configuration, log and earlier
    checkpoints.

    Args:
        folder: the run folder.
        witness: a file in it that the run has written and nothing removes.
        held: the open lock file, which another folder of the same name has another of.
        advice: what to do when the folder is lost.
    """

    def __init__(self, folder: Path, witness: Path, held: IO[str] | None, advice: str) -> None:
        self._folder, self._witness, self._held = folder, witness, held
        self._advice = advice

    def require(self, lost: str) -> None:
        """See that the folder is there.

        Args:
            lost: what was under way, and what goes with the folder.

        Raises:
            RunFolderLost: it is not.
        """
        change = self._change()
        if change is not None:
            raise RunFolderLost(f"{change}; {lost}", where=str(self._folder), hint=self._advice)

    @contextmanager
    def writing(self, lost: str) -> Iterator[None]:
        """A block that reads or writes in the folder, which may vanish at any moment of it.

        Raises:
            RunFolderLost: it did.
        """
        self.require(lost)
        try:
            yield
        except (OSError, CheckpointError):
            self.require(lost)  # this is the cause then
            raise
        self.require(lost)  # or else something was written into a folder made anew

    def _change(self) -> str | None:
        """What has become of the folder; None where nothing has, or where a file system does not say."""
        try:
            os.stat(self._folder)
        except _GONE:
            return "the run folder is gone: it was removed or moved"
        except OSError:
            return None
        if self._is_replaced():
            return "the run folder is gone: another one stands in its place"
        try:
            os.stat(self._witness)
        except _GONE:
            return f"the run folder lost its files: there is no {self._witness.name} any more"
        except OSError:
            pass
        return None

    def _is_replaced(self) -> bool:
        if self._held is None:
            return False
        with suppress(OSError):
            # While it is open, no other file gets its number.
            return not os.path.samestat(os.fstat(self._held.fileno()), os.stat(self._folder / HELD))
        return False
