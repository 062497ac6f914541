"""Syslog over TLS: the message of RFC 5424, the frame of RFC 5425, as PS3.15 A.6 wants audit messages sent.

Syslog has no receipts. What is sent counts as taken when the receiver has ended the connection in its turn, without a reset: it has then
read all that stood before our own end. Blocking: to be called in a thread.
"""

from __future__ import annotations

import fcntl
import os
import socket
import ssl
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

AUTHPRIV_NOTICE = 10 * 8 + 5
MESSAGE_ID = "DICOM+RFC3881"
"""MSGID of audit messages (PS3.15 A.6)."""

BOM = b"\xef\xbb\xbf"
SECONDS = 30.0
LAST_SECONDS = 3.0
"""For which the last bytes may be on their way when the receiver has closed the connection already."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go. `authority`: PEM of who has signed its certificate (else those that the system trusts); `certificate` and `key`:
    ours."""

    host: str
    port: int = 6514
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer, with the receiver's name checked (BCP 195). OSError if a file cannot be read."""
        context = ssl.create_default_context(cafile=self.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


def syslog_message(document: bytes, time: str, hostname: str, application: str, process: str) -> bytes:
    """RFC 5424 6: header, no structured data, the document as UTF-8."""
    name, program, number = (_name(text, most) for text, most in ((hostname, 255), (application, 48), (process, 128)))
    return f"<{AUTHPRIV_NOTICE}>1 {time} {name} {program} {number} {MESSAGE_ID} - ".encode("ascii") + BOM + document


def framed(message: bytes) -> bytes:
    """RFC 5425 4.3: the length in octets, a blank, the message."""
    return b"%d %b" % (len(message), message)


def send(receiver: Receiver, messages: Sequence[bytes], seconds: float = SECONDS) -> None:
    """All of them in one connection. OSError (of which those of TLS are) if it is not certain that they were read."""
    with (
        socket.create_connection((receiver.host, receiver.port), seconds) as plain,
        receiver.context().wrap_socket(plain, server_hostname=receiver.host) as secure,
    ):
        for message in messages:
            secure.sendall(framed(message))
        _end(secure)


def _end(secure: ssl.SSLSocket) -> None:
    """Say the end, wait for the receiver's own, and see that it was sent everything before."""
    try:
        secure.unwrap()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        pass  # without a farewell of TLS: rsyslog does so
    except ssl.SSLError as error:
        if "APPLICATION_DATA_AFTER_CLOSE_NOTIFY" not in str(error):  # what it still had to say is of no interest
            raise
    deadline = time.monotonic() + LAST_SECONDS
    while _unacknowledged(secure):
        if time.monotonic() > deadline:
            raise TimeoutError("the receiver has closed the connection, and did not acknowledge what was sent")
        time.sleep(0.01)
    # Whoever refuses us closes first, and answers what comes then with a reset.
    if error_number := secure.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error_number, os.strerror(error_number))


def _unacknowledged(connection: socket.socket) -> int:
    """Bytes that the other end has not acknowledged; 0 where the system does not tell."""
    try:
        return int.from_bytes(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0


def _name(text: str, most: int) -> str:
    """Printable ASCII without blanks, or the sign for nothing."""
    return "".join(character for character in text if "!" <= character <= "~")[:most] or "-"
