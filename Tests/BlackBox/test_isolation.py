"""Models in processes of their own: the same answers, crashes that hurt nobody else, the end of the processes, and their limits."""

import json
import os
import re
import signal
import stat
import threading
from pathlib import Path

import pytest

import tiny_models
from raw import TEXT, Connection
from server import MODEL, MODEL_FILE, Server, make_home, put_model, run, wait_until

OTHER = "other"
AGE = {"type": "integer", "minimum": 1, "maximum": 9}
SCHEMA = {"type": "object", "properties": {"age": AGE}, "required": ["age"], "additionalProperties": False}


def shelf(path):
    """Makes a home with two models."""
    home = make_home(path)
    put_model(home / f"data/models/{OTHER}.gguf")
    return home


def configure(home, text: str):
    file = home / ".config/shimmy/shimmy.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(text)
    new.rename(file)


@pytest.fixture(scope="module")
def isolated(tmp_path_factory):
    with Server(shelf(tmp_path_factory.mktemp("isolated")), "--isolation", "process") as server:
        for model in (MODEL, OTHER):
            assert server.request("POST", "/v1/models/load", {"model": model}).status == 200
        yield server
        assert server.process.poll() is None, server.log.read_text()[-3000:]


def processes(server) -> dict[str, int]:
    """Returns the id of each model's newest process, from the log."""
    found = {}
    for line in server.log.read_text().splitlines():
        if "model process ready" in line:
            found[re.search(r" model=(\S+)", line).group(1)] = int(re.search(r" pid=(\d+)", line).group(1))
    return found


def exists(pid: int) -> bool:
    """Returns whether a process runs. One that has ended may wait for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def request_for(model: str, **fields) -> dict:
    messages = [{"role": "user", "content": "Count from one to a thousand in words."}]
    return {"model": model, "messages": messages, "temperature": 0, "stream": True, "max_tokens": 400, "ignore_eos": True, **fields}


# The same answers


@pytest.mark.parametrize("fields", [
    {},
    {"max_tokens": 40, "stop": ["."]},
    {"n": 2, "seed": 7, "temperature": 0.8},
    {"logprobs": True, "top_logprobs": 2},
    {"max_tokens": 60, "response_format": {"type": "json_schema", "json_schema": {"name": "age", "schema": SCHEMA, "strict": True}}},
    {"max_tokens": 60, "tool_choice": "required", "tools": [{"type": "function", "function": {"name": "age", "parameters": SCHEMA}}]},
    {"max_tokens": 1_000_000, "max_tokens_over_context": "clamp", "stop": ["."]},
], ids=["plain", "stop", "choices", "logprobs", "schema", "tools", "clamp"])
def test_an_answer_is_that_of_the_servers_own_process(isolated, server, fields):
    own, other = server.chat("How old are you?", **fields), isolated.chat("How old are you?", **fields)
    assert (own.status, other.status) == (200, 200), other.body

    def choices(answer):
        found = json.loads(json.dumps(answer.json["choices"]))
        for choice in found:
            for call in choice["message"].get("tool_calls") or []:
                call.pop("id")
        return found

    assert choices(other) == choices(own)
    assert other.json["usage"]["total_tokens"] == own.json["usage"]["total_tokens"]
    assert "x-shimmy-upstream" not in other.headers


def test_a_stream_has_the_same_text(isolated, server):
    fields = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 30}
    own, other = server.chat(**fields), isolated.chat(**fields)
    assert other.streamed_text == own.streamed_text and other.events[-1] == "[DONE]"
    assert other.events[-2]["usage"]["completion_tokens"] == own.events[-2]["usage"]["completion_tokens"]


def test_texts_and_tokens_are_the_same(isolated, server):
    for path, body in (
        ("/v1/completions", {"prompt": "Once upon a time", "max_tokens": 12, "temperature": 0}),
        ("/v1/tokenize", {"prompt": "Hello, world"}),
        ("/v1/detokenize", {"tokens": [504, 1024, 2048]}),
        ("/v1/chat/completions/render", {"messages": [{"role": "user", "content": "Hi"}]}),
    ):
        own, other = (one.request("POST", path, {"model": MODEL, **body}) for one in (server, isolated))
        assert own.status == other.status == 200, (path, other.body)
        kept = ("choices", "tokens", "prompt", "count")
        assert [other.json.get(key) for key in kept] == [own.json.get(key) for key in kept], path
    template = [one.request("GET", f"/v1/tokenizer_info?model={MODEL}").json for one in (server, isolated)]
    assert template[0]["chat_template"] == template[1]["chat_template"]


@pytest.mark.parametrize("fields", [
    {"max_tokens": 1_000_000}, {"lora": [{"name": "none", "scale": 1}]}, {"messages": [{"role": "user", "content": "word " * 50_000}]},
], ids=["limit", "adapter", "length"])
def test_a_mistake_is_refused_in_the_same_words(isolated, server, fields):
    own, other = server.chat(**fields), isolated.chat(**fields)
    assert other.status == own.status and other.status < 500, other.body
    assert other.json["error"]["message"] == own.json["error"]["message"]
    assert other.json["error"]["param"] == own.json["error"]["param"]


def test_decisions_are_the_same(isolated, server):
    question = {"type": "choice", "name": "w", "instructions": "How is the weather?", "choices": [{"value": "dry"}, {"value": "rainy"}]}
    body = {"model": MODEL, "input": "The street is wet.", "questions": [{"type": "predicate", "name": "p", "instructions": "It rains."}, question]}
    own, other = (one.request("POST", "/v1/decisions", body) for one in (server, isolated))
    assert own.status == other.status, other.body
    assert own.status == 200, own.body
    assert [numbers(answer) for answer in other.json["answers"]] == [pytest.approx(numbers(answer), abs=0.01) for answer in own.json["answers"]]
    assert other.json["usage"]["input_tokens"] == own.json["usage"]["input_tokens"]


def test_a_choice_that_cannot_be_rated_is_named(isolated, server):
    long = "word " * 20_000
    body = {"model": MODEL, "input": "a", "questions": [{"type": "predicate", "instructions": long}]}
    own, other = (one.request("POST", "/v1/decisions", body) for one in (server, isolated))
    assert own.status == other.status == 400, other.body
    assert (other.json["error"]["param"], other.json["error"]["message"]) == (own.json["error"]["param"], own.json["error"]["message"])


def numbers(value) -> list[float]:
    """Returns the decimals in an answer, in their order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, float) else []


