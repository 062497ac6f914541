from __future__ import annotations

import contextlib
import secrets
import socketserver
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from app.errors import Unavailable
from app.model import Span
from app.storage.keys import new_key
from app.storage.s3 import S3BlobStore, S3Bucket, S3Credentials
from tests.contract.blob_store import BlobStoreContract, RawKeys, chunks, listed, whole
from tests.services.seaweedfs import SeaweedFS


class TestS3BlobStore(BlobStoreContract):
    @pytest.fixture
    def bucket(self, seaweedfs: SeaweedFS) -> S3Bucket:
        return S3Bucket(seaweedfs.bucket, f"test-{secrets.token_hex(8)}", seaweedfs.endpoint, seaweedfs.region)

    @pytest.fixture
    async def store(self, seaweedfs: SeaweedFS, bucket: S3Bucket) -> AsyncIterator[S3BlobStore]:
        store = S3BlobStore(bucket, S3Credentials(seaweedfs.access_key_id, seaweedfs.secret_access_key))
        yield store
        await store.close()

    @pytest.fixture
    def raw_keys(self, seaweedfs: SeaweedFS, bucket: S3Bucket) -> RawKeys:
        return lambda: seaweedfs.keys(bucket.prefix) - {"probe"}

    async def test_a_wrong_secret_is_unavailable(self, seaweedfs: SeaweedFS, bucket: S3Bucket) -> None:
        store = S3BlobStore(bucket, S3Credentials(seaweedfs.access_key_id, "wrong"))
        with pytest.raises(Unavailable, match="access key"):
            await store.check()
        with pytest.raises(Unavailable, match="access key"):
            await store.put(new_key(1.7e9), chunks(b"x"))


ANSWERS = {
    "silent": b"",
    "failing": b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "babbling": b"\x00\xff not HTTP at all\r\n\r\n",
}


@pytest.fixture(params=["away", *ANSWERS])
def sick_endpoint(request: pytest.FixtureRequest, unused_tcp_port: int) -> Iterator[str]:
    """The address of a service that is not there, never answers, answers 503 or answers no HTTP."""
    if request.param == "away":
        yield f"http://127.0.0.1:{unused_tcp_port}"
        return
    over = threading.Event()

    class Sick(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):
                self.request.recv(65536)
                self.wfile.write(ANSWERS[request.param])
                if request.param == "silent":
                    over.wait(10)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sick) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        over.set()
        server.shutdown()


CALLS: dict[str, Callable[[S3BlobStore, str], Awaitable[object]]] = {
    "check": lambda store, key: store.check(),
    "stat": lambda store, key: store.stat(key),
    "delete": lambda store, key: store.delete(key),
    "read": whole,
    "read_spans": lambda store, key: store.read_spans(key, [Span(0, 1)]),
    "put": lambda store, key: store.put(key, chunks(b"x")),
    "upload": lambda store, key: store.put(key, chunks(bytes(9_000_000))),
    "list": lambda store, key: listed(store),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_sick_service_is_unavailable_in_time_and_named_nowhere(sick_endpoint: str, call: str) -> None:
    store = S3BlobStore(S3Bucket("private-bucket", "", sick_endpoint, "us-east-1", timeout=0.5), S3Credentials("id", "secret"))
    start = time.monotonic()
    with pytest.raises(Unavailable) as error:
        await CALLS[call](store, new_key(1.7e9))
    assert time.monotonic() - start < 5
    assert "127.0.0.1" not in error.value.detail
    assert "private-bucket" not in error.value.detail


def test_a_secret_is_not_shown() -> None:
    assert "hidden" not in repr(S3Credentials("id", "hidden", "hidden"))
