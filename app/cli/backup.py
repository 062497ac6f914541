"""`radiolucent backup` and `radiolucent restore`: index and bytes as a consistent pair in a folder, and back.

<folder>/manifest.json            written last: a folder without it is no backup; names the index file and its SHA-256
<folder>/index-<time>.sqlite3     the index, whatever database it came from
<folder>/blobs/                   the bytes, laid out as a store of local files
<folder>/audit.jsonl              the audit trail, for those who have to keep it
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app import __version__
from app.cli.options import DataDir, ExistingDataDir, settings_for
from app.index import open_index, snapshot
from app.main import build_archive
from app.settings import Settings, SettingsError
from app.storage.durable import flush_folder, make_folder
from app.storage.local import LocalStore
from app.studies.backup import copy_blobs, prune

MANIFEST = "manifest.json"

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", file_okay=False, help="Folder of the backup; may hold an older one.")]
Existing = Annotated[Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Folder of the backup.")]


def backup_command(
    folder: Folder,
    data: ExistingDataDir = None,
    pruning: Annotated[bool, typer.Option("--prune", help="Delete from the folder what was deleted from the archive.")] = False,
) -> None:
    """Copy index and bytes into a folder, beside the running server. Into the same folder again, only what is new is copied. Exits with 1
    if bytes of an instance could not be copied whole."""
    settings = settings_for(data)
    make_folder(folder.absolute())
    done, size, refused, pruned = asyncio.run(_backup(settings, folder.absolute(), pruning=pruning))
    typer.echo(f"{done} instances in the backup, {size} bytes copied" + (f", {pruned} blobs pruned" if pruning else ""))
    _tell(refused)


def restore_command(folder: Existing, data: DataDir = None) -> None:
    """Fill an empty archive from a backup: bytes first, then the index. Exits with 1 if bytes of an instance are missing in the backup."""
    settings = settings_for(data)
    done, size, refused = asyncio.run(_restore(settings, folder.absolute()))
    typer.echo(f"{done} instances restored, {size} bytes copied")
    _tell(refused)


def _tell(refused: list[str]) -> None:
    for sentence in refused:
        typer.echo(sentence)
    if refused:
        raise typer.Exit(1)


async def _backup(settings: Settings, folder: Path, *, pruning: bool) -> tuple[int, int, list[str], int]:
    moment = datetime.now(UTC)
    index_file = folder / f"index-{moment:%Y%m%dT%H%M%S%f}.sqlite3"
    async with build_archive(settings) as archive:
        await asyncio.to_thread(snapshot.save, settings.database_url, index_file)
        goal = LocalStore(folder / "blobs")
        index = open_index(f"sqlite:///{index_file}", create=False)
        try:
            size, refused = 0, []
            async for copied in copy_blobs(index.upkeep, archive.blobs, goal):
                size += copied.size
                if copied.refusal:
                    refused.append(f"not whole  instance {copied.record.instance_uid}  {copied.refusal}")
            pruned = await prune(index.upkeep, goal) if pruning else 0
        finally:
            await index.close()
            await goal.close()
    if settings.audit_path.is_file():
        shutil.copyfile(settings.audit_path, folder / "audit.jsonl")
    done = snapshot.instances(index_file)
    _write_manifest(folder, index_file, {"created": moment.isoformat(timespec="seconds"), "instances": done, "incomplete": len(refused)})
    return done, size, refused, pruned


async def _restore(settings: Settings, folder: Path) -> tuple[int, int, list[str]]:
    manifest = _read_manifest(folder)
    index_file = folder / str(manifest["index"])
    if not index_file.is_file() or _digest(index_file) != manifest["sha256"]:
        raise SettingsError("The index file of this backup is not the one that its manifest names")
    source = LocalStore(folder / "blobs")
    async with build_archive(settings) as archive:
        if await archive.upkeep.by_blob("", 1):
            raise SettingsError("The archive is not empty: restore fills an empty database and an empty store")
        index = open_index(f"sqlite:///{index_file}", create=False)
        try:
            size, refused = 0, []
            async for copied in copy_blobs(index.upkeep, source, archive.blobs):
                size += copied.size
                if copied.refusal:
                    refused.append(f"not whole  instance {copied.record.instance_uid}  {copied.refusal}")
        finally:
            await index.close()
            await source.close()
    # Bytes first, rows last: should it end here, the restore is simply begun again.
    await asyncio.to_thread(snapshot.load, index_file, settings.database_url)
    return int(manifest["instances"]), size, refused


def _write_manifest(folder: Path, index_file: Path, facts: dict[str, Any]) -> None:
    """Last and at once: until it stands there, the older backup in the folder is the one that counts."""
    text = json.dumps({"version": __version__, "index": index_file.name, "sha256": _digest(index_file), **facts}, indent=1)
    temporary = folder / f"{MANIFEST}.new"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST)
    flush_folder(folder)
    for older in folder.glob("index-*.sqlite3*"):
        if not older.name.startswith(index_file.name):
            older.unlink()


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError("This folder holds no complete backup: it has no manifest that can be read") from error
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
