"""Tools: forced tools are called, arguments fit their schemas, and clients receive calls in OpenAI's format."""

import concurrent.futures
import json
import re

import pytest
from jsonschema import Draft202012Validator

from server import MODEL
from tool_calls import COLOUR, ONE, TOOLS, WEATHER, calls, function


def test_a_call_has_exactly_the_documented_shape(server):
    answer = server.chat("What is the weather in Paris?", tools=TOOLS, tool_choice="required", **ONE)
    choice = answer.json["choices"][0]
    assert set(choice["message"]) == {"role", "content", "refusal", "annotations", "tool_calls"}
    assert choice["message"]["content"] is None and choice["finish_reason"] == "tool_calls"
    [call] = calls(answer)
    assert set(call) == {"id", "type", "function"} and call["type"] == "function"
    assert call["id"].startswith("call_") and len(call["id"]) <= 40
    assert set(call["function"]) == {"name", "arguments"} and isinstance(call["function"]["arguments"], str)
    schema = {"get_weather": WEATHER, "set_colour": COLOUR}[call["function"]["name"]]
    Draft202012Validator(schema).validate(json.loads(call["function"]["arguments"]))


SCHEMAS = {
    "nested": {
        "type": "object",
        "properties": {"point": {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "integer"}}, "required": ["x", "y"], "additionalProperties": False}},
        "required": ["point"],
        "additionalProperties": False,
    },
    "arrays": {
        "type": "object",
        "properties": {"tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "minItems": 2, "maxItems": 3}},
        "required": ["tags"],
        "additionalProperties": False,
    },
    "unions": {
        "type": "object",
        "properties": {"value": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}, {"const": "none"}]}, "flag": {"type": "boolean"}},
        "required": ["value", "flag"],
        "additionalProperties": False,
    },
    "references": {
        "type": "object",
        "properties": {"from": {"$ref": "#/$defs/place"}, "to": {"$ref": "#/$defs/place"}},
        "required": ["from", "to"],
        "additionalProperties": False,
        "$defs": {"place": {"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]{3}$"}}, "required": ["code"], "additionalProperties": False}},
    },
    "formats": {
        "type": "object",
        "properties": {"day": {"type": "string", "format": "date"}, "size": {"type": "integer", "minimum": 10, "maximum": 250}},
        "required": ["day", "size"],
        "additionalProperties": False,
    },
    "empty": {"type": "object", "properties": {}, "additionalProperties": False},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_arguments_fit_the_schema(server, name):
    """Arguments fit the schema at any temperature and with any seed, however unlikely they are for the model."""
    for seed in range(4):
        for strict in (True, False):
            answer = server.chat(
                "Say something about trains.", tools=[function("act", SCHEMAS[name], strict=strict)], tool_choice="required",
                temperature=seed * 0.6, seed=seed, parallel_tool_calls=False, max_tokens=400)
            [call] = calls(answer)
            if answer.json["choices"][0]["finish_reason"] != "length":
                Draft202012Validator(SCHEMAS[name]).validate(json.loads(call["function"]["arguments"]))
            else:
                # A number or a string may exceed the token limit. The arguments are then truncated JSON.
                assert call["function"]["arguments"].startswith("{")


def test_a_call_has_no_invented_keys(server):
    """Small models invent arguments for a schema that leaves them open."""
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"]}
    choice = {"type": "function", "function": {"name": "get_weather"}}
    for seed in range(6):
        answer = server.chat(
            "Weather in Paris, in celsius, for 3 days?", tools=[function("get_weather", schema)], tool_choice=choice, temperature=1.5, seed=seed,
            max_tokens=100)
        [call] = calls(answer)
        assert json.loads(call["function"]["arguments"]).keys() == {"city"}


