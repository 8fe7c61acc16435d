"""An upstream server with OpenAI's routes for speech, transcripts and images, whose faults a test chooses."""

import base64
import contextlib
import email.parser
import email.policy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AUDIO = bytes(range(256)) * 400
IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
USAGE = {"type": "tokens", "input_tokens": 11, "output_tokens": 5, "total_tokens": 16}


def event(value: dict) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def transcript_events(text: str) -> bytes:
    words = [event({"type": "transcript.text.delta", "delta": word}) for word in text.split()]
    return b"".join(words) + event({"type": "transcript.text.done", "text": text, "usage": USAGE})


class Request:
    """A request as the upstream received it."""

    def __init__(self, path: str, headers: dict, body: bytes):
        self.path, self.headers, self.body = path, headers, body
        self.fields: dict = {}
        self.files: dict[str, list] = {}
        if headers.get("content-type", "").startswith("multipart/form-data"):
            head = f"Content-Type: {headers['content-type']}\r\n\r\n".encode()
            message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
            for part in message.iter_parts():
                name, data = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
                if part.get_filename() is None:
                    self.fields.setdefault(name, []).append(data.decode())
                else:
                    self.files.setdefault(name, []).append((part.get_filename(), part.get_content_type(), data))
        else:
            self.fields = json.loads(body)

    def value(self, name: str):
        """Returns the only value of a field."""
        value = self.fields.get(name)
        return value[0] if self.files and value else value


class MediaUpstream:
    """Use it in a `with` statement. `fault` is a function that gets the handler of each POST request; None for an answer without faults."""

    def __init__(self, *models: str):
        upstream = self
        self.models, self.fault, self.requests = models, None, []
        self.gone = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.answer([{"id": model, "object": "model"} for model in upstream.models])

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                self.asked = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                upstream.requests.append(self.asked)
                if upstream.fault is not None:
                    return upstream.fault(self)
                match self.path.removeprefix("/v1/"):
                    case "audio/speech":
                        self.stream("audio/mpeg", AUDIO)
                    case "audio/transcriptions" if self.asked.value("stream") == "true":
                        self.stream("text/event-stream", transcript_events("Hello there"))
                    case "audio/transcriptions" if self.asked.value("response_format") == "srt":
                        self.answer("1\n00:00:00,000 --> 00:00:01,000\nHello\n", "text/plain; charset=utf-8")
                    case "audio/transcriptions" | "audio/translations":
                        self.answer({"text": "Hello there", "usage": USAGE})
                    case "images/generations" if self.asked.fields.get("stream"):
                        image = base64.b64encode(IMAGE).decode()
                        self.stream("text/event-stream", event({"type": "image_generation.completed", "b64_json": image, "usage": USAGE}))
                    case "images/generations" | "images/edits" | "images/variations":
                        self.answer({"created": 1, "data": [{"b64_json": base64.b64encode(IMAGE).decode()}], "usage": USAGE})
                    case _:
                        self.refuse(404, "Not Found")

            def answer(self, value, content_type: str = "application/json", status: int = 200, headers: dict | None = None):
                value = {"object": "list", "data": value} if isinstance(value, list) else value
                data = value.encode() if isinstance(value, str) else json.dumps(value).encode()
                self.send_response(status)
                for name, text in {"content-type": content_type, "content-length": str(len(data)), **(headers or {})}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(data)

            def refuse(self, status: int, message: str, headers: dict | None = None, **fields):
                self.answer({"error": {"message": message, "type": "error", **fields}}, status=status, headers=headers)

            def begin(self, content_type: str):
                self.send_response(200)
                for name, text in {"content-type": content_type, "transfer-encoding": "chunked"}.items():
                    self.send_header(name, text)
                self.end_headers()

            def piece(self, data: bytes):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.flush()

            def stream(self, content_type: str, data: bytes):
                self.begin(content_type)
                for start in range(0, len(data), 10_000):
                    self.piece(data[start:start + 10_000])
                self.wfile.write(b"0\r\n\r\n")

            def wait_for_end(self):
                """Waits until the client closes the connection."""
                with contextlib.suppress(OSError):
                    self.connection.settimeout(30)
                    if self.connection.recv(1) == b"":
                        upstream.gone.set()
                self.close_connection = True

            def handle(self):
                with contextlib.suppress(OSError, ValueError):
                    super().handle()

        class HTTP(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.http = HTTP(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self):
        self.fault = None
        self.requests.clear()
        self.gone.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
