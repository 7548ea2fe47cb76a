"""What verifying files costs, beside another checkout: ``python benchmarks/integrity.py --before DIR``.

Two figures, each of new processes in turns, in processor time: the start of a training that goes on from
its checkpoint (imports, data, model, checkpoint, up to the first step), and batches with the transforms
of the published TrackletGait configuration from a packed data file. Without ``--before`` the checkout is
compared with itself, which shows how far chance reaches.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tables import Row, table

ROOT = Path(__file__).resolve().parents[1]


def start(config: str, root: str, partition: str, output: str, steps: int) -> None:
    """Start a training, or train for so many steps first."""
    from gait_plugins.config import load_config
    from gait_plugins.core.runtime.options import RunOptions
    from gait_plugins.core.train.loop import train
    from gait_plugins.core.train.state import Training

    settings = {
        "output_dir": output,
        "data_cfg.num_workers": 0,
        "data_cfg.dataset_root": root,
        "data_cfg.dataset_partition": partition,
        "trainer_cfg.total_iter": steps or 10,
        "trainer_cfg.save_iter": 1,
        "trainer_cfg.with_test": "false",
        "trainer_cfg.sampler.batch_size": "[2, 2]",
    }
    loaded = load_config(config, overrides=[f"{key}={value}" for key, value in settings.items()])
    if steps:
        train(loaded, RunOptions(device="cpu"))
    else:
        training = Training(loaded, RunOptions(device="cpu", resume=True))
        if training.run.first_step != 1:
            raise SystemExit("the training did not go on from its checkpoint")
    print(time.process_time())


def drain(root: str, partition: str, count: int) -> None:
    """Make so many batches from a packed file."""
    import cv2
    import torch
    from loader import ours

    from gait_plugins.api import SequenceIndex
    from gait_plugins.config import build
    from gait_plugins.core.data.loader import batches

    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    folders = {"dataset_root": str(Path(root).parent / "data"), "dataset_partition": partition}
    maker = ours(folders, (8, 4), 32, 0.2)
    maker.dataset = build("dataset", {"type": "PackedSilhouettes", **folders, "dataset_root": root})
    maker.index = SequenceIndex(maker.dataset.sequences("train"))
    maker.make(0)
    began = time.process_time()
    for _ in batches(maker, range(count), workers=0, pin=False):
        pass
    print(time.process_time() - began)


def pack(folder: str, target: str) -> None:
    """Pack a folder."""
    from gait_plugins.prepare.pack import pack_dataset
    from gait_plugins.prepare.sequences import every_sequence

    pack_dataset(*every_sequence(Path(folder)), Path(target))
    print(0)


WORK = {"start": start, "drain": drain, "pack": pack}


def measured(tree: Path, name: str, *words: object) -> float:
    """What a child process of a checkout measures."""
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, __file__, "--child", name, *map(str, words)]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(run.stdout.split()[-1])


def compare(title: str, work: Sequence[partial[float]], rounds: int) -> Row:
    """Measure before and now in turns; both, and how far the ratios of the pairs reach."""
    before, now = zip(*[[one() for one in work] for _ in range(rounds)], strict=True)
    ratios = sorted(a / b for a, b in zip(before, now, strict=True))
    reach = f"ratios of pairs {ratios[0]:.3f} to {ratios[-1]:.3f}"
    return Row(f"{title} ({reach})", statistics.median(before), statistics.median(now), "s")


def main() -> None:
    """Compare both checkouts."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--before", type=Path, default=ROOT, metavar="DIR")
    options.add_argument("--config", default="gaitbase/casiab")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--batches", type=int, default=60)
    options.add_argument("--child", nargs="+")
    chosen = options.parse_args()
    if chosen.child:
        name, *words = chosen.child
        WORK[name](*[int(word) if word.isdigit() else word for word in words])
        return
    trees = (chosen.before.resolve(), ROOT)
    with tempfile.TemporaryDirectory() as folder:
        from loader import walks_on_disk

        tree = Path(folder) / "walks"
        partition = walks_on_disk(tree, 8, 4)["dataset_partition"]
        words = (chosen.config, tree / "data", partition, Path(folder) / "out")
        measured(ROOT, "start", *words, 1)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.pt")) / 1e6
        starts = [partial(measured, root, "start", *words, 0) for root in trees]
        rows = [compare(f"start of {chosen.config}, checkpoint of {size:.1f} MB", starts, chosen.rounds)]
        for number, root in enumerate(trees):
            measured(root, "pack", tree / "data", tree / f"packed-{number}.npz")
        drains = [
            partial(measured, root, "drain", tree / f"packed-{number}.npz", partition, chosen.batches)
            for number, root in enumerate(trees)
        ]
        rows.append(compare(f"{chosen.batches} batches of 32 packed sequences", drains, chosen.rounds))
        print(table(rows))


if __name__ == "__main__":
    main()
