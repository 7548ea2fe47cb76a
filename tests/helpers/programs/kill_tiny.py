"""Kills a training at random instants: ``kill_tiny.py YAML WORKERS KILLS SEED [KEY=VALUE ...]``.

Prints what it saw as JSON.

A process of its own, so that each training is a cheap fork of one that has imported torch but not used it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.io import atomic
from gait_plugins.registry.manager import Manager, use_manager
from helpers.components.tiny import TinyPlugin

STEPS = 24
WRITING = "checkpoints/.*.partial"


def train_in_child(yaml_path: str, output: str, workers: int, settings: list[str]) -> int:
    """Fork, train (resuming what there is), exit; returns the child's process id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    overrides = [
        f"output_dir={output}",
        f"data_cfg.num_workers={workers}",
        f"trainer_cfg.total_iter={STEPS}",
        "trainer_cfg.save_iter=2",
        *settings,
    ]
    code = 1
    try:
        slow_disk = os.fsync
        # A slow disk, so that kills can meet a checkpoint on its way there.
        atomic.os.fsync = lambda handle: (time.sleep(0.01), slow_disk(handle))[1]
        train(load_config(yaml_path, overrides=overrides), RunOptions(device="cpu", resume=True))
        code = 0
    finally:
        os._exit(code)


def stopped_while_writing(child: int, folder: Path) -> bool:
    """True where the child now stands still and a checkpoint is half written."""
    if not list(folder.glob(WRITING)):
        return False
    os.killpg(child, signal.SIGSTOP)
    os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if list(folder.glob(WRITING)):
        return True
    os.killpg(child, signal.SIGCONT)
    return False


def main() -> None:
    yaml_path, workers, kills, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    settings = sys.argv[5:]
    manager = Manager(allow=[])
    manager.register(TinyPlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    output = f"{yaml_path}.killed"
    folder = Path(output) / "Tiny" / "TinyModel" / "tiny"
    rng = random.Random(seed)
    started = time.monotonic()
    first = train_in_child(yaml_path, f"{yaml_path}.whole", workers, settings)
    assert os.waitpid(first, 0)[1] == 0
    whole = time.monotonic() - started
    seen = {"killed": 0, "mid_write": 0, "before_first": 0, "finished": False}
    while seen["killed"] < kills:
        child = train_in_child(yaml_path, output, workers, settings)
        time.sleep(rng.uniform(0.05, 0.7) * whole)
        ended, status = os.waitpid(child, os.WNOHANG)
        # Every other kill waits for a checkpoint that is being written.
        while seen["killed"] % 2 and not ended and not stopped_while_writing(child, folder):
            ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, status
            # Done before the kill: the last stretch is done anew.
            for step in range(STEPS // 2, STEPS + 1):
                checkpoint_path(folder, "tiny", step).unlink(missing_ok=True)
            continue
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen["killed"] += 1
        seen["mid_write"] += bool(list(folder.glob(WRITING)))
        seen["before_first"] += not list(folder.glob("checkpoints/*.pt"))
    last = train_in_child(yaml_path, output, workers, settings)
    seen["finished"] = os.waitpid(last, 0)[1] == 0
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
