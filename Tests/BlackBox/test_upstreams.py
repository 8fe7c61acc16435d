"""Shimmy in front of other servers: another Shimmy, and a server whose faults the tests choose."""

import json
import threading
from pathlib import Path

import pytest
from openai import OpenAI

from faulty_upstream import TEXT, FaultyUpstream, chunk, cut, refusing, stream
from server import MODEL, Answer, Server, loaded_server, make_home, run, wait_until

AGE = {"type": "integer", "minimum": 1, "maximum": 9}
SCHEMA = {"type": "object", "properties": {"age": AGE}, "required": ["age"], "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "get_age", "parameters": SCHEMA}}


def front_home(path, *tables: str):
    """Makes a home without a model and with these upstreams."""
    (path / "data/models").mkdir(parents=True)
    write(path, *tables)
    return path


def write(home, *tables: str):
    file = home / ".config/shimmy/shimmy.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text("\n".join(tables))
    new.rename(file)


def table(name: str, url: str, **settings) -> str:
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    return f'[upstream."{name}"]\nurl = "{url}"\n{lines}'


def faulty_table(upstream, name: str = "faulty", **settings) -> str:
    return table(name, upstream.url, **{"kind": "openai", "health_interval": 0.2, **settings})


def upstreams(server) -> dict:
    return {upstream["name"]: upstream for upstream in server.request("GET", "/admin/upstreams").json["data"]}


@pytest.fixture(scope="module")
def back(tmp_path_factory):
    with loaded_server(make_home(tmp_path_factory.mktemp("back"))) as server:
        yield server


@pytest.fixture(scope="module")
def front(tmp_path_factory, back):
    """A server without models of its own, in front of another one."""
    home = front_home(tmp_path_factory.mktemp("front"), table("back", back.url), f'[model."{MODEL}"]\naliases = ["nick"]\n')
    with Server(home) as server:
        server.home = home
        yield server


# Another Shimmy


def test_models_have_two_ids(front):
    models = {model["id"]: model for model in front.request("GET", "/v1/models").json["data"]}
    assert {MODEL, f"back/{MODEL}"} <= set(models)
    own = models[MODEL]["shimmy"]
    assert own["source"] == "upstream" and own["upstreams"] == ["back"] and own["context_length"] > 0 and own["memory_bytes"] == 0
    assert front.request("GET", f"/v1/models/back/{MODEL}").json["id"] == f"back/{MODEL}"
    assert f"{MODEL}:latest" in [model["name"] for model in front.request("GET", "/api/tags").json["models"]]
    assert front.request("POST", "/api/show", {"model": MODEL}).json["capabilities"][0] == "completion"
    assert MODEL in [model["id"] for model in front.request("GET", "/api/v0/models").json["data"]]
    assert MODEL in [model["id"] for model in front.request("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"}).json["data"]]
    assert front.request("GET", "/api/ps").json == {"models": []}


@pytest.mark.parametrize("model", [MODEL, f"back/{MODEL}", "nick"])
def test_an_answer_is_the_upstreams(front, back, model):
    answer = front.chat(model=model)
    assert answer.status == 200, answer.body
    assert answer.headers["x-shimmy-upstream"] == "back"
    assert answer.text == back.chat().text and answer.json["usage"]["completion_tokens"] == back.chat().json["usage"]["completion_tokens"]


def test_a_stream_is_passed_on(front, back):
    answer = front.chat(stream=True, stream_options={"include_usage": True})
    assert answer.status == 200 and answer.headers["x-shimmy-upstream"] == "back"
    assert answer.events[-1] == "[DONE]" and answer.events[-2]["usage"]["prompt_tokens"] > 0
    assert answer.streamed_text == back.chat().text


def test_the_official_client_streams(front):
    with OpenAI(base_url=front.url + "/v1", api_key="unused", max_retries=0, timeout=60) as client:
        parts = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Say hello."}], max_tokens=12, temperature=0, stream=True)
        assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices)


