"""Program of the miniature: NCCL, and as many GPUs as processes."""

import argparse
import os

import torch
from modeling import models
from torch import nn
from utils import config_loader, get_ddp_module, get_msg_mgr, init_seeds, params_count

parser = argparse.ArgumentParser()
parser.add_argument("--local_rank", "--local-rank", type=int, default=0)
parser.add_argument("--cfgs")
parser.add_argument("--phase", choices=["train", "test"], default="train")
parser.add_argument("--log_to_file", action="store_true")
parser.add_argument("--iter", default=0)
opt = parser.parse_args()


def initialization(cfgs, training):
    engine = cfgs["trainer_cfg" if training else "evaluator_cfg"]
    path = os.path.join(
        "output/", cfgs["data_cfg"]["dataset_name"], cfgs["model_cfg"]["model"], engine["save_name"]
    )
    manager = get_msg_mgr()
    if training:
        manager.init_manager(path, opt.log_to_file, engine["log_iter"], 0)
    else:
        manager.init_logger(path, opt.log_to_file)
    init_seeds(torch.distributed.get_rank())


def run_model(cfgs, training):
    Model = getattr(models, cfgs["model_cfg"]["model"])
    model = Model(cfgs, training)
    if training and cfgs["trainer_cfg"]["sync_BN"]:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model = get_ddp_module(model, cfgs["trainer_cfg"]["find_unused_parameters"])
    get_msg_mgr().log_info(params_count(model))
    if training:
        Model.run_train(model)
    else:
        Model.run_test(model)


if __name__ == "__main__":
    torch.distributed.init_process_group("nccl", init_method="env://")
    if torch.distributed.get_world_size() != torch.cuda.device_count():
        raise ValueError("as many GPUs as processes, please")
    cfgs = config_loader(opt.cfgs)
    if opt.iter != 0:
        cfgs["evaluator_cfg"]["restore_hint"] = cfgs["trainer_cfg"]["restore_hint"] = int(opt.iter)
    training = opt.phase == "train"
    initialization(cfgs, training)
    run_model(cfgs, training)
