"""Anthropic's API with the official client, whose types check every object and event."""

import asyncio
import json
import re
import threading
import time
from pathlib import Path

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from jsonschema import Draft202012Validator

from responses import COLOUR, WEATHER
from server import MODEL, Server

TEMPLATE = Path(__file__).with_name("thinking.jinja")
QUESTION = "Why is the sky blue?"
VERSION = {"anthropic-version": "2023-06-01"}
TOOLS = [
    {"name": "get_weather", "description": "Returns the weather of a city.", "input_schema": WEATHER, "strict": True},
    {"name": "set_colour", "description": "Sets the colour of the light.", "input_schema": COLOUR},
]


def connect(server: Server, **more) -> Anthropic:
    return Anthropic(base_url=server.url, **{"api_key": "unused", **more}, max_retries=0, timeout=60, _strict_response_validation=True)


@pytest.fixture(scope="module")
def client(server):
    with connect(server) as client:
        yield client


@pytest.fixture(scope="module")
def steady_client(steady):
    with connect(steady) as client:
        yield client


@pytest.fixture(scope="module")
def thinker(home):
    """The test model with a template that makes it reason: its answers begin within the reasoning."""
    with Server(home, "--chat-template-file", str(TEMPLATE), "--deterministic") as server, connect(server) as client:
        yield client


def body(content="Say hello.", **fields) -> dict:
    """Returns a request with one message. Fields that are not in the client's signature are in `extra_body`."""
    own = {name: fields.pop(name) for name in ("temperature", "top_p", "top_k", "seed") if name in fields}
    request = {"model": MODEL, "max_tokens": 12, "messages": [{"role": "user", "content": content}], **fields}
    return {**request, "extra_body": {"temperature": 0, **own}}


def ask(client: Anthropic, content="Say hello.", **fields):
    return client.messages.create(**body(content, **fields))


def streamed(client: Anthropic, content="Say hello.", **fields):
    """Returns the message that the client's helper assembles from a stream."""
    with client.messages.stream(**body(content, **fields)) as stream:
        for _ in stream:
            pass
        return stream.get_final_message()


def post(server: Server, path: str = "/v1/messages", **fields):
    request = {"model": MODEL, "max_tokens": 12, "temperature": 0, "messages": [{"role": "user", "content": "Say hello."}], **fields}
    return server.request("POST", path, {name: value for name, value in request.items() if value is not ...}, VERSION)


def blocks(message) -> list:
    """Returns the content without the fields that only the client knows."""
    return [block.model_dump(exclude_none=True) for block in message.content]


