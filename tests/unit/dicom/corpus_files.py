"""The corpus as test parameters, and our reading of one file."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pydicom
import pytest

from app.dicom import elements, explicit, part10, transfer_syntax
from tests.builders import MemorySource, corpus

NOT_DICOM = {"no_meta.dcm"}  # its first byte is missing, and every tag with it


UNREAD = {"emri_small_jpeg_2k_lossless_too_short.dcm"}  # pydicom gives up the whole data set where the last delimiter is missing


def readable() -> list[Any]:
    """Every corpus file that pydicom can read as a DICOM object, named by its path."""
    return [pytest.param(path, id="/".join(path.parts[-2:])) for path in corpus() if path.name not in NOT_DICOM | UNREAD]


def corpus_file(name: str) -> Path:
    return next(path for path in corpus() if path.name == name)


def walked(source: elements.Source, header: part10.Header) -> elements.Walked:
    syntax = transfer_syntax.lookup(header.transfer_syntax)
    return elements.walk(source, start=header.offset, explicit=syntax.explicit, little=syntax.little, nesting=64, elements=1_000_000)


@functools.lru_cache(maxsize=4)
def opened(path: Path) -> tuple[MemorySource, part10.Header, elements.Walked]:
    """The file as we see it; a deflated one inflated first."""
    return opened_bytes(path.read_bytes())


def opened_bytes(data: bytes) -> tuple[MemorySource, part10.Header, elements.Walked]:
    source = MemorySource(data)
    header = part10.read_header(source)
    if transfer_syntax.lookup(header.transfer_syntax).deflated:
        source = MemorySource(b"".join(explicit.inflate(source, header, limit=2**30, ratio=1000)))
        header = part10.read_header(source)
    return source, header, walked(source, header)


def outgoing_bytes(path: Path) -> bytes:
    """The file as it goes out."""
    source, header, tree = opened(path)
    if transfer_syntax.lookup(header.transfer_syntax).rewritten:
        return b"".join(explicit.rewrite(source, header, tree.dataset))
    pieces = explicit.pieces(source, header, tree.dataset)
    return b"".join(piece if isinstance(piece, bytes) else source.read(piece.offset, piece.length) for piece in pieces)


@functools.lru_cache(maxsize=4)
def seen_by_pydicom(path: Path) -> pydicom.Dataset:
    return pydicom.dcmread(path, force=True)
