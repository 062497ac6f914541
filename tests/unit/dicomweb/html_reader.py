"""A second opinion on our HTML: Python's own parser, which is as lenient as a browser, and a list of all that may stand in a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_ALLOWED = """
    html head meta title style body header main footer h1 h2 h3 h4 h5 h6 p span div b bdi a ul li section table thead tbody tr th td
    details summary
"""
ELEMENTS = frozenset(_ALLOWED.split())
ATTRIBUTES = {"lang", "dir", "charset", "name", "content", "class", "id", "title", "href", "scope", "open", "xmlns"}
EMPTY = {"meta"}


@dataclass
class Seen:
    text: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen = Seen()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS, f"<{tag}> in a report"
        for name, value in attrs:
            assert name in ATTRIBUTES, f"{name}= in a report"
            self.seen.attributes.append(value or "")
            if name == "href":
                self.seen.links.append(value or "")
            if name == "id":
                self.seen.ids.append(value or "")
        if tag == "tr":
            self.seen.cells.append([])
        if tag in ("td", "th"):
            self.seen.cells[-1].append("")
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            return
        self.seen.text.append(data)
        if {"td", "th"} & set(self.open):
            self.seen.cells[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment in a report")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("a processing instruction in a report")


def read(document: bytes) -> Seen:
    """What is there to be read; AssertionError for anything active, unknown or unbalanced."""
    reader = _Reader()
    reader.feed(document.decode("utf-8"))
    reader.close()
    assert reader.open == []
    return reader.seen
