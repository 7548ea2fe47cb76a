"""search: indices of galleries, the exact one and FAISS's."""

from __future__ import annotations

from importlib.util import find_spec

from gait_plugins.hookspecs import Contribution, Offer, hookimpl

requires_api = 1

_HERE = "gait_plugins.plugins.search"


@hookimpl
def gait_indices() -> Contribution:
    missing = "" if find_spec("faiss") else "needs faiss: pip install 'gait-plugins-trackletgait[index]'"
    return {
        "exact": f"{_HERE}.exact:ExactIndex",
        "faiss": Offer(f"{_HERE}.faiss_filter:FaissIndex", missing=missing),
    }
