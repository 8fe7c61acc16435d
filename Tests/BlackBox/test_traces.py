"""Traces of known requests, as a collector decodes them."""

import json
import secrets
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text
from websockets.sync.client import connect

from collector import Collector
from fake_hub import FakeHub
from server import MODEL, Server, make_home, wait_until

KEY = "sk-secret-of-the-traces"
PROMPT = "The password is xylophone-plugh."
QUICK = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@pytest.fixture(scope="module")
def hub():
    hub = FakeHub()
    yield hub
    hub.close()


@pytest.fixture(scope="module")
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(tmp_path_factory, collector, hub):
    """A server with a key that exports traces and logs JSON."""
    home = make_home(tmp_path_factory.mktemp("traced"))
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=lab%2F1", "OTEL_SERVICE_NAME": "lab",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test", "HF_ENDPOINT": hub.url, **QUICK,
    }
    with Server(home, "--api-key", KEY, "--log-format", "json", **variables) as server:
        yield server


class Client:
    """The parent of one request: the headers of a sampled trace."""

    def __init__(self, sampled: bool = True):
        self.trace, self.span = secrets.token_hex(16), secrets.token_hex(8)
        self.headers = {
            "Authorization": f"Bearer {KEY}", "traceparent": f"00-{self.trace}-{self.span}-0{int(sampled)}", "tracestate": "vendor=opaque",
        }

    def spans(self, collector, count: int) -> dict:
        """Waits for the spans of the trace, and returns them by name; those with the same name in a list."""
        wait_until(lambda: len(collector.of(self.trace)) >= count, f"the export of {count} spans")
        spans = {}
        for span in collector.of(self.trace):
            spans.setdefault(span.name, []).append(span)
        return spans


def chat(server, client, **fields):
    body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 8, "ignore_eos": True, **fields}
    return server.request("POST", "/v1/chat/completions", body, client.headers)


