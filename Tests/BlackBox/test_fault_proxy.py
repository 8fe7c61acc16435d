"""Faults of the network and of an upstream's server, by a proxy between: each answer is right, or its error names the upstream and the cause."""

import itertools
import json
import re
import subprocess
import threading

import pytest

from fault_proxy import FaultProxy, answering, changed, cut, dripping, ended, late, stalled
from faulty_upstream import FaultyUpstream
from server import Server, run, wait_until
from test_upstreams import front_home, table, upstreams
from tls import make_certificate
from upstream_faults import CAUSES

# Seconds without a byte after which the front gives up.
LIMIT = 1
LATER = "It comes in several words."


def echo(body: dict) -> str:
    """The text of an answer: that of the question, so that a test recognizes its own answer."""
    return f"You said {body['messages'][-1]['content']}. {LATER}"


@pytest.fixture(scope="module")
def upstream():
    with FaultyUpstream("m", text=echo, keeps=True) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(upstream):
    with FaultProxy(upstream.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def front(tmp_path_factory, proxy):
    limits = {"timeout": LIMIT, "first_byte_timeout": LIMIT, "connect_timeout": 5}
    home = front_home(tmp_path_factory.mktemp("front"), table("proxied", proxy.url, kind="openai", health_interval=0.2, **limits))
    with Server(home) as server:
        yield server
        assert server.process.poll() is None


questions = (f"question {number}" for number in itertools.count(1000))


@pytest.fixture
def spoil(front, proxy, upstream):
    """A function that chooses the fault of the next requests, when the circuit breaker of an earlier test is closed."""

    def ready():
        upstream.requests.clear()
        return front.chat("a", model="m").status == 200

    def choose(fault):
        proxy.fault = fault
        upstream.requests.clear()

    wait_until(ready, "an answer")
    yield choose
    proxy.fault = None


@pytest.fixture(scope="module")
def response(front, proxy):
    """The bytes of a response as the upstream sends them."""
    seen = []

    def fault(exchange):
        seen.append(exchange.response())
        exchange.send(seen[-1])
        exchange.keep(seen[-1])

    proxy.fault = fault
    # The first requests may get a connection that an earlier fault is closing.
    wait_until(lambda: front.chat(next(questions), model="m").status == 200, "an answer")
    proxy.fault = None
    return seen[-1]


def head(response: bytes) -> int:
    return response.index(b"\r\n\r\n") + 4


def first_event(response: bytes) -> int:
    """Returns the position after the first event of a response."""
    return response.index(b"\n\n", head(response)) + 2


def replaced(old: bytes, new: bytes):
    return changed(lambda response: response.replace(old, new, 1))


HTML = answering("200 OK", b"<html>", kind="text/html")
# The fault, and the status and the code of the error.
BEFORE = {
    "status 500": (answering("500 Internal Server Error"), 502, "upstream_failed"),
    "status 503": (answering("503 Service Unavailable", b"{}", "retry-after: 1"), 503, "upstream_busy"),
    "status 504": (answering("504 Gateway Timeout", b"<html>", kind="text/html"), 504, "upstream_timeout"),
    "status 302": (answering("302 Found", b"", "location: http://127.0.0.1:9/"), 502, "upstream_unreadable"),
    "status 204": (answering("204 No Content", b""), 502, "upstream_unreadable"),
    "status 403 of a firewall": (answering("403 Forbidden", b"<html>", kind="text/html"), 502, "upstream_unauthorized"),
    "a page": (HTML, 502, "upstream_unreadable"),
    "no HTTP": (changed(lambda _: b"SSH-2.0-OpenSSH_9.2\r\n"), 502, "upstream_unreadable"),
    "no response": (ended(0), 502, "upstream_interrupted"),
    "reset without a response": (cut(0), 502, "upstream_interrupted"),
    "stalled before the head": (stalled(0), 504, "upstream_timeout"),
    "stalled in the head": (stalled(20), 504, "upstream_timeout"),
    "a head that drips": (dripping(1, 0.15), 504, "upstream_timeout"),
    "reset in the head": (cut(20), 502, "upstream_interrupted"),
    "closed in the head": (ended(20), 502, "upstream_interrupted"),
    "wrong JSON": (replaced(b'"choices"', b"'choices'"), 502, "upstream_unreadable"),
    "JSON of another API": (answering("200 OK", b'{"result": "ok"}'), 502, "upstream_unreadable"),
    "an invalid size of a chunk": (changed(lambda response: response[:head(response)] + b"xyz\r\n"), 502, "upstream_unreadable"),
    "a chunk that ends early": (changed(lambda response: response[:head(response)] + b"ff\r\ndata: {"), 502, "upstream_interrupted"),
    "compressed": (replaced(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"), 502, "upstream_unreadable"),
}


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("streams", [False, True])
def test_a_fault_before_the_first_event_has_its_error(front, spoil, upstream, name, streams):
    fault, status, code = BEFORE[name]
    spoil(fault)
    answer = front.chat(next(questions), model="m", stream=streams)
    assert (answer.status, answer.json["error"]["code"]) == (status, code), answer.body
    assert "proxied" in answer.json["error"]["message"]
    assert len(upstream.requests) <= 1


def spoiled(at: int, data: bytes):
    """The response has other bytes after the first `at` ones."""

    def fault(exchange):
        exchange.forward(at)
        exchange.wait_until_read()
        exchange.send(data)
        exchange.end()

    return fault


# The fault at a position, and the code of the error.
MIDDLE = {
    "reset": (lambda at: cut(at), "upstream_interrupted"),
    "closed": (lambda at: ended(at), "upstream_interrupted"),
    "stalled": (lambda at: stalled(at), "upstream_timeout"),
    "wrong JSON": (lambda at: spoiled(at, b"e\r\ndata: {'a': 1}\n\r\n" + b"1\r\n\n\r\n"), "upstream_unreadable"),
    "wrong framing": (lambda at: spoiled(at, b"what?\r\n\r\n"), "upstream_unreadable"),
}
ASKED = [{"role": "user", "content": "question 1"}]
DIALECTS = {
    "chat": ("/v1/chat/completions", {"messages": ASKED}),
    "responses": ("/v1/responses", {"input": ASKED}),
    "messages": ("/v1/messages", {"messages": ASKED, "max_tokens": 64}),
    "ollama": ("/api/chat", {"messages": ASKED}),
}


@pytest.mark.parametrize("name", MIDDLE)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_fault_in_the_middle_ends_the_answer_with_an_error(front, spoil, upstream, response, name, dialect):
    make, code = MIDDLE[name]
    path, body = DIALECTS[dialect]
    for streams in (True, False):
        # After the chunk of the first event.
        spoil(make(first_event(response) + 2))
        answer = front.request("POST", path, {"model": "m", "stream": streams, **body})
        text = answer.body.decode()
        assert (answer.status == 200) is streams, text
        assert "proxied" in text and "error" in text
        # A stream has the beginning of the answer, and ends with the error.
        assert ("You" in text) is streams and "several words" not in text
        assert re.search(CAUSES[code], text), text
        if dialect == "chat":
            assert code in text
        assert len(upstream.requests) == 1


@pytest.mark.parametrize("fault", [cut, ended])
def test_a_connection_that_ends_at_any_byte(front, spoil, proxy, upstream, response, fault):
    codes = set()
    for at in range(1, len(response), 41):
        question = next(questions)
        spoil(fault(at))
        answer = front.chat(question, model="m", stream=True)
        proxy.fault = None
        # Successes between the faults keep the breaker closed.
        assert front.chat("a", model="m").status == 200
        assert len([body for _, body in upstream.requests if body["messages"][-1]["content"] == question]) == 1
        if answer.status != 200:
            codes.add(answer.json["error"]["code"])
            assert at <= first_event(response)
            continue
        last = answer.events[-1]
        codes.add(last if last == "[DONE]" else last["error"]["code"])
        whole = echo({"messages": [{"content": question}]})
        text = "".join(event["choices"][0]["delta"].get("content") or "" for event in answer.events if event != "[DONE]" and event.get("choices"))
        assert text == whole if last == "[DONE]" else whole.startswith(text)
    assert codes - {"[DONE]"} == {"upstream_interrupted"}


@pytest.mark.parametrize("fault", [late(0.3), dripping(1, 0), dripping(97, 0.02), dripping(1, 0.02, limit=30)],
                         ids=["late", "in single bytes", "slow", "a slow head"])
@pytest.mark.parametrize("streams", [False, True])
def test_a_slow_response_is_right(front, spoil, fault, streams):
    spoil(fault)
    question = next(questions)
    answer = front.chat(question, model="m", stream=streams)
    assert answer.status == 200, answer.body
    assert (answer.streamed_text if streams else answer.text) == echo({"messages": [{"content": question}]})


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "over an idle connection"])
def test_a_second_response_answers_no_other_request(front, spoil, waits):
    for index in range(30):
        answered, sent = threading.Event(), threading.Event()

        def twice(exchange, answered=answered, sent=sent):
            response = exchange.response()
            try:
                if waits:
                    exchange.send(response)
                    assert answered.wait(30)
                    exchange.send(response)
                else:
                    exchange.send(response + response)
                exchange.is_kept = True
                exchange.wait_until_read()
            finally:
                sent.set()

        spoil(twice if index % 3 == 0 else None)
        question = next(questions)
        answer = front.chat(question, model="m", stream=index % 2 == 0)
        answered.set()
        assert index % 3 or sent.wait(30)
        text = answer.body.decode()
        if answer.status == 200 and '"error"' not in text:
            text = answer.streamed_text if index % 2 == 0 else answer.text
            assert text == echo({"messages": [{"content": question}]})
        else:
            assert "proxied" in text and "upstream_" in text


def test_a_client_that_leaves_ends_the_upstreams_request(front, spoil, proxy, response):
    left = []

    def fault(exchange):
        try:
            stalled(first_event(response))(exchange)
        finally:
            left.append(exchange.client_left)

    spoil(fault)
    connection = front.connection()
    body = json.dumps({"model": "m", "messages": ASKED, "stream": True})
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.read(20)
    answer.close()
    connection.close()
    wait_until(lambda: left == [True], "the end of the upstream's request")
    wait_until(lambda: upstreams(front)["proxied"]["running"] == 0, "the end of the request")


def test_a_server_that_dies_is_used_again(front, spoil, proxy):
    proxy.die()
    answer = front.chat(next(questions), model="m")
    assert answer.status in (502, 503) and "proxied" in answer.json["error"]["message"], answer.body
    # After one failed check, the last replica is still asked.
    wait_until(lambda: front.chat(next(questions), model="m").status == 503, "failed checks")
    message = front.chat(next(questions), model="m").assert_error(503, None, "upstream_unavailable", "server_error")
    assert "proxied: " in message and "the connection is refused" in message
    proxy.listen()
    wait_until(lambda: front.chat(next(questions), model="m").status == 200, "its return")


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Certificates and keys: for this machine, and for another one."""
    folder = tmp_path_factory.mktemp("certificates")
    other = str(folder / "other.pem"), str(folder / "other-key.pem")
    subprocess.run([
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=elsewhere.example",
        "-addext", "subjectAltName=DNS:elsewhere.example", "-out", other[0], "-keyout", other[1]], check=True, capture_output=True)
    return make_certificate(front_home(folder / "home"), folder / "own"), other


def asked(path, url: str, **settings) -> tuple[int, str]:
    """Returns the status and the text of an answer of a front that has one upstream; 0 and the reason if the upstream is not healthy."""
    home = front_home(path, table("far", url, kind="openai", health_interval=0.2, connect_timeout=2, **settings))
    with Server(home) as server:
        listed = upstreams(server)["far"]
        if not listed["healthy"]:
            shown = run(home, "upstreams", "test", "far")
            assert shown.returncode != 0 and "far" in shown.stdout + shown.stderr
            return 0, listed["obstacle"]
        answer = server.chat(next(questions), model="m")
        return answer.status, answer.body.decode()


def test_tls_to_an_upstream(tmp_path, upstream, certificates):
    (own, key), other = certificates
    with FaultProxy(upstream.port, tls=(own, key)) as proxy:
        assert asked(tmp_path / "trusting", proxy.url, tls_ca=own)[0] == 200
        status, reason = asked(tmp_path / "doubting", proxy.url)
        assert status == 0 and "tls_ca" in reason
    with FaultProxy(upstream.port, tls=other) as proxy:
        status, reason = asked(tmp_path / "named", proxy.url, tls_ca=other[0])
        assert status == 0 and "its certificate is not valid for its name" in reason


def test_a_server_without_tls(tmp_path):
    with FaultProxy(0, greeting=b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n") as proxy:
        status, reason = asked(tmp_path / "plain", proxy.url.replace("http:", "https:"))
        assert status == 0 and "TLS" in reason
    with FaultProxy(0, greeting=b"") as proxy:
        status, reason = asked(tmp_path / "closing", proxy.url.replace("http:", "https:"))
        assert status == 0 and reason
