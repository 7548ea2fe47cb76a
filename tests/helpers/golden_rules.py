"""Recorded numbers of the published implementations: how to rebuild their inputs and compare with them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from helpers.places import GOLDEN

FREQUENCIES = (0.31, 0.41)
"""The two wave numbers that every recorded silhouette was made with."""

Module = TypeVar("Module", bound=nn.Module)
Rule = Callable[[str, tuple[int, ...]], np.ndarray]


def golden(name: str) -> dict[str, np.ndarray]:
    """All arrays of ``tests/golden/<name>.npz``."""
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def golden_json(name: str) -> dict[str, Any]:
    """``tests/golden/<name>.json``."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


def sil(n: int, s: int, h: int, w: int, a: float = FREQUENCIES[0], b: float = FREQUENCIES[1]) -> Tensor:
    """0/1 silhouettes float32 ``[n, s, h, w]``: thresholded standing waves."""
    sequence = np.arange(n, dtype=np.float64)[:, None, None, None]
    frame = np.arange(s, dtype=np.float64)[:, None, None]
    row = np.arange(h, dtype=np.float64)[:, None]
    column = np.arange(w, dtype=np.float64)
    down = np.sin(a * row * (1 + 0.1 * sequence) + 0.23 * frame)
    across = np.cos(b * column - 0.17 * frame * (1 + sequence))
    return torch.from_numpy((down + across > 0.2).astype(np.float32))


def packed_sil(lengths: tuple[int, ...], h: int, w: int) -> tuple[Tensor, Tensor]:
    """Sequences of ``sil`` cut to ``lengths``: frames ``[1, sum, h, w]`` and ``seq_lens`` ``[1, n]``."""
    whole = sil(len(lengths), max(lengths), h, w)
    frames = torch.cat([whole[i : i + 1, :length] for i, length in enumerate(lengths)], dim=1)
    return frames, torch.tensor([lengths], dtype=torch.int32)


def fill_weights(model: Module) -> Module:
    """Weight rule A: a sine over the flat index, phase from the key's checksum."""
    return _fill(model, _rule_a)


def fill_weights_B(model: Module, salt: int = 0) -> Module:  # noqa: N802
    """Weight rule B: normal numbers seeded by the key's checksum, He scale."""
    return _fill(model, lambda key, shape: _rule_b(key, shape, salt))


def _fill(model: Module, rule: Rule) -> Module:
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            # Counters stay, and so do a learnable pooling exponent and the adjacency of a graph.
            last = key.rsplit(".", 1)[-1]
            if tensor.is_floating_point() and last not in ("p", "A") and not last.startswith("A_"):
                values = rule(key, tuple(tensor.shape)).astype(np.float32).reshape(tuple(tensor.shape))
                tensor.copy_(torch.from_numpy(values))
    return model


def _rule_a(key: str, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape))
    wave = np.sin(np.arange(1, count + 1, dtype=np.float64) * 0.37 + zlib.crc32(key.encode()) % 1000)
    if key.endswith("running_var"):
        return 1 + 0.25 * wave**2
    if key.endswith("running_mean") or _is_vector(key, shape, "bias"):
        return 0.05 * wave
    if _is_vector(key, shape, "weight") or _is_edge(key):
        return 1 + 0.1 * wave
    return 0.5 * wave / np.sqrt(count / shape[0] if len(shape) > 1 else 1.0)


def _rule_b(key: str, shape: tuple[int, ...], salt: int) -> np.ndarray:
    count = int(np.prod(shape))
    normal = np.random.RandomState((zlib.crc32(key.encode()) + salt) % 2**32).standard_normal(count)
    if key.endswith("running_var"):
        return 1 + 0.3 * np.tanh(normal)
    if key.endswith("running_mean"):
        return 0.1 * normal
    if _is_vector(key, shape, "weight") or _is_edge(key):
        return 1 + 0.1 * normal
    if _is_vector(key, shape, "bias"):
        return 0.05 * normal
    if key.endswith("fc_bin"):
        return normal * np.sqrt(2.0 / shape[1])
    return normal * np.sqrt(2.0 / (count / shape[0] if len(shape) > 1 else 1.0))


def _is_vector(key: str, shape: tuple[int, ...], last: str) -> bool:
    return len(shape) == 1 and key.endswith(f".{last}")


def _is_edge(key: str) -> bool:
    """Learned weights of a graph's edges."""
    return key.rsplit(".", 1)[-1] == "edge" or key.startswith("edge_importance")


def assert_within_noise(actual: Any, expected: Any, noise: float, factor: float = 20.0) -> None:
    """Same shape, and nowhere further from ``expected`` than ``factor`` times the noise floor."""
    found = np.asarray(actual.detach().cpu() if isinstance(actual, Tensor) else actual, dtype=np.float64)
    wanted = np.asarray(expected, dtype=np.float64)
    assert found.shape == wanted.shape, f"shape {found.shape}, expected {wanted.shape}"
    assert np.isfinite(found).all()
    worst = float(np.abs(found - wanted).max(initial=0.0))
    assert worst <= factor * noise, f"off by {worst:.3e}, allowed {factor:g} x {noise:.3e}"


def check_state_dict(model: nn.Module, description: dict[str, Any]) -> None:
    """The model's keys, in order, with shapes and dtypes, are those that the json lists."""
    found = [
        [key, list(tensor.shape), str(tensor.dtype).removeprefix("torch.")]
        for key, tensor in model.state_dict().items()
    ]
    assert found == description["state_dict"]


def check_outputs(
    outputs: dict[str, Any], name: str, case: str, *, arrays: str | None = None, factor: float = 20.0
) -> None:
    """Every output of ``case`` that ``outputs`` holds lies within the noise floor that the json states.

    Args:
        outputs: output's name in the json (``emb``, ``logits``) -> tensor.
        name: golden model, ``model_Baseline_B``.
        case: ``batch``, ``seqL``, ``train``...
        arrays: npz that holds the case where it is not called ``name``.
        factor: multiple of the noise floor that is allowed.
    """
    stated = golden_json(name)["cases"][case]["outputs"]
    expected = golden(arrays or name)
    for output, value in outputs.items():
        noise = stated[output]["max_abs_err_float32_vs_float64"]
        assert_within_noise(value, expected[f"{case}_{output}"], noise, factor)
