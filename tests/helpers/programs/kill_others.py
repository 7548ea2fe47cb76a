"""Kills a process of trainings: ``kill_others.py YAML VICTIM KILLS [SEED [MOMENT ...]]``, prints JSON.

The victim is a loader ``worker``, the ``first`` of two processes (the started one, rank 0), or the other
``rank``. A moment is ``start`` (before the first step), ``step``, or ``test`` (after the last step); they
take turns. What the surviving processes say and how they end is the outcome of each kill. Whatever is
left of a training is counted, and ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from helpers.children import free_port

RUN = Path(__file__).with_name("run_tiny.py")
GIVE_UP = 60.0
"""Seconds that the survivors have to end in."""
LONG = ["trainer_cfg.total_iter=100000", "trainer_cfg.save_iter=100000"]
SHORT = ["trainer_cfg.total_iter=3", "trainer_cfg.save_iter=3", "trainer_cfg.with_test=true"]
MOMENTS = {
    "start": ("", 5.0, LONG),
    "step": ("step ", 1.0, LONG),
    "test": ("is saved", 0.7, [*SHORT, "data_cfg.walks=120"]),
}
"""Moment -> what the log says before it, seconds that it may last, and settings."""
ADOPT_ORPHANS = 36
"""Of Linux: what a killed process leaves behind becomes this one's child, which sees how it ends."""


def alive(session: int) -> dict[int, int]:
    """Living processes of a session -> their parents."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,ppid=,stat=", "-s", str(session)], capture_output=True, text=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def is_rank(pid: int) -> bool:
    """True for a process that was started as the second one, and for its workers."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return b"LOCAL_RANK=1" in environment


def started(yaml: str, victim: str, log: Path, moment: str) -> subprocess.Popen[bytes]:
    """A training in a session of its own."""
    settings = [f"output_dir={log.with_suffix('')}", "trainer_cfg.sync_BN=true", *MOMENTS[moment][2]]
    settings += [f"data_cfg.num_workers={2 if victim == 'worker' else 1}"]
    words = ["train", yaml, "--device", "cpu", *(["--devices", "2"] if victim != "worker" else [])]
    words += [word for setting in settings for word in ("-o", setting)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, str(RUN), *words]
    with log.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)


def victims(process: subprocess.Popen[bytes], victim: str) -> list[int]:
    """Processes that may be killed by now."""
    others = [pid for pid, parent in alive(process.pid).items() if parent == process.pid]
    if victim == "worker":
        return others
    ranks = [pid for pid in others if is_rank(pid)]
    return [process.pid] if victim == "first" and ranks else ranks


def end_of(process: subprocess.Popen[bytes], survivor: int | None) -> tuple[int | None, int]:
    """The exit code of the survivor, None where it hangs, and how many processes are left after it."""
    deadline = time.monotonic() + GIVE_UP
    code: int | None = None
    while code is None and time.monotonic() < deadline:
        if survivor in (None, process.pid):
            code = process.poll()
        else:
            with suppress(ChildProcessError):  # not ours yet: its parent is still on its way out
                ended, status = os.waitpid(survivor or -1, os.WNOHANG)
                code = os.waitstatus_to_exitcode(status) if ended else None
        time.sleep(0.02)
    while alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = alive(process.pid)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    return code, len(left)


def kill_once(yaml: str, victim: str, moment: str, log: Path, draw: random.Random) -> dict[str, object]:
    """Kill a process of a training at a random moment, and wait for the survivors."""
    process = started(yaml, victim, log, moment)
    words, lasts, _ = MOMENTS[moment]
    deadline = time.monotonic() + GIVE_UP
    while process.poll() is None and time.monotonic() < deadline:
        if words in log.read_text() and victims(process, victim):
            break
        time.sleep(0.02)
    time.sleep(draw.uniform(0, lasts))
    survivor = next(iter(victims(process, "rank")), None) if victim == "first" else None
    found = victims(process, victim)
    said = log.read_text().splitlines()
    if found:
        os.kill(draw.choice(found), signal.SIGKILL)
    since = time.monotonic()
    code, left = end_of(process, survivor)
    text = log.read_text()
    errors = re.findall(r"^(\w+(?:Error|Lost|Failure)): ", text, re.MULTILINE)
    over = code == 0 and "R1 " in text
    return {
        "moment": moment,
        "signal": signal.SIGKILL if found and not over else 0,
        "after": said[-1] if said else "",
        "code": code,
        "seconds": round(time.monotonic() - since, 1),
        "left": left,
        "tracebacks": text.count("Traceback"),
        "error": errors[-1] if errors else "",
        "end": text[-400:] if code != 2 or "Traceback" in text or not errors else "",
    }


def main() -> None:
    yaml, victim, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed, moments = int(sys.argv[4]) if len(sys.argv) > 4 else 0, sys.argv[5:] or list(MOMENTS)
    ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
    draw = random.Random(seed)
    seen: list[dict[str, object]] = []
    tries = 0
    while len(seen) < kills and tries < 3 * kills:
        log = Path(f"{yaml}.{victim}.{seed}.{tries}.log")
        outcome = kill_once(yaml, victim, moments[len(seen) % len(moments)], log, draw)
        if outcome["signal"]:  # else it was over before
            seen.append(outcome)
            print(json.dumps(outcome), file=sys.stderr)
        tries += 1
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
