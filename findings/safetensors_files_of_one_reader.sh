#!/usr/bin/env bash
# A file that safetensors writes where other people are to read it.
#
# A good guess: safetensors.torch.save_file creates the file as open() does, so that the umask decides who may read it;
# with the usual umask 022 everyone may. So do torch.save, numpy.save, and safetensors 0.4.5 to 0.7.0.
# Seen on 2026-11-28 with safetensors 0.8.0, torch 2.13.0 (CPU) and Python 3.11: the file has the mode 0600 under any
# umask: its owner alone can read it. Replacing a file of mode 0644 makes it 0600 too. Weights on a shared disk are
# "Permission denied" for everybody else. serialize(), or safetensors.torch.save, and a file of one's own has no such
# effect.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 packaging==26.3
for version in 0.7.0 0.8.0; do
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --target "$folder/$version" --no-deps "safetensors==$version"
done
cd "$folder"
cat > look.py <<'PYTHON'
import os
import sys

import safetensors
import torch
from safetensors.torch import save, save_file

os.umask(0o022)
weights = {"w": torch.arange(6.0)}


def mode(path: str) -> str:
    return oct(os.stat(path).st_mode & 0o777)


torch.save(weights, "torch.pt")
save_file(weights, "new.safetensors")
with open("replaced.safetensors", "wb") as file:
    file.write(save(weights))
before = mode("replaced.safetensors")
save_file(weights, "replaced.safetensors")
seen = [mode("torch.pt"), mode("new.safetensors"), before, mode("replaced.safetensors")]
print(f"safetensors {safetensors.__version__}: torch.save {seen[0]}, save_file {seen[1]}, replaced {seen[2]} -> {seen[3]}")
expected = {"0.7.0": ["0o644"] * 4, "0.8.0": ["0o644", "0o600", "0o644", "0o600"]}[sys.argv[1]]
assert seen == expected, f"the behaviour has changed: {seen}"
for name in ("torch.pt", "new.safetensors", "replaced.safetensors"):
    os.remove(name)
PYTHON
for version in 0.7.0 0.8.0; do
  PYTHONPATH="$folder/$version" "$folder/venv/bin/python" look.py "$version"
done
