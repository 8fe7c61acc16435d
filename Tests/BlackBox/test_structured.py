"""Structured output, combined with the other features of requests."""

import json
import re

import pytest
from jsonschema import Draft202012Validator
from openai import OpenAI

from server import MODEL
from tool_calls import TOOLS

RECORD = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 1, "maximum": 99},
        "colour": {"enum": ["red", "green", "blue"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 6}, "minItems": 1, "maxItems": 2},
    },
    "required": ["name", "age", "colour", "tags"],
    "additionalProperties": False,
}


def form(schema=RECORD, **more) -> dict:
    return {"type": "json_schema", "json_schema": {"name": "record", "schema": schema, **more}}


def record(text: str) -> dict:
    value = json.loads(text)
    Draft202012Validator(RECORD).validate(value)
    assert list(value) == RECORD["required"], "keys come in the schema's order"
    return value


@pytest.mark.parametrize("temperature", [0, 1, 2])
def test_every_answer_fits(server, temperature):
    for seed in range(6):
        answer = server.chat("Invent somebody.", response_format=form(strict=True), max_tokens=150, temperature=temperature, seed=seed)
        assert answer.json["choices"][0]["finish_reason"] == "stop"
        record(answer.text)


def test_streams_and_several_answers_fit(server):
    answer = server.chat("Invent somebody.", response_format=form(), max_tokens=150, n=3, temperature=1, seed=5)
    assert [choice["index"] for choice in answer.json["choices"]] == [0, 1, 2]
    texts = [choice["message"]["content"] for choice in answer.json["choices"]]
    assert all(record(text) for text in texts) and len(set(texts)) > 1
    plain = server.chat("Invent somebody.", response_format=form(), max_tokens=150, temperature=0)
    streamed = server.chat("Invent somebody.", response_format=form(), max_tokens=150, temperature=0, stream=True)
    assert streamed.streamed_text == plain.text


def test_forced_text_is_counted_and_comes_at_once(server):
    """Forced tokens count like any other tokens."""
    schema = {"type": "object", "properties": {"a_rather_long_name_of_a_property": {"const": "and a value that cannot be another one"}},
              "required": ["a_rather_long_name_of_a_property"], "additionalProperties": False}
    before = server.engine()["steps"]
    answer = server.chat("Hi", response_format=form(schema), max_tokens=60, temperature=0)
    steps = server.engine()["steps"] - before
    usage = answer.json["usage"]["completion_tokens"]
    assert json.loads(answer.text) == {"a_rather_long_name_of_a_property": "and a value that cannot be another one"}
    assert usage > 8 and steps < usage / 2, (usage, steps)
    tokens = server.request("POST", "/tokenize", {"model": MODEL, "content": answer.text}).json["tokens"]
    assert abs(len(tokens) + 1 - usage) <= 1, "as the tokenizer cuts it, and the end"


def test_a_limit_cuts_and_says_so(server):
    whole = server.chat("Invent somebody.", response_format=form(), max_tokens=150, temperature=0)
    for limit in (1, 2, 5, 9):
        cut = server.chat("Invent somebody.", response_format=form(), max_tokens=limit, temperature=0)
        assert cut.json["choices"][0]["finish_reason"] == "length" and cut.json["usage"]["completion_tokens"] == limit
        assert whole.text.startswith(cut.text)


def test_stops_end_a_record(server):
    answer = server.chat("Invent somebody.", response_format=form(), max_tokens=150, temperature=0, stop=['"age"'])
    assert answer.json["choices"][0]["finish_reason"] == "stop"
    assert answer.text.startswith('{"name": "') and answer.text.endswith('", ')
    # A stop string within forced text is found too.
    answer = server.chat("Invent somebody.", response_format=form(), max_tokens=150, temperature=0, stop=["am"])
    assert answer.text == '{"n'


def test_log_probabilities_of_forced_tokens(server):
    answer = server.chat("Invent somebody.", response_format=form(), max_tokens=150, temperature=0, logprobs=True, top_logprobs=2)
    content = answer.json["choices"][0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in content) == answer.text and record(answer.text)
    assert all(entry["logprob"] <= 0 and len(entry["top_logprobs"]) == 2 for entry in content)
    # At some positions the model prefers another token. The log probabilities are those of the model.
    assert any(entry["logprob"] < entry["top_logprobs"][0]["logprob"] for entry in content)


