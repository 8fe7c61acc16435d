"""A collector of traces on loopback that decodes exports with OpenTelemetry's official definitions, and with simulated faults."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


class Span:
    """A span with its resource, in simple types."""

    def __init__(self, span, resource):
        self.trace, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        self.name, self.kind, self.state, self.flags = span.name, span.kind, span.trace_state, span.flags
        self.start, self.end, self.is_error = span.start_time_unix_nano, span.end_time_unix_nano, span.status.code == 2
        self.attributes = {attribute.key: value(attribute.value) for attribute in span.attributes}
        self.resource = {attribute.key: value(attribute.value) for attribute in resource.attributes}


def value(any_value):
    kind = any_value.WhichOneof("value")
    content = getattr(any_value, kind)
    return [value(part) for part in content.values] if kind == "array_value" else content


class Collector:
    """The collector. Use it in a `with` statement. The attributes `statuses` and `hangs` are faults, which tests set."""

    def __init__(self):
        self.spans: list[Span] = []
        self.headers: list[dict] = []
        self.statuses: list[int] = []  # the statuses of the next answers
        self.hangs = threading.Event()  # while it is set, requests get no answer
        self.closed = threading.Event()
        self.attempts = 0
        self.bodies: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                collector.take(self)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> "Collector":
        return self

    def __exit__(self, *_):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()

    def take(self, request: BaseHTTPRequestHandler):
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.attempts += 1
        if self.hangs.is_set():
            self.closed.wait(60)
            request.close_connection = True
            return
        status = self.statuses.pop(0) if self.statuses else 200
        answer = b""
        if status == 200 and request.path != "/v1/traces":
            status = 404
        elif status == 200:
            export = ExportTraceServiceRequest.FromString(body)
            self.bodies.append(body)
            self.headers.append({name.lower(): text for name, text in request.headers.items()})
            self.spans += [
                Span(span, of_resource.resource) for of_resource in export.resource_spans for scope in of_resource.scope_spans for span in scope.spans
            ]
            answer = ExportTraceServiceResponse().SerializeToString()
        request.send_response(status)
        request.send_header("Content-Type", "application/x-protobuf")
        request.send_header("Content-Length", str(len(answer)))
        if status == 503:
            request.send_header("Retry-After", "1")
        request.end_headers()
        request.wfile.write(answer)

    def of(self, trace: str) -> list[Span]:
        """Returns the spans of a trace."""
        return [span for span in self.spans if span.trace == trace]

    def check(self):
        """Checks that no span was exported twice."""
        assert max(Counter((span.trace, span.id) for span in self.spans).values(), default=1) == 1
