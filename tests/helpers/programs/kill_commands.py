"""Kills commands that write files: ``kill_commands.py FOLDER COMMAND KILLS [SEED]``, prints JSON.

The command (``pack``, ``prepare``, ``embed`` or ``enroll``) runs once from start to end. Then it is killed
at random moments of its life, every other time while a file is half written; what it has left must be
whole. Now and then it is killed again as it goes on from there. At last it runs to its end, which must be
that of the run that was never killed.

A process of its own, so that each start is a cheap fork of one that has imported torch but not used it.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gait_plugins.core.tools.embedder
import gait_plugins.core.tools.identification
import gait_plugins.prepare.convert
import gait_plugins.prepare.pack  # noqa: F401  # what a command would import anew after each fork
from gait_plugins.cli import main as command_line
from gait_plugins.io import atomic
from gait_plugins.registry.manager import Manager, use_manager
from helpers.components.tiny import TINY_YAML, TinyPlugin, seen_weights
from helpers.files.mask_files import walk

PARTIALS = f".*{atomic.PARTIAL}"
MODEL = ["tiny.yaml", "--checkpoint", "a.pt", "--device", "cpu"]
COMMANDS = {
    "pack": ["data", "pack", "people", "out/packed.npz", "--overwrite"],
    "prepare": ["data", "prepare", "raw", "out", "--workers", "2"],
    "embed": ["embed", *MODEL, "people", "-O", "out/embeddings.npz"],
    "enroll": ["enroll", *MODEL, "people", "--gallery", "out/gallery.npz"],
}
Files = dict[str, Any]


def write_people(root: Path, people: int) -> None:
    """Walks of so many people, laid out as ID/TYPE/VIEW/FILES."""
    rng = np.random.default_rng(people)
    for number in range(4 * people):
        folder = root / f"{root.name}{number // 4:02d}/nm-{number % 4:02d}/090"
        folder.mkdir(parents=True)
        frames = rng.integers(0, 2, (30, 64, 64), np.uint8) * np.uint8(255)
        (folder / "090.pkl").write_bytes(pickle.dumps(frames))


def write_input(command: str) -> None:
    """What a command reads, in the working directory, and what is there before it."""
    Path("before").mkdir()
    if command == "prepare":
        for number in range(24):
            walk(Path(f"raw/{number // 4:03d}/nm-{number % 4:02d}/090"))
            if number % 5 == 0:
                Path(f"raw/{number // 4:03d}/nm-{number % 4:02d}/090/003.png").write_bytes(b"damaged")
        return
    write_people(Path("people"), 20)
    if command in ("embed", "enroll"):
        Path("tiny.yaml").write_text(TINY_YAML)
        torch.manual_seed(0)
        torch.save({"model": seen_weights()}, "a.pt")
    if command == "enroll":
        write_people(Path("earlier"), 3)
        words = ["enroll", *MODEL, "earlier", "--gallery", "before/gallery.npz"]
        assert os.waitpid(started(words), 0)[1] == 0, said()


def started(words: list[str]) -> int:
    """Fork, run a command, exit; returns the child's process id."""
    child = os.fork()
    if child:
        return child
    os.setpgid(0, 0)
    code = 1
    try:
        log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        slow_disk = os.fsync
        # A slow disk, so that kills can meet a file on its way there.
        atomic.os.fsync = lambda handle: (time.sleep(0.01), slow_disk(handle))[1]
        sys.argv = ["gait-plugins", *words]
        command_line()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def said() -> str:
    """The end of what the last command has said."""
    return Path("log").read_text()[-1000:]


def begun_anew() -> None:
    """The output folder as it was before the first run."""
    shutil.rmtree("out", ignore_errors=True)
    shutil.copytree("before", "out")


def files() -> Files:
    """Whole files of the output folder -> their content; of a record that which is not about one run."""
    found: Files = {}
    for path in sorted(Path("out").rglob("*")):
        if path.is_file() and not path.match(PARTIALS):
            content: Any = path.read_bytes()
            if path.name == "prepare.json":
                content = json.loads(content)
                del content["last run"]
            found[str(path)] = content
    return found


def partials() -> list[str]:
    """What is half written."""
    return [str(path) for path in Path("out").rglob(PARTIALS)]


def stands_still(child: int) -> bool:
    """True where the child is stopped, with a file half written."""
    if not partials():
        return False
    os.killpg(child, signal.SIGSTOP)
    os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if partials():
        return True
    os.killpg(child, signal.SIGCONT)
    return False


def killed(words: list[str], wait: float, is_due: Callable[[int], bool]) -> bool:
    """Run a command and kill it once it is due; False where it was over before."""
    child = started(words)
    time.sleep(wait)
    ended, _ = os.waitpid(child, os.WNOHANG)
    while not ended and not is_due(child):
        ended, _ = os.waitpid(child, os.WNOHANG)
    if ended:
        return False
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def left_wrong(before: Files, whole: Files) -> list[str]:
    """Files that are neither the earlier ones nor those of a whole run; the record of a preparation grows."""
    return [
        name
        for name, content in files().items()
        if "prepare.json" not in name and content not in (before.get(name), whole.get(name))
    ]


def kill_often(words: list[str], kills: int, draw: random.Random) -> dict[str, Any]:
    """Kill a command so many times."""
    begun_anew()
    before, since = files(), time.monotonic()
    assert os.waitpid(started(words), 0)[1] == 0, said()
    lasts, whole = time.monotonic() - since, files()
    seen: dict[str, Any] = dict.fromkeys(("kills", "mid_write", "ends", "identical", "partials"), 0)
    seen["errors"] = []
    begun_anew()
    while seen["kills"] < kills:
        waits = seen["kills"] % 2 == 1
        if not killed(words, draw.uniform(0, lasts), stands_still if waits else lambda _: True):
            begun_anew()
            continue
        seen["kills"] += 1
        seen["mid_write"] += bool(partials())
        seen["errors"] += [f"{name} is neither old nor new" for name in left_wrong(before, whole)]
        if seen["kills"] < kills and draw.random() < 0.3:
            continue  # and once more, from there
        if files() != whole and os.waitpid(started(words), 0)[1] != 0:
            seen["errors"].append(said())
        seen["ends"] += 1
        seen["identical"] += files() == whole
        seen["partials"] += len(partials())
        begun_anew()
    return seen | {"seconds of a run": round(lasts, 2)}


def main() -> None:
    folder, command, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    manager = Manager(allow=[])
    manager.register(TinyPlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    folder.mkdir(parents=True)
    os.chdir(folder)
    write_input(command)
    print(json.dumps({"command": command} | kill_often(COMMANDS[command], kills, random.Random(seed))))


if __name__ == "__main__":
    main()
