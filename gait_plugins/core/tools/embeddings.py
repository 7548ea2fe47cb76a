"""Embedding files: embeddings with their sequences, and the model that made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.errors import CheckpointError, ConfigError, DataError
from gait_plugins.io.archive import Archive, DamagedArchive, is_archive
from gait_plugins.io.atomic import whole_file, write_text
from gait_plugins.io.folders import unwritable
from gait_plugins.io.tables import csv_text

FORMAT = 1
"""Raised when an older version could no longer read what this one writes."""

_NAMES = ("labels", "types", "views", "names")
_ARRAYS = ("embeddings", *_NAMES)
_ORIGIN = ("model", "checkpoint", "input_size", "config")

FLOAT32 = "32-true"
"""The precision of embeddings, unless another one is asked for."""
FUSED = ", fused"
"""What is added to it where a fused copy of the model computed."""


@dataclass(frozen=True)
class Origin:
    """What embeddings were made with; those of another origin cannot be compared with them."""

    model: str
    """``distribution/Name`` of the model."""
    checkpoint: str
    """SHA-256 of the checkpoint file; empty for a model without weights."""
    input_size: tuple[int, int]
    """Height and width of the frames that the model was given, in pixels."""
    config: str = ""
    """Name of the configuration; for people, it is not compared."""
    streams: str = ""
    """Streams and the shapes of their frames, where the data declare them."""
    precision: str = FLOAT32
    """What the model computed in; files of versions that did not note it are taken for float32."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data: what older versions do not know is left out where it says nothing new."""
        known = asdict(self)
        if self.precision == FLOAT32:
            del known["precision"]
        return known


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of some sequences, what is known of each, and their origin."""

    embeddings: np.ndarray
    """float32 ``[n, c, p]``."""
    labels: np.ndarray
    """Identity, str ``[n]``; empty where unknown."""
    types: np.ndarray
    """Walking condition, str ``[n]``; empty where unknown."""
    views: np.ndarray
    """Camera view, str ``[n]``; empty where unknown."""
    names: np.ndarray
    """``id-type-view``, or the path of a sequence without such a name, str ``[n]``."""
    origin: Origin

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, positions: np.ndarray | Sequence[int]) -> Embeddings:
        """Some of them, in the order given."""
        arrays: dict[str, Any] = {name: getattr(self, name)[positions] for name in _ARRAYS}
        return replace(self, **arrays)

    def extended(self, others: Embeddings, where: str = "the embeddings") -> Embeddings:
        """These and others of the same origin, after them.

        Args:
            others: to append.
            where: the file of these, for messages.

        Raises:
            CheckpointError: the others were made with another model or checkpoint, or of other frames.
            DataError: the others have another number of channels or parts: one file has been changed.
        """
        require_same_origin(self.origin, others.origin, where)
        ours, theirs = self.embeddings.shape[1:], others.embeddings.shape[1:]
        if ours != theirs:
            raise DataError(
                f"the file holds embeddings of {ours[0]} channels x {ours[1]} parts, the new embeddings have "
                f"{theirs[0]} x {theirs[1]}",
                where=where,
                hint="one of the files was changed: embed or enroll the sequences again",
            )
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(others, name)]) for name in _ARRAYS
        }
        return replace(self, **joined)


def require_same_origin(ours: Origin, theirs: Origin, where: str) -> None:
    """See that embeddings can be compared.

    Args:
        ours: origin of what was made before.
        theirs: origin of what is to be compared with it; an ``input_size`` of (0, 0) is not known yet.
        where: the file of ours, for messages.

    Raises:
        CheckpointError: names what differs.
    """
    differences = []
    if ours.model != theirs.model:
        differences.append(f"model {ours.model}, now {theirs.model}")
    if ours.checkpoint != theirs.checkpoint:
        then, now = (origin.checkpoint[:12] or "none" for origin in (ours, theirs))
        differences.append(f"checkpoint {then}, now {now}")
    if theirs.input_size != (0, 0) and ours.input_size != theirs.input_size:
        then, now = ("{}x{}".format(*origin.input_size) for origin in (ours, theirs))
        differences.append(f"frames of {then}, now {now}")
    if ours.streams and theirs.streams and ours.streams != theirs.streams:
        differences.append(f"streams {ours.streams}, now {theirs.streams}")
    hint = "the distances would have no meaning: use the same model and checkpoint, or enroll again"
    if ours.precision != theirs.precision:
        if not differences:
            hint = f"compute alike: {_settings(ours.precision, theirs.precision)}; or enroll again"
        differences.append(f"precision {ours.precision}, now {theirs.precision}")
    if differences:
        raise CheckpointError(
            f"the file holds embeddings of another origin: {'; '.join(differences)}", where=where, hint=hint
        )


def _settings(ours: str, theirs: str) -> str:
    """The overrides by which embeddings are computed in our precision and not in theirs."""
    found = f"-o evaluator_cfg.precision={ours.removesuffix(FUSED)}"
    fused = ours.endswith(FUSED)
    if fused == theirs.endswith(FUSED):
        return found
    return f"{found} -o evaluator_cfg.fast={str(fused).lower()}"


def check_target(path: Path) -> None:
    """See before any work that a file of embeddings can be written under that name.

    Raises:
        ConfigError: it ends in neither .npz nor .csv, or no file can be made there.
    """
    if path.suffix.lower() not in (".npz", ".csv"):
        raise ConfigError(
            f"embeddings are written as .npz or .csv, got {path.suffix or 'a name without an ending'}",
            where=str(path),
            hint=f"--out {path.with_suffix('.npz')}",
        )
    if reason := unwritable(path):
        raise ConfigError(
            f"the embeddings cannot be written there: {reason}", where=str(path), hint="name another file"
        )


def write_embeddings(path: Path, data: Embeddings) -> None:
    """Write a .npz (arrays named as the fields of :class:`Embeddings` and :class:`Origin`), or a .csv."""
    check_target(path)
    if path.suffix.lower() == ".csv":
        write_text(path, _as_csv(data))
        return
    arrays: dict[str, Any] = {name: getattr(data, name) for name in _ARRAYS}
    known = {name: value for name, value in data.origin.as_dict().items() if name != "streams" or value}
    origin: dict[str, Any] = {name: np.array(value) for name, value in known.items()}
    with whole_file(path) as file:
        np.savez(file, format=np.array(FORMAT), **arrays, **origin)


def read_embeddings(path: Path) -> Embeddings:
    """Read a .npz that :func:`write_embeddings` has written; it is verified by its own checksums.

    Raises:
        DataError: the file is missing, damaged, of a future format, or not a file of embeddings; or
            embeddings are NaN or infinite.
    """
    if not path.is_file():
        raise DataError(
            "this is a folder, expected a file" if path.is_dir() else "there is no such file",
            where=str(path),
            hint="gait-plugins enroll CONFIG DATA --gallery FILE.npz makes a gallery",
        )
    try:
        arrays = _arrays(path)
    except DamagedArchive as error:
        raise DataError(
            f"the file is truncated or damaged ({path.stat().st_size} bytes): {error}",
            where=str(path),
            hint="copy the file again, or embed or enroll the sequences again",
        ) from error
    except (ValueError, OSError, EOFError) as error:
        raise _no_embeddings(path, f"{type(error).__name__}: {error}") from error
    missing = [name for name in ("format", *_ARRAYS, *_ORIGIN) if name not in arrays]
    if missing:
        raise _no_embeddings(path, f"the file lacks {', '.join(missing)}")
    _check_arrays(path, arrays)
    values = arrays["embeddings"]
    height, width = arrays["input_size"].tolist()
    texts = {name: str(arrays.get(name, "")) for name in ("model", "checkpoint", "config", "streams")}
    texts["precision"] = str(arrays.get("precision", FLOAT32))
    named = {name: arrays[name].astype(np.str_) for name in _NAMES}
    origin = Origin(input_size=(int(height), int(width)), **texts)
    return Embeddings(embeddings=values.astype(np.float32), origin=origin, **named)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not is_archive(path):
        raise ValueError("the file is not a numpy archive, or a truncated one")
    with open(path, "rb") as file:
        archive = Archive(file)
        names = [name.removesuffix(".npy") for name in archive.members if name.endswith(".npy")]
        found = {name: archive.array(name) for name in names}
        if len(names) < len(archive.members):
            archive.check()
    return found


def _check_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    number, size, values = arrays["format"], arrays["input_size"], arrays["embeddings"]
    if number.shape or number.dtype.kind not in "iu":
        raise _no_embeddings(path, f"the format is {number.tolist()!r}, expected a number")
    if number > FORMAT:
        raise DataError(
            f"the file has format {number}, this version reads up to {FORMAT}",
            where=str(path),
            hint="update gait-plugins-trackletgait",
        )
    if size.shape != (2,) or size.dtype.kind not in "iu":
        raise _no_embeddings(path, f"the input_size is {size.tolist()}, expected height and width")
    shapes = {name: arrays[name].shape for name in _NAMES}
    if values.ndim != 3 or any(shape != values.shape[:1] for shape in shapes.values()):
        raise _no_embeddings(path, f"the arrays have shapes {values.shape} and {list(shapes.values())}")
    if values.dtype.kind != "f":
        raise _no_embeddings(path, f"the embeddings are {values.dtype}, expected float32")
    broken = int((~np.isfinite(values).all((1, 2))).sum())
    if broken:
        raise DataError(
            f"{broken} of {len(values)} embeddings are NaN or infinite",
            where=str(path),
            hint="embed or enroll the sequences again, with another checkpoint",
        )


def _no_embeddings(path: Path, reason: str) -> DataError:
    return DataError(
        f"this is not a file of embeddings: {reason}",
        where=str(path),
        hint="gait-plugins embed and gait-plugins enroll write such files (.npz)",
    )


def _as_csv(data: Embeddings) -> str:
    """A row a sequence; the value of channel i and part j stands in column ``c<i>_p<j>``."""
    _, channels, parts = data.embeddings.shape
    columns = [f"c{channel}_p{part}" for channel in range(channels) for part in range(parts)]
    names = (data.names, data.labels, data.types, data.views)
    known = zip(*(part.tolist() for part in names), strict=True)
    rows = ([*row, *values.ravel().tolist()] for row, values in zip(known, data.embeddings, strict=True))
    return csv_text(chain([["name", "label", "type", "view", *columns]], rows))
