"""Construction of the checkout's models: the network alone, without loaders and optimiser."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from torch import nn

log = logging.getLogger("gait_plugins")


class Messages:
    """In place of OpenGait's message manager, which wants a process group and a run folder."""

    def log_info(self, *words: Any) -> None:
        """A line of the log."""
        log.info("%s", " ".join(map(str, words)))

    def log_debug(self, *words: Any) -> None:
        """A line for those who look for something."""
        log.debug("%s", " ".join(map(str, words)))

    def log_warning(self, *words: Any) -> None:
        """A line that should be seen."""
        log.warning("%s", " ".join(map(str, words)))


class NetworkAlone(nn.Module):
    """Stands between a model of the checkout and its base class, whose constructor is not called.

    A model's own constructor runs as it is; what it hands on to the base class ends here.
    """

    def __init__(self, cfgs: Mapping[str, Any], training: bool) -> None:
        nn.Module.__init__(self)
        self.msg_mgr = Messages()
        self.cfgs = cfgs
        self.engine_cfg = cfgs["trainer_cfg" if training else "evaluator_cfg"]
        self.build_network(cfgs["model_cfg"])  # type: ignore[operator]
