"""A proxy between the server and a service, which can be told to misbehave: to refuse, to fall silent, to be slow, to answer 503, to
change a byte on the way. Faults hold for connections that are open already as well as for new ones."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Fault(Enum):
    NONE = "none"
    REFUSES = "refuses"  # no connection, and those that there are break
    SILENT = "silent"  # takes everything and never says a word
    SLOW = "slow"  # three seconds for each answer
    BUSY = "busy"  # 503 to every HTTP request
    FLIPS = "flips"  # one bit of what is uploaded


class Proxy:
    """Forwards connections to 127.0.0.1:`upstream`; `fault` may be set at any time."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.fault = Fault.NONE
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._over = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._over = True
        self._listener.close()

    def _accept(self) -> None:
        while not self._over:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.fault is Fault.REFUSES:
                _reset(client)
                return
            with socket.create_connection(("127.0.0.1", self.upstream), 5) as server:
                self._forward(client, server)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        while not self._over:
            readable, _, _ = select.select([client, server], [], [], 0.05)
            if self.fault is Fault.REFUSES:
                _reset(client)
                return
            if self.fault is Fault.SILENT:
                time.sleep(0.05)
                continue
            for source in readable:
                data = source.recv(65536)
                if not data:
                    return
                if source is client:
                    if self.fault is Fault.BUSY:
                        client.sendall(BUSY)
                        return
                    server.sendall(_flipped(data) if self.fault is Fault.FLIPS else data)
                else:
                    if self.fault is Fault.SLOW:
                        time.sleep(3)
                    client.sendall(data)


def _reset(client: socket.socket) -> None:
    """End with RST, as a service does that has died."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def _flipped(data: bytes) -> bytes:
    """With one bit of the pixels changed, if these are pixels."""
    at = data.find(bytes(range(100, 140)))
    return data if at < 0 else data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@contextmanager
def faulty(upstream: int) -> Iterator[Proxy]:
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
