#!/usr/bin/env bash
# Batch norm in training mode over one float32 batch of feature maps, contiguous and with channels last, on a CPU.
#
# A good guess: the memory format is a matter of speed; both results lie within a few float32 steps (3e-7) of float64's.
# Seen on 2026-11-28 with torch 2.13.0 (CPU), Python 3.11: contiguous is off by 2.4e-7 at most, channels last by 2.1e-5,
# ninety times as much, and more the more pixels there are. Convolutions are faster with channels last, so a gait network
# that is trained so on a CPU is another one than the same network trained with contiguous maps.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torch.nn.functional import batch_norm

torch.manual_seed(0)
torch.set_num_threads(1)
maps = torch.rand(24, 32, 64, 44) * 3
exact = batch_norm(maps.double(), None, None, training=True)
worst = {}
for form in (torch.contiguous_format, torch.channels_last):
    found = batch_norm(maps.contiguous(memory_format=form), None, None, training=True)
    worst[form] = float((found.double() - exact).abs().max())
    print("torch", torch.__version__, form, f"off by {worst[form]:.1e} at most")
ratio = worst[torch.channels_last] / worst[torch.contiguous_format]
print(f"ratio {ratio:.0f}")
assert worst[torch.contiguous_format] < 1e-6, "the behaviour has changed"
assert ratio > 20, "the behaviour has changed"
PYTHON
