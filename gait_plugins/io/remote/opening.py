"""Opening of files that are read by place, by their path or address."""

from __future__ import annotations

import os

from gait_plugins.io.open_file import OpenFile
from gait_plugins.io.remote.address import beside as beside_address
from gait_plugins.io.remote.address import is_address, taken
from gait_plugins.io.remote.remote_file import RemoteFile

ByPlace = OpenFile | RemoteFile
"""A file that is read by place, wherever it lies."""


def opened(path: str) -> ByPlace:
    """A packed data file or a part of one, opened to be read by place; every such file is opened here.

    Raises:
        OSError: it cannot be opened, or is no regular file.
        DataError: it lies in a store, and cannot be had.
    """
    return RemoteFile(taken(path)) if is_address(path) else OpenFile(path)


def beside(path: str, name: str) -> str:
    """Where a file of this name lies that was written beside another one."""
    return beside_address(path, name) if is_address(path) else os.path.join(os.path.dirname(path), name)
