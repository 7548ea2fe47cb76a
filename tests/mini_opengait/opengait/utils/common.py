"""Helpers of the miniature."""

import inspect
import os
import random
from collections import OrderedDict

import numpy as np
import torch
import yaml
from torch.nn.parallel import DistributedDataParallel as DDP


class NoOp:
    def __getattr__(self, *args):
        return lambda *args, **kwargs: None


class Odict(OrderedDict):
    def append(self, odict):
        for key, value in odict.items():
            self[key] = self.get(key, []) + (value if is_list(value) else [value])


def get_valid_args(obj, input_args, free_keys=[]):
    known = inspect.getfullargspec(obj if inspect.isfunction(obj) else obj.__init__)[0]
    return {key: value for key, value in input_args.items() if key in known}


def get_attr_from(sources, name):
    return getattr(sources[0], name)


def is_list(x):
    return isinstance(x, list)


def is_dict(x):
    return isinstance(x, dict)


def is_tensor(x):
    return isinstance(x, torch.Tensor)


def ts2np(x):
    return x.cpu().data.numpy()


def ts2var(x, **kwargs):
    return torch.autograd.Variable(x, **kwargs).cuda()


def np2var(x, **kwargs):
    return ts2var(torch.from_numpy(x), **kwargs)


def list2var(x, **kwargs):
    return np2var(np.array(x), **kwargs)


def mkdir(path):
    os.makedirs(path, exist_ok=True)


def MergeCfgsDict(src, dst):
    for key, value in src.items():
        if isinstance(value, dict) and isinstance(dst.get(key), dict):
            MergeCfgsDict(value, dst[key])
        else:
            dst[key] = value


def config_loader(path):
    with open("./configs/default.yaml") as file:
        merged = yaml.safe_load(file)
    with open(path) as file:
        MergeCfgsDict(yaml.safe_load(file), merged)
    return merged


def init_seeds(seed=0, cuda_deterministic=True):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def ddp_all_gather(features, dim=0, requires_grad=True):
    parts = [torch.ones_like(features) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(parts, features.contiguous())
    if requires_grad:
        parts[torch.distributed.get_rank()] = features
    return torch.cat(parts, dim=dim)


class DDPPassthrough(DDP):
    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.module, name)


def get_ddp_module(module, find_unused_parameters=False, **kwargs):
    if not list(module.parameters()):
        return module
    device = torch.cuda.current_device()
    return DDPPassthrough(
        module,
        device_ids=[device],
        output_device=device,
        find_unused_parameters=find_unused_parameters,
        **kwargs,
    )


def params_count(net):
    return f"{sum(p.numel() for p in net.parameters())} parameters"
