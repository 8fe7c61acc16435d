"""The program under test as a process: starts it on a free port, sends requests and stops it."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from log_secrets import LogSecrets

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("SHIMMY_BINARY", str(REPOSITORY / ".build/release/shimmy"))
MODEL_FILE = Path(os.environ.get("SHIMMY_TEST_MODEL", Path.home() / ".local/share/shimmy/models/SmolLM2-135M-Instruct.Q4_1.gguf"))
MODEL = MODEL_FILE.name.removesuffix(".gguf")
# Threads of a server that shares the cores with the servers of other tests. ggml's threads spin at barriers, so several of them would mostly wait.
THREADS = os.environ.get("SHIMMY_TEST_THREADS")
# The table of an upstream whose models take the place of the models on the disk (Tests/Engines).
UPSTREAM = os.environ.get("SHIMMY_TEST_UPSTREAM", "")


def environment(home: Path, **extra: str) -> dict:
    """Returns an environment with a separate home, so that the program finds only the test model on this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHIMMY_", "HF_", "OLLAMA_", "XDG_", "OTEL_"))}
    return {**kept, "HOME": str(home), "SHIMMY_DATA_DIR": str(home / "data"), "SHIMMY_CACHE_DIR": str(home / "cache"), **extra}


def put_model(path: Path) -> Path:
    """Puts the test model at `path` as a hard link or a copy, because symbolic links to one file count as one model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(MODEL_FILE.resolve(), path)
    except OSError:
        shutil.copyfile(MODEL_FILE, path)
    return path


def make_home(path: Path) -> Path:
    """Creates a home whose model directory contains a link to the test model. With an upstream, the home has its table instead."""
    (path / "data/models").mkdir(parents=True)
    add_model(path, MODEL_FILE.name, MODEL_FILE)
    if UPSTREAM:
        file = path / ".config/shimmy/shimmy.toml"
        file.parent.mkdir(parents=True)
        file.write_text(UPSTREAM)
    return path


def add_model(home: Path, name: str, source: Path):
    """Puts a link to a model into a home, unless an upstream has the model."""
    if not UPSTREAM:
        (home / "data/models" / name).symlink_to(source)


def run(home: Path, *arguments: str, input: str | None = None, **extra: str) -> subprocess.CompletedProcess:
    """Runs a command of the program and waits for its end."""
    return subprocess.run(
        [BINARY, *arguments], env=environment(home, **extra), input=input, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL if input is None else None,
    )


def wait_until(condition, what: str, seconds: float = 30):
    """Polls until the condition is true. The time is only an upper bound."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


class Server:
    """`shimmy serve` on a free port. Use it in a `with` statement."""

    def __init__(self, home: Path, *arguments: str, **extra: str):
        self.log = home / f"server-{time.monotonic_ns()}.log"
        self.log_file = open(self.log, "w")
        variables = environment(home, **{**({"SHIMMY_THREADS": THREADS} if THREADS else {}), **extra})
        self.secrets = LogSecrets(arguments, extra)
        command = [BINARY, "serve", "--port", "auto", *arguments]
        self.process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=self.log_file, text=True)
        line = self.process.stdout.readline()
        match = re.search(r"(https?)://\S+:(\d+)", line)
        if match is None:
            self.process.kill()
            raise RuntimeError(f"the server did not start: {line!r}\n{self.log.read_text()}")
        self.port = int(match.group(2))
        self.url = f"{match.group(1)}://127.0.0.1:{self.port}"

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, failure=None, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log_file.close()
        if failure is None:
            found = self.secrets.found(self.log.read_text(errors="replace"))
            assert not found, f"the log contains {found}"

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def request(self, method: str, path: str, body=None, headers: dict | None = None) -> "Answer":
        """Sends one request on a new connection. `body` is sent as JSON unless it is bytes."""
        connection = self.connection()
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json"} if data is not None else {}
        connection.request(method, path, data, {**all_headers, **(headers or {})})
        response = connection.getresponse()
        answer = Answer(response.status, dict((name.lower(), value) for name, value in response.getheaders()), response.read())
        connection.close()
        self.secrets.note(data)
        self.secrets.note(answer.body)
        return answer

    def chat(self, text: str = "Say hello.", **fields) -> "Answer":
        """Sends a chat completion with one message. Defaults to temperature 0 and few tokens."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 12, "temperature": 0, **fields}
        return self.request("POST", "/v1/chat/completions", {name: value for name, value in body.items() if value is not ...})

    def engine(self) -> dict:
        return self.request("GET", "/health").json["engine"]

    def wait_for(self, condition, what: str, seconds: float = 15):
        """Polls until `condition(engine statistics)` is true."""
        deadline = time.monotonic() + seconds
        while not condition(self.engine()):
            assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s: {self.engine()}"
            time.sleep(0.01)


@contextlib.contextmanager
def loaded_server(home: Path):
    """A server whose model is loaded. Checks that it still runs at the end."""
    with Server(home) as server:
        assert server.request("POST", "/v1/models/load", {"model": MODEL}).status == 200
        yield server
        assert server.process.poll() is None, f"the server ended during the tests:\n{server.log.read_text()[-3000:]}"


class Answer:
    def __init__(self, status: int, headers: dict, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """Returns the text of a chat completion that was not streamed."""
        return self.json["choices"][0]["message"]["content"]

    @property
    def events(self) -> list:
        """Returns the events of a stream: parsed JSON, and the text `[DONE]`."""
        assert self.headers["content-type"] == "text/event-stream"
        events = []
        for block in self.body.decode("utf-8", errors="strict").split("\n\n"):
            if block.startswith("data: "):
                assert "\n" not in block
                events.append("[DONE]" if block[6:] == "[DONE]" else json.loads(block[6:]))
            else:
                assert block == "" or block.startswith(":"), f"unexpected line in a stream: {block!r}"
        return events

    @property
    def streamed_text(self) -> str:
        chunks = [event for event in self.events if event != "[DONE]" and event["choices"]]
        return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)

    def assert_error(self, status: int, param: str | None, code: str | None, type: str = "invalid_request_error") -> str:
        """Checks all keys of OpenAI's error object and returns its message."""
        assert self.status == status, self.body
        assert self.headers["content-type"] == "application/json"
        assert list(self.json) == ["error"]
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert (error["param"], error["code"], error["type"]) == (param, code, type), error
        assert isinstance(error["message"], str) and error["message"]
        return error["message"]
