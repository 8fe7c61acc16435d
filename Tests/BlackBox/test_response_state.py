"""State of responses: continued turns, stored objects, background work, and none of it with `--no-store`."""

import http.client
import json
import signal
import sqlite3
import time

import pytest

import raw
from responses import TOOLS, assert_complete, checked, create, output_text, parse, respond, stream
from server import MODEL, Answer, Server, make_home


def get(server, path: str, headers=None) -> Answer:
    return server.request("GET", "/v1/responses/" + path, headers=headers)


def wait(server, id: str, *statuses: str, headers=None) -> dict:
    deadline = time.monotonic() + 60
    while True:
        response = checked(get(server, id, headers).json)
        if response["status"] in statuses:
            return response
        assert time.monotonic() < deadline, response
        time.sleep(0.02)


DONE = ("completed", "incomplete", "failed", "cancelled")
LONG = {"input": "Count to a thousand.", "max_output_tokens": 1500, "ignore_eos": True, "background": True}


# Turns


def test_a_response_goes_on(server):
    first = respond(server, "My name is Ada.", max_output_tokens=30)
    second = respond(server, "Who am I?", previous_response_id=first["id"])
    third = respond(server, "Sure?", previous_response_id=second["id"])
    by_hand = [
        {"role": "user", "content": "My name is Ada."}, *first["output"], {"role": "user", "content": "Who am I?"}, *second["output"],
        {"role": "user", "content": "Sure?"},
    ]
    assert third["previous_response_id"] == second["id"]
    assert third["usage"]["input_tokens"] == respond(server, by_hand)["usage"]["input_tokens"]
    assert server.request("DELETE", "/v1/responses/" + first["id"]).status == 200
    create(server, "Sure?", previous_response_id=second["id"]).assert_error(400, "previous_response_id", "previous_response_not_found")


def test_instructions_are_not_inherited(server):
    first = respond(server, "Hi", instructions="Speak like a pirate. " * 10)
    second = respond(server, "Hi", previous_response_id=first["id"])
    assert second["instructions"] is None and first["instructions"].startswith("Speak")
    plain = [{"role": "user", "content": "Hi"}, *first["output"], {"role": "user", "content": "Hi"}]
    assert second["usage"]["input_tokens"] == respond(server, plain)["usage"]["input_tokens"]


def test_a_tool_goes_on_by_its_output_alone(server):
    tools = {"tools": TOOLS, "parallel_tool_calls": False, "max_output_tokens": 60}
    first = respond(server, "Weather?", tool_choice="required", **tools)
    [call] = first["output"]
    output = [{"type": "function_call_output", "call_id": call["call_id"], "output": "Sun."}]
    second = respond(server, output, previous_response_id=first["id"], tool_choice="none", **tools)
    assert output_text(second)
    create(server, output, tool_choice="none", **tools).assert_error(400, "input", None)


def test_a_conversation_goes_on(server):
    conversation = server.request("POST", "/v1/conversations", {"items": [{"role": "user", "content": "My name is Ada."}]}).json["id"]
    first = respond(server, "Who am I?", conversation=conversation)
    assert first["conversation"] == {"id": conversation}
    second = respond(server, "Sure?", conversation={"id": conversation})
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"] + first["usage"]["output_tokens"]
    items = server.request("GET", f"/v1/conversations/{conversation}/items?order=asc").json["data"]
    assert [item["role"] for item in items] == ["user", "user", "assistant", "user", "assistant"]
    assert items[2]["id"] == first["output"][0]["id"]
    # Failed and cancelled responses add no items to the conversation.
    running = respond(server, conversation=conversation, **LONG)
    server.request("POST", f"/v1/responses/{running['id']}/cancel")
    assert len(server.request("GET", f"/v1/conversations/{conversation}/items").json["data"]) == 5


