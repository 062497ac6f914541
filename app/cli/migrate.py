"""`radiolucent migrate`: the database's tables as this version needs them."""

from __future__ import annotations

import typer

from app.cli.options import DataDir, settings_for
from app.index import migrate


def command(data: DataDir = None) -> None:
    """Bring the database up to date. `serve` and `import` do so themselves; safe to repeat and to run twice at once."""
    migrate(settings_for(data).database_url)
    typer.echo("The database is up to date.")
