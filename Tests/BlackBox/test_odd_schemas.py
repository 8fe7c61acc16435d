"""Schemas that llama.cpp's converter refuses, in each field that takes a schema: Shimmy's grammar enforces them."""

import json
from typing import Annotated, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, ValidationError

from responses import create
from schema_command import ask
from server import MODEL

NODE = {"type": "object", "properties": {"v": {"type": "integer", "maximum": 9}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["v", "next"], "additionalProperties": False}


def closed(**properties) -> dict:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


SCHEMAS = {
    "recursion": NODE,
    "true": closed(a=True, b={"type": "boolean"}),
    "true among items": closed(a={"type": "array", "prefixItems": [{"type": "integer", "maximum": 5}, True], "items": False}),
    "an anchor": {**closed(a={"$ref": "#x"}), "$defs": {"y": {"$anchor": "x", "enum": ["p", "q"]}}},
    "an id": {**closed(a={"$ref": "item"}), "$id": "http://e.org/s", "$defs": {"y": {"$id": "item", "enum": ["p", "q"]}}},
    "escapes": {**closed(a={"$ref": "#/$defs/a~1b"}, c={"$ref": "#/$defs/c%20d"}), "$defs": {"a/b": {"enum": [1]}, "c d": {"enum": [2]}}},
    "decimals": closed(a={"type": "string", "maxLength": 3.0}),
    "names of keywords": closed(type={"enum": ["t"]}, properties={"enum": ["p"]}, pattern={"enum": ["r"]}, **{"$ref": {"enum": ["s"]}}),
}


# OpenAI's strict mode allows only the last two.
@pytest.mark.parametrize("name, strict", [*((name, False) for name in SCHEMAS), ("recursion", True), ("names of keywords", True)])
def test_the_answer_fits(server, name, strict):
    schema = SCHEMAS[name]
    form = {"type": "json_schema", "json_schema": {"name": "a", "strict": strict, "schema": schema}}
    answer = server.chat("Fill it.", response_format=form, max_tokens=200, temperature=0.2, seed=1)
    assert answer.status == 200, answer.body
    if answer.json["choices"][0]["finish_reason"] == "stop":
        Draft202012Validator(schema).validate(json.loads(answer.text))
    assert create(server, text={"format": {"type": "json_schema", "name": "a", "schema": schema}}, max_output_tokens=20).status == 200


@pytest.mark.parametrize("name", SCHEMAS)
def test_calls_fit(server, name):
    tool = {"name": "f", "description": "Does it.", "parameters": SCHEMAS[name]}
    tools = [{"type": "function", "function": tool}]
    for choice in ("auto", "required"):
        assert server.chat("Do it.", tools=tools, tool_choice=choice, max_tokens=60).status == 200
    flat = {"type": "function", **tool}
    assert create(server, tools=[flat], max_output_tokens=4).status == 200
    assert create(server, tools=[{"type": "namespace", "name": "n", "tools": [flat]}], max_output_tokens=4).status == 200
    prompt = server.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "tools": tools}).json["prompt"]
    assert "\ufdd2" not in prompt and "\\ufdd2" not in prompt


def test_other_documents_are_reported(server):
    schema = {"type": "object", "properties": {"a": {"$ref": "http://e.org/a"}}}
    answer = server.chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}, max_tokens=4)
    assert answer.status == 200 and answer.headers["x-shimmy-unenforced"] == "#/properties/a/$ref"


def test_arguments_are_objects(server):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}
    server.chat(tools=[tool]).assert_error(400, "tools[0].function.parameters", "invalid_function_parameters")
    search = {"type": "tool_search", "execution": "client", "parameters": {"type": "array"}}
    create(server, tools=[search]).assert_error(400, "tools[0].parameters", "invalid_function_parameters")


def nested(count: int, depth: int) -> dict:
    """A schema whose alternatives differ only at the end of the text."""
    schema = {"type": "string"}
    for level in range(depth):
        schema = {"anyOf": [closed(v=schema, k={"const": f"{level}.{number}"}) for number in range(count)]}
    return schema


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_too_ambiguous_at_the_beginning_is_refused(server, stream):
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": nested(4, 5)}}
    answer = server.chat(response_format=form, stream=stream)
    assert answer.status == 400 and "grammarReadings" in answer.json["error"]["message"], answer.body
    assert server.chat(max_tokens=1).status == 200


def test_what_is_too_ambiguous_later_is_an_error_and_no_end(server):
    schema = closed(note={"type": "string", "maxLength": 20}, deep=nested(4, 5))
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    answer = server.chat(response_format=form, max_tokens=200)
    assert answer.status == 400 and "ambiguous" in answer.json["error"]["message"], answer.body
    streamed = server.chat(response_format=form, max_tokens=200, stream=True)
    assert streamed.status == 200 and "ambiguous" in json.dumps(streamed.events[-1]), streamed.body
    assert server.chat(max_tokens=1).status == 200


@pytest.mark.parametrize("field, value", [
    ("grammar", "root ::= " + " | ".join(f"r{n}" for n in range(1500)) + "".join(f"\nr{n} ::= [a-z] \"{n}\"" for n in range(1500))),
    ("regex", "|".join(f"[a-z]{n}" for n in range(1500))),
])
def test_every_grammar_that_cannot_begin_is_refused(server, field, value):
    answer = server.chat(max_tokens=4, **{field: value})
    message = answer.assert_error(400, field, "invalid_value")
    assert "grammarReadings" in message


def test_many_objects_with_a_discriminator_can_be_answered(server):
    alternatives = [closed(kind={"const": f"kind{number}"}, value={"type": "integer", "maximum": 9, "minimum": 0}) for number in range(512)]
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"anyOf": alternatives}}}
    answer = server.chat(response_format=form, max_tokens=60)
    assert answer.status == 200, answer.body
    Draft202012Validator({"anyOf": alternatives}).validate(json.loads(answer.text))


def test_a_grammar_comes_before_a_bias(server):
    bias = {str(token): -100 for token in range(1000)}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": closed(b={"type": "integer", "minimum": 0, "maximum": 9})}}
    answer = server.chat(response_format=form, logit_bias=bias, max_tokens=30, temperature=0)
    assert answer.json["choices"][0]["finish_reason"] == "stop" and json.loads(answer.text)["b"] in range(10)


def test_discriminators_of_pydantic(tmp_path):
    """An answer that fits names the model of its union, although the models have a default for it."""
    class Black(BaseModel):
        kind: Literal["cat"] = "cat"
        colour: Literal["black"] = "black"

    class White(BaseModel):
        kind: Literal["cat"] = "cat"
        colour: Literal["white"] = "white"

    class Dog(BaseModel):
        kind: Literal["dog"] = "dog"
        name: str = ""

    class Owner(BaseModel):
        pet: Annotated[Annotated[Black | White, Field(discriminator="colour")] | Dog, Field(discriminator="kind")]

    pets = [{}, {"kind": "cat"}, {"kind": "cat", "colour": "black"}, {"kind": "cat", "colour": "white"}, {"kind": "cat", "colour": "red"},
            {"colour": "black"}, {"name": "a"}, {"kind": "dog"}, {"kind": "dog", "name": "a"}, {"kind": "dog", "name": 1}, {"kind": "fox"}, 1]
    fits, notes = ask(Owner.model_json_schema(), [{"pet": pet} for pet in pets], tmp_path)
    assert not notes
    for pet, taken in zip(pets, fits, strict=True):
        try:
            Owner.model_validate({"pet": pet})
            assert taken, pet
        except ValidationError:
            assert not taken, pet
