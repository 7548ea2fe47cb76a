"""Checks of plugins' components in the YAML before any work: the host would drop mistakes silently."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gait_plugins.config.building import component_spec
from gait_plugins.config.options import signature
from gait_plugins.config.specs import ComponentSpec
from gait_plugins.errors import ConfigError, GaitPluginsError, UnknownComponent
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager
from gait_plugins.suggest import did_you_mean

OF_TERMS = frozenset({"log_prefix", "features", "gather_and_scale"})
OF_FRAMES = frozenset({"method", "type", "frames_skip_num", "frames_all_limit", "points_in_use"})
"""Keys of ``sampler`` that OpenGait's own collate function reads, beside those of its default.yaml."""

Own = Callable[[str, str], Any]
"""Kind and name to what the host itself calls so, or None."""


@dataclass
class Checks:
    """Goes through a merged configuration of the host.

    Args:
        defaults: the host's default.yaml; what it alone says is nobody's mistake.
        own: what the host itself offers.
    """

    defaults: Mapping[str, Any]
    own: Own
    found: list[ComponentSpec] = field(default_factory=list)
    """Plugins' components, each before those that are nested in it."""
    asked: list[ComponentSpec] = field(default_factory=list)
    """Those of them that the host itself looks up."""

    def all(self, cfgs: Mapping[str, Any]) -> None:
        """Raise what our own trainer would of a plugin's component: unknown, refused or missing options."""
        with _in("model_cfg"):
            self._nested("model", cfgs["model_cfg"], OF_TERMS)
        with _in("loss_cfg"):
            terms = cfgs["loss_cfg"]
            merged = self.defaults.get("loss_cfg", {}) if isinstance(terms, Mapping) else {}
            for term in [terms] if isinstance(terms, Mapping) else terms:
                self._nested("loss", term, OF_TERMS, merged)
        for section in ("trainer_cfg", "evaluator_cfg"):
            with _in(f"{section}.transform"):
                self._each("transform", cfgs[section]["transform"])
            with _in(f"{section}.sampler"):
                self._sampler(cfgs[section]["sampler"], self.defaults.get(section, {}).get("sampler", {}))
        with _in("evaluator_cfg"):
            self._protocol(cfgs["evaluator_cfg"])

    def _nested(
        self,
        kind: str,
        given: Mapping[str, Any],
        others: Collection[str] = (),
        merged: Mapping[str, Any] | None = None,
    ) -> None:
        """A mapping that names a component: a plugin's is checked; of the host's own, what it holds."""
        name = given.get(KINDS[kind].key)
        if not isinstance(name, str) or self.own(kind, name) is not None:
            inner = "backbone" if kind == "model" else kind
            for value in given.values():
                self._each(inner, value)
            return
        accepts = _accepted(kind, name)
        left = {key for key in merged or {} if key not in accepts} | set(others)
        key = KINDS[kind].key
        self._check(kind, {k: v for k, v in given.items() if k == key or k not in left})

    def _check(self, kind: str, mapping: Mapping[str, Any]) -> None:
        spec = component_spec(kind, mapping)
        self.asked.append(spec)
        self.found += spec.walk()

    def _each(self, kind: str, value: Any) -> None:
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping) and KINDS[kind].key in item:
                self._nested(kind, item)

    def _sampler(self, given: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
        known = set(merged) | OF_FRAMES
        names = {
            "batch_sampler": given.get("type"),
            "frame_sampler": given.get("method", "random"),
        }
        plugins = {kind: name for kind, name in names.items() if name and self.own(kind, name) is None}
        for kind, name in plugins.items():
            accepts = _accepted(kind, name)
            known |= accepts
            options = {key: value for key, value in given.items() if key in accepts}
            self._check(kind, {**options, KINDS[kind].key: name})
        if plugins:
            batches = self.own("batch_sampler", str(given.get("type")))
            known |= set(inspect.signature(batches).parameters) if batches is not None else set()
            _refuse_unknown(given, known)

    def _protocol(self, given: Mapping[str, Any]) -> None:
        name = given.get("eval_func")
        if name is None or self.own("protocol", name) is not None:
            return
        accepts = _accepted("protocol", name)
        options = {key: value for key, value in given.items() if key in accepts}
        self._check("protocol", {**options, "eval_func": name})
        _refuse_unknown(given, accepts | set(self.defaults.get("evaluator_cfg", {})))


def _accepted(kind: str, name: str) -> set[str]:
    try:
        component = default_manager().get(kind, name)
    except UnknownComponent as error:
        raise UnknownComponent(f"OpenGait has no {name!r}, and {error.message}", hint=error.hint) from error
    return set(signature.of_component(component).params)


def _refuse_unknown(given: Mapping[str, Any], known: Collection[str]) -> None:
    for key in given:
        if key not in known:
            raise ConfigError(
                f"unknown key {key!r}; known keys: {', '.join(sorted(known))}",
                hint=did_you_mean(str(key), known) or None,
            )


@contextmanager
def _in(where: str) -> Iterator[None]:
    try:
        yield
    except GaitPluginsError as error:
        error.where = error.where or where
        raise
