"""`docs/reference/transfer-syntaxes.md` says what the tables of the code say; `make docs` draws it anew."""

from __future__ import annotations

import os
from pathlib import Path

from app.dicom import transfer_syntax
from app.pixels import decode, encode, syntaxes

PAGE = Path("docs/reference/transfer-syntaxes.md")
REDRAW = "REDRAW_SYNTAXES"
HEAD = """\
# Transfer syntaxes

Drawn from `app/dicom/transfer_syntax.py` and `app/pixels/syntaxes.py` by `make docs`; do not edit.

Every transfer syntax is stored, unknown ones too, and what was received is given back byte for byte (`transfer-syntax=*`). "Decoded" is
what frames are rendered from and transcoded from, "encoded" is what they can be transcoded to: never with a loss that was not there before.
A frame that does not fit a codec (its depth, sign, colours, or bits beside Bits Stored) is refused, not rounded. What is done is shown in
`tests/unit/pixels`, against pydicom with pylibjpeg and pyjpegls, DCMTK, OpenJPEG, and libjxl's own tools.

| transfer syntax | UID | decoded by | encoded by | remarks |
|---|---|---|---|---|
"""
TAIL = """
What samples are once they are decoded: JPEG with loss is RGB, by what the codestream says of its own colours (Adobe marker, component
names, JFIF, subsampling, in that order) and only then by Photometric Interpretation; JPEG 2000 with its transforms of colours and JPEG XL
are RGB; native YBR_FULL_422 is YBR_FULL, each pixel with the colours of its pair; all else stays what it was. The codestream is believed
about bits and sign (PS3.5 8.2.1), but not about another size than Rows and Columns: such a frame is refused.

`python -m tests.bench pixels` (`make bench`) measures every codec here beside the libraries called directly.
"""


def page() -> str:
    rows = []
    for syntax in transfer_syntax.known():
        decoder, encoder = syntaxes.DECODERS.get(syntax.uid), syntaxes.ENCODERS.get(syntax.uid)
        by = [syntaxes.LIBRARIES[codec] if codec else "" for codec in (decoder, encoder)]
        rows.append(f"| {syntax.name} | {syntax.uid} | {by[0]} | {by[1]} | {syntaxes.remark(syntax)} |\n")
    return HEAD + "".join(rows) + TAIL


def test_the_page_is_drawn_from_the_tables(root: Path) -> None:
    if os.environ.get(REDRAW):
        (root / PAGE).write_text(page(), encoding="utf-8")
    assert (root / PAGE).read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_tables_name_what_there_is() -> None:
    known = {syntax.uid for syntax in transfer_syntax.known()}
    assert known >= syntaxes.DECODABLE >= syntaxes.ENCODABLE
    assert set(syntaxes.DECODERS.values()) == decode.codecs()
    assert set(syntaxes.ENCODERS.values()) == encode.codecs()
    assert [uid for uid in syntaxes.ENCODABLE if transfer_syntax.lookup(uid).lossy] == []
