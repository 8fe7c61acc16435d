"""Requests to the Responses API, with strict validation of each object and event against the official client's types."""

import json
import time

from openai.types.responses import (
    CompactedResponse, Response, ResponseItemList, ResponseStreamEvent,
)
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import TypeAdapter

from server import MODEL, Answer

KINDS = {"response": Response, "list": ResponseItemList, "response.compaction": CompactedResponse, "response.input_tokens": InputTokenCountResponse}
EVENT = TypeAdapter(ResponseStreamEvent)
LAST = ("response.completed", "response.incomplete", "response.failed")
DONE = ("completed", "incomplete", "failed", "cancelled")
LONG = {"input": "Count to a thousand.", "max_output_tokens": 1500, "ignore_eos": True, "background": True}


def checked(value: dict) -> dict:
    """Validates an object of the API and returns it."""
    TypeAdapter(KINDS[value["object"]]).validate_python(value, strict=True)
    return value


def checked_event(event: dict) -> dict:
    typed = EVENT.validate_python(event, strict=True)
    assert typed.type == event["type"] and not set(typed.model_extra or {}) - {"name"}, typed
    return event


def create(server, input="Say hello.", headers=None, **fields) -> Answer:
    """Sends a request to create a response. Defaults to temperature 0 and few tokens; `...` omits a field."""
    body = {"model": MODEL, "input": input, "max_output_tokens": 12, "temperature": 0, **fields}
    return server.request("POST", "/v1/responses", {name: value for name, value in body.items() if value is not ...}, headers)


def respond(server, input="Say hello.", **fields) -> dict:
    """Creates a response that has to succeed, and returns it."""
    answer = create(server, input, **fields)
    assert answer.status == 200, answer.body
    return checked(answer.json)


def get(server, path: str, headers=None) -> Answer:
    return server.request("GET", "/v1/responses/" + path, headers=headers)


def wait(server, id: str, *statuses: str, headers=None) -> dict:
    """Returns the response when it has one of the statuses."""
    deadline = time.monotonic() + 60
    while True:
        response = checked(get(server, id, headers).json)
        if response["status"] in statuses:
            return response
        assert time.monotonic() < deadline, response
        time.sleep(0.02)


def parse(body: bytes) -> list:
    """Returns the events of a stream. Checks that their numbers have no gaps."""
    events = []
    for block in body.decode().split("\n\n"):
        if block == "" or block.startswith(": "):
            continue
        name, data = block.split("\n")
        event = checked_event(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {event['type']}"
        events.append(event)
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return events


def stream(server, input="Say hello.", **fields) -> list:
    answer = create(server, input, stream=True, **fields)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/event-stream" and b"[DONE]" not in answer.body
    events = parse(answer.body)
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"] or fields.get("background")
    assert events[-1]["type"] in LAST
    assert_complete(events)
    return events


def assert_complete(events: list):
    """Checks that the deltas add up to the final content and that each part has a done event."""
    output = events[-1]["response"]["output"]
    items = {item["id"]: index for index, item in enumerate(output)}
    texts = {item: "" for item in items}
    logprobs = {item: [] for item in items}
    opened, closed = [], []
    for event in events:
        if event["type"] == "response.output_item.added":
            assert event["item"]["status"] == "in_progress"
            opened.append(event["item"]["id"])
        if event["type"] == "response.output_item.done":
            assert event["item"] == output[event["output_index"]]
            closed.append(event["item"]["id"])
        if "item_id" in event:
            assert items[event["item_id"]] == event["output_index"]
        if event["type"].endswith(".delta"):
            texts[event["item_id"]] += event["delta"]
            logprobs[event["item_id"]] += event.get("logprobs", [])
    assert opened == closed == list(items)
    for item in output:
        assert texts[item["id"]] == text_of(item)
        if item["type"] == "message":
            assert logprobs[item["id"]] == item["content"][0]["logprobs"]


def text_of(item: dict) -> str:
    match item["type"]:
        case "message":
            return item["content"][0]["text"]
        case "reasoning":
            return "".join(part["text"] for part in item["content"] + item["summary"])
        case "function_call":
            return item["arguments"]
        case "custom_tool_call":
            return item["input"]


def output_text(response: dict) -> str:
    return "".join(text_of(item) for item in response["output"] if item["type"] == "message")


def function(name: str, parameters: dict, **more) -> dict:
    return {"type": "function", "name": name, "description": f"Does {name}.", "parameters": parameters, **more}


WEATHER = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
COLOUR = {"type": "object", "properties": {"name": {"enum": ["red", "green", "blue"]}}, "required": ["name"], "additionalProperties": False}
TOOLS = [function("get_weather", WEATHER), function("set_colour", COLOUR)]