def test_items_can_be_named(server):
    first = respond(server, "My name is Ada.")
    named = respond(server, [{"role": "user", "content": "My name is Ada."}, {"type": "item_reference", "id": first["output"][0]["id"]}, {"role": "user", "content": "Hm?"}])
    whole = respond(server, [{"role": "user", "content": "My name is Ada."}, first["output"][0], {"role": "user", "content": "Hm?"}])
    assert named["usage"]["input_tokens"] == whole["usage"]["input_tokens"]


def test_a_turn_that_goes_on_finds_its_prefix_computed(server):
    """At least 95% of the previous turn's tokens are cached when a turn continues it."""
    text = "Remember these words: " + " ".join(f"turn{number}" for number in range(120))
    for link in ("previous_response_id", "conversation"):
        more = {"conversation": server.request("POST", "/v1/conversations", {}).json["id"]} if link == "conversation" else {}
        last = respond(server, f"{link}: {text}", max_output_tokens=60, ignore_eos=True, **more)
        for question in ("And then?", "What else?"):
            if link == "previous_response_id":
                more = {"previous_response_id": last["id"]}
            response = respond(server, question, max_output_tokens=60, ignore_eos=True, **more)
            computed = last["usage"]["input_tokens"] + last["usage"]["output_tokens"]
            assert response["usage"]["input_tokens_details"]["cached_tokens"] >= 0.95 * computed, (link, response["usage"], last["usage"])
            last = response


# Storage


def test_a_response_can_be_retrieved_and_deleted(server, client):
    response = respond(server, metadata={"a": "b"})
    assert checked(get(server, response["id"]).json) == response
    assert client.responses.retrieve(response["id"]).output_text == output_text(response)
    get(server, response["id"] + "?stream=true").assert_error(400, "stream", "invalid_value")
    get(server, response["id"] + "?stream=perhaps").assert_error(400, "stream", "invalid_type")
    get(server, response["id"] + "?starting_after=x").assert_error(400, "starting_after", "invalid_type")
    assert server.request("DELETE", "/v1/responses/" + response["id"]).json == {"id": response["id"], "object": "response", "deleted": True}
    for answer in (get(server, response["id"]), server.request("DELETE", "/v1/responses/" + response["id"]), get(server, response["id"] + "/input_items")):
        assert response["id"] in answer.assert_error(404, None, None)
    streamed = stream(server)[-1]["response"]
    assert checked(get(server, streamed["id"]).json) == streamed


def test_what_is_not_stored_is_not_there(server):
    response = respond(server, store=False)
    assert response["store"] is False
    get(server, response["id"]).assert_error(404, None, None)
    create(server, previous_response_id=response["id"]).assert_error(400, "previous_response_id", "previous_response_not_found")


def test_a_server_can_keep_nothing(start):
    server = start("--no-store")
    response = respond(server)
    assert response["store"] is False and output_text(response)
    assert stream(server)[-1]["response"]["store"] is False
    create(server, store=True).assert_error(400, "store", "unsupported_parameter")
    create(server, background=True).assert_error(400, "background", "unsupported_parameter")
    create(server, previous_response_id="resp_1").assert_error(400, "previous_response_id", "unsupported_parameter")
    create(server, conversation="conv_1").assert_error(400, "conversation", "unsupported_parameter")
    get(server, response["id"]).assert_error(400, None, "storage_disabled")


