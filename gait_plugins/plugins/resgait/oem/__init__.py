"""The occlusion evaluation module: detector, model, loss, protocol."""
