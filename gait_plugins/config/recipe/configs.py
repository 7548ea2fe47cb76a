"""Stage configurations: what a stage names, with its settings and overrides applied."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

from gait_plugins.config.loading import resolve
from gait_plugins.config.recipe.model import sources
from gait_plugins.config.recipe.overrides import Override
from gait_plugins.config.recipe.sections import StageSection
from gait_plugins.config.sections import Config
from gait_plugins.config.yaml import overrides as typed
from gait_plugins.config.yaml.defaults import default_tree
from gait_plugins.config.yaml.layers import following, lay_over
from gait_plugins.config.yaml.sources import locate, read_config, with_parents
from gait_plugins.config.yaml.tree import KeyPath, Tree, at, paths_in
from gait_plugins.errors import ConfigError
from gait_plugins.io.weights.part_of_file import split_part
from gait_plugins.suggest import did_you_mean


class StageConfigs:
    """Reads configurations: over the defaults what a stage names, then its settings, overrides, and ``-o``.

    Args:
        tree: the recipe as it is written.
        source: its name.
        folder: what relative paths in it start from.
        run: its run folder.
        overrides: those of the command line.
        tried: see :func:`~gait_plugins.config.loading.load_config`.
    """

    def __init__(
        self,
        tree: Tree,
        source: str,
        folder: Path,
        run: Path,
        overrides: list[Override],
        *,
        tried: bool = False,
    ) -> None:
        self.tree = tree
        self.source = source
        self.folder = folder
        self.run = run
        self.overrides = overrides
        self.tried = tried
        self.done: dict[str, Config] = {}
        """Stage -> its configuration."""
        self._plain: dict[str, dict[str, Any]] = {}

    def of(self, i: int, stage: StageSection) -> Config:
        """The configuration of stage ``i``; those before it are in :attr:`done`.

        Raises:
            ConfigError: with ``file:line``.
        """
        path: KeyPath = ("stages", i)
        title = f"stage {stage.name} of {self.source}"
        tree = lay_over(default_tree(), self._written(stage, path))
        with following(tree):
            for key, source in stage.settings.items():
                where = self.tree.where((*path, "settings", key))
                with typed.noted(tree):
                    typed.assign(tree, key, self._setting(source, where), where or title)
        if isinstance(stage.overrides, dict):
            lay_over(tree, _part_of(self.tree, (*path, "overrides")))
        else:
            with following(tree):
                for j, text in enumerate(stage.overrides):
                    where = self.tree.where((*path, "overrides", j))
                    with typed.noted(tree):
                        typed.apply_one(tree, text, where or title, self.folder)
        for key, value in self._imposed(stage).items():
            typed.assign(tree, key, value, self.tree.where((*path, key.rpartition(".")[2])) or title)
        with following(tree):
            for name, text, place in self.overrides:
                if name in (None, stage.name):
                    with typed.noted(tree):
                        typed.apply_one(tree, text, place)
        return resolve(tree, title, tried=self.tried)

    def _written(self, stage: StageSection, path: KeyPath) -> Tree:
        """The configuration that a stage names, or that is written in its place."""
        folder = self.folder
        if isinstance(stage.cfgs, dict):
            return with_parents(_part_of(self.tree, (*path, "cfgs")), folder)
        try:
            return read_config(locate(stage.cfgs, folder))
        except ConfigError as error:
            error.where = error.where or self.tree.where((*path, "cfgs"))
            raise

    def _setting(self, source: str, where: str | None) -> Any:
        name, _, key = source.partition(".")
        if name not in self._plain:
            self._plain[name] = self.done[name].data
        value: Any = self._plain[name]
        for step in key.split("."):
            options = value if isinstance(value, dict) else {}
            if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            elif step in options:
                value = options[step]
            else:
                raise ConfigError(
                    f"the stage {name!r} has no setting {key!r}",
                    where=where,
                    hint=did_you_mean(step, options) or None,
                )
        return copy.deepcopy(value)

    def _imposed(self, stage: StageSection) -> dict[str, Any]:
        """What a stage's configuration does not decide itself."""
        found: dict[str, Any] = {
            "run_dir": str(self.run / stage.name),
            "trainer_cfg.save_name": stage.name,
            "evaluator_cfg.save_name": stage.name,
        }
        init = {target: self._source(source) for target, source in sources(stage.init).items()}
        if init:
            found["trainer_cfg.init"] = init.get("", init)
        if stage.freeze:
            found["trainer_cfg.freeze"] = stage.freeze
        if stage.frozen_mode is not None:
            found["trainer_cfg.frozen_mode"] = stage.frozen_mode
        return found

    def _source(self, source: Any) -> Any:
        """A source as ``trainer_cfg.init`` takes it: without the checkpoint, a file by its path from here."""
        options = {"from": source} if isinstance(source, str) else dict(source)
        options.pop("checkpoint", None)
        beside = self.folder / os.path.expanduser(options["from"])
        if options["from"] not in self.done and split_part(beside)[0].is_file():
            options["from"] = str(beside)
        return options


def _part_of(tree: Tree, path: KeyPath) -> Tree:
    """What lies at a path as a tree of its own, its keys where they were written."""
    data: dict[str, Any] = copy.deepcopy(at(tree.data, path)) if path[-1] in at(tree.data, path[:-1]) else {}
    marks = {known[len(path) :]: tree.marks[known] for known in paths_in(data, path) if known in tree.marks}
    return Tree(data, marks, files=set(tree.files))
