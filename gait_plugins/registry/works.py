"""Published works that plugins tell of: name, package, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gait_plugins.api.weights.works import PublishedWork
from gait_plugins.errors import PluginLoadError
from gait_plugins.registry.components import Component, Owner

HOOK = "gait_works"


@dataclass(frozen=True)
class NamedWork:
    """A published work that one package tells of."""

    name: str
    """As people call it: ``SkeletonGait++``."""
    told: PublishedWork
    owner: Owner

    def is_of(self, component: Component) -> bool:
        """True where the component is one of its models, of the same package."""
        return component.name in self.told.models and component.owner.distribution == self.owner.distribution


def works_told(tell: Callable[[], object], owner: Owner) -> list[NamedWork]:
    """The works that a ``gait_works`` hook returns.

    Raises:
        PluginLoadError: it raises, or returns something else than ``{"GaitSet": PublishedWork(...)}``.
    """
    try:
        value = tell()
    except Exception as error:
        said = error.message if isinstance(error, PluginLoadError) else f"{type(error).__name__}: {error}"
        raise PluginLoadError(f"{HOOK} of {owner.module} ({owner}) raised: {said}") from error
    found: list[NamedWork] = []
    pairs: list[tuple[object, object]] = (
        list(value.items()) if isinstance(value, Mapping) else [(value, None)]
    )
    for name, told in pairs:
        if not isinstance(name, str) or not name.strip() or not isinstance(told, PublishedWork):
            raise PluginLoadError(
                f"{HOOK} of {owner.module} ({owner}) returned {value!r}, "
                "expected a mapping name -> PublishedWork"
            )
        found.append(NamedWork(name, told, owner))
    return found
