"""Take multipart answers apart with the standard library's mail parser: a second opinion on what our writer makes."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP

import httpx


@dataclass(frozen=True, slots=True)
class Received:
    """One part: header lines as sent, and the body's bytes."""

    content_type: str
    location: str
    raw_head: bytes
    body: bytes


def parts_of(answer: httpx.Response) -> list[Received]:
    """Every part of a multipart/related answer, cut by its boundary; each head is read by the mail parser."""
    outer = message_from_bytes(b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n", policy=HTTP)
    assert outer.get_content_type() == "multipart/related"
    boundary = outer.get_boundary()
    assert boundary
    delimiter = b"--" + boundary.encode()
    assert answer.content.startswith(delimiter + b"\r\n")
    assert answer.content.endswith(b"\r\n" + delimiter + b"--\r\n")
    chunks = (b"\r\n" + answer.content).split(b"\r\n" + delimiter)[1:-1]
    received = []
    for chunk in chunks:
        head, _, body = chunk.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = message_from_bytes(head + b"\r\n\r\n")
        received.append(Received(str(fields["content-type"]), str(fields["content-location"] or ""), head, body))
    return received
