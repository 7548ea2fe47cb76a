"""Archives are verified wholly: what no reader looks at may change, everything else may not."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.damage import flipped, outcomes, truncated

from gait_plugins.errors import DataError
from gait_plugins.io import archive as archives
from gait_plugins.io.archive import Archive, DamagedArchive, verify


def content_of(path: Path) -> dict[str, bytes]:
    """All members of an archive, verified."""
    try:
        with path.open("rb") as file:
            archive = Archive(file)
            return {name: archive.read(name) for name in archive.members}
    except DamagedArchive as error:
        raise DataError(str(error), where=str(path)) from error


def stored(path: Path) -> None:
    np.savez(path, a=np.arange(9), b=np.array(["x", "y"]))


def deflated(path: Path) -> None:
    np.savez_compressed(path, a=np.arange(90) % 7)


def streamed(path: Path) -> None:
    """Checksums and sizes follow the bytes."""
    torch.save({"w": torch.arange(5.0)}, path)


class Pipe(io.RawIOBase):
    """A file that can only be written on."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:  # type: ignore[override]
        return self.file.write(data)  # type: ignore[call-overload]


def piped(path: Path) -> None:
    """Like a pipe, and with 64-bit sizes."""
    pipe = Pipe(path)
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("a", "w", force_zip64=True) as member:
            member.write(b"abc" * 50)
        archive.comment = b"said at the end"
    pipe.file.close()


MAKERS = {"stored": stored, "deflated": deflated, "streamed": streamed, "piped": piped}


@pytest.fixture(params=MAKERS)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "a.npz"
    MAKERS[request.param](path)
    return path


def test_sound_archives_are_read_as_zipfile_reads_them(archive: Path):
    with zipfile.ZipFile(archive) as theirs:
        assert content_of(archive) == {name: theirs.read(name) for name in theirs.namelist()}
    verify(archive)


def test_no_flipped_bit_changes_what_is_read(archive: Path):
    whole = archive.read_bytes()
    found = outcomes(archive, flipped(whole, range(0, 8 * len(whole), 7)), content_of, DataError)
    assert found.keys() == {"told", "harmless"}
    assert found["told"] > found["harmless"]


@pytest.mark.heavy
def test_no_bit_at_all_changes_what_is_read(archive: Path):
    whole = archive.read_bytes()
    found = outcomes(archive, flipped(whole, range(8 * len(whole))), content_of, DataError)
    assert found.keys() == {"told", "harmless"}


def test_what_torch_reads_of_a_verified_archive_is_what_was_written(tmp_path: Path):
    path = tmp_path / "a.pt"
    streamed(path)
    whole = path.read_bytes()

    def read(path: Path) -> dict[str, torch.Tensor]:
        content_of(path)
        found: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
        return found

    # In the directory above all: torch gives memory that it has not filled for what it takes for a folder.
    bits = range(8 * whole.index(b"PK\x01\x02"), 8 * len(whole), 3)
    assert outcomes(path, flipped(whole, bits), read, DataError)["silent"] == 0


def test_cut_archives_are_told(archive: Path):
    whole = archive.read_bytes()
    assert outcomes(archive, truncated(whole), content_of, DataError).keys() == {"told"}
    archive.write_bytes(whole + b"x")
    with pytest.raises(DataError):
        content_of(archive)
    archive.write_bytes(b"x" + whole)
    with pytest.raises(DataError):
        content_of(archive)


@pytest.mark.parametrize("shared", [False, True])
def test_the_member_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool):
    """Also where several threads read a large file, and where none can."""
    monkeypatch.setattr(archives, "_LARGE", 0)
    monkeypatch.setattr(archives, "_CAN_SHARE", shared and archives._CAN_SHARE)
    path = tmp_path / "a.npz"
    stored(path)
    whole = bytearray(path.read_bytes())
    whole[whole.index(np.arange(9).tobytes()) + 8] ^= 2
    path.write_bytes(whole)
    with pytest.raises(DamagedArchive, match=r"^a\.npy does not match its checksum$"):
        verify(path)
    with path.open("rb") as file:
        assert Archive(file).array("b").tolist() == ["x", "y"]  # what is read is what is verified


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"compress_type": zipfile.ZIP_BZIP2}, "packed by method 12"),
        ({"flag_bits": 1}, "does not agree|unknown kind"),
        ({"external_attr": 0x10}, "says that it is a folder"),
        ({"file_size": 10**9}, "does not agree|becomes?|two sizes"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, changes: dict[str, int], told: str):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a")
        if "compress_type" in changes:
            info.compress_type = changes["compress_type"]
        archive.writestr(info, b"content" * 9)
        for name, value in changes.items():
            setattr(archive.infolist()[0], name, value)
    with pytest.raises(DamagedArchive, match=told):
        verify(path)


def test_names_that_come_twice_are_refused(tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"2")
    with pytest.raises(DamagedArchive, match="a name twice"):
        verify(path)


def test_a_deflated_member_is_never_larger_than_it_says(tmp_path: Path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.zeros(3 << 20, np.uint8))
    with path.open("rb") as file:
        assert len(Archive(file).array("a")) == 3 << 20
    whole = path.read_bytes()
    size = (3 << 20) + 128
    path.write_bytes(whole.replace(size.to_bytes(4, "little"), (size - 9).to_bytes(4, "little")))
    with pytest.raises(DamagedArchive, match=r"holds more than|does not agree"):
        verify(path)


def test_outcomes_are_told_apart(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"ab")

    def read(path: Path) -> bytes:
        content = path.read_bytes()
        if content[:1] != b"a":
            raise DataError("odd", where=path.name if content[:1] == b"c" else None)
        return content[:2]

    damages = [("", b"cb"), ("", b"bb"), ("", b"abc"), ("", b"ac")]
    assert outcomes(path, damages, read, DataError) == Counter(["told", "nameless", "harmless", "silent"])
