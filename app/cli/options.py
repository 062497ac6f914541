"""Options that several commands share, and settings as a command sees them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from app.settings import Settings, SettingsError, load_settings
from app.storage.durable import make_folder

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        file_okay=False,
        help="Folder of database, blobs and audit trail (those without a URL or path of their own).",
        show_default="./data",
    ),
]

ExistingDataDir = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", exists=True, file_okay=False, help="As for `serve`; it must exist.", show_default="./data"),
]
"""For commands that look at what is there: a new folder in the place of a misspelt one would be found faultless."""


def settings_for(data: Path | None) -> Settings:
    """The settings, those of a tenant if one is selected, with another data folder if one is given; the folder is made, for its owner
    only. SettingsError if that fails."""
    settings = load_settings(storage={"data_dir": data}) if data is not None else load_settings()
    if settings.tenants.selected:
        settings = settings.of_tenant(settings.tenants.selected)
    try:
        make_folder(settings.data_dir)
        tempfile.TemporaryFile(dir=settings.data_dir).close()
    except OSError as error:
        sentence = f"The data folder {settings.data_dir} cannot be made or written to ({error.strerror})"
        raise SettingsError(f"{sentence}: choose another with --data, or ask its owner for the right to write") from None
    return settings
