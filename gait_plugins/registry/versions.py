"""Versions of packages in order (PEP 440): which of two is the newer one."""

from __future__ import annotations

import re

_VERSION = r"""\s*v?
    (?:(?P<epoch>\d+)!)?
    (?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<stage>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<stage_number>\d*))?
    (?P<post>-(?P<post_alone>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>\d*))?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?
    \s*"""
_STAGES = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_FINAL = 3


def age(version: str) -> tuple[object, ...]:
    """A key that sorts versions from the oldest to the newest; what is no version sorts before all.

    ``1.0.dev1 < 1.0a1 < 1.0rc1 < 1.0 < 1.0+local < 1.0.post1 < 1.1 < 1!0.1``
    """
    found = re.fullmatch(_VERSION, version, re.VERBOSE | re.IGNORECASE)
    if found is None:
        return (-1, version)
    release = [int(part) for part in found["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    if found["stage"]:
        stage = (_STAGES[found["stage"].lower()], _number(found["stage_number"]))
    else:  # a development release of nothing else comes before its alphas
        stage = (-1 if found["dev"] and not found["post"] else _FINAL, 0)
    post = -1 if found["post"] is None else _number(found["post_alone"] or found["post_number"])
    dev = (1, 0) if found["dev"] is None else (0, _number(found["dev_number"]))
    parts = re.split(r"[-_.]", found["local"].lower()) if found["local"] else []
    local = tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)
    return (_number(found["epoch"]), tuple(release), stage, post, dev, local)


def _number(text: str | None) -> int:
    return int(text or 0)
