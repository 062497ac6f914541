"""Hostile bytes: only the documented errors, or a tree that lies within the bytes."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dicom import explicit, frames, part10, transfer_syntax
from app.dicom.elements import DataSet, Malformed, walk
from tests.builders import MemorySource, encapsulated, instance
from tests.unit.dicom import raw
from tests.unit.dicom.corpus_files import corpus_file, walked

SEEDS = [
    corpus_file(name).read_bytes()[:6000]
    for name in (
        "rtplan.dcm",
        "reportsi.dcm",
        "UN_sequence.dcm",
        "nested_priv_SQ.dcm",
        "image_dfl.dcm",
        "rtdose_expb_1frame.dcm",
        "test-SR.dcm",
    )
]
SEEDS += [instance(), encapsulated([b"\xff\xd8\xff" + bytes(99)] * 3, transfer_syntax.JPEG_BASELINE, fragments_per_frame=2)]
SEEDS += [raw.file(raw.UIDS + raw.explicit(0x00081140, "UN", raw.item(raw.implicit(0x00080100, b"T1"))))]

edits = st.lists(st.tuples(st.integers(0, 6000), st.binary(min_size=1, max_size=8)), max_size=6)


def digest(data: bytes) -> None:
    """All that the server does with an object, as far as it can be taken."""
    source = MemorySource(data)
    header = part10.read_header(source)
    if transfer_syntax.lookup(header.transfer_syntax).deflated:
        source = MemorySource(b"".join(explicit.inflate(source, header, limit=10**7, ratio=1000)))
        header = part10.read_header(source)
        if transfer_syntax.lookup(header.transfer_syntax).deflated:
            return
    tree = walked(source, header)
    within(tree.dataset, source.size)
    assert header.offset <= tree.end <= source.size
    table = frames.table(source, tree.dataset, explicit.outgoing(source, header, tree.dataset))
    for number in range(1, min(table.count, 100) + 1):
        span = frames.span(table, number)
        assert 0 <= span.offset <= span.end <= source.size
        frames.extract(table, number, source.read(span.offset, span.length))
    out = b"".join(explicit.rewrite(source, header, tree.dataset))
    again = MemorySource(out)
    start = part10.read_header(again).offset
    assert not tree.dataset.elements or not walk(again, start=start, explicit=True, little=True, nesting=64, elements=10**6).repairs


def within(dataset: DataSet, size: int) -> None:
    for element in dataset.elements:
        assert 0 <= element.start <= element.start + element.length <= size
        assert " " not in element.vr
        for item in element.items or ():
            within(item, size)
        for start, length in element.fragments or ():
            assert start + length <= size


@settings(max_examples=300, deadline=2000)
@given(st.sampled_from(SEEDS), edits, st.integers(0, 6000))
def test_damaged_objects_give_a_tree_or_a_documented_error(seed: bytes, changes: list[tuple[int, bytes]], end: int) -> None:
    data = bytearray(seed)
    for wanted, change in changes:
        at = wanted % len(data)
        data[at : at + len(change)] = change
    with suppress(part10.NotDicom, Malformed):
        digest(bytes(data[: end or None]) if end % 3 == 0 else bytes(data))


@settings(max_examples=200, deadline=2000)
@given(st.binary(max_size=600), st.sampled_from([b"", bytes(128) + b"DICM", bytes(128) + b"DICM" + raw.meta(), raw.UIDS]))
def test_random_bytes_give_a_tree_or_a_documented_error(data: bytes, head: bytes) -> None:
    with suppress(part10.NotDicom, Malformed):
        digest(head + data)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_way_of_being_cut_off_gives_a_tree_or_a_documented_error(seed: bytes) -> None:
    for end in range(0, min(len(seed), 1500), 7):
        with suppress(part10.NotDicom, Malformed):
            digest(seed[:end])
