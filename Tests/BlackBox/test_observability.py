"""The log and the metrics of a server, after known requests."""

import http.client
import json
import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

import raw
from log_secrets import LogSecrets
from server import MODEL, REPOSITORY, Server, make_home, wait_until

KEY = "sk-secret-of-the-tests"
PROMPT = "The password is xylophone-plugh."
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A server with a key and aliases that logs JSON."""
    home = make_home(tmp_path_factory.mktemp("watched"))
    with Server(home, "--api-key", KEY, "--log-format", "json", "--log-level", "debug", "--metrics-aliases") as server:
        yield server


def lines(server, event: str) -> list[dict]:
    return [line for line in map(json.loads, server.log.read_text().splitlines()) if line["message"] == event]


def metrics(server, accept: str | None = None) -> str:
    answer = server.request("GET", "/metrics", headers={**AUTHORIZED, **({"Accept": accept} if accept else {})})
    assert answer.status == 200
    return answer.body.decode()


def values(server) -> dict:
    """Returns the values of all samples by name and labels."""
    families = parse_text(metrics(server))
    return {(sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples}


def total(samples: dict, name: str, **labels: str) -> float:
    return sum(value for (key, *pairs), value in samples.items() if key == name and set(labels.items()) <= set(pairs))


def ask(server, request_id: str, **fields):
    body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 8, "ignore_eos": True, **fields}
    return server.request("POST", "/v1/chat/completions", body, {**AUTHORIZED, "X-Request-ID": request_id})


def line_of(server, request_id: str) -> dict:
    """Returns the log line of a request. It is written after the last byte of a stream."""
    def found():
        return [line for line in lines(server, "request completed") if line["request"] == request_id]

    wait_until(lambda: len(found()) == 1, "the line")
    return found()[0]


def test_a_request_leaves_one_line_with_numbers(watched):
    for stream in (False, True):
        answer = ask(watched, f"line-{stream}", stream=stream)
        assert answer.status == 200
        line = line_of(watched, f"line-{stream}")
        assert (line["method"], line["path"], line["api"], line["status"]) == ("POST", "/v1/chat/completions", "openai", 200)
        assert (line["level"], line["model"], line["stream"], line["end"], line["owner"]) == ("info", MODEL, stream, "length", "key")
        assert line["completion_tokens"] == 8 and type(line["completion_tokens"]) is int
        assert line["prompt_tokens"] > 8 and 0 <= line["cached_tokens"] < line["prompt_tokens"]
        assert all(type(line[name]) is int for name in ("queue_ms", "first_ms", "total_ms"))
        assert 0 <= line["queue_ms"] <= line["first_ms"] <= line["total_ms"]


def test_a_line_of_a_mistake_has_no_text_of_the_client(watched):
    bad = watched.request("POST", "/v1/chat/completions?x=xylophone-plugh", {"model": "xylophone-plugh"}, {**AUTHORIZED, "X-Request-ID": "bad"})
    assert bad.status in (400, 404)
    line = line_of(watched, "bad")
    assert (line["status"], line["end"], line["path"]) == (bad.status, "error", "/v1/chat/completions") and "model" not in line
    wrong = watched.request("GET", "/v1/models", headers={"Authorization": "Bearer wrong-key-plugh", "X-Request-ID": "wrong"})
    assert wrong.status == 401 and line_of(watched, "wrong")["owner"] == "address"


def test_paths_of_clients_are_bounded_and_escaped(watched):
    watched.request("GET", "/" + "%0a%22=x" * 200, headers={**AUTHORIZED, "X-Request-ID": "long"})
    assert len(line_of(watched, "long")["path"]) == 200


def test_a_disconnect_is_not_an_error(watched):
    connection = http.client.HTTPConnection("127.0.0.1", watched.port, timeout=60)
    body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 1500, "ignore_eos": True, "stream": True}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {**AUTHORIZED, "Content-Type": "application/json", "X-Request-ID": "gone"})
    response = connection.getresponse()
    # The first event precedes the computation of the prompt; the first text follows it.
    while b'"content":"' not in (line := response.readline()) or b'"content":""' in line:
        assert line, "the stream ended"
    response.close()
    connection.close()
    line = line_of(watched, "gone")
    assert (line["end"], line["level"], line["status"]) == ("disconnect", "info", 200) and line["prompt_tokens"] > 8
    assert not [line for line in map(json.loads, watched.log.read_text().splitlines()) if line["level"] == "error"]


def long_prompt(salt: str) -> list:
    return [{"role": "user", "content": " ".join(f"{salt}{number}" for number in range(1200))}]


MESSAGES = [{"role": "user", "content": PROMPT}]
# Whole answers that take long: by their length or, in APIs without a way to make them long, by their prompt.
LONG_ANSWERS = {
    "/v1/chat/completions": {"messages": MESSAGES, "max_tokens": 1500, "ignore_eos": True},
    "/v1/completions": {"prompt": PROMPT, "max_tokens": 1500, "ignore_eos": True},
    "/v1/responses": {"input": PROMPT, "max_output_tokens": 1500, "ignore_eos": True},
    "/v1/messages": {"messages": long_prompt("m"), "max_tokens": 1500},
    "/api/chat": {"messages": long_prompt("o"), "stream": False},
}


@pytest.mark.parametrize("path", LONG_ANSWERS)
def test_a_disconnect_before_the_response_has_no_status(watched, path):
    watched.wait_for(lambda engine: engine["running"] == 0, "quiet")
    name = "early" + path.replace("/", "-")
    body = json.dumps({"model": MODEL, **LONG_ANSWERS[path]}).encode()
    with raw.Connection(watched.port) as connection:
        connection.send(connection.request("POST", path, body, f"Authorization: Bearer {KEY}", f"X-Request-ID: {name}"))
        watched.wait_for(lambda engine: engine["running"] == 1, "the start")
    line = line_of(watched, name)
    assert (line["end"], line["level"]) == ("disconnect", "info") and "status" not in line
    route = {"route": path, "status": "none", "end": "disconnect"}
    assert total(values(watched), "shimmy_requests_total", **route) >= 1
    assert total(values(watched), "shimmy_requests_total", **{**route, "status": "4xx"}) == 0


def test_a_body_that_its_client_cuts_off_has_no_status(watched):
    with raw.Connection(watched.port) as connection:
        request = connection.request("POST", "/v1/chat/completions", bytes(100), f"Authorization: Bearer {KEY}", "X-Request-ID: cut")
        connection.send(request[:-50])
    line = line_of(watched, "cut")
    assert (line["end"], line["level"]) == ("disconnect", "info") and "status" not in line


def test_the_log_never_contains_prompts_answers_or_keys(watched):
    answer = ask(watched, "secret", stop=["never-plugh"])
    ask(watched, "secret-2", messages=[{"role": "user", "content": PROMPT + " Or not."}])
    ask(watched, "secret-3", tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "xylophone-plugh"}}}])
    line_of(watched, "secret-3")
    log = watched.log.read_text()
    assert "prompt started" in log, "the level is debug"
    said = answer.text.strip()[:40]
    for secret in ["xylophone", "plugh", KEY] + [said] * (len(said) > 12):
        assert secret not in log


def test_the_suite_finds_secrets_in_logs():
    """Each server of the tests checks its log with this at its end."""
    secrets = LogSecrets(("--api-key", KEY), {})
    secrets.note(json.dumps({"messages": [{"role": "user", "content": f"{PROMPT} Say it, please."}]}).encode())
    assert secrets.found(f"… {PROMPT} Say it, please.") and secrets.found(f"key={KEY}") and secrets.found("sk-shimmy-" + "a" * 43)
    assert not secrets.found("request completed method=POST key=key-5f2b1c0d")


def test_text_in_the_log_must_be_allowed(start):
    server = start("--log-level", "debug", "--log-text")
    for text in ("Name the capital of France.", "Name the capital of Peru."):
        server.chat(text, max_tokens=1)
    wait_until(lambda: "prompt=" in server.log.read_text(), "a line with text")
    line = next(line for line in server.log.read_text().splitlines() if "diverges_at=" in line)
    assert re.match(r"\S+Z debug prompt started .*diverges_at=\d+", line)


def test_counters_are_exact(watched):
    before = values(watched)
    usages = [ask(watched, f"count-{number}").json["usage"] for number in range(3)]
    ask(watched, "count-stream", stream=True)
    line = line_of(watched, "count-stream")
    after = values(watched)

    def grown(name, **labels):
        return total(after, name, **labels) - total(before, name, **labels)

    route = {"route": "/v1/chat/completions", "model": MODEL, "status": "2xx", "end": "length", "api": "openai", "method": "POST"}
    assert grown("shimmy_requests_total", **route) == 4
    assert grown("shimmy_answers_total", model=MODEL, end="length") == 4
    assert grown("shimmy_tokens_total", type="input") == sum(usage["prompt_tokens"] for usage in usages) + line["prompt_tokens"]
    cached = sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages) + line["cached_tokens"]
    assert grown("shimmy_tokens_total", type="cached") == grown("shimmy_prefix_cache_hit_tokens_total", model=MODEL) == cached
    assert grown("shimmy_tokens_total", type="output") == 32
    for name in ("gen_ai_server_request_duration_seconds", "gen_ai_server_time_to_first_token_seconds", "shimmy_queue_seconds"):
        assert grown(name + "_count") == 4
    assert grown("shimmy_step_seconds_count", model=MODEL) > 0 and total(after, "shimmy_model_loads_total", model=MODEL) == 1
    assert grown("vllm:generation_tokens_total", model_name=MODEL) == grown("llamacpp:tokens_predicted_total") == 32
    assert total(after, "shimmy_cells_limit", model=MODEL) >= total(after, "shimmy_cells_used", model=MODEL) > 0
    assert total(after, "shimmy_model_memory_bytes", model=MODEL, kind="weights") > 1e7
    kinds = total(after, "shimmy_model_memory_bytes", model=MODEL) - total(after, "shimmy_model_memory_bytes", model=MODEL, kind="grammars")
    assert total(after, "shimmy_device_memory_bytes", model=MODEL) == kinds


def test_writes_to_the_storage_are_timed(watched):
    before = total(values(watched), "shimmy_storage_write_seconds_count")
    assert ask(watched, "stored", store=True).status == 200
    after = values(watched)
    assert total(after, "shimmy_storage_write_seconds_count") > before
    assert 0 < total(after, "shimmy_storage_write_seconds_sum") < 60


@pytest.mark.proc
def test_the_process_has_figures(watched):
    samples = values(watched)
    assert total(samples, "process_resident_memory_bytes") > 1e7 and total(samples, "process_cpu_seconds_total") > 0
    assert 3 < total(samples, "process_open_fds") < total(samples, "process_max_fds")


def test_both_formats_are_valid(watched):
    ask(watched, "format")
    plain = {family.name: family for family in parse_text(metrics(watched))}
    text = metrics(watched, "application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    names = {family.name for family in parse_openmetrics(text)}
    assert {"shimmy_requests", "shimmy_step_seconds", "process_cpu_seconds"} <= names
    assert all(family.documentation and family.type != "unknown" for family in plain.values())


def test_the_metrics_need_a_key_and_a_known_host(watched):
    assert watched.request("GET", "/metrics").status == 401
    assert watched.request("GET", "/metrics", headers={**AUTHORIZED, "Host": "evil.example"}).status == 403


def test_clients_do_not_choose_labels(watched):
    for number in range(20):
        watched.request("POST", "/v1/chat/completions", {"model": f"zzz-{number}", "messages": []}, AUTHORIZED)
        watched.request("GET", f"/zzz-{number}", headers=AUTHORIZED)
    text = metrics(watched)
    assert "zzz-" not in text and 'route="unmatched"' in text


def test_the_dashboard_uses_only_exported_names(watched):
    dashboard = json.loads((REPOSITORY / "docs/grafana.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 10
    exported = set()
    for family in parse_text(metrics(watched)):
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        exported |= {family.name + suffix for suffix in suffixes}
    for query in queries:
        used = set(re.findall(r"\b(?:shimmy|gen_ai_server|gen_ai_client|process)_\w+(?=[\[{ )]|$)", query))
        assert used and used <= exported, query


def test_the_guide_names_every_metric(watched):
    guide = (REPOSITORY / "docs/observability.md").read_text()
    families = [family for family in parse_text(metrics(watched)) if ":" not in family.name]
    names = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    assert names == set(re.findall(r"`((?:shimmy|gen_ai_server|gen_ai_client|process)_\w+)`", guide))


def test_a_server_that_loads_a_model_first_is_not_ready(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home, "--preload") as server:
        # Requests are answered while the model loads.
        answer = server.request("GET", "/ready")
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1" and answer.json["ready"] is False
        loading = answer.json["loading"]
        assert loading is None or loading["model"] == MODEL and 0 <= loading["progress"] <= 1
        wait_until(lambda: server.request("GET", "/ready").status == 200, "the load")
        assert server.request("GET", "/health").json["models_loaded"] == 1
        log = server.log.read_text()
        assert "Server started and listening" not in log and "server started" in log


def test_the_server_says_in_one_line_that_it_drains(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home) as server:
        server.process.terminate()
        server.process.wait(30)
        assert server.log.read_text().count("server drains") == 1
