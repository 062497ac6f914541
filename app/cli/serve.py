"""`radiolucent serve`: the server. Options become RADIOLUCENT_* variables, since each worker reads its settings itself."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from app import __version__
from app.cli.activity import on_record
from app.cli.logs import log_config
from app.cli.options import DataDir, settings_for
from app.door import open_policy
from app.index import migrate
from app.meter import MULTIPROCESS
from app.settings import Settings, SettingsError, refuse_unsafe, variable
from app.storage.durable import make_folder

FILES = 65_536
WORKER_SECONDS = 60
"""How long a worker may be silent before it is taken for dead: starting on a busy machine takes longer than uvicorn's own five seconds."""

GREETING = """\
Radiolucent {version}
  listens on  {base}  ({reach})
  data in     {data}

Try:
  curl -H 'Content-Type: application/dicom' --data-binary @image.dcm {base}/studies
  curl -H 'Accept: application/dicom+json' '{base}/studies?limit=10'
  curl -H 'Accept: application/dicom+json' {base}/studies/STUDY_INSTANCE_UID/metadata

Import folders and zip archives with `radiolucent import PATH...`; stop with Ctrl-C.
"""


def command(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="TCP port to listen on.", show_default="8080")] = None,
    data: DataDir = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Server processes.", show_default="1")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Serve on an address that others can reach without authentication, or without TLS.")
    ] = False,
) -> None:
    """Serve DICOMweb. On a loopback address (the default) no login is needed; any other needs authentication and TLS."""
    given = {
        variable("http", "host"): host,
        variable("http", "port"): port,
        variable("http", "workers"): workers,
        variable("storage", "data_dir"): Path(data).absolute() if data is not None else None,
        variable("access", "insecure"): "true" if insecure else None,
    }
    os.environ.update({name: str(value) for name, value in given.items() if value is not None})
    settings = settings_for(None)
    refuse_unsafe(settings)
    if settings.tenant:
        raise SettingsError("The server serves all tenants: leave out --tenant")
    open_policy(settings)  # a policy file that cannot be used is said now, and not by every worker
    refuse_taken(settings.http.host, settings.http.port)
    allow_files()
    for each in (settings, *(settings.of_tenant(name) for name in settings.tenants.names)):
        make_folder(each.data_dir)
        migrate(each.database_url)
    typer.echo(greeting(settings))
    with on_record(settings), shared_counts(settings):
        _run(settings)


@contextmanager
def shared_counts(settings: Settings) -> Iterator[None]:
    """Where several workers count together, so that whichever is asked for /metrics answers for all; one needs no such place."""
    if settings.http.workers == 1 or not settings.metrics.enabled:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="counts-", dir=settings.data_dir) as folder:
        os.environ[MULTIPROCESS] = folder
        yield


def _run(settings: Settings) -> None:
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        http="app.cli.connections:GuardedHttp",
        ws="none",
        timeout_keep_alive=settings.connections.idle_seconds,
        ssl_certfile=settings.tls.certificate,
        ssl_keyfile=settings.tls.key,
        ssl_keyfile_password=settings.tls.key_password.get_secret_value() if settings.tls.key_password else None,
        ssl_ca_certs=str(settings.tls.client_ca) if settings.tls.client_ca else None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if settings.tls.client_ca else ssl.CERT_NONE,
        host=settings.http.host,
        port=settings.http.port,
        workers=settings.http.workers,
        timeout_worker_healthcheck=WORKER_SECONDS,
        access_log=False,  # the audit trail says who did what; a URL may hold a patient's name
        server_header=False,
        proxy_headers=False,  # `http.trusted_proxies` decides whom we believe
        log_config=log_config(settings.log),
        log_level=settings.log.level,
    )


def allow_files() -> None:
    """As many open files as this user may have: the usual soft limit of 1024 is less than connections and what they read come to."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - Unix only

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most == resource.RLIM_INFINITY else min(most, FILES), most))


def refuse_taken(host: str, port: int) -> None:
    """SettingsError if nobody can listen there: said before the greeting, which would be a lie, and once, not by every worker."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        sentence = f"Cannot listen on {host} port {port} ({error.strerror})"
        raise SettingsError(f"{sentence}: end the program that listens there, or choose another place with --port or --host") from None


def greeting(settings: Settings) -> str:
    """Where it listens, where the data lie, and three commands to try."""
    host = f"[{settings.http.host}]" if ":" in settings.http.host else settings.http.host
    scheme = "https" if settings.tls.certificate else "http"
    base = settings.http.public_base_url or f"{scheme}://{host}:{settings.http.port}{settings.http.base_path}"
    reach = "local mode: only this machine, no login" if settings.local_mode else "INSECURE: anyone who can reach it, no login"
    if settings.access.asks:
        reach = "everyone is asked who he is"
    return GREETING.format(version=__version__, base=base, reach=reach, data=settings.data_dir)