def test_every_tool_choice(server):
    def named(choice):
        return [call["function"]["name"] for call in calls(server.chat("Hello!", tools=TOOLS, tool_choice=choice, **ONE))]

    assert named("none") == []
    assert named({"type": "function", "function": {"name": "set_colour"}}) == ["set_colour"]
    assert named({"type": "function", "function": {"name": "get_weather"}}) == ["get_weather"]
    assert named("required")[0] in ("set_colour", "get_weather")
    assert named("any")[0] in ("set_colour", "get_weather")
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "set_colour"}}]}
    assert named({"type": "allowed_tools", "allowed_tools": allowed}) == ["set_colour"]
    assert server.chat("Hello!", tools=TOOLS, tool_choice="auto").status == 200
    allowed["mode"] = "auto"
    assert server.chat("Hello!", tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": allowed}).status == 200


def test_bad_tools_and_choices(server):
    def refused(param, code, **fields):
        server.chat(**{"tools": TOOLS, **fields}).assert_error(400, param, code)

    unknown = {"type": "function", "function": {"name": "unknown"}}
    refused("tool_choice", "invalid_value", tool_choice=unknown)
    refused("tool_choice", "invalid_value", tool_choice="sometimes")
    refused("tool_choice", "invalid_type", tool_choice=5)
    refused("tool_choice.type", "invalid_value", tool_choice={"type": "magic"})
    refused("tool_choice.function", "missing_required_parameter", tool_choice={"type": "function"})
    refused("tool_choice", "invalid_value", tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [unknown]}})
    refused("tool_choice.allowed_tools.tools", "empty_array", tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}})
    refused("tool_choice", "invalid_value", tools=..., tool_choice="required")
    refused("tools", "invalid_type", tools={})
    refused("tools[0].type", "missing_required_parameter", tools=[{}])
    refused("tools[0].function", "missing_required_parameter", tools=[{"type": "function"}])
    refused("tools[0].function.name", "missing_required_parameter", tools=[{"type": "function", "function": {}}])
    refused("tools[0].function.name", "invalid_value", tools=[function("a name", None)])
    refused("tools[0].function.name", "invalid_value", tools=[function("n" * 65, None)])
    refused("tools[1].function.name", "invalid_value", tools=[function("a", None), function("a", None)])
    refused("tools[0].function.parameters", "invalid_type", tools=[function("a", [1])])
    refused("tools[0].function.parameters", "invalid_function_parameters", tools=[function("a", {"type": "object", "properties": {"x": {"type": "strin"}}})])
    refused("parallel_tool_calls", "invalid_type", parallel_tool_calls="no")
    assert server.chat(tools=[]).status == 200


def test_parallel_calls(server):
    many = calls(server.chat("Call both functions.", tools=TOOLS, tool_choice="required", max_tokens=300, temperature=1.2, seed=5))
    assert len(many) >= 1 and len({call["id"] for call in many}) == len(many)
    for seed in range(3):
        answer = server.chat("Call both functions.", tools=TOOLS, tool_choice="required", temperature=1, seed=seed, **ONE)
        assert len(calls(answer)) == 1


def test_streamed_calls(steady):
    """A streamed call has id, type and name once, then fragments of the arguments. Together they equal the message without streaming."""
    body = dict(tools=TOOLS, tool_choice="required", max_tokens=250, parallel_tool_calls=True)
    whole = steady.chat("What is the weather in Rome?", **body)
    chunks = [event for event in steady.chat("What is the weather in Rome?", stream=True, **body).events if event != "[DONE]"]
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    streamed = {}
    for chunk in chunks[1:-1]:
        [part] = chunk["choices"][0]["delta"]["tool_calls"]
        if part["index"] not in streamed:
            assert part["index"] == len(streamed), "calls come in order, one after the other"
            assert set(part) == {"index", "id", "type", "function"} and part["function"]["arguments"] == ""
            streamed[part["index"]] = {"name": part["function"]["name"], "arguments": ""}
        else:
            assert part["index"] == len(streamed) - 1 and set(part) == {"index", "function"} and set(part["function"]) == {"arguments"}
            streamed[part["index"]]["arguments"] += part["function"]["arguments"]
    assert len(chunks) > 8, "the arguments come as they are generated"
    assert chunks[-1]["choices"][0]["delta"] == {}
    assert chunks[-1]["choices"][0]["finish_reason"] == whole.json["choices"][0]["finish_reason"]
    assert list(streamed.values()) == [call["function"] for call in calls(whole)]


