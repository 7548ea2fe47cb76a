"""The page on recipes: its recipe is accepted as it says and trains, its keys are all there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config.recipe.sections import RecipeSection, StageSection, StageSource

PAGE = (DOCS / "recipes.md").read_text(encoding="utf-8")
FEW = [
    *("-o", "data_cfg.train=4", "-o", "data_cfg.test=2", "-o", "data_cfg.frames=10"),
    *("-o", "data_cfg.views=['000', '090']"),
    *("-o", "trainer_cfg.total_iter=1", "-o", "trainer_cfg.sampler.batch_size=[2,2]"),
    *("-o", "data_cfg.num_workers=0", "-o", "trainer_cfg.with_test=false"),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def _recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("head.yaml").write_text(blocks("yaml")[0])


def test_the_commands_of_the_page_work() -> None:
    commands = blocks("sh")[0].splitlines()
    shown = re.search(r"```\n(head.yaml is accepted.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    assert len(commands) == 3
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "gait-plugins"
        shorter = [] if words[0] == "config" else [*FEW, "--device", "cpu"]
        result = CliRunner().invoke(app, [*words, *shorter])
        assert result.exit_code == 0, f"{command}\n{result.output}"
        if words[0] == "config":
            assert result.output.strip() == shown[1].strip()
    assert Path("output/head/head/checkpoints/head-00001.pt").is_file()


def test_the_page_lists_every_key() -> None:
    for title, keys in (
        ("The keys of a recipe", RecipeSection.model_fields),
        ("The keys of a stage", StageSection.model_fields),
        ("What parts start from", StageSource.__annotations__),
    ):
        section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == sorted(keys, key=list(keys).index), (
            title
        )


def test_the_transform_and_the_protocol_of_the_page_work() -> None:
    given: dict = {}
    exec(blocks("python")[0], given)
    frames = np.full((2, 8, 4), 255, np.uint8)
    dark, targets = given["Darken"]().with_targets(frames, np.random.default_rng(0))
    assert (dark == 0).mean() == targets["share"]
    names = np.array(["a", "b"])
    shares = {"share": np.array([0.25, 0.5])}
    data = given["EmbeddingSet"](
        np.zeros((2, 1, 1), np.float32), names, names, names, "x", outputs=shares, targets=shares
    )
    assert given["ShareError"]().evaluate(data).metrics == {"MAE": 0}


def test_the_recipe_of_the_package_on_the_page_is_a_recipe() -> None:
    given: dict = {"__name__": __name__}
    exec(blocks("python")[1], given)
    assert given["TwoSteps"].file == "recipes/two_steps.yaml"
    assert given["gait_recipes"]() == {"two_steps": given["TwoSteps"]}