def test_tools_and_schemas_are_enforced(front):
    called = front.chat("How old is she?", tools=[TOOL], tool_choice="required", max_tokens=60)
    assert called.status == 200, called.body
    [call] = called.json["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "get_age" and json.loads(call["function"]["arguments"])["age"] in range(1, 10)
    form = {"type": "json_schema", "json_schema": {"name": "age", "schema": SCHEMA, "strict": True}}
    assert json.loads(front.chat("How old is she?", response_format=form, max_tokens=60).text)["age"] in range(1, 10)


def test_responses_are_stored_at_the_front(front, back):
    first = front.request("POST", "/v1/responses", {"model": MODEL, "input": "Say hello.", "max_output_tokens": 16, "temperature": 0})
    assert first.status == 200, first.body
    second = front.request(
        "POST", "/v1/responses", {"model": MODEL, "input": "Again.", "previous_response_id": first.json["id"], "max_output_tokens": 16})
    assert second.status == 200, second.body
    assert front.request("GET", f"/v1/responses/{first.json['id']}").status == 200
    assert back.request("GET", f"/v1/responses/{first.json['id']}").status == 404


def test_other_dialects_work(front):
    messages = [{"role": "user", "content": "Say hello."}]
    anthropic = front.request("POST", "/v1/messages", {"model": MODEL, "max_tokens": 12, "messages": messages})
    assert anthropic.status == 200 and anthropic.json["content"][0]["text"], anthropic.body
    ollama = front.request("POST", "/api/chat", {"model": MODEL, "messages": messages, "stream": False, "options": {"num_predict": 12}})
    assert ollama.status == 200 and ollama.json["message"]["content"] and ollama.json["done"], ollama.body
    text = front.request("POST", "/v1/completions", {"model": MODEL, "prompt": "Once upon", "max_tokens": 8, "temperature": 0})
    assert text.status == 200 and text.json["choices"][0]["text"], text.body


def test_tokens_are_counted_by_the_upstream(front, back):
    body = {"model": MODEL, "content": "Hello there."}
    answer = front.request("POST", "/v1/tokenize", body)
    assert answer.status == 200, answer.body
    assert answer.json["tokens"] == back.request("POST", "/v1/tokenize", body).json["tokens"]
    conversation = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    for path in ("/v1/chat/completions/render", "/v1/chat/completions/input_tokens", "/apply-template"):
        assert front.request("POST", path, conversation).json == back.request("POST", path, conversation).json


def test_mistakes_keep_their_status_and_field(front):
    assert front.chat(temperature=9).json["error"]["param"] == "temperature"
    assert front.chat("word " * 20_000).status == 400
    front.chat(model="nobody").assert_error(404, None, "model_not_found")


def test_what_only_own_models_have_is_refused(front):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "a"}]}
    decision = {"model": MODEL, "input": "a", "questions": [{"type": "predicate", "instructions": "b"}]}
    front.request("POST", "/v1/decisions", decision).assert_error(400, "model", "model_not_usable")
    assert front.request("GET", f"/slots?model={MODEL}").json == []
    assert front.request("POST", "/v1/chat/completions", {**body, "lora": [{"id": 0, "scale": 1}]}).status == 400
    assert front.request("GET", f"/props?model={MODEL}").status == 400
    assert front.request("GET", f"/v1/tokenizer_info?model={MODEL}").status == 400


def test_commands_show_upstreams(front):
    listed = run(front.home, "list", "--json")
    assert listed.returncode == 0, listed.stderr
    record = {model["id"]: model for model in json.loads(listed.stdout)}[f"back/{MODEL}"]
    assert (record["source"], record["upstreams"], record["path"]) == ("upstream", ["back"], "")
    for command in (["list"], ["show", MODEL], ["show", MODEL, "--json"], ["discover"], ["config", "check"], ["config", "show"]):
        shown = run(front.home, *command)
        assert shown.returncode == 0 and ("back" in shown.stdout or "valid" in shown.stdout), shown.stderr + shown.stdout
    server = run(front.home, "upstreams", "--host", f"127.0.0.1:{front.port}")
    assert server.returncode == 0 and "shimmy" in server.stdout and "healthy" in server.stdout, server.stderr
    tested = run(front.home, "upstreams", "test", "back")
    assert tested.returncode == 0 and "whole answer" in tested.stdout, tested.stderr
    assert run(front.home, "upstreams", "test", "nobody").returncode == 64
    assert run(front.home, "ps", "--host", f"127.0.0.1:{front.port}").returncode == 0


