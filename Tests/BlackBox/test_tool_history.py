"""Tool calls and their results in the messages of a conversation."""

import json

from server import MODEL
from tool_calls import COLOUR, TOOLS, function


def test_a_call_and_its_result_make_an_answer(client):
    """A typical agent loop works: a forced call, its result, an answer in text."""
    messages = [{"role": "user", "content": "Which colour is it?"}]
    tools = [function("set_colour", COLOUR)]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=tools, tool_choice="required", parallel_tool_calls=False, max_tokens=100)
    message = first.choices[0].message
    messages += [message.model_dump(), {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "It is red now."}]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=tools, tool_choice="none", max_tokens=20)
    assert second.choices[0].message.content and not second.choices[0].message.tool_calls
    assert second.choices[0].finish_reason in ("stop", "length")


def test_history_with_tool_calls_as_clients_send_it(server):
    def call(arguments, **more):
        return {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": arguments, **more}}

    result = {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."}
    histories = [
        [{"role": "assistant", "content": None, "tool_calls": [call("{}")]}, result],
        [{"role": "assistant", "tool_calls": [call('{"city": "Rome"}')]}, {**result, "content": [{"type": "text", "text": "Sunny."}, {"type": "text", "text": "Warm."}]}],
        [{"role": "assistant", "content": "", "tool_calls": [call("this is no JSON {")], "refusal": None, "annotations": [], "audio": None}, result],
        [{"role": "assistant", "content": [], "tool_calls": [call("")], "unknown": {"a": 1}, "reasoning_content": "Hm."}, {**result, "name": "get_weather"}],
        [{"role": "assistant", "content": "I will look.", "tool_calls": [call({"city": "Rome"}), {**call("{}"), "id": "call_2"}]}, result, {**result, "tool_call_id": "call_2"}],
        [{"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "note", "input": "a \"b\""}}]}, result],
    ]
    for history in histories:
        messages = [{"role": "user", "content": "Weather?"}, *history, {"role": "user", "content": "Thanks."}]
        for tools in (TOOLS, ...):
            answer = server.chat(messages=messages, tools=tools)
            assert answer.status == 200, answer.body


def test_results_belong_to_their_calls(server):
    def call(id):
        return {"id": id, "type": "function", "function": {"name": "get_weather", "arguments": json.dumps({"city": id})}}

    def ask(*results, ids=("one", "two")):
        messages = [{"role": "user", "content": "Weather?"}, {"role": "assistant", "content": None, "tool_calls": [call(id) for id in ids]}]
        messages += [{"role": "tool", "tool_call_id": id, "content": f"result of {id}"} for id in results]
        return server.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages, "tools": TOOLS})

    ordered = ask("one", "two")
    assert ordered.status == 200 and ask("two", "one").json["prompt"] == ordered.json["prompt"]
    assert "two" in ask("one").assert_error(400, "messages", "invalid_value")
    assert "one, two" in ask().assert_error(400, "messages", "invalid_value")
    assert "'three'" in ask("one", "three").assert_error(400, "messages", "invalid_value")
    assert "x-shimmy-normalized" not in ordered.headers
    alone = server.chat(messages=[{"role": "user", "content": "Hi"}, {"role": "tool", "tool_call_id": "one", "content": "x"}])
    assert "must be a response to a preceding message" in alone.assert_error(400, "messages", "invalid_value")


def test_calls_and_results_without_ids_are_matched_in_order(server):
    """Home Assistant sends results without IDs, and some clients also calls without IDs."""
    def ask(call_id, result_id, results=1):
        call = {"type": "function", "function": {"name": "get_weather", "arguments": "{}"}, **call_id}
        result = {"role": "tool", "content": "Sunny.", **result_id}
        return server.chat(messages=[{"role": "user", "content": "Weather?"}, {"role": "assistant", "tool_calls": [call]}, *[result] * results], tools=TOOLS)

    for call_id, result_id in [({}, {}), ({"id": "c"}, {}), ({}, {"tool_call_id": "c"}), ({"id": ""}, {"tool_call_id": ""})]:
        answer = ask(call_id, result_id)
        assert answer.status == 200 and answer.headers["x-shimmy-normalized"] == "matched-results", (call_id, result_id)
    assert "without 'tool_call_id'" in ask({}, {}, results=2).assert_error(400, "messages", "invalid_value")
    ask({}, {}, results=0).assert_error(400, "messages", "invalid_value")


def test_deep_arguments_of_an_earlier_call(server):
    arguments = '{"a": ' + "[" * 200 + "]" * 200 + "}"
    call = {"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "x"}]
    assert server.chat(messages=messages, tools=TOOLS).status == 200
