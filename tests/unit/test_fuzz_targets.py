"""Every parser of what comes from outside takes any bytes: a value or its documented refusal, soon. `make fuzz` goes on from here."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import PARSERS, check, mutate


@pytest.mark.parametrize("name", PARSERS)
def test_seeds_are_taken_or_refused(name: str) -> None:
    for data in PARSERS[name].seeds():
        check(PARSERS[name], data)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_mutants_of_seeds_are_taken_or_refused(name: str, data: st.DataObject) -> None:
    parser = PARSERS[name]
    seed = data.draw(st.sampled_from(parser.seeds()))
    check(parser, mutate(random.Random(data.draw(st.integers(0, 2**32))), seed))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_anything_at_all_is_taken_or_refused(name: str, data: bytes) -> None:
    check(PARSERS[name], data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("query", b"PatientName=" + b"*a" * 20_000),
        ("query", b"&".join(b"PatientID=1" for _ in range(5000))),
        ("query", b"StudyInstanceUID=" + b"1.2," * 16_000),
        ("query", b"includefield=" + b"all," * 16_000),
        ("accept", b"a/b;q=0.5," * 6000),
        ("accept", b'multipart/related;type="' + b"\\" * 60_000),
        ("accept", b";" * 60_000),
        ("content_type", b"multipart/related" + b'; a="b' * 8000),
        ("content_type", b"multipart/related;" + b" " * 60_000),
        ("ranges", b"bytes=" + b"0-," * 20_000),
        ("ranges", b"bytes" + b" " * 60_000),
        ("path", b"1," * 30_000),
        ("path", b"00400275/1/" * 6000),
        ("rendered", b"viewport=" + b"1," * 30_000),
        ("rendered", b"window=" + b"1" * 60_000),
        ("rendered", b"annotation=" + b"patient," * 7000),
        ("volume", b"window=" + b"1," * 30_000),
        ("json", b"[" * 60_000),
        ("json", b'{"00080005":' * 5000),
        ("json", b'{"00280010":{"vr":"US","Value":[' + b"9" * 60_000 + b"]}}"),
        ("json", b'{"00280010":{"vr":"DS","Value":[1e' + b"9" * 6000 + b"]}}"),
        ("xml", b"<a>" * 20_000),
        ("xml", b"<a " + b"b='c' " * 10_000 + b"/>"),
        ("multipart", b"\xff" + b"--b" * 20_000),
        ("multipart", b"\x01--b\r\n" + b"a: b\r\n" * 10_000),
        ("multipart", b"\xff--b\r\n\r\n" + b"\r\n--" * 15_000),
        ("part10", b"\0" * 128 + b"DICM" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff" * 8000),
        ("part10", b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 3000),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:20]),
)
def test_what_is_made_to_take_long_does_not(name: str, data: bytes) -> None:
    check(PARSERS[name], data)
