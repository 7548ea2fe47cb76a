"""``config explain NAME``: a component of any kind, a section, or a key of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gait_plugins.config.describe.options import ComponentDescription, Option, describe, describe_params
from gait_plugins.config.film_section import VideoSection
from gait_plugins.config.options import signature, torch_options
from gait_plugins.config.options.signature import OMITTED, Param
from gait_plugins.config.recipe.sections import RecipeSection, StageSection
from gait_plugins.config.section import Section
from gait_plugins.config.sections import Config, LossSection
from gait_plugins.config.yaml.defaults import SECTIONS, default_tree
from gait_plugins.config.yaml.sources import shipped, shipped_recipes
from gait_plugins.errors import UnknownComponent
from gait_plugins.registry.files import is_file_name, of_any_kind
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager
from gait_plugins.suggest import did_you_mean, nearest

_MODELS: dict[str, type[Section]] = {**SECTIONS, "loss_cfg": LossSection, "video_cfg": VideoSection}
_RECIPE: dict[str, type[Section]] = {"recipe": RecipeSection, "stages": StageSection}
"""A recipe, and each of its stages."""
_COMPONENT = {"data_cfg": "dataset", "model_cfg": "model", "loss_cfg": "loss", "evaluator_cfg": "protocol"}
"""Sections whose other keys are options of a component, and its kind."""
_WRITTEN = {
    "sampler": Mapping,
    "transform": Mapping | list | None,
    "joint_transform": Mapping | list,
    "conditions": Mapping,
    "segmenter": Mapping,
    "tracker": Mapping,
    "pose_estimator": Mapping | None,
}


@dataclass(frozen=True)
class SectionDescription:
    """What a section or one of its keys means."""

    path: str
    summary: str
    options: tuple[Option, ...]


Explanation = ComponentDescription | SectionDescription


def explain(name: str) -> list[Explanation]:
    """Everything that goes by this name: ``TripletLoss``, ``trainer_cfg``, ``trainer_cfg.sync_BN``, ``SGD``.

    Raises:
        UnknownComponent: the name is unknown; the message holds the nearest names.
        PluginLoadError: a component of this name cannot be imported.
    """
    if is_file_name(name):
        return [describe(component) for component in of_any_kind(name)]
    found: list[Explanation] = list(_sections(name))
    components = default_manager().components()
    found += [describe(c) for c in components if c.is_called(name)]
    if found:
        return found
    found += _torch_classes(name)
    if found:
        return found
    raise UnknownComponent(
        f"no component, section or key of a configuration is named {name!r}",
        hint=_meant(name) or "gait-plugins plugins list shows all names",
    )


def _meant(name: str) -> str:
    """What a name that nothing goes by may have meant, in words."""
    if name in (*shipped(), *shipped_recipes()):
        return f"it is a configuration: gait-plugins config check {name} shows what it is made of"
    names = {c.name for c in default_manager().components()} | set(_paths())
    names |= {n for key in ("solver", "scheduler") for n in torch_options.classes(key)}
    by_key: dict[str, list[str]] = {}
    for path in _paths():
        by_key.setdefault(path.rpartition(".")[2], []).append(path)
    of_sections = [path for key in nearest(name, by_key, 1) for path in by_key[key]]
    return did_you_mean(name, names, 3) or (
        f"did you mean {' or '.join(map(repr, of_sections))}?" if of_sections else ""
    )


def _sections(name: str) -> list[SectionDescription]:
    section, _, key = name.partition(".")
    if section in _RECIPE:
        params = list(signature.of_model(_RECIPE[section]).params.values())
        summary = "" if key else _RECIPE[section].__doc__ or ""
        shown = [p for p in params if key in ("", p.name)]
        return [SectionDescription(name, summary, describe_params(shown))] if shown else []
    if section not in signature.of_model(Config).params:
        return []
    field = Config.model_fields[section]
    params = _params(section)
    if not key:
        doc = _MODELS[section].__doc__ if section in _MODELS else None
        return [SectionDescription(section, doc or field.description or "", describe_params(params))]
    return [SectionDescription(name, "", describe_params([p])) for p in params if p.name == key]


def _params(section: str) -> list[Param]:
    """All keys that a section itself knows, and the one that names its component."""
    if section not in _MODELS and section not in _COMPONENT:
        return [signature.of_model(Config).params[section]]
    params = []
    if section in _MODELS:
        params = list(signature.of_model(_MODELS[section]).params.values())
        for key in _WRITTEN:
            field = _MODELS[section].model_fields.get(key)
            if field is not None:
                params.append(Param(key, _WRITTEN[key], OMITTED, field.description or ""))
    if section in _COMPONENT:
        kind = KINDS[_COMPONENT[section]]
        names = ", ".join(dict.fromkeys(c.name for c in default_manager().components(kind.name)))
        default = default_tree().data[section].get(kind.key, kind.default)
        params.insert(0, Param(kind.key, str, default, f"name of a {kind.name}: {names}"))
    return params


def _paths() -> list[str]:
    sections = list(signature.of_model(Config).params)
    return [*sections, *(f"{s}.{p.name}" for s in sections for p in _params(s))]


def _torch_classes(name: str) -> list[ComponentDescription]:
    found = []
    for key in ("solver", "scheduler"):
        if name in torch_options.classes(key):
            match = torch_options.find(key, name)
            assert isinstance(match, torch_options.Found)
            found.append(
                ComponentDescription(
                    name=name,
                    kind=key,
                    origin=f"{match.cls.__module__}:{name}",
                    owner=match.title.partition("(")[2].rstrip(")"),
                    summary=f"Arguments of the torch class. Write them beside ``{key}``.",
                    options=describe_params(match.accepts.params.values()),
                )
            )
    return found
