"""Client errors: the status, the path of the field and the code."""

import pytest

from server import MODEL

GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}


def with_fields(**fields):
    return {name: value for name, value in {**GOOD, **fields}.items() if value is not ...}


def with_message(**message):
    return with_fields(messages=[{"role": "user", "content": "Hi"}, {name: value for name, value in message.items() if value is not ...}])


@pytest.mark.parametrize(
    "body, param, code",
    [
        (with_fields(model=...), "model", "missing_required_parameter"),
        (with_fields(model=None), "model", "missing_required_parameter"),
        (with_fields(model=5), "model", "invalid_type"),
        (with_fields(messages=...), "messages", "missing_required_parameter"),
        (with_fields(messages="Hi"), "messages", "invalid_type"),
        (with_fields(messages={}), "messages", "invalid_type"),
        (with_fields(messages=[]), "messages", "empty_array"),
        (with_fields(messages=["Hi"]), "messages[0]", "invalid_type"),
        (with_message(content="x"), "messages[1].role", "missing_required_parameter"),
        (with_message(role=1, content="x"), "messages[1].role", "invalid_type"),
        (with_message(role="robot", content="x"), "messages[1].role", "invalid_value"),
        (with_message(role="user"), "messages[1].content", "missing_required_parameter"),
        (with_message(role="user", content=None), "messages[1].content", "invalid_type"),
        (with_message(role="user", content=7), "messages[1].content", "invalid_type"),
        (with_message(role="user", content=["x"]), "messages[1].content[0]", "invalid_type"),
        (with_message(role="user", content=[{"text": "x"}]), "messages[1].content[0].type", "missing_required_parameter"),
        (with_message(role="user", content=[{"type": "text"}]), "messages[1].content[0].text", "missing_required_parameter"),
        (with_message(role="user", content=[{"type": "text", "text": 5}]), "messages[1].content[0].text", "invalid_type"),
        (with_message(role="user", content=[{"type": "smell"}]), "messages[1].content[0].type", "invalid_value"),
        (with_message(role="user", content=[{"type": "input_audio"}]), "messages[1].content[0].type", "unsupported_value"),
        (with_message(role="assistant", tool_calls="x"), "messages[1].tool_calls", "invalid_type"),
        (with_message(role="assistant", tool_calls=["x"]), "messages[1].tool_calls[0]", "invalid_type"),
        (with_message(role="user", content="x", name=5), "messages[1].name", "invalid_type"),
        (with_fields(temperature=2.1), "temperature", "decimal_above_max_value"),
        (with_fields(temperature=-0.1), "temperature", "decimal_below_min_value"),
        (with_fields(temperature="1"), "temperature", "invalid_type"),
        (with_fields(top_p=1.5), "top_p", "decimal_above_max_value"),
        (with_fields(top_p=-1), "top_p", "decimal_below_min_value"),
        (with_fields(max_tokens=0), "max_tokens", "integer_below_min_value"),
        (with_fields(max_tokens=-5), "max_tokens", "integer_below_min_value"),
        (with_fields(max_tokens="100"), "max_tokens", "invalid_type"),
        (with_fields(max_tokens=1.5), "max_tokens", "invalid_type"),
        (with_fields(max_tokens=True), "max_tokens", "invalid_type"),
        (with_fields(max_tokens=10**30), "max_tokens", "integer_above_max_value"),
        (with_fields(max_completion_tokens=0), "max_completion_tokens", "integer_below_min_value"),
        (with_fields(seed=1.5), "seed", "invalid_type"),
        (with_fields(seed=2**63), "seed", "integer_above_max_value"),
        (with_fields(seed=-(2**63) - 1), "seed", "integer_below_min_value"),
        (with_fields(stream="yes"), "stream", "invalid_type"),
        (with_fields(stream_options=5), "stream_options", "invalid_type"),
        (with_fields(stream_options={"include_usage": 1}), "stream_options.include_usage", "invalid_type"),
        ([], "", "invalid_type"),
    ],
)
def test_mistakes_name_the_field(server, body, param, code):
    server.request("POST", "/v1/chat/completions", body).assert_error(400, param or None, code)


@pytest.mark.parametrize(
    "field, value",
    [
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy", "format": "mp3"}),
        ("web_search_options", {}),
    ],
)
def test_what_would_change_the_answer_is_refused(server, field, value):
    server.request("POST", "/v1/chat/completions", with_fields(**{field: value})).assert_error(400, field, "unsupported_parameter")


@pytest.mark.parametrize(
    "field, value",
    [
        ("logprobs", False),
        ("top_logprobs", 0),
        ("logit_bias", {}),
        ("frequency_penalty", 0),
        ("presence_penalty", 0.0),
        ("response_format", {"type": "text"}),
        ("tools", []),
        ("modalities", ["text"]),
        ("service_tier", "auto"),
        ("n", 1),
        ("store", False),
        ("parallel_tool_calls", True),
    ],
)
def test_neutral_values_are_accepted_without_a_word(server, field, value):
    answer = server.request("POST", "/v1/chat/completions", with_fields(**{field: value}))
    assert answer.status == 200, answer.body
    assert "x-shimmy-ignored-params" not in answer.headers


def test_fields_without_effect_are_reported(server):
    body = with_fields(user="u", metadata={}, store=False, guided_magic=5, foo_unknown=None, verbosity="low", bar_unknown=1)
    answer = server.request("POST", "/v1/chat/completions", body)
    assert answer.status == 200
    assert answer.headers["x-shimmy-ignored-params"] == "guided_magic, verbosity, bar_unknown"
    body = with_fields(**{"bad\r\nx-evil: 1": 1, "é,": 2}, stream=True)
    answer = server.request("POST", "/v1/chat/completions", body)
    assert answer.status == 200
    assert "x-evil" not in answer.headers
    assert answer.headers["x-shimmy-ignored-params"].count(",") == 1


