"""Workers that are not forked get the maker of batches pickled, and make the very same batches."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.files.layout_files import small_set

from gait_plugins import build
from gait_plugins.api import SequenceIndex
from gait_plugins.core.data.loader import BatchMaker


def walkers(folder: Path) -> dict[str, Any]:
    return {
        "type": "walkers",
        "train": 2,
        "test": 1,
        "views": ["000", "090"],
        "frames": 8,
        "cache_dir": str(folder),
    }


def opengait_layout(folder: Path) -> dict[str, Any]:
    root, partition = small_set(folder)
    return {"type": "OpenGaitLayout", "dataset_root": root, "dataset_partition": partition, "cache": True}


@pytest.mark.parametrize("frames", ["fixed_unordered", "unfixed_ordered"])
@pytest.mark.parametrize("options", [walkers, opengait_layout])
def test_pickled_maker_makes_the_same_batches(options: Any, frames: str, tmp_path: Path) -> None:
    dataset = build("dataset", options(tmp_path))
    counts = {"frames_num_fixed": 5, "frames_num_min": 4, "frames_num_max": 6}
    maker = BatchMaker(
        dataset=dataset,
        index=SequenceIndex(dataset.sequences("train")),
        batch_sampler=build("batch_sampler", {"type": "TripletSampler", "batch_size": [2, 2]}),
        frame_sampler=build("frame_sampler", {"sample_type": frames, **counts}),
        transforms=[
            build(
                "transform",
                {
                    "type": "Compose",
                    "trf_cfg": [
                        {"type": "RandomPerspective", "prob": 0.9},
                        {"type": "BaseSilCuttingTransform"},
                        {"type": "RandomHorizontalFlip", "prob": 0.5},
                    ],
                },
            )
        ],
    )
    here = [maker.make(number) for number in range(3)]
    there = pickle.loads(pickle.dumps(maker))
    for number, batch in reversed(list(enumerate(here))):
        again = there.make(number)
        assert again.names == batch.names
        assert torch.equal(again.frames[0], batch.frames[0])
        assert torch.equal(again.labels, batch.labels)
