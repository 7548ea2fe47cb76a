"""The contract of galleries: what every store of enrolled people does, wherever it keeps them."""

from __future__ import annotations

import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from gait_plugins.core.galleries.entries import Entry, check_named, check_text, check_usable, row_crc
from gait_plugins.core.tools.embeddings import Origin
from gait_plugins.errors import DataError
from gait_plugins.suggest import did_you_mean


class Rows(NamedTuple):
    """The sequences of a gallery at one moment, in the order in which their vectors are best read."""

    ids: np.ndarray
    """int64 ``[n]``."""
    people: np.ndarray
    """Numbers of people from 1, int64 ``[n]``; a number is never given twice."""
    slots: np.ndarray
    """Where the vector of each lies, int64 ``[n]``, ascending."""
    crcs: np.ndarray
    removals: int
    """How often something had been removed. Slots may bear other people once it is another number."""


class GalleryStore(AbstractContextManager["GalleryStore"], ABC):
    """An open gallery; to be closed, or used in a ``with`` block.

    Every change is whole and on disk when its call returns, or is not there at all, whatever ends the
    process. Several processes may change it; they wait for each other. Readers wait for nobody.
    """

    where: str
    """The gallery, for messages; there is no password in it."""
    vectors_where: str
    """Where the embeddings lie, for messages."""
    origin: Origin
    """What its embeddings were made with."""
    shape: tuple[int, int]
    """Channels and parts of each embedding."""
    dtype: str
    """Type of the stored numbers, ``float32`` or ``float16``."""
    remains: ClassVar[str]
    """What of removed people is elsewhere; told after a removal."""

    @abstractmethod
    def close(self) -> None:
        """Close files and connections."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def people(self) -> int:
        """How many people it holds."""

    def add(self, entries: Sequence[Entry], embeddings: np.ndarray) -> int:
        """Enroll sequences; those that are enrolled already, by person and name, are left out.

        Args:
            entries: what is known of each.
            embeddings: float32 ``[n, c, p]``.

        Returns:
            How many were new. They are on disk.

        Raises:
            DataError: an embedding is NaN, infinite or of length zero, or has another shape; or a sequence
                has no person; nothing is enrolled then.
        """
        check_named([entry.person for entry in entries], [entry.name for entry in entries])
        self._check_text(text for entry in entries for text in (*entry[:5], entry.source))
        check_usable(embeddings, [entry.name for entry in entries], self.shape, self.where)
        stored = self._encoded(embeddings)
        broken = np.flatnonzero(~np.isfinite(stored).all((1, 2)))
        if len(broken):
            raise DataError(
                f"the embedding of {entries[broken[0]].name} holds numbers beyond {self.dtype}",
                where=self.where,
                hint="make the gallery anew with --dtype float32",
            )
        self.settle()
        return self._enroll(entries, stored)

    def remove(self, people: Sequence[str] = (), sequences: Sequence[str] = ()) -> int:
        """Remove people, or sequences by their names, for good; what stays elsewhere is ``remains``.

        Args:
            people: by name; all of their sequences where ``sequences`` is empty.
            sequences: by name; of these people, or of anybody where ``people`` is empty.

        Returns:
            How many sequences were removed.

        Raises:
            DataError: one is not there; nothing is removed then.
        """
        self._check_text([*people, *sequences])
        self.settle()  # what an earlier removal that was killed left, whoever is removed now
        return self._give_up(people, sequences)

    def rewrite(self) -> None:
        """Write files anew where a removal leaves bytes in them, while others wait; else do nothing."""

    @abstractmethod
    def settle(self) -> None:
        """End what was broken off: nothing of what was removed, or was never whole, stays."""

    @abstractmethod
    def entries(self) -> list[Entry]:
        """Every sequence, by person and name.

        Raises:
            DataError: a row does not match its checksum.
        """

    @abstractmethod
    def entry(self, key: int) -> Entry | None:
        """One sequence by its number in :class:`Rows`; None where it has been removed."""

    def entries_of(self, keys: np.ndarray) -> list[Entry | None]:
        """Some sequences by their numbers, in this order; None where one has been removed."""
        return [self.entry(key) for key in keys.tolist()]

    @abstractmethod
    def rows(self) -> Rows:
        """All sequences as numbers, as they are now."""

    @abstractmethod
    def removals(self) -> int:
        """How often something has been removed."""

    def read(self, rows: Rows, positions: np.ndarray, *, verify: bool = True) -> np.ndarray:
        """Embeddings of some rows, float32 ``[n, c, p]`` (the parts in front in memory).

        Raises:
            DataError: one does not match its checksum.
        """
        stored = self._stored(rows, positions)
        if verify:
            crcs = np.fromiter((zlib.crc32(row) for row in stored), np.int64, len(stored))
            broken = np.flatnonzero(crcs != rows.crcs[positions])
            # Where something was removed meanwhile, the slot may be another's: the caller reads anew.
            if len(broken) and self.removals() == rows.removals:
                entry = self.entry(int(rows.ids[positions[broken[0]]]))
                raise DataError(
                    f"the vectors are damaged: {len(broken)} of {len(stored)} embeddings do not match their "
                    f"checksums, the first of {entry.name if entry else 'a removed sequence'}",
                    where=self.vectors_where,
                    hint="copy the gallery again, or remove these sequences and enroll them again",
                )
        # torch widens halves twenty times as fast as numpy.
        wide = torch.from_numpy(stored).float().numpy() if stored.dtype.itemsize == 2 else stored
        return wide.astype(np.float32, copy=False).transpose(0, 2, 1)

    @abstractmethod
    def thresholds(self) -> dict[str, dict[str, Any]]:
        """Metric -> the record of its calibration."""

    @abstractmethod
    def keep_threshold(self, metric: str, record: dict[str, Any]) -> None:
        """Store the record of a calibration in place of an earlier one of this metric."""

    @abstractmethod
    def _enroll(self, entries: Sequence[Entry], stored: np.ndarray) -> int:
        """Add what is not there yet, checked and as :meth:`_encoded` made it; returns how many were new."""

    @abstractmethod
    def _give_up(self, people: Sequence[str], sequences: Sequence[str]) -> int:
        """Remove what is named; returns how many sequences were removed."""

    @abstractmethod
    def _stored(self, rows: Rows, positions: np.ndarray) -> np.ndarray:
        """Rows ``[n, p, c]`` as they are stored; zeros where one is gone or has another length."""

    def _encoded(self, embeddings: np.ndarray) -> np.ndarray:
        """Embeddings ``[n, c, p]`` as they are stored: ``[n, p, c]``; too large a number becomes infinite."""
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(embeddings.transpose(0, 2, 1), stored_type(self.dtype))

    def _check_text(self, texts: Iterable[str]) -> None:
        check_text(texts, self.where)

    def _entry(self, row: Sequence[Any]) -> Entry:
        """An entry of its columns and their checksum after them."""
        entry = Entry(*row[:-1])
        try:
            whole = row_crc(entry) == row[-1]
        except TypeError:  # bytes, where the type of a column is another
            whole = False
        if not whole:
            raise DataError(
                f"the row of {entry.name!r} ({entry.person!r}) does not match its checksum",
                where=self.where,
                hint="copy the gallery again, or enroll the sequences again",
            )
        return entry

    def _absent(self, kind: str, names: Sequence[str], known: Sequence[str]) -> DataError:
        """The error of somebody who is not there; ``kind`` is ``person`` or ``sequence``."""
        also = "gait-plugins gallery list GALLERY --sequences shows what is enrolled"
        return DataError(
            f"the gallery holds no {kind} {' / '.join(map(repr, names))}",
            where=self.where,
            hint=did_you_mean(names[-1], known, also=also),
        )

    def _know_itself(self, about: dict[str, str]) -> None:
        """Take what a gallery says of itself: what :func:`described` made.

        Raises:
            DataError: it does not say all of it.
        """
        try:
            known = json.loads(about["origin"])
            height, width = known.pop("input_size")
            self.origin = Origin(input_size=(int(height), int(width)), **known)
            self.shape = (int(about["channels"]), int(about["parts"]))
            self.dtype = about["dtype"]
            stored_type(self.dtype)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"the gallery does not say what it holds: {type(error).__name__}: {error}",
                where=self.where,
                hint="copy the gallery again, or enroll the sequences again",
            ) from error


def described(origin: Origin, shape: tuple[int, int], dtype: str) -> dict[str, str]:
    """What a new gallery is told of itself."""
    channels, parts = shape
    about = {"channels": str(channels), "parts": str(parts), "dtype": dtype}
    return {**about, "origin": json.dumps(origin.as_dict())}


def stored_type(dtype: str) -> np.dtype[Any]:
    """The type of stored numbers, the same on every machine.

    Raises:
        ValueError: it is neither float16 nor float32.
    """
    if dtype not in ("float16", "float32"):
        raise ValueError(f"numbers of type {dtype}")
    return np.dtype(dtype).newbyteorder("<")


def wanted(people: Sequence[str], sequences: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """What a removal asks for, one after the other: a person and a sequence, either of them None for any."""
    if people and sequences:
        yield from ((person, name) for person in people for name in sequences)
    else:
        yield from ((person, None) for person in people)
        yield from ((None, name) for name in sequences)
