#!/usr/bin/env bash
# Names of DINOv2's weights in transformers 5: in the model, and in the file that save_pretrained writes of it.
#
# A good guess: the file has the names of the model's state dict, so that load_state_dict takes it back.
# Seen on 2026-11-28 with transformers 5.24.0, torch 2.13.0 (CPU), safetensors 0.8.0, Python 3.11: the queries, keys,
# values and outputs of every layer have other names in the file (those of transformers 4). load_state_dict with
# strict=False takes the rest, raises nothing, and leaves these random: features of the loaded network are off by 1.26
# times their largest value. from_pretrained knows both, and gives the very same network. Models of gait on
# frozen features (BigGait, BiggerGait) load such a file by hand.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 transformers==5.24.0 \
  safetensors==0.8.0
cd "$folder"
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from safetensors.torch import load_file
from transformers import Dinov2Config, Dinov2Model

torch.manual_seed(0)
torch.set_num_threads(1)
settings = Dinov2Config(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14, initializer_range=0.5
)
model = Dinov2Model(settings).eval()
model.save_pretrained("saved")
file = load_file("saved/model.safetensors")
own = model.state_dict()
print(f"transformers {transformers.__version__}: {len(own)} names in the model, {len(file)} in the file,"
      f" {len(own.keys() & file.keys())} of them the same")
for where, names in (("the model alone", own.keys() - file.keys()), ("the file alone", file.keys() - own.keys())):
    print(f"  in {where}: {sorted(names)[0]}, ... ({len(names)})")

torch.manual_seed(1)
by_hand = Dinov2Model(settings).eval()
missing, unexpected = by_hand.load_state_dict(file, strict=False)
by_library = Dinov2Model.from_pretrained("saved").eval()
pictures = torch.randn(2, 3, 28, 28)
with torch.no_grad():
    wanted, first, second = (m(pictures).last_hidden_state for m in (model, by_hand, by_library))
apart = float((first - wanted).abs().max() / wanted.abs().max())
print(f"  load_state_dict(strict=False): {len(missing)} missing, {len(unexpected)} unexpected, nothing raised;"
      f" features off by {apart:.2f} of their largest value")
print(f"  from_pretrained: features off by {float((second - wanted).abs().max()):.1e}")
assert torch.equal(second, wanted), "the behaviour has changed"
assert len(missing) == len(unexpected) > 0, "the behaviour has changed: the file has the names of the model"
assert apart > 0.5, "the behaviour has changed"
PYTHON