def test_metrics_name_upstreams(front):
    text = front.request("GET", "/metrics").body.decode()
    assert 'shimmy_upstream_healthy{upstream="back"} 1' in text and 'shimmy_upstream_requests_total{upstream="back"}' in text


# A server with faults


@pytest.fixture(scope="module")
def faulty():
    with FaultyUpstream("m", "embed-m") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def exposed(tmp_path_factory, faulty):
    """A server in front of the faulty one."""
    home = front_home(tmp_path_factory.mktemp("exposed"), faulty_table(faulty, timeout=2, first_byte_timeout=2, api_key="sk-very-secret"))
    with Server(home) as server:
        yield server


@pytest.fixture
def broken(exposed, faulty):
    """Waits until a circuit breaker of an earlier test is closed."""
    faulty.fault = None
    wait_until(lambda: exposed.chat(model="m").status == 200, "an answer")
    faulty.requests.clear()
    yield exposed
    faulty.fault = None


def test_without_faults_it_answers(broken, faulty):
    answer = broken.chat(model="m")
    assert answer.text == TEXT and answer.json["usage"]["prompt_tokens"] == 3
    headers, body = faulty.requests[-1]
    assert headers["authorization"] == "Bearer sk-very-secret" and body["model"] == "m" and headers["x-shimmy-hops"]
    vector = broken.request("POST", "/v1/embeddings", {"model": "embed-m", "input": "a"})
    assert vector.status == 200 and vector.json["data"][0]["embedding"] == pytest.approx([0.6, 0.8]), vector.body


def test_the_upstream_gets_the_sampling_that_the_request_sets(broken, faulty):
    def sent(**fields):
        body = {"model": "m", "messages": [{"role": "user", "content": "a"}], **fields}
        assert broken.request("POST", "/v1/chat/completions", body).status == 200
        return {name: value for name, value in faulty.requests[-1][1].items() if name in ("temperature", "top_p")}

    assert sent(temperature=1, top_p=1) == {"temperature": 1, "top_p": 1}
    assert sent(temperature=0) == {"temperature": 0}
    assert sent() == {}


@pytest.mark.parametrize(("fault", "status", "code"), [
    (refusing(500), 502, "upstream_failed"),
    (refusing(401), 502, "upstream_unauthorized"),
    (refusing(429, headers={"retry-after": "1"}), 429, "upstream_busy"),
    (refusing(503, headers={"retry-after": "1"}), 503, "upstream_busy"),
    (lambda handler: handler.answer(200, b"<html>not an API</html>"), 502, "upstream_unreadable"),
    (lambda handler: handler.send(b"data: {\"choices\": [\n\n"), 502, "upstream_unreadable"),
    (lambda handler: handler.reset(), 502, "upstream_interrupted"),
    (lambda handler: handler.send(b""), 502, "upstream_interrupted"),
    (lambda handler: handler.answer(200, b"<html></html>", {"content-type": "text/html"}), 502, "upstream_unreadable"),
    (lambda handler: handler.send(chunk("m", {}, "content_filter")), 400, "content_filter"),
], ids=["500", "401", "429", "503", "html", "garbage", "reset", "empty", "page", "filter"])
@pytest.mark.parametrize("streams", [False, True])
def test_each_fault_has_its_error(broken, faulty, fault, status, code, streams):
    faulty.fault = fault
    answer = broken.chat(model="m", stream=streams)
    assert (answer.status, answer.json["error"]["code"]) == (status, code), answer.body
    assert "faulty" in answer.json["error"]["message"] and "sk-very-secret" not in answer.body.decode()
    assert len(faulty.requests) == 1
    if code == "upstream_busy":
        assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("status", [429, 503])
