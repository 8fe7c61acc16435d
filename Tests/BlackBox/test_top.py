"""`shimmy top`: text for pipes, events as JSON, and the full screen in a pseudo-terminal."""

import json
import re
import signal

import pexpect
import pytest

from server import BINARY, MODEL, environment, run
from terminal import without_escapes

FIRST, LAST = "\x1b[?1049h", "\x1b[?1049l"


@pytest.fixture
def top(home, host):
    """A function that starts `shimmy top` in a terminal."""
    children = []

    def top(*arguments: str, columns: int = 100, rows: int = 30) -> pexpect.spawn:
        variables = {"TERM": "xterm-256color", **environment(home)}
        child = pexpect.spawn(BINARY, ["top", "--host", host, *arguments], env=variables, encoding="utf-8", timeout=60, dimensions=(rows, columns), echo=False)
        children.append(child)
        return child

    yield top
    for child in children:
        child.close(force=True)


def ended(child: pexpect.spawn) -> int:
    child.expect(pexpect.EOF)
    child.wait()
    return child.exitstatus if child.exitstatus is not None else -child.signalstatus


@pytest.mark.parametrize("arguments", [[], ["--once"]])
def test_the_state_goes_to_a_pipe_once(home, host, arguments):
    done = run(home, "top", "--host", host, *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(rf"shimmy http://{host}   \d+ running, \d+ waiting   .*memory .+ of .+", lines[0])
    assert any(line.startswith(f"{MODEL}   0 of ") for line in lines)
    assert re.search(r"  cells  [█░]+  \d+ of \d+", done.stdout)
    assert "\x1b" not in done.stdout


def test_events_are_lines_of_json(home, host):
    done = run(home, "top", "--host", host, "--json", "--once")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    event = json.loads(line)
    assert event["type"] == "snapshot" and MODEL in [model["model"] for model in event["engine"]["data"]]


def test_the_full_screen_is_left_as_it_was(top):
    child = top()
    child.expect_exact(FIRST)
    child.expect_exact(MODEL)
    child.send("q")
    child.expect_exact(LAST)
    assert ended(child) == 0


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_control_keys_end_it(top, key):
    child = top()
    child.expect_exact(MODEL)
    child.send(key)
    child.expect_exact(LAST)
    assert ended(child) == 0


def test_a_signal_restores_the_terminal(top):
    child = top()
    child.expect_exact(MODEL)
    child.kill(signal.SIGTERM)
    child.expect_exact(LAST)
    assert ended(child) == -signal.SIGTERM


def test_a_resize_draws_all_rows_in_the_new_width(top):
    child = top(columns=120)
    child.expect_exact(MODEL)
    child.setwinsize(8, 40)
    # The screen after the resize: a row that is cut ends with an ellipsis.
    child.expect(re.compile(r"\x1b\[H(shimmy [^\x1b]*…\x1b\[K.*?)\x1b\[J", re.DOTALL))
    rows = without_escapes(child.match.group(1)).split("\r\n")
    rows = [row.rstrip("\r") for row in rows]
    assert len(rows) <= 8 and all(len(row) <= 40 for row in rows)
    child.send("q")
    assert ended(child) == 0


def test_an_answer_is_seen_while_it_runs(top, server):
    child = top()
    child.expect_exact(MODEL)
    connection = server.connection()
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Write a long story."}], "stream": True, "max_tokens": 4000, "ignore_eos": True}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    child.expect(re.compile(r"  decode .*? in .*? out  [\d.]+ tokens/s"))
    response.close()
    connection.close()
    child.send("q")
    assert ended(child) == 0


def test_without_a_server(home):
    done = run(home, "top", "--host", "127.0.0.1:9")
    assert done.returncode == 7 and "no server answers" in done.stderr


def test_it_needs_a_key(home, start):
    server = start("--api-key", "secret")
    refused = run(home, "top", "--host", f"127.0.0.1:{server.port}")
    assert refused.returncode == 1 and "API key" in refused.stderr
    assert run(home, "top", "--host", f"127.0.0.1:{server.port}", "--api-key", "secret", "--once").returncode == 0
