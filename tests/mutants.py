"""Real files with damage: bits flipped, bytes cut out or put in, lengths and tags overwritten. The same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from tests.builders import corpus

LARGEST = 60_000
LENGTHS = (b"\xff\xff\xff\xff", b"\xfe\xff\xff\x7f", b"\xff\xff\0\0", b"\0\0\0\0", b"\0\0\0\x80", b"\x01\0")
PIECES = (
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\x28\0\x10\0US\x02\0\xff\xff",
    b"\\" * 64,
)


def seeds(largest: int = LARGEST) -> list[bytes]:
    """The small files of the corpus."""
    return [path.read_bytes() for path in corpus() if path.stat().st_size <= largest]


def mutant(rng: random.Random, files: Sequence[bytes]) -> bytes:
    """One of the files with one to six kinds of damage."""
    data = bytearray(rng.choice(files))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(max(1, min(len(data), rng.choice((400, 3000, len(data) + 1)))))
        match rng.randrange(7):
            case 0:
                for _ in range(rng.randint(1, 8)):
                    if data:
                        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + 4] = rng.choice(LENGTHS)
            case 2:
                data[at:at] = rng.choice(PIECES)
            case 3:
                del data[at : at + rng.randint(1, 400)]
            case 4:
                other = rng.choice(files)
                start = rng.randrange(max(1, len(other)))
                data[at:at] = other[start : start + rng.randint(1, 2000)]
            case 5:
                del data[max(132, at) :]
            case _:
                data[at : at + 8] = rng.randbytes(8)
    return bytes(data)


def mutants(seed: int, files: Sequence[bytes] | None = None) -> Iterator[bytes]:
    """Without an end."""
    rng = random.Random(seed)
    found = seeds() if files is None else files
    while True:
        yield mutant(rng, found)
