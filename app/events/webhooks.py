"""One delivery to a webhook: where it may go, what is sent, and what the answer means. No redirect is followed, no answer is read.

Must not know: when to try again, where positions are kept.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from app import __version__
from app.dicomweb.hosts import is_loopback
from app.events import cloud_events, signing
from app.feed import Webhook
from app.model import Change

LONGEST_URL = 2000
_PRINTABLE = re.compile(r"[!-~]+")
_DEFINITE = frozenset({400, 405, 406, 411, 413, 414, 415, 422, 431})
"""Statuses that say: this request will never be taken."""

_ANSWER = 64 * 1024
"""Bytes of an answer that are read so that the connection can be used again."""

_LONGEST_DELAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """`trouble` is empty if it was delivered. `definite`: to send the same again is of no use. `delay`: seconds the receiver wants."""

    trouble: str = ""
    definite: bool = False
    delay: float = 0.0


def refusal(url: str) -> str:
    """A sentence why nothing may be sent there, or nothing: https, or a server on this machine; no name and password in it."""
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url):
        return "the URL is too long, or holds what has to be percent-encoded"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "this is not a URL"
    if parts.scheme not in ("http", "https") or not host:
        return "the URL has to begin with https://, and to name a host"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "the URL may hold neither a user's name nor a fragment; the receiver knows us by the signature"
    if parts.scheme == "http" and not is_loopback(host):
        return "the URL has to begin with https://, unless the receiver is on this machine"
    return ""


class Courier:
    """Sends. `source` names this service to receivers (CloudEvents), `seconds` is how long one delivery may take."""

    def __init__(self, source: str, seconds: float) -> None:
        self._source = source
        self._seconds = seconds
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def deliver(self, webhook: Webhook, changes: Sequence[Change], *, batch: bool | None = None) -> Outcome:
        """Tell of these changes, which are not empty. Never raises but for cancellation."""
        if refusal(webhook.url):
            return Outcome("its URL may not be sent to")
        kind, body = cloud_events.body(changes, self._source, batch=webhook.batch > 1 if batch is None else batch)
        first, last = changes[0].sequence, changes[-1].sequence
        identifier = f"change-{first}" if first == last else f"changes-{first}-{last}"
        headers = {"Content-Type": kind, **signing.headers(webhook.secret, identifier, int(time.time()), body)}
        try:
            async with asyncio.timeout(self._seconds):
                client = self._client(is_loopback(urlsplit(webhook.url).hostname or ""))
                async with client.stream("POST", webhook.url, content=body, headers=headers) as answer:
                    outcome = _judged(answer.status_code, answer.headers)
                    await _read_some(answer)
                    return outcome
        except TimeoutError:
            return Outcome(f"no answer within {self._seconds:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return Outcome(_SENTENCES.get(type(error), "the connection failed"))

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()

    def _client(self, near: bool) -> httpx.AsyncClient:
        """Proxies and certificates of the environment are for what lies beyond this machine."""
        if near not in self._clients:
            self._clients[near] = httpx.AsyncClient(
                timeout=self._seconds, follow_redirects=False, trust_env=not near, headers={"User-Agent": f"radiolucent/{__version__}"}
            )
        return self._clients[near]


_SENTENCES: dict[type[BaseException], str] = {
    httpx.ConnectError: "no connection could be made",
    httpx.ConnectTimeout: "no connection could be made in time",
    httpx.ReadTimeout: "no answer in time",
    httpx.WriteTimeout: "the request was not taken in time",
    httpx.ReadError: "the connection broke off",
    httpx.WriteError: "the connection broke off",
    httpx.RemoteProtocolError: "the connection broke off, or the answer was no HTTP",
}


def _judged(status: int, headers: httpx.Headers) -> Outcome:
    if 200 <= status < 300:
        return Outcome()
    if 300 <= status < 400:
        return Outcome(f"answered {status}; redirects are not followed")
    return Outcome(f"answered {status}", status in _DEFINITE, _delay(headers.get("retry-after", "")))


def _delay(text: str) -> float:
    """Retry-After in seconds, be it a number or a date (RFC 9110 10.2.3); what is neither is nothing."""
    try:
        seconds = float(text) if text.isascii() and text.isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_DELAY)


async def _read_some(answer: httpx.Response) -> None:
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read > _ANSWER:
            return
