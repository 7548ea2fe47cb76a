"""Meeting of processes: a port in use is told as such, whatever stands around it."""

from __future__ import annotations

import socket

import pytest

from gait_plugins.core.runtime.devices import with_all_processes
from gait_plugins.core.runtime.meeting import meet
from gait_plugins.core.runtime.places import Place
from gait_plugins.errors import ConfigError


def test_a_port_in_use_is_no_lost_process():
    place = Place(rank=0, local_rank=0, world=2, local=2, host=0, hosts=1, started_by="here")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ConfigError, match=f"port {port} of this host, .*, is in use"),
            with_all_processes(),
        ):
            meet(place, "127.0.0.1", port)
