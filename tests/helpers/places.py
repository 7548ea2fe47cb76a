"""Where things lie in this checkout."""

from __future__ import annotations

from pathlib import Path

import gait_plugins

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
DOCS = ROOT / "docs"
EXAMPLE = ROOT / "examples" / "third_party_plugin"
GOLDEN = TESTS / "golden"
PROGRAMS = TESTS / "helpers" / "programs"
"""Scripts that tests start as processes."""
TESTED = Path(gait_plugins.__file__).resolve().parents[1]
"""Where the copy of the package lies that is tested: this checkout, or the place it is installed in."""
