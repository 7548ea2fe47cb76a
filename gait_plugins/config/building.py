"""Building: one component from its YAML mapping, without a whole configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gait_plugins.config.check.checker import Checker
from gait_plugins.config.problems import raise_problems
from gait_plugins.config.specs import ComponentSpec
from gait_plugins.config.yaml.tree import Tree
from gait_plugins.errors import UnknownComponent
from gait_plugins.registry.kinds import KINDS
from gait_plugins.suggest import did_you_mean


def component_spec(kind: str, cfg: Mapping[str, Any]) -> ComponentSpec:
    """A component's YAML mapping, validated; see :func:`build`."""
    if kind not in KINDS:
        raise UnknownComponent(
            f"unknown component kind {kind!r}; the kinds are {', '.join(KINDS)}",
            hint=did_you_mean(kind, KINDS) or None,
        )
    tree = Tree({"it": cfg})
    tree.take_files(Path())
    checker = Checker(tree)
    spec = checker.component(kind, tree.data["it"], ())
    if len(checker.problems) == 1 and checker.problems[0].cause is not None:
        raise checker.problems[0].cause
    raise_problems(checker.problems, f"this {kind}")
    assert spec is not None  # there were no problems
    return spec


def build(kind: str, cfg: Mapping[str, Any]) -> Any:
    """A new instance of a component from its YAML mapping, nested components included.

    ``build("loss", {"type": "TripletLoss", "margin": 0.2})``

    Args:
        kind: ``model``, ``backbone``, ``loss``, ``transform``, ``frame_sampler``, ``batch_sampler``,
            ``dataset``, ``protocol``, ``index``, ``segmenter``, ``tracker``, ``pose_estimator`` or
            ``recipe``.
        cfg: the key that names the component (``model`` for models, ``method`` for frame samplers,
            ``eval_func`` for protocols, ``type`` for the others) and its options. Instances are
            accepted in place of nested mappings. The name of a component in a file
            (``./my_loss.py:MyLoss``) starts from the working directory; the file is run.

    Raises:
        UnknownComponent, ComponentConflict, PluginLoadError: the name leads to no class.
        ConfigError: an option is unknown, missing, of a wrong type or refused.
    """
    return component_spec(kind, cfg).build()
