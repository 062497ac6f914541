"""The committed descriptions of the HTTP interface are what the application says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.openapi import FILES, Form, document


@pytest.mark.parametrize("form", Form)
def test_the_committed_documents_are_the_applications(root: Path, form: Form) -> None:
    assert (root / FILES[form]).read_text(encoding="utf-8") == document(form), "run `make openapi`"
