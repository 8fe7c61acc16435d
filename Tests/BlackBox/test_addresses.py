"""The addresses that a server listens on, and the addresses of its clients: Unix sockets, several addresses, proxies, wrong keys."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess

import pytest

from server import BINARY, Server, environment, run, wait_until
from tls import curl

# The path of a socket is short, and those of temporary folders are not.
SOCKET = f"/tmp/shimmy-test-{os.getpid()}"


def test_a_socket_beside_a_port(home):
    path = f"{SOCKET}-beside"
    with Server(home, "--socket", path) as server:
        wait_until(lambda: os.path.exists(path) and stat.S_IMODE(os.stat(path).st_mode) == 0o660, "the socket")
        assert json.loads(curl("--unix-socket", path, "http://localhost/health").stdout)["status"] == "ok"
        assert server.request("GET", "/health").status == 200
        for address in [f"unix:{path}", f"unix://{path}"]:
            done = run(home, "ps", "--host", address)
            assert done.returncode == 0, done.stderr
        again = run(home, "serve", "--port", "auto", "--socket", path)
        assert again.returncode == 5 and path in again.stderr
    assert not os.path.exists(path)
    assert run(home, "ps", "--host", f"unix:{path}").returncode == 7


def test_a_socket_alone(home):
    path = f"{SOCKET}-alone"
    # A program that was killed leaves its socket.
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    process = subprocess.Popen(
        [BINARY, "serve", "--socket", path, "--socket-only", "--host", "0.0.0.0"], env=environment(home), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout.readline() == f"Shimmy is listening on unix:{path}\n"
        assert json.loads(curl("--unix-socket", path, "http://localhost/v1/models").stdout)["data"]
        done = run(home, "ps", SHIMMY_SOCKET=path, SHIMMY_SOCKET_ONLY="true")
        assert done.returncode == 0, done.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert not os.path.exists(path)


@pytest.mark.parametrize("arguments", [["--socket-only"], ["--socket", "/tmp/" + "x" * 120], ["--listen", "host:0"], ["--trust-proxy", "proxy"]])
def test_wrong_addresses_are_refused(home, arguments):
    assert run(home, "serve", "--port", "auto", *arguments).returncode == 64


def test_an_additional_address_exposes_the_server(home):
    done = run(home, "serve", "--port", "auto", "--listen", "0.0.0.0")
    assert done.returncode == 6 and "0.0.0.0" in done.stderr


@pytest.mark.proc
def test_several_addresses(home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.3", 0))
        port = probe.getsockname()[1]
    with Server(home, "--listen", "127.0.0.2", "--listen", f"127.0.0.3:{port}", "--listen", "127.0.0.1", "--api-key", "k") as server:
        def answers(host, port):
            try:
                connection = http.client.HTTPConnection(host, port, timeout=5)
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
            except OSError:
                return False

        for host, number in [("127.0.0.1", server.port), ("127.0.0.2", server.port), ("127.0.0.3", port)]:
            wait_until(lambda: answers(host, number), f"an answer at {host}")


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--listen", "203.0.113.1:8080", "--api-key", "k"], "cannot listen on 203.0.113.1:8080: Cannot assign requested address; choose another --listen"),
        (["--socket", "/no-such-folder/s.sock"], "cannot listen on /no-such-folder/s.sock: No such file or directory; choose another --socket"),
        (["--socket", "/etc/passwd"], "cannot listen on /etc/passwd: the file is not a socket; choose another --socket"),
        (["--socket", "/etc/passwd", "--socket-only"], "cannot listen on /etc/passwd: the file is not a socket; choose another --socket"),
    ],
)
def test_an_address_that_cannot_be_bound_ends_the_start(home, arguments, text):
    done = run(home, "serve", "--port", "auto", *arguments)
    assert done.returncode == 1 and text in done.stderr, done.stderr


def test_an_additional_address_in_use_ends_the_start(home):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        done = run(home, "serve", "--port", "auto", "--listen", address)
        assert done.returncode == 5 and f"cannot listen on {address}: Address already in use" in done.stderr, done.stderr
        assert "Shimmy is listening" not in done.stdout


# Wrong keys.


@pytest.fixture(scope="module")
def locked(home):
    with Server(home, "--api-key", "right", "--wrong-keys", "3", "--trust-proxy", "127.0.0.1") as server:
        yield server


def ask(server, key, client=None):
    forwarded = {} if client is None else {"X-Forwarded-For": client}
    return server.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}", **forwarded})


def test_wrong_keys_slow_their_address(locked):
    for _ in range(3):
        assert ask(locked, "wrong", "203.0.113.1").status == 401
    for key in ["wrong", "right"]:
        answer = ask(locked, key, "203.0.113.1")
        answer.assert_error(429, None, "rate_limit_exceeded", "rate_limit_error")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
    # The client cannot escape by claims of its own, and others are not affected.
    assert ask(locked, "right", "198.51.100.1, 203.0.113.1").status == 429
    assert ask(locked, "right", "203.0.113.2").status == 200
    assert ask(locked, "right").status == 200


def test_this_machine_is_exempt(locked):
    for _ in range(10):
        assert ask(locked, "wrong").status == 401
    assert ask(locked, "right").status == 200


def test_an_unreadable_address_is_not_exempt(locked):
    for _ in range(3):
        assert ask(locked, "wrong", "garbage").status == 401
    assert ask(locked, "wrong", "nonsense").status == 429
    assert ask(locked, "right").status == 200


def test_without_trust_the_header_is_ignored(home):
    with Server(home, "--api-key", "right", "--wrong-keys", "1") as server:
        for _ in range(4):
            assert ask(server, "wrong", "203.0.113.1").status == 401
        assert ask(server, "right", "203.0.113.1").status == 200