def test_input_items_are_listed(server, client):
    items = [{"role": "user", "content": f"Part {number}"} for number in range(5)]
    response = respond(server, items)

    def listed(query: str) -> dict:
        answer = get(server, f"{response['id']}/input_items{query}")
        assert answer.status == 200, answer.body
        return checked(answer.json)

    def texts(part: dict) -> list:
        return [item["content"][0]["text"] for item in part["data"]]

    everything = listed("?order=asc")
    assert texts(everything) == [f"Part {number}" for number in range(5)] and not everything["has_more"]
    assert texts(listed("")) == texts(everything)[::-1]
    assert everything["first_id"] == everything["data"][0]["id"] and everything["last_id"] == everything["data"][-1]["id"]
    first = listed("?order=asc&limit=2")
    assert texts(first) == ["Part 0", "Part 1"] and first["has_more"]
    assert texts(listed(f"?order=asc&limit=2&after={first['last_id']}")) == ["Part 2", "Part 3"]
    assert len(list(client.responses.input_items.list(response["id"], limit=2))) == 5
    get(server, response["id"] + "/input_items?limit=0").assert_error(400, "limit", "integer_below_min_value")
    get(server, response["id"] + "/input_items?order=up").assert_error(400, "order", "invalid_value")
    get(server, response["id"] + "/input_items?after=nowhere").assert_error(400, "after", "invalid_value")
    get(server, response["id"] + "/input_items?before=nowhere").assert_error(400, "before", "unknown_parameter")
    get(server, response["id"] + "/input_items?include=none").assert_error(400, "include", "invalid_value")
    assert texts(listed("?order=asc&include[]=message.output_text.logprobs")) == texts(everything)


def test_a_key_sees_its_own_responses_only(start, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("one\ntwo\n")
    server = start("--api-key-file", str(keys))
    one, two = ({"Authorization": f"Bearer {key}"} for key in ("one", "two"))
    response = create(server, headers=one).json
    waiting = create(server, headers=one, **LONG).json
    for path in (response["id"], response["id"] + "/input_items", waiting["id"], waiting["id"] + "?stream=true"):
        get(server, path, two).assert_error(404, None, None)
    server.request("DELETE", "/v1/responses/" + response["id"], headers=two).assert_error(404, None, None)
    server.request("POST", f"/v1/responses/{waiting['id']}/cancel", headers=two).assert_error(404, None, None)
    create(server, headers=two, previous_response_id=response["id"]).assert_error(400, "previous_response_id", "previous_response_not_found")
    reference = [{"type": "item_reference", "id": response["output"][0]["id"]}]
    create(server, reference, headers=two).assert_error(404, "input[0].id", None)
    assert get(server, response["id"], one).status == 200
    assert server.request("POST", f"/v1/responses/{waiting['id']}/cancel", headers=one).json["status"] == "cancelled"


def test_a_client_that_goes_leaves_a_cancelled_response(server):
    body = {"model": MODEL, **LONG, "background": False, "stream": True}
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/responses", json.dumps(body).encode()))
        connection.read_until(b"response.output_text.delta")
        connection.read_until(b'"item_id":"msg_')
        id = "resp_" + connection.read_until(b'"')[:22].decode()
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)
    response = wait(server, id, *DONE)
    assert response["status"] == "cancelled" and output_text(response)


# Background responses


def test_a_background_response_is_polled(server, client):
    response = respond(server, background=True)
    assert response["status"] == "queued" and response["output"] == [] and response["background"] is True
    done = wait(server, response["id"], *DONE)
    assert done["status"] in ("completed", "incomplete") and output_text(done) == output_text(respond(server))
    create(server, background=True, store=False).assert_error(400, "store", "invalid_value")
    create(server, background=True, model="nowhere").assert_error(404, None, "model_not_found")
    create(server, "word " * 9000, background=True).assert_error(400, "input", "context_length_exceeded")
    official = client.responses.create(model=MODEL, input="Say hello.", background=True, max_output_tokens=12, temperature=0)
    while official.status in ("queued", "in_progress"):
        time.sleep(0.02)
        official = client.responses.retrieve(official.id)
    assert official.output_text == output_text(done)


