"""`radiolucent settings`: what can be set, drawn from the settings themselves."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli import settings_pages


class Format(StrEnum):
    ENV = "env"
    MARKDOWN = "markdown"


def command(
    form: Annotated[Format, typer.Option("--format", help="env: ready to be used as .env; markdown: the reference page.")] = Format.ENV,
) -> None:
    """List every setting with its default and what it does."""
    typer.echo(settings_pages.env_example() if form is Format.ENV else settings_pages.markdown(), nl=False)
