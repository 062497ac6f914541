"""Files of many makers in other transfer syntaxes: the pixels that a second decoder finds are those that it finds in the original."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest

from app.dicom import transfer_syntax as syntaxes
from tests import pixels
from tests.api.conftest import Site
from tests.builders import corpus

LARGEST = 400_000
DAMAGED = ("bad", "broken", "trunc", "empty", "odd", "miss")
"""Words in the names of files that are not as they should be."""

ROUNDING = 3
"""What two decoders of a lossy syntax may differ by, in grey levels."""


def sample() -> list[Path]:
    """Small files, one for each way in which pixel data are stored: syntax, samples, colours, bits, sign, planes, one frame or many."""
    found: dict[tuple[object, ...], Path] = {}
    for path in corpus():
        try:
            read = pixels.read(path)
            if path.stat().st_size > LARGEST or "PixelData" not in read or not (read.SOPInstanceUID and read.SeriesInstanceUID):
                continue
            kind = [read.file_meta.TransferSyntaxUID, read.SamplesPerPixel, read.PhotometricInterpretation, read.BitsAllocated]
            kind += [read.BitsStored, read.PixelRepresentation, read.get("PlanarConfiguration"), "NumberOfFrames" in read]
            if read.file_meta.TransferSyntaxUID.is_encapsulated or len(found) < 30:
                found.setdefault(tuple(kind), path)
        except (AttributeError, pydicom.errors.InvalidDicomError, EOFError, ValueError):
            continue
    return list(found.values())


def opinion(read: pydicom.Dataset) -> list[pixels.Array] | None:
    """None where the second decoder gives up."""
    try:
        return list(pixels.second_opinion(read))
    except Exception:  # noqa: BLE001 - whatever it is: there is no opinion then
        return None


async def test_every_way_to_store_pixels_becomes_what_it_may_become(site: Site) -> None:
    seen = set()
    for path in sample():
        stored = pixels.read(path)
        want = opinion(stored)
        await site.http.delete(f"/studies/{stored.StudyInstanceUID}")  # several files bear the same UIDs
        answer = await site.store(path.read_bytes())
        if want is None or answer.status_code not in (200, 202):
            continue
        place = f"/studies/{stored.StudyInstanceUID}/series/{stored.SeriesInstanceUID}/instances/{stored.SOPInstanceUID}"
        syntax = stored.file_meta.TransferSyntaxUID
        known = syntaxes.lookup(syntax)
        for to in (syntaxes.EXPLICIT_LE, syntaxes.RLE_LOSSLESS, syntaxes.JPEG_LS_LOSSLESS, syntaxes.HTJ2K_LOSSLESS):
            answer = await site.get(place, f"application/dicom; transfer-syntax={to}")
            if not known.lossless and to != syntaxes.EXPLICIT_LE:
                assert answer.status_code == 406, path.name
                continue
            assert answer.status_code in (200, 406), (path.name, to, answer.text)
            if answer.status_code == 406:
                assert to != syntaxes.EXPLICIT_LE, path.name
                continue
            made = pydicom.dcmread(io.BytesIO(answer.content))
            assert str(made.file_meta.TransferSyntaxUID) == to
            got = opinion(made)
            assert got is not None, (path.name, to)
            for one, other in zip(got, want, strict=True):
                most = 0 if known.lossless else ROUNDING
                assert np.abs(one.astype(int) - other.astype(int)).max() <= most, (path.name, to)
            assert made.get("LossyImageCompression") == ("01" if known.lossy else stored.get("LossyImageCompression")), path.name
            seen.add((str(syntax), str(to)))
    assert len({stored for stored, _ in seen}) >= 8, seen


@pytest.mark.parametrize("accept", ["application/dicom", 'multipart/related; type="application/octet-stream"'])
async def test_damaged_files_of_the_corpus_are_an_answer_and_never_the_end(site: Site, accept: str) -> None:
    for path in corpus():
        if path.stat().st_size > LARGEST or not any(
            word in path.name.lower() for word in ("bad", "broken", "trunc", "empty", "odd", "miss")
        ):
            continue
        stored = await site.store(path.read_bytes())
        if stored.status_code not in (200, 202):
            continue
        url = stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
        answer = await site.get(url, accept)
        assert answer.status_code in (200, 206, 404, 406, 422), (path.name, answer.text)
    assert (await site.get("/studies?limit=1")).status_code == 200