def test_a_background_stream_is_resumed_without_loss(server, client):
    response = respond(server, **{**LONG, "max_output_tokens": 150})
    whole = parse(get(server, response["id"] + "?stream=true").body)
    assert [event["type"] for event in whole[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert whole[-1]["type"] == "response.incomplete" and whole[0]["sequence_number"] == 0
    assert_complete(whole)
    for number in (0, 3, len(whole) // 2, len(whole) - 2):
        assert parse(get(server, f"{response['id']}?stream=true&starting_after={number}").body) == whole[number + 1 :]
    assert get(server, f"{response['id']}?stream=true&starting_after={len(whole) - 1}").body == b""
    with client.responses.retrieve(response["id"], stream=True, starting_after=5) as events:
        assert [event.sequence_number for event in events] == list(range(6, len(whole)))
    assert checked(get(server, response["id"]).json) == whole[-1]["response"]


def test_a_client_that_leaves_a_background_stream_cancels_nothing(server):
    body = {"model": MODEL, **LONG, "max_output_tokens": 200, "stream": True}
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/responses", json.dumps(body).encode()))
        connection.read_until(b'"item_id":"msg_')
        id = "resp_" + connection.read_until(b'"')[:22].decode()
    response = wait(server, id, *DONE)
    assert response["status"] == "incomplete" and response["usage"]["output_tokens"] == 200
    assert_complete(parse(get(server, id + "?stream=true").body))


def test_a_background_response_is_cancelled(server, client):
    response = respond(server, **LONG)
    wait(server, response["id"], "in_progress")
    for _ in range(2):
        cancelled = checked(server.request("POST", f"/v1/responses/{response['id']}/cancel").json)
        assert cancelled["status"] == "cancelled"
    assert client.responses.cancel(response["id"]).status == "cancelled"
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)
    events = parse(get(server, response["id"] + "?stream=true").body)
    assert events[-1]["response"]["status"] == "cancelled"
    synchronous = respond(server)
    server.request("POST", f"/v1/responses/{synchronous['id']}/cancel").assert_error(400, "response_id", "invalid_value")
    server.request("POST", "/v1/responses/resp_1/cancel").assert_error(404, None, None)
    # Deleting a running response also stops its work.
    response = respond(server, **LONG)
    wait(server, response["id"], "in_progress")
    assert server.request("DELETE", "/v1/responses/" + response["id"]).status == 200
    get(server, response["id"]).assert_error(404, None, None)
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)


def test_a_background_response_waits_for_a_place(tmp_path):
    """A background response waits for a slot, because no client would retry after a 429."""
    with Server(make_home(tmp_path), "--slots", "1", "--queue", "0") as server:
        with raw.Connection(server.port) as connection:
            body = raw.chat_body(MODEL, max_tokens=6000, stream=True, ignore_eos=True)
            connection.send(connection.request("POST", "/v1/chat/completions", body))
            connection.read_until(raw.TEXT)
            server.chat().assert_error(429, None, "rate_limit_exceeded", "rate_limit_error")
            wanted, unwanted = (respond(server, background=True)["id"] for _ in range(2))
            for id in (wanted, unwanted):
                wait(server, id, "in_progress")
            time.sleep(1.5)
            assert get(server, wanted).json["status"] == "in_progress"
            assert server.request("POST", f"/v1/responses/{unwanted}/cancel").json["status"] == "cancelled"
        response = wait(server, wanted, *DONE)
        assert response["status"] in ("completed", "incomplete") and output_text(response) == output_text(respond(server))


def test_an_unfinished_response_is_not_continued(server):
    response = respond(server, **LONG)
    create(server, previous_response_id=response["id"]).assert_error(400, "previous_response_id", "invalid_value")
    server.request("POST", f"/v1/responses/{response['id']}/cancel")


def test_background_work_survives_a_kill(tmp_path):
    """After a restart, responses that were running have failed with a reason, queued ones run, and completed ones are available."""
    home = make_home(tmp_path)
    with Server(home) as server:
        done = respond(server, "Say hello.")
        # As many as can run at a time, and some that wait.
        jobs = [respond(server, **{**LONG, "max_output_tokens": 1000})["id"] for _ in range(8)]
        for id in jobs:
            wait(server, id, "in_progress")
        waiting = [respond(server, "Say hello.", background=True)["id"] for _ in range(3)]
        assert all(get(server, id).json["status"] == "queued" for id in waiting)
        seen = events_so_far(server, jobs[0])
        connection = raw.Connection(server.port)
        body = {"model": MODEL, "input": "Count.", "max_output_tokens": 1000, "ignore_eos": True, "stream": True}
        connection.send(connection.request("POST", "/v1/responses", json.dumps(body).encode()))
        connection.read_until(b'"id":"resp_')
        jobs.append("resp_" + connection.read_until(b'"')[:22].decode())
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    with Server(home) as server:
        for id in waiting:
            response = wait(server, id, *DONE)
            assert response["status"] in ("completed", "incomplete") and output_text(response) == output_text(done)
        for id in jobs:
            response = checked(get(server, id).json)
            assert response["status"] == "failed" and response["error"]["code"] == "server_error" and "restart" in response["error"]["message"]
        events = parse(get(server, jobs[0] + "?stream=true").body)
        assert events[: len(seen)] == seen and events[-1]["type"] == "response.failed"
        assert checked(get(server, done["id"]).json) == done
        assert respond(server, "And?", previous_response_id=done["id"])["status"] in DONE


def test_background_work_fails_when_the_server_is_told_to_stop(tmp_path):
    """Running responses fail at once and keep their partial output. Queued ones run after the next start."""
    home = make_home(tmp_path)
    with Server(home) as server:
        jobs = [respond(server, **LONG)["id"] for _ in range(8)]
        for id in jobs:
            wait(server, id, "in_progress")
        waiting = respond(server, "Say hello.", background=True)["id"]
        seen = events_so_far(server, jobs[0])
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
    with sqlite3.connect(home / "data/storage/shimmy.sqlite") as database:
        assert dict(database.execute("SELECT status, count(*) FROM record GROUP BY status")) == {"failed": 8, "queued": 1}
    with Server(home) as server:
        for id in jobs:
            response = checked(get(server, id).json)
            assert response["status"] == "failed" and response["error"]["code"] == "server_error" and "stopped" in response["error"]["message"]
        events = parse(get(server, jobs[0] + "?stream=true").body)
        assert events[: len(seen)] == seen and [event["type"] for event in events[-2:]] == ["error", "response.failed"]
        assert_complete(events)
        assert checked(get(server, jobs[0]).json) == events[-1]["response"] and output_text(events[-1]["response"])
        assert wait(server, waiting, *DONE)["status"] in ("completed", "incomplete")


@pytest.mark.parametrize("drain", [1, 600])
def test_a_stream_of_background_work_holds_the_stop_up_until_the_deadline(tmp_path, drain):
    home = make_home(tmp_path)
    with (
        Server(home, "--drain-seconds", str(drain)) as server,
        raw.Connection(server.port, timeout=300) as connection, raw.Connection(server.port, timeout=300) as other,
    ):
        jobs = [respond(server, **{**LONG, "max_output_tokens": 5000 if drain == 1 else 100})["id"] for _ in range(8)]
        waiting = respond(server, "Say hello.", background=True)["id"]
        connection.send(connection.request("GET", f"/v1/responses/{jobs[0]}?stream=true"))
        other.send(other.request("GET", f"/v1/responses/{waiting}?stream=true"))
        connection.read_until(b"output_text.delta")
        other.read_until(b"response.queued")
        server.process.send_signal(signal.SIGTERM)
        # Queued responses do not start. Their streams end without a final event and can be resumed.
        assert b"in_progress" not in other.read_to_end()
        end = connection.read_to_end()
        assert (b"event: response.failed" if drain == 1 else b"event: response.incomplete") in end
        assert server.process.wait(15) == 0
    with Server(home) as server:
        assert wait(server, waiting, *DONE)["status"] in ("completed", "incomplete")
        assert get(server, jobs[0]).json["status"] == ("failed" if drain == 1 else "incomplete")


def events_so_far(server, id: str) -> list:
    """Returns the first events of a running response."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/v1/responses/{id}?stream=true")
    response = connection.getresponse()
    body = b""
    while body.count(b"output_text.delta\n") < 3:
        body += response.readline()
    body = body[: body.rindex(b"event: ")]
    connection.close()
    return parse(body)


def database(home) -> sqlite3.Connection:
    return sqlite3.connect(home / "data/storage/shimmy.sqlite")


def finished(server, id: str) -> dict:
    deadline = time.monotonic() + 20
    while (response := server.request("GET", f"/v1/responses/{id}").json)["status"] in ("queued", "in_progress"):
        assert time.monotonic() < deadline, response
        time.sleep(0.05)
    return response


def test_a_stored_request_that_cannot_be_read_has_failed(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home) as server:
        id = server.request("POST", "/v1/responses", {"model": MODEL, "input": "Hi", "background": True, "max_output_tokens": 2}).json["id"]
        assert finished(server, id)["status"] in ("completed", "incomplete")
    with database(home) as stored:
        stored.execute("UPDATE record SET status = 'queued', request = '{\"model\": 5}' WHERE id = ?", (id,))
        stored.execute("DELETE FROM event WHERE number > 1")
    stored.close()
    with Server(home) as server:
        response = finished(server, id)
        assert response["status"] == "failed" and "cannot be read" in response["error"]["message"]
        last = server.request("GET", f"/v1/responses/{id}?stream=true").body.decode().strip().split("\n\n")[-1]
        assert last.startswith("event: response.failed\n")


def test_a_stream_that_cannot_be_read_ends_with_an_error(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home) as server:
        id = server.request("POST", "/v1/responses", {"model": MODEL, "input": "Hi", "background": True, "max_output_tokens": 2}).json["id"]
        finished(server, id)
        with database(home) as stored:
            stored.execute("UPDATE event SET json = '{' WHERE number > 2")
        stored.close()
        answer = server.request("GET", f"/v1/responses/{id}?stream=true")
        last = answer.body.decode().strip().split("\n\n")[-1]
        assert last.startswith("event: error\n")
        event = json.loads(last.split("data: ")[1])
        assert event["type"] == "error" and event["code"] == "storage_unavailable" and event["message"]


def test_counting_and_compacting_have_presets_too(tmp_path):
    home = make_home(tmp_path / "home")
    file = home / "shimmy.toml"
    file.write_text(f'[model."{MODEL}"]\nsystem = "You are Ada, who always answers in a single short sentence. {"Be kind. " * 20}"\n')
    with Server(home, "--config", str(file)) as server:
        body = {"model": MODEL, "input": "Hi"}
        counted = server.request("POST", "/v1/responses/input_tokens", body).json["input_tokens"]
        used = server.request("POST", "/v1/responses", {**body, "max_output_tokens": 1}).json["usage"]["input_tokens"]
        assert counted == used
        alone = server.request("POST", "/v1/responses/input_tokens", {"input": "Hi"}).json["input_tokens"]
        assert alone == counted
        compacted = server.request("POST", "/v1/responses/compact", body).json["usage"]["input_tokens"]
    with Server(home) as server:
        assert counted > server.request("POST", "/v1/responses/input_tokens", body).json["input_tokens"] + 20
        assert compacted > server.request("POST", "/v1/responses/compact", body).json["usage"]["input_tokens"] + 20


def test_thousands_of_items_are_truncated_in_little_time(start):
    server = start("--ctx-size", "512")
    server.chat(max_tokens=1)
    items = [{"role": "user" if number % 2 == 0 else "assistant", "content": "word " * 3} for number in range(8000)]
    begun = time.monotonic()
    answer = server.request("POST", "/v1/responses", {"model": MODEL, "input": items, "truncation": "auto", "max_output_tokens": 1, "store": False})
    assert answer.status == 200, answer.body
    assert int(answer.headers["x-shimmy-dropped-items"]) > 7500
    assert time.monotonic() - begun < 20
