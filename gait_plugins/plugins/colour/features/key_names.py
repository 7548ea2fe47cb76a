"""Names of DINOv2's weights: Meta's, timm's, and those of transformers 4 and 5, brought to one set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

FIRST = {"patch_embed.proj.weight": "", "embeddings.patch_embeddings.projection.weight": "transformers"}
"""The weight that a file is recognised by -> whose names it has."""
UNUSED = "mask_token"
"""Not needed for features: timm's files have none."""

_PLAIN = {
    "embeddings.cls_token": "cls_token",
    "embeddings.mask_token": "mask_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm": "norm",
}
_IN_LAYER = {
    "attention.output.dense": "attn.proj",
    "attention.o_proj": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
}
_THIRDS = {
    **{f"attention.attention.{name}": place for place, name in enumerate(("query", "key", "value"))},
    **{f"attention.{name}_proj": place for place, name in enumerate("qkv")},
}
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)")
_ENDING = re.compile(r"(.+)\.(weight|bias)")


class Recognised(NamedTuple):
    """Weights under Meta's names."""

    weights: dict[str, Tensor]
    whose: str
    """names they had, in words."""
    left: list[str]
    """Keys of other parts of a larger model."""


def recognised(found: Mapping[str, Tensor]) -> Recognised | None:
    """Weights of a file under Meta's names; None where it is no file of DINOv2.

    Keys may begin with something that they have in common (``backbone.``).
    """
    starts = [
        (key.removesuffix(first), whose)
        for first, whose in FIRST.items()
        for key in found
        if key == first or key.endswith(f".{first}")
    ]
    if len(starts) != 1:
        return None
    start, whose = starts[0]
    own = {key.removeprefix(start): weight for key, weight in found.items() if key.startswith(start)}
    left = [key for key in found if not key.startswith(start)]
    if not whose:
        return Recognised(own, "Meta's" if UNUSED in own else "timm's", left)
    five = any(".q_proj." in key for key in own)
    return Recognised(_from_transformers(own), f"transformers {5 if five else 4}'s", left)


def for_transformers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under Meta's names, by those of the model of transformers 5."""
    result = {}
    plain = {new: old for old, new in _PLAIN.items()}
    in_layer = {new: old for old, new in _IN_LAYER.items()}
    for key, weight in weights.items():
        match = re.fullmatch(r"blocks\.(\d+)\.(.+)", key)
        if match is None:
            result[_renamed(key, plain)] = weight
            continue
        start, inner = f"encoder.layer.{match[1]}.", match[2]
        if inner.startswith("attn.qkv.") and weight.dim() and len(weight) % 3 == 0:
            thirds = zip("qkv", weight.chunk(3), strict=True)
            ending = inner.removeprefix("attn.qkv.")
            result |= {f"{start}attention.{name}_proj.{ending}": third for name, third in thirds}
        else:
            result[start + _renamed(inner, in_layer)] = weight
    return result


def _from_transformers(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    result: dict[str, Tensor] = {}
    thirds: dict[str, dict[int, Tensor]] = {}
    for key, weight in found.items():
        match = _LAYER.fullmatch(key)
        if match is None:
            result[_renamed(key, _PLAIN)] = weight
            continue
        ending = _ENDING.fullmatch(match[2])
        if ending is not None and ending[1] in _THIRDS:
            joined = f"blocks.{match[1]}.attn.qkv.{ending[2]}"
            thirds.setdefault(joined, {})[_THIRDS[ending[1]]] = weight
        else:
            result[f"blocks.{match[1]}.{_renamed(match[2], _IN_LAYER)}"] = weight
    for key, parts in thirds.items():
        if len(parts) == 3 and len({(part.shape, part.dtype, part.layout) for part in parts.values()}) == 1:
            result[key] = torch.cat([parts[place] for place in range(3)])
        # Else it is missing, and told so.
    return result


def _renamed(key: str, names: Mapping[str, str]) -> str:
    ending = _ENDING.fullmatch(key)
    if key in names or ending is None:
        return names.get(key, key)
    return f"{names.get(ending[1], ending[1])}.{ending[2]}"


def listed(names: Iterable[str], at_most: int = 4) -> str:
    """Some names, and how many more there are."""
    found = list(names)
    more = len(found) - at_most
    return ", ".join(found[:at_most]) + (f" and {more} more" if more > 0 else "")
