"""HTML and SVG by construction: text that was not made here is always escaped. The result is well-formed XML as well.

Must not know: what is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_UNWRITABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, and control characters, which HTML does not want."""
_EMPTY = frozenset({"meta", "br", "hr", "wbr", "path", "rect"})


class Markup(str):
    """Text that is markup already: made by the functions of this module, or a literal of ours."""

    __slots__ = ()


def escape(text: str) -> Markup:
    """The text as content of an element or of a quoted attribute value; what cannot be written becomes U+FFFD."""
    return text if isinstance(text, Markup) else Markup(_UNWRITABLE.sub("\ufffd", text).translate(_ESCAPES))


def join(parts: Iterable[str]) -> Markup:
    """The parts one after the other, each escaped unless it is markup."""
    return Markup("".join(map(escape, parts)))


def element(name: str, /, *content: str, **attributes: str | None) -> Markup:
    """`<name ...>content</name>`. Attributes that are None are left out; `_` in their names stands for `-`, one at the end for nothing."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items() if value is not None)
    if name in _EMPTY:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(content)}</{name}>")