def text(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def calls(message) -> list:
    return [block for block in message.content if block.type == "tool_use"]


def prompt_tokens(usage) -> int:
    return usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens


def count(client: Anthropic, messages: list, **fields) -> int:
    return client.messages.count_tokens(model=MODEL, messages=messages, **fields).input_tokens


# Messages


def test_a_message_has_exactly_the_documented_shape(server):
    answer = post(server, messages=[{"role": "user", "content": "Count to a hundred."}], max_tokens=5)
    assert answer.status == 200, answer.body
    message = answer.json
    assert set(message) == {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage"}
    assert re.fullmatch("msg_[0-9A-Za-z]{22}", message["id"])
    assert (message["type"], message["role"], message["model"]) == ("message", "assistant", MODEL)
    [block] = message["content"]
    assert set(block) == {"type", "text"} and block["type"] == "text" and block["text"]
    assert (message["stop_reason"], message["stop_sequence"], message["stop_details"]) == ("max_tokens", None, None)
    assert set(message["usage"]) == {
        "input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens", "output_tokens_details", "service_tier",
        "cache_creation", "server_tool_use", "inference_geo",
    }
    assert message["usage"]["cache_creation"] == {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
    assert message["usage"]["server_tool_use"] is None and message["usage"]["inference_geo"] is None
    assert message["usage"]["output_tokens"] == 5 and message["usage"]["service_tier"] == "standard"
    assert answer.headers["request-id"].startswith("req_")


def test_a_message_with_the_client(client):
    message = ask(client, system="You are terse.", metadata={"user_id": "u"}, service_tier="auto")
    assert text(message) and message.stop_reason in ("end_turn", "max_tokens")
    assert message._request_id.startswith("req_")
    assert 0 < message.usage.output_tokens <= 12


def test_the_events_of_a_stream(steady):
    answer = post(steady, stream=True)
    assert answer.headers["content-type"] == "text/event-stream"
    events = []
    for block in answer.body.decode().split("\n\n")[:-1]:
        lines = [line for line in block.split("\n") if not line.startswith(":")]
        if lines:
            name, data = lines
            events.append(json.loads(data.removeprefix("data: ")))
            assert name == "event: " + events[-1]["type"]
    types = [event["type"] for event in events if event["type"] != "ping"]
    assert types[:2] == ["message_start", "content_block_start"]
    assert set(types[2:-3]) == {"content_block_delta"}
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert events[0]["message"]["content"] == [] and events[0]["message"]["usage"]["input_tokens"] > 0
    whole = post(steady).json
    assert "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta") == whole["content"][0]["text"]
    assert events[-2]["delta"] == {"stop_reason": whole["stop_reason"], "stop_sequence": None, "stop_details": None}
    assert events[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def test_the_clients_streams(steady_client):
    whole = ask(steady_client)
    assert blocks(streamed(steady_client)) == blocks(whole)
    events = list(steady_client.messages.create(**body(stream=True)))
    assert events[0].type == "message_start" and events[-1].type == "message_stop"


def test_all_dialects_say_the_same(steady, steady_client):
    chat = steady.chat(QUESTION, temperature=1, seed=7, max_tokens=30).json
    for message in (ask(steady_client, QUESTION, temperature=1, seed=7, max_tokens=30), streamed(steady_client, QUESTION, temperature=1, seed=7, max_tokens=30)):
        assert text(message) == chat["choices"][0]["message"]["content"]
        assert prompt_tokens(message.usage) == chat["usage"]["prompt_tokens"]
        assert message.usage.output_tokens == chat["usage"]["completion_tokens"]


def test_many_asynchronous_messages(server):
    async def ask_all():
        async with AsyncAnthropic(base_url=server.url, api_key="unused", max_retries=0, timeout=120) as client:
            return await asyncio.gather(*(client.messages.create(**body(f"Say the number {number}.", max_tokens=6)) for number in range(16)))

    assert all(text(message) for message in asyncio.run(ask_all()))


@pytest.mark.parametrize("make", [ask, streamed])
def test_stop_sequences(steady_client, make):
    whole = text(ask(steady_client, QUESTION, max_tokens=40))
    stop = whole[20:26]
    message = make(steady_client, QUESTION, max_tokens=40, stop_sequences=["never", "to", "be", "seen", "\x01", stop])
    if message.stop_sequence == stop:
        assert text(message) == whole[: whole.index(stop)]
    assert message.stop_reason == "stop_sequence" and message.stop_sequence in ("never", "to", "be", "seen", stop)
    assert message.stop_sequence not in text(message)


def test_a_prefilled_answer_goes_on(steady, steady_client):
    messages = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "The answer is that"}]
    message = ask(steady_client, messages=messages)
    chat = steady.request("POST", "/v1/chat/completions", {"model": MODEL, "messages": messages, "max_tokens": 12, "temperature": 0}).json
    assert text(message) == chat["choices"][0]["message"]["content"]
    assert not text(message).startswith("The answer is that")


def test_a_message_fits_its_schema(client):
    schema = {"type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}, "required": ["answer"], "additionalProperties": False}
    for make in (ask, streamed):
        message = make(client, "Is it so?", max_tokens=40, output_config={"format": {"type": "json_schema", "schema": schema}})
        Draft202012Validator(schema).validate(json.loads(text(message)))


# Tools


def test_a_tool_is_called_and_its_result_comes_back(client):
    question = {"role": "user", "content": "What is the weather in Paris?"}
    choice = {"type": "any", "disable_parallel_tool_use": True}
    for make in (ask, streamed):
        first = make(client, messages=[question], tools=TOOLS, tool_choice=choice, max_tokens=200)
        assert first.stop_reason == "tool_use"
        [call] = calls(first)
        assert re.fullmatch("toolu_[0-9A-Za-z]{22}", call.id)
        Draft202012Validator({"get_weather": WEATHER, "set_colour": COLOUR}[call.name]).validate(call.input)
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "18 degrees, sunny"}]},
            {"type": "text", "text": "Answer in one word."},
        ]
        history = [question, {"role": "assistant", "content": blocks(first)}, {"role": "user", "content": results}]
        second = make(client, messages=history, tools=TOOLS)
        assert prompt_tokens(second.usage) > prompt_tokens(first.usage)
        assert second.usage.cache_read_input_tokens > prompt_tokens(first.usage) // 2
        failed = [{**results[0], "is_error": True}, results[1]]
        assert count(client, [*history[:2], {"role": "user", "content": failed}], tools=TOOLS) > count(client, history, tools=TOOLS)


