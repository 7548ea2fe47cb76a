"""Several data sets at once."""

import os.path as osp

import torch
from torch.cuda.amp import GradScaler, autocast

from .base_model import BaseModel


class MultiDatasets(BaseModel):
    scaler = GradScaler
    precision = autocast
    cuda = torch.cuda
