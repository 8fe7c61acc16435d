"""Many concurrent clients: a single prefill of shared prefixes, fair shares, flexible work, a bounded queue, drafts without effect on answers."""

import threading
import time

import pytest
from jsonschema import validate

import raw
from schemas import COUNT, exactly
from server import MODEL, Server


def ask(server, answers: list, index: int, *args, **fields):
    answers[index] = server.chat(*args, **fields)


def together(server, requests: list[dict]) -> list:
    """Sends all requests at once and returns their answers."""
    answers = [None] * len(requests)
    threads = [threading.Thread(target=ask, args=(server, answers, index), kwargs=request) for index, request in enumerate(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def engine(server) -> dict:
    (model,) = server.request("GET", "/v1/engine").json["data"]
    return model


def words(salt: str, count: int) -> str:
    return " ".join(f"{salt}{number}" for number in range(count))


def test_requests_that_come_together_share_one_prefill(server):
    server.chat(max_tokens=1)
    system = {"role": "system", "content": words("shared", 120)}
    before = engine(server)["prefix_cache"]["computed_tokens"]
    requests = [{"messages": [system, {"role": "user", "content": f"Question {number}"}], "max_tokens": 2} for number in range(6)]
    answers = together(server, requests)
    prompt = answers[0].json["usage"]["prompt_tokens"]
    cached = sorted(answer.json["usage"]["prompt_tokens_details"]["cached_tokens"] for answer in answers)
    # One sequence computed the shared prefix, and the others found it in the cache.
    assert cached[0] < 100 and all(tokens > prompt - 40 for tokens in cached[1:])
    assert engine(server)["prefix_cache"]["computed_tokens"] - before < prompt + 6 * 40


@pytest.mark.parametrize("stream", [False, True])
def test_n_choices_share_one_prefill(server, stream):
    server.chat(max_tokens=1)
    before = engine(server)["prefix_cache"]["computed_tokens"]
    text = words(f"choice{stream}", 80)
    answer = server.chat(text, n=4, temperature=1, seed=5, max_tokens=12, stream=stream, **({"stream_options": {"include_usage": True}} if stream else {}))
    if stream:
        assert answer.events[-1] == "[DONE]"
        usage = answer.events[-2]["usage"]
        texts, reasons = [""] * 4, [[] for _ in range(4)]
        for event in answer.events[:-2]:
            (choice,) = event["choices"]
            texts[choice["index"]] += choice["delta"].get("content", "")
            reasons[choice["index"]].append(choice["finish_reason"])
        # Each choice has one first and one last chunk, and none after it.
        assert all(reason[-1] in ("stop", "length") and not any(reason[:-1]) for reason in reasons)
        assert [event["choices"][0]["index"] for event in answer.events[:4]] == [0, 1, 2, 3]
    else:
        usage = answer.json["usage"]
        assert [choice["index"] for choice in answer.json["choices"]] == [0, 1, 2, 3]
        texts = [choice["message"]["content"] for choice in answer.json["choices"]]
    assert all(texts) and len(set(texts)) >= 3
    assert 4 <= usage["completion_tokens"] <= 48 and usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert engine(server)["prefix_cache"]["computed_tokens"] - before < usage["prompt_tokens"] + 20


def test_n_is_bounded(server):
    server.chat(n=0).assert_error(400, "n", "integer_below_min_value")
    server.chat(n=129).assert_error(400, "n", "integer_above_max_value")
    assert len(server.chat(n=40, max_tokens=1).json["choices"]) == 40


@pytest.mark.alone
def test_a_prediction_saves_time_and_changes_nothing(start):
    """Alone, because the engine measures whether drafts pay off."""
    server = start()
    text = "Repeat this word fifty times: apple apple apple apple apple apple apple apple apple apple"
    plain = server.chat(text, max_tokens=60)
    before = engine(server)["steps"]["count"]
    predicted = server.chat(text, max_tokens=60, prediction={"type": "content", "content": plain.text})
    steps = engine(server)["steps"]["count"] - before
    details = predicted.json["usage"]["completion_tokens_details"]
    assert predicted.text == plain.text
    assert predicted.json["usage"]["completion_tokens"] == plain.json["usage"]["completion_tokens"]
    assert details["accepted_prediction_tokens"] > 20 and steps < 45
    wrong = server.chat(text, max_tokens=60, prediction={"type": "content", "content": plain.text[:12] + words(" nonsense", 30)})
    assert wrong.json["usage"]["completion_tokens_details"]["rejected_prediction_tokens"] > 0
    assert wrong.json["usage"]["completion_tokens_details"]["accepted_prediction_tokens"] < 10
    server.chat(prediction={"type": "content"}).assert_error(400, "prediction.content", "missing_required_parameter")


def test_flexible_work_waits_for_others(home):
    with Server(home) as server, raw.Connection(server.port) as flexible:
        flexible.send(flexible.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=300, stream=True, service_tier="flex")))
        flexible.read_until(raw.TEXT)
        with raw.Connection(server.port) as normal:
            normal.send(normal.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=100, stream=True)))
            normal.read_until(raw.TEXT)
            stages = {status["flex"]: status for status in engine(server)["sequences"]}
            before = stages[True]["generated_tokens"]
            normal.read_until(raw.TEXT)
            normal.read_until(raw.TEXT)
            assert {status["flex"]: status for status in engine(server)["sequences"]}[True]["generated_tokens"] == before
            answer = normal.read_until(b"data: [DONE]")
            assert b'"service_tier":"default"' in answer
        assert b'"service_tier":"flex"' in flexible.read_until(b"data: [DONE]")
        server.chat(service_tier="gold").assert_error(400, "service_tier", "invalid_value")


