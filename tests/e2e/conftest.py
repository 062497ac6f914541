"""One real server for the tests of a file that only add to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.server import Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server") / "data") as started:
        yield started
