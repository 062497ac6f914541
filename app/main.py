"""The composition root: the one place where settings become adapters, and adapters meet the ports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI

from app.api.application import Surroundings, application
from app.api.event_stream import Seats
from app.api.ohif import Ohif
from app.api.pace import Pace
from app.api.request import Service
from app.api.tenants import Tenants
from app.audit.delivery import Delivery
from app.audit.dicom_message import Site
from app.audit.keys import open_keys
from app.audit.patients import Patients
from app.audit.receivers import to_fhir, to_syslog
from app.audit.review import Review
from app.audit.sinks import FailOpen, FileSink
from app.audit.syslog import Receiver
from app.credentials import session_cookie
from app.dicom import site_keys
from app.dicomweb.resources import TENANTS
from app.door import SiteLabels, open_book, open_door, open_policy
from app.errors import NotFound
from app.events.news import Several, Watcher
from app.events.relay import Patience, relay
from app.events.webhooks import Courier
from app.feed import NEWS
from app.index import open_index
from app.meter import Meter, NoMeter
from app.metering.levels import watch
from app.metering.prometheus import PrometheusMeter
from app.metering.sinks import CountedSink
from app.metering.traces import MissingLibraryError, Tracer
from app.pixels.adapter import WorkerPixels
from app.pixels.pool import Pool
from app.ports import Archive, BlobStore, Derived, Pixels, Volumes
from app.records import AuditSink
from app.settings import Settings, SettingsError, load_settings, refuse_unsafe, variable
from app.storage.derived import LocalDerived
from app.storage.durable import make_folder
from app.storage.keys import deletion_key, new_key, web_key
from app.storage.local import LocalStore
from app.storage.memory import MemoryDerived, MemoryStore
from app.storage.s3 import S3BlobStore, S3Credentials
from app.storage.spool import spools
from app.storage.urls import open_store
from app.storage.volumes import LocalVolumes
from app.studies.background import House, keep_house
from app.studies.turns import StoreTurns

LEFTOVER_SECONDS = 24 * 3600
"""A temporary file that nobody has written to for so long is what a crash has left, not an upload of another worker."""

MEMORY_CACHE = 256 * 1024**2
"""Bytes of derived forms beside a store that is itself in memory."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@asynccontextmanager
async def build_archive(settings: Settings, pixels: Pixels | None = None, meter: Meter | None = None) -> AsyncIterator[Archive]:
    """Everything that a transaction needs, opened for these settings and closed at the end; `pixels` are somebody else's to close, and to
    tell the levels of."""
    async with AsyncExitStack() as stack:
        policy = open_policy(settings)
        make_folder(settings.data_dir)
        blobs = _open_blobs(settings)
        stack.push_async_callback(blobs.close)
        site = site_keys.parse(settings.search.keys)
        index = open_index(settings.database_url, site=site)
        stack.push_async_callback(index.close)
        audit = open_sink(settings, Patients(index.patients, time.monotonic))
        stack.push_async_callback(audit.close)
        pool = None
        if pixels is None:
            pool = _open_pool(settings, meter)
            pixels = WorkerPixels(pool)
            stack.push_async_callback(pixels.close)
        volumes = _open_volumes(settings, blobs, stack)
        stack.push_async_callback(volumes.close)
        derived = _open_derived(settings, blobs, volumes)
        stack.push_async_callback(derived.close)
        # Beside the blobs a spool's file can be taken over by renaming it; a remote store has no such place.
        folder = blobs.temporary if isinstance(blobs, LocalStore) else None
        if isinstance(blobs, LocalStore):
            await blobs.sweep_temporary(time.time() - LEFTOVER_SECONDS)
        turns = StoreTurns(threads=settings.store.threads, waiting=settings.store.waiting)
        stack.push_async_callback(turns.close)
        if meter is not None and pool is not None:
            levels = {"store_waiting": lambda: turns.pending, "pixel_jobs": lambda: pool.jobs, "pixel_workers": lambda: pool.workers}
            stack.callback(asyncio.create_task(watch(meter, levels)).cancel)
        news = Watcher(index.newest)
        stack.push_async_callback(news.close)
        yield Archive(
            blobs=blobs,
            index=index,
            upkeep=index.upkeep,
            pixels=pixels,
            derived=derived,
            volumes=volumes,
            policy=policy,
            audit=CountedSink(audit, meter) if meter is not None else audit,
            trail=open_review(settings),
            news=news,
            webhooks=index.webhooks,
            api_keys=index.api_keys,
            labels=SiteLabels(index.labels, open_book(settings)),
            spool=spools(folder, settings.storage.spool_memory, settings.storage.reserve),
            turns=turns,
            new_key=lambda: new_key(time.time()),
            web_key=web_key,
            deletion_key=lambda: deletion_key(time.time()),
            now=time.time,
            limits=settings.limits.limits(),
            site_keys=site,
            on_conflict=settings.store.on_conflict,
            on_deleted=settings.retrieve.on_deleted,
        )


