"""A million sequences: first step, check and packing: ``python benchmarks/scale/sequences.py FOLDER``.

FOLDER takes 8 GB and two inodes a sequence for a million. It is made where it is missing, and stays for
other runs: ``--python`` measures another environment's package on the same data, ``--steps`` chooses steps,
``--workers`` says how many processes check and pack.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import sys
import time
import zlib
from pathlib import Path

import numpy as np

EACH = 20
"""Sequences of an identity: two types, ten views."""
FRAMES, SIZE = 16, 16
TESTED = 50
"""Identities that are tested; all others are trained on."""
MODEL = Path(__file__).with_name("tiny_model.py")
MANIFEST = """
from gait_plugins.hookspecs import hookimpl

requires_api = 1

@hookimpl
def gait_models():
    return {"TinyOfTheBenchmark": "tiny_model:Tiny"}
"""
TORCH = """
import torch, gait_plugins.cli
try:
    import gait_plugins.core.train.loop
except ImportError:
    import gait_plugins.core.engine
"""
"""What every training imports, of this tree or of an older one."""
STEPS = ("torch", "check", "pack", "first-packed", "check-packed", "first-folder", "first-saved")


def make(folder: Path, count: int) -> None:
    """The sequences as files, each one of its own, and a partition."""
    root = folder / "data"
    frames = np.zeros((FRAMES, SIZE, SIZE), np.uint8)
    frames[:, 2:, 6:10] = 255
    for person in range(count // EACH):
        for place in range(EACH):
            bits = np.array(list(f"{person * EACH + place:032b}"), np.uint8) * 255
            frames[0, :2] = bits.reshape(2, SIZE)
            view = root / f"{person:06d}" / ("nm-01", "bg-01")[place // 10] / f"{place % 10 * 18:03d}"
            view.mkdir(parents=True)
            with open(view / f"{view.name}.pkl", "wb") as file:
                pickle.dump(frames, file, protocol=4)
    people = [f"{person:06d}" for person in range(count // EACH)]
    listed = {"TRAIN_SET": people[:-TESTED], "TEST_SET": people[-TESTED:]}
    (folder / "partition.json").write_text(json.dumps(listed))


def training(folder: Path, kind: str, root: Path, runs: Path) -> list[str]:
    """The words of a command that trains one step."""
    people = json.loads((folder / "partition.json").read_text())["TRAIN_SET"]
    config = {
        "data_cfg": {
            "type": kind,
            "dataset_name": "Million",
            "dataset_root": str(root),
            "dataset_partition": str(folder / "partition.json"),
            "num_workers": 1,
        },
        "output_dir": str(runs),
        "model_cfg": {"model": "TinyOfTheBenchmark", "classes": len(people)},
        "loss_cfg": [{"type": "CrossEntropyLoss", "log_prefix": "softmax"}],
        "optimizer_cfg": {"solver": "SGD", "lr": 0.1},
        "scheduler_cfg": {"scheduler": "MultiStepLR", "milestones": [4], "gamma": 0.5},
        "trainer_cfg": {
            "save_name": kind,
            "total_iter": 1,
            "save_iter": 1,
            "log_iter": 1,
            "enable_float16": False,
            "with_test": False,
            "sampler": {
                "type": "TripletSampler",
                "batch_size": [8, 4],
                "sample_type": "fixed_unordered",
                "frames_num_fixed": 8,
            },
            "transform": [{"type": "BaseSilTransform"}],
        },
        "evaluator_cfg": {
            "eval_func": "evaluate_indoor_dataset",
            "sampler": {"type": "InferenceSampler", "batch_size": 4, "sample_type": "all_ordered"},
            "transform": [{"type": "BaseSilTransform"}],
        },
    }
    path = runs / f"{kind}.yaml"
    path.write_text(json.dumps(config))
    return ["-m", "gait_plugins", "train", str(path), "--device", "cpu"]


def offer_model(runs: Path) -> Path:
    """A folder that offers the model as an installed plugin does, where it is in PYTHONPATH."""
    plugin = runs / "plugin"
    about = plugin / "gait_tiny_model-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: gait-tiny-model\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[gait_plugins]\ntiny-model = gait_tiny_model\n")
    (plugin / "gait_tiny_model.py").write_text(MANIFEST)
    shutil.copy(MODEL, plugin / MODEL.name)
    return plugin


def words(step: str, folder: Path, runs: Path, workers: int | None) -> list[str]:
    """The command of a step."""
    shared = [] if workers is None else ["--workers", str(workers)]
    root, packed, listed = folder / "data", runs / "packed.npz", folder / "partition.json"
    if step == "torch":
        return ["-c", TORCH]
    if step in ("check", "check-packed"):
        where = root if step == "check" else packed
        return [
            "-m",
            "gait_plugins",
            "data",
            "check",
            "--root",
            str(where),
            "--partition",
            str(listed),
            *shared,
        ]
    if step == "pack":
        return ["-m", "gait_plugins", "data", "pack", str(root), str(packed), *shared]
    if step == "first-packed":
        return training(folder, "PackedSilhouettes", packed, runs)
    return training(folder, "OpenGaitLayout", root, runs)


def measured(
    python: str, step: str, folder: Path, runs: Path, workers: int | None
) -> tuple[float, float, float]:
    """Seconds, seconds of processors, and MiB of the largest process."""
    command = [python, *words(step, folder, runs, workers)]
    if step.startswith("first"):
        shutil.rmtree(runs / "Million", ignore_errors=True)
    if step == "pack":
        (runs / "packed.npz").unlink(missing_ok=True)
    began = time.perf_counter()
    child = os.fork()
    if not child:
        quiet = os.open(runs / f"{step}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.environ |= {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(runs / "cache")}
        if step.startswith("first"):
            os.environ["PYTHONPATH"] = str(offer_model(runs))
        os.chdir(runs)
        os.execv(command[0], command)
    _, status, used = os.wait4(child, 0)
    if status and not step.startswith("check"):
        sys.exit((runs / f"{step}.log").read_text()[-3000:])
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Make what is missing, and measure."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--sequences", type=int, default=1_000_000)
    options.add_argument("--python", default=sys.executable)
    options.add_argument("--workers", type=int)
    options.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    chosen = options.parse_args()
    folder = chosen.folder.absolute()
    if not (folder / "partition.json").exists():
        make(folder, chosen.sequences)
    other = f"-{zlib.crc32(chosen.python.encode()):08x}" if chosen.python != sys.executable else ""
    runs = folder / f"runs{other}"
    runs.mkdir(exist_ok=True)
    people = json.loads((folder / "partition.json").read_text())
    print(f"{sum(map(len, people.values())) * EACH:,} sequences of {FRAMES} frames {SIZE}x{SIZE}")
    for step in chosen.steps:
        wall, processor, memory = measured(chosen.python, step, folder, runs, chosen.workers)
        print(f"{step:<14}{wall:8.1f} s {processor:8.1f} s of processors {memory:8.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
