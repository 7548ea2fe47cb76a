"""Checks of plugins' components in the YAML before any work: the host would drop mistakes silently."""

from __future__ import annotations

import inspect
import sys
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
        own = self.own(kind, name) if isinstance(name, str) else None
        if not isinstance(name, str) or own is not None:
            ignored = {KINDS[kind].key, *others}
            written = _written(given, merged or {})
            _refuse_dropped(kind, str(name), own, {k: v for k, v in written.items() if k not in ignored})
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
            known |= set(_taken(batches)) if callable(batches) else set()
            _refuse_unknown(given, known)
            return
        # OpenGait's own files give any sampler the options of any other.
        offered = default_manager().components("batch_sampler")
        ours = (self.own("batch_sampler", component.name) for component in offered)
        known |= {option for own in ours if callable(own) for option in _taken(own)}
        known |= set(self.defaults.get("trainer_cfg", {}).get("sampler", {}))
        for kind in ("batch_sampler", "frame_sampler"):
            _refuse_other(kind, {key: value for key, value in given.items() if key not in known})

    def _protocol(self, given: Mapping[str, Any]) -> None:
        name = given.get("eval_func")
        own = None if name is None else self.own("protocol", name)
        if own is not None:
            _refuse_dropped(
                "protocol", str(name), own, _written(given, self.defaults.get("evaluator_cfg", {}))
            )
        if name is None or own is not None:
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


def _taken(own: Any) -> list[str]:
    """The options that OpenGait hands to a class or function of its own; it drops all others."""
    return inspect.getfullargspec(own.__init__ if inspect.isclass(own) else own).args


def _written(given: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    """What does not only come from the defaults."""
    return {key: value for key, value in given.items() if key not in merged or merged[key] != value}


def _refuse_dropped(kind: str, name: str, own: Any, written: Mapping[str, Any]) -> None:
    """Raise for an option that OpenGait's own component drops, and a plugin's of that name takes.

    Args:
        kind: of component.
        name: both are called so.
        own: OpenGait's class or function; its name where it could not be imported.
        written: what the mapping says that names it.
    """
    if not callable(own):
        return
    read = None if kind == "model" else set(_taken(own))
    dropped = {
        key: value
        for key, value in written.items()
        if not (_mentions(own, key) if read is None else key in read)
    }
    _refuse_other(kind, dropped, name.rpartition("/")[2])


def _refuse_other(kind: str, dropped: Mapping[str, Any], name: str | None = None) -> None:
    """Raise for the first option that OpenGait drops and that would change what a plugin's component does."""
    key = KINDS[kind].key
    for component in default_manager().components(kind):
        if not dropped or component.missing or (name is not None and component.name != name):
            continue
        takes = signature.of_component(component.load()).params
        for option, value in dropped.items():
            if option in takes and takes[option].default != value:
                raise ConfigError(
                    f"{option!r} is an option of {component.qualified}; OpenGait's own "
                    f"{kind.replace('_', ' ')} would drop it",
                    hint=f"set {key}: {component.qualified}, or remove the option",
                )


def _mentions(own: type, key: str) -> bool:
    """Whether the source of a model, of its ancestors, or of the networks in them says a key."""
    names = {ancestor.__module__ for ancestor in own.__mro__}
    used = {
        str(getattr(each, "__module__", "")) for name in names for each in vars(sys.modules[name]).values()
    }
    names |= {name for name in used if name.startswith("modeling.models.") and name in sys.modules}
    sources = [inspect.getsource(sys.modules[name]) for name in names if name.startswith("modeling.")]
    return any(quote + key + quote in source for source in sources for quote in ("'", '"'))


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
