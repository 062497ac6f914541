from __future__ import annotations

from pathlib import Path

import pytest

from app.storage.local import LocalStore
from app.storage.memory import MemoryStore
from app.storage.s3 import S3BlobStore, S3Credentials
from app.storage.urls import open_store


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
async def test_a_folder_is_a_local_store(tmp_path: Path, form: str) -> None:
    store = open_store(form.format(tmp_path / "blobs"))
    assert isinstance(store, LocalStore)
    assert store.temporary == tmp_path / "blobs" / "tmp"
    await store.close()


def test_spaces_may_be_written_as_a_url_writes_them(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/my%20blobs")
    assert isinstance(store, LocalStore)
    assert store.temporary == tmp_path / "my blobs" / "tmp"


def test_opening_writes_nothing(tmp_path: Path) -> None:
    open_store(str(tmp_path / "blobs"))
    assert list(tmp_path.iterdir()) == []


def test_memory_is_memory() -> None:
    assert isinstance(open_store("memory://"), MemoryStore)


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket",
        "s3://bucket/some/prefix/",
        "s3://bucket/prefix?endpoint=http://127.0.0.1:8333&region=eu-central-1",
        "s3://bucket?virtual_hosted=true&endpoint=https://bucket.example.org&timeout=2.5",
    ],
)
def test_a_bucket_is_an_s3_store(url: str) -> None:
    assert isinstance(open_store(url, S3Credentials("id", "secret")), S3BlobStore)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/x",
        "file://host/x",
        "file://",
        "s3://",
        "s3:///prefix",
        "s3://id:secret@bucket",
        "s3://bucket?colour=blue",
        "s3://bucket?timeout=soon",
        "s3://bucket?timeout=0",
        "s3://bucket?timeout=nan",
    ],
)
def test_a_url_that_means_no_store_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^[A-Z].*[^.]$") as error:
        open_store(url)
    assert "secret" not in str(error.value)
