"""What agents send that other servers refuse, or that a server pays for: small inputs, after public reports."""

import json

import pytest

from server import MODEL

HELLO = [{"role": "user", "content": "Say hello."}]


def function(parameters, name="f", **more):
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def test_a_reference_that_leads_nowhere_is_reported(server):
    """Clients drop `$defs`; one such tool must not stop every turn."""
    tool = function({"type": "object", "properties": {"status": {"$ref": "#/$defs/Status"}}, "required": ["status"]})
    answer = server.chat(tools=[tool], max_tokens=4)
    assert answer.status == 200 and answer.headers["x-shimmy-unenforced"] == "f#/properties/status/$ref"
    strict = function({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"], "additionalProperties": False}, strict=True)
    server.chat(tools=[strict]).assert_error(400, "tools[0].function.parameters", "invalid_function_parameters")


@pytest.mark.parametrize("contradiction", [{"type": "integer", "enum": ["1"]}, {"type": "array", "enum": [0]}, {"type": "integer", "minimum": 2, "maximum": 1}])
def test_an_optional_property_without_values_is_left_out(server, contradiction):
    tool = function({"type": "object", "properties": {"n": contradiction, "a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False})
    answer = server.chat(tools=[tool], tool_choice="required", max_tokens=60)
    assert answer.status == 200
    if answer.json["choices"][0]["finish_reason"] == "tool_calls":
        assert json.loads(answer.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]).keys() == {"a"}


def test_a_whole_message_at_the_end_is_answered_anew(server):
    """It is no beginning of an answer in JSON; where it can be one, it is."""
    said = [*HELLO, {"role": "assistant", "content": "Blue."}]
    answer = server.chat(messages=said, response_format={"type": "json_object"}, max_tokens=10)
    assert answer.status == 200 and answer.json["choices"][0]["message"]["content"].startswith("{")
    wanted = {"messages": said, "response_format": {"type": "json_object"}, "continue_final_message": True}
    server.chat(**wanted).assert_error(400, "messages", "invalid_value")
    begun = [*HELLO, {"role": "assistant", "content": '{"a": '}]
    schema = {"type": "object", "properties": {"a": {"const": 17}}, "required": ["a"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    assert server.chat(messages=begun, response_format=form).json["choices"][0]["message"]["content"] == "17}"


@pytest.mark.parametrize("field, value", [
    ("response_format", {"type": "json_object"}), ("max_tokens", 5), ("max_completion_tokens", 5), ("reasoning_effort", "low"), ("stop", ["a"]), ("n", 2)])
def test_fields_of_chat_completions_are_no_fields_of_responses(server, field, value):
    server.request("POST", "/v1/responses", {"model": MODEL, "input": "Hi", field: value}).assert_error(400, field, "unsupported_parameter")


def test_an_object_of_thousands_of_optional_properties_takes_little_or_says_its_limit(server):
    schema = {"type": "object", "properties": {f"p{index}": {"type": "integer"} for index in range(1000)}}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    answer = server.chat(response_format=form, max_tokens=2)
    if answer.status != 200:
        assert "compileSeconds" in answer.assert_error(400, "response_format.json_schema.schema", "invalid_json_schema")


@pytest.mark.parametrize("name", ["messages", "tools", "add_generation_prompt"])
def test_arguments_of_templates_replace_no_part_of_the_conversation(server, name):
    server.chat(chat_template_kwargs={name: []}, max_tokens=1).assert_error(400, "messages", "invalid_value")


@pytest.mark.parametrize("body, field", [
    ({"content": "ab " * 1_500_000}, "content"), ({"prompt": "ab " * 1_500_000}, "prompt"),
    ({"messages": [{"role": "user", "content": "ab " * 1_500_000}]}, "messages")], ids=lambda value: value if isinstance(value, str) else "")
def test_tokens_of_a_text_are_told_up_to_a_bound(server, body, field):
    server.request("POST", "/tokenize", {"model": MODEL, **body}).assert_error(400, field, "string_above_max_length")


def test_keys_that_may_be_the_same_do_not_count_as_two(server):
    schema = {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    assert server.chat(response_format=form, max_tokens=4).headers["x-shimmy-unenforced"] == "#/minProperties"
