"""`radiolucent openapi`: the description of the HTTP interface, in the forms that are kept with the code."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.dicomweb.http_reference import as_markdown, as_postman
from app.dicomweb.transactions import TRANSACTIONS
from app.main import create_app
from app.settings import Settings


class Form(StrEnum):
    OPENAPI = "openapi"
    POSTMAN = "postman"
    MARKDOWN = "markdown"


FILES = {
    Form.OPENAPI: Path("openapi/dicomweb.json"),
    Form.POSTMAN: Path("openapi/postman_collection.json"),
    Form.MARKDOWN: Path("docs/reference/http.md"),
}


def described() -> dict[str, Any]:
    """The OpenAPI document of the application with its default settings: this machine's environment has no say in it."""
    return create_app(Settings.model_construct()).openapi()


def document(form: Form) -> str:
    """The text of the committed file."""
    if form is Form.MARKDOWN:
        return as_markdown(TRANSACTIONS)
    content = described() if form is Form.OPENAPI else as_postman(TRANSACTIONS)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def command(
    folder: Annotated[Path, typer.Argument(help="Where the files go.", file_okay=False)] = Path(),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is not what the application says.")] = False,
) -> None:
    """Write the description of the HTTP interface: OpenAPI, a Postman collection, a page with a curl line for each route."""
    for form, name in FILES.items():
        path, text = folder / name, document(form)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            typer.echo(f"{path} is not what the application says: run `make openapi` and look at the difference.", err=True)
            raise typer.Exit(1)
