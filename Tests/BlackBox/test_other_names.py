"""Alternative field names of other servers: vLLM's names, and llama-server's form of a schema."""

import json

import pytest

from server import MODEL

COLOUR = {"type": "object", "properties": {"colour": {"enum": ["red", "green"]}}, "required": ["colour"], "additionalProperties": False}


@pytest.mark.parametrize("format", [{"type": "json_object", "schema": COLOUR}, {"type": "json_schema", "schema": COLOUR}], ids=lambda format: format["type"])
def test_schemas_without_a_wrapper(server, format):
    answer = server.chat("Which colour?", response_format=format, max_tokens=40, temperature=1, seed=3)
    assert json.loads(answer.text) in ({"colour": "red"}, {"colour": "green"})
    assert "x-shimmy-ignored-params" not in answer.headers


@pytest.mark.parametrize("fields", [
    {"guided_json": COLOUR}, {"guided_json": json.dumps(COLOUR)}, {"json_schema": COLOUR}, {"structured_outputs": {"json": COLOUR}},
    {"guided_regex": '\\{"colour": "(red|green)"\\}'}, {"structured_outputs": {"regex": '\\{"colour": "(red|green)"\\}'}},
    {"guided_choice": ['{"colour": "red"}', '{"colour": "green"}']}, {"structured_outputs": {"choice": ['{"colour": "red"}']}},
    {"guided_grammar": 'root ::= "{\\"colour\\": \\"red\\"}"'}, {"structured_outputs": {"grammar": 'root ::= "{\\"colour\\": \\"red\\"}"'}},
], ids=lambda fields: next(iter(fields)))
def test_vllms_names(server, fields):
    answer = server.chat("Which colour?", max_tokens=40, temperature=1, seed=3, **fields)
    assert answer.status == 200, answer.body
    assert json.loads(answer.text)["colour"] in ("red", "green")


def test_vllms_penalty(server):
    plain = server.chat("Tell me a story.", max_tokens=60)
    assert server.chat("Tell me a story.", max_tokens=60, repetition_penalty=1).text == plain.text
    assert server.chat("Tell me a story.", max_tokens=60, repetition_penalty=1.8).text != plain.text


@pytest.mark.parametrize("field, value", [("stop_token_ids", [2]), ("skip_special_tokens", False), ("include_stop_str_in_output", True), ("truncate_prompt_tokens", 9),
                                          ("bad_words", ["a"]), ("allowed_token_ids", [1]), ("use_beam_search", True)])
@pytest.mark.parametrize("path, body", [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}), ("/v1/completions", {"prompt": "Hi"}), ("/v1/responses", {"input": "Hi"}),
])
def test_what_would_change_the_answer_is_refused(server, path, body, field, value):
    server.request("POST", path, {"model": MODEL, **body, field: value}).assert_error(400, field, "unsupported_parameter")
