"""Changed settings: how a configuration differs from the one that a training began with, in what decides.

One comparison for every training that goes on: ``--resume``, an iteration in ``trainer_cfg.restore_hint``,
and the stages of recipes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from gait_plugins.api import SequenceRef, SequenceTable
from gait_plugins.config import ComponentSpec, Config
from gait_plugins.config.options import signature, torch_options
from gait_plugins.config.options.signature import OMITTED, Signature
from gait_plugins.config.plain import flat_settings, to_plain
from gait_plugins.config.specs import Structure
from gait_plugins.config.yaml.defaults import default_tree
from gait_plugins.core.checkpoints.partial import parts_of
from gait_plugins.core.weights.lookup import located
from gait_plugins.errors import CheckpointError, DataError, GaitPluginsError
from gait_plugins.io.atomic import file_sha256, write_text
from gait_plugins.io.weights.part_of_file import split_part
from gait_plugins.registry.files import is_file_name
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager

HARMLESS = (
    "output_dir",
    "run_dir",
    "plugins",
    "data_cfg.num_workers",
    "data_cfg.test_dataset_name",
    "data_cfg.remove_no_gallery",
    "data_cfg.validation",  # who is held out is compared by their names
    "trainer_cfg.init",  # its files are compared by their content
    "trainer_cfg.restore_hint",
    "trainer_cfg.restore_ckpt_strict",
    "trainer_cfg.optimizer_reset",
    "trainer_cfg.scheduler_reset",
    "trainer_cfg.log_iter",
    "trainer_cfg.save_iter",
    "trainer_cfg.save_name",
    "trainer_cfg.with_test",
    "trainer_cfg.keep_best",
    "trainer_cfg.early_stopping",
    "trainer_cfg.total_iter",
    "trainer_cfg.find_unused_parameters",
    "trainer_cfg.recompute",
    "evaluator_cfg",
)
"""Settings that may change in the middle of a training: the numbers of its steps come out the same."""

RECORD = "changes.json"
"""The record of the settings that changed in the middle of a run."""

DATA_RECORD = "data.json"
"""The record of the training sequences in a run folder."""

_PRECISION, _FLOAT16 = "trainer_cfg.precision", "trainer_cfg.enable_float16"
_SAMPLER = "trainer_cfg.sampler"


ORDERED = ("classes", "streams", "files")
"""Mappings of ``data_cfg`` whose order decides numbers."""


class _Unset:
    def __repr__(self) -> str:
        return "not set"


UNSET = _Unset()
"""The value of a setting that is not written and has no default."""


class Change(NamedTuple):
    """A setting that is another one now than it was."""

    name: str
    """Dotted, as ``-o`` takes it."""
    then: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.name} was {self.then} and is {self.now} now"


def setting_changes(
    then: Mapping[str, Any],
    config: Config,
    *,
    precision: tuple[str, str],
    also: Sequence[str] = (),
) -> list[Change]:
    """Settings that decide the numbers of a training and are others now.

    A setting that is not written has its default, so one that an older version did not know has not changed.
    Precision is compared as it takes effect.

    Args:
        then: the configuration that was trained by, as plain data.
        config: the configuration of now.
        precision: what was computed in, and what is now; see :mod:`~.kept_precision`.
        also: settings of :data:`HARMLESS` that are compared all the same.

    Returns:
        The changes, in the order of the configuration.
    """
    config = config.counted_as(then)  # a number that is left to the data is the one that it began with
    before, after = flat_settings(to_plain(then)), flat_settings(to_plain(config.data))
    defaults = _defaults(config)
    passed = (*(name for name in HARMLESS if name not in also), *_indifferent(config), _PRECISION, _FLOAT16)
    changes = []
    for name in {**before, **after}:
        was, now = (flat.get(name, defaults.get(name, UNSET)) for flat in (before, after))
        if not _among(name, passed) and not _same(was, now) and not _same_component(name, was, config):
            changes.append(Change(name, was, now))
    changes += _order_changes(to_plain(then), to_plain(config.data))
    was, now = precision
    return changes if was == now else [*changes, Change(_PRECISION, was, now)]


def _order_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Mappings in another order than before, where the order numbers classes or a model's inputs."""
    found = []
    for key in ORDERED:
        was, is_now = ((data.get("data_cfg") or {}).get(key) or {} for data in (then, now))
        same = isinstance(was, Mapping) and isinstance(is_now, Mapping) and set(was) == set(is_now)
        if same and list(was) != list(is_now):
            found.append(Change(f"order of data_cfg.{key}", list(was), list(is_now)))
    return found