def engine(server, model: str) -> dict:
    return next(one for one in server.request("GET", "/v1/engine").json["data"] if one["model"] == model)


def test_the_work_of_a_process_is_shown(isolated):
    before = engine(isolated, OTHER).get("generated_tokens", 0)
    assert isolated.chat(model=OTHER, max_tokens=20, ignore_eos=True).status == 200
    wait_until(lambda: engine(isolated, OTHER)["generated_tokens"] >= before + 19, "the report of the process")
    shown = engine(isolated, OTHER)
    assert shown["cells"]["total"] > 0 and shown["slots"]["total"] > 0 and shown["steps"]["count"] > 0
    assert 0 <= shown["age_seconds"] < 60
    metrics = isolated.request("GET", "/metrics").body.decode()
    found = [line for line in metrics.splitlines() if line.startswith("shimmy_") and f'model="{OTHER}"' in line and "cell" in line]
    assert any(float(line.rsplit(" ", 1)[1]) > 0 for line in found), found


def test_a_local_model_keeps_its_name_memory_and_place(isolated):
    models = {model["id"]: model["shimmy"] for model in isolated.request("GET", "/v1/models").json["data"]}
    assert models[MODEL]["source"] != "upstream" and models[MODEL]["memory_bytes"] > 50_000_000
    assert {one["model"] for one in isolated.request("GET", "/v1/engine").json["data"]} == {MODEL, OTHER}
    assert isolated.request("GET", "/ready").status == 200


# Processes


