"""Transforms of the miniature."""

import numpy as np
import torchvision.transforms as T
from data import transform as base_transform
from utils import get_valid_args, is_dict, is_list


class BaseSilCuttingTransform:
    def __init__(self, divsor=255.0, cutting=None):
        self.divsor = divsor
        self.cutting = cutting

    def __call__(self, x):
        cut = int(x.shape[-1] // 64) * 10 if self.cutting is None else self.cutting
        return (x[..., cut:-cut] if cut else x) / self.divsor


class OldFloat:
    def __call__(self, x):
        return (x > 0.5).astype(np.float)


def Both():
    return T.Compose([BaseSilCuttingTransform(), OldFloat()])


def get_transform(trf_cfg=None):
    if is_list(trf_cfg):
        return [get_transform(cfg) for cfg in trf_cfg]
    if is_dict(trf_cfg):
        transform = getattr(base_transform, trf_cfg["type"])
        return transform(**get_valid_args(transform, trf_cfg, ["type"]))
    return lambda x: x