def test_every_choice_of_tools(client):
    def named(choice):
        return [call.name for call in calls(ask(client, "Hello!", tools=TOOLS, tool_choice=choice, max_tokens=200))]

    assert named({"type": "none"}) == []
    assert named({"type": "tool", "name": "set_colour"}) == ["set_colour"]
    assert named({"type": "tool", "name": "get_weather"}) == ["get_weather"]
    assert len(named({"type": "any", "disable_parallel_tool_use": True})) == 1
    assert len(named({"type": "auto", "disable_parallel_tool_use": True})) <= 1
    with pytest.raises(anthropic.BadRequestError, match="tool_choice"):
        named({"type": "tool", "name": "unknown"})


def test_calls_without_results_and_results_without_calls(server):
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "set_colour", "input": {"name": "red"}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_2", "content": "done"}]}
    start = {"role": "user", "content": "Hi"}
    for messages, field in [([start, call, start], "toolu_1"), ([start, call, result], "messages[2].content[0].tool_use_id"), ([result], "messages[0]")]:
        answer = post(server, messages=messages, tools=TOOLS)
        assert answer.status == 400 and field in answer.json["error"]["message"]


# Thinking


def think(client: Anthropic, **more):
    display = more.pop("display", "summarized")
    return ask(client, QUESTION, thinking={"type": "enabled", "budget_tokens": 12, "display": display}, max_tokens=40, **more)


