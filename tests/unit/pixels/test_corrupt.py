"""Damaged frames: each costs one documented error, in bounded time, and the workers go on; none shows half a picture as a whole one."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import asdict, replace

import numpy as np
import pytest

from app.dicom import transfer_syntax as syntaxes
from app.dicom.picture import ImageAttributes
from app.errors import TooLarge, Unprocessable
from app.model import Uid
from app.pixels.adapter import WorkerPixels
from app.pixels.decode import decode
from app.pixels.encode import encode
from app.pixels.pool import Pool
from app.pixels.syntaxes import ENCODABLE, misfit
from tests.pixels import compressed, frame_words, frames_of, image, image_of, read, syntax_of

Case = tuple[bytes, ImageAttributes, Uid]
SECONDS = 10.0


def corpus_cases() -> list[Case]:
    """The first frame of each small compressed file."""
    datasets = [read(path) for path in compressed() if path.stat().st_size < 250_000 and "delimiter" not in path.name]
    return [(next(frames_of(dataset)), image_of(dataset), syntax_of(dataset)) for dataset in datasets]


def own_cases() -> list[Case]:
    """One of each encoder, so that syntaxes of which the corpus has nothing are among them."""
    made = []
    for attributes in (image(40, 50, 16, 12), image(40, 50, 8, 8, samples=3)):
        for syntax in sorted(ENCODABLE - {syntaxes.EXPLICIT_LE}):
            if not misfit(attributes, syntax):
                frame, within = encode(frame_words(attributes, "ramp"), attributes, syntax)
                made.append((frame, within, syntax))
    return made


CASES = corpus_cases() + own_cases()


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return CASES


@pytest.fixture
async def pixels() -> AsyncIterator[WorkerPixels]:
    made = WorkerPixels(Pool(workers=2, seconds=SECONDS))
    yield made
    await made.close()


def without_end(frame: bytes) -> bytes:
    return frame.rstrip(b"\0\xff").removesuffix(b"\xff\xd9")


def damaged(frame: bytes, chance: random.Random) -> Iterator[bytes]:
    """The frame with bits flipped, bytes overwritten, pieces left out, put twice, or exchanged for noise."""
    for _ in range(2):
        flipped = bytearray(frame)
        for _ in range(chance.choice([1, 3, 30])):
            flipped[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
        yield bytes(flipped)
    at, length = chance.randrange(len(frame)), chance.randrange(1, 200)
    yield frame[:at] + frame[at + length :]
    yield frame[:at] + frame[at : at + length] * 2 + frame[at + length :]
    yield frame[:at] + chance.randbytes(length) + frame[at + length :]
    # Headers are where sizes are: more often there.
    head = bytearray(frame)
    head[chance.randrange(min(len(frame), 80))] = chance.choice([0, 1, 0x7F, 0xFF])
    yield bytes(head)


async def test_a_damaged_frame_costs_one_documented_error_and_the_workers_go_on(pixels: WorkerPixels, cases: list[Case]) -> None:
    chance = random.Random(4)
    whole = 0
    for frame, attributes, syntax in cases:
        for broken in damaged(frame, chance):
            began = time.monotonic()
            with suppress(Unprocessable):
                made, now = await pixels.transcode(broken, attributes, syntax, syntaxes.EXPLICIT_LE)
                whole += 1
                size = attributes.rows * attributes.columns * attributes.samples * max(attributes.allocated, 8) // 8
                assert len(made) == size + size % 2
                assert (now.rows, now.columns, now.samples) == (attributes.rows, attributes.columns, attributes.samples)
            assert time.monotonic() - began < SECONDS + 5
    assert whole < len(cases) * 6
    frame, attributes, syntax = cases[0]
    await pixels.transcode(frame, attributes, syntax, syntaxes.EXPLICIT_LE)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize(("frame", "attributes", "syntax"), CASES)
def test_a_frame_that_breaks_off_is_refused(frame: bytes, attributes: ImageAttributes, syntax: Uid, share: float) -> None:
    with pytest.raises(ValueError):
        decode(frame[: int(len(without_end(frame)) * share)], attributes, syntax)


@pytest.mark.parametrize(("frame", "attributes", "syntax"), [case for case in CASES if case[0].rstrip(b"\0\xff").endswith(b"\xff\xd9")])
def test_a_frame_without_its_end_marker_is_whole_or_refused(frame: bytes, attributes: ImageAttributes, syntax: Uid) -> None:
    expected, _ = decode(frame, attributes, syntax)
    try:
        values, _ = decode(without_end(frame), attributes, syntax)
    except ValueError:
        return
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(("frame", "attributes", "syntax"), own_cases())
def test_a_codestream_of_another_size_than_the_attributes_say_is_refused(frame: bytes, attributes: ImageAttributes, syntax: Uid) -> None:
    other = 1 if attributes.samples == 3 else 3
    for wrong in (replace(attributes, rows=attributes.rows + 1), replace(attributes, samples=other)):
        with pytest.raises(ValueError):
            decode(frame, wrong, syntax)


async def test_more_samples_than_a_frame_may_have_are_refused_before_anything_is_decoded() -> None:
    pixels = WorkerPixels(Pool(workers=1, samples=1_000_000))
    try:
        for attributes in (image(1001, 1000, 16, 12), image(600, 600, 8, 8, samples=3), image(65535, 65535, 8, 8)):
            with pytest.raises(TooLarge, match=r"pixels\.frame_samples"):
                await pixels.transcode(b"", attributes, syntaxes.JPEG_BASELINE, syntaxes.EXPLICIT_LE)
        frame = bytes(2_000_000)
        made, now = await pixels.transcode(frame, image(1000, 1000, 16, 12), syntaxes.ENCAPSULATED_UNCOMPRESSED, syntaxes.RLE_LOSSLESS)
        assert len(made) < len(frame)
        assert asdict(now) == asdict(image(1000, 1000, 16, 12))
    finally:
        await pixels.close()


async def test_a_codestream_that_wants_more_memory_than_there_is_is_refused() -> None:
    """Its header and its attributes agree on 65500 x 65500 pixels; the limit of samples is set beyond them."""
    frame, _ = encode(np.zeros((8, 8), "u1"), image(8, 8, 8, 8), syntaxes.JPEG_LOSSLESS_SV1)
    at = frame.index(b"\xff\xc3") + 5
    huge = frame[:at] + b"\xff\xdc\xff\xdc" + frame[at + 4 :]
    pixels = WorkerPixels(Pool(workers=1, samples=2**33, memory=1024**3))
    try:
        with pytest.raises(Unprocessable):
            await pixels.transcode(huge, image(65500, 65500, 8, 8), syntaxes.JPEG_LOSSLESS_SV1, syntaxes.EXPLICIT_LE)
        await pixels.transcode(frame, image(8, 8, 8, 8), syntaxes.JPEG_LOSSLESS_SV1, syntaxes.EXPLICIT_LE)
    finally:
        await pixels.close()