def weight_changes(records: Sequence[Mapping[str, Any]], config: Config) -> list[Change]:
    """Parts that started from other weights than ``trainer_cfg.init`` names now.

    Args:
        records: what the parts started from, as ``init.json`` and the checkpoints list it.
        config: the configuration of now. A file that is gone is not compared.
    """
    known = [record for record in records if isinstance(record, Mapping)]  # a file may hold anything
    # What a part brings with it is not named there; it looks after that itself.
    known = [record for record in known if not record.get("brought")]
    then = {str(record.get("part")): str(record.get("sha256")) for record in known}
    below = {str(record.get("part")): record.get("below") for record in known}
    parts = [part for part in parts_of(config.trainer_cfg.init) if part.target in then or not part.optional]
    now = {part.target: Path(part.source) for part in parts}
    changes = []
    for target in {**then, **now}:
        name = f"trainer_cfg.init.{target}" if target else "trainer_cfg.init"
        if target not in now or target not in then:
            changes.append(Change(name, *_sources(then.get(target), now.get(target))))
            continue
        try:
            file, key = split_part(located(now[target]))
        except CheckpointError:  # published, and no longer here
            continue
        if not file.is_file():
            continue
        if (found := file_sha256(file)) != then[target] or key != below[target]:
            was = _weights(then[target]) + (f" under {below[target]!r}" if below[target] else "")
            changes.append(Change(name, was, f"{now[target]}, {_weights(found)}"))
    return changes


def data_record(refs: Sequence[SequenceRef]) -> dict[str, Any]:
    """What is kept of the training sequences: how many, and a checksum of their names in their order."""
    table = SequenceTable.of(refs)
    digest = hashlib.sha256()
    names = table.spelt()
    digest.update(next(names, "").encode("utf-8", "surrogatepass"))
    while some := list(islice(names, 4096)):
        digest.update("".join(f"\n{name}" for name in some).encode("utf-8", "surrogatepass"))
    return {
        "sequences": len(table),
        "identities": len(table.distinct(0)),
        "sha256": digest.hexdigest(),
    }


def data_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """The training sequences where they are others now, by their records."""
    return [] if then == now else [Change("training sequences", _sequences(then), _sequences(now))]


