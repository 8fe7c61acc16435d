"""`shimmy run` with one question: arguments, pipes, exit codes, and a missing model, with and without a server."""

import json
import re
import signal
import subprocess

import pytest

from fake_hub import FakeHub
from server import BINARY, MODEL, MODEL_FILE, Server, environment, run
from terminal import STEADY, Dialogue


def test_one_question_with_a_server(home, host, server):
    before = server.engine()["steps"]
    first = run(home, "run", "--host", host, *STEADY, MODEL, "Say", "hello.")
    assert first.returncode == 0, first.stderr
    assert len(first.stdout) > 3 and "\x1b" not in first.stdout
    assert server.engine()["steps"] > before
    assert run(home, "run", *STEADY, MODEL, "Say hello.", SHIMMY_HOST=host).stdout == first.stdout
    assert run(home, "run", *STEADY, MODEL, input="Say hello.", SHIMMY_HOST=f"http://{host}/v1").stdout == first.stdout


def test_one_question_in_this_process(home, host, server):
    before = server.engine()["steps"]
    answer = run(home, "run", "--local", *STEADY, MODEL, "Say hello.", SHIMMY_HOST=host)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout) > 3
    # A file path is not known to a server, so the program loads it itself. It also does so if no server runs.
    assert run(home, "run", *STEADY, str(MODEL_FILE), "Say hello.", SHIMMY_HOST=host).stdout == answer.stdout
    assert run(home, "run", *STEADY, MODEL, "Say hello.", SHIMMY_HOST="127.0.0.1:9").stdout == answer.stdout
    assert server.engine()["steps"] == before


def test_a_pipe_and_a_prompt_are_one_question(home, host):
    piped = run(home, "run", "--host", host, *STEADY, MODEL, "Summarise:", input="Rain fell all day.")
    together = run(home, "run", "--host", host, *STEADY, MODEL, "Summarise:\n\nRain fell all day.")
    assert piped.returncode == 0 and piped.stdout == together.stdout
    assert run(home, "run", "--host", host, *STEADY, "--system", "Speak French.", MODEL, "Summarise:", input="Rain fell all day.").stdout != piped.stdout


@pytest.mark.parametrize("local", [True, False])
def test_answers_that_are_json(home, host, tmp_path, local):
    where = ["--local"] if local else ["--host", host]
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"type": "object", "properties": {"age": {"type": "integer", "maximum": 99}}, "required": ["age"], "additionalProperties": False}))
    answer = run(home, "run", *where, "--schema", str(schema), "--set", "temperature=0", MODEL, "How old is Ann?")
    assert answer.returncode == 0, answer.stderr
    assert list(json.loads(answer.stdout)) == ["age"]
    free = run(home, "run", *where, "--format", "json", *STEADY[:4], MODEL, "How old is Ann?")
    assert free.stdout.startswith("{")


def test_json_output_has_the_statistics(home, host):
    answer = json.loads(run(home, "run", "--host", host, *STEADY, "--json", MODEL, "Say hello.").stdout)
    assert answer["model"] == MODEL and answer["content"] and answer["finish_reason"] in ("stop", "length")
    assert answer["statistics"]["completion_tokens"] <= 12
    assert set(answer["statistics"]) == {
        "prompt_tokens", "cached_tokens", "completion_tokens", "first_token_seconds", "total_seconds", "tokens_per_second",
    }


def test_verbose_goes_to_standard_error(home, host):
    answer = run(home, "run", "--host", host, *STEADY, "--verbose", MODEL, "Say hello.")
    assert re.search(r"prompt \d+ tokens \(\d+ cached\), first token [\d.]+ s, answer \d+ tokens", answer.stderr)
    assert "cached" not in answer.stdout


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["SmolLM3-135M-Instruct.Q4_1", "Hi"], 3, f"Did you mean {MODEL}?"),
        (["--set", "temperature=9", MODEL, "Hi"], 64, "temperature takes a number from 0 to 2"),
        (["--set", "warmth=1", MODEL, "Hi"], 64, "there is no parameter warmth"),
        (["--schema", "/no/such/file", MODEL, "Hi"], 64, "/no/such/file"),
        (["--keep-alive", "long", MODEL, "Hi"], 64, "not a duration"),
        ([MODEL], 64, "no question"),
        ([MODEL, "word " * 20000], 1, "maximum context length"),
    ],
)
@pytest.mark.parametrize("local", [True, False])
def test_exit_codes(home, host, arguments, code, words, local):
    answer = run(home, "run", *(["--local"] if local else ["--host", host]), *arguments)
    assert answer.returncode == code, answer.stderr
    assert words.lower() in answer.stderr.lower() and answer.stdout == ""
    assert "Fatal error" not in answer.stderr


