"""Published checkpoints: where the file of one lies, and by what it is known to be right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gait_plugins.errors import PluginLoadError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_PACKAGE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class HubFile:
    """A file of a model repository on the Hugging Face Hub, or on a server that speaks as it does.

    Args:
        repository: ``owner/name``.
        file: its path in the repository.
        revision: a commit, a tag or a branch. A commit stays what it is.

    Raises:
        PluginLoadError: one of them is no such thing.
    """

    repository: str
    file: str
    revision: str = "main"

    def __post_init__(self) -> None:
        if not _matches(_REPOSITORY, self.repository):
            raise _refused(f"the repository is {self.repository!r}", "owner/name")
        if not _is_relative(self.file):
            raise _refused(f"the file is {self.file!r}", "its path in the repository")
        if not _is_text(self.revision):
            raise _refused(f"the revision is {self.revision!r}", "a commit, tag or branch")

    @property
    def file_name(self) -> str:
        """The last part of the file's path."""
        return self.file.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}: {self.file}"


@dataclass(frozen=True)
class WebFile:
    """A file on the web.

    Args:
        url: ``https://...``; plain http is taken of this machine alone.

    Raises:
        PluginLoadError: it is no such address.
    """

    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url) if isinstance(self.url, str) else None
        safe = parts is not None and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
        )
        if parts is None or not safe or not parts.hostname or not self.file_name:
            raise _refused(f"the address is {self.url!r}", "https://HOST/.../FILE")

    @property
    def file_name(self) -> str:
        """The last part of the address's path."""
        return urlsplit(self.url).path.rpartition("/")[2]

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class PackageFile:
    """A file inside an installed package: nothing is fetched.

    Args:
        package: the package that is imported (``acme_gait``), not the distribution.
        file: its path in the package's folder.

    Raises:
        PluginLoadError: one of them is no such thing.
    """

    package: str
    file: str

    def __post_init__(self) -> None:
        if not _matches(_PACKAGE, self.package):
            raise _refused(f"the package is {self.package!r}", "the name of a Python package")
        if not _is_relative(self.file):
            raise _refused(f"the file is {self.file!r}", "its path in the package's folder")

    @property
    def file_name(self) -> str:
        """The last part of the file's path."""
        return self.file.rpartition("/")[2]

    def __str__(self) -> str:
        return f"shipped in {self.package}: {self.file}"


Address = HubFile | WebFile | PackageFile


@dataclass(frozen=True)
class PublishedCheckpoint:
    """A checkpoint that somebody has published.

    There is none without a checksum: whoever tells of a file has had it before them.

    Args:
        address: where the file lies.
        bytes: its size.
        sha256: of the file, 64 hexadecimal digits in lower case.
        licence: of the weights, by its SPDX name where it has one.
        config: the configuration that they belong to: the name of a shipped one, or the path of a YAML file.
        figure: the published figure, in words, with the data set.
        note: what else whoever takes them must know.

    Raises:
        PluginLoadError: one of them is missing, or is no such thing.
    """

    address: Address
    bytes: int
    sha256: str
    licence: str
    config: str
    figure: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.address, HubFile | WebFile | PackageFile):
            raise _refused(f"the address is {self.address!r}", "a HubFile, a WebFile or a PackageFile")
        if not isinstance(self.bytes, int) or isinstance(self.bytes, bool) or self.bytes < 1:
            raise _refused(f"its size is {self.bytes!r}", "a number of bytes")
        if not _matches(_SHA256, self.sha256):
            raise _refused(f"its sha256 is {self.sha256!r}", "64 hexadecimal digits in lower case")
        for name in ("licence", "config"):
            if not _is_text(getattr(self, name)):
                raise _refused(f"its {name} is {getattr(self, name)!r}", "a text")
        for name in ("figure", "note"):
            if not isinstance(getattr(self, name), str):
                raise _refused(f"its {name} is {getattr(self, name)!r}", "a text, which may be empty")


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_relative(value: object) -> bool:
    if not isinstance(value, str) or "\\" in value:
        return False
    return all(part not in ("", ".", "..") for part in value.split("/"))


def _refused(found: str, expected: str) -> PluginLoadError:
    return PluginLoadError(f"a published checkpoint cannot be told of: {found}, expected {expected}")
