#!/usr/bin/env bash
# A checkpoint that torch saves with checksums switched off.
#
# A good guess: with torch.serialization.set_crc32_options(False) the archive still carries the checksums that the zip
# format asks for, or says that it has none; other zip readers read it.
# Seen on 2026-11-28 with torch 2.13.0 (CPU) and Python 3.11: every member has the checksum 0. torch.load reads the file;
# Python's zipfile calls the first member damaged, and refuses to read it. So a reader that verifies checksums cannot
# tell such a file from a damaged one by a member alone: only that all of them are 0 tells.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import zipfile

import torch

print("torch", torch.__version__)
seen = {}
for wanted in (True, False):
    torch.serialization.set_crc32_options(wanted)
    torch.save({"weights": torch.arange(6.0)}, "checkpoint.pt")
    with zipfile.ZipFile("checkpoint.pt") as archive:
        zeros = sum(member.CRC == 0 for member in archive.infolist())
        first_bad = archive.testzip()
        try:
            archive.read(archive.namelist()[0])
            read = "read"
        except zipfile.BadZipFile as error:
            read = f"BadZipFile: {error}"
    loaded = torch.load("checkpoint.pt", weights_only=True)["weights"].tolist()
    count = len(archive.infolist())
    print(f"checksums {wanted}: {zeros} of {count} are 0; zipfile: {read}; testzip: {first_bad}; torch: {loaded}")
    seen[wanted] = (zeros == count, first_bad is None, read == "read", loaded == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
expected = {True: (False, True, True, True), False: (True, False, False, True)}
assert seen == expected, f"the behaviour has changed: {seen}"
PYTHON
