"""Distances of the miniature."""

import torch


def cuda_dist(x, y, metric="euc"):
    x = torch.from_numpy(x).cuda()
    y = torch.from_numpy(y).cuda()
    return sum(torch.cdist(x[:, :, i], y[:, :, i]) for i in range(x.size(2))) / x.size(2)


def mean_iou(msk1, msk2, eps=1.0e-9):
    return ((msk1 * msk2).sum() + eps) / ((msk1 + msk2 > 0).sum() + eps)
