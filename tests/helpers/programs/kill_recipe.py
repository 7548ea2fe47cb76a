"""Kills a recipe at random instants, most of them in one stage: ``kill_recipe.py JSON``, prints JSON.

The argument holds ``recipe``, ``stage`` (the stage to be killed in), ``output``, ``kills`` and ``settings``
(overrides). The recipe is run once from start to end under the name ``whole``, and under the name
``killed`` as often as it takes.

A process of its own, so that each start is a cheap fork of one that has imported torch but not used it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.registry.manager import Manager, use_manager
from helpers.components.tiny_recipe import TinyRecipePlugin


def start(job: dict[str, Any], name: str) -> int:
    """Fork, train what is left of the recipe, exit; returns the child's process id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    code = 1
    try:
        stages = load_recipe(job["recipe"], [*job["settings"], f"output_dir={job['output']}", f"name={name}"])
        train_recipe(stages, RunOptions(device="cpu"))
        code = 0
    finally:
        os._exit(code)


def saved(folder: Path) -> list[Path]:
    """The checkpoints of a stage."""
    return sorted(folder.glob("checkpoints/*.pt"))


def main() -> None:
    job = json.loads(sys.argv[1])
    manager = Manager(allow=[])
    manager.register(TinyRecipePlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    assert os.waitpid(start(job, "whole"), 0)[1] == 0
    stage = Path(job["output"]) / "killed" / job["stage"]
    rng = random.Random(0)
    seen = {"killed": 0, "in_stage": 0, "with_checkpoints": 0}
    while seen["killed"] < job["kills"]:
        before = saved(stage)
        child, ended = start(job, "killed"), 0
        # The first kill comes before the stage has saved anything, each of the others some steps further on.
        goal = len(before) + rng.randint(1, 3) if seen["killed"] else 0
        while not ended and (len(saved(stage)) < goal or not stage.exists()):
            ended = os.waitpid(child, os.WNOHANG)[0]
        if goal:
            time.sleep(rng.uniform(0, 0.05))
        if ended or os.waitpid(child, os.WNOHANG)[0]:
            for path in saved(stage)[4:]:
                path.unlink()  # done before the kill: the last stretch is done anew
            continue
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen["killed"] += 1
        seen["in_stage"] += stage.exists()
        seen["with_checkpoints"] += bool(saved(stage))
    assert os.waitpid(start(job, "killed"), 0)[1] == 0
    print(json.dumps(seen))


def kill_often(recipe: str, stage: str, output: Path, kills: int, settings: list[str]) -> dict[str, int]:
    """Run this in a process of its own.

    Returns:
        How many times it was killed, in the stage, and after the stage had saved something.
    """
    job = {"recipe": recipe, "stage": stage, "output": str(output), "kills": kills, "settings": settings}
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(job)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return seen


if __name__ == "__main__":
    main()
