"""Settings of our own trainer in the second host: who acts on each key, and what is refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gait_plugins.config.options import signature
from gait_plugins.config.options.annotations import AUTO, is_class
from gait_plugins.config.plain import flat_settings
from gait_plugins.config.section import Section
from gait_plugins.config.sections import Config
from gait_plugins.errors import ConfigError, PluginLoadError
from gait_plugins.registry.manager import default_manager
from gait_plugins.suggest import did_you_mean

HOST: dict[str, tuple[str, ...]] = {
    "data_cfg": (
        "dataset_name",
        "test_dataset_name",
        "num_workers",
        "dataset_root",
        "dataset_partition",
        "data_in_use",
        "cache",
        "self_supervised",
    ),
    "loss_cfg": ("log_prefix",),
    "optimizer_cfg": ("solver",),
    "scheduler_cfg": ("scheduler",),
    "trainer_cfg": (
        "total_iter",
        "log_iter",
        "save_iter",
        "save_name",
        "with_test",
        "sync_BN",
        "fix_BN",
        "enable_float16",
        "find_unused_parameters",
        "restore_hint",
        "restore_ckpt_strict",
        "optimizer_reset",
        "scheduler_reset",
    ),
    "evaluator_cfg": ("save_name", "restore_hint", "restore_ckpt_strict", "enable_float16"),
}
"""Section -> keys that OpenGait itself reads; those of components are checked with the components."""
PATCHED: dict[str, tuple[str, ...]] = {
    "": ("plugins",),
    "data_cfg": ("classes",),
    "loss_cfg": ("features",),
    "trainer_cfg": ("seed", "precision", "init", "freeze", "frozen_mode"),
    "evaluator_cfg": ("precision",),
}
"""Section -> keys that a patch applies; the empty section is the top of the file."""
INERT: dict[str, tuple[str, ...]] = {
    "": ("video_cfg",),
    "data_cfg": ("remove_no_gallery",),
    "loss_cfg": ("gather_and_scale",),
}
"""Section -> keys without effect in either trainer: of OpenGait's files, and of other commands."""
_TRAIN_HERE = "use gait-plugins train, or remove the key"
_TEST_HERE = "use gait-plugins test, which reads the same checkpoints, or remove the key"
_STREAMS = (
    "use gait-plugins train and test; OpenGait takes files by data_in_use, in their order, and no clocks"
)
REFUSED: dict[str, dict[str, str]] = {
    "": {"output_dir": "use --out DIR", "run_dir": "use --out DIR"},
    "data_cfg": {
        "validation": _TRAIN_HERE,
        "streams": _STREAMS,
        "files": _STREAMS,
        "clocks": _STREAMS,
        "saved_index": "remove the key; OpenGait lists all folders at every start",
    },
    "scheduler_cfg": {"warmup": _TRAIN_HERE},
    "trainer_cfg": {
        **dict.fromkeys(
            (
                "keep_best",
                "early_stopping",
                "accumulate",
                "recompute",
                "clip_grad_norm",
                "clip_grad_value",
                "ema",
            ),
            _TRAIN_HERE,
        ),
        "joint_transform": _STREAMS,
    },
    "evaluator_cfg": {
        "conditions": _TEST_HERE,
        "conditions_on": _TEST_HERE,
        "fast": _TEST_HERE,
        "joint_transform": _STREAMS,
    },
}
"""Section -> key that only our own trainer acts on -> what to do."""
LAYOUT = "OpenGaitLayout"
"""Our data set of the files that OpenGait reads."""


def refuse(cfgs: Mapping[str, Any], phase: str) -> None:
    """Raise for every setting that would have no effect in a run.

    Args:
        cfgs: a merged configuration of the host.
        phase: ``train`` or ``test``; what only the other phase reads may stand there.

    Raises:
        ConfigError: the key, and what to do.
    """
    _check_top(cfgs)
    _check_counts(cfgs)
    trains = phase == "train"
    tests = not trains or bool(cfgs["trainer_cfg"].get("with_test"))
    data = cfgs["data_cfg"]
    sections: list[tuple[str, Mapping[str, Any]]] = [("", cfgs)]
    sections += [("data_cfg", each) for each in (data if isinstance(data, list) else [data])]
    if trains:
        sections += [(name, cfgs[name]) for name in ("scheduler_cfg", "trainer_cfg")]
    sections += [("evaluator_cfg", cfgs["evaluator_cfg"])] if tests else []
    for name, section in sections:
        for key, hint in REFUSED[name].items():
            if key in section and section[key] != _default(name, key) and (trains or key != "validation"):
                raise _no_effect(name, key, hint)
        if name == "data_cfg":
            _check_data(section)
        transform = section.get("transform")
        if isinstance(transform, Mapping) and "type" not in transform:
            raise _no_effect(
                name, "transform by the names of streams", "give a list, in the order of the files"
            )


def _no_effect(section: str, key: str, hint: str) -> ConfigError:
    where = ".".join(filter(None, (section, key)))
    return ConfigError(f"{key} has no effect in OpenGait's own trainer", where=where, hint=hint)


def _check_top(cfgs: Mapping[str, Any]) -> None:
    for key in cfgs:
        if key == "stages":
            raise ConfigError(
                "a recipe of several stages is no configuration of OpenGait's own trainer",
                where="stages",
                hint="use gait-plugins train, or train the stages one by one with trainer_cfg.init",
            )
        if key not in Config.model_fields:
            raise ConfigError(
                f"unknown section {key!r}", where=str(key), hint=did_you_mean(str(key), Config.model_fields)
            )


def _check_counts(cfgs: Mapping[str, Any]) -> None:
    """OpenGait makes its model before it has looked at any data."""
    for section in ("model_cfg", "loss_cfg"):
        for name, value in flat_settings(cfgs.get(section), section).items():
            if value == AUTO and "class" in name.rpartition(".")[2]:
                raise ConfigError(
                    "OpenGait's own trainer does not count the identities of the training set: auto has no "
                    "effect there",
                    where=name,
                    hint="write the number (gait-plugins config check tells it), or use gait-plugins train",
                )


def _check_data(given: Mapping[str, Any]) -> None:
    """OpenGait has one way of reading data, and drops the options of every other."""
    export = "gait-plugins data export CONFIG --out DIR writes any data set as OpenGait reads it"
    kind = given.get("type")
    if kind is not None and str(kind).rpartition("/")[2].lower() != LAYOUT.lower():
        raise ConfigError(
            f"OpenGait reads no data set of type {kind!r}, only folders ID/TYPE/VIEW",
            where="data_cfg.type",
            hint=export,
        )
    known = {*HOST["data_cfg"], *INERT["data_cfg"], *REFUSED["data_cfg"], "type"}
    for key in given:
        if key not in known and (others := sorted(_data_sets_with(str(key)))):
            raise ConfigError(
                f"{key} is an option of the data set {others[0]}, which OpenGait does not read",
                where=f"data_cfg.{key}",
                hint=f"remove it, or {export}",
            )


def _data_sets_with(option: str) -> Iterator[str]:
    for component in default_manager().components("dataset"):
        try:
            if option in signature.of_component(component.load()).params:
                yield component.name
        except PluginLoadError:  # said by plugins check
            continue


def _default(section: str, key: str) -> Any:
    """What the key means where nobody wrote it."""
    fields = _fields(section)
    return fields[key].default if key in fields else None


def _fields(section: str) -> Mapping[str, Any]:
    if not section:
        return Config.model_fields
    kind: Any = Config.model_fields[section].annotation
    return kind.model_fields if is_class(kind) and issubclass(kind, Section) else {}
