"""Which frames, and how they are packed."""

import random

import numpy as np


class CollateFn:
    def __init__(self, label_set, sample_config):
        self.label_set = label_set
        self.sampler = sample_config["sample_type"].split("_")[0]
        if self.sampler == "fixed":
            self.frames_num_fixed = sample_config["frames_num_fixed"]

    def __call__(self, batch):
        labels = [self.label_set.index(info[0]) for _, info in batch]
        types = [info[1] for _, info in batch]
        views = [info[2] for _, info in batch]
        clips = [self.frames(np.asarray(data[0])) for data, _ in batch]
        if self.sampler == "fixed":
            return [[clips], labels, types, views, None]
        lengths = np.asarray([[len(clip) for clip in clips]])
        return [[[np.concatenate(clips)]], labels, types, views, lengths]

    def frames(self, data):
        if self.sampler == "all":
            return data
        return np.asarray([data[random.randrange(len(data))] for _ in range(self.frames_num_fixed)])
