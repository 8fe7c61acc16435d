"""After a client disconnects, at any stage, the work stops within a step and leaves nothing behind."""

import socket
import threading
import time

import pytest

import raw
from server import MODEL, Server


def long_prompt(words: int, salt: str) -> list:
    return [{"role": "user", "content": " ".join(f"{salt}{number}" for number in range(words))}]


@pytest.mark.parametrize("stream", [False, True])
def test_during_decode(server, stream):
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=4000, stream=stream)))
        server.wait_for(lambda engine: engine["running"] == 1, "the start")
        if stream:
            connection.read_until(raw.TEXT)
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)


@pytest.mark.parametrize("stream", [False, True])
def test_during_prefill(server, stream):
    messages = long_prompt(1200, f"s{int(stream)}x")
    before = server.engine()["tokens_computed"]
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, messages=messages, stream=stream)))
        server.wait_for(lambda engine: engine["running"] == 1 and engine["tokens_computed"] > before, "the first step")
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)
    # 1,200 such words are about 5,000 tokens, most of which were not computed.
    assert server.engine()["tokens_computed"] - before < 3000


def test_while_waiting(home):
    with Server(home, "--slots", "1") as server, raw.Connection(server.port) as first:
        first.send(first.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=4000, stream=True)))
        first.read_until(raw.TEXT)
        with raw.Connection(server.port) as second:
            second.send(second.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, messages=long_prompt(5, "q"))))
            server.wait_for(lambda engine: engine["waiting"] == 1, "the queue")
        server.wait_for(lambda engine: engine["waiting"] == 0, "the empty queue", 5)
        assert server.engine()["running"] == 1


def test_one_of_two_leaves_the_other(server):
    with raw.Connection(server.port) as stays:
        stays.send(stays.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=40, stream=True)))
        stays.read_until(raw.TEXT)
        with raw.Connection(server.port) as leaves:
            leaves.send(leaves.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=4000, stream=True)))
            leaves.read_until(raw.TEXT)
        stays.read_until(b"data: [DONE]")


def test_many_that_leave_at_any_moment(server):
    def client(number: int):
        with raw.Connection(server.port) as connection:
            body = raw.chat_body(MODEL, max_tokens=200, stream=number % 2 == 0, messages=long_prompt(number % 7 * 20 + 1, f"n{number}y"))
            connection.send(connection.request("POST", "/v1/chat/completions", body)[: None if number % 5 else -3])
            time.sleep(number % 10 * 0.02)

    for round in range(3):
        threads = [threading.Thread(target=client, args=(round * 30 + number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    server.wait_for(lambda engine: engine["running"] == engine["waiting"] == 0, "quiet")
    assert server.chat(max_tokens=2).status == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_closes_its_own_side_learns_why_it_gets_no_answer(server, stream):
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/chat/completions", raw.chat_body(MODEL, max_tokens=4000, stream=stream)))
        server.wait_for(lambda engine: engine["running"] == 1, "the start")
        connection.socket.shutdown(socket.SHUT_WR)
        rest = connection.read_to_end()
    assert b"request_cancelled" in rest and b"shutting_down" not in rest
    assert rest.startswith(b"HTTP/1.1 200" if stream else b"HTTP/1.1 400")
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)


def slow_schema(salt: str, count: int = 60) -> dict:
    """Returns a schema that takes as long to compile as the limit allows: each dependency doubles the combinations."""
    names = [f"{salt}{number}" for number in range(count)]
    return {
        "type": "object", "properties": {name: {"type": "integer"} for name in names}, "additionalProperties": False,
        "dependentRequired": {name: [other] for name, other in zip(names, names[1:])},
    }


@pytest.mark.alone
def test_the_preparation_of_abandoned_requests_stops(server):
    """Clients whose requests take long to prepare leave. Twenty of them would keep all workers busy for many seconds."""
    def workers() -> dict:
        return server.request("GET", "/v1/engine").json["server"]["workers"]

    connections = []
    for number in range(20):
        format = {"type": "json_schema", "json_schema": {"name": "a", "schema": slow_schema(f"abandoned{number}-")}}
        body = raw.chat_body(MODEL, response_format=format, max_tokens=5)
        connections.append(raw.Connection(server.port))
        connections[-1].send(connections[-1].request("POST", "/v1/chat/completions", body))
    server.wait_for(lambda _: workers()["waiting"] > 5, "work for all workers")
    for connection in connections:
        connection.__exit__()
    server.wait_for(lambda _: workers()["running"] + workers()["waiting"] == 0, "the end of the work", 2)
