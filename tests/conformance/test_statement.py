"""PS3.2 N.7, for PS3.18 8 to 10: the conformance statement is complete, and drawn from what is there (`make docs`)."""

from __future__ import annotations

import os
from pathlib import Path

from tests.conformance.statement import NOT_DONE, drawn, shown, statements

PAGE = "docs/conformance.md"


def test_every_statement_is_shown_by_a_test_or_not_done_for_a_reason(root: Path) -> None:
    found = shown(root)
    assert [name for name in statements() if name not in found and name not in NOT_DONE] == []


def test_what_is_not_done_is_not_claimed_elsewhere(root: Path) -> None:
    assert [name for name in NOT_DONE if name in shown(root)] == []


def test_the_page_is_drawn_from_the_table_and_the_tests(root: Path) -> None:
    if os.environ.get("REDRAW_CONFORMANCE"):
        (root / PAGE).write_text(drawn(root), encoding="utf-8")
    assert (root / PAGE).read_text(encoding="utf-8") == drawn(root), "run `make docs`"


def test_every_file_here_names_its_clause(root: Path) -> None:
    files = list((root / "tests" / "conformance").glob("test_*.py"))
    assert [path.name for path in files if not path.read_text(encoding="utf-8").startswith('"""PS3.')] == []
