"""The border to codecs that are not ours: what they raise becomes a ValueError in our words, since theirs may quote what they read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.pixels.native import Array


def decoded(codec: Callable[..., Any], frame: bytes, **options: Any) -> Array:
    """What the codec makes of a codestream. MemoryError stays what it is."""
    try:
        array: Array = codec(frame, **options)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - every codec has errors of its own
        raise ValueError("its codestream is damaged, or of a kind that its decoder does not know") from None
    return array


def encoded(codec: Callable[..., Any], samples: Array, **options: Any) -> bytes:
    """What the codec makes of samples. MemoryError stays what it is."""
    try:
        return bytes(codec(samples, **options))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above
        raise ValueError("the encoder cannot hold its samples") from None
