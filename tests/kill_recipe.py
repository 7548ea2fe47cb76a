"""Kills a recipe at random instants, most of them in stage 2: ``kill_recipe.py YAML KILLS``, prints JSON.

A process of its own, so that each start is a cheap fork of one that has imported torch but not used it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from tiny_recipe import TinyRecipePlugin

from gait_plugins.config.recipes import load_recipe
from gait_plugins.core.options import RunOptions
from gait_plugins.core.recipes import train_recipe
from gait_plugins.manager import Manager, use_manager

SETTINGS = [
    "data_cfg.num_workers=1",
    "beside.trainer_cfg.total_iter=24",
    "beside.trainer_cfg.with_test=false",
]


def start(yaml_path: str, name: str) -> int:
    """Fork, train what is left of the recipe, exit; returns the child's process id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    code = 1
    try:
        train_recipe(load_recipe(yaml_path, [*SETTINGS, f"name={name}"]), RunOptions(device="cpu"))
        code = 0
    finally:
        os._exit(code)


def saved(folder: Path) -> list[Path]:
    """The checkpoints of a stage."""
    return sorted(folder.glob("checkpoints/*.pt"))


def main() -> None:
    yaml_path, kills = sys.argv[1], int(sys.argv[2])
    manager = Manager(allow=[])
    manager.register(TinyRecipePlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    assert os.waitpid(start(yaml_path, "whole"), 0)[1] == 0
    second = Path(yaml_path).parent / "output" / "killed" / "beside"
    rng = random.Random(0)
    seen = {"killed": 0, "in_stage_2": 0, "with_checkpoints": 0}
    while seen["killed"] < kills:
        before = saved(second)
        child, ended = start(yaml_path, "killed"), 0
        # The first kill comes before stage 2 has saved anything, each of the others some steps further on.
        goal = len(before) + rng.randint(1, 3) if seen["killed"] else 0
        while not ended and (len(saved(second)) < goal or not second.exists()):
            ended = os.waitpid(child, os.WNOHANG)[0]
        time.sleep(rng.uniform(0, 0.05))
        if ended or os.waitpid(child, os.WNOHANG)[0]:
            for path in saved(second)[4:]:
                path.unlink()  # done before the kill: the last stretch is done anew
            continue
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen["killed"] += 1
        seen["in_stage_2"] += second.exists()
        seen["with_checkpoints"] += bool(saved(second))
    assert os.waitpid(start(yaml_path, "killed"), 0)[1] == 0
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
