"""The multipart reader and writer on the wire (PS3.18 8.6.1.2, RFC 2046 5.1; statements M and S6 of the test digest)."""

from __future__ import annotations

import email.policy
from collections.abc import Iterable
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dicomweb.multipart import (
    MAX_HEAD,
    End,
    Event,
    PartBegin,
    PartData,
    PartEnd,
    Reader,
    content_length,
    content_type,
    heads,
    part_head,
    tail,
)
from app.errors import InvalidMultipart, TooLarge

Part = tuple[dict[str, str], bytes]

HEADER_BYTES = 512


def read(chunks: Iterable[bytes], boundary: str = "b", *, parts: int = 100, header_bytes: int = HEADER_BYTES) -> list[Part]:
    """The whole parts of a body, and a check of the order of events."""
    reader = Reader(boundary, header_bytes=header_bytes, parts=parts)
    found: list[Part] = []
    for event in _events(reader, chunks, found):
        assert not isinstance(event, End)
    return found


def _events(reader: Reader, chunks: Iterable[bytes], found: list[Part]) -> Iterable[Event]:
    headers: dict[str, str] | None = None
    data = b""
    ended = False

    def take(event: Event) -> None:
        nonlocal headers, data, ended
        assert not ended
        match event:
            case PartBegin():
                assert headers is None
                headers, data = event.headers, b""
            case PartData():
                assert headers is not None
                assert event.data
                data += event.data
            case PartEnd():
                assert headers is not None
                found.append((headers, data))
                headers = None
            case End():
                assert headers is None
                ended = True

    for chunk in chunks:
        for event in reader.feed(chunk):
            take(event)
            yield event
    for event in reader.close():
        take(event)
    assert ended


def cuts(body: bytes) -> Iterable[list[bytes]]:
    """The body in one piece, cut in two at every byte, and byte by byte."""
    yield [body]
    yield from ([body[:at], body[at:]] for at in range(len(body) + 1))
    yield [body[at : at + 1] for at in range(len(body))]


DICOM = {"content-type": "application/dicom"}

ACCEPTED: dict[str, tuple[bytes, list[Part]]] = {
    "two parts": (
        b"--b\r\nContent-Type: application/dicom\r\n\r\nfirst\r\n--b\r\nContent-Type: application/dicom\r\n\r\nsecond\r\n--b--\r\n",
        [(DICOM, b"first"), (DICOM, b"second")],
    ),
    "nothing after the closing delimiter": (b"--b\r\n\r\nx\r\n--b--", [({}, b"x")]),
    "preamble and epilogue": (b"hello\r\n\r\n--b\r\n\r\nx\r\n--b--\r\nbye\r\n--b\r\n\r\n", [({}, b"x")]),
    "line end before the first delimiter": (b"\r\n--b\r\n\r\nx\r\n--b--\r\n", [({}, b"x")]),
    "no headers": (b"--b\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--\r\n", [({}, b"x"), ({}, b"y")]),
    "zero-length part": (b"--b\r\nContent-Type: a/b\r\n\r\n\r\n--b--\r\n", [({"content-type": "a/b"}, b"")]),
    "zero-length part without its own line end": (b"--b\r\nA: b\r\n\r\n--b\r\n\r\n--b--\r\n", [({"a": "b"}, b""), ({}, b"")]),
    "zero-length last part, cut after the dashes": (b"--b\r\nA: b\r\n\r\n--b--", [({"a": "b"}, b"")]),
    "blank space after the boundary": (b"--b \t \r\n\r\nx\r\n--b  \r\n\r\ny\r\n--b-- \r\n", [({}, b"x"), ({}, b"y")]),
    "LF alone leaves a CR to the data": (b"--b\nA: b\n\nx\r\n--b\n\nz\r\n--b--\n", [({"a": "b"}, b"x\r"), ({}, b"z\r")]),
    "LF alone": (b"--b\nA: b\n\nx\ny\n--b\n\nz\n--b--", [({"a": "b"}, b"x\ny"), ({}, b"z")]),
    "data like delimiters": (
        b"--b\r\n\r\n--bb\r\n--\r\n--b-\r\n--bx\r\n--b x\r\n--b--x\r\n\n--b\r\n\r--b--\r\n\r\r\n--b--\r\n",
        [({}, b"--bb\r\n--\r\n--b-\r\n--bx\r\n--b x\r\n--b--x\r\n\n--b\r\n\r--b--\r\n\r")],
    ),
    "data of line ends": (b"--b\r\n\r\n\r\n\r\n\r\r\n--b--\r\n", [({}, b"\r\n\r\n\r")]),
    "data that begins like a delimiter": (b"--b\r\n\r\n--bc--\r\n--b--\r\n", [({}, b"--bc--")]),
    "folded, odd and repeated headers": (
        b"--b\r\nX-One:\t a \r\n\tb\r\nx-ONE: c\r\nEmpty:\r\nN\xc3\xa4: no\r\n\r\nx\r\n--b--\r\n".replace(
            b"N\xc3\xa4: no", b"Name : yes: \xc3\xa4"
        ),
        [({"x-one": "a  b, c", "empty": "", "name": "yes: ä"}, b"x")],
    ),
    "headers with LF in a CRLF body": (b"--b\r\nA: b\n\nx\n--b--\r\n--b--\r\n", [({"a": "b"}, b"x\n--b--")]),
    "delimiter line with LF in a CRLF body": (b"--b\r\n\r\nx\r\n--b\n\r\ny\r\n--b--", [({}, b"x"), ({}, b"y")]),
}