def read_data_record(folder: Path) -> dict[str, Any] | None:
    """The record of the training sequences in a run folder; None where an older version wrote none."""
    try:
        record = json.loads((folder / DATA_RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def listed(changes: Sequence[Change]) -> str:
    """The changes, one a line."""
    return "".join(f"\n  {change}" for change in changes)


def record_changes(folder: Path, step: int, changes: Sequence[Change]) -> None:
    """Note in a run folder what changes after a step; what was noted for later steps is void.

    Args:
        folder: the run folder.
        step: the step that the training goes on from, 0 where it begins.
        changes: what is different from there on.
    """
    path = folder / RECORD
    kept = [record for record in read_changes(folder) if record["after_step"] < step]
    new = [{"name": c.name, "then": _plain(c.then), "now": _plain(c.now)} for c in changes]
    records = [*kept, {"after_step": step, "changes": new}] if new else kept
    if records:
        write_text(path, json.dumps(records, indent=2) + "\n")
    else:
        path.unlink(missing_ok=True)


def read_changes(folder: Path) -> list[dict[str, Any]]:
    """What changed in the middle of a run: ``after_step``, and ``changes`` of ``name``, ``then``, ``now``.

    Raises:
        DataError: the record is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return []
    try:
        records = [
            {
                "after_step": int(record["after_step"]),
                "changes": [{key: c[key] for key in ("name", "then", "now")} for c in record["changes"]],
            }
            for record in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the record of changed settings cannot be read: {error}",
            where=str(path),
            hint="remove the file; what changed is then no longer known",
        ) from error
    return records


# --- comparing ------------------------------------------------------------------------------------


def _among(name: str, settings: Sequence[str]) -> bool:
    return any(name == setting or name.startswith(f"{setting}.") for setting in settings)


def _same(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)  # NaN is no other setting than NaN


def _same_component(name: str, then: Any, config: Config) -> bool:
    """True where a name spelt otherwise is of the same component."""
    for path, spec in components(config):
        if name != f"{path}.{KINDS[spec.kind].key}" or not isinstance(then, str):
            continue
        if is_file_name(then):  # it may have been moved; what is in it is compared with other origins
            return is_file_name(spec.spelling) and PurePath(then).name == spec.component.name
        try:
            return default_manager().find(spec.kind, then) == spec.component
        except GaitPluginsError:
            return False
    return False


def _sources(then: str | None, now: Path | None) -> tuple[str, str]:
    return (
        "nothing" if then is None else _weights(then),
        "nothing" if now is None else str(now),
    )


def _sequences(record: Mapping[str, Any]) -> str:
    sha256 = str(record.get("sha256"))[:12]
    return f"{record.get('sequences')} of {record.get('identities')} identities (checksum of names {sha256})"


def _weights(sha256: str) -> str:
    return f"weights {sha256[:12]}"


def _plain(value: Any) -> Any:
    return None if value is UNSET else value


# --- what is known of the options -----------------------------------------------------------------


def components(config: Config) -> Iterator[tuple[str, ComponentSpec]]:
    """Every component that trains, nested ones too, with the dotted name of its mapping."""
    roots: list[tuple[str, ComponentSpec | None]] = [
        ("data_cfg", config.data_cfg.dataset),
        ("model_cfg", config.model_cfg),
        *((f"loss_cfg.{i}", loss.component) for i, loss in enumerate(config.loss_cfg)),
        (_SAMPLER, config.trainer_cfg.sampler.batch),
        (_SAMPLER, config.trainer_cfg.sampler.frames),
        *((f"trainer_cfg.joint_transform.{i}", s) for i, s in enumerate(config.trainer_cfg.joint_transform)),
        *((f"trainer_cfg.transform.{key}", spec) for key, spec in config.trainer_cfg.transform.items()),
    ]
    for path, spec in roots:
        if spec is not None:
            yield path, spec
            yield from _inside(path, spec.arguments)


def _inside(path: str, value: Any) -> Iterator[tuple[str, ComponentSpec]]:
    if isinstance(value, ComponentSpec):
        yield path, value
        yield from _inside(path, value.arguments)
    elif isinstance(value, Structure):
        yield from _inside(path, value.values)
    elif isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _inside(f"{path}.{key}", item)


def _structures(path: str, value: Any) -> Iterator[tuple[str, Structure]]:
    if isinstance(value, Structure):
        yield path, value
        yield from _structures(path, value.values)
    elif isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            yield from _structures(f"{path}.{key}", item)


def _defaults(config: Config) -> dict[str, Any]:
    """Dotted name -> the value of a setting that is not written."""
    found = flat_settings(default_tree().data)
    for path, spec in components(config):
        found.update(_of(signature.of_component(spec.component.load()), path))
        for inner, structure in _structures(path, spec.arguments):
            found.update(_of(signature.of_structure(structure.cls), inner))
    torchs = {"solver": config.optimizer_cfg.solver, "scheduler": config.scheduler_cfg.scheduler}
    for (key, name), section in zip(torchs.items(), ("optimizer_cfg", "scheduler_cfg"), strict=True):
        known = torch_options.find(key, name)
        if isinstance(known, torch_options.Found):
            found.update(_of(known.accepts, section))
    return found


def _of(accepts: Signature, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, param in accepts.params.items():
        if not param.required and param.default is not OMITTED:
            found.update(flat_settings(to_plain(param.default), f"{path}.{name}"))
    return found


def _indifferent(config: Config) -> Iterator[str]:
    for path, spec in components(config):
        options: frozenset[str] = getattr(spec.component.load(), "indifferent_options", frozenset())
        yield from (f"{path}.{option}" for option in sorted(options))
