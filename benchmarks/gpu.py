"""Everything on one GPU, in one command of less than nine minutes: correctness, speed, memory.

    python benchmarks/gpu.py --json gpu.json
    python benchmarks/gpu.py --tiny --device cpu        (a trial of the script; its figures mean nothing)

Four networks are trained inside this package and inside OpenGait's trainer written plainly (see
``gpu_parts/plain_trainer.py``), from the same files, with as many workers. Then sequences are embedded and
embeddings scored. Each part gets a share of the time that is left; what was left out, or failed, is said.
The status is 1 where a part failed or a check does not hold, 0 also where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

from gpu_parts.budget import Found, Part, run_all
from gpu_parts.correctness import marked_tests, precisions, resumed
from gpu_parts.machine import Machine
from gpu_parts.training import Bench, end_to_end, step_and_memory
from gpu_parts.use import embedding, evaluation
from gpu_parts.workload import NETWORKS, TINY, Size, walks_on_disk
from tables import table

PARTS = ("correctness", "step", "end-to-end", "embed", "evaluation")


def parts_of(bench: Bench, chosen: list[str], networks: list[str]) -> list[Part]:
    """What is measured, in its order."""
    trial = replace(TINY, workers=bench.size.workers)
    small = Bench(bench.machine, bench.walks, trial, bench.folder, bench.precision)
    narrow = small if bench.size.narrow else bench
    first, steps = networks[0], 6 if bench.size.narrow else 20
    exact = ("32-true", bench.precision) if bench.precision != "32-true" else ("32-true", "bf16-mixed")
    found = [
        ("correctness", Part("tests of the suite", partial(marked_tests, bench), 1.5, 20)),
        *(
            ("correctness", Part(f"resume, {each}", partial(resumed, small, each, first), 0.5))
            for each in exact
        ),
        ("correctness", Part("losses in mixed precision", partial(precisions, narrow, first, steps), 1)),
        *(("step", Part(f"step, {name}", partial(step_and_memory, bench, name))) for name in networks),
        *(
            ("end-to-end", Part(f"end to end, {name}", partial(end_to_end, bench, name), 1.3))
            for name in networks
        ),
        *(("embed", Part(f"embed, {name}", partial(embedding, bench, name), 0.6)) for name in networks[:2]),
        ("evaluation", Part("evaluation", partial(evaluation, bench), 0.6, bench.size.probes / 2000)),
    ]
    return [part for kind, part in found if kind in chosen]


def report(found: Found, facts: dict[str, str]) -> str:
    """The page: what was measured on, the table, and what is missing from it."""
    lines = [f"{name}: {value}" for name, value in facts.items()]
    lines += ["", table(found.rows), ""]
    lines += [f"left out: {each}" for each in found.left_out]
    lines += [f"failed: {each}" for each in found.failed]
    return "\n".join(lines)


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=9, help="for all of it")
    parser.add_argument("--json", type=Path, help="write what was found to this file too")
    parser.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    parser.add_argument("--precision", choices=("32-true", "16-mixed", "bf16-mixed"), help="of both sides")
    parser.add_argument("--batch", type=int, nargs=2, default=(32, 4), metavar=("PEOPLE", "EACH"))
    parser.add_argument("--frames", type=int, default=30, help="of a sequence in training")
    parser.add_argument("--workers", type=int, help="of either loader")
    parser.add_argument("--networks", nargs="+", choices=tuple(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--tiny", action="store_true", help="narrow networks, few frames: a trial")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write."""
    options = options_of(arguments)
    for name in ("gait_plugins", "lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    ends = time.monotonic() + 60 * options.minutes
    machine = Machine(options.device)
    workers = min(8, max(1, (os.cpu_count() or 2) - 2)) if options.workers is None else options.workers
    people, each = options.batch
    size = Size(people, each, options.frames, workers=workers)
    size = replace(TINY, workers=options.workers or 0) if options.tiny else size
    precision = options.precision or ("16-mixed" if machine.on_gpu else "32-true")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(machine, walks_on_disk(Path(folder), size), size, Path(folder) / "runs", precision)
        bench.folder.mkdir()
        parts = parts_of(bench, options.parts, options.networks)
        most = 0.0 if options.tiny else float("inf")
        found = run_all(parts, ends, machine, partial(print, file=sys.stderr, flush=True), most)
    command = shlex.join(["python", "benchmarks/gpu.py", *(sys.argv[1:] if arguments is None else arguments)])
    facts = {**machine.described(), "command": command, "workers": str(size.workers), "precision": precision}
    print(report(found, facts))
    if options.json is not None:
        rows = [row.as_data() for row in found.rows]
        content = {**facts, "rows": rows, "left_out": found.left_out, "failed": found.failed}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return int(bool(found.failed) or any(row.holds is False for row in found.rows))


if __name__ == "__main__":
    raise SystemExit(main())
