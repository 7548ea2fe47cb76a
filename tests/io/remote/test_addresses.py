"""Addresses: told apart from paths, joined, and free of credentials wherever they are written."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from gait_plugins.io.remote.address import beside, is_address, joined, masked, revealed, taken

SECRET = [
    ("s3://key:secret@bucket/a.npz", "s3://***@bucket/a.npz"),
    ("https://user:pw@host:8/d/a.npz?sig=se%2Fcret&se=1", "https://***@host:8/d/a.npz?sig=***&se=***"),
    ("https://token@host/a", "https://***@host/a"),
    ("https://host/d/a.npz?sig=secret", "https://host/d/a.npz?sig=***"),
    ("s3://key:sec/ret@bucket/a", None),
]
OPEN = ["s3://bucket/a", "abfs://container@account.dfs.core.windows.net/a", "sftp://me@host/a", "memory://a"]


@pytest.mark.parametrize("text", ["a/b", "C:/data", r"C:\data", "/x://y", "", "s3:/bucket", "x:y"])
def test_paths_are_no_addresses(text: str):
    assert not is_address(text)
    assert taken(text) == text


@pytest.mark.parametrize("address", OPEN)
def test_addresses_without_credentials_stay_as_they_are(address: str):
    assert is_address(address)
    assert taken(address) == address
    assert revealed(address) == address


@pytest.mark.parametrize(("given", "shown"), SECRET[:-1])
def test_credentials_are_masked_and_come_back(given: str, shown: str):
    address = taken(given)
    assert address == shown
    assert taken(address) == shown
    assert revealed(str(address)) == given
    assert masked(f"see {given} or not") == f"see {shown} or not"


def test_files_below_and_beside_keep_the_credentials():
    root = taken("s3://key:secret@bucket/data/")
    assert joined(root, "001", "nm") == "s3://***@bucket/data/001/nm"
    assert revealed(joined(root, "001")) == "s3://key:secret@bucket/data/001"
    index = taken("https://host/d/a.npz?sig=secret")
    assert beside(index, "a-0.npz") == "https://host/d/a-0.npz?sig=***"
    assert revealed(beside(index, "a-0.npz")) == "https://host/d/a-0.npz?sig=secret"


def test_what_nobody_was_told_is_said():
    with pytest.raises(ValueError, match="run folders do not keep them"):
        revealed("s3://***@elsewhere/a")
    with pytest.raises(ValueError, match="run folders do not keep them"):
        revealed("https://elsewhere/a?sig=***")


def test_another_process_is_told_by_the_pickle():
    code = (
        "import pickle, sys; a = pickle.loads(sys.stdin.buffer.read());"
        "from gait_plugins.io.remote.address import revealed; print(a, revealed(str(a)))"
    )
    given, shown = SECRET[1]
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(taken(given)), capture_output=True, timeout=60
    )
    assert done.stdout.decode().split() == [shown, given], done.stderr
