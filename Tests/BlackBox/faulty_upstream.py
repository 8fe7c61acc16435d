"""An upstream server with OpenAI's API whose faults a test chooses."""

import contextlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import sockets

TEXT = "Hello there."


def chunk(model: str, delta: dict, end: str | None = None) -> bytes:
    value = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
    }
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def stream(model: str, text: str = TEXT) -> bytes:
    """Returns the body of a stream with one chunk for each word."""
    words = text.split(" ")
    parts = [word if index == 0 else " " + word for index, word in enumerate(words)]
    usage = {"prompt_tokens": 3, "completion_tokens": len(parts), "total_tokens": 3 + len(parts)}
    last = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": [], "usage": usage}
    chunks = [chunk(model, {"role": "assistant", "content": parts[0]})] + [chunk(model, {"content": part}) for part in parts[1:]]
    return b"".join(chunks) + chunk(model, {}, "stop") + b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n"


class FaultyUpstream:
    """Use it in a `with` statement. `fault` is a function that gets the handler of each chat request; None for an answer without faults.

    - text: a function that gets the body of a request and returns the text of its answer.
    - keeps: whether streams are chunked, so that a connection serves several requests.
    - facts: a function that gets a path and the body of a request (None for a GET) and returns the JSON of its answer; None for the usual answer.
    """

    def __init__(
        self, *models: str, address: str = "127.0.0.1", port: int = 0, text=lambda body: TEXT, keeps: bool = False, facts=lambda path, body: None
    ):
        upstream = self
        self.models, self.fault, self.requests, self.connections = models, None, [], set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                if (value := facts(self.path, None)) is not None:
                    return self.answer(200, value)
                if self.path.startswith("/v1/models"):
                    return self.answer(200, {"object": "list", "data": [{"id": model, "object": "model"} for model in upstream.models]})
                self.answer(404, {"error": {"message": "no such route", "type": "invalid_request_error", "param": None, "code": None}})

            def do_POST(self):
                self.body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
                if (value := facts(self.path, self.body)) is not None:
                    return self.answer(200, value)
                upstream.requests.append((dict((name.lower(), value) for name, value in self.headers.items()), self.body))
                if self.path == "/v1/embeddings":
                    data = [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}]
                    usage = {"prompt_tokens": 2, "total_tokens": 2}
                    return self.answer(200, {"object": "list", "model": self.body["model"], "data": data, "usage": usage})
                if upstream.fault is not None:
                    return upstream.fault(self)
                self.send(stream(self.body["model"], text(self.body)))

            def answer(self, status: int, value, headers: dict | None = None):
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                for name, text in {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(data)

            def begin(self, header: str = "connection", value: str = "close"):
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header(header, value)
                self.end_headers()

            def send(self, data: bytes):
                """Sends a stream, or the part of one."""
                if not keeps:
                    self.begin()
                    self.wfile.write(data)
                    return
                self.begin("transfer-encoding", "chunked")
                events = [event + b"\n\n" for event in data.split(b"\n\n") if event]
                self.wfile.write(b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n")

            def reset(self):
                """Resets the connection after the receiver has read all that was sent."""
                sockets.reset(self.connection)
                self.close_connection = True

            def handle(self):
                with contextlib.suppress(OSError, ValueError):
                    super().handle()

        class HTTP(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

            def get_request(self):
                connection, address = super().get_request()
                upstream.connections.add(connection)
                return connection, address

            def shutdown_request(self, request):
                super().shutdown_request(request)
                upstream.connections.discard(request)

            def handle_error(self, *_):
                pass

        self.http = HTTP((address, port), Handler)
        self.port = self.http.server_address[1]
        self.url = f"http://{address}:{self.port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def refusing(status: int, message: str = "scripted", headers: dict | None = None, **fields):
    """Returns a fault: an error with this status."""
    error = {"message": message, "type": "error", "param": None, "code": None, **fields}
    return lambda handler: handler.answer(status, {"error": error}, headers)


def cut(at: int):
    """Returns a fault: a stream whose connection is reset after `at` bytes of its body."""

    def fault(handler):
        handler.begin()
        handler.wfile.write(stream(handler.body["model"])[:at])
        handler.reset()

    return fault
