"""Conversion of the authors' checkpoints: the weights that the network uses, and nothing else.

python -m gait_plugins.plugins.rle.published_weights sysu_best.t sysu.pt
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gait_plugins.errors import CheckpointError, GaitPluginsError
from gait_plugins.io.archive import is_archive, verify
from gait_plugins.io.printable import say

_STEMS = ("visible_module.visible", "thermal_module.thermal")
_HEADS = ("bottleneck", "classifier")


def read_authors(path: str | Path) -> dict[str, Tensor]:
    """The state dict of a file of the public code, as ``CrossSpectralNet`` names it.

    Left out are the parts that its forward pass never uses: ``middle_module``, the layers within the
    stems, the stem within the shared part and, for RegDB, the fourth layer. Numpy figures that lie
    beside the weights are admitted; no other code is.

    Raises:
        CheckpointError: it cannot be read, or holds no such network.
    """
    try:
        if is_archive(path):
            verify(path)
        with torch.serialization.safe_globals(_numpy_names()):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may raise anything
        raise CheckpointError(
            f"the file cannot be read: {type(error).__name__}: {str(error).splitlines()[0]}",
            where=str(path),
            hint="only tensors, numpy arrays and plain data are accepted",
        ) from error
    weights = loaded.get("net", loaded) if isinstance(loaded, dict) else {}
    found = {key: value for key, value in weights.items() if isinstance(value, Tensor) and _is_used(key)}
    if found.get("classifierg.weight", torch.empty(0)).dim() != 2:
        raise CheckpointError(
            f"the file holds no cross-spectral network, only {sorted(map(str, weights))[:6]}",
            where=str(path),
            hint="expected the keys of stone96123/RLE: visible_module, thermal_module, base_resnet, ..",
        )
    return _without_unused_layer(found)


def _is_used(key: str) -> bool:
    stem = any(key.startswith((f"{name}.conv1.", f"{name}.bn1.")) for name in _STEMS)
    return stem or key.startswith(("base_resnet.base.layer", *_HEADS))


def _without_unused_layer(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    channels = weights["classifierg.weight"].shape[1]
    third = [key for key in weights if key.startswith("base_resnet.base.layer3.") and ".bn" in key]
    ends_there = bool(third) and max(len(weights[k]) for k in third if weights[k].dim()) == channels
    return {k: v for k, v in weights.items() if not (ends_there and k.startswith("base_resnet.base.layer4."))}


def _numpy_names() -> list[Any]:
    """What pickled numpy arrays and numbers are made of, by the names of old and new versions."""
    array: Any = np.zeros(1).__reduce__()[0]
    scalar: Any = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(name)) for name in ("float32", "float64", "int32", "int64")]
    old = [(function, f"numpy.core.multiarray.{function.__name__}") for function in (array, scalar)]
    return [array, scalar, np.ndarray, np.dtype, *kinds, *old]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path, help="a checkpoint of the public code")
    parser.add_argument("target", type=Path, help="the checkpoint to write")
    options = parser.parse_args()
    try:
        weights = read_authors(options.source)
    except GaitPluginsError as error:
        say(error, error=True)
        return 2
    torch.save({"model": weights}, options.target)
    classes, channels = weights["classifierg.weight"].shape
    layers = 4 if any(".layer4." in key for key in weights) else 3
    say(f"{options.target}: {classes} identities, {channels} channels; model_cfg.layers: {layers}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