def open_sink(settings: Settings, patients: Patients) -> AuditSink:
    """The audit trail, and what happens when it cannot be written."""
    sink = FileSink(settings.audit_path, time.time, settings.audit_key, settings.audit.sign_seconds, patients)
    return FailOpen(sink) if settings.audit.on_failure == "answer" else sink


def open_review(settings: Settings) -> Review:
    """The trail, to be read."""
    return Review(settings.audit_path, partial(open_keys, settings.audit_key), _site(settings))


def _site(settings: Settings) -> Site:
    audit = settings.audit
    return Site(audit.source, audit.site, urlsplit(settings.http.public_base_url or "").hostname or "")


def open_deliveries(settings: Settings) -> list[Delivery]:
    """One for each receiver that the settings name."""
    audit = settings.audit
    site = _site(settings)
    ways = {}
    if audit.syslog is not None:
        parts = urlsplit(f"//{audit.syslog}")
        receiver = Receiver(parts.hostname or "", parts.port or 6514, audit.syslog_ca, audit.syslog_certificate, audit.syslog_key)
        ways["syslog"] = to_syslog(receiver, site)
    if audit.fhir is not None:
        ways["fhir"] = to_fhir(audit.fhir, audit.fhir_token.get_secret_value() if audit.fhir_token else "", site)
    return [Delivery(settings.audit_path, name, send, time.time) for name, send in ways.items()]


def _open_blobs(settings: Settings) -> LocalStore | MemoryStore | S3BlobStore:
    storage = settings.storage
    credentials = None
    if storage.access_key_id and storage.secret_access_key:
        credentials = S3Credentials(storage.access_key_id, storage.secret_access_key.get_secret_value())
    try:
        return open_store(settings.storage_url, credentials, storage.reserve)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _open_pool(settings: Settings, meter: Meter | None = None) -> Pool:
    pixels = settings.pixels
    return Pool(
        workers=pixels.workers,
        waiting=pixels.waiting,
        seconds=pixels.seconds,
        memory=pixels.memory,
        samples=pixels.frame_samples,
        meter=meter,
    )


def _open_derived(settings: Settings, blobs: BlobStore, volumes: Volumes) -> Derived:
    async def exists(key: str) -> bool:
        try:
            await blobs.stat(key)
        except NotFound:
            return False
        return True

    if isinstance(blobs, MemoryStore):  # what outlives the process would belong to nothing
        return MemoryDerived(min(settings.pixels.cache_bytes, MEMORY_CACHE), exists, volumes.forget)
    derived = LocalDerived(settings.cache_dir, settings.pixels.cache_bytes, exists, volumes.forget)
    derived.trim()  # the bound may have become smaller since the last start
    return derived


def _open_volumes(settings: Settings, blobs: BlobStore, stack: AsyncExitStack) -> LocalVolumes:
    if isinstance(blobs, MemoryStore):  # as above; and workers need a file
        return LocalVolumes(Path(stack.enter_context(TemporaryDirectory(prefix="radiolucent-"))), 0)
    return LocalVolumes(settings.cache_dir, settings.pixels.cache_bytes)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application; without settings they are read now. SettingsError if it would be unsafe to serve."""
    settings = settings or load_settings()
    refuse_unsafe(settings)
    if settings.tenants.selected:
        raise SettingsError(f"{variable('tenants', 'selected')}: is for commands; the server serves all tenants")
    meter = PrometheusMeter() if settings.metrics.enabled else NoMeter()
    tracer = _open_tracer(settings)
    tenants = {name: settings.of_tenant(name) for name in settings.tenants.names}
    # OHIF's files name themselves by absolute paths, so that there is one of it, at the root.
    watched = partial(replace, meter=meter, tracer=tracer)
    services = {name: application(watched(surroundings(own), ohif=Ohif()), _opened_by_the_root) for name, own in tenants.items()}
    pairs = [(services[name], tenants[name]) for name in tenants]
    app = application(watched(surroundings(settings)), partial(_lifespan, settings=settings, tenants=pairs, meter=meter, tracer=tracer))
    if services:
        app.add_middleware(Tenants, services=services)
    return app


@asynccontextmanager
async def _opened_by_the_root(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """A tenant's service is opened and closed with the whole."""
    yield {}