def test_the_official_clients_stream_helper(client):
    with client.chat.completions.stream(
        model=MODEL, messages=[{"role": "user", "content": "Paint it."}], tools=[function("set_colour", COLOUR, strict=True)], tool_choice="required",
        parallel_tool_calls=False, max_tokens=100,
    ) as stream:
        events = [event.type for event in stream]
        [call] = stream.get_final_completion().choices[0].message.tool_calls
    assert "tool_calls.function.arguments.delta" in events and "tool_calls.function.arguments.done" in events
    assert call.function.parsed_arguments["name"] in ("red", "green", "blue")


def test_custom_tools(server):
    tools = [
        {"type": "custom", "custom": {"name": "note", "description": "Takes a note.", "format": {"type": "text"}}},
        {"type": "custom", "custom": {"name": "code", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[A-Z]{2}-[0-9]{3}"}}}},
    ]
    answer = server.chat("Note it.", tools=tools, tool_choice={"type": "custom", "custom": {"name": "code"}}, **ONE)
    [call] = calls(answer)
    assert set(call) == {"id", "type", "custom"} and call["type"] == "custom" and call["custom"]["name"] == "code"
    prefix, digits = call["custom"]["input"].split("-")
    assert len(prefix) == 2 and prefix.isupper() and len(digits) == 3 and digits.isdigit()
    events = server.chat("Note it.", tools=tools, tool_choice={"type": "custom", "custom": {"name": "code"}}, stream=True, **ONE).events
    parts = [event["choices"][0]["delta"]["tool_calls"][0] for event in events[1:-2]]
    assert parts[0]["type"] == "custom" and parts[0]["custom"] == {"name": "code", "input": ""}
    assert "-" in "".join(part["custom"]["input"] for part in parts)


LARK = r"""
// A sum of numbers, as a call and with quotes.
start: "say" "(" QUOTE expr QUOTE ")"
?expr: term (SP ("+" | "-") SP term)* -> sum
term: INT
    | "(" expr ")"
QUOTE: "\""
SP: /[ ]/
%import common.INT
"""


def test_custom_tools_with_a_grammar_of_lark(server):
    def tool(definition):
        return {"type": "custom", "custom": {"name": "calculate", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": definition}}}}

    ended = 0
    for seed in range(6):
        answer = server.chat("Add 1 and 2.", tools=[tool(LARK)], tool_choice="required", temperature=0.8, seed=seed, **ONE)
        [call] = calls(answer)
        if answer.json["choices"][0]["finish_reason"] == "tool_calls":
            ended += 1
            assert re.fullmatch(r'say\("[0-9()+\- ]+"\)', call["custom"]["input"]), call
    assert ended

    def refused(definition):
        server.chat(tools=[tool(definition)]).assert_error(400, "tools[0].custom.format.grammar.definition", "invalid_value")

    refused("rule: \"a\"")
    refused('start: start "a" | "b"')
    refused("start: unknown")
    refused("start: \"a")
    refused("%declare X\nstart: \"a\"")
    server.chat(tools=[{"type": "custom", "custom": {"name": "x", "format": {"type": "grammar", "grammar": {"syntax": "bnf", "definition": "a"}}}}]).assert_error(400, "tools[0].custom.format.grammar.syntax", "invalid_value")


def test_hosted_tools_are_reported(server):
    answer = server.chat(tools=[{"type": "web_search"}, *TOOLS])
    assert answer.status == 200 and answer.headers["x-shimmy-ignored-params"] == "tools[0]"


def test_deprecated_functions(server):
    functions = [{"name": "set_colour", "description": "Sets it.", "parameters": COLOUR}]
    answer = server.chat("Paint it.", functions=functions, function_call={"name": "set_colour"}, max_tokens=100)
    choice = answer.json["choices"][0]
    assert choice["finish_reason"] == "function_call" and "tool_calls" not in choice["message"]
    Draft202012Validator(COLOUR).validate(json.loads(choice["message"]["function_call"]["arguments"]))
    events = server.chat("Paint it.", functions=functions, function_call={"name": "set_colour"}, max_tokens=100, stream=True).events
    deltas = [event["choices"][0]["delta"] for event in events if event != "[DONE]"]
    assert deltas[1] == {"function_call": {"name": "set_colour", "arguments": ""}}
    assert json.loads("".join(delta["function_call"]["arguments"] for delta in deltas[2:-1]))["name"] in ("red", "green", "blue")
    messages = [
        {"role": "user", "content": "Paint it."}, {"role": "assistant", "content": None, "function_call": choice["message"]["function_call"]},
        {"role": "function", "name": "set_colour", "content": "Done."},
    ]
    assert server.chat(messages=messages, functions=functions).status == 200
    server.chat(functions=functions, function_call={"name": "other"}).assert_error(400, "function_call", "invalid_value")
    loose = {"name": "paint", "parameters": {"type": "object", "properties": {"colour": {"type": "string"}}}}
    for strict, status in ((False, 200), (True, 400)):
        assert server.chat(functions=[{**loose, "strict": strict}], max_tokens=4).status == status, "a strict schema lists all properties as required"


def test_tools_and_a_schema_together(server):
    """The model makes a call or gives an answer that fits the schema."""
    schema = {"type": "object", "properties": {"verdict": {"enum": ["guilty", "free"]}}, "required": ["verdict"], "additionalProperties": False}
    response_format = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema}}
    kinds = set()
    for seed in range(8):
        answer = server.chat("Well?", tools=TOOLS, response_format=response_format, temperature=1.5, seed=seed, **ONE)
        message = answer.json["choices"][0]["message"]
        if "tool_calls" in message:
            kinds.add("call")
            assert message["content"] is None
        else:
            kinds.add("answer")
            Draft202012Validator(schema).validate(json.loads(message["content"]))
    assert kinds
    [call] = calls(server.chat("Well?", tools=TOOLS, tool_choice="required", response_format=response_format, **ONE))
    assert call["function"]["name"] in ("get_weather", "set_colour")


def test_stops_mean_nothing_in_a_call(server):
    answer = server.chat("Paint it.", tools=[function("set_colour", COLOUR)], tool_choice="required", stop=["name", '"'], **ONE)
    assert json.loads(calls(answer)[0]["function"]["arguments"])["name"] in ("red", "green", "blue")


def test_many_clients_call_at_once(server):
    """The grammars of sequences in a batch do not interfere."""
    def one(number: int):
        schema = {"type": "object", "properties": {f"key{number}": {"const": number}}, "required": [f"key{number}"], "additionalProperties": False}
        answer = server.chat(f"Number {number}.", tools=[function(f"tool{number}", schema)], tool_choice="required", temperature=1, seed=number, **ONE)
        [call] = calls(answer)
        assert call["function"]["name"] == f"tool{number}" and json.loads(call["function"]["arguments"]) == {f"key{number}": number}

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(24)))


def test_calls_of_several_choices(server):
    answer = server.chat("Paint it.", tools=[function("set_colour", COLOUR)], tool_choice="required", n=3, temperature=1, seed=1, **ONE)
    for choice in answer.json["choices"]:
        assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])["name"] in ("red", "green", "blue")
    ids = {choice["message"]["tool_calls"][0]["id"] for choice in answer.json["choices"]}
    assert len(ids) == 3


@pytest.mark.parametrize("seed", [3, 6, 7])
def test_arguments_are_an_object_where_the_schema_has_no_type(server, seed):
    """A value that is no object fits such a schema as well, but is no set of arguments."""
    schema = {"properties": {"a": {"type": "string", "maxLength": 9}}, "required": ["a"]}
    tools = [function("f", schema)]
    answer = server.chat("Call the function.", tools=tools, tool_choice="required", seed=seed, temperature=1.5, **ONE)
    [call] = calls(answer)
    assert set(json.loads(call["function"]["arguments"])) == {"a"}


def test_a_schema_that_no_object_fits_is_refused(server):
    answer = server.chat("Call the function.", tools=[function("f", {"const": "x"})], tool_choice="required", **ONE)
    answer.assert_error(400, "tools[0].function.parameters", "invalid_function_parameters")
