"""`radiolucent openapi`: the description of the HTTP interface, written to a file that is kept with the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.main import create_app
from app.settings import Settings

DOCUMENT = Path("openapi/dicomweb.json")


def described() -> dict[str, Any]:
    """The OpenAPI document of the application with its default settings: this machine's environment has no say in it."""
    return create_app(Settings.model_construct()).openapi()


def document() -> str:
    """The text of the committed file."""
    return json.dumps(described(), indent=2, ensure_ascii=False) + "\n"


def command(
    output: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)] = DOCUMENT,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if the file is not what the application says.")
    ] = False,
) -> None:
    """Write the OpenAPI description of the HTTP interface."""
    text = document()
    if not check:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    elif not output.exists() or output.read_text(encoding="utf-8") != text:
        typer.echo(f"{output} is not what the application says: run `make openapi` and look at the difference.", err=True)
        raise typer.Exit(1)
