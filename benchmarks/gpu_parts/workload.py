"""Work that both sides do: walks on disk, the networks, and their configurations."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gait_plugins.config import Config, load_config

TRANSFORM = [
    {
        "type": "Compose",
        "trf_cfg": [
            {"type": "RandomPerspective", "prob": 0.2},
            {"type": "BaseSilCuttingTransform"},
            {"type": "RandomHorizontalFlip", "prob": 0.2},
            {"type": "RandomRotate", "prob": 0.2},
        ],
    }
]

NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "TrackletGait": (
        "trackletgait/gait3d",
        {
            "stem_channels": 4,
            "widths": [4, 8, 8, 8],
            "strides": [[1, 1, 1], [1, 2, 2], [1, 2, 2], [1, 1, 1]],
            "temporal": [False, True, True, True],
            "embedding_channels": 8,
        },
    ),
    "GaitBase": (
        "gaitbase/gait3d",
        {
            "backbone_cfg": {"channels": [4, 4, 8, 8]},
            "SeparateFCs": {"in_channels": 8, "out_channels": 8},
            "SeparateBNNecks": {"in_channels": 8},
        },
    ),
    "DeepGaitV2": ("deepgaitv2/gait3d", {"Backbone": {"layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}}),
    "SwinGait": ("swingait/gait3d", {"Backbone": {"layers": [1, 1, 2, 2]}}),
}
"""Network -> its published configuration, and what makes it narrow for a trial."""


@dataclass(frozen=True)
class Size:
    """How much both sides get.

    Args:
        people, each: identities of a batch, and sequences of each.
        frames: of a sequence of a batch.
        walks: sequences of each identity on disk.
        lengths: frames of the shortest and the longest sequence on disk.
        tested: sequences that are embedded.
        probes: and as many sequences of a gallery, for the evaluation.
        workers: of either loader.
        narrow: narrow networks, to try this script out.
    """

    people: int = 32
    each: int = 4
    frames: int = 30
    walks: int = 6
    lengths: tuple[int, int] = (40, 100)
    tested: int = 1024
    probes: int = 12000
    workers: int = 4
    narrow: bool = False


TINY = Size(2, 2, 2, 2, (4, 8), 6, 60, 0, True)


@dataclass(frozen=True)
class Walks:
    """Ellipses that sway, in OpenGait's layout: folders of identities, types and views."""

    root: Path
    partition: Path
    trained: list[tuple[str, Path]]
    """Identity and file of the sequences to train on."""
    tested: list[tuple[str, Path]]
    frames_tested: int
    """Of the latter, in all."""


def walks_on_disk(folder: Path, size: Size) -> Walks:
    """Draw them; a network learns them fast, and reading them costs what silhouettes cost."""
    rng = np.random.default_rng(0)
    people = 2 * size.people
    trained = [f"{number:04d}" for number in range(people)]
    tested = [f"{number:04d}" for number in range(people, people + -(-size.tested // size.walks))]
    files: dict[str, list[tuple[str, Path]]] = {"train": [], "test": []}
    frames_tested = 0
    for label in trained + tested:
        for view in range(size.walks):
            subset = "train" if label in trained else "test"
            if subset == "test" and len(files["test"]) == size.tested:
                break
            path = folder / "data" / label / "camid0_videoid0" / f"seq{view}" / "walk.pkl"
            path.parent.mkdir(parents=True)
            length = int(rng.integers(size.lengths[0], size.lengths[1] + 1))
            path.write_bytes(pickle.dumps(_walk(int(label), length, rng), protocol=4))
            files[subset].append((label, path))
            frames_tested += length if subset == "test" else 0
    partition = folder / "partition.json"
    partition.write_text(json.dumps({"TRAIN_SET": trained, "TEST_SET": tested}))
    return Walks(folder / "data", partition, files["train"], files["test"], frames_tested)


def _walk(person: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """``[length, 64, 64]``, uint8."""
    frames = np.zeros((length, 64, 64), np.uint8)
    width, phase = 8 + person % 7, rng.uniform(0, 6)
    for number, frame in enumerate(frames):
        sway = int(width + 4 * np.sin(0.3 * number + phase))
        cv2.ellipse(frame, (32, 32), (sway, 31), 0, 0, 360, 255, -1)
    return frames


def configuration(
    network: str, walks: Walks, size: Size, output: Path, precision: str, **trainer: Any
) -> Config:
    """The published settings of a network, on these walks.

    Args:
        network: a key of ``NETWORKS``.
        walks: what is trained on.
        size: of batches and, where narrow, of the network.
        output: the folder of the run's folder.
        precision: ``32-true``, ``16-mixed`` or ``bf16-mixed``.
        trainer: further settings of ``trainer_cfg``.
    """
    base, narrow = NETWORKS[network]
    published = load_config(base).data
    classes = {"SeparateBNNecks": {"class_num": len({label for label, _ in walks.trained})}}
    changes = [narrow, classes] if size.narrow else [classes]
    model = published["model_cfg"]
    for change in changes:
        model = _merged(model, change)
    every = {
        "type": "InferenceSampler",
        "batch_size": 4,
        "sample_type": "all_ordered",
        "frames_all_limit": 720,
    }
    drawn = {"type": "TripletSampler", "batch_size": [size.people, size.each], "batch_shuffle": True}
    clips = {"sample_type": "fixed_ordered", "frames_num_fixed": size.frames, "frames_skip_num": 4}
    sections = {
        "output_dir": str(output),
        "data_cfg": {
            "dataset_name": "Gait3D",
            "dataset_root": str(walks.root),
            "dataset_partition": str(walks.partition),
            "num_workers": size.workers,
        },
        "model_cfg": model,
        **{name: published[name] for name in ("loss_cfg", "optimizer_cfg", "scheduler_cfg")},
        "trainer_cfg": {
            "save_name": network,
            "precision": precision,
            "with_test": False,
            "log_iter": 100,
            "sync_BN": True,
            "sampler": {**drawn, **clips},
            "transform": TRANSFORM,
            **trainer,
        },
        "evaluator_cfg": {
            "eval_func": "evaluate_Gait3D",
            "precision": precision,
            "restore_hint": 1,
            "sampler": every,
            "transform": [{"type": "BaseSilCuttingTransform"}],
        },
    }
    return load_config(sections)


def _merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
