"""What all files for browsers have in common: how long they may be kept, and how their Content-Security-Policy is written."""

from __future__ import annotations

from collections.abc import Mapping

FOR_GOOD = "public, max-age=31536000, immutable"
"""For an address whose content never changes."""

ASK_AGAIN = "no-cache"
"""May be kept, and is compared by its entity tag each time."""


def policy(directives: Mapping[str, str]) -> str:
    """The value of a Content-Security-Policy header; a directive without a value stands alone."""
    return "; ".join(f"{name} {value}".rstrip() for name, value in directives.items())
