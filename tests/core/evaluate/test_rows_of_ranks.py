"""Rows that several processes have embedded come together bit for bit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gait_plugins.core.evaluate import infer


def test_rows_of_all_kinds_keep_their_bits(monkeypatch: pytest.MonkeyPatch):
    fabric = SimpleNamespace(broadcast=lambda found: found, world_size=2, device=torch.device("cpu"))
    monkeypatch.setattr(
        infer, "sum_over_ranks", lambda x: x + torch.zeros_like(x)
    )  # the other has none of them
    rows = {
        "out/embeddings": np.array([[[-0.0]], [[np.nan]]], np.float32),
        "target/seen": np.array([True, False]),
        "target/number": np.array([-1, 7], np.int64),
    }
    whole = infer._assembled(fabric, [([2, 0], rows)], 3)
    for name, values in rows.items():
        assert whole[name].dtype == values.dtype
        assert whole[name][[2, 0]].tobytes() == values.tobytes()
        assert not whole[name][1].any()
