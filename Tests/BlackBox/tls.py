"""Servers with TLS, their certificates, and a small HTTP/2 client."""

import http.client
import json
import socket
import ssl
import subprocess
from pathlib import Path

import h2.config
import h2.connection
import h2.events

from server import Server, run


def make_certificate(home: Path, folder: Path, *arguments: str) -> tuple[str, str]:
    """Creates a self-signed certificate. Returns the paths of the certificate and of its key."""
    done = run(home, "cert", "--out", str(folder), *arguments)
    assert done.returncode == 0, done.stderr
    return str(folder / "cert.pem"), str(folder / "key.pem")


def trusting(certificate: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


class TLSServer(Server):
    """A server with a certificate, and requests that trust it."""

    def __init__(self, home: Path, certificate: str, key: str, *arguments: str, **extra: str):
        self.certificate, self.key = certificate, key
        super().__init__(home, "--tls-cert", certificate, "--tls-key", key, *arguments, **extra)

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=trusting(self.certificate))

    def served_certificate(self) -> bytes:
        """Returns the certificate that a new connection gets."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain, context.wrap_socket(plain) as connection:
            return connection.getpeercert(binary_form=True)


def curl(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["curl", "-sS", "--max-time", "60", *arguments], capture_output=True, text=True)


def probe(port: int, *arguments: str) -> subprocess.CompletedProcess:
    """Performs a handshake with openssl."""
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


class Http2:
    """A connection of HTTP/2. Use it in a `with` statement."""

    def __init__(self, server: TLSServer):
        context = trusting(server.certificate)
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 60), server_hostname="127.0.0.1")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.authority = f"127.0.0.1:{server.port}"
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.state.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.state.data_to_send())

    def begin(self, method: str, path: str, body=None, headers: tuple = ()) -> int:
        """Sends a request and returns the number of its stream."""
        stream = self.state.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path)]
        data = None if body is None else json.dumps(body).encode()
        kind = [] if data is None else [("content-type", "application/json"), ("content-length", str(len(data)))]
        self.state.send_headers(stream, pseudo + kind + list(headers), end_stream=data is None)
        if data is not None:
            self.state.send_data(stream, data, end_stream=True)
        self.flush()
        return stream

    def events(self):
        """Returns the next events; none at the end of the connection."""
        data = self.socket.recv(65536)
        events = self.state.receive_data(data) if data else []
        for event in events:
            if isinstance(event, h2.events.DataReceived):
                self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()
        return events if data else None

    def answers(self, *streams: int) -> dict:
        """Reads the complete answers of streams. Returns their statuses, headers and bodies by stream."""
        answers = {stream: [None, {}, b""] for stream in streams}
        ended = set()
        while ended != set(streams):
            events = self.events()
            assert events is not None, f"the connection ended after {sorted(ended)}"
            for event in events:
                if isinstance(event, h2.events.ResponseReceived):
                    headers = dict(event.headers)
                    answers[event.stream_id][0:2] = int(headers.pop(":status")), headers
                elif isinstance(event, h2.events.DataReceived):
                    answers[event.stream_id][2] += event.data
                elif isinstance(event, h2.events.StreamEnded):
                    ended.add(event.stream_id)
                assert not isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)), event
        return answers

    def until(self, text: bytes):
        """Reads until data contains the text."""
        received = b""
        while text not in received:
            events = self.events()
            assert events is not None, received
            received += b"".join(event.data for event in events if isinstance(event, h2.events.DataReceived))