def after(message) -> list:
    return [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": message.content}, {"role": "user", "content": "Why?"}]


def test_thinking_comes_back(thinker):
    message = think(thinker)
    thought, answer = message.content
    assert thought.type == "thinking" and thought.thinking and thought.signature
    assert answer.type == "text" and answer.text and "think>" not in thought.thinking + answer.text
    assert 12 <= message.usage.output_tokens_details.thinking_tokens <= 20
    in_a_stream = streamed(thinker, QUESTION, thinking={"type": "enabled", "budget_tokens": 12}, max_tokens=40)
    assert blocks(in_a_stream) == blocks(message)
    without = after(message)
    without[1] = {"role": "assistant", "content": answer.text}
    assert count(thinker, after(message)) > count(thinker, without)


def test_omitted_thinking_comes_back(thinker):
    shown, hidden = think(thinker), think(thinker, display="omitted")
    assert hidden.content[0].thinking == "" and hidden.content[1] == shown.content[1]
    assert count(thinker, after(hidden)) == count(thinker, after(shown))


def test_disabled_thinking(thinker):
    message = ask(thinker, QUESTION, thinking={"type": "disabled"})
    assert [block.type for block in message.content] == ["text"]
    assert message.usage.output_tokens_details.thinking_tokens == 0


# Tokens and the cache


def test_counted_tokens_are_those_of_the_message(client):
    for fields in ({}, {"system": "You are terse."}, {"tools": TOOLS}, {"system": [{"type": "text", "text": "You are terse."}], "tools": TOOLS}):
        message = ask(client, QUESTION, **fields)
        assert count(client, [{"role": "user", "content": QUESTION}], **fields) == prompt_tokens(message.usage)


def claude_code(turn: int, messages: list, **more) -> dict:
    """Returns a request like those of Claude Code: a header that changes with each request, many tools, marks for the cache, unknown fields."""
    mark = {"type": "ephemeral"}
    rules = " ".join(f"Rule {number}: keep file {number} as it is." for number in range(80))
    schema = {"type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["path"]}
    return {
        "model": MODEL, "max_tokens": 8, "temperature": 0, "messages": messages,
        "system": [
            {"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1.278; cc_entrypoint=cli; cch={turn:05x};"},
            {"type": "text", "text": "You are Claude Code.", "cache_control": mark},
            {"type": "text", "text": rules, "cache_control": mark},
        ],
        "tools": [{"name": f"tool_{number}", "description": f"Does the work number {number}.", "input_schema": schema} for number in range(12)],
        "metadata": {"user_id": "user_1"}, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}, **more,
    }


@pytest.mark.parametrize("stream", [False, True])
def test_claude_code_keeps_its_cache(server, stream):
    def send(turn: int, messages: list) -> tuple:
        headers = {**VERSION, "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14", "x-app": "cli"}
        answer = server.request("POST", "/v1/messages?beta=true", claude_code(turn, messages, stream=stream), headers)
        assert answer.status == 200, answer.body
        ignored = {"context_management", "output_config.effort", "thinking"}  # The model does not reason.
        assert set(answer.headers["x-shimmy-ignored-params"].split(", ")) == ignored
        if not stream:
            # A call that the token limit cut off has no result.
            return [block for block in answer.json["content"] if block["type"] == "text"] or hello, answer.json["usage"]
        events = [json.loads(line[6:]) for line in answer.body.decode().split("\n") if line.startswith("data: ")]
        start = events[0]["message"]["usage"]
        last = next(event["usage"] for event in events if event["type"] == "message_delta")
        assert [start[name] for name in start if "input" in name] == [last[name] for name in last if "input" in name]
        return hello, last

    hello = [{"type": "text", "text": "Hello."}]
    question = [{"type": "text", "text": f"Read file {stream}.", "cache_control": {"type": "ephemeral"}}]
    content, first = send(1, [{"role": "user", "content": question}])
    assert first["input_tokens"] == 0 and first["cache_creation_input_tokens"] > 0
    follow = [{"role": "user", "content": question}, {"role": "assistant", "content": content}, {"role": "user", "content": "Go on."}]
    _, second = send(2, follow)
    total = second["input_tokens"] + second["cache_creation_input_tokens"] + second["cache_read_input_tokens"]
    assert total > 1000
    assert second["cache_read_input_tokens"] >= 0.95 * total


# Errors


@pytest.mark.parametrize(
    "fields, kind, name",
    [
        ({"model": "no-such-model"}, anthropic.NotFoundError, "not_found_error"),
        ({"temperature": 1.5}, anthropic.BadRequestError, "invalid_request_error"),
        ({"messages": []}, anthropic.BadRequestError, "invalid_request_error"),
        ({"max_tokens": 0}, anthropic.BadRequestError, "invalid_request_error"),
    ],
)
def test_errors_arrive_as_the_clients_own_classes(client, fields, kind, name):
    for make in (ask, streamed):
        with pytest.raises(kind) as failure:
            make(client, **fields)
        assert failure.value.body["type"] == "error" and failure.value.body["error"]["type"] == name
        assert failure.value.request_id.startswith("req_") and failure.value.body["request_id"] == failure.value.request_id


def test_images_are_refused(client):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\]\.content\[0\]\.type"):
        ask(client, [image])


