"""What every blob store promises (`ports.BlobStore`), as a suite: a backend's test module subclasses `BlobStoreContract`.

It brings two fixtures: `store`, an empty store, and `raw_keys`, which tells what really lies behind it, the remains of unfinished puts
included. After each test both must agree.
"""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Corrupt, Missing, NotFound
from app.model import Blob, Span
from app.ports import BlobStore
from app.storage.keys import deletion_key, new_key, web_key

RawKeys = Callable[[], set[str]]

MIB = 1024 * 1024
DATA = bytes(range(256)) * 12
SIZE = len(DATA)
BAD_KEYS = [
    "",
    "/",
    "..",
    "instances/",
    "tmp/put-0123456789abcdef",
    "../outside",
    "/etc/passwd",
    "instances/../../etc/passwd",
    "instances/018f0/000/../../../outside",
    new_key(1.7e9).upper(),
    new_key(1.7e9) + ".web.web",
    new_key(1.7e9) + "\n",
    new_key(1.7e9) + "\x00",
    "/" + new_key(1.7e9),
    new_key(1.7e9).replace("/", "//", 1),
    new_key(1.7e9).replace("instances/0", "instances/1"),
    new_key(1.7e9).replace("instances", "others"),
]

_moments = count(1_700_000_000)


def a_key() -> str:
    return new_key(next(_moments))


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def counted(size: int, step: int = 256 * 1024) -> AsyncIterator[bytes]:
    for chunk in counted_chunks(size, step):
        yield chunk


def counted_chunks(size: int, step: int) -> Iterable[bytes]:
    """A large body of which any piece can be told from any other."""
    for offset in range(0, size, step):
        yield b"".join(number.to_bytes(8, "big") for number in range(offset, min(offset + step, size), 8))


async def whole(store: BlobStore, key: str, span: Span | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, span)])


async def listed(store: BlobStore, prefix: str = "") -> Sequence[Blob]:
    return [blob async for blob in store.list(prefix)]


class BodyBroke(Exception):
    pass


