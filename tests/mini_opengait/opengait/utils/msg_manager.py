"""Messages of the miniature."""

import logging
import os.path as osp

import torch
import torchvision.utils as vutils

from .common import NoOp, Odict, mkdir


class MessageManager:
    def __init__(self):
        self.info_dict = Odict()

    def init_manager(self, save_path, log_to_file, log_iter, iteration=0):
        self.iteration = iteration
        self.log_iter = log_iter
        mkdir(osp.join(save_path, "summary/"))
        self.init_logger(save_path, log_to_file)

    def init_logger(self, save_path, log_to_file):
        self.logger = logging.getLogger("opengait")
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.logger.addHandler(logging.StreamHandler())

    def write_to_tensorboard(self, summary):
        for name, value in summary.items():
            if name.startswith("image/"):
                vutils.make_grid(value, normalize=True, scale_each=True)

    def train_step(self, info, summary):
        self.iteration += 1
        if self.iteration % self.log_iter == 0:
            figures = ", ".join(f"{name}={float(value.mean()):.4f}" for name, value in info.items())
            self.log_info(f"Iteration {self.iteration:0>5}, {figures}")
            self.write_to_tensorboard(summary)

    def reset_time(self):
        pass

    def log_debug(self, *args, **kwargs):
        self.logger.debug(*args, **kwargs)

    def log_info(self, *args, **kwargs):
        self.logger.info(*args, **kwargs)

    def log_warning(self, *args, **kwargs):
        self.logger.warning(*args, **kwargs)


msg_mgr = MessageManager()
noop = NoOp()


def get_msg_mgr():
    return noop if torch.distributed.get_rank() > 0 else msg_mgr