REFUSED: dict[str, bytes] = {
    "nothing": b"",
    "preamble only": b"hello\r\n",
    "no parts": b"--b--\r\n",
    "no parts, cut after the dashes": b"--b--",
    "delimiter only": b"--b\r\n",
    "cut in the headers": b"--b\r\nContent-Type: a/b\r\n",
    "cut in the data": b"--b\r\n\r\nx\r\n--",
    "cut before the closing dashes": b"--b\r\n\r\nx\r\n--b",
    "half of the closing dashes": b"--b\r\n\r\nx\r\n--b-",
    "text after the closing dashes": b"--b\r\n\r\nx\r\n--b--x\r\n",
    "other boundary": b"--c\r\n\r\nx\r\n--c--\r\n",
    "header without a colon": b"--b\r\nContent-Type\r\n\r\nx\r\n--b--\r\n",
    "header with a control character": b"--b\r\nA: b\x00c\r\n\r\nx\r\n--b--\r\n",
    "header with a lone CR": b"--b\r\nA: b\rc\r\n\r\nx\r\n--b--\r\n",
    "header name with a space": b"--b\r\nA b: c\r\n\r\nx\r\n--b--\r\n",
    "fold without a header": b"--b\r\n folded\r\n\r\nx\r\n--b--\r\n",
    "next delimiter among the headers": b"--b\r\nA: b\r\n--b\r\n\r\nx\r\n--b--\r\n",
}


