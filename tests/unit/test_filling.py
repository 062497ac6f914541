"""A spool that is filled from a request: whole whatever the size of the chunks, bounded, and given up without a trace."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import TooLarge, Unavailable
from app.model import Limits
from app.storage.spool import FileSpool
from app.studies.body import RUN, Filling


def archive(folder: Path, limit: int = 1 << 40, spool: Callable[..., FileSpool] = FileSpool) -> Any:
    """As much of an Archive as a spool is filled with."""
    return SimpleNamespace(spool=lambda: spool(folder, 100), limits=replace(Limits(), instance_bytes=limit))


@pytest.mark.parametrize("chunk", [1000, 65536, RUN, 3 * RUN + 7])
async def test_all_that_was_added_is_in_the_spool_in_order(tmp_path: Path, chunk: int) -> None:
    data, filling = os.urandom(3 * RUN + 12345), Filling(archive(tmp_path))
    for start in range(0, len(data), chunk):
        await filling.add(data[start : start + chunk])
    spool = await filling.finish()
    assert (spool.size, spool.digest) == (len(data), hashlib.sha256(data).hexdigest())
    assert spool.read(0, len(data)) == data
    spool.close()
    assert list(tmp_path.iterdir()) == []


async def test_what_is_small_needs_no_file(tmp_path: Path) -> None:
    filling = Filling(archive(tmp_path))
    await filling.add(b"x" * 60)
    await filling.add(b"y" * 40)
    spool = await filling.finish()
    assert spool.path() is None
    assert spool.read(0, 200) == b"x" * 60 + b"y" * 40
    spool.close()


@pytest.mark.parametrize("limit", [50, RUN, 2 * RUN + 5])
async def test_too_large_is_told_with_the_first_byte_too_many(tmp_path: Path, limit: int) -> None:
    filling = Filling(archive(tmp_path, limit))
    for _ in range(limit // 13):
        await filling.add(b"x" * 13)
    with pytest.raises(TooLarge):
        await filling.add(b"x" * 13)
    filling.close()
    assert list(tmp_path.iterdir()) == []


async def test_one_that_is_given_up_while_a_run_is_written_leaves_nothing(tmp_path: Path) -> None:
    filling = Filling(archive(tmp_path))
    await filling.add(b"x" * 200)
    await filling.add(b"x" * RUN)
    filling.close()
    await asyncio.sleep(0.05)
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_fails_is_told_by_the_next_run_or_by_the_end(tmp_path: Path) -> None:
    class Failing(FileSpool):
        def write(self, chunk: bytes | bytearray) -> None:
            if self.size:
                raise Unavailable("The volume is away.")
            super().write(chunk)

    filling = Filling(archive(tmp_path, spool=Failing))
    await filling.add(b"x" * 200)
    await filling.add(b"x" * RUN)
    with pytest.raises(Unavailable):
        await filling.finish()
    filling.close()
    assert list(tmp_path.iterdir()) == []
