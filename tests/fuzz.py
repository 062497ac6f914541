"""Every parser of what comes from outside, as a function of bytes: accepted or refused by its documented error, and nothing else (H12).

`make fuzz` runs them led by coverage, with atheris, each for FUZZ_SECONDS in a process of its own; without atheris they are fed mutants of
their seeds. `tests/unit/test_fuzz_targets.py` feeds them what hypothesis thinks of.

    python -m tests.fuzz --seconds 60 part10 json
"""

from __future__ import annotations

import argparse
import importlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from app.dicom import encode, explicit, frames, part10, transfer_syntax
from app.dicom.elements import Malformed, walk
from app.dicom.site_keys import NO_SITE_KEYS
from app.dicom.window import Memory
from app.dicomweb import (
    dicom_json,
    dicom_json_reader,
    dicom_xml_reader,
    media_types,
    multipart,
    negotiate,
    query,
    ranges,
    rendering,
    resources,
    volume,
    wado_uri,
)
from app.errors import BadRequest, NotAcceptable, NotSupported, RangeNotSatisfiable, TooLarge, Unprocessable, UnsupportedMediaType
from app.model import Level, Target, Uid
from tests.builders import encapsulated, instance
from tests.builders import multipart as made_multipart
from tests.mutants import seeds

SLOW = 5.0
"""Seconds of this process after which an input counts as one that hangs."""

NESTING, ELEMENTS = 16, 20_000
REFUSED = (BadRequest, TooLarge, NotAcceptable, NotSupported, UnsupportedMediaType, RangeNotSatisfiable, Unprocessable)
OFFERS = [
    negotiate.Offer(kind, syntax, packaging)
    for kind, syntax in (("application/dicom", "1.2.840.10008.1.2.1"), ("image/jpeg", None), ("application/dicom+json", None))
    for packaging in negotiate.Packaging
]


@dataclass(frozen=True, slots=True)
class Parser:
    """`run` gets any bytes, and may raise `refused` only."""

    run: Callable[[bytes], object]
    refused: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _part10(data: bytes) -> None:
    source = Memory(data)
    header = part10.read_header(source)
    syntax = transfer_syntax.lookup(header.transfer_syntax)
    if syntax.deflated:
        source = Memory(b"".join(explicit.inflate(source, header, limit=10**6, ratio=1000)))
        header = part10.read_header(source)
        syntax = transfer_syntax.lookup(header.transfer_syntax)
    tree = walk(source, start=header.offset, explicit=syntax.explicit, little=syntax.little, nesting=NESTING, elements=ELEMENTS).dataset
    outgoing = explicit.outgoing(source, header, tree)
    table = frames.table(source, tree, outgoing)
    for number in range(1, min(table.count, 20) + 1):
        span = frames.span(table, number)
        frames.extract(table, number, source.read(span.offset, span.length))
    dicom_json.encode(source, tree, bulkdata_root="/studies/1", transfer_syntax=outgoing)
    b"".join(explicit.rewrite(source, header, tree))


def _multipart(data: bytes) -> None:
    """Cut in pieces by its own first byte, since what matters is where they end."""
    reader = multipart.Reader("b", header_bytes=4096, parts=100)
    step = data[0] + 1 if data else 1
    for at in range(0, len(data), step):
        for _ in reader.feed(data[at : at + step]):
            pass
    for _ in reader.close():
        pass


def _json(data: bytes) -> None:
    for document in dicom_json_reader.documents(data, elements=ELEMENTS):
        encode.encode(dicom_json_reader.data_set(document, nesting=NESTING, elements=ELEMENTS), _no_bulkdata, None)


def _xml(data: bytes) -> None:
    document = dicom_xml_reader.read(data, nesting=NESTING, elements=ELEMENTS)
    encode.encode(dicom_json_reader.data_set(document, nesting=NESTING, elements=ELEMENTS), _no_bulkdata, None)


def _no_bulkdata(_tag: str, _uri: str) -> NoReturn:
    raise Malformed("there is none")


def _query(data: bytes) -> None:
    for level in Level:
        query.parse(query.decode(_text(data)), level=level, target=Target(Uid("1.2")), wildcards=16, site=NO_SITE_KEYS)


def _accept(data: bytes) -> None:
    header, _, parameter = _text(data).partition("\n")
    negotiate.select(OFFERS, accept=header or None, parameter=parameter or None)
    negotiate.ensure_strict(accept=header, parameter=parameter or None)


def _content_type(data: bytes) -> None:
    media_types.parse(_text(data))
    multipart.boundary_of(_text(data))


def _rendered(data: bytes) -> None:
    pairs = query.decode(_text(data))
    rendering.canonical(rendering.parse(pairs).view)
    rendering.parse_thumbnail(pairs, size=128)


def _volume(data: bytes) -> None:
    for reformatting in volume.Reformatting:
        volume.canonical(volume.parse(query.decode(_text(data)), reformatting))


def _path(data: bytes) -> None:
    text = _text(data)
    resources.parse_frames(text, limit=100)
    resources.parse_bulkdata_path(text)
    resources.parse_target(text, text, text)


def _texts(*some: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in some]


def _files() -> list[bytes]:
    return [*seeds(20_000), instance(), encapsulated([b"\xff\xd8\xff" + bytes(99)] * 3, "1.2.840.10008.1.2.4.50", fragments_per_frame=2)]


def _bodies() -> list[bytes]:
    body, kind = made_multipart([instance(rows=0), b"x"])
    return [body.replace(kind.rpartition("boundary=")[2].strip('"').encode(), b"b"), b"\x05--b\r\n\r\nx\r\n--b--\r\n", b"--b\n\n\n--b--"]


