"""Run folders: configuration, origin of the components, environment and log of a run."""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

import torch
import yaml

from gait_plugins.config import Config
from gait_plugins.core.checkpoints.files import saved_iterations
from gait_plugins.core.runs.changes import DATA_RECORD
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.errors import ConfigError
from gait_plugins.io.atomic import write_text
from gait_plugins.io.printable import PrintableFormatter
from gait_plugins.io.remote.address import is_address, masked
from gait_plugins.registry.components import BUILT_IN
from gait_plugins.registry.files import FileComponent
from gait_plugins.version import __version__

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("gait_plugins")

HELD = ".held"
"""The lock file by which a training keeps others out of its run folder."""

STARTED_FROM = "init.json"
"""The record of the weights that parts of the model started from."""

FILES = "components"
"""The folder of the Python files that components came from."""

REPORTED = ("gait-plugins-trackletgait", "torch", "lightning-fabric", "numpy", "opencv-python-headless")


def run_folder(config: Config, save_name: str) -> Path:
    """``run_dir``, or ``output/<data set>/<model>/<save name>``, as OpenGait lays runs out.

    Raises:
        ConfigError: it is an address; a ``Path`` would make a folder ``s3:`` of it.
    """
    for key, place in (("output_dir", config.output_dir), ("run_dir", config.run_dir)):
        if is_address(place):
            told = f"{masked(place or '')} is an address: runs are written to this machine's folders alone"
            raise ConfigError(
                told, where=key, hint="name a path here, and copy the run to the store afterwards"
            )
    if config.run_dir is not None:
        return Path(config.run_dir)
    model = config.model_cfg.name.rpartition(".py:")[2].replace("/", "-")
    return Path(config.output_dir) / config.data_cfg.dataset_name / model / save_name


def claim(
    folder: Path, save_name: str, *, options: RunOptions, hint: int | str, init: Sequence[str] = ()
) -> None:
    """Check that a new training does not mix with the files of an earlier one.

    Args:
        folder: the run folder.
        save_name: what its checkpoints are called.
        options: what is to be done.
        hint: ``trainer_cfg.restore_hint``.
        init: files that parts of the model start from.

    Raises:
        ConfigError: the folder holds checkpoints and no option decides about them; or the checkpoint
            that the training starts from would be removed with them.
    """
    kept = saved_iterations(folder, save_name)
    goes_on = options.resume or (isinstance(hint, int) and hint > 0)
    if goes_on or not kept:
        return
    if not options.overwrite:
        raise ConfigError(
            f"the run folder already holds checkpoints up to iteration {kept[-1]}",
            where=str(folder),
            hint="continue with --resume, start again with --overwrite, or choose another save_name",
        )
    for start in (options.init_from or hint, *init):
        if isinstance(start, str | Path) and Path(start).resolve().is_relative_to(folder.resolve()):
            raise ConfigError(
                "--overwrite would remove the checkpoint that the training starts from",
                where=str(start),
                hint="choose another trainer_cfg.save_name for the new training",
            )
    for entry in folder.iterdir():
        if entry.name == HELD:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def hold(folder: Path) -> IO[str] | None:
    """Keep every other training out of a run folder, until the file is closed or this process ends.

    Returns:
        The file to keep open, None where the system has no such locks.

    Raises:
        ConfigError: another process trains there.
    """
    if fcntl is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    file = open(folder / HELD, "a+", encoding="utf-8")  # noqa: SIM115  (kept open on purpose)
    try:
        # Not flock: workers would inherit it, and keep it for a while after this process was killed.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return None  # a file system without locks
        raise ConfigError(
            f"another training ({holder}) is writing to this run folder",
            where=str(folder),
            hint="stop that training first, or choose another trainer_cfg.save_name",
        ) from error
    try:
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
    except OSError as error:  # a full disk
        error.filename = str(folder / HELD)
        raise
    return file


def describe_run(
    folder: Path,
    config: Config,
    provenance: dict[str, Any],
    taken: Sequence[Mapping[str, Any]] = (),
    *,
    data: Mapping[str, Any] | None = None,
    processes: int = 1,
    precision: str = "32-true",
) -> None:
    """Write the resolved configuration, the origin of every component, and the environment.

    The files of components that are no packages are kept too, one for each content.

    Args:
        folder: where to.
        config: what was asked for.
        provenance: origin of each component.
        taken: what parts of the model started from.
        data: the record of the training sequences.
        processes: how many work together.
        precision: what is computed in.
    """
    if data is not None:
        write_text(folder / DATA_RECORD, json.dumps(data, indent=2) + "\n")
    if taken:
        write_text(folder / STARTED_FROM, json.dumps(list(taken), indent=2))
    write_text(folder / "config.yaml", yaml.safe_dump(config.data, sort_keys=False))
    write_text(folder / "plugins.json", json.dumps(provenance, indent=2))
    write_text(folder / "environment.json", json.dumps(environment(processes, precision), indent=2))
    for component in config.components():
        if isinstance(component, FileComponent):
            (folder / FILES).mkdir(exist_ok=True)
            kept = folder / FILES / f"{component.sha256[:12]}-{component.file.name}"
            kept.write_bytes(component.source_text)


def provenance_of(config: Config) -> dict[str, dict[str, str]]:
    """``kind/name`` -> distribution, version and ``module:attr`` of every component in use.

    Of a component in a file, its path and checksum too. A second one of the same name has the path in its
    key.
    """
    found: dict[str, dict[str, str]] = {}
    for component in config.components():
        key = f"{component.kind}/{component.name}"
        if key in found and isinstance(component, FileComponent):
            key = f"{component.kind}/{component.spelling}"
        found[key] = component.provenance()
    return found


def environment(processes: int = 1, precision: str = "32-true") -> dict[str, Any]:
    """Versions, machine, command line, how many processes work together with how many threads, precision."""
    return {
        "command": [masked(word) for word in sys.argv],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in REPORTED},
        "cuda": torch.version.cuda,
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "processes": processes,
        "threads": torch.get_num_threads(),
        "precision": precision,
    }


@contextmanager
def run_log(folder: Path, wanted: bool) -> Iterator[None]:
    """While open, the log goes to ``logs/<date and time>.txt`` too, where ``wanted``."""
    if not wanted:
        yield
        return
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    handler = _RunLog(logs / f"{datetime.now():%Y-%m-%d-%H-%M-%S}.txt", encoding="utf-8")
    handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("gait_plugins")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        with suppress(OSError):  # a full disk: it is told already, and not what ended the run
            handler.close()


class _RunLog(logging.FileHandler):
    """A log file that stops when it can no longer be written, so that a full disk ends no training."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        logging.getLogger("gait_plugins").removeHandler(self)
        log.warning("the log %s can no longer be written: %s", self.baseFilename, sys.exc_info()[1])


def _version(distribution: str) -> str | None:
    if distribution == BUILT_IN:  # of the code that runs, whatever an older installation left over
        return __version__
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
