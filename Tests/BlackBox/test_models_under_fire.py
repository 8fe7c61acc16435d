"""Five models of different kinds in a budget for two or three: random chat, embedding and rerank requests get the usual answers."""

import os
import random
import re
import threading
import time
from pathlib import Path

import pytest

from server import MODEL, Server, run, wait_until
from test_memory import NAME, engine, memory_of, shelf, status, text  # noqa: F401

pytestmark = pytest.mark.long

SECONDS = float(os.environ.get("SHIMMY_FIRE_SECONDS", "60"))
CLIENTS = 8


QUESTION = "Name three colours of the rainbow."
# The answers of an idle server.
CALM = {}


def ask(server, model: str) -> str:
    reply = server.chat(QUESTION, model=model, max_tokens=16, temperature=0)
    assert reply.status == 200, reply.body
    return reply.json["choices"][0]["message"]["content"]


def vector(server) -> list:
    reply = server.request("POST", "/v1/embeddings", {"model": NAME, "input": QUESTION})
    assert reply.status == 200, reply.body
    return reply.json["data"][0]["embedding"]


def scores(server) -> list:
    reply = server.request("POST", "/v1/rerank", {"model": "judge", "query": "a b", "documents": ["a", "b c", "d e f"]})
    assert reply.status == 200, reply.body
    return [result["relevance_score"] for result in reply.json["results"]]


def compare(server):
    """Checks that models give their usual answers, whatever is loaded or freed meanwhile."""
    model = random.choice([MODEL, "other"])
    # ggml's kernels round differently if a batch contains other sequences.
    assert not CALM["exact"] or ask(server, model) == CALM[model]
    assert vector(server) == pytest.approx(CALM["vector"], abs=1e-3)
    assert scores(server) == pytest.approx(CALM["scores"], abs=1e-3)


def stream(server):
    model = random.choice([MODEL, "other", "mamba"])
    tokens = random.randrange(1, 30)
    answer = server.chat(text(random.randrange(1, 60)), model=model, stream=True, temperature=1, max_tokens=tokens)
    assert answer.status == 200, answer.body
    assert answer.events[-1] == "[DONE]" and answer.events[-2]["choices"][0]["finish_reason"] in ("stop", "length")


def answer(server):
    reply = server.chat(text(5), model=random.choice([MODEL, "other"]), max_tokens=8, keep_alive=random.choice([0, "1s", "5m", -1]))
    assert reply.status == 200, reply.body
    assert 1 <= reply.json["usage"]["completion_tokens"] <= 8


def embed(server):
    inputs = [text(random.randrange(1, 50)) for _ in range(random.randrange(1, 6))]
    reply = server.request("POST", "/v1/embeddings", {"model": NAME, "input": inputs})
    assert reply.status == 200, reply.body
    assert [len(one["embedding"]) for one in reply.json["data"]] == [384] * len(inputs)


def judge(server):
    assert len(scores(server)) == 3


def count(server):
    reply = server.request("POST", "/tokenize", {"model": random.choice([MODEL, "mamba"]), "content": text(10)})
    assert reply.status == 200 and len(reply.json["tokens"]) > 5, reply.body


def misuse(server):
    server.chat(model="words").assert_error(400, "model", "model_not_usable")
    server.chat(model="broken").assert_error(500, None, "model_load_failed", "server_error")
    assert server.request("POST", "/v1/models/unload", {"model": MODEL}).status in (200, 409)


ACTIONS = [compare] * 2 + [stream] * 5 + [answer] * 3 + [embed] * 4 + [judge] * 2 + [count] * 2 + [misuse]


def taken(server) -> int:
    """Returns the anonymous memory in bytes. File pages of a loading model stay resident beside the packed weights until the kernel reclaims them."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status).group(1)) << 10


@pytest.mark.proc
def test_models_come_and_go_under_fire(shelf):  # noqa: F811
    small = ("--ctx-size", "1024", "--slots", "8")
    with Server(shelf, *small) as server:
        sizes = {model: memory_of(server, model) for model in (MODEL, "other", "mamba", NAME, "judge")}
        CALM.update({model: ask(server, model) for model in (MODEL, "other")}, vector=vector(server), scores=scores(server))
        CALM["exact"] = "Shimmy's for" in run(shelf, "info").stdout
    # The budget fits the two largest models and not more.
    budget = sum(sorted(sizes.values())[-2:]) * 11 // 10
    assert sum(sizes.values()) > 1.2 * budget
    with Server(shelf, *small, "--memory-budget", str(budget), "--keep-alive", "20s") as server:
        # The program's memory without a model, after all code has run once.
        for model in sizes:
            assert server.request("POST", "/v1/models/load", {"model": model}).status == 200
            assert server.request("POST", "/v1/models/unload", {"model": model}).status == 200
        idle = taken(server)
        deadline = time.monotonic() + SECONDS
        failures, done, peak, most_used = [], [], [0], [0]

        def client(plan: list):
            while (time.monotonic() < deadline or plan) and not failures:
                action = plan.pop() if plan else random.choice(ACTIONS)
                try:
                    action(server)
                    done.append(action.__name__)
                except Exception as error:  # noqa: BLE001
                    failures.append(f"{action.__name__}: {error!r}")

        # One of the clients starts with each action once.
        everything = list(dict.fromkeys(ACTIONS))
        threads = [threading.Thread(target=client, args=[everything if number == 0 else []]) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            peak[0] = max(peak[0], taken(server))
            most_used[0] = max(most_used[0], engine(server)["memory"]["used"])
            time.sleep(0.1)
        assert not failures, failures
        assert server.process.poll() is None
        freed, loaded = (server.log.read_text().count(message) for message in ("model freed", "model loaded"))
        told = f"{len(done)} requests, {loaded} loads, {freed} freed; idle {idle >> 20} MiB, budget {budget >> 20} MiB, peak {peak[0] >> 20} MiB"
        print(told)
        assert set(done) == {action.__name__ for action in ACTIONS}, told
        assert most_used[0] <= budget, told
        assert peak[0] <= idle + budget, told
        assert freed - len(sizes) >= 3, told
        wait_until(lambda: all(model["users"] == 0 for model in engine(server)["data"]) and engine(server)["waiting"] == 0, "rest")
        assert status(server, "words") is None
