from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from app.model import Span
from app.storage.bodies import cut, gathered, runs, sliced

DATA = bytes(range(200))
SPANS = st.builds(Span, st.integers(0, 100), st.integers(1, 100))


async def chunks(parts: list[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@given(st.lists(st.binary(max_size=20)), st.integers(1, 15))
async def test_a_gathered_body_is_the_same_in_chunks_of_one_size(parts: list[bytes], size: int) -> None:
    found = [chunk async for chunk in gathered(chunks(parts), size)]
    assert b"".join(found) == b"".join(parts)
    assert all(len(chunk) == size for chunk in found[:-1])
    assert all(0 < len(chunk) <= size for chunk in found)


@given(st.binary(max_size=50), st.integers(1, 15))
def test_slices_are_the_same_bytes_and_none_is_empty(data: bytes, size: int) -> None:
    found = list(sliced(data, size))
    assert b"".join(found) == data
    assert all(0 < len(chunk) <= size for chunk in found)


@given(st.lists(SPANS, max_size=8), st.integers(0, 20))
def test_runs_ascend_apart_and_hold_every_span(spans: list[Span], gap: int) -> None:
    joined = runs(spans, gap)
    assert all(one.end + gap < two.offset for one, two in itertools.pairwise(joined))
    assert all(any(run.offset <= span.offset and span.end <= run.end for run in joined) for span in spans)
    assert {run.offset for run in joined} <= {span.offset for span in spans}
    assert {run.end for run in joined} <= {span.end for span in spans}


@given(st.lists(st.one_of(SPANS, st.builds(Span, st.integers(0, 200), st.just(0))), max_size=8), st.integers(0, 20))
def test_what_was_joined_is_cut_into_the_spans_again(spans: list[Span], gap: int) -> None:
    joined = runs([span for span in spans if span.length], gap)
    found = [DATA[run.offset : run.end] for run in joined]
    assert cut(spans, joined, found) == [DATA[span.offset : span.end] for span in spans]