def test_a_prediction_changes_nothing(server):
    plain = server.chat("Invent somebody.", response_format=form(), max_tokens=150, temperature=0)
    predicted = server.chat(
        "Invent somebody.", response_format=form(), max_tokens=150, temperature=0, prediction={"type": "content", "content": plain.text})
    record(predicted.text)
    details = predicted.json["usage"]["completion_tokens_details"]
    assert details["accepted_prediction_tokens"] >= 0
    wrong = server.chat(
        "Invent somebody.", response_format=form(), max_tokens=150, temperature=0, prediction={"type": "content", "content": '{"name": "x", "y": 3}'})
    record(wrong.text)


def test_many_schemas_at_once(server):
    """Sequences with different schemas share steps but not masks."""
    import concurrent.futures

    def ask(number: int):
        schema = {"type": "object", "properties": {f"key{number}": {"enum": [f"value{number}a", f"value{number}b"]}},
                  "required": [f"key{number}"], "additionalProperties": False}
        value = json.loads(server.chat(f"Number {number}", response_format=form(schema), max_tokens=60, temperature=1, seed=number).text)
        assert value[f"key{number}"] in (f"value{number}a", f"value{number}b")

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        list(pool.map(ask, range(24)))


def test_strict_schemas_keep_the_rules(server):
    def refused(schema, *words, strict=True):
        message = server.chat(response_format=form(schema, strict=strict)).assert_error(400, "response_format.json_schema.schema", "invalid_json_schema")
        assert all(word in message for word in words), message

    closed = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    refused({**closed, "additionalProperties": True}, "In context=()", "'additionalProperties' is required to be supplied and to be false")
    refused({**closed, "required": []}, "Missing 'a'")
    refused({**closed, "properties": {"a": {"type": "object", "properties": {}}}}, "In context=('properties', 'a')")
    refused({**closed, "properties": {"a": {"type": "string", "minLenght": 3}}}, "'minLenght' is not permitted")
    refused({"type": "array", "items": closed}, "schema must be a JSON Schema of 'type: \"object\"'")
    refused({}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'")
    assert server.chat(response_format=form({}, strict=False), max_tokens=4).status == 200
    assert server.chat(response_format=form({**closed, "required": []}, strict=False), max_tokens=30).status == 200
    # A keyword that cannot be enforced is refused with `strict`, and reported without it.
    unique = {**closed, "properties": {"a": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}}}
    refused(unique, "/properties/a/uniqueItems")
    for stream in (False, True):
        answer = server.chat(response_format=form(unique, strict=False), max_tokens=4, stream=stream)
        assert answer.status == 200 and answer.headers["x-shimmy-unenforced"] == "#/properties/a/uniqueItems"
    assert "x-shimmy-unenforced" not in server.chat(response_format=form(closed, strict=False), max_tokens=4).headers
    # Pydantic's schemas of `Decimal` and `set[Enum]` are enforced.
    decimal = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]}
    enums = {"type": "array", "items": {"$ref": "#/$defs/E"}, "uniqueItems": True}
    pydantic = {**closed, "properties": {"a": decimal, "b": enums}, "required": ["a", "b"], "$defs": {"E": {"enum": ["x", "y"], "type": "string"}}}
    assert server.chat(response_format=form(pydantic, strict=True), max_tokens=4).status == 200
    # A pattern that is not a regular expression is refused in either case.
    for strict in (True, False):
        refused({**closed, "properties": {"a": {"type": "string", "pattern": "[a-"}}}, "/properties/a/pattern", strict=strict)
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {**closed, "required": []}}}
    server.chat(tools=[tool]).assert_error(400, "tools[0].function.parameters", "invalid_function_parameters")
    tool["function"].update(strict=False, parameters=unique)
    answer = server.chat(tools=[tool], max_tokens=4)
    assert answer.status == 200 and answer.headers["x-shimmy-unenforced"] == "f#/properties/a/uniqueItems", "of a tool that is not strict, everything that can be enforced is"
    assert server.chat(tools=[tool], tool_choice="required", max_tokens=4).status == 200
    tool["function"].update(strict=True)
    server.chat(tools=[tool]).assert_error(400, "tools[0].function.parameters", "invalid_function_parameters")


