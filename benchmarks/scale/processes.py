"""Processes of a training, 1 to 4: seconds of a step, bytes sent, memory and start.

    PYTHONPATH=benchmarks python benchmarks/scale/processes.py [--processes 2 4] [--steps 12] [--people 8]

A narrow GaitBase on generated walks, with one thread for each process, beside one process with the batch of
``--people``. Equal batch: it is the same whatever the number of processes. Growing batch: it grows with
them, so that each has the work of the one. Processor time is that of all processes together. Each training
runs in a network of its own where that is allowed (Linux, root): what its loopback carried is what the
processes sent. Else a dash stands. ``--python PYTHON`` measures another installation.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tables import HEAD, Row, table

WARM = 3
"""Steps that do not count."""


def child(folder: Path, people: int, processes: int, steps: int) -> None:
    """Train, in each of the processes, and write down what is seen."""
    started = float(os.environ["BENCHMARK_STARTED"])
    import gait_plugins

    seen: list[tuple[float, float, int]] = []

    class Watch:
        @gait_plugins.hookimpl
        def gait_step_end(self, run: Any, step: int, metrics: object) -> None:
            seen.append((time.time(), time.process_time(), carried()))
            if step == steps:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                found = {"begun": seen[0][0] - started, "peak": peak, "steps": seen}
                (folder / f"{run.rank}.json").write_text(json.dumps(found))

    settings = {
        "output_dir": folder / "runs",
        "data_cfg.num_workers": 0,
        "trainer_cfg.total_iter": steps,
        "trainer_cfg.save_iter": steps,
        "trainer_cfg.log_iter": steps,
        "trainer_cfg.with_test": "false",
        "trainer_cfg.sampler.batch_size": f"[{people}, 4]",
    }
    overrides = [f"{key}={value}" for key, value in settings.items()]
    gait_plugins.train(
        "walkers/gaitbase", overrides, device="cpu", devices=processes, monitors=[Watch()], overwrite=True
    )


def carried() -> int:
    """Bytes that the loopback has carried; 0 where it is not of this training alone."""
    if "BENCHMARK_ALONE" not in os.environ:
        return 0
    for line in Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split(":")[1].split()[0])
    return 0


def measured(python: str, processes: int, people: int, steps: int) -> dict[str, float]:
    """One training: figures of a step, of a process, and of the start."""
    with tempfile.TemporaryDirectory() as name:
        command = [
            python,
            os.path.abspath(__file__),
            "--child",
            name,
            str(people),
            str(processes),
            str(steps),
        ]
        own = {"OMP_NUM_THREADS": "1", "BENCHMARK_STARTED": str(time.time()), "OMP_WAIT_POLICY": "passive"}
        if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0:
            command = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
            own["BENCHMARK_ALONE"] = "1"
            own["PATH"] = f"{os.environ['PATH']}:/usr/sbin"
        done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"the training with {processes} processes failed:\n{done.stderr[-3000:]}")
        ranks = [json.loads((Path(name) / f"{rank}.json").read_text()) for rank in range(processes)]
    wall, busy = ([_per_step(rank["steps"], column) for rank in ranks] for column in (0, 1))
    first, last = ranks[0]["steps"][WARM - 1], ranks[0]["steps"][-1]
    return {
        "step": max(wall),
        "processor": sum(busy),
        "sent": (last[2] - first[2]) / (steps - WARM) / processes,
        "peak": max(rank["peak"] for rank in ranks) / 1024,
        "start": max(rank["begun"] for rank in ranks),
    }


def _per_step(steps: list[list[float]], column: int) -> float:
    times = [step[column] for step in steps[WARM - 1 :]]
    return statistics.median(later - earlier for earlier, later in itertools.pairwise(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4], help="beside one")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--people", type=int, default=8, help="of the batch; four sequences each")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        folder, *numbers = given.child
        child(Path(folder), *map(int, numbers))
        return
    if given.steps <= WARM:
        parser.error(f"--steps must be more than {WARM}: the first {WARM} do not count")
    alone = measured(given.python, 1, given.people, given.steps)
    rows: list[Row] = []
    for kind in ("equal", "growing"):
        for processes in (number for number in given.processes if number > 1):
            people = given.people * (processes if kind == "growing" else 1)
            found = measured(given.python, processes, people, given.steps)
            rows += compared(f"{processes} processes, {kind} batch {people}x4", alone, found)
    print(
        f"{os.cpu_count()} cores, one thread for each process; one process with a batch of {given.people}x4\n"
    )
    print(table(rows, ("work", "1 process", "here", *HEAD[3:])))


def compared(what: str, alone: dict[str, float], found: dict[str, float]) -> list[Row]:
    """The figures of a training beside those of one process."""
    sent = found["sent"] / 1e6 or None
    return [
        Row(f"{what}: step", alone["step"], found["step"], "s"),
        Row("its processor time, all processes", alone["processor"], found["processor"], "s"),
        Row("bytes sent by each process in a step", None, sent, "MB"),
        Row("peak memory of a process", alone["peak"], found["peak"], "MiB"),
        Row("first step after", alone["start"], found["start"], "s"),
    ]


if __name__ == "__main__":
    main()
