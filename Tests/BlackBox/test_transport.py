"""HTTP: pipelining, size limits, broken and slow connections, requests that no library would send."""

import gzip
import json
import socket
import time

import pytest

import raw
from server import MODEL

LIMIT = 32 << 20


def connect(server, **options) -> raw.Connection:
    return raw.Connection(server.port, **options)


def assert_alive(server):
    assert server.chat(max_tokens=1).status == 200


def test_requests_in_a_pipeline_are_answered_in_order(server):
    with connect(server) as connection:
        body = raw.chat_body(MODEL)
        connection.send(
            connection.request("POST", "/v1/chat/completions", body)
            + connection.request("GET", "/v1/models")
            + connection.request("POST", "/v1/chat/completions", raw.chat_body("nothing"))
            + connection.request("GET", "/")
        )
        answers = [connection.read_response() for _ in range(4)]
    assert [answer[0] for answer in answers] == [200, 200, 404, 200]
    assert b"chat.completion" in answers[0][2] and b'"list"' in answers[1][2] and answers[3][2] == b"Shimmy is running"


def test_a_connection_is_kept_for_many_requests(server):
    with connect(server) as connection:
        for _ in range(3):
            for stream in (False, True):
                connection.send(connection.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, stream=stream)))
                assert connection.read_response()[0] == 200
            connection.send(connection.request("POST", "/v1/chat/completions", b"{"))
            assert connection.read_response()[0] == 400


def test_expect_100_continue(server):
    with connect(server) as connection:
        body = raw.chat_body(MODEL)
        request = connection.request("POST", "/v1/chat/completions", body, "Expect: 100-continue")
        connection.send(request[: -len(body)])
        assert connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        connection.send(body)
        assert connection.read_response()[0] == 200


def test_expect_is_not_met_for_a_body_that_is_too_large(server):
    with connect(server) as connection:
        connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: 104857600\r\n\r\n"
        )
        status, headers, body = connection.read_response()
        assert status == 413 and b'"request_too_large"' in body and headers["connection"] == "close"


def test_a_body_of_100_megabytes_is_refused_while_it_is_sent(server):
    with connect(server) as connection:
        connection.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n"
        )
        try:
            for _ in range(100):
                connection.send(b" " * (1 << 20))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has already answered
        try:
            assert connection.read_response()[0] == 413
        except ConnectionResetError:
            pass  # a connection reset may overtake the answer while the client still sends
    assert_alive(server)


def test_a_chunked_body_that_grows_too_large(server):
    with connect(server) as connection:
        connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        try:
            for _ in range(LIMIT // (1 << 20) + 2):
                connection.send(chunk)
            assert connection.read_response()[0] == 413
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert_alive(server)


def test_a_chunked_body(server):
    body = raw.chat_body(MODEL)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7))
    with connect(server) as connection:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.send(head + chunks + b"0\r\n\r\n")
        assert connection.read_response()[0] == 200


def test_bodies_cut_in_the_middle_leave_nothing(server):
    for _ in range(20):
        with connect(server) as connection:
            connection.send(connection.request("POST", "/v1/chat/completions", raw.chat_body(MODEL))[:-10])
    assert_alive(server)
    server.wait_for(lambda engine: engine["running"] == engine["waiting"] == 0, "quiet")


@pytest.mark.parametrize("head", [b"x-big: " + b"a" * (1 << 20), b"\r\n".join(b"x-%d: 1" % number for number in range(1000))])
def test_headers_that_are_too_large(server, head):
    with connect(server) as connection:
        try:
            connection.send(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n")
            status, _, body = connection.read_response()
            assert status == 431 and b'"headers_too_large"' in body
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert_alive(server)


def test_a_broken_chunk_is_told(server):
    with connect(server) as connection:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.send(head.encode() + b"ZZ\r\n\r\n")
        status, _, body = connection.read_response()
    assert status == 400 and b'"error"' in body


@pytest.mark.parametrize("request_line", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"GET /v1/models HTTP/1.1\r\nbad header\r\n\r\n"])
def test_what_is_not_http_is_refused(server, request_line):
    with connect(server) as connection:
        connection.send(request_line)
        try:
            status, _, body = connection.read_response()
            assert status == 400 and b'"error"' in body
        except (EOFError, ConnectionResetError):
            pass
    assert_alive(server)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_other_content_types_are_415(server, content_type):
    """Other content types are refused, because a foreign web page can send a form without a preflight, but not JSON."""
    headers = {"Content-Type": content_type} if content_type else {"Content-Type": ""}
    server.request("POST", "/v1/chat/completions", raw.chat_body(MODEL), headers).assert_error(415, None, None)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_content_types(server, content_type):
    assert server.request("POST", "/v1/chat/completions", raw.chat_body(MODEL), {"Content-Type": content_type}).status == 200


