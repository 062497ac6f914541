"""Small images whose levels are known, under one address, and what a rendered answer shows: a second opinion by Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.builders import instance

S, E, N = "1.2.3", "1.2.3.4", "1.2.3.4.5"
UIDS: dict[str, Any] = {"study_uid": S, "series_uid": E, "instance_uid": N}
PLACE = f"/studies/{S}/series/{E}/instances/{N}"


def grey(levels: Sequence[int] | NDArray[Any], rows: int, columns: int, **keywords: Any) -> bytes:
    """An 8 bit image of these levels, shown as they are."""
    pixels = np.asarray(levels, np.uint8).reshape(-1, rows, columns)
    shown = {"WindowCenter": "128", "WindowWidth": "256"}
    return instance(
        rows=rows,
        columns=columns,
        bits=8,
        frames=len(pixels),
        pixels=pixels.tobytes() + bytes(pixels.size % 2),
        **(UIDS | shown | keywords),
    )


def ramp(rows: int = 16, columns: int = 16) -> NDArray[np.uint8]:
    return np.arange(rows * columns, dtype=np.uint8).reshape(rows, columns)


def decoded(body: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(body)).convert("L"))


def baseline(jpeg: bytes) -> bool:
    """Whether the frame header is SOF0, with 8 bits a sample (ITU-T T.81 B.2.2)."""
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC1, 0xC2, 0xC3):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg[at + 1] == 0xC0 and jpeg[at + 4] == 8
