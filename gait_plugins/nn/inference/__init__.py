"""Copies of models for inference alone: batch norms folded into what comes before them, faster layers."""

from gait_plugins.nn.inference.fused import Fused, fused, with_weights_in

__all__ = ["Fused", "fused", "with_weights_in"]
