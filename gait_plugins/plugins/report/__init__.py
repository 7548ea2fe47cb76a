"""Sections of the report of runs: figures, training, ranking, errors, embeddings, probes and records."""

from __future__ import annotations

from collections.abc import Mapping

from gait_plugins.hookspecs import hookimpl

requires_api = 1

_HERE = "gait_plugins.plugins.report"


@hookimpl
def gait_report_sections() -> Mapping[str, str]:
    """The sections, in the order of the page."""
    return {
        "figures": f"{_HERE}.scores:figures",
        "comparison": f"{_HERE}.records:comparison",
        "training": f"{_HERE}.training:training",
        "cmc": f"{_HERE}.found:cmc",
        "views": f"{_HERE}.found:views",
        "errors": f"{_HERE}.errors:errors",
        "embeddings": f"{_HERE}.space:embeddings",
        "probes": f"{_HERE}.probes:probes",
        "configuration": f"{_HERE}.records:configuration",
    }