def test_a_prefilled_answer_ends_without_white_space(client):
    with pytest.raises(anthropic.BadRequestError, match=r"messages\[1\]\.content.*final assistant content cannot end with trailing whitespace"):
        client.messages.create(
            model=MODEL, max_tokens=4, messages=[{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "The capital of France is "}])


def test_errors_name_their_field(server):
    answer = post(server, tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice={"type": "x"})
    assert answer.status == 400 and answer.json["error"]["message"].startswith("tool_choice.type: Invalid value: 'x'.")


def test_keys(home):
    with Server(home, "--api-key", "right") as server:
        for key in ({"api_key": "right"}, {"auth_token": "right", "api_key": None}):
            assert connect(server, **key).models.list().data
        with pytest.raises(anthropic.AuthenticationError) as failure:
            connect(server, api_key="wrong").models.list()
        assert failure.value.body["error"]["type"] == "authentication_error"


def test_what_newer_clients_send_passes(client, server):
    message = client.beta.messages.create(
        model=MODEL, max_tokens=4, messages=[{"role": "user", "content": "Hi"}], betas=["context-management-2025-06-27"],
        context_management={"edits": []}, thinking={"type": "adaptive"}, cache_control={"type": "ephemeral"})
    assert text(message)
    answer = post(server, invented={"deep": [1]}, tools=[{"type": "web_search_20250305", "name": "web_search"}], thread={"type": "create"})
    assert answer.status == 200
    assert set(answer.headers["x-shimmy-ignored-params"].split(", ")) == {"invented", "tools[0]", "thread"}


# Models


def test_the_list_of_models(client, server):
    [model] = client.models.list(limit=1).data
    assert (model.id, model.type, model.display_name, model.lifecycle) == (MODEL, "model", MODEL, "active")
    assert model.max_input_tokens == model.max_tokens > 0 and model.created_at.year > 2000
    assert client.models.retrieve(MODEL) == model
    assert client.models.list(before_id=MODEL).data == client.models.list(after_id=MODEL).data == []
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("user/no-such-model:Q4_K_M")
    page = server.request("GET", "/v1/models?limit=1000", headers=VERSION).json
    assert set(page) == {"data", "has_more", "first_id", "last_id"} and page["has_more"] is False
    assert set(page["data"][0]) == {
        "type", "id", "display_name", "created_at", "lifecycle", "deprecated_at", "retires_at", "line", "max_input_tokens", "max_tokens", "capabilities",
    }
    assert server.request("GET", "/v1/models").json["object"] == "list"


def test_models_are_listed_while_one_loads(start):
    server = start()
    loading = threading.Thread(target=server.chat)
    loading.start()
    for _ in range(5):
        began = time.monotonic()
        assert server.request("GET", "/v1/models", headers=VERSION).json["data"][0]["id"] == MODEL
        assert time.monotonic() - began < 3
    loading.join()


def test_names_of_claude(client, start):
    with pytest.raises(anthropic.NotFoundError):
        ask(client, model="claude-anything-9")
    with connect(start("--claude-model", MODEL.lower())) as mapped:
        assert ask(mapped, model="claude-anything-9").model == "claude-anything-9"
        assert mapped.models.retrieve("claude-anything-9").id == MODEL
        with pytest.raises(anthropic.NotFoundError):
            ask(mapped, model="gpt-anything")


def test_an_alias_of_claude_is_listed(home, start, tmp_path):
    file = tmp_path / "shimmy.toml"
    file.write_text(f'[model."{MODEL}"]\naliases = ["claude-small"]\n')
    with connect(start("--config", str(file))) as aliased:
        assert [model.id for model in aliased.models.list()] == [MODEL, "claude-small"]
        assert aliased.models.retrieve("claude-small").id == "claude-small"
        assert ask(aliased, model="claude-small").model == "claude-small"


def test_the_probe_of_claude_code(server):
    assert server.request("HEAD", "/").status == 200