def test_unknown_routes_and_wrong_methods(server):
    message = server.request("GET", "/v1/nothing").assert_error(404, None, "unknown_url")
    assert "(GET /v1/nothing)" in message
    answer = server.request("GET", "/v1/completions")
    answer.assert_error(405, None, "method_not_supported")
    assert answer.headers["allow"] == "POST"
    server.request("DELETE", "/v1/models").assert_error(405, None, "method_not_supported")
    assert server.request("GET", "/v1/completions").headers["x-request-id"].startswith("req_")


def test_the_clients_request_id_is_kept_when_it_is_sane(server):
    for mine in ("my-id_1", "a" * 128, "{550e8400}"):
        assert server.request("GET", "/", headers={"x-request-id": mine}).headers["x-request-id"] == mine
    for other in ("a" * 129, "two words", "caf\u00e9", ""):
        assert server.request("GET", "/", headers={"x-request-id": other.encode()}).headers["x-request-id"].startswith("req_")


def test_slow_and_idle_clients_are_cut_off_and_block_nobody(start):
    server = start("--request-seconds", "1")
    with connect(server) as idle, connect(server) as slow_head, connect(server) as slow_body, connect(server) as stopped:
        stopped.send(stopped.request("POST", "/v1/chat/completions", raw.chat_body(MODEL))[:-9])
        slow_head.send(b"GET / HT")
        slow_body.send(slow_body.request("POST", "/v1/chat/completions", raw.chat_body(MODEL) + b" " * 100)[:-90])
        assert_alive(server)
        begun = time.monotonic()
        # Sending a byte now and then does not extend the time of a body: its total time is limited.
        for _ in range(8):
            time.sleep(0.25)
            try:
                slow_body.send(b" ")
            except (BrokenPipeError, ConnectionResetError):
                break
        for late in (slow_body, stopped):
            status, headers, body = late.read_response()
            assert status == 408 and b'"request_timeout"' in body and headers["connection"] == "close"
        assert idle.is_closed() and slow_head.is_closed()
        assert time.monotonic() - begun < 15


def test_hundreds_of_idle_connections_block_nobody(server):
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    assert_alive(server)
    for connection in idle:
        connection.close()


# HTTP versions and keep-alive


def exchange(server, request: bytes) -> tuple[str, dict, bytes]:
    """Sends bytes and reads until the server closes the connection."""
    with connect(server) as connection:
        connection.send(request)
        head, _, body = connection.read_to_end().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, body