_IDENTITY = (
    '"00080016":{"vr":"UI","Value":["1.2"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B"}]},"00280010":{"vr":"US","Value":[1]}'
)
_NATIVE = (
    '<?xml version="1.0"?><NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"><DicomAttribute tag="00100010" vr="PN">'
    '<PersonName number="1"><Alphabetic><FamilyName>A</FamilyName></Alphabetic></PersonName></DicomAttribute>'
    '<DicomAttribute tag="0040A730" vr="SQ"><Item number="1">'
    '<DicomAttribute tag="00280010" vr="US"><Value number="1">1</Value></DicomAttribute></Item></DicomAttribute>'
    "</NativeDicomModel>"
)

PARSERS = {
    "part10": Parser(_part10, (Malformed, part10.NotDicom), _files),
    "multipart": Parser(_multipart, REFUSED, _bodies),
    "json": Parser(_json, (Malformed,), _texts("[{" + _IDENTITY + "}]", '{"0040A730":{"vr":"SQ","Value":[{' + _IDENTITY + "}]}}")),
    "xml": Parser(_xml, (Malformed,), _texts(_NATIVE)),
    "query": Parser(
        _query, REFUSED, _texts("PatientName=A*&StudyDate=20200101-&limit=5&includefield=all", "00400275.00400009=1&orderby=-StudyDate")
    ),
    "accept": Parser(
        _accept, REFUSED, _texts('multipart/related; type="application/dicom"; transfer-syntax=*;q=0.5, */*', "image/jpeg\nimage/png")
    ),
    "content_type": Parser(
        _content_type, REFUSED, _texts('multipart/related; type="application/dicom"; boundary="a b"', "application/zip")
    ),
    "rendered": Parser(
        _rendered, REFUSED, _texts("viewport=64,64,0,0,-5,5&window=40,400,linear&quality=90&annotation=patient", "accept=image/png")
    ),
    "volume": Parser(_volume, REFUSED, _texts("window=1,2,sigmoid&viewport=1,1&orientation=a&slabthickness=3", "mprslab=3&mpr=x")),
    "wado_uri": Parser(
        lambda data: wado_uri.parse(query.decode(_text(data)), accept=None),
        REFUSED,
        _texts("requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4&contentType=image/png&rows=5&frameNumber=2"),
    ),
    "ranges": Parser(lambda data: ranges.select(_text(data), etag='"a"', length=1000), REFUSED, _texts("bytes=0-5,-7,900-", "bytes = 1-")),
    "path": Parser(_path, REFUSED, _texts("1,2,3", "7FE00010", "00400275/1/00400009", "1.2.840")),
}


def check(parser: Parser, data: bytes) -> None:
    """One input: anything but a value or a documented refusal, in time, is a failure."""
    begun = time.process_time()
    with suppress(*parser.refused):
        parser.run(data)
    took = time.process_time() - begun
    assert took < SLOW, f"{took:.1f} s for {len(data)} bytes"


def mutate(rng: random.Random, data: bytes) -> bytes:
    """A seed with some bytes overwritten, cut out, doubled or put in."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(made) + 1)
        match rng.randrange(4):
            case 0:
                made[at : at + 1] = rng.randbytes(1)
            case 1:
                del made[at : at + rng.randint(1, 9)]
            case 2:
                made[at:at] = made[at : at + rng.randint(1, 40)] * rng.randint(1, 4)
            case _:
                made[at:at] = rng.choice(
                    (b"\0", b"\xff", b"%", b"\\", b"9" * 30, b'"', b"\r\n", b",,", b"[" * 20, b"&", b"\xff\xff\xff\xff")
                )
    return bytes(made)


def _by_chance(name: str, seconds: float) -> None:
    parser, rng, until = PARSERS[name], random.Random(), time.monotonic() + seconds
    found, count = parser.seeds(), 0
    while time.monotonic() < until:
        data = mutate(rng, rng.choice(found))
        count += 1
        try:
            check(parser, data)
        except Exception:
            sys.stderr.write(f"{name}: {data!r}\n")
            raise
    sys.stdout.write(f"{name}: {count} mutants\n")


def _by_coverage(name: str, seconds: float) -> None:
    atheris = importlib.import_module("atheris")  # there are no wheels of it for every Python, hence no import that mypy would look into

    parser = PARSERS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(parser.seeds()):
            (Path(folder) / str(number)).write_bytes(data)
        atheris.instrument_all()
        options = [f"-max_total_time={int(seconds)}", "-max_len=65536", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, folder], lambda data: check(parser, data))
        atheris.Fuzz()


def main() -> int:
    arguments = argparse.ArgumentParser(description="Fuzz the parsers of what comes from outside")
    arguments.add_argument("parsers", nargs="*", help=", ".join(PARSERS))
    arguments.add_argument("--seconds", type=float, default=60, help="for each of them")
    arguments.add_argument("--only", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.only:
        try:
            _by_coverage(given.only, given.seconds)
        except ImportError:
            _by_chance(given.only, given.seconds)
        return 0
    failed = []
    for name in given.parsers or PARSERS:
        # A process for each: atheris ends the one that it runs in, and a crash of one is no reason to leave the others out.
        command = [sys.executable, "-m", "tests.fuzz", "--only", name, "--seconds", str(given.seconds)]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    sys.stdout.write(f"failed: {', '.join(failed)}\n" if failed else "nothing found\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
