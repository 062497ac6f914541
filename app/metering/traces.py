"""Traces of requests by OpenTelemetry: one span for each, named by its route. The only module that knows that library, which is optional.

A span holds method, route, status and request id: never a path, a query, an address or a value. Whoever sent `traceparent` (W3C Trace
Context) finds it under his own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from app import __version__

Finish = Callable[[str, int, str], None]


class MissingLibraryError(ImportError):
    """The extra is not installed; the sentence says how it gets there."""


class Tracer:
    """Sends spans in the background; what cannot be sent is lost, and disturbs nobody."""

    def __init__(self, endpoint: str, service: str, share: float) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - optional
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
            from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415
            from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415
        except ImportError as error:
            raise MissingLibraryError("traces need the extra of that name: pip install 'radiolucent[traces]'") from error
        resource = Resource.create({"service.name": service, "service.version": __version__})
        self._provider = TracerProvider(sampler=ParentBasedTraceIdRatio(share), resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("radiolucent", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._kind, self._error = SpanKind.SERVER, StatusCode.ERROR

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[Finish]:
        """A span for as long as it is open; what it gives is told route, status and request id at the end."""
        return self._span(method, headers)

    @contextmanager
    def _span(self, method: str, headers: Mapping[str, str]) -> Iterator[Finish]:
        parent = self._propagator.extract(dict(headers))
        span = self._tracer.start_span(method, context=parent, kind=self._kind, attributes={"http.request.method": method})

        def finish(route: str, status: int, request_id: str) -> None:
            facts: dict[str, Any] = {"http.route": route, "http.response.status_code": status, "radiolucent.request_id": request_id}
            span.update_name(f"{method} {route}")
            span.set_attributes(facts)
            if status >= 500:
                span.set_status(self._error)

        try:
            yield finish
        finally:
            span.end()

    def close(self) -> None:
        """Sends what is left."""
        self._provider.shutdown()
