"""app.dicomweb.dicom_json over real objects: it says what pydicom reads, element by element, and survives what is damaged."""

from __future__ import annotations

import random
import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

from app.dicom.deflated import inflate
from app.dicom.elements import Malformed, walk
from app.dicom.part10 import Header, NotDicom, read_header
from app.dicom.transfer_syntax import DEFLATED_LE, lookup
from app.dicomweb.dicom_json import Encoded, encode
from tests.agreement import compare
from tests.builders import corpus
from tests.unit.dicomweb.json_trees import ROOT, Memory, parsed


def encoded_file(data: bytes) -> tuple[Header, Encoded]:
    source = Memory(data)
    header = read_header(source)
    if header.transfer_syntax == DEFLATED_LE:
        source = Memory(b"".join(inflate(source, header, limit=1 << 30, ratio=1000)))
        header = read_header(source)
    syntax = lookup(header.transfer_syntax)
    walked = walk(source, start=header.offset, explicit=syntax.explicit, little=syntax.little, nesting=64, elements=1_000_000)
    return header, encode(source, walked.dataset, bulkdata_root=ROOT, transfer_syntax=header.transfer_syntax)


def strict_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys)
    if keys and all(re.fullmatch("[0-9A-F]{8}", key) for key in keys):
        assert keys == sorted(keys)
    return dict(pairs)


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_metadata_of_the_corpus_is_what_pydicom_reads(path: Path) -> None:
    data = path.read_bytes()
    try:
        header, result = encoded_file(data)
    except (NotDicom, Malformed):
        with pytest.raises((pydicom.errors.InvalidDicomError, AttributeError)):
            assert pydicom.dcmread(BytesIO(data), force=True).SOPClassUID, "pydicom can identify what we refuse"
        return
    ours = parsed(result)
    assert ours.pop("00083002")["Value"] == [header.transfer_syntax]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pydicom.dcmread(BytesIO(data), force=True)
        if not len(theirs):
            # It gives up as a whole where the pixel data is cut off.
            theirs = pydicom.dcmread(BytesIO(data), force=True, stop_before_pixels=True)
            ours.pop("7FE00010")
        differences = list(compare(theirs, ours))
    assert differences == []


@pytest.mark.parametrize("path", random.Random(3).sample(corpus(), 40), ids=lambda path: path.name)
def test_damaged_objects_of_the_corpus_never_make_it_raise(path: Path) -> None:
    chance = random.Random(path.name)
    whole = path.read_bytes()[: 1 << 18]
    for _ in range(6):
        data = bytearray(whole[: chance.randrange(200, len(whole) + 1)] if len(whole) > 200 and chance.random() < 0.3 else whole)
        for _ in range(chance.choice((1, 10, 100))):
            data[min(len(data) - 1, int(chance.expovariate(1 / 2000)))] = chance.randrange(256)
        try:
            _, result = encoded_file(bytes(data))
        except (NotDicom, Malformed):
            continue
        assert parsed(result) is not None
        for bulkdata in result.bulkdata:
            assert 0 <= bulkdata.span.offset <= bulkdata.span.end <= len(data)