def test_each_dialect_says_when_a_busy_upstream_has_room(broken, faulty, status):
    faulty.fault = refusing(status, "no room", headers={"retry-after": "2"})
    messages = [{"role": "user", "content": "a"}]
    anthropic = broken.request("POST", "/v1/messages", {"model": "m", "max_tokens": 9, "messages": messages})
    expected = {429: (429, "rate_limit_error"), 503: (529, "overloaded_error")}[status]
    assert (anthropic.status, anthropic.json["error"]["type"], anthropic.headers["retry-after"]) == (*expected, "2")
    ollama = broken.request("POST", "/api/chat", {"model": "m", "messages": messages, "stream": False})
    assert (ollama.status, ollama.headers["retry-after"]) == (status, "2") and "no room" in ollama.json["error"]


def test_a_mistake_keeps_its_field(broken, faulty):
    faulty.fault = refusing(422, "top_p is odd", param="top_p", code="odd")
    message = broken.chat(model="m").assert_error(422, "top_p", "odd")
    assert message == "top_p is odd"


def test_a_reset_at_any_byte_ends_the_stream_with_an_error(broken, faulty):
    whole = stream("m")
    ends = set()
    for at in range(0, len(whole) - len(b"data: [DONE]\n\n"), 7):
        faulty.fault = cut(at)
        faulty.requests.clear()
        answer = broken.chat(model="m", stream=True)
        if answer.status == 429 or answer.status == 503:  # The breaker is open.
            faulty.fault = None
            wait_until(lambda: broken.chat(model="m").status == 200, "an answer")
            continue
        assert len(faulty.requests) == 1
        if answer.status != 200:
            assert answer.json["error"]["code"].startswith("upstream_")
            continue
        last = answer.events[-1]
        ends.add(last if last == "[DONE]" else last["error"]["code"])
        text = "".join(event["choices"][0]["delta"].get("content") or "" for event in answer.events if event != "[DONE]" and event.get("choices"))
        assert TEXT.startswith(text)
        if last == "[DONE]":
            assert text == TEXT
    assert "upstream_interrupted" in ends


def test_a_stall_ends_with_a_timeout(broken, faulty):
    stalled = threading.Event()

    def before(handler):
        stalled.wait(10)

    def after(handler):
        handler.send(chunk("m", {"role": "assistant", "content": "Hello"}))
        stalled.wait(10)

    faulty.fault = before
    assert broken.chat(model="m").json["error"]["code"] == "upstream_timeout"
    faulty.fault = after
    answer = broken.chat(model="m", stream=True)
    assert answer.status == 200 and answer.events[-1]["error"]["code"] == "upstream_timeout"
    stalled.set()


def test_a_disconnect_closes_the_request_at_the_upstream(broken, faulty):
    closed = threading.Event()

    def fault(handler):
        handler.begin()
        try:
            for _ in range(2000):
                handler.wfile.write(chunk("m", {"content": "word "}))
                closed.wait(0.01)
        except OSError:
            closed.set()

    faulty.fault = fault
    connection = broken.connection()
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "a"}], "stream": True})
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert response.read(20)
    response.close()
    connection.close()
    assert closed.wait(15)
    wait_until(lambda: upstreams(broken)["faulty"]["running"] == 0, "the end of the request")


def test_a_stream_starts_without_an_answer_that_takes_long(tmp_path):
    with FaultyUpstream("m") as upstream:
        home = front_home(tmp_path, faulty_table(upstream))
        with Server(home, "--load-silence", "0") as server:
            for fault, last in ((lambda handler: handler.send(stream("m")), "[DONE]"), (refusing(500), "upstream_failed")):
                computed = threading.Event()

                def slow(handler, fault=fault, computed=computed):
                    assert computed.wait(30)
                    fault(handler)

                upstream.fault = slow
                connection = server.connection()
                body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "a"}], "stream": True})
                connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                assert response.status == 200 and response.readline().startswith(b":")
                computed.set()
                event = Answer(200, {"content-type": "text/event-stream"}, response.read().lstrip(b"\n")).events[-1]
                assert (event if event == "[DONE]" else event["error"]["code"]) == last
                connection.close()


# Replicas


