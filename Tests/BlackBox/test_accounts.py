"""Limits of keys and the record of usage, with official clients against the real program."""

import csv
import io
import json
import os
import sqlite3
import stat
import threading

import anthropic
import openai
import pytest
from openai import OpenAI

from server import MODEL, Server, make_home, run, wait_until

QUESTION = [{"role": "user", "content": "Hi"}]


def create(home, name: str, *options: str) -> str:
    made = run(home, "key", "create", name, *options)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A server with the key of an admin."""
    home = make_home(tmp_path_factory.mktemp("counted"))
    admin = create(home, "admin", "--role", "admin")
    with Server(home, "--trust-user-headers") as server:
        server.home, server.admin = home, admin
        loaded = server.request("POST", "/v1/models/load", {"model": MODEL}, {"Authorization": f"Bearer {admin}"})
        assert loaded.status == 200
        yield server


def client(server, key: str, **options) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=60, **options)


def usage(server, *options: str) -> list:
    printed = run(server.home, "usage", "--json", *options)
    assert printed.returncode == 0, printed.stderr
    return json.loads(printed.stdout)


def ask(api: OpenAI, **fields):
    fields = {"max_tokens": 2, **fields}
    return api.chat.completions.create(model=MODEL, messages=QUESTION, extra_body={"ignore_eos": True}, **fields)


def test_64_clients_get_exactly_the_limit(counted):
    key = create(counted.home, "crowd", "--requests-per-minute", "20")
    answers, refusals, barrier = [], [], threading.Barrier(64)

    def work():
        with client(counted, key) as api:
            barrier.wait()
            for _ in range(2):
                try:
                    answers.append(ask(api))
                except openai.RateLimitError as error:
                    refusals.append(error)

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(answers), len(refusals)) == (20, 108)
    for error in refusals:
        assert (error.code, error.type) == ("rate_limit_exceeded", "requests")
        assert 1 <= int(error.response.headers["retry-after"]) <= 61
        assert error.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_parallel_requests_hold_the_tokens_of_a_minute(counted):
    # The body of a request is small, and the stored conversation that it continues is long.
    key = create(counted.home, "history", "--tokens-per-minute", "1500")
    with client(counted, key) as api:
        first = api.responses.create(model=MODEL, input="word " * 300, max_output_tokens=16)
    answers, refusals, barrier = [first.usage.total_tokens], [], threading.Barrier(32)

    def work():
        with client(counted, key) as api:
            barrier.wait()
            try:
                next_one = api.responses.create(model=MODEL, previous_response_id=first.id, input="Go on.", max_output_tokens=16)
                answers.append(next_one.usage.total_tokens)
            except openai.RateLimitError as error:
                refusals.append(error)

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) + len(refusals) == 33 and len(answers) > 1 and {error.code for error in refusals} == {"rate_limit_exceeded"}
    assert sum(answers) <= 1500
    # Refused requests return their reservations.
    listed = counted.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
    assert listed.headers["x-ratelimit-remaining-tokens"] == str(1500 - sum(answers))


@pytest.mark.parametrize("streams", [False, True])
def test_a_background_response_reports_its_limit(counted, streams):
    key = create(counted.home, f"behind-{streams}", "--max-output-tokens", "20")
    body = {"model": MODEL, "input": "Hi", "background": True, "stream": streams, "max_output_tokens": 50}
    answer = counted.request("POST", "/v1/responses", body, {"Authorization": f"Bearer {key}"})
    assert answer.status == 200 and answer.headers["x-shimmy-clamped-tokens"] == "20"


def test_headers_are_those_of_openai(counted):
    key = create(counted.home, "headed", "--requests-per-minute", "100", "--tokens-per-minute", "100000")
    with client(counted, key) as api:
        raw = api.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION, max_tokens=2)
        used = raw.parse().usage.total_tokens
    assert raw.headers["x-ratelimit-limit-requests"] == "100" and raw.headers["x-ratelimit-remaining-requests"] == "99"
    assert raw.headers["x-ratelimit-limit-tokens"] == "100000" and raw.headers["x-ratelimit-remaining-tokens"] == str(100000 - used)
    assert raw.headers["x-ratelimit-reset-requests"].endswith("s") and raw.headers["x-ratelimit-reset-tokens"].endswith("s")


def test_anthropics_client_sees_its_own_headers(counted):
    key = create(counted.home, "claude", "--requests-per-minute", "1")
    with anthropic.Anthropic(base_url=counted.url, api_key=key, max_retries=0) as api:
        raw = api.messages.with_raw_response.create(model=MODEL, max_tokens=2, messages=QUESTION)
        assert raw.headers["anthropic-ratelimit-requests-limit"] == "1" and raw.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
        with pytest.raises(anthropic.RateLimitError):
            api.messages.create(model=MODEL, max_tokens=2, messages=QUESTION)


def test_one_request_at_a_time(counted):
    key = create(counted.home, "single", "--concurrency", "1")
    with client(counted, key) as api:
        with ask(api, max_tokens=400, stream=True) as stream:
            next(iter(stream))
            with pytest.raises(openai.RateLimitError, match="concurrent requests"):
                ask(api)

        def is_free() -> bool:
            try:
                return bool(ask(api))
            except openai.RateLimitError:
                return False

        # The server notices the disconnect of the stream.
        wait_until(is_free, "the end of the first request")


def test_a_day_is_used_up_and_survives_a_restart(tmp_path):
    home = make_home(tmp_path)
    admin, key = create(home, "admin", "--role", "admin"), create(home, "daily", "--tokens-per-day", "100")
    with Server(home) as server, client(server, key) as api:
        used = 0
        while True:
            try:
                used += ask(api).usage.total_tokens
            except openai.RateLimitError as error:
                assert (error.code, error.type) == ("insufficient_quota", "insufficient_quota")
                assert int(error.response.headers["retry-after"]) > 0
                break
        # A prompt that the rest of the day does not hold is refused.
        assert 0 < used <= 100
    with Server(home) as server, client(server, key) as api:
        with pytest.raises(openai.RateLimitError, match="tokens per day"):
            ask(api)
        assert ask(client(server, admin)).usage.total_tokens > 0
    path = home / "data/usage.sqlite"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        assert database.execute("SELECT sum(input_tokens + output_tokens) FROM usage WHERE requests > errors").fetchone()[0] >= used


def test_a_resumed_response_counts_today(tmp_path):
    home = make_home(tmp_path)
    headers = {"Authorization": f"Bearer {create(home, 'daily', '--tokens-per-day', '10000')}"}
    body = {"model": MODEL, "input": "Hi", "background": True, "max_output_tokens": 16}

    def finished(server, id: str) -> int:
        def response() -> dict:
            return server.request("GET", f"/v1/responses/{id}", headers=headers).json

        wait_until(lambda: response()["status"] in ("completed", "incomplete"), "the response")
        return response()["usage"]["total_tokens"]

    with Server(home) as server:
        id = server.request("POST", "/v1/responses", body, headers).json["id"]
        used = finished(server, id)
    with sqlite3.connect(home / "data/storage/shimmy.sqlite") as stored:
        stored.execute("UPDATE record SET status = 'queued', request = ? WHERE id = ?", (json.dumps(body), id))
        stored.execute("DELETE FROM event WHERE number > 1")
    stored.close()
    with Server(home) as server:
        used += finished(server, id)

        def remaining() -> str:
            return server.request("GET", "/v1/models", headers=headers).headers["x-ratelimit-remaining-tokens"]

        wait_until(lambda: remaining() == str(10000 - used), "the count of the resumed response")


def test_usage_is_the_sum_of_the_answers(counted):
    key = create(counted.home, "summed")
    sums = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "requests": 0}

    def count(found):
        sums["requests"] += 1
        sums["input_tokens"] += found.prompt_tokens
        sums["cached_tokens"] += found.prompt_tokens_details.cached_tokens
        sums["output_tokens"] += found.completion_tokens

    with client(counted, key) as api:
        count(ask(api, user="u1").usage)
        count(ask(api, user="u1", n=2).usage)
        for chunk in ask(api, user="u1", stream=True, stream_options={"include_usage": True}):
            if chunk.usage:
                count(chunk.usage)
        made = api.responses.create(model=MODEL, input="Hi", max_output_tokens=3, background=True, safety_identifier="u1")
        wait_until(lambda: api.responses.retrieve(made.id).status not in ("queued", "in_progress"), "the response")
        found = api.responses.retrieve(made.id).usage
        sums["requests"] += 1
        sums["input_tokens"] += found.input_tokens
        sums["cached_tokens"] += found.input_tokens_details.cached_tokens
        sums["output_tokens"] += found.output_tokens

    def line() -> dict:
        return next((line for line in usage(counted) if line["key"] == "summed"), {"requests": 0})

    wait_until(lambda: line()["requests"] == sums["requests"], "the record")
    assert {name: line()[name] for name in sums} == sums and line()["errors"] == 0 and line()["compute_seconds"] > 0
    by_user = [line for line in usage(counted, "--by", "key", "user", "endpoint") if line["key"] == "summed"]
    assert {(line["user"], line["endpoint"]) for line in by_user} == {("u1", "/v1/chat/completions"), ("u1", "/v1/responses")}

    printed = run(counted.home, "usage", "--csv", "--by", "model", "day").stdout
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert rows[0]["model"] == MODEL and int(rows[0]["requests"]) >= sums["requests"]
    assert "summed" in run(counted.home, "usage").stdout
    assert [line["key"] for line in usage(counted, "--key", "summed")] == ["summed"]
    (own,) = json.loads(run(counted.home, "key", "usage", "summed", "--json").stdout)
    assert own["model"] == MODEL and own["requests"] == sums["requests"]
    unknown = run(counted.home, "key", "usage", "sumed")
    assert unknown.returncode == 1 and "there is no key 'sumed'. Did you mean summed?" in unknown.stderr


def test_a_request_names_its_user(counted):
    key = create(counted.home, "named")
    headers = {"Authorization": f"Bearer {key}"}
    requests = [
        ("/v1/chat/completions", {"messages": QUESTION, "max_tokens": 1}, ("user", "safety_identifier")),
        ("/v1/completions", {"prompt": "Hi", "max_tokens": 1}, ("user",)),
        ("/v1/responses", {"input": "Hi", "max_output_tokens": 1}, ("user", "safety_identifier")),
        ("/v1/decisions", {"input": "Hi", "questions": [{"type": "predicate", "instructions": "It rains."}]}, ("safety_identifier",)),
        # The mistake counts for its user, too.
        ("/v1/embeddings", {"input": "Hi"}, ("user",)),
    ]
    expected = set()
    for path, body, fields in requests:
        for field in fields:
            name = f"{path}-{field}"
            answer = counted.request("POST", path, {"model": MODEL, **body, field: name}, headers)
            assert "x-shimmy-ignored-params" not in answer.headers, answer.body
            assert counted.request("POST", path, {"model": MODEL, **body, field: 1}, headers).json["error"]["param"] == field
            expected.add(name)
    message = {"model": MODEL, "messages": QUESTION, "max_tokens": 1, "metadata": {"user_id": "anthropics"}}
    assert "x-shimmy-ignored-params" not in counted.request("POST", "/v1/messages", message, headers).headers
    expected.add("anthropics")

    def users() -> set:
        return {line["user"] for line in usage(counted, "--by", "key", "user") if line["key"] == "named"}

    wait_until(lambda: users() == expected, "the record")


def test_loading_is_a_request_and_comes_after_the_admission(counted):
    key = create(counted.home, "loader", "--requests-per-minute", "1")
    headers = {"Authorization": f"Bearer {key}"}

    def context() -> int:
        return counted.request("GET", "/api/ps", headers=headers).json["models"][0]["context_length"]

    loaded = counted.request("POST", "/api/generate", {"model": MODEL, "keep_alive": "1h"}, headers)
    assert loaded.status == 200 and loaded.json["done_reason"] == "load" and loaded.headers["x-ratelimit-remaining-requests"] == "0"
    before = context()
    for body in ({"prompt": "Hi"}, {}):
        refused = counted.request("POST", "/api/generate", {"model": MODEL, "options": {"num_ctx": before * 2}, **body}, headers)
        assert refused.status == 429 and context() == before


def test_mistakes_are_requests(counted):
    key = create(counted.home, "mistaken", "--requests-per-minute", "20")
    headers = {"Authorization": f"Bearer {key}"}
    mistakes = [
        ("/v1/chat/completions", {"model": "nothing", "messages": QUESTION}),
        ("/v1/chat/completions", {"model": "nothing", "messages": QUESTION, "stream": True}),
        ("/v1/responses", {"model": MODEL, "input": "Hi", "previous_response_id": "resp_unknown"}),
        ("/api/chat", {"model": "nothing", "messages": QUESTION, "options": {"num_ctx": 64}}),
    ]
    for count, (path, body) in enumerate(mistakes, start=1):
        answer = counted.request("POST", path, body, headers)
        assert answer.status in (400, 404) and answer.headers["x-ratelimit-remaining-requests"] == str(20 - count), answer.body


def test_open_webuis_headers_name_the_user(counted):
    key = create(counted.home, "webui")
    with client(counted, key, default_headers={"X-OpenWebUI-User-Email": "ann@example.org", "X-OpenWebUI-User-Name": "Ann"}) as api:
        ask(api)
    wait_until(lambda: any(line["user"] == "ann@example.org" for line in usage(counted, "--by", "user")), "the record")


def test_openais_usage_api(counted):
    admin = client(counted, counted.admin)
    ask(admin)
    page = admin.get(
        "/organization/usage/completions", cast_to=object,
        options={"params": {"start_time": 0, "end_time": 1}})
    assert page["object"] == "page" and page["data"][0]["results"] == [] and page["has_more"] is False
    with sqlite3.connect(f"file:{counted.home / 'data/usage.sqlite'}?mode=ro", uri=True) as database:
        (day,) = database.execute("SELECT max(day) FROM usage").fetchone()
    query = {"start_time": day * 86400, "group_by": ["model"], "bucket_width": "1d"}
    results = admin.get("/organization/usage/completions", cast_to=object, options={"params": query})["data"][0]["results"]
    mine = next(result for result in results if result["model"] == MODEL)
    assert mine["num_model_requests"] >= 1 and mine["input_tokens"] > 0 and mine["api_key_id"] is None
    with pytest.raises(openai.PermissionDeniedError):
        client(counted, create(counted.home, "nosy")).get("/organization/usage/completions", cast_to=object, options={"params": query})


@pytest.mark.parametrize(
    "arguments, message",
    [(["--since", "soon"], "'soon' is not a date"), (["--json", "--csv"], "exclude each other"), (["--by", "key", "key"], "twice")],
)
def test_mistakes_are_named(counted, arguments, message):
    refused = run(counted.home, "usage", *arguments)
    assert refused.returncode == 64 and message in refused.stderr
