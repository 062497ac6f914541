"""Traces: what a collector gets by OTLP, of which requests, and that it names nobody."""

from __future__ import annotations

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.main import create_app
from app.metering import traces
from app.settings import SettingsError, load_settings
from tests.api.conftest import open_site
from tests.builders import fresh_uid, instance

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collector() -> Any:
    """A real HTTP server that takes OTLP; gives its address, and the list into which it puts what came."""
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            taken.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", taken
    server.shutdown()
    server.server_close()
    thread.join()


def spans(taken: list[Any]) -> list[Any]:
    return [span for request in taken for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]


def facts(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


async def test_each_request_is_a_span_that_names_nobody(collector: tuple[str, list[Any]], tmp_path: Path) -> None:
    endpoint, taken = collector
    uid = fresh_uid()
    async for site in open_site(tmp_path / "data", traces={"endpoint": endpoint}):
        await site.store(instance(study_uid=uid, patient_name="Nobody^Knows", PatientID="SECRET-ID"))
        await site.get("/studies?PatientID=SECRET-ID", **{"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-Id": "mine"})
        await site.get(f"/studies/{uid}/metadata")
        await site.get("/no/such/place/SECRET-ID")
    found = spans(taken)
    assert [span.name for span in found] == [
        "POST /dicom-web/studies",
        "GET /dicom-web/studies",
        "GET /dicom-web/studies/{study}/metadata",
        "GET none",
    ]
    assert facts(found[1])["radiolucent.request_id"] == "mine"
    assert found[1].trace_id.hex() == TRACE
    assert [facts(span)["http.response.status_code"] for span in found] == [200, 200, 200, 404]
    for word in ("Nobody", "SECRET", uid):
        assert word not in str(taken)


async def test_only_a_share_is_traced(collector: tuple[str, list[Any]], tmp_path: Path) -> None:
    endpoint, taken = collector
    async for site in open_site(tmp_path / "data", traces={"endpoint": endpoint, "share": 0}):
        await site.get("/studies")
        await site.get("/studies", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    assert len(spans(taken)) == 1, "whoever has decided already is heard"


async def test_a_collector_that_is_away_disturbs_nobody(tmp_path: Path) -> None:
    async for site in open_site(tmp_path / "data", traces={"endpoint": "http://127.0.0.1:9/v1/traces"}):
        assert (await site.get("/studies")).status_code == 200


def test_without_the_extra_the_start_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise traces.MissingLibraryError("traces need the extra of that name: pip install 'radiolucent[traces]'")

    monkeypatch.setattr("app.main.Tracer", missing)
    with pytest.raises(SettingsError, match=r"radiolucent\[traces\]"):
        create_app(load_settings(traces={"endpoint": "http://127.0.0.1:9/v1/traces"}))
