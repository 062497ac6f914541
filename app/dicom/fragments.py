"""Cut the item headers out of encapsulated pixel data as it streams by (PS3.5 A.4)."""

from __future__ import annotations

import struct

ITEM = 0xFFFEE000
HEADER = 8


class FragmentReader:
    """Fed the bytes from the first item's tag (the offset table) onwards, gives the bytes of the fragments, one after another.

    Anything that is no item header where one is due ends the stream: what follows is not pixel data.
    """

    def __init__(self) -> None:
        self._held = b""
        self._left = 0
        self._table_seen = False
        self._skipping = False
        self._ended = False

    def feed(self, chunk: bytes) -> bytes:
        """The fragment bytes within this chunk; headers cut anywhere are put together across calls."""
        data = self._held + chunk
        self._held = b""
        at, out = 0, []
        while at < len(data) and not self._ended:
            if self._left:
                taken = min(self._left, len(data) - at)
                if not self._skipping:
                    out.append(data[at : at + taken])
                at += taken
                self._left -= taken
                continue
            if len(data) - at < HEADER:
                self._held = data[at:]
                break
            group, element, length = struct.unpack_from("<HHI", data, at)
            self._ended = (group << 16 | element) != ITEM
            self._skipping, self._table_seen = not self._table_seen, True
            self._left = length
            at += HEADER
        return b"".join(out)
