"""Raw HTTP/1.1, for requests that no client library would send."""

import json
import socket


# A mark of chunks with answer text. The first chunk, which has no text, does not contain it.
TEXT = b'"delta":{"content":"'


class Connection:
    """A TCP connection to the server. Use it in a `with` statement."""

    def __init__(self, port: int, timeout: float = 20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.port, self.received = port, b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data: bytes):
        self.socket.sendall(data)

    def request(self, method: str, path: str, body: bytes | None = None, *lines: str, host: str | None = None) -> bytes:
        """Returns the bytes of a request."""
        head = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}", *lines]
        if body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + (body or b"")

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the connection was closed after {self.received!r}")
        self.received += data

    def read_until(self, mark: bytes) -> bytes:
        """Reads and returns the data up to and including the mark."""
        while mark not in self.received:
            self._more()
        end = self.received.index(mark) + len(mark)
        data, self.received = self.received[:end], self.received[end:]
        return data

    def read_response(self) -> tuple[int, dict, bytes]:
        """Reads a response. Returns the status, the headers with lower-case names, and the body."""
        head = self.read_until(b"\r\n\r\n").decode()
        status = int(head.split(" ", 2)[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:] if line)}
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.read_until(b"\r\n"), 16):
                while len(self.received) < size + 2:
                    self._more()
                body, self.received = body + self.received[:size], self.received[size + 2 :]
            self.read_until(b"\r\n")
            return status, headers, body
        length = int(headers.get("content-length", 0))
        while len(self.received) < length:
            self._more()
        body, self.received = self.received[:length], self.received[length:]
        return status, headers, body

    def read_to_end(self) -> bytes:
        """Reads and returns the data until the server closes the connection."""
        try:
            while True:
                self._more()
        except EOFError:
            return self.received

    def is_closed(self) -> bool:
        """Returns whether the server closes the connection without sending another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def chat_body(model: str, **fields) -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": "Tell me a long story about the sea."}], "max_tokens": 4, "temperature": 0, **fields}
    return json.dumps(body).encode()
