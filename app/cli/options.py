"""Options that several commands share, and settings as a command sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.settings import Settings, load_settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        file_okay=False,
        help="Folder of database, blobs and audit trail (those without a URL or path of their own).",
        show_default="RADIOLUCENT_STORAGE__DATA_DIR, else ./data",
    ),
]


def settings_for(data: Path | None) -> Settings:
    """The settings, with another data folder if one is given; the folder is made, for its owner only."""
    settings = load_settings(storage={"data_dir": data}) if data is not None else load_settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings
