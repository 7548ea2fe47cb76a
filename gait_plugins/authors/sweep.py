"""The sweep of a package: each component is built from its example and tried, and each checkpoint is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gait_plugins import testing
from gait_plugins.api import Segmenter, Stream
from gait_plugins.config import load_config
from gait_plugins.config.building import build
from gait_plugins.config.options import signature
from gait_plugins.core.assembly.components import on_meta
from gait_plugins.core.checkpoints.compare import compare_weights
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.weights.cache import state_of
from gait_plugins.errors import DataError, PluginLoadError, UnknownComponent
from gait_plugins.registry.components import Component, normalised
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager
from gait_plugins.registry.published import NamedCheckpoint
from gait_plugins.suggest import did_you_mean

Make = Callable[[], Any]


def _check_segmenter(make: Make) -> None:
    """On a film of a still camera, or on one of masks where that cannot be segmented in its way."""
    segmenter: Segmenter = make()
    example = testing.example_film()
    try:
        segmenter.begin(example.film, iter(example.frames))
        for frame in example.frames:
            segmenter.people(frame)
    except DataError:
        example = testing.example_film("masks")
    testing.check_segmenter(make, example)


CHECKS: dict[str, Callable[[Make], None]] = {
    **{kind: getattr(testing, f"check_{kind}") for kind in KINDS},
    "segmenter": _check_segmenter,
}
"""Kind -> the check of it."""


def components_of(package: str) -> list[Component]:
    """The components of an installed package, by kind and name.

    Raises:
        PluginLoadError: the package cannot be loaded.
        UnknownComponent: no package of this name offers any.
    """
    manager = default_manager()
    named = normalised(package)
    found = [c for c in manager.components() if normalised(c.owner.distribution) == named]
    if found or checkpoints_of(package):
        return found
    for failure in manager.failures:
        if normalised(failure.owner.distribution) == named:
            raise PluginLoadError(
                f"the package cannot be loaded: {failure.reason}", where=str(failure.owner)
            ) from failure.error
    known = sorted({owner.distribution for owner in manager.owners})
    raise UnknownComponent(
        f"no installed package {package!r} offers components; those that do are {', '.join(known)}",
        hint=did_you_mean(package, known) or "pip install -e . in the folder of the package",
    )


def checkpoints_of(package: str) -> list[NamedCheckpoint]:
    """The published checkpoints that an installed package tells of, by name."""
    found = default_manager().checkpoints()
    return [c for c in found if normalised(c.owner.distribution) == normalised(package)]


def try_checkpoint(entry: NamedCheckpoint) -> None:
    """See that the configuration of a published checkpoint is there, and that its model takes the weights.

    Nothing is fetched: of a file that is not here, the configuration alone is tried.

    Raises:
        AssertionError: the weights do not fit, or the configuration of the same name tests others.
        GaitPluginsError: the configuration cannot be read, or the file is missing or damaged.
    """
    config = load_config(entry.published.config)
    tested = config.evaluator_cfg.restore_hint
    if entry.name == entry.published.config and tested != entry.name:
        raise AssertionError(
            f"the configuration of its name tests {tested!r}: set evaluator_cfg.restore_hint"
        )
    model = on_meta(config.model_cfg.build)
    if state_of(entry) == "not fetched":
        return
    checkpoint = load_checkpoint(Path(entry.qualified), like=model.state_dict())
    report = compare_weights(model, checkpoint["model"]).without_head()
    if report.missing or report.mismatched:
        raise AssertionError(
            f"its weights do not fit {report.model} of {entry.published.config}: {'; '.join(report.lines())}"
        )


def why_not(component: Component) -> str:
    """Why a component is not tried here; empty where it is.

    A data set may need files that nobody but its author has: without an ``example_config`` it is passed over.
    """
    if component.missing:
        return f"not available here: it {component.missing}"
    cls: Any = component.load()
    if cls is Stream:
        return "it is whatever is described"
    lacking = _lacking(cls)
    if component.kind == "dataset" and lacking:
        return f"it needs {', '.join(lacking)}: try it by check_dataset on files of a test of your own"
    return ""


def try_component(component: Component) -> None:
    """Build a component from its ``example_config`` and try what its kind promises.

    Raises:
        AssertionError: what is broken, in words.
        GaitPluginsError: it cannot be imported or built.
    """
    cls: Any = component.load()
    lacking = _lacking(cls)
    if lacking:
        raise AssertionError(
            f"it cannot be built without {', '.join(lacking)}: give the class an example_config"
        )
    mapping = {KINDS[component.kind].key: component.qualified, **_example(cls)}
    CHECKS[component.kind](lambda: build(component.kind, mapping))


def _example(cls: Any) -> dict[str, Any]:
    # A backbone may be any network, of which nobody has asked for an example.
    options: dict[str, Any] = cls.example_config() if hasattr(cls, "example_config") else {}
    return options


def _lacking(cls: Any) -> list[str]:
    """Required options that the example does not give."""
    given = _example(cls)
    return [p.name for p in signature.of_component(cls).params.values() if p.required and p.name not in given]
