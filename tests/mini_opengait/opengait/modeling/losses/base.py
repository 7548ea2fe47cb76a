"""The base of losses."""

import functools
from ctypes import ArgumentError

import torch
from torch import nn
from utils import Odict, ddp_all_gather


def gather_and_scale_wrapper(func):
    @functools.wraps(func)
    def inner(*args, **kwds):
        try:
            gathered = {key: ddp_all_gather(value) for key, value in kwds.items()}
            loss, info = func(*args, **gathered)
            return loss * torch.distributed.get_world_size(), info
        except Exception:
            raise ArgumentError

    return inner


class BaseLoss(nn.Module):
    def __init__(self, loss_term_weight=1.0):
        super().__init__()
        self.loss_term_weight = loss_term_weight
        self.info = Odict()

    def forward(self, logits, labels):
        return 0.0, self.info
