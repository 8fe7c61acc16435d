"""State of responses: continued turns, stored objects, and none of it with `--no-store`."""

import json
import time

import raw
from responses import DONE, LONG, TOOLS, checked, create, get, output_text, respond, stream, wait
from server import MODEL, UPSTREAM, Server, make_home


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


CALL = {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "Sun."}


def ask(text: str) -> dict:
    return {"role": "user", "content": text}


def test_a_call_has_one_output(server):
    message = create(server, [ask("Weather?"), CALL, OUTPUT, OUTPUT]).assert_error(400, "input[3].call_id", "duplicate_item")
    assert "c1" in message
    # Clients may reuse the IDs of answered calls.
    respond(server, [ask("Weather?"), CALL, OUTPUT, CALL, OUTPUT])
    conversation = server.request("POST", "/v1/conversations", {"items": [ask("Weather?"), CALL, OUTPUT]}).json["id"]
    create(server, [OUTPUT], conversation=conversation).assert_error(400, "input[0].call_id", "duplicate_item")


def test_a_conversation_goes_on_without_a_deleted_call(server):
    """Deleting a call leaves its output in the conversation, but not in the prompt."""
    items = {"items": [ask("Weather?"), CALL, OUTPUT]}
    conversation = server.request("POST", "/v1/conversations", items).json["id"]
    path = f"/v1/conversations/{conversation}/items"
    [_, call, _] = server.request("GET", path + "?order=asc").json["data"]
    assert server.request("DELETE", f"{path}/{call['id']}").status == 200
    answer = create(server, "Well?", conversation=conversation)
    assert answer.status == 200 and answer.headers["x-shimmy-normalized"] == "omitted-outputs"
    assert answer.json["usage"]["input_tokens"] == respond(server, [ask("Weather?"), ask("Well?")])["usage"]["input_tokens"]
    # An output that the request itself sends needs its call.
    create(server, [OUTPUT], conversation=conversation).assert_error(400, "input", None)


def test_a_conversation_goes_on_after_a_call_that_was_cut(server):
    cut = {**CALL, "arguments": '{"city": "Pa', "status": "incomplete"}
    conversation = server.request("POST", "/v1/conversations", {"items": [ask("Weather?"), cut]}).json["id"]
    answer = create(server, "Well?", conversation=conversation)
    assert answer.status == 200 and answer.headers["x-shimmy-normalized"] == "omitted-calls"
    assert answer.json["usage"]["input_tokens"] == respond(server, [ask("Weather?"), ask("Well?")])["usage"]["input_tokens"]
    answered = create(server, [ask("Weather?"), cut, OUTPUT])
    assert answered.status == 200 and "x-shimmy-normalized" not in answered.headers
    # A complete call still needs its output.
    assert create(server, [ask("Weather?"), CALL, ask("Well?")]).status == 400
    tools = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False}
    for tokens in range(8, 60, 4):
        first = respond(server, "Weather?", max_output_tokens=tokens, **tools)
        if [(item["type"], item["status"]) for item in first["output"]] == [("function_call", "incomplete")]:
            second = create(server, "Well?", previous_response_id=first["id"])
            assert second.status == 200 and second.headers["x-shimmy-normalized"] == "omitted-calls"
            return
    raise AssertionError("no token limit cut a call")


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


def test_a_running_response_ends_when_it_is_deleted(server):
    """The deletion comes from another connection, while the client reads the stream."""
    body = {"model": MODEL, **{**LONG, "background": False}, "stream": True}
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/responses", json.dumps(body).encode()))
        connection.read_until(b'"item_id":"msg_')
        id = "resp_" + connection.read_until(b'"')[:22].decode()
        assert checked(get(server, id).json)["status"] == "in_progress"
        assert server.request("DELETE", "/v1/responses/" + id).json == {"id": id, "object": "response", "deleted": True}
        connection.read_until(b"event: response.incomplete\ndata: ")
        last = json.loads(connection.read_until(b"\n\n"))
        assert (last["response"]["id"], last["response"]["status"]) == (id, "cancelled") and last["response"]["output"]
        server.wait_for(lambda engine: engine["running"] == 0, "the end of the work", 5)
        # The connection remains usable.
        connection.read_until(b"0\r\n\r\n")
        connection.send(connection.request("GET", "/health"))
        assert connection.read_response()[0] == 200
    get(server, id).assert_error(404, None, None)
    create(server, previous_response_id=id).assert_error(400, "previous_response_id", "previous_response_not_found")


def test_nothing_of_a_deleted_response_is_added_to_its_conversation(server):
    conversation = server.request("POST", "/v1/conversations", {}).json["id"]
    body = {"model": MODEL, **{**LONG, "background": False}, "stream": True, "conversation": conversation}
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/responses", json.dumps(body).encode()))
        connection.read_until(b'"item_id":"msg_')
        id = "resp_" + connection.read_until(b'"')[:22].decode()
        assert server.request("DELETE", "/v1/responses/" + id).status == 200
        connection.read_until(b"event: response.incomplete")
    assert server.request("GET", f"/v1/conversations/{conversation}/items").json["data"] == []


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


# Presets and truncation


def test_counting_and_compacting_have_presets_too(tmp_path):
    home = make_home(tmp_path / "home")
    file = home / "shimmy.toml"
    file.write_text(f'[model."{MODEL}"]\nsystem = "You are Ada, who always answers in a single short sentence. {"Be kind. " * 20}"\n{UPSTREAM}')
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
