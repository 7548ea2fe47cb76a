"""Kills a loader worker or a rank of trainings: ``kill_others.py YAML worker|rank KILLS``, prints JSON.

What the surviving process says and how it ends is the outcome of each kill.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

RUN = Path(__file__).with_name("run_tiny.py")
FIRST_PORT = 29700
GIVE_UP = 120.0


def children(parent: int) -> list[int]:
    """Processes that a process has started, and theirs."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True)
    own = [int(word) for word in listed.stdout.split()]
    return [*own, *(pid for child in own for pid in children(child))]


def is_rank(pid: int) -> bool:
    """True for a process that was started as a program, not forked as a worker."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return b"LOCAL_RANK=1" in environment


def started(yaml: str, victim: str, log: Path, port: int) -> subprocess.Popen[bytes]:
    """A training that would go on for long."""
    settings = [
        f"output_dir={log.with_suffix('')}",
        "trainer_cfg.total_iter=100000",
        "trainer_cfg.sync_BN=true",
    ]
    settings += ["trainer_cfg.save_iter=100000", *(["data_cfg.num_workers=2"] if victim == "worker" else [])]
    words = ["train", yaml, "--device", "cpu", *(["--devices", "2"] if victim == "rank" else [])]
    words += [word for setting in settings for word in ("-o", setting)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_PORT": str(port)}
    with log.open("wb") as out:
        return subprocess.Popen([sys.executable, str(RUN), *words], stdout=out, stderr=out, env=environment)


def kill_once(yaml: str, victim: str, number: int, draw: random.Random) -> dict[str, object]:
    """Kill a process of a training at a random moment, and wait for the survivor."""
    log = Path(f"{yaml}.{victim}.{number}.log")
    survivor = started(yaml, victim, log, FIRST_PORT + number)
    deadline = time.monotonic() + GIVE_UP
    while b"step " not in log.read_bytes() and survivor.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(draw.random())
    found = children(survivor.pid)
    victims = [pid for pid in found if is_rank(pid)][:1] if victim == "rank" else found
    if victims:
        os.kill(draw.choice(victims), signal.SIGKILL)
    try:
        code = survivor.wait(GIVE_UP)
    except subprocess.TimeoutExpired:
        survivor.kill()
        code = -1
    text = log.read_text()
    errors = re.findall(r"^(\w+(?:Error|Lost|Failure)): ", text, re.MULTILINE)
    return {
        "signal": signal.SIGKILL if victims else 0,
        "code": code,
        "tracebacks": text.count("Traceback"),
        "error": errors[-1] if errors else "",
        "end": text[-400:] if code != 2 or "Traceback" in text else "",
    }


def main() -> None:
    yaml, victim, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
    draw = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 0)
    print(json.dumps([kill_once(yaml, victim, number, draw) for number in range(kills)]))


if __name__ == "__main__":
    main()
