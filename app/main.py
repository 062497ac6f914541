"""The composition root: the one place where settings become adapters, and adapters meet the ports."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from app.access.policy import LocalPolicy
from app.access.tokens import LocalAuthenticator
from app.api.application import Surroundings, application
from app.api.request import Service
from app.audit.sinks import FileSink
from app.dicom import site_keys
from app.index import open_index
from app.ports import Archive
from app.settings import Settings, SettingsError, load_settings, refuse_unsafe
from app.storage.keys import new_key, web_key
from app.storage.local import LocalStore
from app.storage.memory import MemoryStore
from app.storage.s3 import S3BlobStore, S3Credentials
from app.storage.spool import spools
from app.storage.urls import open_store

LEFTOVER_SECONDS = 24 * 3600
"""A temporary file that nobody has written to for so long is what a crash has left, not an upload of another worker."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@asynccontextmanager
async def build_archive(settings: Settings) -> AsyncIterator[Archive]:
    """Everything that a transaction needs, opened for these settings and closed at the end."""
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        blobs = _open_blobs(settings)
        stack.push_async_callback(blobs.close)
        site = site_keys.parse(settings.search.keys)
        index = open_index(settings.database_url, site=site)
        stack.push_async_callback(index.close)
        audit = FileSink(settings.audit_path, time.time)
        stack.push_async_callback(audit.close)
        # Beside the blobs a spool's file can be taken over by renaming it; a remote store has no such place.
        folder = blobs.temporary if isinstance(blobs, LocalStore) else None
        if isinstance(blobs, LocalStore):
            await blobs.sweep_temporary(time.time() - LEFTOVER_SECONDS)
        yield Archive(
            blobs=blobs,
            index=index,
            policy=LocalPolicy(),
            audit=audit,
            spool=spools(folder, settings.storage.spool_memory),
            new_key=lambda: new_key(time.time()),
            web_key=web_key,
            now=time.time,
            limits=settings.limits.limits(),
            site_keys=site,
            on_conflict=settings.store.on_conflict,
            on_deleted=settings.retrieve.on_deleted,
        )


def _open_blobs(settings: Settings) -> LocalStore | MemoryStore | S3BlobStore:
    storage = settings.storage
    credentials = None
    if storage.access_key_id and storage.secret_access_key:
        credentials = S3Credentials(storage.access_key_id, storage.secret_access_key.get_secret_value())
    try:
        return open_store(settings.storage_url, credentials)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without settings they are read now. SettingsError if it would be unsafe to serve."""
    settings = settings or load_settings()
    refuse_unsafe(settings)
    return application(surroundings(settings), partial(_lifespan, settings=settings))


def surroundings(settings: Settings) -> Surroundings:
    """In local mode only this machine's own names are answered, whatever DNS says of others."""
    hosts = frozenset(name.lower() for name in settings.http.allowed_hosts)
    if settings.local_mode and not hosts:
        hosts = LOOPBACK_NAMES | {settings.http.host.lower()}
    return Surroundings(settings.http.base_path, hosts, frozenset(settings.http.cors_origins))


@asynccontextmanager
async def _lifespan(app: FastAPI, *, settings: Settings) -> AsyncIterator[None]:
    async with build_archive(settings) as archive:
        app.state.service = Service(
            archive,
            LocalAuthenticator(),
            settings.http.base_path,
            settings.http.public_base_url,
            frozenset(settings.http.trusted_proxies),
            settings.http.strict,
        )
        yield
