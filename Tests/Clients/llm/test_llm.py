"""Unmodified llm, with exactly the configuration that `shimmy connect llm` writes."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from server import MODEL, Server, make_home, run


@pytest.fixture
def llm(server, tmp_path):
    """A function that configures llm for a server and one that runs it."""
    variables = {"LLM_USER_PATH": str(tmp_path / "llm"), "HOME": str(tmp_path)}

    def configure(server, *arguments) -> str:
        written = run(tmp_path, "connect", "llm", "--write", "--host", server.url, *arguments, **variables)
        assert written.returncode == 0, written.stderr
        return written.stderr

    def ask(*arguments) -> str:
        environment = {**os.environ, **variables}
        answer = subprocess.run(
            [sys.executable, "-m", "llm", *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    return configure, ask


def test_prompts_and_schemas(server, llm):
    configure, ask = llm
    configure(server)
    assert MODEL in ask("models", "list")
    options = ["-m", MODEL, "-o", "temperature", "0"]
    assert ask(*options, "-o", "max_tokens", "12", "Say hello.").strip()
    assert ask(*options, "-o", "max_tokens", "12", "--no-stream", "Say hello.").strip()
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "green"]}}, "required": ["colour"], "additionalProperties": False}
    assert json.loads(ask(*options, "--schema", json.dumps(schema), "Which colour?"))["colour"] in ("red", "green")


def test_a_server_with_a_key(llm, tmp_path):
    configure, ask = llm
    with Server(make_home(tmp_path / "server"), "--api-key", "my-key") as server:
        notes = configure(server, "--api-key", "my-key")
        [command] = re.findall(r"^# Store the key with (llm keys set .+)\.$", notes, re.M)
        ask(*shlex.split(command)[1:])
        assert ask("-m", MODEL, "-o", "temperature", "0", "-o", "max_tokens", "12", "Say hello.").strip()
