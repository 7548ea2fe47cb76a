"""The Gait Energy Image is the mean silhouette, for stacked and packed batches alike."""

from __future__ import annotations

import torch

from gait_plugins.api import GaitBatch
from gait_plugins.plugins.zoo.models.gei import GaitEnergyImage


def test_embedding_is_the_mean_frame_of_each_sequence() -> None:
    frames = torch.rand(1, 9, 8, 6)
    lens = torch.tensor([[5, 4]], dtype=torch.int32)
    batch = GaitBatch([frames], torch.zeros(2), ["nm-01"] * 2, ["000"] * 2, lens)
    embeddings = GaitEnergyImage()(batch)["inference_feat"]["embeddings"]
    assert embeddings.shape == (2, 48, 1)
    torch.testing.assert_close(embeddings[0, :, 0], frames[0, :5].mean(0).flatten())
    torch.testing.assert_close(embeddings[1, :, 0], frames[0, 5:].mean(0).flatten())
    stacked = batch._replace(inputs=[frames[:, :5]], seq_lens=None)
    assert torch.equal(GaitEnergyImage()(stacked)["inference_feat"]["embeddings"], embeddings[:1])


def test_it_has_nothing_to_train() -> None:
    model = GaitEnergyImage.from_config()
    assert not list(model.parameters())
    assert not model.state_dict()
    batch = GaitBatch([torch.rand(2, 3, 8, 6)], torch.zeros(2), [], [], None)
    assert model(batch)["training_feat"] == {}
