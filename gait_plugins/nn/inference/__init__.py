"""Copies of models for inference alone: batch norms folded into what comes before them, faster layers."""

from gait_plugins.nn.inference.folding import norms
from gait_plugins.nn.inference.fusing import Fused, fused, with_weights_in

__all__ = ["Fused", "fused", "norms", "with_weights_in"]