def test_another_replica_answers_before_the_first_byte_and_never_after(tmp_path):
    with FaultyUpstream("m") as one, FaultyUpstream("m") as two:
        home = front_home(tmp_path, faulty_table(one, "one"), faulty_table(two, "two"))
        with Server(home) as server:
            one.fault = refusing(500)
            for _ in range(4):
                answer = server.chat(model="m")
                assert answer.status == 200 and answer.headers["x-shimmy-upstream"] == "two", answer.body
            assert upstreams(server)["one"]["failovers"] == len(one.requests)
            two.fault = refusing(500)
            message = server.chat(model="m").assert_error(503, None, "upstream_unavailable", "server_error")
            assert "one: " in message and "two: " in message
        one.fault = two.fault = cut(len(chunk("m", {"role": "assistant", "content": "Hello"})))
        one.requests.clear()
        two.requests.clear()
        with Server(home) as server:
            answer = server.chat(model="m", stream=True)
            assert answer.status == 200 and answer.events[-1]["error"]["code"] == "upstream_interrupted"
            assert len(one.requests) + len(two.requests) == 1


def test_a_replica_that_dies_and_returns_is_used_again(tmp_path):
    with FaultyUpstream("m") as stays:
        leaves = FaultyUpstream("m")
        home = front_home(tmp_path, faulty_table(stays, "stays", priority=2), faulty_table(leaves, "leaves"))
        with Server(home) as server:
            assert server.chat(model="m").headers["x-shimmy-upstream"] == "leaves"
            leaves.__exit__()
            for _ in range(10):
                answer = server.chat(model="m")
                assert answer.status == 200 and answer.headers["x-shimmy-upstream"] == "stays", answer.body
            wait_until(lambda: upstreams(server)["leaves"]["healthy"] is False, "a failed check")
            wait_until(lambda: server.chat(model="leaves/m").status == 503, "a second failed check")
            with FaultyUpstream("m", port=leaves.port):
                wait_until(lambda: server.chat(model="m").headers["x-shimmy-upstream"] == "leaves", "its return")


def test_a_refused_connection_names_the_upstream(tmp_path):
    gone = FaultyUpstream("m")
    home = front_home(tmp_path, faulty_table(gone, "gone", health_interval=3600))
    with Server(home) as server:
        gone.__exit__()
        # The first request may get a connection from before.
        wait_until(lambda: server.chat(model="m").json["error"]["code"] == "upstream_unreachable", "a refused connection")
        answer = server.chat(model="m")
        assert answer.status == 502 and "'gone'" in answer.json["error"]["message"]


# Loops, settings


def test_a_request_that_comes_back_ends(tmp_path):
    with FaultyUpstream("m") as mirror:
        home = front_home(tmp_path, faulty_table(mirror, "mirror"))
        with Server(home) as server:

            def fault(handler):
                headers = {"x-shimmy-hops": handler.headers["x-shimmy-hops"]}
                body = {name: value for name, value in handler.body.items() if name != "stream_options"}
                answer = server.request("POST", "/v1/chat/completions", {**body, "stream": False}, headers)
                handler.answer(answer.status, answer.body)

            mirror.fault = fault
            server.chat(model="m").assert_error(508, None, "upstream_loop", "server_error")
            assert len(mirror.requests) == 1
            body = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
            far = server.request("POST", "/v1/chat/completions", body, {"x-shimmy-hops": "1,2,3,4,5,6,7,8"})
            far.assert_error(508, None, "upstream_loop", "server_error")
            assert len(mirror.requests) == 1


def test_settings_apply_while_the_server_runs(tmp_path):
    with FaultyUpstream("m") as one, FaultyUpstream("n") as two:
        home = front_home(tmp_path, faulty_table(one, "one"))
        with Server(home) as server:

            def names():
                return {model["id"] for model in server.request("GET", "/v1/models").json["data"]}

            assert names() == {"m", "one/m"}
            write(home, faulty_table(one, "one"), faulty_table(two, "two", prefix="far-"))
            wait_until(lambda: names() == {"m", "one/m", "far-n", "two/n"}, "the new models")
            assert server.chat(model="far-n").status == 200 and two.requests[-1][1]["model"] == "n"
            write(home, faulty_table(two, "two"))
            wait_until(lambda: names() == {"n", "two/n"}, "the end of the old models")
            server.chat(model="m").assert_error(404, None, "model_not_found")


