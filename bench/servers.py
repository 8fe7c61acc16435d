"""Starts, stops and observes the servers that are compared."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Contender:
    """A server's name and command. `{port}` is a placeholder for the port."""

    name: str
    command: list[str]
    model: str
    environment: dict = field(default_factory=dict)
    # Clients send it as their key.
    key: str = "none"


class Server:
    """One running server. Use it in a `with` statement."""

    def __init__(self, contender: Contender):
        self.contender, self.port = contender, free_port()
        self.log = tempfile.NamedTemporaryFile(prefix=contender.name.replace(" ", "-"), suffix=".log")

    def __enter__(self) -> "Server":
        command = [word.format(port=self.port) for word in self.contender.command]
        self.started = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, **self.contender.environment})
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_listening(self) -> float:
        """Returns the seconds from the start until the server accepts a connection."""
        while True:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", self.port)) == 0:
                    return time.perf_counter() - self.started
            self._check()
            time.sleep(0.0005)

    def wait_ready(self) -> float:
        """Returns the seconds from the start until /health returns 200."""
        while True:
            try:
                if self._get("/health") == 200:
                    return time.perf_counter() - self.started
            except OSError:
                pass
            self._check()
            time.sleep(0.002)

    def _get(self, path: str) -> int:
        return self.get(path)[0]

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def _check(self):
        if self.process.poll() is not None:
            sys.exit(f"{self.contender.name} ended early:\n{Path(self.log.name).read_text()[-2000:]}")

    def resident_bytes(self) -> int:
        """Returns the process's resident set size (RSS): private and shared pages in memory."""
        if sys.platform == "linux":
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        output = subprocess.run(["ps", "-o", "rss=", "-p", str(self.process.pid)], capture_output=True, text=True).stdout
        return int(output) * 1024

    def embed(self, texts: list[str]) -> int:
        """Embeds texts and returns the number of vectors received."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        body = {"model": self.contender.model, "input": texts, "encoding_format": "base64"}
        connection.request("POST", "/v1/embeddings", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        if response.status != 200:
            raise RuntimeError(f"a request failed: {response.status} {answer}")
        return len(answer["data"])

    def stream(self, prompt: str, tokens: int, **fields) -> "Stream":
        return Stream(self.port, self.contender.model, prompt, tokens, key=self.contender.key, **fields)

    def streams(self, requests: list[dict]) -> list["Stream"]:
        """Sends all requests at once and waits for all answers."""
        results: list = [None] * len(requests)

        def run(index: int):
            results[index] = self.stream(**requests[index])

        threads = [threading.Thread(target=run, args=(index,)) for index in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if None in results:
            sys.exit(f"a request to {self.contender.name} failed; see above")
        return results


class Stream:
    """A streamed chat completion at temperature 0, with the arrival times of its text (`time.perf_counter`)."""

    def __init__(
        self, port: int, model: str, prompt: str, tokens: int, system: str | None = None, on_text=None, key: str = "none", **fields
    ):
        messages = [{"role": "system", "content": system}] if system else []
        body = {
            "model": model,
            "messages": messages + [{"role": "user", "content": prompt}],
            "max_tokens": tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            **fields,
        }
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=900)
        self.begin = time.perf_counter()
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json", "Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"a request failed: {response.status} {response.read()!r}")
        self.moments, self.text, self.usage = [], "", {}
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise RuntimeError(f"a stream failed: {chunk}")
            delta = chunk["choices"][0]["delta"].get("content") if chunk["choices"] else None
            if delta:
                self.moments.append(time.perf_counter())
                self.text += delta
                if on_text:
                    on_text(len(self.moments))
            self.usage = chunk.get("usage") or self.usage
        self.end = time.perf_counter()
        # An answer may end without text.
        self.moments = self.moments or [self.end]
        connection.close()

    @property
    def first_token(self) -> float:
        return self.moments[0] - self.begin

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    @property
    def tokens(self) -> int:
        return self.usage["completion_tokens"]

    @property
    def tokens_per_second(self) -> float:
        """Returns the decoding speed: from the first token to the last."""
        return (self.tokens - 1) / (self.moments[-1] - self.moments[0])

    def longest_gap(self, since: float, until: float) -> float:
        """Returns the longest gap between two pieces of text, of the gaps that overlap a time span."""
        spans = zip(self.moments, self.moments[1:])
        return max((after - before for before, after in spans if after >= since and before <= until), default=0.0)
