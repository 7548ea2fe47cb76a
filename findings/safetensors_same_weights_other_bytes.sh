#!/usr/bin/env bash
# The bytes of two safetensors files with the same weights and the same metadata.
#
# A good guess: they are equal. The format sorts the tensors, the metadata are a few strings, and no time is written; so
# the SHA-256 of a file tells whether weights are the same. torch.save writes equal bytes.
# Seen on 2026-11-28 with safetensors 0.8.0, torch 2.13.0 (CPU) and Python 3.11: with two or more metadata entries the
# order of these in the header is drawn anew at each call, in one process too. 40 calls of save() with three entries
# give up to six different files. With one entry, or none, the bytes are equal. A checksum of such a file says nothing
# about its weights: compare the tensors, or write the header in an order of one's own.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6 packaging==26.3 safetensors==0.8.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import hashlib
import io

import safetensors
import torch
from safetensors.torch import save

weights = {"w": torch.arange(6.0), "b": torch.ones(2)}


def files(**metadata: str) -> int:
    """Different files that 40 calls with the same content make."""
    return len({hashlib.sha256(save(weights, metadata)).hexdigest() for _ in range(40)})


def torchs() -> bytes:
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()


one, three = files(format="pt"), files(format="pt", step="7", model="tiny")
print(f"safetensors {safetensors.__version__}: {one} file with one metadata entry, {three} with three")
same = torchs() == torchs()
print(f"torch {torch.__version__}: equal bytes: {same}")
assert (one, three > 1, same) == (1, True, True), "the behaviour has changed"
PYTHON
