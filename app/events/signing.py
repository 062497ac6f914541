"""Signatures of webhooks in the form of Standard Webhooks: HMAC-SHA256 over id, time and body. Pure.

The receiver makes the same signature with the secret he was given, compares, and refuses what is older than a few minutes: so nobody else
can tell him anything, nor repeat what we have told.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping

PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """A secret as receivers' libraries take it: `whsec_` and 256 bits in base64."""
    return PREFIX + b64encode(secrets.token_bytes(_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether it is one, of 24 to 64 bytes."""
    try:
        return text.startswith(PREFIX) and 24 <= len(b64decode(text.removeprefix(PREFIX), validate=True)) <= 64
    except (Error, ValueError):
        return False


def headers(secret: str, identifier: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """`seconds` since 1970 is when it is sent; `identifier` stays the same however often it is."""
    key = b64decode(secret.removeprefix(PREFIX))
    made = hmac.new(key, f"{identifier}.{seconds}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{b64encode(made).decode()}"
    return {"webhook-id": identifier, "webhook-timestamp": str(seconds), "webhook-signature": signature}
