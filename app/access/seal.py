"""Values that we hand out and want back unchanged: JSON and its HMAC-SHA256 under a secret that all workers share. Nothing is kept here.

Each `purpose` has seals of its own: what was sealed for one is none for another. Whoever holds a value can read it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any


class Seal:
    def __init__(self, secret: bytes, purpose: str) -> None:
        if len(secret) < 32:
            raise ValueError("The secret of seals has to be 32 bytes at least")
        self._key = hmac.digest(secret, purpose.encode(), hashlib.sha256)

    def close(self, fields: dict[str, Any]) -> str:
        text = base64.urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode().rstrip("=")
        return f"{text}.{self._mac(text)}"

    def open(self, value: str) -> dict[str, Any] | None:
        """What was sealed; None if this is not what we have sealed."""
        text, _, mac = value.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(text).encode()):
            return None
        try:
            fields = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, binascii.Error):
            return None
        return fields if isinstance(fields, dict) else None

    def _mac(self, text: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, text.encode(), hashlib.sha256)).decode().rstrip("=")