def test_a_model_of_the_disk_wins(tmp_path):
    with FaultyUpstream(MODEL) as upstream:
        home = make_home(tmp_path / "home")
        write(home, faulty_table(upstream, "far"))
        with Server(home) as server:
            models = {model["id"]: model["shimmy"]["source"] for model in server.request("GET", "/v1/models").json["data"]}
            assert models[f"far/{MODEL}"] == "upstream" and models[MODEL] != "upstream"
            assert "x-shimmy-upstream" not in server.chat().headers
            assert server.chat(model=f"far/{MODEL}").headers["x-shimmy-upstream"] == "far"


def test_mistakes_in_the_file_are_reported_with_lines_and_without_keys(tmp_path):
    home = front_home(tmp_path, '[upstream."a"]\nurl = "http://me:hidden@host"\nwieght = 1\n[upstream."b"]\napi_key = "hid den"\n')
    checked = run(home, "config", "check")
    assert checked.returncode == 1 and "hid" not in checked.stdout
    for part in (":2: upstream.a.url", ":3: upstream.a.wieght", "weight", ":4: upstream.b", ":5: upstream.b.api_key"):
        assert part in checked.stdout, checked.stdout


def test_unusable_addresses_headers_and_fields_are_reported_with_lines(tmp_path):
    tables = (
        '[upstream."a"]', 'url = "http://h:99999"', '[upstream."b"]', 'url = "http://[::1"', '[upstream."c"]', 'url = "http://[::1]:80/v1"',
        'headers = { Host = "x", "Content-Length" = "5" }', 'fields = { drop = ["messages"], add = { stream = false } }')
    checked = run(front_home(tmp_path, *tables), "config", "check")
    assert checked.returncode == 1
    for part in (":2: upstream.a.url", ":4: upstream.b.url", ":7: upstream.c.headers", ":8: upstream.c.fields", "Host", "Content-Length", "messages"):
        assert part in checked.stdout, checked.stdout
    assert ":6:" not in checked.stdout and "'stream'" in checked.stdout


# What the upstream lacks is done here


def called(name: str, arguments: str):
    """Returns a fault: an answer that calls a tool."""
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return lambda handler: handler.send(chunk("m", {"role": "assistant", "tool_calls": [call]}) + chunk("m", {}, "tool_calls") + b"data: [DONE]\n\n")


def in_turn(*faults):
    """Returns a fault that behaves like each of the faults once, and then like the last one."""
    rest = list(faults)
    return lambda handler: (rest.pop(0) if len(rest) > 1 else rest[0])(handler)


def test_counts_that_the_upstream_does_not_report_are_estimated(broken, faulty):
    whole = chunk("m", {"content": "Hello "}) + chunk("m", {"content": "there, friend."}, "stop") + b"data: [DONE]\n\n"
    faulty.fault = lambda handler: handler.send(whole)
    answer = broken.chat(model="m")
    assert answer.headers["x-shimmy-usage"] == "estimated"
    assert answer.json["usage"]["completion_tokens"] == 5 and answer.json["usage"]["prompt_tokens"] > 0
    streamed = broken.chat(model="m", stream=True, stream_options={"include_usage": True})
    assert streamed.events[-2]["usage"]["completion_tokens"] == 5


