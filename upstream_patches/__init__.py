"""The second host: the same plugins inside an untouched, pinned OpenGait checkout."""

import gait_plugins  # noqa: F401 - finds this package by its old names too
