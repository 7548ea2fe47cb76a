"""Relations between the stages of a recipe: names, order, and which stage takes from which."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from gait_plugins.config.check.resolving import TOP
from gait_plugins.config.problems import SHOWN, Problem
from gait_plugins.config.recipe.model import Stage, Take, sources
from gait_plugins.config.recipe.sections import RecipeSection, StageSection, Which
from gait_plugins.config.yaml.tree import KeyPath, Tree
from gait_plugins.suggest import did_you_mean


class Relations:
    """Checks a recipe before any configuration is read; :attr:`problems` grows, nothing is raised.

    Args:
        tree: the recipe as it is written.
        recipe: the same, its keys validated.
        folder: what relative paths in it start from.
    """

    def __init__(self, tree: Tree, recipe: RecipeSection, folder: Path) -> None:
        self.tree = tree
        self.recipe = recipe
        self.folder = folder
        self.names = [stage.name for stage in recipe.stages]
        self.first = {name: i for i, name in reversed(list(enumerate(self.names)))}
        """Name -> the first stage of that name."""
        self.problems: list[Problem] = []
        if not self.names:
            self.report("a recipe needs at least one stage", ("stages",))
        self.check_names()
        self.takes = [self.taken(i, stage) for i, stage in enumerate(recipe.stages)]
        """For every stage: part of the model -> where its weights come from."""
        self.check_settings()

    def report(self, message: str, path: KeyPath, hint: str | None = None) -> None:
        """Note a problem at a path."""
        self.problems.append(Problem(message, self.tree.where(path), hint))

    def check_names(self) -> None:
        for i, name in enumerate(self.names):
            path = ("stages", i, "name")
            if self.first[name] < i:
                first = self.tree.where(("stages", self.first[name], "name"))
                self.report(f"two stages are named {name!r}, the first one at {first}", path)
            if name in TOP or name in RecipeSection.model_fields or "." in name or "=" in name:
                self.report(
                    f"a stage cannot be named {name!r}: it is the name of a section or key, or has . or =",
                    path,
                )

    def earlier(self, name: str, i: int, path: KeyPath) -> bool:
        """Report a stage that does not run before stage ``i``."""
        if self.first.get(name, i) < i:
            return True
        here = self.names[i]
        if name not in self.first:
            self.report(
                f"no stage {name!r} before {here!r}" + ("" if i else ", which is the first stage"),
                path,
                None if len(self.problems) >= SHOWN else did_you_mean(name, self.names[:i]) or None,
            )
        elif name == here:
            self.report(f"the stage {here!r} takes from itself", path, "name an earlier stage or a file")
        else:
            other = self.recipe.stages[self.first[name]]
            cycle = here in _named(other)
            also = f", and {name!r} takes from {here!r}: a cycle" if cycle else ""
            self.report(f"the stage {name!r} runs only after {here!r}{also}", path, "put the stages in order")
        return False

    def taken(self, i: int, stage: StageSection) -> dict[str, Take]:
        """Where the parts of a stage come from; files are named from the recipe's folder on."""
        found: dict[str, Take] = {}
        for target, source in sources(stage.init).items():
            path: KeyPath = ("stages", i, "init", *([target] if target else []))
            written = source if isinstance(source, str) else source["from"]
            which: Which = "last" if isinstance(source, str) else source.get("checkpoint", "last")
            is_stage = written in self.first or not _is_file(written, self.folder)
            if is_stage and self.earlier(written, i, path):
                found[target] = Take(written, which, self.tree.where(path))
            elif not is_stage:
                found[target] = Take(None, which, self.tree.where(path))
                if not isinstance(source, str) and "checkpoint" in source:
                    self.report("'checkpoint' is for stages only: a file is a single checkpoint", path)
        return found

    def check_settings(self) -> None:
        for i, stage in enumerate(self.recipe.stages):
            for key, source in stage.settings.items():
                name, dot, _ = source.partition(".")
                path = ("stages", i, "settings", key)
                if not dot:
                    self.report(f"expected STAGE.key, got {source!r}", path, "for example gse.model_cfg")
                else:
                    self.earlier(name, i, path)


def missing_checkpoints(stages: dict[str, Stage]) -> Iterator[Problem]:
    """Problems: checkpoints that a recipe takes from stages which do not save them."""
    takes = [take for stage in stages.values() for take in stage.takes.values()]
    for take in takes:
        if take.stage is None:
            continue
        trainer = stages[take.stage].config.trainer_cfg
        wanted, total, each = take.checkpoint, trainer.total_iter, trainer.save_iter
        if wanted == "best" and trainer.keep_best is None:
            yield Problem(
                f"the stage {take.stage!r} keeps no best checkpoint",
                take.where,
                "set its trainer_cfg.keep_best: {metric: NM@R1}",
            )
        if isinstance(wanted, int) and (wanted > total or (wanted % each and wanted != total)):
            yield Problem(
                f"the stage {take.stage!r} saves no checkpoint of iteration {wanted}: it saves one every "
                f"{each} of {total} iterations",
                take.where,
            )


def _named(stage: StageSection) -> Iterator[str]:
    """The stages that a stage takes from."""
    for source in sources(stage.init).values():
        yield source if isinstance(source, str) else source["from"]
    yield from (setting.partition(".")[0] for setting in stage.settings.values())


def _is_file(name: str, folder: Path) -> bool:
    path = Path(os.path.expanduser(name))
    return bool(path.suffix) or len(path.parts) > 1 or path.is_file() or (folder / path).is_file()
