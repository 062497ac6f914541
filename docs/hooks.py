"""For the site alone (`mkdocs.yml`): what is named of the repository outside of `docs/` is no page of it; no other host is asked."""

from __future__ import annotations

import posixpath
import re
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    folder = posixpath.dirname(page.file.src_uri)

    def local(link: re.Match[str]) -> str:
        words, target, anchor = link[1], link[2], link[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        if path.startswith("../"):
            return f"{words} (`{path.removeprefix('../')}`)" if words.strip("`") != path.removeprefix("../") else f"`{words}`"
        if target.endswith("/"):  # a folder of pages, as repositories show them
            return words
        return f"[{words}]({target}{anchor})"

    return _LINK.sub(local, markdown)


def on_post_template(output_content: str, **_: Any) -> str:
    return on_post_page(output_content)


def on_post_page(output: str, **_: Any) -> str:
    """Without the theme's one script from elsewhere, which it adds for searching in pages that lie in a folder."""
    return re.sub(r'<script src="https://[^"]*"></script>', "", output)
