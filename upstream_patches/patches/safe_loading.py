"""Safe loading: data and checkpoints are read as numbers only, damaged checkpoints not at all."""

from __future__ import annotations

import functools
import os
import pickle
from typing import IO, Any, ClassVar

import numpy as np

from gait_plugins.errors import CheckpointError, DataError
from gait_plugins.io.archive import DamagedArchive, is_archive, verify
from gait_plugins.io.safe_pickle import RefusedPickle, load_frames
from upstream_patches.checkout.module_view import View
from upstream_patches.patches.patch import Host, Patch


class SafeLoading(Patch):
    """Pickles hold numpy arrays, checkpoints hold tensors; nothing in them is run."""

    name = "safe-loading"
    needed = True
    touches = "pickle in data.dataset, torch.load"
    why = "a pickle may run any program when it is opened"
    files = ("opengait/data/dataset.py",)
    expects: ClassVar = {"data.dataset": {"pickle": None, "DataSet.__loader__": ["self", "paths"]}}

    def change(self, host: Host) -> None:
        """Put restricted readers in place."""
        import torch

        dataset = host.module("data.dataset")
        self.replace.set(dataset, "pickle", View(dataset.pickle, load=_load_sequence))
        self.replace.set(torch, "load", _weights_only(torch.load))


def _load_sequence(file: IO[bytes], **_: Any) -> np.ndarray | list[np.ndarray]:
    name = getattr(file, "name", "a pickle")
    try:
        return load_frames(file)
    except RefusedPickle as error:
        raise DataError(str(error), where=name, hint=error.hint) from error
    except Exception as error:  # a damaged stream makes pickle raise anything
        raise DataError(
            f"the file is damaged: {type(error).__name__}: {error}", where=name, hint="copy the file again"
        ) from error


def _weights_only(load: Any) -> Any:
    @functools.wraps(load)
    def call(source: Any, *arguments: Any, **options: Any) -> Any:
        _verify(source)
        try:
            return load(source, *arguments, **{"weights_only": True, **options})
        except FileNotFoundError as error:
            raise CheckpointError(
                "there is no such checkpoint",
                where=str(source),
                hint="restore_hint and --iter name a step of this run, or a file",
            ) from error
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                f"the file holds more than tensors and plain values: {str(error).strip().splitlines()[0]}",
                where=str(source),
                hint="if you trust the source of the file, use --without safe-loading",
            ) from error

    return call


def _verify(source: Any) -> None:
    """See by its own checksums that a file is what was written; torch does not look at them."""
    if not isinstance(source, str | os.PathLike) or not os.path.isfile(source) or not is_archive(source):
        return
    try:
        verify(source)
    except DamagedArchive as error:
        raise CheckpointError(
            f"the file is truncated or damaged ({os.path.getsize(source)} bytes): {error}",
            where=str(source),
            hint="copy the file again, or take an earlier checkpoint",
        ) from error
