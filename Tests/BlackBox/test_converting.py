"""Folders that are converted during a load, which takes a while: progress reports, cancellation, and leftover files."""

import json
import os
import re
import shutil
import signal
import threading
from pathlib import Path

import pexpect
import pytest

from running import logged, rendered
from server import BINARY, Server, environment, run, wait_until
from test_conversion import folder  # noqa: F401: a fixture
from test_memory import status


@pytest.fixture
def home(folder) -> Path:  # noqa: F811
    """A home without converted models."""
    home = folder.parents[2]
    shutil.rmtree(home / "cache", ignore_errors=True)
    return home


def converted(home) -> list:
    return sorted(path.name for path in (home / "cache/converted").glob("*"))


class Load(threading.Thread):
    """A request that loads a model. `answer` is set when it has finished."""

    def __init__(self, server, model="smol", ask=None):
        super().__init__()
        self.ask = ask or (lambda: server.request("POST", "/v1/models/load", {"model": model}))
        self.answer = None
        self.start()

    def run(self):
        self.answer = self.ask()

    def result(self):
        self.join()
        return self.answer


def begun(server, model="smol"):
    """Waits until a model's load has made some progress."""
    wait_until(lambda: (status(server, model) or {"progress": 0})["progress"] > 0, "the load's begin")


def test_a_load_that_takes_long_tells_how_far_it_is(home):
    with Server(home) as server:
        for _ in range(5):
            load, seen, shown = Load(server), [], ""
            while load.is_alive():
                found = status(server, "smol")
                if found and found["state"] == "loading":
                    assert found["context_length"] is None and found["users"] == 0
                    seen.append(found["progress"])
                    shown += run(home, "ps", "--host", f"127.0.0.1:{server.port}").stdout
            assert load.result().status == 200
            assert seen == sorted(seen) and all(0 <= progress <= 1 for progress in seen)
            if len(set(seen)) > 3 and re.search(r"^smol +loading [1-9]\d* %", shown, re.MULTILINE):
                break
            # The load was too fast to observe, so repeat it.
            server.request("POST", "/v1/models/unload", {"model": "smol"})
            shutil.rmtree(home / "cache/converted")
        else:
            pytest.fail(f"{seen}\n{shown}")
        assert status(server, "smol")["progress"] == 1


def test_the_command_shows_how_far_it_is(home):
    with Server(home) as server:
        arguments = ["load", "--host", f"127.0.0.1:{server.port}", "smol"]
        child = pexpect.spawn(BINARY, arguments, env={**environment(home), "TERM": "xterm"}, encoding="utf-8", timeout=60)
        child.expect(r"loading smol \d+ %")
        child.expect_exact("smol is loaded.")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0


def test_a_model_and_one_on_top_of_it_are_converted_together(home, tmp_path):
    path = tmp_path / "shimmy.toml"
    path.write_text('[model.wide]\nbase = "smol"\ncontext = 512\n')
    with Server(home, "--config", str(path)) as server:
        loads = [Load(server, model) for model in ("smol", "wide")]
        assert [load.result().status for load in loads] == [200, 200]
        assert logged(server, "converting model") == 1 and len(converted(home)) == 1
        for model in ("smol", "wide"):
            body = {"model": model, "prompt": "The capital of France is", "max_tokens": 4, "temperature": 0}
            assert "Paris" in server.request("POST", "/v1/completions", body).json["choices"][0]["text"]


def test_what_is_edited_is_converted_anew(home, folder):  # noqa: F811
    abandoned = home / "cache/converted/old.gguf.1.partial"
    abandoned.parent.mkdir(parents=True)
    abandoned.write_bytes(b"GGUF")
    os.utime(abandoned, (1, 1))
    # File names of an earlier version.
    (abandoned.parent / "smol-0123456789abcdef.gguf").write_bytes(b"GGUF")
    (abandoned.parent / "smol-other-0123456789abcdef.gguf").write_bytes(b"GGUF")
    file = folder / "tokenizer_config.json"
    before = file.read_text()
    with Server(home) as server:
        assert Load(server).result().status == 200
        [first, _] = converted(home)
        assert first != "smol-0123456789abcdef.gguf"
        try:
            file.write_text(json.dumps({**json.loads(before), "chat_template": "<{{ messages[0].content }}>"}))
            wait_until(lambda: logged(server, "model files changed") == 1, "a change")
            assert rendered(server, "smol", ("user", "Hi")) == "<Hi>"
            [second, other] = converted(home)
            assert second != first and other == "smol-other-0123456789abcdef.gguf"
        finally:
            file.write_text(before)


def test_settings_that_change_during_a_load_are_taken(home, tmp_path):
    def context(server) -> int:
        return server.request("GET", "/v1/models/smol").json["shimmy"]["context_length"]

    path = tmp_path / "shimmy.toml"
    path.write_text("[model.smol]\ncontext = 1024\n")
    with Server(home, "--config", str(path)) as server:
        load = Load(server)
        begun(server)
        path.write_text("[model.smol]\ncontext = 512\n")
        assert load.result().status == 200
        wait_until(lambda: logged(server, "configuration reloaded") == 1, "a reload")
        body = {"model": "smol", "prompt": "Hi", "max_tokens": 1}
        assert server.request("POST", "/v1/completions", body).status == 200
        assert context(server) == 512 and logged(server, "model loaded") == 2


def test_a_load_that_a_request_waits_for_is_not_stopped(home):
    with Server(home) as server:
        chat = Load(server, ask=lambda: server.chat(model="smol"))
        begun(server)
        server.request("POST", "/v1/models/unload", {"model": "smol"}).assert_error(409, "model", "model_in_use")
        assert chat.result().status == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_load_is_stopped_when_its_model_is_to_be_freed(home, stream):
    with Server(home) as server:
        chat = Load(server, ask=lambda: server.request("POST", "/v1/models/load", {"model": "smol", "stream": stream}))
        begun(server)
        assert server.request("POST", "/v1/models/unload", {"model": "smol"}).json["unloaded"] is True
        answer = chat.result()
        if stream:
            assert answer.events[-1]["error"]["code"] == "model_load_stopped"
        else:
            answer.assert_error(503, None, "model_load_stopped", "server_error")
            assert int(answer.headers["retry-after"]) > 0
        assert status(server, "smol") is None and converted(home) == []
        assert logged(server, "model load failed") == 0
        assert server.chat(model="smol").status == 200, "it comes when it is asked for again"


def assert_ends(server, home):
    """Checks that SIGTERM during a conversion stops the conversion and the server."""
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(15) == 0
    assert converted(home) == [] and "Fatal" not in server.log.read_text()


def test_a_preload_ends_with_the_server(home):
    with Server(home, "--preload", "--model", "smol") as server:
        wait_until(lambda: logged(server, "converting model") == 1, "the load's begin")
        assert_ends(server, home)
        assert logged(server, "model preload failed") == 0


def test_a_load_ends_with_the_server(home):
    with Server(home, "--drain-seconds", "0") as server:
        chat = Load(server, ask=lambda: server.chat(model="smol"))
        begun(server)
        assert_ends(server, home)
        chat.result().assert_error(503, None, "shutting_down", "server_error")
