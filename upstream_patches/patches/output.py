"""``output/`` in a place outside the checkout."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar

from upstream_patches.checkout.module_view import View
from upstream_patches.patches.patch import SEVERAL, Host, Patch

HOSTS = "output/"
"""What the host writes to, from the checkout on."""


class Output(Patch):
    """Checkpoints, summaries and logs where ``--out`` says; without it, nothing is changed."""

    name = "output"
    touches = "osp in modeling.base_model and modeling.multidataset_model, the paths of MessageManager"
    why = "a checkout that several people share need not be writable; --out DIR takes its output/ elsewhere"
    files = (
        "opengait/main.py",
        "opengait/modeling/base_model.py",
        "opengait/modeling/multidataset_model.py",
        "opengait/utils/msg_manager.py",
    )
    expects: ClassVar = {
        "modeling.base_model": {"osp": None},
        "utils.msg_manager": {
            "MessageManager.init_manager": ["self", "save_path", "log_to_file", "log_iter", "iteration"],
            "MessageManager.init_logger": ["self", "save_path", "log_to_file"],
        },
    }
    parts: ClassVar = {SEVERAL: {"modeling.multidataset_model": {"osp": None}}}

    def change(self, host: Host) -> None:
        """Put ``host.output`` in the place of ``output/``."""
        if host.output is None:
            return
        folder = os.path.join(host.output, "")

        def moved(path: str) -> str:
            return folder + path[len(HOSTS) :] if path.startswith(HOSTS) else path

        for module in host.trainers():
            self.replace.set(module, "osp", View(module.osp, join=_joined(module.osp.join, moved)))
        manager = host.module("utils.msg_manager").MessageManager
        for name in ("init_manager", "init_logger"):
            self.replace.set(manager, name, _told(getattr(manager, name), moved))


def _joined(join: Callable[..., str], moved: Callable[[str], str]) -> Callable[..., str]:
    return lambda first, *others: join(moved(first), *others)


def _told(original: Callable[..., None], moved: Callable[[str], str]) -> Callable[..., None]:
    def init(manager: Any, save_path: str, *arguments: Any, **options: Any) -> None:
        original(manager, moved(save_path), *arguments, **options)

    return init
