"""JSON Schema of the configuration, for editors: sections, and the options of every installed component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gait_plugins.config.check.resolving import VIDEO
from gait_plugins.config.describe import docstrings
from gait_plugins.config.film_section import VideoSection
from gait_plugins.config.options import annotations as ann
from gait_plugins.config.options import signature, torch_options
from gait_plugins.config.options.signature import Param, Signature
from gait_plugins.config.recipe.sections import RecipeSection
from gait_plugins.config.sections import Config, LossSection
from gait_plugins.config.yaml.defaults import SECTIONS
from gait_plugins.config.yaml.sources import INHERITS
from gait_plugins.errors import PluginLoadError
from gait_plugins.registry.components import Component
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager

Schema = dict[str, Any]

_NESTED = (
    *("model", "backbone", "loss", "transform", "joint_transform"),
    *("batch_sampler", "frame_sampler", "dataset", "stream", "protocol"),
    *VIDEO,
)


_IN_A_FILE = r"\.py:[A-Za-z_]\w*$"


def json_schema() -> Schema:
    """The schema of a configuration file with what is installed now.

    It is more lenient than the check: a file is merged over defaults and over what it inherits, which
    an editor cannot see, so no option is demanded, and a mapping that does not name its component may
    hold any. A component that cannot be imported may take any option too.
    """
    fields = Config.model_fields
    properties: Schema = {
        "data_cfg": _named("dataset", _section("data_cfg")),
        "model_cfg": _reference("model"),
        "loss_cfg": _one_or_list(_reference("loss_term")),
        "optimizer_cfg": _torch("solver", "optimizer_cfg"),
        "scheduler_cfg": _torch("scheduler", "scheduler_cfg"),
        "trainer_cfg": _closed(_section("trainer_cfg")),
        "evaluator_cfg": _named("protocol", _section("evaluator_cfg")),
        "video_cfg": _closed(
            {
                **_properties(signature.of_model(VideoSection).params.values()),
                **{kind: {"anyOf": [_reference(kind), {"type": "null"}]} for kind in VIDEO},
            }
        ),
        "plugins": _plain(fields["plugins"].annotation),
        "output_dir": {"type": "string"},
        "run_dir": _plain(fields["run_dir"].annotation),
    }
    for name, schema in properties.items():
        schema.setdefault("description", fields[name].description or "")
    properties[INHERITS] = {
        "description": "configuration, or list of configurations, that this one is merged over",
        **_one_or_list({"type": "string"}),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gait-plugins configuration",
        **_closed(properties),
        "$defs": _definitions(),
    }


def recipe_schema() -> Schema:
    """The schema of a recipe file; sections written inside of it are configurations of their own."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "gait-plugins recipe",
        **_closed(_properties(signature.of_model(RecipeSection).params.values())),
        "required": ["stages"],
    }


def _definitions() -> Schema:
    transform = {"anyOf": [_reference("transform"), {"type": "null"}]}
    return {
        **{kind: _named(kind, {}) for kind in _NESTED},
        "loss_term": _named("loss", _properties(signature.of_model(LossSection).params.values())),
        "sampler": {"allOf": [_named(kind, {}, closed=False) for kind in ("batch_sampler", "frame_sampler")]},
        "transforms": {
            "anyOf": [_one_or_list(transform), {"type": "object", "additionalProperties": transform}]
        },
        "joint_transforms": _one_or_list(_reference("joint_transform")),
    }


def _section(name: str) -> Schema:
    properties = _properties(signature.of_model(SECTIONS[name]).params.values())
    if name in ("trainer_cfg", "evaluator_cfg"):
        properties |= {"sampler": _reference("sampler"), "transform": _reference("transforms")}
        properties["joint_transform"] = _reference("joint_transforms")
    if name == "evaluator_cfg":
        properties["conditions"] = {"type": "object", "additionalProperties": _reference("transforms")}
    return properties


def _named(kind: str, beside: Schema, closed: bool = True) -> Schema:
    """A mapping that names a component: the name decides which keys it may hold beside ``beside``."""
    key, fallback = KINDS[kind].key, KINDS[kind].default
    components = [c for c in default_manager().components() if c.kind == kind]
    names = [spelling for c in components for spelling in (c.name, c.qualified)]
    told = f"name of a {kind}, or FILE.py:CLASS"
    own: Schema = {**beside, key: {"anyOf": [{"enum": names}, {"pattern": _IN_A_FILE}], "description": told}}
    suggested = own
    rules = []
    for component in components:
        accepts = _accepts(component)
        if accepts is None:
            continue
        properties = {**_properties(accepts.params.values(), _docs(component)), **own}
        if component.name == fallback:
            suggested = properties
        condition = {"properties": {key: {"enum": [component.name, component.qualified]}}, "required": [key]}
        then = _closed(properties) if closed and not accepts.open else {"properties": properties}
        rules.append({"if": condition, "then": then})
    return {"type": "object", "properties": suggested, **({"allOf": rules} if rules else {})}


def _accepts(component: Component) -> Signature | None:
    try:
        return signature.of_component(component.load())
    except PluginLoadError:
        return None


def _docs(component: Component) -> dict[str, str]:
    return docstrings.option_docs(component.load())


def _torch(key: str, section: str) -> Schema:
    classes = {key: {"enum": list(torch_options.classes(key))}}
    return {"type": "object", "properties": _section(section) | classes}


def _properties(params: Iterable[Param], docs: Mapping[str, str] | None = None) -> Schema:
    found = {}
    for param in params:
        schema = dict(_value(param.annotation))
        doc = param.doc or (docs or {}).get(param.name, "")
        if doc:
            schema["description"] = doc
        if isinstance(param.default, str | int | float):
            schema["default"] = param.default
        found[param.name] = schema
    return found


def _value(annotation: Any) -> Schema:
    if not ann.has_structure(annotation):
        return _plain(annotation)
    annotation = ann.bare(annotation)
    kind = ann.kind_of(annotation)
    if kind:
        return _reference(kind)
    if ann.is_structure(annotation):
        docs = docstrings.arguments(annotation.__doc__ or "")
        return _closed(_properties(signature.of_structure(annotation).params.values(), docs))
    if len(ann.arms(annotation)) > 1:
        return {"anyOf": [_value(arm) for arm in ann.arms(annotation)]}
    item, inner = ann.item_type(annotation), ann.value_type(annotation)
    if item is not None:
        return {"type": "array", "items": _value(item)}
    return {"type": "object", "additionalProperties": True if inner is None else _value(inner)}


def _plain(annotation: Any) -> Schema:
    """Pydantic's schema of a type without components; anything goes where JSON cannot express it."""
    try:
        schema = ann.adapter_of(annotation).json_schema()
    except Exception:  # pydantic's families of errors differ between its versions
        return {}
    return {key: value for key, value in schema.items() if key != "title"}


def _closed(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _one_or_list(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
