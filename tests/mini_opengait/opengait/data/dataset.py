"""Sequences from OpenGait's folders."""

import json
import os
import os.path as osp
import pickle

import torch.utils.data as tordata


class DataSet(tordata.Dataset):
    def __init__(self, data_cfg, training):
        root = data_cfg["dataset_root"]
        with open(data_cfg["dataset_partition"]) as file:
            ids = json.load(file)["TRAIN_SET" if training else "TEST_SET"]
        self.seqs_info = [
            [
                label,
                kind,
                view,
                [osp.join(root, label, kind, view, f) for f in os.listdir(osp.join(root, label, kind, view))],
            ]
            for label in ids
            for kind in sorted(os.listdir(osp.join(root, label)))
            for view in sorted(os.listdir(osp.join(root, label, kind)))
        ]
        self.label_list = [info[0] for info in self.seqs_info]
        self.types_list = [info[1] for info in self.seqs_info]
        self.views_list = [info[2] for info in self.seqs_info]
        self.label_set = sorted(set(self.label_list))
        self.indices_dict = {label: [] for label in self.label_set}
        for i, label in enumerate(self.label_list):
            self.indices_dict[label].append(i)

    def __len__(self):
        return len(self.seqs_info)

    def __loader__(self, paths):
        data = []
        for path in paths:
            with open(path, "rb") as file:
                data.append(pickle.load(file))
        return data

    def __getitem__(self, idx):
        return self.__loader__(self.seqs_info[idx][-1]), self.seqs_info[idx]
