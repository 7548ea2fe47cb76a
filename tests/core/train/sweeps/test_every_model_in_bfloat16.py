"""Every registered model trains a step in bfloat16: what a processor that is faster by it does by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.programs.embed_every_model import SIZES, Walks, build_example

from gait_plugins.nn.tensor_trees import tensors
from gait_plugins.registry.components import Component
from gait_plugins.registry.manager import Manager
from gait_plugins.testing.streams import batch_of, example_frames

MODELS = Manager(allow=[]).components("model")


@pytest.mark.heavy
@pytest.mark.parametrize("component", MODELS, ids=lambda each: each.name)
def test_it_takes_a_step_whose_gradients_are_finite_and_float32(component: Component) -> None:
    model = build_example(component)
    if not list(model.parameters()):
        pytest.skip("it has no weights")
    kinds, generator = Walks(model).kinds, np.random.default_rng(0)
    clips = [[example_frames(stream, 12, generator, **SIZES) for stream in kinds] for _ in range(4)]
    batch = batch_of(model, kinds, clips, packed=False)
    model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = model(batch)["training_feat"]
    found = [value.float() for value in tensors(features) if value.requires_grad]
    torch.stack([value.square().mean() for value in found]).sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    for value in (*gradients, *model.parameters(), *(b for b in model.buffers() if b.is_floating_point())):
        assert value.dtype == torch.float32
        assert torch.isfinite(value).all()
