"""Recipe texts of ``gait-plugins config check``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gait_plugins.config.stages import Stages
    from gait_plugins.core.recipe_checks import PartFit


def recipe_lines(recipe: Stages, fits: dict[str, list[PartFit]]) -> Iterator[str]:
    """The lines for a valid recipe: each stage with its model and data, and what it starts from."""
    yield f"{recipe.source} is accepted: {len(recipe.stages)} stages"
    for number, stage in enumerate(recipe.stages, 1):
        config = stage.config
        trainer = config.trainer_cfg
        yield (
            f"  {number} {stage.name}: {config.model_cfg.name} on {config.data_cfg.dataset_name}, "
            f"{trainer.total_iter} steps, in {stage.folder}"
        )
        for part, report, prefix in fits[stage.name]:
            if report is None:
                yield f"      {part.title} <- nothing: {config.model_cfg.name} has no such part"
                continue
            source = f"{part.source} ({prefix})" if prefix else part.source
            left = "".join(f"; {line}" for line in report.lines())
            yield f"      {part.title} <- {source}: {len(report.fitting)} of {report.own} weights{left}"
        if trainer.freeze:
            yield f"      frozen: {', '.join(trainer.freeze)}"
