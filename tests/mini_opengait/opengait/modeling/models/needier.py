"""A model that builds on one whose extra is missing."""

from .needy import Needy


class Needier(Needy):
    pass
