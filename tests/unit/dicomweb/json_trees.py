"""Trees of data elements put together by hand, so that the encoder is tested without the parser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from app.dicom.elements import DataSet, Element
from app.dicomweb.dicom_json import Encoded, encode
from app.model import Uid

ROOT = "/studies/1.2/series/1.3/instances/1.4"
SYNTAX = Uid("1.2.840.10008.1.2.1")
Part = tuple[int, str, "bytes | Sequence[Sequence[Part]]"]


@dataclass
class Memory:
    """A Source over bytes that counts what was read of it."""

    data: bytes
    read_bytes: int = 0

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        chunk = self.data[offset : offset + length]
        self.read_bytes += len(chunk)
        return chunk


@dataclass
class Endless:
    """A Source of `size` bytes that nobody could hold in memory; reading more than a little of it fails the test."""

    size: int
    allowed: int = 1 << 20

    def read(self, offset: int, length: int) -> bytes:
        self.allowed -= length
        assert self.allowed >= 0, "big values must not be read"
        return b"A" * max(0, min(length, self.size - offset))


def lay_out(parts: Sequence[Part], data: bytearray, *, little: bool = True) -> DataSet:
    elements = []
    for tag, vr, value in parts:
        if isinstance(value, bytes):
            elements.append(Element(tag, vr, vr, len(data), len(value)))
            data += value
        else:
            start = len(data)
            items = [lay_out(item, data, little=little) for item in value]
            elements.append(Element(tag, vr, vr, start, len(data) - start, items=items))
    return DataSet(elements, explicit=True, little=little)


def encoded(*parts: Part, little: bool = True) -> Encoded:
    data = bytearray()
    dataset = lay_out(parts, data, little=little)
    return encode(Memory(bytes(data)), dataset, bulkdata_root=ROOT, transfer_syntax=SYNTAX)


def parsed(result: Encoded) -> dict[str, Any]:
    """What a strict reader makes of the text once the base URL stands in it."""
    document = json.loads(result.text.replace(b"\x01", b"http://h/dicom-web"), parse_constant=refuse)
    assert isinstance(document, dict)
    return document


def one(vr: str, raw: bytes, *, tag: int = 0x00091001, little: bool = True) -> dict[str, Any]:
    """The JSON of a single element."""
    document = parsed(encoded((tag, vr, raw), little=little))
    answer = document[f"{tag:08X}"]
    assert isinstance(answer, dict)
    return answer


def refuse(token: str) -> NoReturn:
    raise AssertionError(f"{token} is not JSON")