def _open_tracer(settings: Settings) -> Tracer | None:
    traces = settings.traces
    if not traces.endpoint:
        return None
    try:
        return Tracer(traces.endpoint, traces.service, traces.share)
    except MissingLibraryError as error:
        raise SettingsError(f"{variable('traces', 'endpoint')}: {error}") from None


def surroundings(settings: Settings) -> Surroundings:
    """In local mode only this machine's own names are answered, whatever DNS says of others."""
    hosts = frozenset(name.lower() for name in settings.http.allowed_hosts)
    if settings.local_mode and not hosts:
        hosts = LOOPBACK_NAMES | {settings.http.host.lower()}
    ohif = Ohif(viewer_folder(settings.viewer.ohif), settings.viewer.isolated)
    origins = frozenset(settings.http.cors_origins)
    return Surroundings(settings.http.base_path, hosts, origins, ohif, settings.tls.hsts_seconds, settings.access.asks)


def viewer_folder(given: Path | None) -> Path | None:
    """Where OHIF's files lie: the folder that is given (SettingsError if they are not there), the wheel's, this checkout's, or nowhere."""
    if given is not None:
        if not (given / "index.html").is_file():
            raise SettingsError(f"RADIOLUCENT_VIEWER__OHIF: {given} holds no index.html; `make viewer` fills such a folder")
        return given
    wheel = find_spec("radiolucent_ohif")
    here = [Path(wheel.origin).parent] if wheel is not None and wheel.origin else []
    here.append(Path(__file__).parent.parent / "viewer" / "radiolucent_ohif")
    return next((folder / "dist" for folder in here if (folder / "dist" / "index.html").is_file()), None)


@asynccontextmanager
async def _lifespan(
    app: FastAPI, *, settings: Settings, tenants: Sequence[tuple[FastAPI, Settings]], meter: Meter, tracer: Tracer | None
) -> AsyncIterator[dict[str, Any]]:
    async with AsyncExitStack() as stack:
        if tracer is not None:
            stack.push_async_callback(asyncio.to_thread, tracer.close)
        archive = await stack.enter_async_context(_opened(app, settings, meter))
        archive.pixels.warm()
        others = [await stack.enter_async_context(_opened(tenant, own, meter, archive.pixels)) for tenant, own in tenants]
        yield {NEWS: Several([each.news for each in (archive, *others)])}


@asynccontextmanager
async def _opened(app: FastAPI, settings: Settings, meter: Meter, pixels: Pixels | None = None) -> AsyncIterator[Archive]:
    """The archive of these settings, served by this application and kept in order for as long."""
    async with (
        build_archive(settings, pixels, meter) as archive,
        open_door(settings, archive.api_keys) as door,
        _housekeeping(archive, settings),
    ):
        app.state.service = Service(
            archive,
            door.authenticator,
            settings.http.base_path,
            settings.http.public_base_url,
            frozenset(settings.http.trusted_proxies),
            settings.http.strict,
            seats=Seats(settings.changes.streams),
            plate=door.plate,
            sessions=door.sessions,
            issuer=door.issuer,
            sign_in=door.sign_in,
            pace=Pace(settings.limits.heavy_per_minute, settings.http.base_path, time.monotonic),
            mount=f"{TENANTS}{settings.tenant}" if settings.tenant else "",
            cookie=session_cookie(settings.tenant),
            meter=meter if settings.metrics.enabled and not settings.tenant else None,
            metrics_token=settings.metrics.token.get_secret_value() if settings.metrics.token else "",
        )
        yield archive


@asynccontextmanager
async def _housekeeping(archive: Archive, settings: Settings) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(keep_house(archive, house(settings)))]
    tasks += [asyncio.create_task(delivery.run()) for delivery in open_deliveries(settings)]
    async with courier(settings) as sending:
        tasks.append(asyncio.create_task(relay(archive, sending, Patience(settings.webhooks.give_up_hours * 3600))))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def courier(settings: Settings) -> AsyncIterator[Courier]:
    """What delivers to webhooks; this service is called by its base URL there, or by its path if that is not set."""
    sending = Courier(settings.http.public_base_url or settings.http.base_path or "/", settings.webhooks.seconds)
    try:
        yield sending
    finally:
        await sending.close()


def house(settings: Settings) -> House:
    """What is to be kept for how long, and scrubbed how fast."""
    upkeep = settings.upkeep
    return House(kept=upkeep.keep_deleted_hours * 3600, rate=upkeep.scrub_bytes, rest=upkeep.scrub_rest_hours * 3600)
