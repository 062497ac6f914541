"""What bytes seem to be that are no DICOM object, in a sentence that helps whoever sent them. Must not know: DICOM."""

from __future__ import annotations

_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image without a DICOM head"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image without a DICOM head"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image without a DICOM head"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"RIFF", "a RIFF file (WAV, AVI or WebP)"),
    (b"PK\x03\x04", "a ZIP archive; send the files that it holds one by one"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip archive; send the files that it holds one by one"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document; DICOM carries it as an Encapsulated PDF object"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
)
_MARKUP = (
    (b"<?xml", "XML text"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"{", "JSON text"),
    (b"[", "JSON text"),
)


def sentence(head: bytes) -> str:
    """What the first bytes (a few hundred are enough) seem to be."""
    return f"This is not a DICOM object (PS3.10 7.1); it seems to be {_kind(head)}"


def _kind(head: bytes) -> str:
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[257:262] == b"ustar":
        return "a TAR archive; send the files that it holds one by one"
    if head[344:348] in (b"n+1\0", b"ni1\0"):
        return "a NIfTI image"
    if not any(head):
        return "nothing but zero bytes"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for signature, kind in _MARKUP:
        if start.startswith(signature):
            return kind
    if all(byte >= 32 or byte in b"\t\r\n\f\x1b" for byte in head):
        return "text"
    return "data of an unknown kind"
