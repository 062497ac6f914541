from __future__ import annotations

import pytest

from app.storage.memory import MemoryStore
from tests.contract.blob_store import BlobStoreContract, RawKeys, chunks


class TestMemoryStore(BlobStoreContract):
    most_memory = None

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def raw_keys(self, store: MemoryStore) -> RawKeys:
        return lambda: set(store._blobs)


async def test_the_clock_is_the_one_passed_in() -> None:
    store = MemoryStore(now=lambda: 12.5)
    blob = await store.put("instances/018bc/fe5/018bcfe56800-0123456789abcdef", chunks(b"x"))
    assert blob.modified == 12.5
