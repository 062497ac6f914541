"""The committed description of the HTTP interface is what the application says of itself."""

from pathlib import Path

from app.cli import openapi


def test_the_committed_openapi_document_is_the_applications(root: Path) -> None:
    assert (root / openapi.DOCUMENT).read_text(encoding="utf-8") == openapi.document(), "run `make openapi`"