@pytest.mark.parametrize(("body", "expected"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_body_is_read_alike_wherever_it_is_cut(body: bytes, expected: list[Part]) -> None:
    for chunks in cuts(body):
        assert read(chunks) == expected, chunks


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_broken_body_is_refused_wherever_it_is_cut(body: bytes) -> None:
    for chunks in cuts(body):
        with pytest.raises(InvalidMultipart):
            read(chunks)


def test_body_cut_off_anywhere_never_ends_its_last_part() -> None:
    body = b"--b\r\n\r\nfirst\r\n--b\r\nA: b\r\n\r\nsecond\r\n--b--"
    for at in range(len(body)):
        reader = Reader("b", header_bytes=HEADER_BYTES, parts=9)
        found: list[Part] = []
        with pytest.raises(InvalidMultipart):
            for _ in _events(reader, [body[:at]], found):
                pass
        assert found == ([({}, b"first")] if at >= body.index(b"A: b") else [])


def test_parts_before_an_error_in_the_same_chunk_are_given_first() -> None:
    found: list[Part] = []
    with pytest.raises(InvalidMultipart):
        list(_events(Reader("b", header_bytes=HEADER_BYTES, parts=9), [b"--b\r\n\r\nx\r\n--b\r\nbroken\r\n\r\n"], found))
    assert found == [({}, b"x")]


def test_data_is_passed_on_without_waiting_for_the_delimiter() -> None:
    reader = Reader("b", header_bytes=HEADER_BYTES, parts=9)
    assert list(reader.feed(b"--b\r\n\r\n")) == [PartBegin({})]
    assert list(reader.feed(b"abc\r")) == [PartData(b"abc")]
    assert list(reader.feed(b"\n-")) == []
    assert list(reader.feed(b"-c")) == [PartData(b"\r\n--c")]
    assert list(reader.feed(b"\rd")) == [PartData(b"\rd")]
    assert list(reader.feed(b"\r\n--b--\r\n")) == [PartEnd()]
    assert list(reader.close()) == [End()]


def test_end_comes_from_close_only() -> None:
    reader = Reader("b", header_bytes=HEADER_BYTES, parts=9)
    assert End() not in list(reader.feed(b"--b\r\n\r\nx\r\n--b--\r\n"))
    assert list(reader.close()) == [End()]


@pytest.mark.parametrize("size", [10, 20, 21, 22, 40])
def test_header_block_is_bounded_alike_wherever_it_is_cut(size: int) -> None:
    block = b"A: " + b"x" * (size - 7) + b"\r\n\r\n"
    body = b"--b\r\n" + block + b"data\r\n--b--"
    for chunks in cuts(body):
        if len(block) <= 21:
            assert len(read(chunks, header_bytes=21)) == 1
        else:
            with pytest.raises(InvalidMultipart):
                read(chunks, header_bytes=21)


@pytest.mark.parametrize("body", [b"x" * 40 + b"\r\n--b\r\n\r\nx\r\n--b--", b"--b\r\n\r\nx\r\n--b--\r\n" + b"x" * 40])
def test_preamble_and_epilogue_are_bounded(body: bytes) -> None:
    for chunks in cuts(body):
        with pytest.raises(InvalidMultipart):
            read(chunks, header_bytes=30)
    assert read([body], header_bytes=60) == [({}, b"x")]


def test_preamble_and_epilogue_are_bounded_each_for_itself() -> None:
    assert read([b"x" * 20 + b"\r\n--b\r\n\r\nx\r\n--b--\r\n" + b"x" * 20], header_bytes=30) == [({}, b"x")]


def test_number_of_parts_is_bounded() -> None:
    body = b"--b\r\n\r\nx\r\n" * 3 + b"--b--"
    assert len(read([body], parts=3)) == 3
    for chunks in cuts(body):
        with pytest.raises(TooLarge):
            read(chunks, parts=2)


def test_blank_space_after_a_boundary_is_bounded() -> None:
    body = b"--b\r\n\r\nx\r\n--b" + b" " * 300 + b"\r\n--b--"
    for chunks in ([body], [body[at : at + 1] for at in range(len(body))]):
        assert read(chunks) == [({}, b"x\r\n--b" + b" " * 300)]


def test_nothing_is_held_back_beyond_the_bounds() -> None:
    reader = Reader("b" * 70, header_bytes=HEADER_BYTES, parts=9)
    list(reader.feed(b"--" + b"b" * 70 + b"\r\n\r\n"))
    chunk = (b"\r\n--" + b"b" * 69) * 1000
    given = 0
    for _ in range(20):
        given += sum(len(event.data) for event in reader.feed(chunk) if isinstance(event, PartData))
    assert 20 * len(chunk) - given < 80


BOUNDARIES = st.from_regex(r"[0-9A-Za-z'()+_,./:=?-][0-9A-Za-z'()+_,./:=? -]{0,60}[0-9A-Za-z'()+_,./:=?-]", fullmatch=True)


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A boundary, and data made of its pieces that never holds the delimiter itself."""
    boundary = draw(BOUNDARIES)
    dashes = f"--{boundary}".encode()
    pieces = st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", dashes[:-1], dashes[2:], b"\r\n" + dashes[:-1], b" ", b"x"])
    bodies = st.lists(pieces | st.binary(max_size=9), max_size=12).map(b"".join).map(lambda data: data.replace(dashes, b""))
    return boundary, [data for data in draw(st.lists(bodies, min_size=1, max_size=5)) if dashes not in data] or [b""]


def written(boundary: str, parts: list[bytes]) -> bytes:
    before = heads([("application/octet-stream", f"/x/{number}") for number in range(len(parts))], boundary=boundary)
    body = b"".join(head + data for head, data in zip(before, parts, strict=True)) + tail(boundary)
    assert len(body) == content_length(before, map(len, parts), boundary=boundary)
    return body


@given(messages(), st.data())
def test_what_the_writer_writes_the_reader_reads_in_any_chunks(message: tuple[str, list[bytes]], data: st.DataObject) -> None:
    boundary, parts = message
    body = written(boundary, parts)
    at = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=10)))
    chunks = [body[begin:end] for begin, end in zip([0, *at], [*at, len(body)], strict=True)]
    found = read(chunks, boundary)
    assert [part for _, part in found] == parts
    assert found[0][0] == {"content-type": "application/octet-stream", "content-location": "/x/0"}


FRAGMENTS = st.sampled_from([b"--b", b"\r\n", b"\n", b"\r\n--b", b"--", b"\r\n--b--", b"A: b\r\n", b" ", b"\r\n\r\n", b"x", b"\x00", b":"])


@given(st.lists(FRAGMENTS | st.binary(max_size=3), max_size=25).map(b"".join), st.lists(st.integers(0, 80), max_size=6))
def test_any_body_is_accepted_or_refused_alike_wherever_it_is_cut(body: bytes, at: list[int]) -> None:
    body = b"--b\r\n" + body

    def outcome(chunks: list[bytes]) -> list[Part] | type[Exception]:
        try:
            return read(chunks, parts=3, header_bytes=40)
        except (InvalidMultipart, TooLarge) as error:
            return type(error)

    places = sorted(min(place, len(body)) for place in at)
    chunks = [body[begin:end] for begin, end in zip([0, *places], [*places, len(body)], strict=True)]
    assert outcome(chunks) == outcome([body]) == outcome([body[place : place + 1] for place in range(len(body))])


def test_part_head_is_exactly_what_viewers_look_for() -> None:
    kind = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1"
    assert part_head(kind, location="http://h/studies/1/frames/1", boundary="b") == (
        b"--b\r\nContent-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1\r\n"
        b"Content-Location: http://h/studies/1/frames/1\r\n\r\n"
    )
    assert part_head("a/b", boundary="b") == b"--b\r\nContent-Type: a/b\r\n\r\n"
    assert tail("b") == b"\r\n--b--\r\n"


def test_only_later_heads_begin_with_a_line_end() -> None:
    assert heads([("a/b", None), ("c/d", "/x")], boundary="b") == [
        b"--b\r\nContent-Type: a/b\r\n\r\n",
        b"\r\n--b\r\nContent-Type: c/d\r\nContent-Location: /x\r\n\r\n",
    ]


@pytest.mark.parametrize("length", range(900, 1000))
def test_head_stays_short_by_leaving_out_a_long_location(length: int) -> None:
    head = part_head("a/b", location="/" * length, boundary="b")
    assert len(head) < MAX_HEAD
    assert (b"Content-Location" in head) == (len(b"--b\r\nContent-Type: a/b\r\nContent-Location: \r\n\r\n") + length < MAX_HEAD)


@pytest.mark.parametrize("text", ["a/b\r\nX: y", "a/b\n", "a/b\x00", "ä/b", "a/b" * 400])
def test_head_cannot_be_made_of_what_would_break_it(text: str) -> None:
    with pytest.raises(ValueError):
        part_head(text, boundary="b")
    with pytest.raises(ValueError):
        content_type(text, "b")


@pytest.mark.parametrize("boundary", ["", "a\r\nb", "a ", "ä", "a" * 71, 'a"b', "a;b"])
def test_writer_refuses_an_illegal_boundary(boundary: str) -> None:
    for make in (lambda: part_head("a/b", boundary=boundary), lambda: tail(boundary), lambda: content_type("a/b", boundary)):
        with pytest.raises(ValueError):
            make()


def test_outer_content_type_quotes_the_type_and_keeps_the_syntax_apart() -> None:
    assert content_type("application/dicom", "b1") == 'multipart/related; type="application/dicom"; boundary=b1'
    assert content_type("image/jpeg", "a b", "1.2.840.10008.1.2.4.50") == (
        'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50; boundary="a b"'
    )
    for media_type, syntax in (("image/jpeg; transfer-syntax=1.2", None), ('a"/b', None), ("a/b", "1.2; x=y")):
        with pytest.raises(ValueError):
            content_type(media_type, "b", syntax)


@pytest.mark.parametrize("boundary", ["b", "a b:c", "0123456789" * 7, "'()+_,-./:=?"])
def test_pythons_own_parser_reads_our_answers(boundary: str) -> None:
    parts = [b"\x00\x01\x80\xff", b"", b"text\r\n--", bytes(range(256))]
    head = f"MIME-Version: 1.0\r\nContent-Type: {content_type('application/octet-stream', boundary)}\r\n\r\n".encode()
    message = BytesParser(policy=email.policy.HTTP).parsebytes(head + written(boundary, parts))
    assert [part.get_payload(decode=True) for part in message.iter_parts()] == parts
    assert [part["Content-Location"] for part in message.iter_parts()] == [f"/x/{number}" for number in range(len(parts))]
    assert message.defects == []
