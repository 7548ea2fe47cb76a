"""Which sequences make a batch."""

import random

import torch
import torch.distributed as dist
import torch.utils.data as tordata


def sync_random_sample_list(obj_list, k, common_choice=False):
    idx = torch.tensor([random.randrange(len(obj_list)) for _ in range(k)])
    if torch.cuda.is_available():
        idx = idx.cuda()
    dist.broadcast(idx, src=0)
    return [obj_list[i] for i in idx.tolist()]


class TripletSampler(tordata.sampler.Sampler):
    def __init__(self, dataset, batch_size, batch_shuffle=False):
        self.dataset = dataset
        self.batch_size = batch_size
        self.batch_shuffle = batch_shuffle
        self.world_size = dist.get_world_size()
        self.rank = dist.get_rank()

    def __iter__(self):
        while True:
            chosen = []
            for label in sync_random_sample_list(self.dataset.label_set, self.batch_size[0]):
                chosen += sync_random_sample_list(self.dataset.indices_dict[label], self.batch_size[1])
            yield chosen[self.rank :: self.world_size]

    def __len__(self):
        return len(self.dataset)


class InferenceSampler(tordata.sampler.Sampler):
    def __init__(self, dataset, batch_size):
        if batch_size % dist.get_world_size():
            raise ValueError("not divisible")
        self.dataset = dataset
        self.batch_size = batch_size

    def __iter__(self):
        mine = self.batch_size // dist.get_world_size()
        starts = range(0, len(self.dataset), mine)
        for start in list(starts)[dist.get_rank() :: dist.get_world_size()]:
            yield list(range(start, start + mine))

    def __len__(self):
        return len(self.dataset)
