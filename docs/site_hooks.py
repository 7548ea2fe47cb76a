"""Links of the site that lead out of ``docs/``: on the built pages they become the path alone."""

from __future__ import annotations

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+(?:examples|configs|benchmarks|findings)[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with links into the checkout, which GitHub shows and the site does not hold, as plain text."""
    return re.sub(
        r"\[([^\]]*)\]\(\s*(?:\.\./)+(?:examples|configs|benchmarks|findings)[^)]*\)", r"\1", markdown
    )
