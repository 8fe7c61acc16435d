"""Limits on clients' use of memory, connections and time. Whatever one client does, the server answers the others and keeps running."""

import ctypes.util
import gzip
import http.client
import json
import os
import random
import resource
import socket
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

import raw
from server import MODEL, Server, wait_until


def rss(server) -> int:
    """Returns the server's resident memory in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def settled(server) -> int:
    """Returns the resident memory in bytes when it has not fallen for three seconds, because memory is freed a second after connections close."""
    least, since = rss(server), time.monotonic()
    while time.monotonic() < since + 3:
        time.sleep(0.25)
        now = rss(server)
        if now < least * 0.99:
            least, since = now, time.monotonic()
    return least


def use(server) -> dict:
    return server.request("GET", "/v1/engine").json["server"]


def large_body(values: int, **fields) -> bytes:
    """Returns a valid request with an unknown field that contains many values."""
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, **fields})
    return (body[:-1] + ', "unknown": [' + "0," * (values - 1) + "0]}").encode()


def health_times(server, seconds: float) -> list[float]:
    """Returns the durations of repeated `/health` requests over some time."""
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        assert server.request("GET", "/health").status == 200
        times.append(time.monotonic() - begun)
        time.sleep(0.02)
    return times


# Bodies


def test_too_many_values_are_a_400_that_names_the_bound(server):
    message = server.request("POST", "/v1/chat/completions", large_body(2_000_000)).assert_error(400, None, "limit_exceeded")
    assert "1000000 values" in message


def test_a_number_has_a_bounded_length(server):
    body = b'{"model": "m", "messages": [], "seed": ' + b"1" * 2000 + b"}"
    message = server.request("POST", "/v1/chat/completions", body).assert_error(400, None, "limit_exceeded")
    assert "1000 characters" in message


@pytest.mark.proc
def test_large_bodies_take_no_memory_while_the_answer_is_made(start):
    server = start()
    assert server.chat(max_tokens=1).status == 200
    before = settled(server)
    connections = [raw.Connection(server.port) for _ in range(4)]
    for connection in connections:
        body = large_body(900_000, max_tokens=200, stream=True, ignore_eos=True)
        connection.send(connection.request("POST", "/v1/chat/completions", body))
    for connection in connections:
        connection.read_until(raw.TEXT)
    during = settled(server)
    assert use(server)["bodies"]["bytes"] == 0
    assert during - before < 100 << 20, (before, during)
    for connection in connections:
        connection.read_until(b"[DONE]")
        connection.__exit__()


@pytest.mark.alone
def test_many_tools_are_a_400_and_block_nobody(server):
    tools = [{"type": "function", "function": {"name": f"f{number}"}} for number in range(100_000)]
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "tools": tools}).encode()
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(server.request, "POST", "/v1/chat/completions", body) for _ in range(4)]
        times = health_times(server, 2)
        for answer in answers:
            answer.result().assert_error(400, "tools", "array_above_max_length")
    assert max(times) < 1, max(times)


def test_bodies_have_a_bound_together(start):
    server = start("--max-body", "1M", "--body-memory", "2M")
    # Two bodies of 0.8 MB fit, and a third does not.
    held = [raw.Connection(server.port) for _ in range(2)]
    body = large_body(400_000)
    for connection in held:
        connection.send(connection.request("POST", "/v1/chat/completions", body + b" " * 199_000)[: len(body)])
    wait_until(lambda: use(server)["bodies"]["bytes"] >= 1_500_000, "the bodies")
    assert use(server)["bodies"]["bytes"] <= 2_000_000
    answer = server.request("POST", "/v1/chat/completions", body)
    answer.assert_error(503, None, "server_busy", "server_error")
    assert answer.headers["retry-after"] == "1"
    for connection in held:
        connection.__exit__()
    wait_until(lambda: use(server)["bodies"]["bytes"] == 0, "the bodies' end")
    assert server.request("POST", "/v1/chat/completions", body).status == 200


def test_a_body_that_nobody_reads_has_a_bound(server):
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/nothing", None, "Content-Type: application/json", "Transfer-Encoding: chunked"))
        assert connection.read_response()[0] == 404
        with pytest.raises(OSError):
            for _ in range(200):
                connection.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
                time.sleep(0.01)
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/nothing", None, "Content-Type: application/json", "Content-Length: 100000000"))
        status, headers, _ = connection.read_response()
        assert status == 404 and headers["connection"] == "close"
        assert connection.is_closed()


# Encodings


ENCODED = {"gzip": gzip.compress, "GZIP": lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:]), "x-gzip": gzip.compress, "deflate": zlib.compress, "identity": lambda data: data}
if ctypes.util.find_library("zstd"):
    # Two frames, one of them of unknown length, as in clients' streams.
    ENCODED["zstd"] = lambda data: zstandard.compress(data[:9]) + zstandard.ZstdCompressor(write_content_size=False).compress(data[9:])


@pytest.mark.parametrize("encoding", ENCODED)
def test_encoded_bodies(server, encoding):
    body = ENCODED[encoding](raw.chat_body(MODEL))
    assert server.request("POST", "/v1/chat/completions", body, {"Content-Encoding": encoding}).status == 200


def test_deflate_without_its_header(server):
    compressor = zlib.compressobj(wbits=-15)
    body = compressor.compress(raw.chat_body(MODEL)) + compressor.flush()
    assert server.request("POST", "/v1/chat/completions", body, {"Content-Encoding": "deflate"}).status == 200


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip"])
def test_other_encodings_are_named(server, encoding):
    message = server.request("POST", "/v1/chat/completions", b"abc", {"Content-Encoding": encoding}).assert_error(415, None, "unsupported_encoding")
    assert f"'{encoding}'" in message


@pytest.mark.skipif("zstd" not in ENCODED, reason="the machine has no libzstd")
def test_damaged_zstd(server):
    whole, wide = zstandard.compress(raw.chat_body(MODEL)), zstandard.ZstdCompressionParameters.from_level(19, window_log=27, write_content_size=False)
    window = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    for body in (b"", b"abc", whole[:-3], whole + b"more", whole[:8] + b"\xff" * 20, window.compress(b" " * (1 << 26)) + window.flush()):
        answer = server.request("POST", "/v1/chat/completions", body, {"Content-Encoding": "zstd"})
        answer.assert_error(400, None, "invalid_encoding")
    bomb = zstandard.compress(b" " * (1 << 28))
    server.request("POST", "/v1/chat/completions", bomb, {"Content-Encoding": "zstd"}).assert_error(413, None, "request_too_large")


def test_damaged_and_cut_bodies(server):
    whole = gzip.compress(raw.chat_body(MODEL))
    for body in (b"", b"abc", whole[:-9], whole + b"more", whole[:10] + b"\xff" * 20):
        answer = server.request("POST", "/v1/chat/completions", body, {"Content-Encoding": "gzip"})
        answer.assert_error(400, None, "invalid_encoding")


@pytest.mark.proc
def test_a_bomb_is_a_413(server):
    before = rss(server)
    bomb = gzip.compress(b" " * (1 << 28), compresslevel=9)
    assert len(bomb) < 2 << 20
    server.request("POST", "/v1/chat/completions", bomb, {"Content-Encoding": "gzip"}).assert_error(413, None, "request_too_large")
    assert rss(server) - before < 150 << 20


# Headers


def test_many_unknown_fields_make_a_short_header(server):
    answer = server.chat(max_tokens=1, **{f"unknown{number}": 1 for number in range(20_000)})
    assert answer.status == 200
    header = answer.headers["x-shimmy-ignored-params"]
    assert header.endswith(", and 19968 more") and len(header) < 4096


# Connections


def test_connections_have_a_bound(start):
    server = start("--max-connections", "8")
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
    answers = []
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/health")
        response = connection.getresponse()
        answers.append((response.status, response.headers["retry-after"], json.loads(response.read())["error"]["code"]))
        connection.close()
    assert answers == [(503, "1", "too_many_connections")] * 3
    for connection in held:
        connection.close()
    deadline = time.monotonic() + 10
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/v1/engine")
        response = connection.getresponse()
        body = json.loads(response.read())
        connection.close()
        if response.status == 200:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert body["server"]["connections"]["limit"] == 8 and body["server"]["connections"]["refused"] >= 3


def test_requests_in_flight_have_a_bound(start):
    server = start("--max-requests", "2")
    streams = [raw.Connection(server.port) for _ in range(2)]
    for stream in streams:
        stream.send(stream.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=2000, stream=True, ignore_eos=True)))
    for stream in streams:
        stream.read_until(raw.TEXT)
    server.chat(max_tokens=1).assert_error(503, None, "server_busy", "server_error")
    assert server.request("GET", "/health").status == 200
    for stream in streams:
        stream.__exit__()
    wait_until(lambda: server.chat(max_tokens=1).status == 200, "the end of the streams")


def test_a_client_that_reads_nothing_is_cut_off(start):
    server = start("--write-seconds", "1")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        # Answers that together exceed the system's buffers for a connection.
        request = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.settimeout(0.5)
        try:
            for _ in range(40_000):
                client.sendall(request)
        except (OSError, TimeoutError):
            pass
        wait_until(lambda: "the client stopped reading" in server.log.read_text(), "the end of the connection")
    assert server.request("GET", "/health").status == 200


@pytest.mark.proc
def test_ten_thousand_connections_and_streams(start):
    """With 10,000 idle connections, 64 streams and clients that disconnect at random, no request fails, and the memory is freed afterwards."""
    wanted = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = min(hard, 20_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    wanted = min(wanted, files - 1000)
    try:
        server = start("--max-connections", str(wanted + 500), "--request-seconds", "300")
        assert server.chat(max_tokens=1).status == 200

        def streams(count: int):
            def one(number: int) -> bool:
                with raw.Connection(server.port, timeout=240) as stream:
                    body = raw.chat_body(MODEL, max_tokens=16, stream=True, ignore_eos=True)
                    stream.send(stream.request("POST", "/v1/chat/completions", body))
                    stream.read_until(raw.TEXT)
                    if number % 3 == 0:
                        return True  # disconnects
                    return b"[DONE]" in stream.read_until(b"[DONE]")

            with ThreadPoolExecutor(count) as pool:
                assert all(pool.map(one, range(count)))

        streams(64)
        before = settled(server)
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(wanted)]
        deadline = time.monotonic() + 30
        while use(server)["connections"]["open"] < wanted:
            assert time.monotonic() < deadline, use(server)
            time.sleep(0.1)
        random.Random(1).shuffle(idle)
        leaving = threading.Thread(target=lambda: [connection.close() for connection in idle[: wanted // 2]])
        leaving.start()
        streams(64)
        leaving.join()
        assert server.chat(max_tokens=1).status == 200
        for connection in idle:
            connection.close()
        deadline = time.monotonic() + 30
        while use(server)["connections"]["open"] > 5:
            assert time.monotonic() < deadline, use(server)
            time.sleep(0.1)
        after = settled(server)
        print(f"RSS before {before >> 20} MiB, after {after >> 20} MiB")
        assert after < before * 1.1, (before, after)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_descriptors_are_kept_for_files(home):
    """With few file descriptors the server accepts fewer connections, and can still load models."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = None
    try:
        pid = os.fork()
        if pid == 0:  # The child lowers its hard limit, so that the test's own stays.
            resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
            try:
                with Server(home) as server:
                    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
                    wait_until(lambda: server.request("GET", "/health").status == 503, "the limit on connections")
                    for connection in held[:100]:
                        connection.close()
                    wait_until(lambda: server.request("GET", "/health").status == 200, "the end of connections")
                    assert server.chat(max_tokens=1, store=True).status == 200
                    assert "limit on open files" in server.log.read_text()
                    os._exit(0)
            except BaseException as error:  # noqa: BLE001: the parent reports it
                print(error)
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
