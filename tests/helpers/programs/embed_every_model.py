"""Embeds five walks with an example of every registered model: ``embed_every_model.py OUT.npz``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

import gait_plugins
from gait_plugins.api import (
    SILHOUETTES,
    GaitDataset,
    GaitModel,
    SequenceIndex,
    SequenceRef,
    Stream,
    Subset,
)
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.core.evaluate.infer import embed
from gait_plugins.core.runtime.devices import make_fabric
from gait_plugins.io.ragged import Frames
from gait_plugins.registry.components import Component
from gait_plugins.registry.manager import default_manager
from gait_plugins.testing.streams import batch_of, example_frames
from helpers.golden_rules import fill_weights_B, sil

FRAMES = (5, 1, 12, 2, 7)
BATCH_SIZES = (1, 4, 16)


SIZES = {"h": 64, "w": 44}


class Walks(GaitDataset):
    """A walk of each length: silhouettes of 64x44, 0 or 255, or waves in the frames of other streams."""

    def __init__(self, model: GaitModel) -> None:
        self.kinds = model.streams or (SILHOUETTES,)

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        return [SequenceRef(f"{i:03d}", "nm-01", "090", i) for i in range(len(FRAMES))]

    def load(self, ref: SequenceRef) -> list[Any]:
        return [_frames(stream, int(ref.label)) for stream in self.kinds]


def _frames(stream: Stream, number: int) -> Frames:
    if stream.name == "silhouettes":
        return (sil(number + 1, FRAMES[number], 64, 44)[number] * 255).to(torch.uint8).numpy()
    if stream.ragged or stream.name == "parsing":
        return example_frames(stream, FRAMES[number], np.random.default_rng(number), **SIZES)
    sizes = [SIZES.get(str(axis), axis) for axis in stream.shape]
    places = np.indices((FRAMES[number], *sizes))
    steps = (0.3 + 0.1 * np.arange(len(places))) * (1 + 0.2 * number)
    wave = np.sin(np.tensordot(steps, places, 1) + number)
    return np.uint8(127.5 * (1 + wave)) if stream.dtype == "uint8" else wave.astype(stream.dtype)


def _divided(stream: Stream) -> bool:
    """Whether frames are brought to 0..1, as pictures are."""
    return stream.dtype == "uint8" and stream.name != "parsing"


def build_example(component: Component) -> GaitModel:
    """An instance with weights that depend on nothing but their names."""
    cls: Any = component.load()
    model: GaitModel = gait_plugins.build("model", {"model": component.qualified, **cls.example_config()})
    return fill_weights_B(model).eval()


def embedded(fabric: Fabric, model: GaitModel, batch_size: int) -> np.ndarray:
    """Embeddings ``[5, c, p]`` by way of the trainer's loader."""
    walks = Walks(model)
    batches = gait_plugins.build("batch_sampler", {"type": "InferenceSampler", "batch_size": batch_size})
    frames = gait_plugins.build("frame_sampler", {"sample_type": "all_ordered"})
    cut = gait_plugins.build("transform", {"type": "BaseSilCuttingTransform"})
    transforms = [cut if _divided(stream) else None for stream in walks.kinds]
    maker = BatchMaker(walks, SequenceIndex(walks.sequences("test")), batches, frames, transforms)
    return embed(fabric, model, maker)


@torch.no_grad()
def one_by_one(model: GaitModel) -> np.ndarray:
    """The same without any batch: each walk by itself."""
    walks = Walks(model)

    def rows() -> Iterator[np.ndarray]:
        for ref in walks.sequences("test"):
            pairs = zip(walks.load(ref), walks.kinds, strict=True)
            clip = [frames / np.float32(255) if _divided(stream) else frames for frames, stream in pairs]
            batch = batch_of(model, walks.kinds, [clip], packed=False)
            yield model(batch)["inference_feat"]["embeddings"].numpy()

    return np.concatenate(list(rows()))


def main(target: str) -> None:
    """Write an array for each model and batch size."""
    torch.set_num_threads(1)
    fabric = make_fabric("cpu")
    found: dict[str, Any] = {
        f"{component.qualified} {size}": embedded(fabric, build_example(component), size)
        for component in default_manager().components("model")
        for size in BATCH_SIZES
    }
    if fabric.is_global_zero:
        np.savez(target, processes=fabric.world_size, **found)


if __name__ == "__main__":
    main(sys.argv[1])
