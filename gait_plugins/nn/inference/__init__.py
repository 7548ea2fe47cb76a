"""Copies of models for inference alone: batch norms folded into what comes before them, faster layers."""

from gait_plugins.nn.inference.fused import Fused, fused
from gait_plugins.nn.inference.sample import few_frames

__all__ = ["Fused", "few_frames", "fused"]
