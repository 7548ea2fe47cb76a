"""Embeddings of a run's test set for a report: those that are kept, or else by a test again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import Compared, EmbeddingSet, GaitDataset, ReportRun, SequenceRef
from gait_plugins.config import Config, load_config
from gait_plugins.config.yaml.overrides import texts_of
from gait_plugins.core.assembly.components import build_dataset, build_protocol
from gait_plugins.core.checkpoints.files import BEST, checkpoint_path, load_checkpoint, saved_iterations
from gait_plugins.core.runs.compare import run_record_folder
from gait_plugins.core.runtime.precision import Device
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.embeddings import Embeddings, read_embeddings, write_embeddings
from gait_plugins.core.tools.pictures import pictures
from gait_plugins.errors import ConfigError, DataError, GaitPluginsError
from gait_plugins.io.weights.part_of_file import part_sha256

log = logging.getLogger("gait_plugins")

_PLACES = ("data_cfg.dataset_root", "data_cfg.dataset_partition", "data_cfg.num_workers")
"""Settings that tell where the test set lies and how it is read, and not what it is."""


class WrongOverride(ConfigError):
    """A setting that the report was given is wrong, and not the run."""


@dataclass(frozen=True)
class Wanted:
    """How embeddings are had."""

    again: bool = True
    """Embed where the run keeps none."""
    overrides: tuple[str, ...] = ()
    """Settings over those of the run, as for data that lie elsewhere now."""
    device: Device = "auto"

    @property
    def of_the_run(self) -> bool:
        """Whether they are those of the run: no setting is another, but for where the data lie."""
        keys = [text.partition("=")[0].strip() for text in self.overrides]
        return all(any(key == place or key.startswith(f"{place}.") for place in _PLACES) for key in keys)


def add_embeddings(run: ReportRun, wanted: Wanted) -> None:
    """Give a run its embeddings, what its protocol compares, and its frames; or the reason why not.

    They are kept in the run folder as ``embeddings-<step>.npz``, so that the next report has them at once.
    Those by other settings than the run's are neither kept nor taken from there.

    Raises:
        ConfigError: the run's configuration is right, and an override is not.
    """
    try:
        config = _config(run.folder, wanted.overrides)
        step = _step(run, config)
        checkpoint = _checkpoint(run.folder, config, step)
        kept = run.folder / f"embeddings-{step}.npz"
        found = _kept(kept, checkpoint) if wanted.of_the_run else None
        if found is None:
            found = _embedded_again(run, config, checkpoint, step, wanted)
        _take(run, config, found)
    except WrongOverride:
        raise
    except GaitPluginsError as error:
        run.missing = str(error).replace("\n  -> ", ". To mend it: ").replace("\n", " ")
        log.warning("%s: some sections are left out: %s", run.name, error)


def _config(folder: Path, overrides: tuple[str, ...]) -> Config:
    """The configuration of a run, with other settings."""
    file = run_record_folder(folder) / "config.yaml"
    texts = texts_of({"run_dir": folder})
    own = load_config(file, texts)
    try:
        return load_config(file, [*texts, *overrides]) if overrides else own
    except ConfigError as error:
        raise WrongOverride(error.message, where=error.where, hint=error.hint) from error


def _step(run: ReportRun, config: Config) -> int:
    """The step whose weights were tested last, or else the last that was saved."""
    step = run.results.get("step")
    if isinstance(step, int):
        return step
    return (saved_iterations(run.folder, config.evaluator_cfg.save_name) or [0])[-1]


def _checkpoint(folder: Path, config: Config, step: int) -> Path | None:
    """The file of a step's weights; None where it is gone, or where the model has none."""
    section = config.evaluator_cfg
    own = checkpoint_path(folder, section.save_name, step)
    if own.is_file():
        return own
    named = Path(section.restore_hint) if isinstance(section.restore_hint, str) else own
    for other in (folder / "checkpoints" / BEST, named):
        if other.is_file() and load_checkpoint(other).get("iteration") == step:
            return other
    return None


def _kept(path: Path, checkpoint: Path | None) -> Embeddings | None:
    """The embeddings that an earlier report kept; None where there are none of these weights."""
    if not path.is_file():
        return None
    try:
        found = read_embeddings(path)
    except DataError as error:
        log.warning("%s", error)
        return None
    if checkpoint is not None and found.origin.checkpoint != part_sha256(checkpoint):
        log.warning("%s: these embeddings are of other weights, and are made again", path)
        return None
    return found


def _embedded_again(
    run: ReportRun, config: Config, checkpoint: Path | None, step: int, wanted: Wanted
) -> Embeddings:
    again = f"gait-plugins report {run.folder}"
    if not wanted.again:
        raise DataError(
            "the run keeps no embeddings, and --no-embed leaves them out",
            hint=f"{again} makes and keeps them",
        )
    if checkpoint is None and step:
        raise DataError(
            f"the checkpoint of step {step} is no longer in the run folder, so nothing can be embedded",
            where=str(run.folder / "checkpoints"),
            hint="gait-plugins test CONFIG --checkpoint FILE scores another one",
        )
    log.info(
        "%s keeps no embeddings: its test set is embedded again with the weights of step %d", run.name, step
    )
    found = Embedder(config, checkpoint, device=wanted.device).test_set()
    if not wanted.of_the_run:
        log.info(
            "%s: these embeddings are not kept, because other settings than the run's are given", run.name
        )
        return found
    path = run.folder / f"embeddings-{step}.npz"
    try:
        write_embeddings(path, found)
        log.info("written: %s", path)
    except (ConfigError, OSError) as error:
        told = error.message if isinstance(error, ConfigError) else error
        log.warning("%s: these embeddings are not kept: %s", path, told)
    return found


def _take(run: ReportRun, config: Config, found: Embeddings) -> None:
    frames = _Frames(config, found)
    run.names = [str(name) for name in found.names]
    run.embedded = EmbeddingSet(
        embeddings=found.embeddings,
        labels=found.labels,
        types=found.types,
        views=found.views,
        dataset_name=config.data_cfg.test_dataset_name,
        probe_set=frames.probe_set(),
    )
    run.metric = "cos" if config.evaluator_cfg.protocol.options.get("metric") == "cos" else "euc"
    run.frames = frames
    told: Callable[[EmbeddingSet], Compared | None] = build_protocol(config).compared
    try:
        run.compared = told(run.embedded)
    except GaitPluginsError as error:
        log.warning("%s: %s", run.name, error)
    if run.compared is None:
        everyone = np.arange(len(found))
        run.by_protocol = False
        run.compared = Compared(everyone, everyone, lambda rows: everyone[rows, None] == everyone)


class _Frames:
    """Pictures of the test sequences, as long as their data are at hand."""

    def __init__(self, config: Config, found: Embeddings) -> None:
        self._config = config
        self._names = [str(name) for name in found.names]

    def __call__(self, position: int) -> np.ndarray:
        dataset, refs = self._data
        name = self._names[position]
        if name not in refs:
            raise DataError(f"the data set holds no test sequence {name} now")
        shown = pictures(dataset.load(refs[name])[0])
        return np.ascontiguousarray(shown[..., ::-1]) if shown.ndim == 4 else shown

    def probe_set(self) -> frozenset[str] | None:
        """The listed probes, where the data can be read."""
        try:
            return self._data[0].probe_set()
        except GaitPluginsError:
            return None

    @cached_property
    def _data(self) -> tuple[GaitDataset, Mapping[str, SequenceRef]]:
        dataset: Any = build_dataset(self._config)
        return dataset, {ref.name: ref for ref in dataset.sequences("test")}