def failures(server) -> dict:
    text = server.request("GET", "/metrics", headers={"Authorization": f"Bearer {KEY}"}).body.decode()
    samples = [sample for family in parse_text(text) for sample in family.samples if sample.name == "shimmy_trace_spans_total"]
    return {sample.labels["result"]: sample.value for sample in samples}


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_continues_the_trace_of_its_client(traced, collector, stream):
    client = Client()
    before = time.time_ns()
    answer = chat(traced, client, stream=stream)
    assert answer.status == 200 and "traceparent" not in answer.headers
    spans = client.spans(collector, 4)
    after = time.time_ns()
    assert set(spans) == {"POST /v1/chat/completions", "queue", "prefill", "decode"}
    (request,), (queue,), (prefill,), (decode,) = (spans[name] for name in ("POST /v1/chat/completions", "queue", "prefill", "decode"))
    assert (request.parent, request.kind, request.state, request.flags & 1) == (client.span, 2, "vendor=opaque", 1)
    assert all(span.parent == request.id and span.kind == 1 for span in (queue, prefill, decode))
    assert before - 10**9 < request.start == queue.start <= queue.end == prefill.start <= prefill.end == decode.start
    assert decode.start < decode.end <= request.end < after + 10**9
    attributes = request.attributes
    assert attributes["http.request.method"] == "POST" and attributes["http.route"] == attributes["url.path"] == "/v1/chat/completions"
    assert attributes["http.response.status_code"] == 200 and attributes["url.scheme"] == "http" and attributes["shimmy.end"] == "length"
    assert attributes["gen_ai.operation.name"] == "chat" and attributes["gen_ai.request.model"] == attributes["gen_ai.response.model"] == MODEL
    assert attributes["gen_ai.response.finish_reasons"] == ["length"] and attributes["gen_ai.provider.name"] == "shimmy"
    assert attributes["gen_ai.usage.output_tokens"] == decode.attributes["gen_ai.usage.output_tokens"] == 8
    assert attributes["gen_ai.usage.input_tokens"] == prefill.attributes["gen_ai.usage.input_tokens"] > 8
    if not stream:
        usage = answer.json["usage"]
        assert attributes["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
        assert attributes["gen_ai.usage.cache_read.input_tokens"] == usage["prompt_tokens_details"]["cached_tokens"]
    assert not request.is_error and "error.type" not in attributes
    assert request.resource["service.name"] == "lab" and request.resource["deployment.environment.name"] == "test"
    assert request.resource["service.version"]


def test_the_log_line_has_both_ids(traced, collector):
    client = Client()
    identifier = chat(traced, client).headers["x-request-id"]
    spans = client.spans(collector, 4)
    lines = [line for line in map(json.loads, traced.log.read_text().splitlines()) if line.get("request") == identifier]
    assert [line["trace"] for line in lines if line["message"] == "request completed"] == [client.trace]
    assert spans["POST /v1/chat/completions"][0].attributes["shimmy.request_id"] == identifier


def test_the_storage_has_spans(traced, collector):
    client = Client()
    assert chat(traced, client, store=True).status == 200
    spans = client.spans(collector, 5)
    (request,) = spans["POST /v1/chat/completions"]
    assert spans["storage write"] and all(span.parent == request.id for span in spans["storage write"])
    listing = Client()
    assert traced.request("GET", "/v1/chat/completions", headers=listing.headers).status == 200
    spans = listing.spans(collector, 2)
    assert spans["storage read"][0].parent == spans["GET /v1/chat/completions"][0].id


def test_a_background_response_is_below_its_request(traced, collector):
    client = Client()
    body = {"model": MODEL, "input": PROMPT, "background": True, "max_output_tokens": 16}
    answer = traced.request("POST", "/v1/responses", body, client.headers)
    assert answer.status == 200

    def names():
        return {span.name for span in collector.of(client.trace)}

    wait_until(lambda: {f"chat {MODEL}", "decode", "POST /v1/responses"} <= names(), "the trace of the response")
    spans = client.spans(collector, 5)
    (request,), (work,) = spans["POST /v1/responses"], spans[f"chat {MODEL}"]
    assert work.parent == request.id and work.attributes["gen_ai.usage.output_tokens"] > 0
    assert all(span.parent == work.id for name in ("queue", "prefill", "decode") for span in spans[name])
    assert any(span.parent == work.id for span in spans["storage write"])


def test_each_response_over_a_websocket_has_a_span(traced, collector):
    client = Client()
    url = traced.url.replace("http://", "ws://") + "/v1/responses"
    with connect(url, additional_headers=client.headers) as socket:
        for _ in range(2):
            socket.send(json.dumps({"type": "response.create", "model": MODEL, "input": PROMPT, "max_output_tokens": 16, "store": False}))
            while json.loads(socket.recv(timeout=60))["type"] not in ("response.completed", "response.incomplete", "response.failed"):
                pass
    wait_until(lambda: "GET /v1/responses" in {span.name for span in collector.of(client.trace)}, "the end of the connection")
    spans = client.spans(collector, 9)
    (handshake,) = spans["GET /v1/responses"]
    assert [span.parent for span in spans[f"chat {MODEL}"]] == [handshake.id] * 2
    assert handshake.attributes["http.response.status_code"] == 101


def test_a_response_that_cannot_begin_has_a_span(traced, collector):
    client = Client()
    url = traced.url.replace("http://", "ws://") + "/v1/responses"
    with connect(url, additional_headers=client.headers) as socket:
        socket.send(json.dumps({"type": "response.create", "model": "nothing", "input": PROMPT}))
        assert json.loads(socket.recv(timeout=60))["error"]["code"] == "model_not_found"
    wait_until(lambda: {"GET /v1/responses", "chat"} <= {span.name for span in collector.of(client.trace)}, "both spans")
    spans = client.spans(collector, 2)
    (handshake,), (response,) = spans["GET /v1/responses"], spans["chat"]
    assert response.parent == handshake.id and not response.is_error and response.attributes["error.type"] == "model_not_found"
    assert response.attributes["shimmy.end"] == "error" and "nothing" not in str(response.attributes)


def test_requests_to_the_hub_continue_the_trace(traced, collector, hub):
    client = Client()
    assert traced.request("POST", "/v1/models/pull", {"model": "nobody/nothing"}, client.headers).status == 404
    spans = client.spans(collector, 2)
    (request,), calls = spans["POST /v1/models/pull"], spans["GET"]
    assert all(call.parent == request.id and call.kind == 3 for call in calls)
    assert calls[0].attributes["http.response.status_code"] == 404 and calls[0].attributes["server.address"] == "127.0.0.1"
    sent = [headers for path, headers in hub.requests if "nobody" in path]
    assert sent and {headers["Traceparent"] for headers in sent} == {f"00-{client.trace}-{call.id}-01" for call in calls}
    assert all(headers["Tracestate"] == "vendor=opaque" for headers in sent)


def test_an_unsampled_trace_is_not_exported(traced, collector):
    unsampled, sampled = Client(sampled=False), Client()
    assert chat(traced, unsampled).status == 200 and chat(traced, sampled).status == 200
    sampled.spans(collector, 4)
    assert collector.of(unsampled.trace) == []


def test_hostile_headers_begin_new_traces(traced, collector):
    hostile = ["00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff" + "-a" * 100, "x" * 4000, "00-" + "A" * 32 + "-" + "b" * 16 + "-01"]
    known = {span.id for span in collector.spans}
    for header in hostile:
        headers = {"Authorization": f"Bearer {KEY}", "traceparent": header, "tracestate": header + "=" + "," * 2000}
        assert traced.request("GET", "/v1/models", headers=headers).status == 200

    def new():
        return [span for span in collector.spans if span.id not in known and span.name == "GET /v1/models"]

    wait_until(lambda: len(new()) == len(hostile), "the export")
    assert all(span.parent == "" and span.state == "" and span.flags & 0x200 == 0 for span in new())
    assert len({span.trace for span in new()}) == len(hostile)


def test_no_export_contains_texts_or_keys(traced, collector):
    client = Client()
    chat(traced, client)
    traced.request("GET", "/v1/models?key=xylophone-plugh", headers=client.headers)
    client.spans(collector, 5)
    exported = b"".join(collector.bodies)
    assert b"plugh" not in exported and KEY.encode() not in exported
    assert all(headers["x-tenant"] == "lab/1" and headers["content-type"] == "application/x-protobuf" for headers in collector.headers)
    assert KEY not in json.dumps(collector.headers)
    collector.check()


def test_exports_are_retried(tmp_path):
    with Collector() as collector:
        collector.statuses = [503, 429]
        with Server(make_home(tmp_path / "home"), "--traces-endpoint", collector.url, **QUICK) as server:
            assert server.request("GET", "/v1/models").status == 200
            wait_until(lambda: len(collector.spans) >= 1, "the export", 30)
        assert collector.attempts >= 3
        collector.check()


def test_a_collector_that_hangs_disturbs_no_request_and_no_end(tmp_path):
    with Collector() as collector:
        collector.hangs.set()
        variables = {**QUICK, "OTEL_BSP_MAX_QUEUE_SIZE": "8"}
        server = Server(make_home(tmp_path / "home"), "--traces-endpoint", collector.url, "--api-key", KEY, **variables)
        try:
            headers = {"Authorization": f"Bearer {KEY}"}
            for _ in range(30):
                assert server.request("GET", "/v1/models", headers=headers).status == 200
            assert chat(server, Client()).status == 200
            assert failures(server)["dropped"] >= 20
            wait_until(lambda: collector.attempts > 0, "an export")
            server.process.terminate()
            # The end waits 3 s for the collector, and not for the 10 s of an export.
            assert server.process.wait(9) == 0
        finally:
            server.__exit__()


def test_a_collector_that_is_away_disturbs_no_request(tmp_path):
    with Collector() as collector:
        url = collector.url
    with Server(make_home(tmp_path / "home"), "--api-key", KEY, OTEL_EXPORTER_OTLP_ENDPOINT=url, **QUICK) as server:
        assert chat(server, Client()).status == 200
        wait_until(lambda: "traces cannot be exported" in server.log.read_text(), "the warning")
        assert chat(server, Client()).status == 200
        assert server.log.read_text().count("traces cannot be exported") == 1


def test_the_last_spans_are_sent_at_the_end(tmp_path):
    with Collector() as collector:
        with Server(make_home(tmp_path / "home"), "--traces-endpoint", collector.url, OTEL_BSP_SCHEDULE_DELAY="600000") as server:
            assert server.request("GET", "/v1/models").status == 200
        assert "GET /v1/models" in {span.name for span in collector.spans}
        assert {span.resource["service.name"] for span in collector.spans} == {"shimmy"}


def test_settings_of_the_file(place):
    with Collector() as collector:
        place(f"""
            [tracing]
            traces_endpoint = "{collector.url}"
            traces_header = ["x-tenant=file"]
            traces_sample_ratio = 1.0
            traces_service_name = "filed"
            """)
        with Server(place.home, **QUICK) as server:
            assert server.request("GET", "/v1/models").status == 200
            wait_until(lambda: collector.spans, "the export")
        assert collector.spans[0].resource["service.name"] == "filed" and collector.headers[0]["x-tenant"] == "file"


def test_bad_settings(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home, OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318", OTEL_EXPORTER_OTLP_PROTOCOL="grpc") as server:
        assert server.request("GET", "/v1/models").status == 200
        assert "traces are off" in server.log.read_text() and "http/protobuf" in server.log.read_text()
    with pytest.raises(RuntimeError, match="traces_endpoint is not the address of a collector"):
        Server(home, "--traces-endpoint", "collector:4318")
    with pytest.raises(RuntimeError, match="must be a number from 0 to 1"):
        Server(home, "--traces-sample-ratio", "2")
