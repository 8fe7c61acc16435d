"""The client of the soak test: requests, streams and WebSockets with the standard library alone."""

import asyncio
import base64
import contextlib
import json
import os

# Seconds within which a request has its answer.
SLOWEST = 180


class Broken(Exception):
    """A connection that ended before the answer was complete."""


def reason(value) -> str | None:
    """Returns the message of an error in any dialect; None if it has none."""
    error = value.get("error") if isinstance(value, dict) else None
    return error.get("message") if isinstance(error, dict) else error


class Client:
    def __init__(self, port: int, books):
        self.port, self.books = port, books

    async def send(self, method: str, path: str, body=None, leave_after: int | None = None):
        """Sends a request. Returns status, headers and body. With `leave_after` it closes the connection after that many bytes of the answer."""
        return await asyncio.wait_for(self._send(method, path, body, leave_after), SLOWEST)

    async def _send(self, method, path, body, leave_after):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 26)
        except OSError as error:
            raise Broken(str(error)) from error
        try:
            data = b"" if body is None else json.dumps(body).encode()
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
            await writer.drain()
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ")[1])
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
            self.books.count(self.books.statuses, status)
            if leave_after is not None:
                await reader.read(leave_after)
                return status, headers, b""
            if headers.get("transfer-encoding") == "chunked":
                whole = b""
                while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
                    whole += (await reader.readexactly(size + 2))[:-2]
                await reader.readuntil(b"\r\n")
                return status, headers, whole
            return status, headers, await reader.readexactly(int(headers.get("content-length", "0")))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Broken(f"{method} {path}: {error!r}") from error
        finally:
            writer.close()

    async def ask(self, method: str, path: str, body=None, allowed=(200,)):
        """Sends a request. Returns the answer as JSON, and its status. Answers with other statuses have to be errors with a message."""
        status, _, data = await self.send(method, path, body)
        value = json.loads(data) if data else {}
        if status not in allowed:
            if not reason(value):
                self.books.fault(f"{method} {path}: {status} without a reason: {data[:300]!r}")
            elif status >= 500 and status not in (503, 507):
                self.books.fault(f"{method} {path}: {status} {reason(value)}")
        return status, value

    async def events(self, path: str, body) -> list:
        """Returns the events of a stream up to its end, or an empty list if it did not begin."""
        return [json.loads(line[6:]) for line in await self.lines(path, body) if line.startswith("data: ") and line != "data: [DONE]"]

    async def lines(self, path: str, body) -> list:
        """Returns the lines of a stream up to its end, or an empty list if it did not begin."""
        status, _, data = await self.send("POST" if body is not None else "GET", path, body)
        if status != 200:
            if not reason(json.loads(data)):
                self.books.fault(f"{path}: {status} without a reason")
            return []
        return data.decode().split("\n")


class Socket:
    """A WebSocket that sends and receives texts."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @staticmethod
    @contextlib.asynccontextmanager
    async def open(client: Client, path: str):
        """Opens a connection, and closes it without a close frame, as a client does that is gone. Yields None if the server refuses it."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1 << 26)
        except OSError as error:
            raise Broken(str(error)) from error
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            writer.write(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
            status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1])
            client.books.count(client.books.statuses, status)
            yield Socket(reader, writer) if status == 101 else None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Broken(f"WebSocket {path}: {error!r}") from error
        finally:
            writer.close()

    async def send(self, value, opcode: int = 1):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
        # A mask of zeros leaves the data as they are.
        self.writer.write(bytes([0x80 | opcode, 0x80 | size[0]]) + size[1:] + bytes(4) + data)
        await self.writer.drain()

    async def receive(self):
        """Returns the next message as JSON. Raises Broken if the server closes the connection."""
        message = b""
        while True:
            first, size = await self.reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            data = await self.reader.readexactly(size)
            match first & 15:
                case 8:
                    raise Broken(f"the server closed a WebSocket: {data!r}")
                case 9:
                    await self.send(data, opcode=10)
                case 0 | 1:
                    message += data
                    if first & 0x80:
                        return json.loads(message)