async def breaking(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    raise BodyBroke


class BlobStoreContract:
    most_memory: int | None = 16 * MIB
    """Python memory that a put or a read may take at most, whatever the size; None for a store that is memory."""

    @pytest.fixture(autouse=True)
    async def _nothing_is_left_over(self, store: BlobStore, raw_keys: RawKeys) -> AsyncIterator[None]:
        yield
        assert raw_keys() == {blob.key for blob in await listed(store)}

    @pytest.fixture
    async def key(self, store: BlobStore) -> str:
        """The key of a blob that holds DATA."""
        key = a_key()
        await store.put(key, chunks(DATA))
        return key

    @pytest.mark.parametrize("parts", [(), (b"",), (b"x",), (b"", b"one", b"", b"two"), (DATA,), (DATA, DATA)])
    async def test_what_was_put_is_read_back_whole(self, store: BlobStore, parts: tuple[bytes, ...]) -> None:
        key = a_key()
        blob = await store.put(key, chunks(*parts))
        assert (blob.key, blob.size) == (key, len(b"".join(parts)))
        assert await whole(store, key) == b"".join(parts)

    async def test_a_put_tells_what_stat_tells(self, store: BlobStore) -> None:
        blob = await store.put(a_key(), chunks(DATA))
        assert await store.stat(blob.key) == blob
        assert blob.modified > 1_600_000_000

    async def test_an_instance_and_its_web_sibling_are_two_blobs(self, store: BlobStore, key: str) -> None:
        await store.put(web_key(key), chunks(b"web"))
        assert await whole(store, key) == DATA
        assert await whole(store, web_key(key)) == b"web"
        await store.delete(key)
        assert await whole(store, web_key(key)) == b"web"

    @pytest.mark.parametrize("span", [Span(0, 1), Span(0, SIZE), Span(17, 100), Span(SIZE - 1, 1), Span(5, 0), Span(SIZE, 0)])
    async def test_a_span_is_read(self, store: BlobStore, key: str, span: Span) -> None:
        assert await whole(store, key, span) == DATA[span.offset : span.end]

    async def test_spans_come_in_the_order_asked_overlapping_repeated_and_empty(self, store: BlobStore, key: str) -> None:
        spans = [Span(500, 20), Span(0, 0), Span(0, SIZE), Span(490, 20), Span(500, 20), Span(SIZE, 0), Span(SIZE - 3, 3)]
        assert await store.read_spans(key, spans) == [DATA[span.offset : span.end] for span in spans]
        assert await store.read_spans(key, []) == []

    async def test_hundreds_of_spans_are_read_at_once(self, store: BlobStore, key: str) -> None:
        spans = [Span(offset, 5) for offset in range(0, SIZE - 5, 9)]
        assert await store.read_spans(key, spans) == [DATA[span.offset : span.end] for span in spans]

    # Several backends inherit this test, each with its own store: that is meant, and each draws for itself.
    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(st.lists(st.tuples(st.integers(0, SIZE + 3), st.integers(0, SIZE + 3)), max_size=5))
    async def test_spans_are_the_slices_or_corrupt(self, store: BlobStore, key: str, pairs: list[tuple[int, int]]) -> None:
        spans = [Span(offset, length) for offset, length in pairs]
        if any(span.end > SIZE for span in spans):
            with pytest.raises(Corrupt):
                await store.read_spans(key, spans)
        else:
            assert await store.read_spans(key, spans) == [DATA[span.offset : span.end] for span in spans]

    @pytest.mark.parametrize("span", [Span(0, SIZE + 1), Span(SIZE, 1), Span(SIZE + 1, 0), Span(10**12, 5), Span(0, 10**12)])
    async def test_a_span_beyond_the_end_is_corrupt_and_gives_no_byte(self, store: BlobStore, key: str, span: Span) -> None:
        with pytest.raises(Corrupt):
            await anext(aiter(store.read(key, span)))
        with pytest.raises(Corrupt):
            await store.read_spans(key, [Span(0, 1), span])

    @pytest.mark.parametrize("span", [Span(-1, 5), Span(0, -1)])
    async def test_a_negative_span_is_a_value_error(self, store: BlobStore, key: str, span: Span) -> None:
        with pytest.raises(ValueError):
            await whole(store, key, span)
        with pytest.raises(ValueError):
            await store.read_spans(key, [span])

    async def test_a_large_body_streams_in_and_out_in_little_memory(self, store: BlobStore) -> None:
        size, key = 20 * MIB + 8, a_key()
        tracemalloc.start()
        try:
            assert (await store.put(key, counted(size))).size == size
            offset = 0
            async for chunk in store.read(key):
                assert 0 < len(chunk) <= MIB
                assert chunk[:8] == offset.to_bytes(8, "big")
                offset += len(chunk)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert offset == size
        assert self.most_memory is None or peak < self.most_memory
        assert await whole(store, key, Span(9 * MIB - 4, 6 * MIB)) == b"".join(counted_chunks(size, MIB))[9 * MIB - 4 : 15 * MIB - 4]

    @pytest.mark.parametrize("size", [MIB - 8, MIB, MIB + 8, 8 * MIB - 8, 8 * MIB, 8 * MIB + 8])
    async def test_bodies_at_the_edges_of_buffers_are_kept_whole(self, store: BlobStore, size: int) -> None:
        key = a_key()
        assert (await store.put(key, counted(size, MIB - 8))).size == size
        assert await whole(store, key) == b"".join(counted_chunks(size, MIB))

    @pytest.mark.parametrize("parts", [[], [DATA], [bytes(MIB)] * 3, [bytes(MIB)] * 10], ids=["at once", "small", "large", "huge"])
    async def test_a_body_that_breaks_leaves_nothing(self, store: BlobStore, raw_keys: RawKeys, parts: list[bytes]) -> None:
        key = a_key()
        with pytest.raises(BodyBroke):
            await store.put(key, breaking(*parts))
        assert raw_keys() == set()
        with pytest.raises(NotFound):
            await store.stat(key)

    async def test_a_body_that_breaks_leaves_the_old_blob_as_it_was(self, store: BlobStore, key: str) -> None:
        with pytest.raises(BodyBroke):
            await store.put(key, breaking(bytes(2 * MIB)))
        assert await whole(store, key) == DATA

    @pytest.mark.parametrize("size", [100, 3 * MIB, 10 * MIB])
    async def test_a_put_that_is_cancelled_leaves_nothing(self, store: BlobStore, raw_keys: RawKeys, size: int) -> None:
        started, never = asyncio.Event(), asyncio.Event()

        async def stuck() -> AsyncIterator[bytes]:
            async for chunk in counted(size, 100_000):
                yield chunk
            started.set()
            await never.wait()

        task = asyncio.ensure_future(store.put(a_key(), stuck()))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert raw_keys() == set()

    @pytest.mark.parametrize("size", [1000, 3 * MIB, 9 * MIB])
    async def test_an_unfinished_put_is_not_seen(self, store: BlobStore, size: int) -> None:
        key, started, go_on = a_key(), asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            async for chunk in counted(size, 100_000):
                yield chunk
            started.set()
            await go_on.wait()

        task = asyncio.ensure_future(store.put(key, slow()))
        await started.wait()
        assert await listed(store) == []
        with pytest.raises(NotFound):
            await store.stat(key)
        go_on.set()
        await task
        assert [blob.key for blob in await listed(store)] == [key]

    async def test_an_existing_key_is_replaced(self, store: BlobStore, key: str) -> None:
        assert (await store.put(key, chunks(b"shorter"))).size == 7
        assert await whole(store, key) == b"shorter"
        assert [blob.size for blob in await listed(store)] == [7]

    async def test_concurrent_puts_of_one_key_end_with_one_whole_value(self, store: BlobStore) -> None:
        key = a_key()
        values = [bytes([number]) * (1000 + number * 40_000) for number in range(8)]
        await asyncio.gather(*(store.put(key, chunks(value[:900], value[900:])) for value in values))
        assert await whole(store, key) in values

    async def test_concurrent_puts_of_many_keys_are_all_kept(self, store: BlobStore) -> None:
        values = {a_key(): bytes([number]) * 5000 for number in range(24)}
        await asyncio.gather(*(store.put(key, chunks(value)) for key, value in values.items()))
        assert {key: await whole(store, key) for key in values} == values

    async def test_a_deleted_blob_is_gone_and_deleting_twice_is_fine(self, store: BlobStore, key: str, raw_keys: RawKeys) -> None:
        await store.delete(key)
        await store.delete(key)
        await store.delete(a_key())
        assert raw_keys() == set()

    async def test_what_is_absent_is_not_found_and_missing_to_who_was_promised_it(self, store: BlobStore) -> None:
        key = a_key()
        with pytest.raises(NotFound):
            await store.stat(key)
        with pytest.raises(Missing):
            await whole(store, key)
        for spans in ([Span(0, 1)], [Span(0, 0)], []):
            with pytest.raises(Missing):
                await store.read_spans(key, spans)

    async def test_errors_name_neither_key_nor_place(self, store: BlobStore, key: str) -> None:
        with pytest.raises(NotFound) as absent:
            await store.stat(a_key())
        with pytest.raises(Corrupt) as corrupt:
            await store.read_spans(key, [Span(0, 10**9)])
        for error in (absent, corrupt):
            assert " " in error.value.detail, "a sentence is for people"
            assert "/" not in error.value.detail

    @pytest.mark.parametrize("bad", BAD_KEYS, ids=range(len(BAD_KEYS)))
    async def test_a_text_that_is_no_key_is_a_value_error(self, store: BlobStore, bad: str) -> None:
        with pytest.raises(ValueError):
            await store.put(bad, chunks(b"x"))
        with pytest.raises(ValueError):
            await whole(store, bad)
        with pytest.raises(ValueError):
            await store.read_spans(bad, [Span(0, 1)])
        with pytest.raises(ValueError):
            await store.stat(bad)
        with pytest.raises(ValueError):
            await store.delete(bad)

    async def test_blobs_are_listed_in_ascending_order_of_keys(self, store: BlobStore) -> None:
        moments = [1_700_000_000.0, 1_700_000_000.001, 1_700_000_070.0, 1_700_400_000.0, 1_800_000_000.0]
        keys = [new_key(moment) for moment in moments]
        keys.insert(2, web_key(keys[1]))
        for key in reversed(keys):
            await store.put(key, chunks(key.encode()))
        assert [blob.key for blob in await listed(store)] == keys
        assert [await store.stat(key) for key in keys] == await listed(store)

    async def test_a_prefix_narrows_the_list(self, store: BlobStore) -> None:
        keys = [new_key(moment) for moment in (1_700_000_000.0, 1_700_000_001.0, 1_700_400_000.0)]
        for key in keys:
            await store.put(key, chunks(b"x"))
        for prefix in ["instances", "instances/", keys[0][:-1], keys[0], *(keys[0][:cut] for cut in (12, 15, 16, 17, 20, 21, 30))]:
            assert [blob.key for blob in await listed(store, prefix)] == [key for key in keys if key.startswith(prefix)]
        record = deletion_key(1_700_000_002.0)
        await store.put(record, chunks(keys[0].encode()))
        assert [blob.key for blob in await listed(store, "deletions/")] == [record]
        assert [blob.key for blob in await listed(store)] == [record, *keys]
        assert [blob.key for blob in await listed(store, "instances/")] == keys
        for prefix in ["x", "/", "..", "../", "instances/..", "instances//", "tmp/", keys[0] + "x"]:
            assert await listed(store, prefix) == []

    async def test_an_empty_store_lists_nothing_and_is_ready(self, store: BlobStore) -> None:
        assert await listed(store) == []
        await store.check()
        await store.check()
        assert await listed(store) == []
