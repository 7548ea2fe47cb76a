"""Pytest plugin: ``pytest --gait-plugins PACKAGE`` tries every component of an installed package.

It lies beside the package and not in it: a test run without the option imports nothing of ours.
"""

from __future__ import annotations

import pytest

OPTION = "--gait-plugins"


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option."""
    parser.getgroup("gait-plugins").addoption(
        OPTION,
        action="append",
        metavar="PACKAGE",
        default=[],
        help="try every component of this installed package by the contract checks of gait_plugins.testing; "
        "may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse packages without components before anything is run."""
    if config.getoption(OPTION):
        from gait_plugins.authors.sweep import components_of
        from gait_plugins.errors import GaitPluginsError

        for package in config.getoption(OPTION):
            try:
                components_of(package)
            except GaitPluginsError as error:
                raise pytest.UsageError(f"{OPTION} {package}: {error}") from error


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add a test for each component, after those that were found in files."""
    if config.getoption(OPTION):
        from gait_plugins.authors.pytest_items import items_of

        for package in config.getoption(OPTION):
            items += items_of(session, package)