def test_unknown_model_is_404(server):
    message = server.chat(model="gpt-4o").assert_error(404, None, "model_not_found")
    assert message == "The model `gpt-4o` does not exist or you do not have access to it."


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../../x.gguf", "a" * 10_000, "\u0000", "💥"])
def test_strange_model_names_are_404(server, name):
    server.chat(model=name).assert_error(404, None, "model_not_found")


def test_a_clients_words_never_open_a_file(server):
    from server import MODEL_FILE

    server.chat(model=str(MODEL_FILE)).assert_error(404, None, "model_not_found")


def test_too_long_a_prompt_is_refused_with_the_counts(server):
    message = server.chat("word " * 9000).assert_error(400, "messages", "context_length_exceeded")
    assert "maximum context length is 8192 tokens" in message
    message = server.chat("Hi", max_tokens=8190).assert_error(400, "messages", "context_length_exceeded")
    assert "8190 in the completion" in message


def test_a_limit_beyond_the_context_can_be_cut(server, start):
    for answer in (
        server.chat("Hi", max_tokens=32000, max_tokens_over_context="clamp", stop=["."]),
        start("--max-tokens-over-context", "clamp").chat("Hi", max_tokens=32000, stop=["."]),
    ):
        assert answer.status == 200
        assert int(answer.headers["x-shimmy-clamped-tokens"]) == 8192 - answer.json["usage"]["prompt_tokens"]
    assert "x-shimmy-clamped-tokens" not in server.chat("Hi", max_tokens=4, max_tokens_over_context="clamp").headers
    server.chat("word " * 9000, max_tokens_over_context="clamp").assert_error(400, "messages", "context_length_exceeded")
    server.chat("Hi", max_tokens=32000, max_tokens_over_context="refuse").assert_error(400, "messages", "context_length_exceeded")
    server.chat(max_tokens_over_context="cut").assert_error(400, "max_tokens_over_context", "invalid_value")


@pytest.mark.parametrize("text", [b"", b"{", b"nope", b'{"model": }', b'{"a": 1} x', b"\xff\xfe", b'{"a": "\xff"}', b"{'a': 1}"])
def test_malformed_json_is_400(server, text):
    server.request("POST", "/v1/chat/completions", text).assert_error(400, None, None)


def test_half_a_surrogate_pair_is_replaced(server):
    """Agents cut texts inside an emoji, and a refused text would make the rest of the conversation impossible."""
    def prompt(text, arguments="{}"):
        call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": arguments}}
        messages = [
            {"role": "user", "content": "Look."}, {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": text}]
        # Python's JSON writes the halves as escapes.
        answer = server.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages})
        assert answer.status == 200, answer.body
        return answer.json["prompt"]

    assert prompt("a\ud83d…") == prompt("a\ufffd…") and "a\ufffd…" in prompt("a\ud83d…")
    # The arguments are a JSON text of their own.
    assert prompt("x", '{"a":"b\\ud83d"}') == prompt("x", '{"a":"b\ufffd"}')


def test_deep_nesting_is_400(server):
    server.request("POST", "/v1/chat/completions", b"[" * 10_000).assert_error(400, None, "limit_exceeded")
    server.request("POST", "/v1/chat/completions", b'{"a":' * 10_000).assert_error(400, None, "limit_exceeded")


def test_unknown_routes_and_methods(server):
    message = server.request("GET", "/v1/chat/completion").assert_error(404, None, "unknown_url")
    assert "Did you mean POST /v1/chat/completions?" in message and len(message) < 200
    server.request("GET", "/v1/nope").assert_error(404, None, "unknown_url")
    server.request("POST", "/v1/files", {}).assert_error(404, None, "unknown_url")
    answer = server.request("GET", "/v1/completions")
    answer.assert_error(405, None, "method_not_supported")
    assert answer.headers["allow"] == "POST"
    answer = server.request("DELETE", "/v1/models/x")
    answer.assert_error(405, None, "method_not_supported")
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_other_content_types_are_415(server, kind):
    server.request("POST", "/v1/chat/completions", b"{}", {"Content-Type": kind}).assert_error(415, None, None)


def test_a_charset_is_fine(server):
    import json

    answer = server.request("POST", "/v1/chat/completions", json.dumps(GOOD).encode(), {"Content-Type": "Application/JSON; charset=utf-8"})
    assert answer.status == 200


def test_errors_have_a_request_id(server):
    assert server.request("GET", "/nope").headers["x-request-id"].startswith("req_")


LONG = "x" * 500_000


@pytest.mark.parametrize("body", [
    with_message(role=LONG, content="x"), with_fields(model=LONG), with_fields(grammar=f"root ::= {'x' * 60_000}"),
    with_fields(response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {"properties": {LONG: {"type": "strin"}}}}}),
    with_fields(response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": LONG}}}),
    with_fields(tools=[{"type": "function", "function": {"name": "f", "parameters": {"properties": {LONG: {"pattern": "("}}}}}]),
    with_fields(reasoning_effort=LONG), with_fields(logit_bias={LONG: 1}), with_fields(tool_choice=LONG),
], ids=range(9))
def test_errors_repeat_only_parts_of_long_texts(server, body):
    answer = server.request("POST", "/v1/chat/completions", body)
    assert answer.status in (400, 404), answer.status
    assert len(answer.body) < 8_000 and all(len(value) < 8_000 for value in answer.headers.values())
