"""What import says of a server's answer to Store, whoever made that server."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest

from app.cli.intake import Fate, Told, to_server
from app.cli.sources import Source
from app.errors import Unavailable


def sent(answer: Callable[[httpx.Request], httpx.Response], content: bytes = b"DICM") -> list[Told]:
    told: list[Told] = []

    async def work() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            await to_server(
                client, "http://pacs.example/dicom-web/", [Source("one", len(content), lambda: BytesIO(content))], 2, told.append
            )

    asyncio.run(work())
    return told


def failed(sequence: str, **item: Any) -> dict[str, Any]:
    return {sequence: {"vr": "SQ", "Value": [item]}}


def test_each_source_goes_as_a_whole_multipart_body_to_the_studies_resource() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    assert [told.fate for told in sent(answer, b"\x00DICM\r\n")] == [Fate.STORED]
    [request] = seen
    boundary = request.headers["content-type"].rpartition("boundary=")[2]
    assert str(request.url) == "http://pacs.example/dicom-web/studies"
    assert request.content == f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n\x00DICM\r\n\r\n--{boundary}--\r\n".encode()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (409, failed("00081198", **{"00000902": {"vr": "LO", "Value": ["No room"]}}), "No room"),
        (409, failed("0008119A", **{"00081197": {"vr": "US", "Value": [0xA700]}}), "The server answered 409: failure reason A700"),
        (413, {"title": "Too large", "detail": "At most 1 byte"}, "The server answered 413: At most 1 byte"),
        (500, ["what"], "The server answered 500"),
    ],
)
def test_a_refusal_is_told_in_the_servers_words(status: int, body: Any, reason: str) -> None:
    assert [(told.fate, told.reason) for told in sent(lambda _: httpx.Response(status, json=body))] == [(Fate.REFUSED, reason)]


def test_an_answer_that_is_no_json_is_told_by_its_status() -> None:
    assert [told.reason for told in sent(lambda _: httpx.Response(502, text="<html>"))] == ["The server answered 502"]


def test_a_connection_that_breaks_ends_the_import() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("broken", request=request)

    with pytest.raises(Unavailable, match="may be repeated"):
        sent(answer)
