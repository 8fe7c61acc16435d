"""Ollama's port and Ollama's variable: `--ollama-port` of the server, `OLLAMA_HOST` of the commands."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ollama import Client

from server import MODEL, Server, run, wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_server_listens_on_ollamas_port_too(home):
    port = free_port()
    with Server(home, "--ollama-port", str(port)) as server:
        wait_until(lambda: answers(port), "the second port")
        listed = Client(host=f"http://127.0.0.1:{port}").list().models
        assert f"{MODEL}:latest" in [model.model for model in listed]
        own = server.port
        try:
            server.port = port
            assert server.request("GET", "/").body == b"Ollama is running"
            assert server.chat(max_tokens=2).status == 200
        finally:
            server.port = own
        assert server.request("GET", "/").body == b"Shimmy is running"
    assert not answers(port)
    assert "--ollama-port is 0; it must be" in run(home, "serve", "--ollama-port", "0").stderr


class FakeOllama(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        body = b'{"version": "0.99.1"}' if self.path == "/api/version" else b"Ollama is running"
        self.send_response(200 if self.path in ("/", "/api/version") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def ollama_itself():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeOllama)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_a_port_of_ollama_is_left_to_it(home, ollama_itself):
    with Server(home, "--ollama-port", str(ollama_itself)) as server:
        wait_until(lambda: "cannot listen on Ollama's port" in server.log.read_text(), "the log line")
        assert "used by Ollama 0.99.1" in server.log.read_text()
        assert server.chat(max_tokens=2).status == 200
        # The name localhost must not lead to another program than the address.
        with socket.socket(socket.AF_INET6) as probe:
            assert probe.connect_ex(("::1", ollama_itself)) != 0


def test_commands_know_ollamas_variable(home, server, ollama_itself):
    for host in (f"127.0.0.1:{server.port}", f"http://127.0.0.1:{server.port}", f"0.0.0.0:{server.port}"):
        assert run(home, "ps", OLLAMA_HOST=host).returncode == 0
    # Shimmy's own variable has priority.
    other = f"127.0.0.1:{ollama_itself}"
    assert run(home, "ps", OLLAMA_HOST=other, SHIMMY_HOST=f"127.0.0.1:{server.port}").returncode == 0
    assert run(home, "ps", OLLAMA_HOST=other).returncode != 0
    # Ollama is not a server of Shimmy's: the command does the work itself.
    assert run(home, "run", "--set", "max_tokens=2", MODEL, "Hi", OLLAMA_HOST=other).stdout
