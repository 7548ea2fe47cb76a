"""Environments: the tests on each declared Python with the lowest, the pinned and the newest packages.

Not a part of CI: each environment holds some gigabytes. One is made at a time, and removed after. See
docs/development.md.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
EXTRAS = "bench,docs,export,hub,index,opengait,postgres,test,video,viz"
_TESTS = ("-m", "pytest", "-n", "0", "-p", "no:cacheprovider")
TRIALS = {
    "bench": ("benchmarks/wavelet.py", "--frames", "4", "--rounds", "1"),
    "docs": ("-m", "mkdocs", "build", "--strict"),
    "export": (*_TESTS, "tests/plugins/tracklet/test_trackletgait_model.py", "-k", "onnx"),
    "hub": (*_TESTS, "tests/core/weights/test_hub.py"),
    "index": (*_TESTS, "tests/core/galleries/test_gallery_search.py", "-k", "faiss"),
    "mlflow": (*_TESTS, "tests/plugins/monitors/test_trackers.py", "-m", "", "-k", "mlflow"),
    "opengait": (*_TESTS, "tests/upstream/real", "-m", "opengait"),  # OPENGAIT_HOME names a checkout
    "postgres": (*_TESTS, "tests/core/galleries/test_server_gallery.py"),  # needs a server's programs
    "trackio": (*_TESTS, "tests/plugins/monitors/test_trackers.py", "-m", "", "-k", "trackio"),
    "umap": (*_TESTS, "tests/core/report/test_report_page.py", "-m", "", "-k", "placed_by_umap"),
    "viz": (*_TESTS, "tests/plugins/resgait/test_retention.py"),
    "wandb": (*_TESTS, "tests/plugins/monitors/test_trackers.py", "-m", "", "-k", "wandb"),
}
nox.needs_version = ">=2024.3"
nox.options.sessions = ()  # nothing by chance


def _tested(session: nox.Session, *packages: str) -> None:
    """Install the packages, run the tests with what follows ``--``, and remove the environment."""
    try:
        session.install(*packages)
        session.run("pytest", "-n", "0", "-p", "no:cacheprovider", *session.posargs)
    finally:
        shutil.rmtree(session.virtualenv.location, ignore_errors=True)


@nox.session(python=PYTHONS)
def pinned(session: nox.Session) -> None:
    """The set of constraints.txt."""
    _tested(session, "-c", "constraints.txt", "-e", f".[{EXTRAS}]")


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """The newest release of each package that exists for this Python."""
    _tested(session, "--upgrade", "--upgrade-strategy", "eager", "-e", f".[{EXTRAS}]")


@nox.session(python=PYTHONS)
def lowest(session: nox.Session) -> None:
    """The lowest declared release of each direct dependency that has a build for this Python."""
    session.install("uv")
    pins = Path(session.create_tmp()) / "lowest.txt"
    resolve = ("uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--only-binary", ":all:")
    version = ("--python-version", str(session.python))
    session.run(*resolve, *version, "--all-extras", "--output-file", str(pins), "pyproject.toml")
    _tested(session, "-r", str(pins), "-e", ".")


@nox.session(python=PYTHONS)
@nox.parametrize("extra", list(TRIALS))
def extras(session: nox.Session, extra: str) -> None:
    """One extra alone, pinned, doing what it is for."""
    try:
        session.install("-c", "constraints.txt", "-e", f".[{extra}]")
        if "pytest" in TRIALS[extra]:
            session.install("-c", "constraints.txt", "pytest", "pytest-xdist", "hypothesis")
        session.run("python", *TRIALS[extra], *session.posargs)
    finally:
        shutil.rmtree(session.virtualenv.location, ignore_errors=True)