def test_the_upstreams_tokenizer_counts(tmp_path):
    with FaultyUpstream("m") as upstream:

        def fault(handler):
            if handler.path == "/detokenize":
                return handler.answer(200, {"prompt": "text"})
            if handler.path == "/tokenize":
                count = len(handler.body["prompt"].split()) if "prompt" in handler.body else 11
                return handler.answer(200, {"tokens": list(range(count)), "count": count})
            return handler.send(chunk("m", {"content": "one two "}) + chunk("m", {"content": "three"}, "stop") + b"data: [DONE]\n\n")

        upstream.fault = fault
        with Server(front_home(tmp_path, faulty_table(upstream, kind="vllm", health="/v1/models"))) as server:
            answer = server.chat(model="m")
            assert answer.status == 200 and answer.headers["x-shimmy-usage"] == "counted", answer.body
            assert (answer.json["usage"]["prompt_tokens"], answer.json["usage"]["completion_tokens"]) == (11, 3)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("wrong", "path"), [
    (called("nobody", "{}"), "choices[0].message.tool_calls[0].function.name"),
    (called("get_age", '{"age": 3'), "choices[0].message.tool_calls[0].function.arguments"),
], ids=["name", "arguments"])
def test_a_wrong_call_is_requested_once_more(broken, faulty, wrong, path, streams):
    right = called("get_age", '{"age": 3}')
    faulty.fault = in_turn(wrong, right)
    answer = broken.chat(model="m", tools=[TOOL], stream=streams)
    assert answer.status == 200 and len(faulty.requests) == 2 and "x-shimmy-unfit" not in answer.headers
    assert b"get_age" in answer.body and b"nobody" not in answer.body
    faulty.fault = wrong
    assert broken.chat(model="m", tools=[TOOL], stream=streams).headers["x-shimmy-unfit"] == path


