"""The trainer of the miniature."""

import os.path as osp
from abc import ABCMeta, abstractmethod

import data.sampler as Samplers
import numpy as np
import torch
import torch.optim as optim
import torch.utils.data as tordata
from data.collate_fn import CollateFn
from data.dataset import DataSet
from data.transform import get_transform
from evaluation import evaluator as eval_functions
from torch import nn
from torch.cuda.amp import GradScaler, autocast
from utils import (
    Odict,
    ddp_all_gather,
    get_attr_from,
    get_msg_mgr,
    get_valid_args,
    is_dict,
    list2var,
    mkdir,
    np2var,
    ts2np,
)

from . import backbones
from .loss_aggregator import LossAggregator


class MetaModel(metaclass=ABCMeta):
    @abstractmethod
    def build_network(self, model_cfg):
        raise NotImplementedError


class BaseModel(MetaModel, nn.Module):
    def __init__(self, cfgs, training):
        super().__init__()
        self.msg_mgr = get_msg_mgr()
        self.cfgs = cfgs
        self.iteration = 0
        self.engine_cfg = cfgs["trainer_cfg" if training else "evaluator_cfg"]
        if training and self.engine_cfg["enable_float16"]:
            self.Scaler = GradScaler()
        self.save_path = osp.join(
            "output/",
            cfgs["data_cfg"]["dataset_name"],
            cfgs["model_cfg"]["model"],
            self.engine_cfg["save_name"],
        )
        self.build_network(cfgs["model_cfg"])
        self.init_parameters()
        self.trainer_trfs = get_transform(cfgs["trainer_cfg"]["transform"])
        if training:
            self.train_loader = self.get_loader(cfgs["data_cfg"], train=True)
        if not training or self.engine_cfg["with_test"]:
            self.test_loader = self.get_loader(cfgs["data_cfg"], train=False)
            self.evaluator_trfs = get_transform(cfgs["evaluator_cfg"]["transform"])
        self.device = torch.distributed.get_rank()
        torch.cuda.set_device(self.device)
        self.to(device=torch.device("cuda", self.device))
        if training:
            self.loss_aggregator = LossAggregator(cfgs["loss_cfg"])
            self.optimizer = self.get_optimizer(cfgs["optimizer_cfg"])
            self.scheduler = self.get_scheduler(cfgs["scheduler_cfg"])
        self.train(training)
        if self.engine_cfg["restore_hint"] != 0:
            self.resume_ckpt(self.engine_cfg["restore_hint"])

    def get_backbone(self, backbone_cfg):
        if is_dict(backbone_cfg):
            Backbone = get_attr_from([backbones], backbone_cfg["type"])
            return Backbone(**get_valid_args(Backbone, backbone_cfg, ["type"]))
        return nn.ModuleList([self.get_backbone(cfg) for cfg in backbone_cfg])

    def build_network(self, model_cfg):
        self.Backbone = self.get_backbone(model_cfg["backbone_cfg"])

    def init_parameters(self):
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight.data)

    def get_loader(self, data_cfg, train=True):
        sampler_cfg = self.cfgs["trainer_cfg" if train else "evaluator_cfg"]["sampler"]
        dataset = DataSet(data_cfg, train)
        Sampler = get_attr_from([Samplers], sampler_cfg["type"])
        sampler = Sampler(dataset, **get_valid_args(Sampler, sampler_cfg, free_keys=["sample_type", "type"]))
        return tordata.DataLoader(
            dataset=dataset,
            batch_sampler=sampler,
            collate_fn=CollateFn(dataset.label_set, sampler_cfg),
            num_workers=data_cfg["num_workers"],
        )

    def get_optimizer(self, optimizer_cfg):
        optimizer = get_attr_from([optim], optimizer_cfg["solver"])
        trained = filter(lambda p: p.requires_grad, self.parameters())
        return optimizer(trained, **get_valid_args(optimizer, optimizer_cfg, ["solver"]))

    def get_scheduler(self, scheduler_cfg):
        Scheduler = get_attr_from([optim.lr_scheduler], scheduler_cfg["scheduler"])
        return Scheduler(self.optimizer, **get_valid_args(Scheduler, scheduler_cfg, ["scheduler"]))

    def save_ckpt(self, iteration):
        if torch.distributed.get_rank() == 0:
            mkdir(osp.join(self.save_path, "checkpoints/"))
            state = {
                "model": self.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": self.scheduler.state_dict(),
                "iteration": iteration,
            }
            name = f"{self.engine_cfg['save_name']}-{iteration:0>5}.pt"
            torch.save(state, osp.join(self.save_path, "checkpoints", name))

    def _load_ckpt(self, save_name):
        state = torch.load(save_name, map_location=torch.device("cuda", self.device))
        self.load_state_dict(state["model"], strict=self.engine_cfg["restore_ckpt_strict"])

    def resume_ckpt(self, restore_hint):
        if isinstance(restore_hint, int):
            name = f"{self.engine_cfg['save_name']}-{restore_hint:0>5}.pt"
            self.iteration = restore_hint
            restore_hint = osp.join(self.save_path, "checkpoints", name)
        self._load_ckpt(restore_hint)

    def fix_BN(self):
        for module in self.modules():
            if "BatchNorm" in type(module).__name__:
                module.eval()

    def inputs_pretreament(self, inputs):
        seqs, labels, types, views, lengths = inputs
        transforms = self.trainer_trfs if self.training else self.evaluator_trfs
        arrays = [np.asarray([trf(clip) for clip in clips]) for trf, clips in zip(transforms, seqs)]
        tensors = [np2var(array).float() for array in arrays]
        return (
            tensors,
            list2var(labels).long(),
            types,
            views,
            None if lengths is None else np2var(lengths).int(),
        )

    def train_step(self, loss_sum) -> bool:
        self.optimizer.zero_grad()
        if self.engine_cfg["enable_float16"]:
            self.Scaler.scale(loss_sum).backward()
            self.Scaler.step(self.optimizer)
            self.Scaler.update()
        else:
            loss_sum.backward()
            self.optimizer.step()
        self.iteration += 1
        self.scheduler.step()
        return True

    def inference(self, rank):
        total = len(self.test_loader)
        found = Odict()
        for inputs in self.test_loader:
            ipts = self.inputs_pretreament(inputs)
            with autocast(enabled=self.engine_cfg["enable_float16"]):
                features = self.forward(ipts)["inference_feat"]
            found.append(
                {key: ts2np(ddp_all_gather(value, requires_grad=False)) for key, value in features.items()}
            )
        return Odict({key: np.concatenate(value)[:total] for key, value in found.items()})

    @staticmethod
    def run_train(model):
        for inputs in model.train_loader:
            ipts = model.inputs_pretreament(inputs)
            with autocast(enabled=model.engine_cfg["enable_float16"]):
                output = model(ipts)
            loss_sum, loss_info = model.loss_aggregator(output["training_feat"])
            if not model.train_step(loss_sum):
                continue
            summary = {**output["visual_summary"], **loss_info}
            summary["scalar/learning_rate"] = model.optimizer.param_groups[0]["lr"]
            model.msg_mgr.train_step(loss_info, summary)
            if model.iteration % model.engine_cfg["save_iter"] == 0:
                model.save_ckpt(model.iteration)
                if model.engine_cfg["with_test"]:
                    model.eval()
                    result_dict = BaseModel.run_test(model)
                    model.train()
                    model.msg_mgr.write_to_tensorboard(result_dict)
            if model.iteration >= model.engine_cfg["total_iter"]:
                break

    @staticmethod
    def run_test(model):
        evaluator_cfg = model.cfgs["evaluator_cfg"]
        if torch.distributed.get_world_size() != evaluator_cfg["sampler"]["batch_size"]:
            raise ValueError("the batch size must be the number of GPUs")
        with torch.no_grad():
            info_dict = model.inference(torch.distributed.get_rank())
        if torch.distributed.get_rank() == 0:
            dataset = model.test_loader.dataset
            info_dict.update(labels=dataset.label_list, types=dataset.types_list, views=dataset.views_list)
            eval_func = getattr(eval_functions, evaluator_cfg.get("eval_func", "identification"))
            options = get_valid_args(eval_func, evaluator_cfg, ["metric"])
            return eval_func(info_dict, model.cfgs["data_cfg"]["dataset_name"], **options)
