"""A proxy that stands between Shimmy and an upstream and spoils the responses that pass through it.

A fault is a function that gets an `Exchange`: one request and the response to it. It forwards the upstream's response, or a part of it, or sends
something else. Positions count all bytes of a response, from the first one of the status line.
"""

import contextlib
import select
import socket
import ssl
import threading
from dataclasses import dataclass

import sockets

# Seconds after which an upstream that the proxy waits for is given up.
LONGEST = 120


class Gone(Exception):
    """One side of an exchange has closed its connection, or the fault has ended the exchange."""


@dataclass
class Exchange:
    """A request that came through a proxy, and the response that is sent to it."""

    proxy: "FaultProxy"
    client: socket.socket
    head: bytes
    body: bytes
    # The life of the proxy to which the connection belongs.
    life: int
    # Bytes of the response that were sent to the client.
    sent: int = 0
    # A position in the response, and whether the client has read the bytes before it.
    mark: int = 0
    is_mark_read: bool = False
    # Whether the client closed its connection before the end of the response.
    client_left: bool = False
    upstream: socket.socket | None = None
    unsent: bytes = b""
    # Whether the connection can serve another request after the response.
    is_kept: bool = False

    def __post_init__(self):
        # With TLS, nobody can look at the next byte without reading it.
        self.watched = [] if isinstance(self.client, ssl.SSLSocket) else [self.client]

    @property
    def is_alive(self) -> bool:
        """Whether the proxy has not died since the connection was opened."""
        return self.life == self.proxy.life

    # The upstream's side

    def received(self) -> bytes:
        """Returns the next bytes of the upstream's response; none at its end."""
        if self.unsent:
            data, self.unsent = self.unsent, b""
            return data
        if self.upstream is None:
            self.upstream = socket.create_connection(self.proxy.target, LONGEST)
            # The upstream closes its connection after the response, so that the response has an end that needs no parsing.
            lines = [line for line in self.head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            self.upstream.sendall(b"\r\n".join([lines[0], b"Connection: close", *lines[1:]]) + self.body)
        while self.upstream not in (ready := select.select([self.upstream, *self.watched], [], [], LONGEST)[0]):
            if not ready:
                return b""
            self.look()
        return self.upstream.recv(65536)

    def has_left(self) -> bool:
        """Returns whether the client has closed its connection."""
        try:
            return self.client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def look(self):
        """Reads why the client's connection is readable, and ends the exchange if the client has left."""
        if self.has_left():
            self.client_left = True
            raise Gone
        # The client knows the end of the response before the upstream closes its connection, and has sent the next request.
        self.watched = []

    def pieces(self):
        while data := self.received():
            yield data

    def response(self) -> bytes:
        """Returns the upstream's response as a whole, without sending it."""
        return b"".join(self.pieces())

    # The client's side

    def send(self, data: bytes):
        try:
            self.client.sendall(data)
        except OSError as error:
            self.client_left = True
            raise Gone from error
        self.sent += len(data)
        if self.sent - len(data) < self.mark <= self.sent:
            self.is_mark_read = sockets.wait_until_read(self.client)

    def forward(self, until: int | None = None):
        """Passes the response on, to its end or until this number of bytes is sent."""
        begin = b""
        for data in self.pieces():
            # The head comes in one piece, or this connection serves no other request.
            begin = begin or data
            if until is not None and self.sent + len(data) >= until:
                self.unsent = data[until - self.sent:]
                return self.send(data[:until - self.sent])
            self.send(data)
        self.keep(begin)

    def keep(self, response: bytes):
        """Keeps the connection for another request, if the head of the response that was sent allows that."""
        head = response.partition(b"\r\n\r\n")[0].lower()
        self.is_kept = b"\r\nconnection: close" not in head and (b"\r\ncontent-length:" in head or b"\r\ntransfer-encoding:" in head)

    def wait(self, seconds: float):
        """Lets time pass; ends the exchange if the client leaves meanwhile."""
        ready = select.select([self.proxy.bell, *self.watched], [], [], seconds)[0]
        if self.proxy.bell in ready:
            raise Gone
        if ready:
            self.look()

    def wait_until_read(self):
        """Waits until the client has read what was sent."""
        if not sockets.wait_until_read(self.client):
            self.wait(0.2)

    def stall(self):
        """Sends nothing more until the client leaves."""
        self.wait(LONGEST)

    def reset(self):
        """Resets the connection, after the client has read what was sent."""
        sockets.reset(self.client)
        raise Gone

    def end(self):
        """Closes the connection, after the client has read what was sent."""
        self.wait_until_read()
        raise Gone


class FaultProxy:
    """A proxy on a port of its own. Use it in a `with` statement.

    - fault: the fault of all POST requests; None for responses without faults.
    - greeting: bytes that are sent to each connection at once, instead of all else.
    - tls: certificate and key.
    """

    def __init__(self, target: int, fault=None, greeting: bytes | None = None, tls: tuple[str, str] | None = None):
        self.target, self.fault, self.greeting = ("127.0.0.1", target), fault, greeting
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        # The open connections, and those of them that serve a request.
        self.connections: set[socket.socket] = set()
        self.busy: set[socket.socket] = set()
        # Readable once the proxy ends.
        self.bell, self.ringer = socket.socketpair()
        # The number of the current life; the listener is None between two lives.
        self.listener, self.port, self.life = None, 0, 0
        self.listen()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> "FaultProxy":
        return self

    def __exit__(self, *_):
        self.ringer.close()
        self.die()
        self.bell.close()

    # Life and death

    def listen(self):
        """Accepts connections, also again after `die`."""
        listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.listener, self.port = listener, listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def die(self):
        """Refuses connections and closes the open ones, like a process that was killed."""
        if self.listener is None:
            return
        self.life += 1
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close_idle(self):
        """Closes the connections that serve no request."""
        for connection in self.connections - self.busy:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    # Connections

    def accept(self, listener: socket.socket):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections.add(connection)
                threading.Thread(target=self.serve, args=(connection, self.life), daemon=True).start()

    def serve(self, plain: socket.socket, life: int):
        connection = plain
        try:
            if self.greeting is not None:
                connection.sendall(self.greeting)
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)
                return
            if self.context:
                connection = self.context.wrap_socket(plain, server_side=True)
                self.connections.add(connection)
            with connection.makefile("rb") as reader:
                while self.exchange(connection, reader, life):
                    pass
        except (OSError, ValueError, Gone):
            pass
        finally:
            connection.close()
            plain.close()
            self.connections -= {connection, plain}

    def exchange(self, connection: socket.socket, reader, life: int) -> bool:
        """Serves one request. Returns whether the connection can serve another one."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = reader.readline(1 << 16)
            if not line:
                return False
            head += line
        self.busy.add(connection)
        try:
            lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
            exchange = Exchange(self, connection, head, reader.read(int(lengths[0])) if lengths else b"", life)
            # Health checks and lists of models pass without faults.
            fault = self.fault if head.startswith(b"POST ") else None
            try:
                (fault or Exchange.forward)(exchange)
            finally:
                if exchange.upstream is not None:
                    exchange.upstream.close()
            return exchange.is_kept
        finally:
            self.busy.discard(connection)


# Faults


def late(seconds: float):
    """The response comes after some time."""

    def fault(exchange: Exchange):
        exchange.wait(seconds)
        exchange.forward()

    return fault


def stalled(at: int):
    """The response stops after `at` bytes."""

    def fault(exchange: Exchange):
        exchange.forward(at)
        exchange.stall()

    return fault


def cut(at: int):
    """The connection is reset after `at` bytes of the response."""

    def fault(exchange: Exchange):
        exchange.forward(at)
        exchange.reset()

    return fault


def ended(at: int):
    """The connection is closed after `at` bytes of the response."""

    def fault(exchange: Exchange):
        exchange.forward(at)
        exchange.end()

    return fault


def dripping(size: int, seconds: float, limit: int | None = None):
    """The response comes in pieces of `size` bytes, with a pause after each; the bytes after `limit` come at once."""

    def fault(exchange: Exchange):
        response = exchange.response()
        slow = response[:limit]
        for begin in range(0, len(slow), size):
            exchange.send(slow[begin:begin + size])
            exchange.wait(seconds)
        exchange.send(response[len(slow):])
        exchange.keep(response)

    return fault


def changed(change):
    """The response is what `change` makes of it."""

    def fault(exchange: Exchange):
        exchange.send(change(exchange.response()))
        exchange.end()

    return fault


def answering(status: str, body: bytes = b"{}", *headers: str, kind: str = "application/json"):
    """The proxy answers itself, with such a status line as `500 Internal Server Error`."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]

    def fault(exchange: Exchange):
        exchange.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        exchange.is_kept = True

    return fault
