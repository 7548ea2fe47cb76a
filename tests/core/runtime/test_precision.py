"""What ``precision`` and ``enable_float16`` mean on a device, and on a processor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from gait_plugins.core.runtime import devices, precision
from gait_plugins.core.runtime.devices import make_fabric
from gait_plugins.core.runtime.precision import choose, in_words, precision_of
from gait_plugins.plugins.tracklet.norm import FrameNorm

Read = Callable[[str], tuple[str, ...]]
_own_instructions = precision.bfloat16_instructions
X86 = "processor : 0\nvendor_id : x\nflags\t\t: fpu avx2 avx512f {} clwb\nbugs : none\n"
ARM = "processor : 0\nFeatures\t: fp asimd {} crc32\n"


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """The instructions that are found in a text of /proc/cpuinfo."""
    monkeypatch.setattr(precision.platform, "system", lambda: "Linux")
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "cpuinfo")

    def found(text: str) -> tuple[str, ...]:
        (tmp_path / "cpuinfo").write_text(text)
        return _own_instructions.__wrapped__()

    return found


def with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bfloat16_instructions", lambda: ("avx512_bf16",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86.format("avx512_bf16"), ("avx512_bf16",)),
        (X86.format("avx512_bf16 amx_bf16 amx_tile"), ("amx_bf16", "avx512_bf16")),
        (X86.format("avx_ne_convert avx512_fp16"), ()),
        (ARM.format("svebf16 i8mm bf16"), ("svebf16", "bf16")),
        (ARM.format("asimdhp"), ()),
        ("", ()),
    ],
)
def test_instructions_are_read_from_linux(read: Read, text: str, expected: tuple[str, ...]) -> None:
    assert read(text) == expected


def test_where_linux_does_not_say_torch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    known = SimpleNamespace(get_capabilities=lambda: {"avx512_bf16": True, "amx_bf16": False, "cores": 2})
    monkeypatch.setattr(torch, "cpu", known)
    monkeypatch.setattr(precision.platform, "system", lambda: "Windows")
    assert _own_instructions.__wrapped__() == ("avx512_bf16",)
    older = SimpleNamespace(_is_avx512_bf16_supported=lambda: True, _is_amx_tile_supported=lambda: False)
    monkeypatch.setattr(torch, "cpu", older)
    assert _own_instructions.__wrapped__() == ("avx512_bf16",)
    monkeypatch.setattr(torch, "cpu", SimpleNamespace())
    assert _own_instructions.__wrapped__() == ()
    monkeypatch.setattr(precision.platform, "system", lambda: "Darwin")
    assert _own_instructions.__wrapped__() == ()


@pytest.mark.parametrize(
    ("setting", "float16", "device", "plain", "fast"),
    [
        ("auto", True, "cpu", "32-true", "bf16-mixed"),
        ("auto", False, "cpu", "32-true", "32-true"),
        ("auto", True, "cuda", "16-mixed", "16-mixed"),
        ("auto", False, "cuda", "32-true", "32-true"),
        ("auto", True, "mps", "32-true", "32-true"),
        (None, True, "cpu", "32-true", "32-true"),
        (None, True, "cuda", "16-mixed", "16-mixed"),
        ("32-true", True, "cpu", "32-true", "32-true"),
        ("bf16-mixed", False, "cpu", "bf16-mixed", "bf16-mixed"),
        ("32-true", True, "cuda", "32-true", "32-true"),
    ],
)
def test_what_settings_mean(
    setting: str | None, float16: bool, device: str, plain: str, fast: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(setting, float16, device).precision == plain
    with_bfloat16(monkeypatch)
    assert choose(setting, float16, device).precision == fast


def test_the_line_of_the_log_says_what_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make_fabric("cpu", float16=True, precision="auto")
    told = in_words(plain, "auto", True)
    assert told == "precision 32-true (auto: the processor has no instructions that multiply bfloat16)"
    with_bfloat16(monkeypatch)
    fabric = make_fabric("cpu", float16=True, precision="auto")
    told = in_words(fabric, "auto", True)
    assert told == "precision bf16-mixed (auto: the processor multiplies bfloat16 faster, avx512_bf16)"
    assert "auto would be bf16-mixed here" in in_words(plain, "auto", True)


@pytest.mark.parametrize("other", ["32-true", "bf16-mixed"])
def test_processes_compute_in_bfloat16_where_all_of_them_can(
    other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather(into: list[Any], own: Any) -> None:
        into[:] = [own, other]

    with_bfloat16(monkeypatch)
    fabric = make_fabric("cpu", float16=True, precision="auto")
    monkeypatch.setattr(type(fabric), "world_size", 2)
    monkeypatch.setattr(precision.dist, "all_gather_object", gather)
    precision.agree(fabric)
    assert precision_of(fabric) == other
    with fabric.autocast():
        kind = nn.Linear(2, 2)(torch.ones(1, 2)).dtype
    assert kind == (torch.bfloat16 if other == "bf16-mixed" else torch.float32)


def test_only_auto_on_a_cpu_is_agreed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(devices, "agree", fail)
    make_fabric("cpu", float16=True, precision="auto")  # one process
    make_fabric("cpu", precision="bf16-mixed")


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, FrameNorm])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_batch_statistics_are_sums_in_float32(
    norm: type[nn.BatchNorm2d], memory: torch.memory_format
) -> None:
    """A sum in bfloat16 would stop growing at 256 times the values that it is of."""
    values = torch.randn(256, 8, 32, 22, generator=torch.Generator().manual_seed(0)) + 1
    given = values.bfloat16().contiguous(memory_format=memory)
    layer = norm(8, momentum=1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(given)
    assert (out.dtype, layer.running_mean.dtype, layer.running_var.dtype) == (
        torch.bfloat16,
        torch.float32,
        torch.float32,
    )
    expected = given.double()
    torch.testing.assert_close(layer.running_mean.double(), expected.mean((0, 2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(layer.running_var.double(), expected.var((0, 2, 3)), atol=0, rtol=1e-3)
