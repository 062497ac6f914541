"""A Report as plain text (PS3.18 8.7.4, category Text): one line for each Content Item, nesting by indentation. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from app.dicom import sop_classes
from app.dicom.content_tree import ContentItem
from app.dicom.report import Report
from app.dicomweb import report_words as words

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls, and characters that turn the direction of what follows: in plain text nothing would keep them within their value."""


def plain(report: Report) -> bytes:
    """UTF-8, lines ending in LF."""
    lines = [report.title, "=" * min(len(report.title), 78), ""]
    lines += [f"{label}: {text}" for label, text in report.facts]
    lines += [f"Status: {', '.join(text for text, _ in report.status)}"] if report.status else []
    items = {item.position: item for item in _all(report.root)}
    root = report.root
    lines += [
        "",
        *(line for child in (root.children if root.value_type in ("CONTAINER", "") else (root,)) for line in _item(items, child, 0)),
    ]
    lines += [_DEEPER] if root.deeper else []
    for heading, group in report.evidence:
        lines += ["", f"{heading}:"]
        lines += [f"  {sop_classes.name(listed.sop_class) or 'Instance'} {listed.target.instance}" for listed in group]
    return (_CONTROL.sub("\ufffd", "\n".join(lines)) + "\n").encode("utf-8", "replace")


_DEEPER = "(What is nested deeper is not shown.)"


def _all(item: ContentItem) -> Iterator[ContentItem]:
    yield item
    for child in item.children:
        yield from _all(child)


def _item(items: Mapping[str, ContentItem], item: ContentItem, depth: int) -> Iterator[str]:
    indent = "  " * depth
    relationship = words.relationship(item)
    prefix = f"{indent}{f'[{relationship}] ' if relationship else ''}"
    if item.target:
        found = items.get(item.target)
        yield f"{prefix}see item {item.target}{f', {words.concept(found)}' if found else ''}"
        return
    when = f" (observed {item.observed})" if item.observed else ""
    if item.value_type == "CONTAINER":
        yield f"{prefix}{words.concept(item)}{when}"
    else:
        first, *rest = _value(item).split("\n")
        yield f"{prefix}{words.concept(item)}: {first}{'' if rest else when}"
        yield from (f"{indent}    {line}" for line in rest)
    for child in item.children:
        yield from _item(items, child, depth + 1)
    if item.deeper:
        yield f"{indent}  {_DEEPER}"


def _value(item: ContentItem) -> str:
    if item.reference is not None:
        return f"{words.referenced(item.reference)} {item.reference.instance}".rstrip()
    if item.code is not None:
        which = words.coded(item.code) if item.code.meaning else item.code.scheme
        return f"{item.code.words}{f' ({which})' if which else ''}"
    return words.value(item) or "(no value)"