def old_request(body: bytes, *lines: str) -> bytes:
    head = ["POST /v1/chat/completions HTTP/1.0", "Content-Type: application/json", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def test_http_1_0_gets_an_answer_of_its_own_kind(server):
    first, headers, body = exchange(server, old_request(raw.chat_body(MODEL)))
    assert first == "HTTP/1.0 200 OK" and headers["connection"] == "close" and len(body) == int(headers["content-length"])
    first, headers, body = exchange(server, old_request(raw.chat_body(MODEL, stream=True)))
    assert first == "HTTP/1.0 200 OK" and "transfer-encoding" not in headers and headers["connection"] == "close"
    assert body.startswith(b"data: {") and body.endswith(b"data: [DONE]\n\n")


def test_http_1_0_keeps_a_connection_that_asks_for_it(server):
    """HTTP/1.0 with `Connection: keep-alive`, as `ab -k` sends it, keeps the connection open."""
    with connect(server) as connection:
        for _ in range(3):
            connection.send(b"GET /health HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            status, headers, body = connection.read_response()
            assert status == 200 and headers["connection"] == "keep-alive" and b'"ok"' in body
        connection.send(old_request(raw.chat_body(MODEL, stream=True), "Connection: Keep-Alive"))
        assert b"connection: close" in connection.read_until(b"\r\n\r\n").lower()
        assert connection.read_to_end().endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("word", ["close", "Close", "close, TE"])
def test_a_connection_closes_when_the_client_says_so(server, word):
    first, headers, body = exchange(server, f"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: {word}\r\n\r\n".encode())
    assert first == "HTTP/1.1 200 OK" and headers["connection"] == "close" and b'"ok"' in body


@pytest.mark.parametrize("path", ["/health", "/ready"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_probes_need_no_host(server, path, version):
    first, _, _ = exchange(server, f"GET {path} HTTP/{version}\r\nConnection: close\r\n\r\n".encode())
    assert first == f"HTTP/{version} 200 OK"


def test_other_requests_need_a_host(server):
    first, _, body = exchange(server, b"GET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert first == "HTTP/1.1 400 Bad Request" and b'"missing_host"' in body


@pytest.mark.parametrize("second", ["localhost", "evil.example"])
def test_a_request_has_one_host(server, second):
    first, _, body = exchange(server, f"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: {second}\r\nConnection: close\r\n\r\n".encode())
    assert first == "HTTP/1.1 400 Bad Request" and b'"invalid_host"' in body
    first, _, _ = exchange(server, b"GET /v1/models HTTP/1.0\r\n\r\n")
    assert first == "HTTP/1.0 200 OK"


@pytest.mark.parametrize("scheme", ["http", "HTTP", "https", "other"])
def test_the_host_of_an_absolute_target_is_checked(server, scheme):
    for target, host, status in [("evil.example", "localhost", "403 Forbidden"), ("localhost", "evil.example", "200 OK")]:
        first, _, _ = exchange(server, f"GET {scheme}://{target}/v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert first == f"HTTP/1.1 {status}"


def test_connect_is_refused_with_its_target(server):
    first, _, body = exchange(server, b"CONNECT localhost:18120 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert first == "HTTP/1.1 404 Not Found" and b"(CONNECT localhost:18120)" in body


@pytest.mark.parametrize(
    "head, status",
    [
        ("POST /nope HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked", 404),
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked", 415),
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: xchunked", 501),
        ("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked", 400),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_broken_body_has_one_answer(server, head, status, at_once):
    with connect(server) as connection:
        parts = [head.encode() + b"\r\n\r\n", b"zz\r\n\r\n"]
        if at_once:
            parts = [b"".join(parts)]
        try:
            for part in parts:
                connection.send(part)
            assert connection.read_response()[0] == status
            assert connection.read_to_end() == b""
        except (BrokenPipeError, ConnectionResetError):
            assert not at_once  # the close may overtake the answer


def test_other_transfer_encodings_are_refused(server):
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    with connect(server) as connection:
        connection.send(head.encode() + b"2\r\n{}\r\n0\r\n\r\n")
        status, _, body = connection.read_response()
    assert status == 501 and b'"unsupported_transfer_encoding"' in body


@pytest.mark.parametrize("accepted, is_packed", [
    ("gzip", True), ("br;q=1, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("br", False), ("identity", False), ("", False),
])
def test_whole_answers_are_compressed_for_clients_that_accept_it(server, accepted, is_packed):
    head = f"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding: {accepted}\r\n\r\n"
    first, headers, body = exchange(server, head.encode())
    assert first == "HTTP/1.1 200 OK" and headers["vary"] == "Accept-Encoding" and int(headers["content-length"]) == len(body)
    assert headers.get("content-encoding") == ("gzip" if is_packed else None)
    plain = gzip.decompress(body) if is_packed else body
    assert json.loads(plain)["openapi"] and (len(body) < len(plain) / 3) == is_packed
    known = server.request("GET", "/openapi.json", headers={"If-None-Match": headers["etag"], "Accept-Encoding": accepted})
    assert known.status == 304


def test_short_answers_and_streams_are_not_compressed(server):
    wanted = {"Accept-Encoding": "gzip"}
    assert "content-encoding" not in server.request("GET", "/health", headers=wanted).headers
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x" * 9000}], "max_tokens": 1, "stream": True}
    answer = server.request("POST", "/v1/chat/completions", body, wanted)
    assert answer.status == 200 and "content-encoding" not in answer.headers


def test_options(server):
    for request in (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"OPTIONS / HTTP/1.0\r\n\r\n"):
        first, headers, body = exchange(server, request)
        assert first.split(" ")[1] == "204" and "GET" in headers["allow"] and body == b""
    answer = server.request("OPTIONS", "/v1/embeddings")
    assert answer.status == 204 and answer.headers["allow"] == "POST, OPTIONS"
    server.request("OPTIONS", "/v1/nothing").assert_error(404, None, "unknown_url")


def test_websockets_are_refused_with_a_reason(server):
    head = (
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    first, headers, body = exchange(server, head)
    assert first.split(" ")[1] == "426" and headers["connection"] == "close" and b'"websocket_not_supported"' in body
    assert_alive(server)


def test_after_an_offer_of_http2_the_connection_closes(server):
    """The response is that of HTTP/1.1. The client could not send another request: what follows the offer may be HTTP/2."""
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    first, headers, body = exchange(server, head)
    assert first == "HTTP/1.1 200 OK" and headers["connection"] == "close" and body.startswith(b"{")


def test_ipv6_is_listened_to_as_well(server):
    try:
        with socket.create_connection(("::1", server.port), timeout=5) as client:
            client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert client.recv(15) == b"HTTP/1.0 200 OK"
    except OSError as error:
        if "cannot listen on address" not in server.log.read_text():
            raise
        pytest.skip(f"no IPv6 here: {error}")


def test_the_use_of_bounds_is_shown(server):
    use = server.request("GET", "/v1/engine").json["server"]
    assert 1 <= use["connections"]["open"] <= use["connections"]["limit"]
    assert 1 <= use["requests"]["in_flight"] <= use["requests"]["limit"] and use["bodies"]["limit"] == 256 << 20
    assert use["bodies"]["waiting"] == 0 and use["bodies"]["waiting_limit"] == 128 << 20
    assert use["workers"]["threads"] >= 2 and use["storage"]["bytes"] >= 0 and use["storage"]["limit"] == 1_000_000_000
