"""Batches for any model, and the two ways to embed the sequences of a pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gait_plugins.api import GaitBatch, GaitModel
from helpers.golden_rules import packed_sil, sil

UNEQUAL = (5, 1, 12, 2, 7)
"""Frames of five sequences, very short ones among them."""


def batch_of(frames: Tensor, seq_lens: Tensor | None = None) -> GaitBatch:
    """Frames ``[n, s, h, w]``, or a pack of them with its lengths, each of another identity."""
    n = len(frames) if seq_lens is None else seq_lens.numel()
    return GaitBatch([frames], torch.arange(n) % 5, ["nm-01"] * n, ["090"] * n, seq_lens)


def recorded_batches() -> dict[str, GaitBatch]:
    """The two inputs that most published outputs were recorded for."""
    return {"batch": batch_of(sil(2, 6, 64, 44)), "seqL": batch_of(*packed_sil((6, 4), 64, 44))}


def outputs(model: GaitModel, batch: GaitBatch) -> dict[str, Tensor]:
    """Embeddings and, where there is a classifier, logits: named as in the recordings."""
    out = model(batch)
    found = {"emb": out["inference_feat"]["embeddings"]}
    features: dict[str, Any] = out["training_feat"]
    return found | ({"logits": features["softmax"]["logits"]} if "softmax" in features else {})


@torch.no_grad()
def assert_packs_are_embedded_one_by_one(
    model: GaitModel, lengths: Sequence[int] = UNEQUAL, size: tuple[int, int] = (64, 44)
) -> None:
    """In packs of 1, 4 and 16 sequences at most, each is embedded as if it were alone."""
    model.eval()
    sequences = [sil(i + 1, length, *size)[-1:] for i, length in enumerate(lengths)]
    alone = torch.cat([outputs(model, batch_of(frames))["emb"] for frames in sequences])
    assert (alone[0] - alone[-1]).abs().max() > 0.01 * alone.abs().max(), "all sequences look alike"
    for largest in (1, 4, 16):
        found = []
        for start in range(0, len(lengths), largest):
            pack = sequences[start : start + largest]
            seq_lens = torch.tensor([[frames.shape[1] for frames in pack]], dtype=torch.int32)
            found.append(outputs(model, batch_of(torch.cat(pack, 1), seq_lens))["emb"])
        torch.testing.assert_close(torch.cat(found), alone, rtol=1e-5, atol=1e-5 * float(alone.abs().max()))
