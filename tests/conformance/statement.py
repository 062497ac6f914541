"""The conformance statement, drawn: what is served from the table of transactions, what is shown from the names of the tests.

A test whose name begins with the number of a statement (`test_q15_…`, `test_n27_n28_…`) shows that statement. What no test shows stands
in NOT_DONE with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from app.dicomweb.transactions import TRANSACTIONS

COUNTS = {"N": 30, "M": 10, "R": 30, "Q": 36, "S": 30, "T": 22, "J": 30}
CHAPTERS = {
    "N": "Negotiation (8.7)",
    "M": "Multipart (8.6)",
    "R": "Retrieve (10.4)",
    "Q": "Search (10.6)",
    "S": "Store (10.5)",
    "T": "Rendered resources and thumbnails (10.4, 8.3.5)",
    "J": "DICOM JSON (Annex F)",
}
NOT_DONE = {
    "S20": "no attribute is ever changed: the received bytes are kept, so there is nothing to tell of",
    "S28": "consent of patients is not there yet; who may see what is the policy's to say",
}
_TEST = re.compile(r"def test_((?:[nmrqstj]\d+_)+(?:and_[nmrqstj]\d+_)*)(\w+)")


def shown(root: Path) -> dict[str, list[str]]:
    """For each statement the tests that show it, as `path::name`."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for match in _TEST.finditer(path.read_text(encoding="utf-8")):
            for number in re.findall(r"[nmrqstj]\d+", match[1]):
                found.setdefault(number.upper(), []).append(f"{path.relative_to(root).as_posix()}::test_{match[1]}{match[2]}")
    return found


def statements() -> Iterator[str]:
    for letter, count in COUNTS.items():
        for number in range(1, count + 1):
            yield f"{letter}{number}"


def drawn(root: Path) -> str:
    """The whole page: what stands in `head.md`, then the two tables."""
    found = shown(root)
    lines = [(root / "tests" / "conformance" / "head.md").read_text(encoding="utf-8").rstrip(), "", "## Resources and methods", ""]
    lines += ["| request | clause | answer | remarks |", "|---|---|---|---|"]
    for row in TRANSACTIONS:
        media_types = dict.fromkeys(kind for answer in row.answers for kind in answer.media_types)
        answer = f"not supported: {row.missing}" if row.missing else ", ".join(f"`{kind}`" for kind in media_types) or "no body"
        lines.append(f"| `{row.method} {row.path or '/'}` | {row.clause or 'extension'} | {answer} | {row.remark} |")
    lines += ["", "## Statements and the tests that show them", ""]
    for letter, title in CHAPTERS.items():
        lines += [f"### {title}", "", "| | shown by |", "|---|---|"]
        for name in statements():
            if name.startswith(letter):
                tests = "<br>".join(f"`{test.partition('::')[2]}`" for test in found.get(name, []))
                lines.append(f"| {name} | {tests or 'not done: ' + NOT_DONE.get(name, '')} |")
        lines.append("")
    return "\n".join(lines)
