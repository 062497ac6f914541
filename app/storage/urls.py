"""Which blob store a URL means.

    file:///var/lib/radiolucent     local files (a plain path means the same)
    memory://                       this process's memory
    s3://bucket/prefix              a bucket; ?endpoint=http://127.0.0.1:8333&region=eu-central-1&virtual_hosted=true&timeout=7

Must not know: settings, any use of the store.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from app.storage.local import LocalStore
from app.storage.memory import MemoryStore
from app.storage.s3 import S3BlobStore, S3Bucket, S3Credentials

_S3_PARAMETERS = frozenset({"endpoint", "region", "virtual_hosted", "timeout"})


def open_store(url: str, credentials: S3Credentials | None = None, reserve: int = 0) -> LocalStore | MemoryStore | S3BlobStore:
    """The store that `url` means; nothing is opened or written yet. ValueError with a sentence for a URL that means none.

    `reserve`: bytes of the disk that local files leave free.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "":
            return LocalStore(_folder(url), reserve=reserve)
        case "file":
            if parts.netloc not in ("", "localhost") or not parts.path:
                raise ValueError("A file:// URL of a blob store needs three slashes and a folder: file:///var/lib/radiolucent")
            return LocalStore(_folder(unquote(parts.path)), reserve=reserve)
        case "memory":
            return MemoryStore()
        case "s3":
            return S3BlobStore(_bucket(parts), credentials)
        case scheme:
            raise ValueError(f"A blob store's URL begins with file://, memory:// or s3://, not {scheme}://")


def _folder(text: str) -> Path:
    if not text:
        raise ValueError("The URL of the blob store is empty")
    return Path(text).expanduser()


def _bucket(parts: SplitResult) -> S3Bucket:
    if not parts.netloc or "@" in parts.netloc:
        raise ValueError("An s3:// URL needs a bucket: s3://bucket/prefix; access keys have settings of their own")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(given) - _S3_PARAMETERS):
        raise ValueError(f"An s3:// URL does not know {', '.join(unknown)}; it knows {', '.join(sorted(_S3_PARAMETERS))}")
    return S3Bucket(
        name=parts.netloc,
        prefix=unquote(parts.path).strip("/"),
        endpoint=given.get("endpoint", ""),
        region=given.get("region", ""),
        virtual_hosted=given.get("virtual_hosted", "").lower() in ("true", "1", "yes"),
        timeout=_seconds(given.get("timeout", "7")),
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 600:
        raise ValueError("The timeout of an s3:// URL is a number of seconds from 0.1 to 600")
    return seconds