def test_the_queue_is_bounded(home):
    with Server(home, "--slots", "1", "--queue", "2") as server, raw.Connection(server.port) as first, raw.Connection(server.port) as second:
        for connection in (first, second):
            connection.send(connection.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=2000, stream=True)))
            connection.read_until(b'"role":"assistant"')
        answer = server.chat(n=2)
        message = answer.assert_error(429, None, "rate_limit_exceeded", "rate_limit_error")
        assert "try again" in message and int(answer.headers["retry-after"]) >= 1
        # One more request may wait. When its client disconnects, its position in the queue is free again.
        with raw.Connection(server.port) as third:
            third.send(third.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, stream=True)))
            third.read_until(b'"role":"assistant"')
            server.chat().assert_error(429, None, "rate_limit_exceeded", "rate_limit_error")
        server.wait_for(lambda engine: engine["waiting"] == 1, "the place")
        with raw.Connection(server.port) as fourth:
            fourth.send(fourth.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, stream=True)))
            assert b"200 OK" in fourth.read_until(b'"role":"assistant"')


def test_a_client_with_many_requests_does_not_starve_another(home, tmp_path):
    with Server(home, "--slots", "4", "--api-key", "many", "--api-key", "one") as server:
        many = [raw.Connection(server.port) for _ in range(20)]
        for connection in many:
            body = raw.chat_body(MODEL, max_tokens=400, stream=True)
            connection.send(connection.request("POST", "/v1/chat/completions", body, "Authorization: Bearer many"))
            connection.read_until(b'"role":"assistant"')
        begun = time.monotonic()
        answer = server.request(
            "POST",
            "/v1/chat/completions",
            {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4},
            {"Authorization": "Bearer one"},
        )
        assert answer.status == 200
        health = server.request("GET", "/health").json["engine"]
        # The twenty requests are far from their end.
        assert health["running"] + health["waiting"] == 20, f"{health} after {time.monotonic() - begun:.1f} s"
        for connection in many:
            connection.socket.close()


def test_more_requests_than_cells_all_end(home):
    with Server(home, "--ctx-size", "512") as server:
        requests = [{"text": words(f"cell{number}x", 30), "max_tokens": 60} for number in range(12)]
        answers = together(server, requests)
        assert [answer.status for answer in answers] == [200] * 12
        assert all(answer.json["usage"]["completion_tokens"] <= 60 for answer in answers)
        server.wait_for(lambda engine: engine["running"] == engine["waiting"] == 0, "quiet")


