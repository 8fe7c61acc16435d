"""Streams of responses: the order of events, strict validation with OpenAI's types, and agreement with the final object."""

import json
from pathlib import Path

import pytest

from responses import TOOLS, checked, create, output_text, respond, stream, text_of
from server import MODEL, Server

TEMPLATE = Path(__file__).with_name("thinking.jinja")


@pytest.fixture(scope="module")
def thinker(home):
    """The test model with a template that makes it reason: its answers begin within the reasoning."""
    with Server(home, "--chat-template-file", str(TEMPLATE), "--deterministic") as server:
        yield server


def types(events: list) -> list:
    """Returns the types of events, with repeated deltas once."""
    names = [event["type"].removeprefix("response.") for event in events]
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


def test_the_events_of_a_message(server):
    events = stream(server, stream_options={"include_obfuscation": False})
    assert types(events) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done", events[-1]["type"].removeprefix("response."),
    ]
    assert events[0]["response"]["status"] == "in_progress" and events[0]["response"]["usage"] is None
    whole = respond(server)
    assert output_text(events[-1]["response"]) == output_text(whole)
    assert set(events[-1]["response"]) == set(whole)


def test_the_events_of_a_cut_message(server):
    events = stream(server, "Count to a hundred.", max_output_tokens=4, ignore_eos=True, top_logprobs=2, include=["message.output_text.logprobs"])
    assert events[-1]["type"] == "response.incomplete" and events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert events[-2]["item"]["status"] == "incomplete" and len(events[-2]["item"]["content"][0]["logprobs"]) == 4


def test_the_events_of_a_call(server):
    events = stream(server, "Do it.", tools=TOOLS, tool_choice={"type": "function", "name": "get_weather"}, max_output_tokens=60)
    assert types(events) == [
        "created", "in_progress", "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done", "completed",
    ]
    [call] = events[-1]["response"]["output"]
    done = next(event for event in events if event["type"] == "response.function_call_arguments.done")
    assert done["name"] == "get_weather" and json.loads(done["arguments"])["city"] in ("Paris", "Rome")
    assert events[2]["item"] == {**call, "arguments": "", "status": "in_progress"}


def test_the_events_of_a_custom_call(server):
    tool = {"type": "custom", "name": "dial", "format": {"type": "grammar", "syntax": "regex", "definition": "[a-c]{12}"}}
    events = stream(server, "Dial.", tools=[tool], tool_choice="required", parallel_tool_calls=False, max_output_tokens=60)
    assert types(events) == [
        "created", "in_progress", "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done", "completed",
    ]
    assert len(events[-1]["response"]["output"][0]["input"]) == 12


def test_the_events_of_a_thought(thinker):
    think = {"input": "Why is the sky blue?", "max_output_tokens": 40, "reasoning_budget_tokens": 12}
    events = stream(thinker, **think)
    assert types(events)[2:8] == [
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done", "output_item.done",
    ]
    thought, message = events[-1]["response"]["output"]
    assert thought["type"] == "reasoning" and thought["id"].startswith("rs_") and text_of(thought) and "think>" not in text_of(thought) + text_of(message)
    assert 12 <= events[-1]["response"]["usage"]["output_tokens_details"]["reasoning_tokens"] <= 20
    events = stream(thinker, reasoning={"summary": "auto"}, **think)
    assert types(events)[2:8] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done",
        "reasoning_summary_part.done", "output_item.done",
    ]
    assert events[-1]["response"]["output"][0]["summary"][0]["text"] == text_of(thought)
    assert types(stream(thinker, reasoning={"generate_summary": "auto"}, **think))[2:8] == types(events)[2:8], "the field's former name"
    silent = respond(thinker, "Why is the sky blue?", reasoning={"effort": "none"})
    assert [item["type"] for item in silent["output"]] == ["message"] and silent["reasoning"] == {"effort": "none", "summary": None}


def test_sealed_thoughts_come_back(thinker):
    """A client that keeps its own state sends encrypted reasoning back, and the server uses it as the original reasoning."""
    question = {"role": "user", "content": "Why is the sky blue?"}
    options = {"max_output_tokens": 40, "reasoning_budget_tokens": 12, "store": False}
    first = respond(thinker, [question], include=["reasoning.encrypted_content"], **options)
    thought, message = first["output"]
    assert thought["encrypted_content"] and text_of(thought) not in thought["encrypted_content"]
    sealed = {"type": "reasoning", "id": thought["id"], "summary": [], "encrypted_content": thought["encrypted_content"]}
    open_ = {"type": "reasoning", "id": thought["id"], "summary": [], "content": thought["content"]}
    again = {"role": "user", "content": "Really?"}
    counts = {
        name: respond(thinker, [question, *thoughts, message, again], **options)["usage"]["input_tokens"]
        for name, thoughts in (("sealed", [sealed]), ("open", [open_]), ("none", []))
    }
    assert counts["sealed"] == counts["open"]
    assert "encrypted_content" not in respond(thinker, [question], **options)["output"][0]
    foreign = {**sealed, "encrypted_content": "gAAAAABo"}
    answer = create(thinker, [question, foreign, message, again], **options)
    assert answer.status == 200 and answer.headers["x-shimmy-ignored-params"] == "input[1].encrypted_content"
    assert answer.json["usage"]["input_tokens"] == counts["none"]


def test_the_official_clients_stream_helper(client):
    seen = []
    with client.responses.stream(model=MODEL, input="Say hello.", extra_body={"choice": ["Hello, world."]}) as events:
        for event in events:
            seen.append(event.type)
        response = events.get_final_response()
    assert seen[0] == "response.created" and seen[-1] == "response.completed" and "response.output_text.delta" in seen
    assert response.output_text == "Hello, world." and response.status == "completed"


def test_the_official_client_streams(client):
    with client.responses.create(model=MODEL, input="Say hello.", temperature=0, max_output_tokens=12, stream=True) as events:
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == client.responses.create(model=MODEL, input="Say hello.", temperature=0, max_output_tokens=12).output_text


def test_a_stream_that_is_refused_is_a_plain_error(server):
    create(server, stream=True, temperature=9).assert_error(400, "temperature", "decimal_above_max_value")
    checked(create(server, stream=False).json)
