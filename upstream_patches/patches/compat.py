"""Names and defaults that the checkout uses and newer numpy, torch or Python lack."""

from __future__ import annotations

import functools
import multiprocessing
from typing import Any, ClassVar

from upstream_patches.checkout.module_view import View
from upstream_patches.patches.patch import Host, Patch

# numpy 1.24 removed these names of Python's own types.
_PLAIN_TYPES: dict[str, type] = {
    "float": float,
    "int": int,
    "bool": bool,
    "object": object,
    "complex": complex,
}


class Compat(Patch):
    """Names and defaults of the libraries' older versions."""

    name = "compat"
    needed = True
    touches = "numpy.float and its like, the default of torch.load, the start of loader workers"
    why = "numpy 1.24, torch 2.6 and Python 3.14 changed what OpenGait was written for"
    files = ("opengait/data/transform.py", "opengait/modeling/base_model.py")
    expects: ClassVar = {"modeling.base_model": {"tordata": None, "BaseModel.get_loader": None}}

    def change(self, host: Host) -> None:
        """Give what is missing; what is there stays."""
        import numpy as np
        import torch

        for name, kind in _PLAIN_TYPES.items():
            if name not in vars(np):
                self.replace.set(np, name, kind)
        # Files of one's own were loaded so; the patch safe-loading comes later and is stricter.
        self.replace.set(torch, "load", _with_default(torch.load, weights_only=False))
        base = host.module("modeling.base_model")
        self.replace.set(base, "tordata", View(base.tordata, DataLoader=_loader(base.tordata.DataLoader)))


def _with_default(function: Any, **defaults: Any) -> Any:
    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **{**defaults, **options})

    return call


def _loader(made: Any) -> Any:
    """Loaders whose workers are forks: a fresh process would import the checkout without its patches."""

    def make(*arguments: Any, num_workers: int = 0, **options: Any) -> Any:
        if num_workers and "fork" in multiprocessing.get_all_start_methods():
            options.setdefault("multiprocessing_context", "fork")
        elif num_workers:
            num_workers = 0
        return made(*arguments, num_workers=num_workers, **options)

    return make
