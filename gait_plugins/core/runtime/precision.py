"""Precision of a run: what a configuration asks for, and what ``auto`` is on this processor or device."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
import torch.distributed as dist

from gait_plugins.config.sections import EvaluatorSection
from gait_plugins.errors import ConfigError

if TYPE_CHECKING:  # its import takes longer than all that `config check` does
    from lightning_fabric import Fabric
    from lightning_fabric.plugins import Precision

Device = Literal["auto", "cpu", "cuda", "mps"]
KNOWN = ("32-true", "bf16-mixed", "16-mixed")

BFLOAT16 = {
    "amx_bf16": "x86 with AMX",
    "avx512_bf16": "x86 with AVX-512",
    "svebf16": "ARM with SVE",
    "sve_bf16": "ARM with SVE",
    "bf16": "ARM with Advanced SIMD",
}
"""Instructions that multiply bfloat16 faster than float32, as Linux or torch name them.

Not ``avx_ne_convert``, which only converts. Not Apple's: torch has no kernels there that use them.
"""

_CPUINFO = Path("/proc/cpuinfo")


class Choice(NamedTuple):
    """A precision, and why it is this one."""

    precision: str
    reason: str


@lru_cache(maxsize=1)
def bfloat16_instructions() -> tuple[str, ...]:
    """Those of :data:`BFLOAT16` that this processor has and torch makes use of."""
    system = platform.system()
    if system == "Darwin":
        return ()
    said = _said_by_linux() if system == "Linux" else _said_by_torch()
    return tuple(name for name in BFLOAT16 if name in said)


def available(device: Device) -> Device:
    """A device that is here; of ``auto`` a GPU where there is one.

    Raises:
        ConfigError: it is not here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if not there.get(device, False):
        usable = ", ".join(name for name, ok in there.items() if ok)
        raise ConfigError(f"device {device!r} is not available here", hint=f"available: {usable}")
    return device


def choose(setting: str | None, float16: bool, device: str) -> Choice:
    """What ``precision`` and ``enable_float16`` of a configuration mean on a device.

    Args:
        setting: ``auto``, one of :data:`KNOWN`, or None: as ``auto``, but a CPU computes in float32.
        float16: whether 16-bit floats may be used.
        device: ``cpu``, ``cuda`` or ``mps``.
    """
    if setting in KNOWN:
        return Choice(setting, "as configured")
    if not float16:
        return Choice("32-true", "enable_float16 is false")
    if device == "cuda":
        return Choice("16-mixed", "enable_float16 on a GPU")
    if device != "cpu":
        return Choice("32-true", f"enable_float16 has no effect on {device}")
    if setting is None:
        return Choice("32-true", "a CPU uses 16-bit floats where precision is auto")
    found = bfloat16_instructions()
    if found:
        return Choice("bf16-mixed", f"auto: the processor multiplies bfloat16 faster, {found[0]}")
    return Choice("32-true", "auto: the processor has no instructions that multiply bfloat16")


def float16_of_tests(section: EvaluatorSection) -> bool:
    """Whether tests may use 16-bit floats: by ``enable_float16``, or because ``auto`` is asked for."""
    return section.enable_float16 or precision_of_tests(section) == "auto"


def precision_of_tests(section: EvaluatorSection) -> str | None:
    """The precision that is asked for in tests: ``auto`` where only ``fast`` is written."""
    return "auto" if section.fast and section.precision is None else section.precision


def precision_in_use(setting: str | None, float16: bool, device: str) -> str:
    """The precision of :func:`choose`."""
    return choose(setting, float16, device).precision


def is_possible(precision: str, device: str) -> bool:
    """Whether a device can train in a precision: a CPU cannot in ``16-mixed``."""
    return precision in KNOWN and (precision != "16-mixed" or device != "cpu")


def precision_of(fabric: Fabric) -> str:
    """What a Fabric computes in."""
    return str(fabric.strategy.precision.precision)


def plugin_for(precision: str, device: str) -> Precision:
    """What makes a Fabric compute in a precision; Fabric itself would log a line in words of its own."""
    from lightning_fabric.plugins import MixedPrecision, Precision

    if precision == "32-true":
        return Precision()
    return MixedPrecision(precision, device)  # type: ignore[arg-type]  # it sees for itself


def set_precision(fabric: Fabric, precision: str) -> None:
    """Let a Fabric compute in another precision; nothing has been set up by it yet."""
    plugin = plugin_for(precision, fabric.device.type)
    fabric.strategy.precision = plugin
    fabric._precision = plugin


def agree(fabric: Fabric) -> None:
    """Let all processes of a launched Fabric compute alike: in float32 where one of them would."""
    chosen: list[str] = [""] * fabric.world_size
    dist.all_gather_object(chosen, precision_of(fabric))
    if len(set(chosen)) > 1:
        set_precision(fabric, "32-true")


def in_words(fabric: Fabric, setting: str | None, float16: bool) -> str:
    """What is computed in, and why: one line for the log."""
    now = precision_of(fabric)
    choice = choose(setting, float16, fabric.device.type)
    if choice.precision == now:
        return f"precision {now} ({choice.reason})"
    why = "as the training began, or as every process can"
    return f"precision {now} ({why}; auto would be {choice.precision} here)"


def _said_by_linux() -> set[str]:
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return _said_by_torch()
    found: set[str] = set()
    for line in lines:
        name, _, words = line.partition(":")
        if name.strip() in ("flags", "Features"):  # x86, ARM
            found.update(words.split())
    return found


def _said_by_torch() -> set[str]:
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # not in torch 2.8
    if capabilities is not None:
        return {name for name, there in capabilities().items() if there is True}
    asked = {"avx512_bf16": "_is_avx512_bf16_supported", "amx_bf16": "_is_amx_tile_supported"}
    return {name for name, function in asked.items() if getattr(torch.cpu, function, bool)()}