@pytest.mark.proc
def test_a_thousand_random_disconnects_leave_nothing(home):
    import random

    def resident(server) -> int:
        with open(f"/proc/{server.process.pid}/statm") as file:
            return int(file.read().split()[1]) * 4096

    def client(server, generator):
        with raw.Connection(server.port) as connection:
            content = words(f"d{generator.randrange(50)}x", generator.randrange(1, 60))
            body = raw.chat_body(
                MODEL, max_tokens=100, stream=generator.random() < 0.7, n=generator.choice([1, 1, 2]), messages=[{"role": "user", "content": content}]
            )
            connection.send(connection.request("POST", "/v1/chat/completions", body))
            time.sleep(generator.random() * 0.15)

    def storm(server, count: int, seed: int):
        generators = [random.Random(f"{seed}.{number}") for number in range(8)]
        threads = [threading.Thread(target=lambda g=g: [client(server, g) for _ in range(count // 8)]) for g in generators]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.wait_for(lambda engine: engine["running"] == engine["waiting"] == 0, "quiet", 30)

    with Server(home, "--ctx-size", "2048") as server:
        server.chat()
        storm(server, 400, 1)
        before = resident(server)
        storm(server, 1000, 2)
        grown = resident(server) - before
        assert grown < 24 << 20, f"{grown} bytes more"
        assert server.chat().status == 200


def test_the_engine_tells_what_it_does(server):
    server.chat(max_tokens=2)
    answer = server.request("GET", "/v1/engine")
    assert answer.status == 200
    number = {"type": "number", "minimum": 0}
    status = exactly(
        id=COUNT,
        stage={"enum": ["waiting", "prefill", "decode"]},
        slot={"type": ["integer", "null"]},
        prompt_tokens=COUNT,
        cached_tokens=COUNT,
        computed_tokens=COUNT,
        generated_tokens=COUNT,
        flex={"type": "boolean"},
        owner={"type": "string"},
    )
    model = exactly(
        model={"const": MODEL},
        state={"const": "loaded"},
        context_length=COUNT,
        progress={"const": 1},
        memory=exactly(weights=COUNT, kv=COUNT, compute=COUNT, grammars=COUNT, grammars_limit={"const": 64 << 20},
                       devices={"type": "object", "minProperties": 1, "additionalProperties": COUNT}),
        users=COUNT,
        pinned={"const": False},
        expires_at={"type": ["integer", "null"]},
        running=COUNT,
        running_limit={"const": 32},
        waiting=COUNT,
        queue=exactly(used=COUNT, total={"const": 256}, owner_limit={"const": 192}),
        slots=exactly(used=COUNT, total=COUNT),
        faults=exactly(failed_sequences=COUNT, **{name: {"const": 0} for name in ("failed_runs", "refused_chunks", "inconsistencies")}),
        cells=exactly(used=COUNT, total=COUNT),
        steps=exactly(count=COUNT, rows=COUNT, last_seconds=number, overhead=number, seconds=number, model_seconds=number),
        prefix_cache=exactly(cached_tokens=COUNT, computed_tokens=COUNT, restored_tokens=COUNT, evictions=COUNT, reuse={"enum": ["any_prefix", "checkpoints"]}),
        speculation=exactly(guessed_tokens=COUNT, accepted_tokens=COUNT),
        generated_tokens=COUNT,
        pauses=COUNT,
        sequences={"type": "array", "items": status},
    )
    owner = exactly(
        id={"type": "string"}, name={"type": ["string", "null"]}, connections=COUNT, sequences=COUNT, background=COUNT, storage_bytes=COUNT)
    bounds = exactly(
        connections=exactly(open=COUNT, limit=COUNT, client_limit=COUNT, refused=COUNT), requests=exactly(in_flight={"const": 1}, limit=COUNT),
        bodies=exactly(bytes=COUNT, limit=COUNT, waiting=COUNT, waiting_limit=COUNT), histories=exactly(bytes=COUNT, limit=COUNT),
        workers=exactly(threads=COUNT, running=COUNT, waiting=COUNT), storage=exactly(bytes=COUNT, limit=COUNT),
        uploads=exactly(running=COUNT, limit={"const": 4}), names=exactly(aliases=COUNT, created_models=COUNT, limit={"const": 1000}),
        background=exactly(running=COUNT, running_limit={"const": 8}, waiting=COUNT, owner_limit={"const": 1000}),
        owners={"type": "array", "maxItems": 100, "items": owner})
    validate(answer.json, exactly(
        object={"const": "list"}, server=bounds, memory=exactly(budget=COUNT, used=COUNT), waiting=COUNT, waiting_limit={"const": 256},
        data={"type": "array", "minItems": 1, "maxItems": 1, "items": model}))


def test_the_debug_log_says_where_a_prompt_left_the_cache(start):
    server = start("--log-level", "debug", "--log-text")
    opening = words("common", 40)
    server.chat(opening + " first ending", max_tokens=1)
    server.chat(opening + " second ending", max_tokens=1)
    lines = [line for line in server.log.read_text().splitlines() if "diverges_at=" in line]
    assert len(lines) == 1
    assert 'cached=" first"' in lines[0] and 'prompt=" second"' in lines[0] and "common39" in lines[0]
