"""Joining of tracks: one name at a time, people with several spans, and nothing that is not sure."""

from __future__ import annotations

import numpy as np

from gait_plugins.core.recognition.joining import Seen, one_name_at_a_time, people_of
from gait_plugins.core.recognition.naming import Named
from gait_plugins.core.tools.identification import Match

LIMIT = 1.0


def seen(
    track: int,
    begin: float,
    end: float,
    who: str | None,
    distance: float,
    margin: float | None = 0.5,
    at: float = 0.0,
    limit: float | None = LIMIT,
) -> Seen:
    """A track near to Ann or Ben; ``at`` is where its embedding lies."""
    near = who or "ann"
    matches = (Match(near, distance, f"{near}-1"),)
    return Seen(track, begin, end, 30, Named(who, matches, limit, margin, np.full((2, 1), at, np.float32)))


def spans(people: list) -> list[tuple[str, list[int]]]:
    return [(person.label, [each.track for each in person.seen]) for person in people]


def told(*tracks: Seen, join: bool = True) -> list[tuple[str, list[int]]]:
    return spans(people_of(one_name_at_a_time(tracks), "euc", join))


def test_the_nearer_of_two_at_once_keeps_the_name():
    far, near = seen(1, 0, 5, "ann", 0.6), seen(2, 4, 9, "ann", 0.3)
    first, second = one_name_at_a_time([far, near])
    assert (first.identity, second.identity) == (None, "ann")
    assert first.remark == ("nearest to ann, as is track 2, which is nearer and there at the same time")
    assert told(far, near) == [("unknown 1", [1]), ("ann", [2])]
    # The name is free again for whoever comes before or later.
    assert told(far, near, seen(3, 10, 12, "ann", 0.7)) == [("unknown 1", [1]), ("ann", [2, 3])]


def test_of_three_at_once_the_third_may_have_what_the_second_lost():
    # 2 is there with 1 and with 3; 1 and 3 are one after the other.
    tracks = seen(1, 0, 4, "ann", 0.2), seen(2, 3, 8, "ann", 0.4), seen(3, 6, 9, "ann", 0.5)
    assert told(*tracks) == [("ann", [1, 3]), ("unknown 1", [2])]


def test_tracks_of_one_name_are_joined_where_each_is_sure():
    assert told(seen(1, 0, 4, "ann", 0.2), seen(2, 6, 8, "ann", 0.4)) == [("ann", [1, 2])]
    unsure = seen(2, 6, 8, "ann", 0.9, margin=0.05)
    assert told(seen(1, 0, 4, "ann", 0.2), unsure) == [("ann", [1]), ("ann", [2])]
    assert told(seen(1, 0, 4, "ann", 0.2), seen(2, 6, 8, "ben", 0.2)) == [("ann", [1]), ("ben", [2])]
    assert told(seen(1, 0, 4, "ann", 0.2), seen(2, 6, 8, "ann", 0.4), join=False) == [
        ("ann", [1]),
        ("ann", [2]),
    ]


def test_nothing_is_joined_without_a_threshold():
    tracks = [seen(n, 5 * n, 5 * n + 3, "ann", 0.1, limit=None) for n in (1, 2)]
    assert told(*tracks) == [("ann", [1]), ("ann", [2])]


def test_the_only_person_of_a_gallery_must_be_nearer():
    alone = {"margin": None}
    assert told(seen(1, 0, 1, "ann", 0.7, **alone), seen(2, 2, 3, "ann", 0.7, **alone)) == [("ann", [1, 2])]
    assert len(told(seen(1, 0, 1, "ann", 0.7, **alone), seen(2, 2, 3, "ann", 0.9, **alone))) == 2


def test_unknown_people_are_joined_where_they_are_very_near_and_never_at_once():
    def unknown(track: int, begin: float, at: float) -> Seen:
        return seen(track, begin, begin + 3, None, 2.0, at=at)

    assert told(unknown(1, 0, 0.0), unknown(2, 5, 0.3)) == [("unknown 1", [1, 2])]
    assert told(unknown(1, 0, 0.0), unknown(2, 5, 0.4)) == [("unknown 1", [1]), ("unknown 2", [2])]
    assert told(unknown(1, 0, 0.0), unknown(2, 2, 0.0)) == [("unknown 1", [1]), ("unknown 2", [2])]
    # All of them, not one after the other: 1 and 3 are far apart.
    assert told(unknown(1, 0, 0.0), unknown(2, 5, 0.3), unknown(3, 10, 0.6)) == [
        ("unknown 1", [1, 2]),
        ("unknown 2", [3]),
    ]


def test_who_has_lost_a_name_is_joined_with_nobody():
    tracks = seen(1, 0, 5, "ann", 0.6), seen(2, 4, 9, "ann", 0.3), seen(3, 10, 12, None, 2.0)
    assert told(*tracks) == [("unknown 1", [1]), ("ann", [2]), ("unknown 2", [3])]
