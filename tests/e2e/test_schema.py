"""schemathesis makes requests from our own OpenAPI document and sends them to a real server: none may make it fail."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok

from app.api.describe import document
from app.dicomweb.operational import OPERATIONAL
from app.dicomweb.transactions import TRANSACTIONS
from tests.e2e.server import Server

EXAMPLES = 25
BODIES = sorted({kind for row in TRANSACTIONS for kind in row.body})


@schemathesis.serializer(*BODIES)
def as_it_is(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


SCHEMA = schemathesis.openapi.from_dict(document("/dicom-web"))
OPERATIONS: list[Any] = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_that_the_document_allows_makes_the_server_fail(operation: Any, server: Server) -> None:
    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def send(case: Case[Any]) -> None:
        answer = case.call(base_url=f"http://127.0.0.1:{server.port}")
        assert answer.status_code < 500 or answer.status_code == 501, answer.text

    send()


def test_the_document_has_no_operation_that_cannot_be_read() -> None:
    assert len(OPERATIONS) == len([row for row in (*TRANSACTIONS, *OPERATIONAL) if not row.missing])
