"""The program under test, as a process: started on a free port, looked at from outside, stopped."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("SHIMMY_BINARY", str(REPOSITORY / ".build/release/shimmy"))
MODEL_FILE = Path(os.environ.get("SHIMMY_TEST_MODEL", Path.home() / ".local/share/shimmy/models/SmolLM2-135M-Instruct.Q4_1.gguf"))
MODEL = MODEL_FILE.name.removesuffix(".gguf")


def environment(home: Path, **extra: str) -> dict:
    """A home of its own: nothing on this machine but the test's model is found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHIMMY_", "HF_", "OLLAMA_", "XDG_"))}
    return {**kept, "HOME": str(home), "SHIMMY_DATA_DIR": str(home / "data"), "SHIMMY_CACHE_DIR": str(home / "cache"), **extra}


def put_model(path: Path) -> Path:
    """Another file with the test's model. Links to one file are one model, so it takes a file of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(MODEL_FILE.resolve(), path)
    except OSError:
        shutil.copyfile(MODEL_FILE, path)
    return path


def make_home(path: Path) -> Path:
    """A home whose model directory holds the test's model, by a link."""
    models = path / "data/models"
    models.mkdir(parents=True)
    (models / MODEL_FILE.name).symlink_to(MODEL_FILE)
    return path


def run(home: Path, *arguments: str, input: str | None = None, **extra: str) -> subprocess.CompletedProcess:
    """Runs a command of the program to its end."""
    return subprocess.run(
        [BINARY, *arguments], env=environment(home, **extra), input=input, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL if input is None else None,
    )


class Server:
    """`shimmy serve` on a free port. Use it in a `with` statement."""

    def __init__(self, home: Path, *arguments: str, **extra: str):
        self.log = home / f"server-{time.monotonic_ns()}.log"
        self.log_file = open(self.log, "w")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--port", "auto", *arguments], env=environment(home, **extra), stdout=subprocess.PIPE, stderr=self.log_file, text=True
        )
        line = self.process.stdout.readline()
        match = re.search(r"http://\S+:(\d+)", line)
        if match is None:
            self.process.kill()
            raise RuntimeError(f"the server did not start: {line!r}\n{self.log.read_text()}")
        self.port = int(match.group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log_file.close()

    def request(self, method: str, path: str, body=None, headers: dict | None = None) -> "Answer":
        """One request on a connection of its own. `body` is sent as JSON unless it is bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json"} if data is not None else {}
        connection.request(method, path, data, {**all_headers, **(headers or {})})
        response = connection.getresponse()
        answer = Answer(response.status, dict((name.lower(), value) for name, value in response.getheaders()), response.read())
        connection.close()
        return answer

    def chat(self, text: str = "Say hello.", **fields) -> "Answer":
        """A chat completion with one message, at temperature 0 and with few tokens unless told otherwise."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 12, "temperature": 0, **fields}
        return self.request("POST", "/v1/chat/completions", {name: value for name, value in body.items() if value is not ...})

    def engine(self) -> dict:
        return self.request("GET", "/health").json["engine"]

    def wait_for(self, condition, what: str, seconds: float = 15):
        """Polls until `condition(engine statistics)` holds."""
        deadline = time.monotonic() + seconds
        while not condition(self.engine()):
            assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s: {self.engine()}"
            time.sleep(0.01)


class Answer:
    def __init__(self, status: int, headers: dict, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The answer's text, of a chat completion that was not streamed."""
        return self.json["choices"][0]["message"]["content"]

    @property
    def events(self) -> list:
        """The events of a stream: parsed JSON, and the text `[DONE]`."""
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
        """Checks OpenAI's error object to the last key; returns its message."""
        assert self.status == status, self.body
        assert self.headers["content-type"] == "application/json"
        assert list(self.json) == ["error"]
        error = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert (error["param"], error["code"], error["type"]) == (param, code, type), error
        assert isinstance(error["message"], str) and error["message"]
        return error["message"]
