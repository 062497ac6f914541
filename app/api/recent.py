"""Bodies that were made lately, by their strong entity tag: the tag names the content, the form and the coding, so none can be out of date.

Who may have them is asked before, as for every answer; nothing is looked up here that a transaction has not granted. In the memory of one
process, bounded in bytes. Must not know: what the bodies are.
"""

from __future__ import annotations

from collections import OrderedDict

MOST_BYTES = 64 * 1024**2


class Recent:
    """The least recently used body goes first; one larger than an eighth of the whole is not kept."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self.largest = most_bytes // 8
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def find(self, etag: str) -> bytes | None:
        body = self._bodies.get(etag)
        if body is not None:
            self._bodies.move_to_end(etag)
        return body

    def keep(self, etag: str, body: bytes) -> None:
        if len(body) > self.largest or etag in self._bodies:
            return
        self._bodies[etag] = body
        self._bytes += len(body)
        while self._bytes > self._most:
            _, gone = self._bodies.popitem(last=False)
            self._bytes -= len(gone)