@pytest.mark.proc
def test_the_socket_is_private_and_needs_the_key(isolated):
    pid = processes(isolated)[MODEL]
    assert b"engine" in Path(f"/proc/{pid}/cmdline").read_bytes()
    paths = {line.split()[-1] for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines() if "/shimmy-" in line and line.endswith("/socket")}
    assert paths
    for path in map(Path, paths):
        if not path.exists():
            continue
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.proc
def test_a_crash_fails_its_own_stream_alone(isolated):
    before = processes(isolated)
    results = {}

    def follow(name: str, model: str, reached: threading.Event):
        with Connection(isolated.port, timeout=60) as connection:
            connection.send(connection.request("POST", "/v1/chat/completions", json.dumps(request_for(model)).encode()))
            while connection.received.count(TEXT) < 3:
                connection._more()
            reached.set()
            _, _, body = connection.read_response()
            results[name] = body.decode()

    events = [threading.Event(), threading.Event()]
    threads = [
        threading.Thread(target=follow, args=("crashed", MODEL, events[0])),
        threading.Thread(target=follow, args=("other", OTHER, events[1])),
    ]
    for thread in threads:
        thread.start()
    for event in events:
        assert event.wait(60)
    os.kill(before[MODEL], signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    assert "model_process_ended" in results["crashed"] and MODEL in results["crashed"] and "SIGKILL" in results["crashed"]
    assert '"error"' not in results["other"] and results["other"].rstrip().endswith("data: [DONE]")
    answer = isolated.chat()
    assert answer.status == 200, answer.body
    after = processes(isolated)
    assert after[MODEL] != before[MODEL] and after[OTHER] == before[OTHER]
    assert "restart_seconds=0" in next(line for line in isolated.log.read_text().splitlines() if "model process ended" in line)


@pytest.mark.proc
def test_a_process_that_crashes_again_waits_before_its_start(isolated):
    for _ in range(3):
        answer = isolated.chat(model=OTHER, max_tokens=1)
        if answer.status == 503:
            break
        assert answer.status == 200, answer.body
        pid = processes(isolated)[OTHER]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: any(
            "model process ended" in line and f" pid={pid} " in line for line in isolated.log.read_text().splitlines()), "the report of the crash")
    delays = [
        float(re.search(r"restart_seconds=([\d.]+)", line).group(1)) for line in isolated.log.read_text().splitlines()
        if "model process ended" in line and f"model={OTHER}" in line]
    assert delays[:2] == [0, 1], delays
    wait_until(lambda: isolated.chat(model=OTHER, max_tokens=1).status == 200, "the next start", seconds=60)


@pytest.mark.proc
def test_a_model_that_is_unloaded_ends_its_process(tmp_path):
    with Server(shelf(tmp_path), "--isolation", "process") as server:
        assert server.chat().status == 200
        pid = processes(server)[MODEL]
        assert server.request("POST", "/v1/models/unload", {"model": MODEL}).status == 200
        wait_until(lambda: not exists(pid), "the end of the process")
        assert server.chat().status == 200 and processes(server)[MODEL] != pid
        pid = processes(server)[MODEL]
    wait_until(lambda: not exists(pid), "the end of the process")
    assert "model process ended" not in server.log.read_text()


@pytest.mark.proc
def test_a_process_ends_with_its_server(tmp_path):
    with Server(shelf(tmp_path), "--isolation", "process") as server:
        assert server.chat().status == 200
        pid = processes(server)[MODEL]
        assert exists(pid)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(15)
        wait_until(lambda: not exists(pid), "the end of the process", seconds=15)


# Settings


@pytest.mark.proc
def test_one_model_is_isolated_by_its_table_and_limited(tmp_path):
    home = shelf(tmp_path)
    configure(home, f'[model."{MODEL}"]\nisolation = "process"\nisolation_memory = "3G"\n')
    with Server(home) as server:
        assert server.chat().status == server.chat(model=OTHER).status == 200
        assert list(processes(server)) == [MODEL]
        limits = Path(f"/proc/{processes(server)[MODEL]}/limits").read_text()
        assert re.search(r"Max data size +3000000000 +3000000000", limits), limits
        # A change applies to a running server: the model is loaded again, in the server's process.
        pid = processes(server)[MODEL]
        configure(home, f'[model."{MODEL}"]\nisolation = "none"\n')
        wait_until(lambda: not exists(pid), "the end of the process")
        assert server.chat().status == 200 and processes(server)[MODEL] == pid


@pytest.mark.proc
def test_a_limit_that_is_too_low_fails_the_load_alone(tmp_path):
    home = shelf(tmp_path)
    configure(home, f'[model."{MODEL}"]\nisolation = "process"\nisolation_memory = "60M"\n')
    with Server(home) as server:
        message = server.chat().assert_error(503, None, "insufficient_memory", "server_error")
        assert MODEL in message and "60000000" in message
        assert server.chat(model=OTHER).status == 200


def test_a_model_that_cannot_be_loaded_names_the_reason(tmp_path):
    home = make_home(tmp_path)
    broken = tiny_models.TinyModel("llama", tiny_models.vocabulary(MODEL_FILE), context_length=512, embedding_length=64, block_count=1)
    broken.tensor("token_embd.weight", 64, 100)
    broken.write(home / "data/models/broken.gguf")
    with Server(home, "--isolation", "process") as isolated, Server(home) as shared:
        own, other = (server.chat(model="broken") for server in (shared, isolated))
        assert own.status == other.status == 500 and own.json["error"]["message"] == other.json["error"]["message"]


def test_a_person_cannot_start_it(tmp_path):
    result = run(make_home(tmp_path), "engine", input="hello\n")
    assert result.returncode == 64 and "shimmy serve" in result.stderr
    assert re.search(r"^ +serve ", run(tmp_path, "--help").stdout, re.M) and not re.search(r"^ +engine ", run(tmp_path, "--help").stdout, re.M)