def test_required_calls_and_schemas_are_checked(broken, faulty):
    faulty.fault = in_turn(called("get_age", '{"age": 30}'), called("get_age", '{"age": 3}'))
    message = broken.chat(model="m", tools=[TOOL], tool_choice="required").json["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"age": 3}
    form = {"type": "json_schema", "json_schema": {"name": "age", "schema": SCHEMA}}
    faulty.fault = in_turn(*(lambda handler, text=text: handler.send(stream("m", text)) for text in ('{"age": "old"}', '{"age": 4}')))
    faulty.requests.clear()
    answer = broken.chat(model="m", response_format=form)
    assert json.loads(answer.text) == {"age": 4} and len(faulty.requests) == 2


@pytest.mark.parametrize("form", [
    {"guided_choice": ["yes", "no"]}, {"guided_regex": "yes|no"}, {"structured_outputs": {"regex": "no|yes"}}, {"grammar": 'root ::= "yes" | "no"'},
], ids=["choice", "regex", "structured", "grammar"])
def test_an_answer_is_held_to_its_grammar(tmp_path, form):
    def answering(text):
        return lambda handler: handler.send(stream("m", text))

    with FaultyUpstream("m") as upstream, Server(front_home(tmp_path, faulty_table(upstream, kind="vllm", health="/v1/models"))) as server:
        upstream.fault = in_turn(answering("or maybe not"), answering("yes"))
        answer = server.chat(model="m", **form)
        assert answer.text == "yes" and len(upstream.requests) == 2 and "x-shimmy-unfit" not in answer.headers, answer.body
        assert answer.json["usage"]["completion_tokens"] == 1
        upstream.fault = answering("maybe")
        assert server.chat(model="m", **form).headers["x-shimmy-unfit"] == "choices[0].message.content"
        upstream.requests.clear()
        streamed = server.chat(model="m", stream=True, **form)
        assert b"maybe" in streamed.body and len(upstream.requests) == 1


def test_a_response_is_truncated_for_its_upstream(broken, faulty):
    def fault(handler):
        count = len(handler.body["messages"])
        if count > 3:
            message = f"The maximum context length is 30 tokens, but you sent {count * 10}."
            return handler.answer(400, {"error": {"message": message, "param": "messages"}})
        return handler.send(stream("m"))

    faulty.fault = fault
    items = [{"role": "user", "content": f"This is the message with the number {number}."} for number in range(12)]
    body = {"model": "m", "input": items, "store": False}
    assert broken.request("POST", "/v1/responses", body).status == 400
    answer = broken.request("POST", "/v1/responses", {**body, "truncation": "auto"})
    assert answer.status == 200, answer.body
    assert int(answer.headers["x-shimmy-dropped-items"]) >= 9 and len(faulty.requests[-1][1]["messages"]) <= 3
    assert faulty.requests[-1][1]["messages"][-1]["content"] == items[-1]["content"]


def test_a_limit_of_the_upstream_is_reported(broken, faulty):
    def fault(handler):
        if handler.body.get("max_tokens", 0) > 40:
            return handler.answer(400, {"error": {"message": f"max_tokens is too large: {handler.body['max_tokens']}. It supports at most 40."}})
        return handler.send(stream("m"))

    faulty.fault = fault
    assert broken.chat(model="m", max_tokens=100).status == 400
    answer = broken.chat(model="m", max_tokens=100, max_tokens_over_context="clamp")
    assert answer.status == 200 and answer.headers["x-shimmy-clamped-tokens"] == "40", answer.body


def test_a_replica_without_the_model_is_not_the_last(tmp_path):
    with FaultyUpstream("m") as one, FaultyUpstream("m") as two:
        home = front_home(tmp_path, faulty_table(one, "one", priority=1), faulty_table(two, "two", priority=2))
        with Server(home) as server:
            one.fault = refusing(404, "The model 'm' does not exist.", param="model", code="model_not_found")
            for _ in range(3):
                assert server.chat(model="m").headers["x-shimmy-upstream"] == "two"
            two.fault = one.fault
            server.chat(model="m").assert_error(404, "model", "model_not_found")
            assert [upstreams(server)[name]["failures"] for name in ("one", "two")] == [0, 0]


def test_failed_checks_do_not_refuse_what_works(tmp_path):
    with FaultyUpstream("m") as upstream, Server(front_home(tmp_path, faulty_table(upstream))) as server:
        # A list of nothing makes the handler fail, which ends the connection of a check.
        upstream.models = None
        wait_until(lambda: upstreams(server)["faulty"]["healthy"] is False, "a failed check")
        for _ in range(3):
            assert server.chat(model="m").text == TEXT
        upstream.models = ("m",)
        wait_until(lambda: upstreams(server)["faulty"]["healthy"] is True, "a check that succeeds")


@pytest.mark.parametrize("dialect", ["responses", "messages"])
def test_a_setting_chooses_the_dialect(tmp_path, back, dialect):
    home = front_home(tmp_path, table("back", back.url, kind="shimmy", dialect=dialect))
    with Server(home) as server:
        answer = server.chat()
        assert answer.status == 200 and answer.headers["x-shimmy-upstream"] == "back", answer.body
        assert answer.text == back.chat().text
        assert answer.json["usage"]["completion_tokens"] == back.chat().json["usage"]["completion_tokens"]
        streamed = server.chat(stream=True)
        assert streamed.events[-1] == "[DONE]" and streamed.streamed_text == answer.text
        form = {"type": "json_schema", "json_schema": {"name": "age", "schema": SCHEMA, "strict": True}}
        assert json.loads(server.chat("How old is she?", response_format=form, max_tokens=60).text)["age"] in range(1, 10)
        message = server.chat("How old is she?", tools=[TOOL], tool_choice="required", max_tokens=60).json["choices"][0]["message"]
        [call] = message["tool_calls"]
        assert call["function"]["name"] == "get_age" and json.loads(call["function"]["arguments"])["age"] in range(1, 10)
        told = [message, {"role": "tool", "tool_call_id": call["id"], "content": "7"}]
        body = {"model": MODEL, "messages": [{"role": "user", "content": "How old is she?"}, *told], "tools": [TOOL], "max_tokens": 8}
        assert server.request("POST", "/v1/chat/completions", body).status == 200


def test_a_kind_has_only_its_dialects(tmp_path):
    with FaultyUpstream("m") as upstream, Server(front_home(tmp_path, faulty_table(upstream))) as server:
        write(tmp_path, faulty_table(upstream, dialect="messages"))
        wait_until(lambda: server.request("GET", "/admin/upstreams").json["problem"], "a problem")
        assert "'messages'" in server.request("GET", "/admin/upstreams").json["problem"]
        assert server.chat(model="m").status == 200


def test_the_matrix_of_upstreams_is_the_documents(front):
    printed = run(front.home, "compat", "upstreams")
    document = Path(__file__).resolve().parents[2] / "docs/UPSTREAMS_COMPAT.md"
    assert printed.returncode == 0 and printed.stdout == document.read_text()
    sections = json.loads(run(front.home, "compat", "upstreams", "--json").stdout)["sections"]
    assert {"vllm", "openai"} <= set(sections[0]["rows"][0]["upstreams"])
    assert run(front.home, "compat", "nobody").returncode == 64
