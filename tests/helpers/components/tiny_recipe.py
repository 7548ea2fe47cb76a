"""A recipe of two tiny stages: a model, and one that builds on it with that part frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins import GaitBatch, GaitModel, ModelOutput, Recipe, Results, hookimpl
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runtime.options import RunOptions
from helpers.components.tiny import TINY_YAML, TinyModel, TinyPlugin


class Beside(GaitModel):
    """A second model beside a first one; their embeddings are added up and told apart by the first's head."""

    def __init__(self, inner: GaitModel, second: GaitModel) -> None:
        super().__init__()
        self.num_classes = inner.num_classes
        self.first, self.second = inner, second
        self.head = nn.Linear(4, 4)

    @classmethod
    def from_config(cls, *, inner: GaitModel, channels: int = 4) -> Self:  # type: ignore[override]
        return cls(inner, TinyModel(channels=channels))

    def forward(self, batch: GaitBatch) -> ModelOutput:
        first, second = (model(batch)["inference_feat"]["embeddings"] for model in (self.first, self.second))
        embeddings: Tensor = first + second
        features: dict[str, Any] = {
            "contrast": {"embeddings": embeddings, "labels": batch.labels},
            "softmax": {"logits": self.head(embeddings.squeeze(2)), "labels": batch.labels},
        }
        return {
            "training_feat": features,
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }


class TwoStages(Recipe):
    """Two tiny stages, offered by a plugin."""

    file = "tiny_recipe.yaml"


class TinyRecipePlugin(TinyPlugin):
    """The manifest."""

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"TinyModel": TinyModel, "Beside": Beside}

    @hookimpl
    def gait_recipes(self) -> dict[str, type]:
        return {"two_stages": TwoStages}


RECIPE_YAML = """# Two tiny stages.
stages:
  - name: base
    cfgs: tiny.yaml
    overrides: {trainer_cfg: {total_iter: 4}}
  - name: beside
    cfgs: tiny.yaml
    settings: {model_cfg.inner: base.model_cfg}
    overrides: [model_cfg.model=Beside, trainer_cfg.with_test=true]
    init: {first: base, head: base}
    freeze: [first]
"""


def write_recipe(folder: Any, text: str = RECIPE_YAML) -> Any:
    """The recipe and the configuration that its stages name; returns the recipe's path."""
    (folder / "tiny.yaml").write_text(TINY_YAML)
    path = folder / "pair.yaml"
    path.write_text(f"{text}output_dir: {folder / 'output'}\n")
    return path


CPU = RunOptions(device="cpu")


def run(path: Path, *overrides: str, only: str | None = None, **options: object) -> Results | None:
    """Train the stages of a recipe."""
    return train_recipe(load_recipe(path, overrides), RunOptions(device="cpu", **options), only)  # type: ignore[arg-type]


def state(folder: Path, stage: str, step: int) -> dict[str, Any]:
    """The checkpoint of a stage."""
    return load_checkpoint(checkpoint_path(folder / "output" / "pair" / stage, stage, step))
