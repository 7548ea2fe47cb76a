"""Embedder: a model with its weights and its transforms, ready to embed sequences."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from gait_plugins.api import GaitDataset, SequenceIndex, SequenceRef, Subset
from gait_plugins.config import Config, load_config
from gait_plugins.core.assembly.batches import batch_maker
from gait_plugins.core.assembly.components import build_dataset, build_model, model_outline
from gait_plugins.core.checkpoints.files import Checkpoint
from gait_plugins.core.checkpoints.frames import trained_frames
from gait_plugins.core.checkpoints.trust import trust_in
from gait_plugins.core.data.host_batch import FrameRecord, frame_record, frame_size, frames_in_words
from gait_plugins.core.evaluate.fast import FastCopy
from gait_plugins.core.evaluate.infer import embed
from gait_plugins.core.evaluate.score import counted_by_checkpoint, restore_for_test, tested_checkpoint
from gait_plugins.core.runs.changes import data_record
from gait_plugins.core.runs.hosts import require_same, require_same_settings
from gait_plugins.core.runtime.devices import make_fabric, with_all_processes
from gait_plugins.core.runtime.precision import Device, float16_of_tests, precision_of, precision_of_tests
from gait_plugins.core.runtime.wording import in_arguments
from gait_plugins.core.tools.embeddings import FUSED, Embeddings, Origin
from gait_plugins.core.tools.sequence_files import TAKEN, SequenceFiles
from gait_plugins.core.weights.lookup import located
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.remote.address import path_or_address
from gait_plugins.io.sequence_file import as_frames
from gait_plugins.io.weights.part_of_file import part_sha256, split_part
from gait_plugins.metrics import Metric

log = logging.getLogger("gait_plugins")

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

FEW = 64
"""Sequences that are read without worker processes: starting them takes longer."""


class Embedder:
    """Embeds sequences as a test does: by ``evaluator_cfg``'s sampler and transforms, in eval mode.

    Args:
        config: a configuration, its file, or the name of a shipped one.
        checkpoint: its weights, a file or the name of a published checkpoint; None means what
            ``evaluator_cfg.restore_hint`` names. A model without weights needs none.
        device: where to compute.
        devices: processes that share the work, as :func:`~gait_plugins.train` starts them; each of them has
            all embeddings in the end.
        fast: compute by a fused copy of the model, and in 16-bit floats where they are faster
            (``evaluator_cfg.fast``).

    Raises:
        CheckpointError: the checkpoint cannot be read, or does not fit the model.
        ConfigError: hosts have other settings or weights than the first.
    """

    @in_arguments()
    def __init__(
        self,
        config: Config | str | os.PathLike[str],
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        device: Device = "auto",
        devices: int = 1,
        fast: bool = False,
    ) -> None:
        self.config = config if isinstance(config, Config) else load_config(config)
        if fast:
            self.config = self.config.changed("evaluator_cfg", "fast", True)
        section = self.config.evaluator_cfg
        path = tested_checkpoint(self.config) if checkpoint is None else Path(checkpoint)
        if not split_part(located(path))[0].exists():  # before the weights are drawn, which may take its time
            outline = model_outline(self.config)
            if outline.state_dict():
                restore_for_test(outline, self.config, path)
        self.fabric = make_fabric(
            device, devices, float16=float16_of_tests(section), precision=precision_of_tests(section)
        )
        require_same_settings(self.fabric, self.config)
        self.config = counted_by_checkpoint(self.config, path)
        model = build_model(self.config)
        self.trained_on: FrameRecord | None = None
        """Frames that the weights were trained on, where the checkpoint says so."""
        digest = ""
        restored: Checkpoint = {}
        if model.state_dict():
            restored = restore_for_test(model, self.config, path)
            self.trained_on = trained_frames(restored)
            digest = part_sha256(located(path))
        same = {"sha256": digest[:12]}
        require_same(self.fabric, "weights", lambda: same, "give all of them the same checkpoint")
        self.trust = trust_in(model, restored)
        """Whether it may name people."""
        self.model = model.to(self.fabric.device)
        self.fast = FastCopy(self.model) if section.fast else None
        """Computes in the model's place, with ``evaluator_cfg.fast``."""
        component = self.config.model_cfg.component
        used = precision_of(self.fabric) + (FUSED if section.fast else "")
        self.origin = Origin(component.qualified, digest, (0, 0), self.config.source, precision=used)
        """What it embeds with; the size of the frames is known once there are some."""

    def test_set(self) -> Embeddings:
        """The test sequences of the configuration's data set.

        Raises:
            DataError: there are none, or an embedding is NaN or infinite.
        """
        return self.sequences(build_dataset(self.config))

    def files(self, paths: Paths, identity: str | None = None) -> Embeddings:
        """The sequences of files and folders; see :class:`~.sequence_files.SequenceFiles`.

        Args:
            paths: files, folders of aligned images, folders ID/TYPE/VIEW/FILES, packed data files; or one of
                them.
            identity: the identity of the files and folders of images.

        Raises:
            DataError: a path is missing or holds no sequence, or a sequence cannot be read; or an
                embedding is NaN or infinite.
        """
        return self._of_files(self._sequence_files(paths, identity))

    def files_with_origins(
        self, paths: Paths, identity: str | None = None
    ) -> tuple[Embeddings, list[tuple[int, str]]]:
        """As :meth:`files`, and of each sequence its number of frames and where it comes from."""
        dataset = self._sequence_files(paths, identity)
        found = self._of_files(dataset)
        return found, [(dataset.length(ref), dataset.source(ref)) for ref in dataset.sequences("test")]

    def _sequence_files(self, paths: Paths, identity: str | None) -> SequenceFiles:
        options = self.config.data_cfg.dataset.options
        several = [paths] if isinstance(paths, str | os.PathLike) else paths
        return SequenceFiles([path_or_address(os.fspath(path)) for path in several], identity, options)

    def _of_files(self, dataset: SequenceFiles) -> Embeddings:
        found = self.sequences(dataset)
        names = np.array(dataset.names())
        # Where the path has stood in for the view, none is known.
        views = np.where(names == found.views, "", found.views)
        return replace(found, names=names, views=views)

    def arrays(self, sequences: Sequence[np.ndarray]) -> np.ndarray:
        """Embed silhouettes in memory.

        Args:
            sequences: each ``[t, h, w]``, in 0..255 or as masks in 0..1, of any dtype.

        Returns:
            float32 ``[n, c, p]``.

        Raises:
            DataError: one has another shape or other values.
        """
        dataset = _Arrays(sequences)
        return self.sequences(dataset).embeddings

    def sequences(self, dataset: GaitDataset) -> Embeddings:
        """The test sequences of any data set.

        Raises:
            ConfigError: it lacks a stream that the model takes.
            DataError: there are none, or an embedding is NaN or infinite.
        """
        return self._embedded(dataset, dataset.sequences("test"))

    def metric(self, asked: str | None = None) -> Metric:
        """The distance by which its embeddings are compared: the one asked for, or the configuration's.

        Raises:
            ConfigError: there is no such distance.
        """
        chosen = asked or self.config.evaluator_cfg.protocol.options.get("metric", "euc")
        if chosen not in ("euc", "cos"):
            raise ConfigError(
                f"unknown distance {chosen!r}, expected euc or cos", hint="--metric euc or --metric cos"
            )
        return "cos" if chosen == "cos" else "euc"

    def require_trust(self) -> None:
        """See that the model may name people, and log what whoever reads the names must know.

        Raises:
            CheckpointError: it may not.
        """
        self.trust.require(self.config.source)
        for warning in self.trust.warnings:
            log.warning("%s", warning)

    @with_all_processes()
    def _embedded(self, dataset: GaitDataset, refs: Sequence[SequenceRef]) -> Embeddings:
        if not refs:
            raise DataError("no sequence to embed was found", hint=f"give {TAKEN}")
        index = SequenceIndex(refs)
        require_same(self.fabric, "sequences", partial(data_record, refs), "give all of them the same data")
        maker = batch_maker(self.config, dataset, index, "test", self.model.streams, with_classes=False)
        first = maker.make(0)
        shapes = frames_in_words(frame_record(first)) if first.streams else ""
        workers = self.config.data_cfg.num_workers if len(refs) > FEW else 0
        values = embed(
            self.fabric, self.model, maker, workers=workers, trained_on=self.trained_on, fast=self.fast
        )
        _check_finite(values, refs)
        return Embeddings(
            embeddings=values,
            labels=np.array([ref.label for ref in refs]),
            types=np.array([ref.type for ref in refs]),
            views=np.array([ref.view for ref in refs]),
            names=np.array([ref.name for ref in refs]),
            origin=replace(self.origin, input_size=frame_size(first), streams=shapes),
        )


def _check_finite(values: np.ndarray, refs: Sequence[SequenceRef]) -> None:
    broken = np.flatnonzero(~np.isfinite(values).all((1, 2)))
    if len(broken):
        first = refs[broken[0]].name
        raise DataError(
            f"{len(broken)} of {len(values)} embeddings are NaN or infinite, the first of {first}",
            hint="use an earlier checkpoint, or full precision: -o evaluator_cfg.precision=32-true",
        )


class _Arrays(GaitDataset):
    """Sequences that lie in memory."""

    def __init__(self, sequences: Sequence[np.ndarray]) -> None:
        self.frames = [as_frames(np.asarray(each), Path(f"array {i}"))[0] for i, each in enumerate(sequences)]

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        return [SequenceRef("", "", f"array {number}", number) for number in range(len(self.frames))]

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        return [self.frames[ref.source]]