def test_a_named_tool_is_called_once(server):
    tool = {"type": "function", "function": {"name": "note", "parameters": {"type": "object", "properties": {"size": {"enum": [1, 2]}}, "required": ["size"]}}}
    tool["function"]["parameters"]["additionalProperties"] = False
    for seed in range(6):
        answer = server.chat(
            "Note it.", tools=[tool], tool_choice={"type": "function", "function": {"name": "note"}}, max_tokens=120, temperature=1.5, seed=seed)
        [call] = answer.json["choices"][0]["message"]["tool_calls"]
        assert json.loads(call["function"]["arguments"])["size"] in (1, 2)


def test_response_formats(server):
    schema = {"type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}, "required": ["answer"], "additionalProperties": False}
    wrapper = {"name": "verdict", "description": "A verdict.", "strict": True, "schema": schema}
    answer = server.chat("Is it so?", response_format={"type": "json_schema", "json_schema": wrapper}, max_tokens=60)
    Draft202012Validator(schema).validate(json.loads(answer.text))
    # A tiny model does not always complete an object. If it does, the object is valid.
    answers = [server.chat("An empty JSON object, please.", response_format={"type": "json_object"}, max_tokens=60, temperature=1, seed=seed) for seed in range(8)]
    ended = [answer for answer in answers if answer.json["choices"][0]["finish_reason"] == "stop"]
    assert ended and all(isinstance(json.loads(answer.text), dict) for answer in ended)
    assert all(answer.text.startswith("{") for answer in answers)
    assert server.chat(response_format={"type": "text"}).status == 200

    def refused(param, code, response_format):
        server.chat(response_format=response_format).assert_error(400, param, code)

    refused("response_format", "invalid_type", "json_object")
    refused("response_format.type", "invalid_value", {"type": "xml"})
    refused("response_format.json_schema", "missing_required_parameter", {"type": "json_schema"})
    refused("response_format.json_schema.name", "missing_required_parameter", {"type": "json_schema", "json_schema": {}})
    refused("response_format.json_schema.schema", "invalid_type", {"type": "json_schema", "json_schema": {"name": "a", "schema": "object"}})
    refused("response_format.json_schema.schema", "invalid_json_schema", {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"x": {"type": "strin"}}}}})


def test_pydantic_models(client: OpenAI):
    from pydantic import BaseModel
    from typing import Literal

    class Verdict(BaseModel):
        colour: Literal["red", "blue"]
        count: Literal[1, 2, 3]

    completion = client.chat.completions.parse(model=MODEL, messages=[{"role": "user", "content": "Which?"}], response_format=Verdict, max_tokens=60)
    assert isinstance(completion.choices[0].message.parsed, Verdict)


def test_grammars_and_choices(server):
    for seed in range(4):
        answer = server.chat("Is it so?", choice=["yes", 'a "quoted"\nline', "maybe (not)"], temperature=1.5, seed=seed, max_tokens=20)
        assert answer.text in ("yes", 'a "quoted"\nline', "maybe (not)")
    date = server.chat("When?", grammar='root ::= [0-9]{4} "-" [0-9]{2} "-" [0-9]{2}', temperature=1, seed=1, max_tokens=20).text
    assert [len(part) for part in date.split("-")] == [4, 2, 2] and date.replace("-", "").isdigit()

    code = server.chat("Which?", regex=r"[A-Z]{2}-\d{3}(\.[a-f]+)?", temperature=1, seed=2, max_tokens=20).text
    assert re.match(r"[A-Z]{2}-\d{3}", code)

    def refused(param, code, **fields):
        server.chat(**fields).assert_error(400, param, code)

    refused("regex", "invalid_value", regex="(a")
    refused("regex", "invalid_value", regex=r"(a)\1")
    refused("choice", "invalid_value", regex="a", choice=["a"])
    refused("grammar", "invalid_value", grammar="root")
    refused("grammar", "invalid_value", grammar="other ::= \"a\"")
    refused("grammar", "invalid_value", grammar="root ::= root \"a\"")
    refused("grammar", "invalid_value", grammar="root ::= " + "(" * 200 + '"a"' + ")" * 200)
    refused("grammar", "invalid_value", grammar="root ::= " + '"a" ' * 50000)
    refused("grammar", "invalid_type", grammar=5)
    refused("grammar", "invalid_value", grammar='root ::= "a"', choice=["a"])
    refused("grammar", "invalid_value", grammar='root ::= "a"', tools=TOOLS)
    refused("choice", "invalid_value", choice=["a"], response_format={"type": "json_object"})
    refused("choice", "empty_array", choice=[])
    refused("choice[1]", "invalid_type", choice=["a", 1])
