"""Requests of agents that other servers refuse, or that are expensive for a server: small inputs based on public reports."""

import json

import jsonschema
import pytest

from server import MODEL

HELLO = [{"role": "user", "content": "Say hello."}]


def function(parameters, name="f", **more):
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def test_a_reference_that_leads_nowhere_is_reported(server):
    """Without `strict`, a dangling reference is only reported: some clients drop `$defs`, and one such tool must not block all turns."""
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
    """A last assistant message that cannot start a JSON answer gets a new answer. One that can is continued."""
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
    server.chat(chat_template_kwargs={name: []}, max_tokens=1).assert_error(400, f"chat_template_kwargs.{name}", "unsupported_parameter")


@pytest.mark.parametrize("body, field", [
    ({"content": "ab " * 1_500_000}, "content"), ({"prompt": "ab " * 1_500_000}, "prompt"),
    ({"messages": [{"role": "user", "content": "ab " * 1_500_000}]}, "messages")], ids=lambda value: value if isinstance(value, str) else "")
def test_tokens_of_a_text_are_told_up_to_a_bound(server, body, field):
    server.request("POST", "/tokenize", {"model": MODEL, **body}).assert_error(400, field, "string_above_max_length")


def test_keys_that_may_be_the_same_do_not_count_as_two(server):
    schema = {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    assert server.chat(response_format=form, max_tokens=4).headers["x-shimmy-unenforced"] == "#/minProperties"


@pytest.mark.parametrize("combination", [
    {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"anyOf": [{"required": ["a"]}]},
    {"$ref": "#/$defs/x", "$defs": {"x": {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x+$"}}, "required": ["a"], "additionalProperties": False}}},
], ids=lambda value: next(iter(value)))
@pytest.mark.parametrize("path", ["chat", "responses"])
def test_combinations_at_the_root_of_a_tools_schema_hold(server, combination, path):
    parameters = {"type": "object", **combination}
    if "$ref" not in combination:
        parameters = {**parameters, "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "additionalProperties": False}
    tool = function(parameters)
    if path == "chat":
        answer = server.chat(tools=[tool], tool_choice="required", parallel_tool_calls=False, temperature=1.2, seed=2, max_tokens=200)
        assert "x-shimmy-unenforced" not in answer.headers
        if answer.json["choices"][0]["finish_reason"] != "tool_calls":
            return
        arguments = answer.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    else:
        body = {"model": MODEL, "input": "Go.", "tools": [{"type": "function", **tool["function"], "strict": False}], "tool_choice": "required",
                "parallel_tool_calls": False, "temperature": 1.2, "seed": 2, "max_output_tokens": 200}
        response = server.request("POST", "/v1/responses", body).json
        if response["status"] != "completed":
            return
        arguments = response["output"][0]["arguments"]
    jsonschema.validate(json.loads(arguments), parameters)


def test_calls_follow_the_order_of_earlier_calls(server):
    """The model chooses the order of the keys of a tool's arguments; with `strict` it is the schema's order."""
    parameters = {"type": "object", "properties": {"path": {"type": "string"}, "offset": {"type": "integer"}, "limit": {"type": "integer"}},
                  "required": ["path", "offset", "limit"], "additionalProperties": False}

    def turn(number):
        arguments = json.dumps({"limit": 10, "offset": number, "path": f"{number}.txt"})
        call = {"id": f"c{number}", "type": "function", "function": {"name": "read", "arguments": arguments}}
        return [{"role": "user", "content": f"Read {number}.txt."}, {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": f"c{number}", "content": "text"}]

    def order(**more):
        answer = server.chat(messages=[*turn(1), *turn(2), *turn(3), {"role": "user", "content": "Read 4.txt."}], temperature=0, max_tokens=100,
                             tools=[function(parameters, "read", **more)], tool_choice="required", parallel_tool_calls=False)
        return list(json.loads(answer.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]))

    assert order() == ["limit", "offset", "path"]
    assert order(strict=True) == ["path", "offset", "limit"]


def test_a_required_key_comes_before_keys_of_the_models_own(server):
    parameters = {"type": "object", "properties": {"path": {"type": "string"}, "offset": {"type": "integer"}}, "required": ["path"]}
    answer = server.chat(tools=[function(parameters, "read_file")], tool_choice="required", parallel_tool_calls=False, max_tokens=60, n=8, seed=3)
    for choice in answer.json["choices"]:
        assert '"path"' in choice["message"]["tool_calls"][0]["function"]["arguments"][:60]


@pytest.mark.parametrize("schema", [
    {"type": "string", "maxLength": 3, "not": {"const": "x"}}, {"type": "string", "minLength": 1, "maxLength": 2, "not": {"enum": ["", "x"]}},
    {"oneOf": [{"enum": ["x"]}, {"type": "string", "maxLength": 3}]},
], ids=["not", "between", "oneOf"])
def test_characters_of_several_bytes_end_within_the_length(server, schema):
    """The first byte of a character, or of an escape, is allowed only if the whole character fits into the max length."""
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    bias = {str(token): 8 for token in range(0, 1000)}  # Most of these tokens are single bytes.
    for seed in range(4):
        answer = server.chat(response_format=form, temperature=1.5, seed=seed, max_tokens=40, logit_bias=dict(list(bias.items())[:300]))
        assert answer.status == 200, answer.body
        if answer.json["choices"][0]["finish_reason"] == "stop":
            jsonschema.validate(json.loads(answer.text), schema)
