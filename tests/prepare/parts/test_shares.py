"""Shares of a source: every sequence in one part, alike everywhere, and parts of like weight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gait_plugins.prepare import Name
from gait_plugins.prepare.parts.share import Part, own_share

NOWHERE = Path("nowhere")


def sequences(count: int, seed: int = 0) -> dict[Name, list[str]]:
    """Sequences of 1 to some hundred frames; few are long."""
    lengths = np.random.default_rng(seed).pareto(2, count) * 30 + 1
    return {
        Name(f"{n // 3:03d}", "nm", f"{n % 3}"): [f"{n}/{frame}" for frame in range(int(length))]
        for n, length in enumerate(lengths)
    }


@pytest.mark.parametrize("parts", [1, 2, 7, 50])
def test_every_sequence_is_in_one_part_and_parts_weigh_alike(parts: int):
    known = sequences(200)
    shares = [own_share(known, NOWHERE, Part(number, parts)) for number in range(1, parts + 1)]
    assert sorted(name for share in shares for name in share) == sorted(known)
    assert all(share[name] == known[name] for share in shares for name in share)
    weights = [sum(map(len, share.values())) for share in shares]
    assert max(weights) - min(weights) <= max(map(len, known.values()))
    if parts == 7:
        assert max(weights) < 1.02 * min(weights)


def test_the_order_of_what_is_found_changes_nothing():
    known = sequences(50)
    turned = dict(reversed(known.items()))
    for number in (1, 2, 3):
        part = Part(number, 3)
        assert own_share(known, NOWHERE, part) == own_share(turned, NOWHERE, part)


def test_sequences_of_one_file_are_weighed_by_their_bytes(tmp_path: Path):
    sizes = [5000, 10, 20, 30, 4940]
    known = {}
    for number, size in enumerate(sizes):
        (tmp_path / f"{number}.avi").write_bytes(bytes(size))
        known[Name(f"{number}", "nm", "0")] = [f"{number}.avi"]
    assert [name.id for name in own_share(known, tmp_path, Part(1, 2))] == ["0"]
    assert [name.id for name in own_share(known, tmp_path, Part(2, 2))] == ["1", "2", "3", "4"]


def test_a_million_parts_of_three_sequences():
    known = sequences(3)
    assert sum(len(own_share(known, NOWHERE, Part(number, 10**6))) for number in (1, 2, 3, 4, 10**6)) == 3
