"""The HTTP/1.1 connection of `radiolucent serve`: uvicorn's, with a bound on what comes before a body and behind it (RFC 9112 3, 5).

httptools itself takes a head or a trailer of any length into memory before anybody is asked. Must not know: requests, settings.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 128 * 1024
"""Bytes of one head. An address may have 64 KiB; behind it come headers, each of which the service bounds by itself."""


class BoundedHttp(HttpToolsProtocol):
    """Counts the bytes that bring neither a piece of a body nor the end of a message: beyond the bound 400, and the connection ends."""

    _unused = 0

    def data_received(self, data: bytes) -> None:
        self._unused += len(data)
        super().data_received(data)
        if self._unused > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_body(self, body: bytes) -> None:
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unused = 0
        super().on_message_complete()
