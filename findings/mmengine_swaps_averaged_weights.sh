#!/usr/bin/env bash
# Which weights of a checkpoint of MMEngine are the averaged ones.
#
# A good guess: a checkpoint of a training with EMAHook holds the weights of the last step under "state_dict" and their
# moving average under "ema_state_dict", as the names say and as other tools do (timm: state_dict, state_dict_ema).
# Seen on 2026-11-28 with mmengine 0.10.7, torch 2.13.0 (CPU) and Python 3.11: the hook swaps the values of the two
# before the file is written. "state_dict" holds the average, and "ema_state_dict" the weights of the last step. Who
# takes "ema_state_dict" for the averaged model tests the one without averaging. Nothing in the file says so.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 mmengine==0.10.7 setuptools==80.9.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

warnings.filterwarnings("ignore")
import mmengine
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner


class OneWeight(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor, mode: str = "loss") -> dict[str, torch.Tensor]:
        return {"loss": -self.w.sum()}


model = OneWeight()
runner = Runner(
    model,
    work_dir="work",
    train_dataloader={
        "dataset": [{"x": torch.zeros(1)}] * 4,
        "sampler": {"type": "DefaultSampler", "shuffle": False},
        "batch_size": 1,
    },
    optim_wrapper={"optimizer": {"type": "SGD", "lr": 1.0}},
    train_cfg={"by_epoch": True, "max_epochs": 1},
    custom_hooks=[{"type": "EMAHook", "momentum": 0.5}],
    experiment_name="ema",
    log_level="ERROR",
)
runner.train()
saved = torch.load("work/epoch_1.pth", weights_only=False)
last = model.w.item()
main, second = saved["state_dict"]["w"].item(), saved["ema_state_dict"]["module.w"].item()
print(f"mmengine {mmengine.__version__}, torch {torch.__version__}: after 4 steps the weight is {last}")
print(f"state_dict: {main}, ema_state_dict: {second}")
assert (second, main < last) == (last, True), "the behaviour has changed"
print("state_dict holds the average, ema_state_dict the last step")
PYTHON
