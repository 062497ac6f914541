"""`radiolucent settings`: what can be set, drawn from the settings themselves."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli import settings_pages
from app.cli.options import DataDir
from app.settings import load_settings


class Format(StrEnum):
    ENV = "env"
    MARKDOWN = "markdown"
    NOW = "now"


def command(
    form: Annotated[
        Format, typer.Option("--format", help="env: ready to be used as .env; markdown: the reference page; now: what applies.")
    ] = Format.ENV,
    data: DataDir = None,
) -> None:
    """List every setting with its default and what it does; or, with --format now, what applies here and differs from the default.
    Secrets are never shown."""
    if form is Format.NOW:
        settings = load_settings(storage={"data_dir": data}) if data is not None else load_settings()
        typer.echo(settings_pages.now(settings), nl=False)
        return
    typer.echo(settings_pages.env_example() if form is Format.ENV else settings_pages.markdown(), nl=False)
