"""A hub on loopback with the part of the Hugging Face API that pulls use, and with simulated network faults."""

import functools
import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@functools.cache
def hashes(content: bytes) -> tuple[str, str]:
    """Returns a file's git hash and SHA-256. Cached, so that the hub answers as quickly as a real one."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), hashlib.sha256(content).hexdigest()


class FakeHub:
    """The hub. `repositories` maps USER/REPO to {path: bytes}. The other attributes are faults, which tests set."""

    def __init__(self):
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.requests: list[tuple[str, dict]] = []
        self.statuses: dict[str, list[int]] = {}  # path suffix -> statuses of the first answers
        self.retry_after = "1"  # the Retry-After header of a 429 or a 503
        self.cut_answers = 0  # number of truncated descriptions
        self.cut_after: list[int] = []  # bytes after which the next downloads break off
        self.seconds_per_piece = 0.0
        self.stalls = 0  # number of downloads that stall after one byte
        self.token: str | None = None
        self.lies_about_hash = False
        self.claimed_size: int | None = None
        self.ignores_ranges = False
        self.redirects = False
        self.page_size = 1000
        self.active = 0  # downloads in progress
        self.lock = threading.Lock()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                try:
                    hub.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler):
        parts = urlsplit(request.path)
        path = unquote(parts.path)
        with self.lock:
            self.requests.append((request.path, {name.title(): value for name, value in request.headers.items()}))
        for suffix, statuses in self.statuses.items():
            if path.endswith(suffix) and statuses:
                status = statuses.pop(0)
                return self.send(request, status, b"{}", {"Retry-After": self.retry_after} if status in (429, 503) else {})
        if self.token and not path.startswith("/cdn/") and request.headers.get("Authorization") != f"Bearer {self.token}":
            return self.send(request, 401, b'{"error": "Invalid username or password."}')
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/(.+)", path):
            return self.describe(request, *match.groups(), query=parts.query)
        if match := re.fullmatch(r"/(cdn/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            cdn, repository, _, file = match.groups()
            content = self.repositories.get(repository, {}).get(file)
            if content is None:
                return self.send(request, 404, b"Entry not found")
            if self.redirects and not cdn:
                return self.send(request, 302, b"", {"Location": f"http://localhost:{self.server.server_port}/cdn{request.path}"})
            return self.download(request, content)
        self.send(request, 404, b'{"error": "Repository not found"}')

    def describe(self, request, repository, kind, revision, query):
        if repository not in self.repositories or revision not in ("main", COMMIT):
            return self.send(request, 404, b'{"error": "Repository not found"}')
        with self.lock:
            cut = self.cut_answers > 0
            self.cut_answers -= cut
        if cut:
            request.send_response(200)
            request.send_header("Content-Length", "100")
            request.end_headers()
            request.wfile.write(b'{"sha": ')
            request.close_connection = True
            return None
        if kind == "revision":
            return self.send(request, 200, json.dumps({"id": repository, "sha": COMMIT}).encode())
        files = [self.entry(path, content) for path, content in sorted(self.repositories[repository].items())]
        files.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": "folder"})
        match = re.search(r"cursor=(\d+)", query)
        start = int(match.group(1)) if match else 0
        headers = {}
        if start + self.page_size < len(files):
            next_page = f"https://hub.invalid/api/models/{repository}/tree/{COMMIT}?recursive=true&cursor={start + self.page_size}"
            headers["Link"] = f'<{next_page}>; rel="next"'
        self.send(request, 200, json.dumps(files[start : start + self.page_size]).encode(), headers)

    def entry(self, path: str, content: bytes) -> dict:
        size = len(content) if self.claimed_size is None else self.claimed_size
        blob, sha256 = hashes(content)
        entry = {"type": "file", "oid": blob, "size": size, "path": path}
        if path.endswith((".gguf", ".safetensors")):
            digest = "0" * 64 if self.lies_about_hash else sha256
            entry["lfs"] = {"oid": digest, "size": size, "pointerSize": 134}
        return entry

    def download(self, request, content: bytes):
        start, end, status = 0, len(content), 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        if asked and not self.ignores_ranges:
            start, end, status = int(asked.group(1)), min(int(asked.group(2)) + 1, len(content)), 206
        request.send_response(status)
        request.send_header("Content-Length", str(end - start))
        if status == 206:
            request.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        request.end_headers()
        with self.lock:
            cut = self.cut_after.pop(0) if self.cut_after else None
            stalls = self.stalls > 0
            self.stalls -= stalls
            self.active += 1
        try:
            self.send_content(request, content, start, end, cut, stalls)
        finally:
            with self.lock:
                self.active -= 1

    def send_content(self, request, content: bytes, start: int, end: int, cut: int | None, stalls: bool):
        if stalls:
            request.wfile.write(content[start : start + 1])
            time.sleep(30)
            return
        if cut is not None:
            end = min(end, start + cut)
        for position in range(start, end, 1 << 18):
            request.wfile.write(content[position : min(end, position + (1 << 18))])
            if self.seconds_per_piece:
                time.sleep(self.seconds_per_piece)
        if cut is not None:
            request.close_connection = True
            request.wfile.flush()
            request.connection.close()

    @staticmethod
    def send(request, status: int, body: bytes, headers: dict | None = None):
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def downloads(self) -> list[dict]:
        return [headers for path, headers in self.requests if "/resolve/" in path]
