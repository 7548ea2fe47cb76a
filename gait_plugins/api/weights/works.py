"""Published works: what a plugin knows of the paper that its models are made after, and of its figures."""

from __future__ import annotations

from dataclasses import dataclass, fields

from gait_plugins.errors import PluginLoadError

_TEXTS = ("source", "weights", "licence", "published", "seen")
_LISTS = ("models", "streams", "configurations")


@dataclass(frozen=True)
class PublishedWork:
    """A published work that models of the plugin are made after: ``gait_works``.

    Each field is one cell of a table, in plain words without a line break.

    Args:
        source: authors, place and year of the publication.
        models: its models, by the names that they are offered under.
        streams: what they take.
        configurations: shipped configurations of it, by how their names begin (``gaitset/``).
        weights: who publishes trained weights of it, and where; ``none`` where nobody does.
        licence: of these weights, and of those in ``needs``: its name, or what their authors say.
        published: the published figures with their data set, and where they stand.
        seen: what of it was seen with this package: agreement with the published code, figures.
        needs: weights of others without which it is not trained as published.

    Raises:
        PluginLoadError: a field is empty or no such thing.
    """

    source: str
    models: tuple[str, ...]
    streams: tuple[str, ...]
    configurations: tuple[str, ...]
    weights: str
    licence: str
    published: str
    seen: str
    needs: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _LISTS:
                right = isinstance(value, tuple) and all(map(_is_line, value))
                right = right and (bool(value) or field.name == "configurations")
            else:
                right = _is_line(value) or (field.name not in _TEXTS and value == "")
            if not right:
                expected = "a tuple of names" if field.name in _LISTS else "a line of text"
                raise PluginLoadError(
                    f"a published work cannot be told of: its {field.name} is {value!r}, expected {expected}"
                )


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\n" not in value