def test_a_server_that_is_named_has_to_be_there(home):
    answer = run(home, "run", "--host", "127.0.0.1:9", MODEL, "Hi")
    assert answer.returncode == 7 and "no server answers at http://127.0.0.1:9" in answer.stderr
    assert run(home, "run", "--host", "ftp://x", MODEL, "Hi").returncode == 64


def test_a_key_is_sent(home, start):
    server = start("--api-key", "secret")
    host = f"127.0.0.1:{server.port}"
    refused = run(home, "run", "--host", host, MODEL, "Hi")
    assert refused.returncode == 1 and "API key" in refused.stderr
    assert run(home, "run", "--host", host, "--api-key", "wrong", MODEL, "Hi").returncode == 1
    assert run(home, "run", "--host", host, "--api-key", "secret", *STEADY, MODEL, "Hi").returncode == 0
    assert run(home, "ps", SHIMMY_HOST=host, SHIMMY_API_KEY="secret").returncode == 0


def test_an_interrupt_ends_one_question_and_its_work(home, start):
    server = start()
    process = subprocess.Popen(
        # Thousands of words.
        [BINARY, "run", "--host", f"127.0.0.1:{server.port}", "--set", "temperature=0", MODEL, "Write a very long story about a river."],
        env=environment(home), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        # Background jobs of a shell ignore interrupts, and their children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    assert process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the sequence")


@pytest.mark.parametrize("local", [True, False])
def test_pipes_hear_nothing_of_a_load(home, start, local):
    where = ["--local"] if local else ["--host", f"127.0.0.1:{start('--load-silence', '0').port}"]
    answer = run(home, "run", *where, *STEADY, MODEL, "Say hello.")
    assert answer.returncode == 0 and answer.stdout.strip() and answer.stderr == ""


# Pulling a missing model.


@pytest.fixture
def hub():
    hub = FakeHub()
    hub.repositories["maker/Tiny-GGUF"] = {"Tiny-Q4_1.gguf": MODEL_FILE.read_bytes()}
    yield hub
    hub.close()


def test_a_missing_model_is_pulled_when_asked_to(tmp_path, hub):
    answer = run(tmp_path, "run", "--local", "--pull", *STEADY, "maker/Tiny-GGUF", "Say hello.", HF_ENDPOINT=hub.url)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout and "fetching: 100 %" in answer.stderr
    assert (tmp_path / "data/models/maker/Tiny-GGUF/Tiny-Q4_1.gguf").exists()
    before = len(hub.requests)
    assert run(tmp_path, "run", "--local", *STEADY, "maker/Tiny-GGUF", "Say hello.", HF_ENDPOINT=hub.url).stdout == answer.stdout
    assert len(hub.requests) == before


def test_nothing_is_pulled_unasked(tmp_path, hub):
    answer = run(tmp_path, "run", "--local", "maker/Tiny-GGUF", "Say hello.", HF_ENDPOINT=hub.url)
    assert answer.returncode == 3 and hub.requests == []
    assert run(tmp_path, "run", "--local", "--pull", "maker/nothing", "Hi", HF_ENDPOINT=hub.url).returncode == 3


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_one_is_asked(tmp_path, hub, answer):
    with Dialogue(tmp_path, "--local", *STEADY, "maker/Tiny-GGUF", begins=False, HF_ENDPOINT=hub.url) as dialogue:
        dialogue.expect("maker/Tiny-GGUF:Q4_1 is not on this machine. Pull 98 MB from the hub? [Y/n] ")
        dialogue.type(answer + "\n")
        if answer == "n":
            assert dialogue.wait() == 3
            assert hub.downloads() == []
        else:
            dialogue.expect_prompt()
            assert dialogue.say("Say hello.")


def test_a_server_pulls_for_its_clients(tmp_path, hub):
    with Server(tmp_path, HF_ENDPOINT=hub.url) as server:
        answer = run(tmp_path, "run", "--host", f"127.0.0.1:{server.port}", "--pull", *STEADY, "maker/Tiny-GGUF", "Say hello.")
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout and "fetching: 100 %" in answer.stderr
