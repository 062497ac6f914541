"""The members of a long DICOM JSON object, changed in its text: nothing is parsed, so that half a million cost no more than reading.

Must not know: what the members mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}]', re.DOTALL)


def replaced(text: str, members: Mapping[str, str]) -> str:
    """`text`, one compact object of attributes with ascending keys, with `members` in their places, whether they stood there or not.

    `members` are whole, `"00100010":{...}`, by their key. Time is linear, memory that of the text.
    """
    pieces: list[str] = []
    names, at = sorted(members), 0
    kept = 1  # from here on nothing has been taken over yet
    for start, end in _members(text):
        key = text[start + 1 : start + 9]
        while at < len(names) and names[at] <= key:
            pieces += [text[kept : start - 1], members[names[at]]]
            kept = end + 1 if names[at] == key else start
            at += 1
        if at == len(names):
            break
    pieces += [text[kept:-1], *(members[name] for name in names[at:])]
    return "{" + ",".join(filter(None, pieces)) + "}"


def _members(text: str) -> Iterator[tuple[int, int]]:
    """Where each outermost member begins and ends."""
    depth, start = 0, 0
    for token in _TOKEN.finditer(text):
        found = text[token.start()]
        if found == "{":
            depth += 1
        elif found == "}":
            depth -= 1
            if depth == 1:
                yield start, token.end()
        elif depth == 1:
            start = token.start()
