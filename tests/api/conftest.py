"""A whole service in this process: real index and blobs in a temporary folder, driven through ASGI."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.index import migrate
from app.main import create_app
from app.settings import Settings, load_settings
from tests.builders import multipart

BASE = "http://127.0.0.1/dicom-web"


@dataclass(frozen=True, slots=True)
class Site:
    """One running service: `http` to talk to it, `app` and `settings` to look behind it."""

    http: httpx.AsyncClient
    app: FastAPI
    settings: Settings

    async def store(self, *instances: bytes, study: str | None = None, **headers: str) -> httpx.Response:
        body, content_type = multipart(list(instances))
        path = f"/studies/{study}" if study else "/studies"
        return await self.http.post(path, content=body, headers={"Content-Type": content_type, **headers})

    async def get(self, path: str, accept: str | None = None, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers={**({"Accept": accept} if accept else {}), **headers})

    async def objects(self, path: str) -> list[dict[str, Any]]:
        """The JSON array of a successful answer; a token that JSON does not know is an error."""
        answer = await self.get(path, "application/dicom+json")
        assert answer.status_code == 200, answer.text
        found = json.loads(answer.text, parse_constant=_refuse)
        assert isinstance(found, list)
        return found

    def audit(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.settings.audit_path.read_text().splitlines()]


def _refuse(token: str) -> None:
    raise ValueError(f"{token} is not JSON")


@cache
def _empty_index() -> Path:
    """A database with the schema and without any row: made once, since all migrations take longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="radiolucent-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    migrate(f"sqlite:///{folder / 'index.sqlite3'}")
    return folder / "index.sqlite3"


async def open_site(folder: Path, **overrides: dict[str, Any]) -> AsyncIterator[Site]:
    """A site on `folder`; `overrides` are groups of settings."""
    overrides["storage"] = {"data_dir": folder, **overrides.get("storage", {})}
    settings = load_settings(**overrides)
    folder.mkdir(exist_ok=True)
    database = settings.data_dir / "index.sqlite3"
    if settings.database.url is None and not database.exists():
        shutil.copy(_empty_index(), database)
    app = create_app(settings)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 50000))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        yield Site(http, app, settings)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async for opened in open_site(tmp_path / "data"):
        yield opened


@pytest.fixture
async def replacing_site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site whose policy lets other bytes under a known SOP Instance UID take the place of the old ones."""
    async for opened in open_site(tmp_path / "data", store={"on_conflict": "replace"}):
        yield opened


@pytest.fixture
async def shared_site(tmp_path: Path) -> AsyncIterator[Site]:
    """A site that a viewer of another origin may use, behind a proxy at 127.0.0.1."""
    http = {"cors_origins": "https://viewer.example.org", "trusted_proxies": "127.0.0.1"}
    async for opened in open_site(tmp_path / "data", http=http):
        yield opened
