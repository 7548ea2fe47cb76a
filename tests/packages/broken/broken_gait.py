"""A plugin that needs what nobody installed."""

import a_module_that_nobody_has  # noqa: F401
