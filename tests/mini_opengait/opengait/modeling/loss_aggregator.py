"""The sum of the losses."""

from torch import nn
from utils import Odict, get_attr_from, get_ddp_module, get_msg_mgr, get_valid_args, is_dict, is_tensor

from . import losses


class LossAggregator(nn.Module):
    def __init__(self, loss_cfg) -> None:
        super().__init__()
        cfgs = [loss_cfg] if is_dict(loss_cfg) else loss_cfg
        self.losses = nn.ModuleDict({cfg["log_prefix"]: self._build_loss_(cfg) for cfg in cfgs})

    def _build_loss_(self, loss_cfg):
        Loss = get_attr_from([losses], loss_cfg["type"])
        return get_ddp_module(Loss(**get_valid_args(Loss, loss_cfg, ["type"])).cuda())

    def forward(self, training_feats):
        total, infos = 0.0, Odict()
        for name, features in training_feats.items():
            term = self.losses[name]
            loss, info = term(**features)
            infos.update({f"scalar/{name}/{key}": value for key, value in info.items()})
            total = total + loss.mean() * term.loss_term_weight
        return total, infos
