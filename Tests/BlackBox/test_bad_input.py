"""A wrong value for any field of the compatibility matrix that has an effect gives a 400 that names the field, before any work."""

import copy
import json
import os
import subprocess

import pytest

from server import MODEL

MATRIX = json.loads(subprocess.run([os.environ["SHIMMY_BINARY"], "compat", "--json"], check=True, capture_output=True, text=True).stdout)

ALL_ROWS = [
    (endpoint["method"], endpoint["path"], row["field"])
    for endpoint in MATRIX["endpoints"]
    for row in endpoint.get("request", [])
    if row["support"] in ("supported", "partial")
]

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM_CALL = {"id": "call_1", "type": "custom", "custom": {"name": "f", "input": "x"}}
TOOL = {"type": "function", "function": {"name": "f", "description": "", "parameters": {"type": "object", "properties": {}}, "strict": False}}
CUSTOM_TOOL = {"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a"}}}}
FUNCTION = {"name": "f", "description": "", "parameters": {"type": "object", "properties": {}}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "x"}


def messages(*more) -> dict:
    return {"messages": [*more, {"role": "user", "content": "Hi"}]}


IMAGE = "data:image/png;base64,iVBORw0KGgo="
SOUND = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}

# For nested fields, a valid request that contains the outer fields. The test changes the first element of each array.
AROUND = {
    "messages[].content[].thinking[]": messages({"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]}),
    "messages[].content[].thinking": messages({"role": "assistant", "content": [{"type": "thinking", "thinking": "a"}]}),
    "messages[].content[].reasoning": messages({"role": "assistant", "content": [{"type": "reasoning", "reasoning": "a"}]}),
    "messages[].content[].text": messages({"role": "user", "content": [{"type": "text", "text": "a"}]}),
    "messages[].content[].type": messages({"role": "user", "content": [{"type": "text", "text": "a"}]}),
    "messages[].content[].image_url": messages({"role": "user", "content": [{"type": "image_url", "image_url": {"url": IMAGE}}]}),
    "messages[].content[].input_audio": messages({"role": "user", "content": [SOUND]}),
    "messages[].content[].refusal": messages({"role": "assistant", "content": [{"type": "refusal", "refusal": "a"}]}),
    "messages[].tool_call_id": messages(RESULT),
    "messages[].tool_calls[].custom": messages({"role": "assistant", "content": None, "tool_calls": [CUSTOM_CALL]}, RESULT),
    "messages[].tool_calls": messages({"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT),
    "messages[].function_call": messages({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}),
    "messages[].reasoning": messages({"role": "assistant", "content": "a", "reasoning": "b"}),
    "messages[]": messages({"role": "user", "content": "a"}),
    "prediction.content[].refusal": {"prediction": {"type": "content", "content": [{"type": "refusal", "refusal": "a"}]}},
    "prediction.content[]": {"prediction": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
    "prediction": {"prediction": {"type": "content", "content": "a"}},
    "tools[].custom": {"tools": [CUSTOM_TOOL]},
    "tools": {"tools": [TOOL]},
    "tool_choice": {"tools": [TOOL]},
    "functions": {"functions": [FUNCTION]},
    "function_call": {"functions": [FUNCTION]},
    "response_format": {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "description": "b", "strict": False, "schema": {"type": "object"}}}},
    "stream_options": {"stream": True, "stream_options": {"include_usage": True}},
    "top_logprobs": {"logprobs": True},
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": True}},
    "continue_final_message": messages(),
    "best_of": {"n": 1},
}
PART = {"type": "input_text", "text": "a"}
FLAT_TOOL = {"type": "function", "name": "f", "description": "", "parameters": {"type": "object", "properties": {}}, "strict": False}
FLAT_CUSTOM = {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "regex", "definition": "a"}}
FLAT_FORMAT = {"type": "json_schema", "name": "a", "description": "b", "strict": False, "schema": {"type": "object"}}
# The same for responses.
AROUND_RESPONSES = {
    "tools[].tools": {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "f"}]}]},
    "tools[].environment": {"tools": [{"type": "shell", "environment": {"type": "local"}}]},
    "tools[].execution": {"tools": [{"type": "tool_search", "execution": "client"}]},
    "input[].action": {"input": [
        {"type": "local_shell_call", "call_id": "c", "action": {"command": ["ls"]}}, {"type": "local_shell_call_output", "id": "c", "output": "a"}]},
    "input[].operation": {"input": [
        {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
        {"type": "apply_patch_call_output", "call_id": "c", "status": "completed"}]},
    "input[].content[].refusal": {"input": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "a"}]}]},
    **{
        f"input[].content[].{name}": {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": IMAGE}]}]}
        for name in ("image_url", "detail")
    },
    "input[].content[].input_audio": {"input": [{"role": "user", "content": [SOUND]}]},
    "input[].content[]": {"input": [{"role": "user", "content": [PART]}]},
    "input[].summary": {"input": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]}]},
    "input[].encrypted_content": {"input": [{"type": "reasoning", "summary": []}]},
    "input[].output": {"input": [{"type": "function_call_output", "call_id": "c", "output": [PART]}]},
    "input[].input": {
        "input": [
            {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "a"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "a"},
        ]
    },
    **{
        f"input[].{name}": {
            "input": [
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "a"},
            ]
        }
        for name in ("call_id", "name", "arguments")
    },
    "input[]": {"input": [{"role": "user", "content": "a"}]},
    "tools[].format": {"tools": [FLAT_CUSTOM]},
    "tools": {"tools": [FLAT_TOOL]},
    "tool_choice": {"tools": [FLAT_TOOL]},
    "text.format": {"text": {"format": FLAT_FORMAT}},
    "stream_options": {"stream": True, "stream_options": {"include_obfuscation": True}},
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": True}},
    "conversation.id": {"conversation": {}},
}
QUESTION = {"type": "predicate", "instructions": "a"}
# The same for decisions and moderations.
AROUND_DECISIONS = {
    "questions[].instructions[].data": {"questions": [{**QUESTION, "instructions": [{"type": "input_json", "data": {}}]}]},
    "questions[].instructions[]": {"questions": [{**QUESTION, "instructions": [PART]}]},
    "questions[].choices": {"questions": [{**QUESTION, "type": "choice", "choices": [{"value": "a"}, {"value": "b"}]}]},
    "questions[].levels": {"questions": [{**QUESTION, "type": "score", "levels": [{"label": "a"}, {"label": "b"}]}]},
}
AROUND_MODERATIONS = {"input[]": {"input": [{"type": "text", "text": "a"}]}}
# The models of this server read neither images nor audio; test_upstream_vision.py has those of upstreams, which do.
MEDIA = {field for _, _, field in ALL_ROWS if "[].content[].image_url" in field or "[].content[].input_audio" in field} | {"input[].content[].detail"}
# Fields whose surrounding request is not valid by itself: the output of a call needs the preceding call, and a conversation has to exist.
ALONE = MEDIA | {"messages[].tool_call_id", "conversation.id"} | {field for _, _, field in ALL_ROWS if field.startswith("input[].output")}
# Histories come from many programs. Values that are only copied into the prompt are accepted as they are.
LENIENT = {
    # A tool with another value here is one that OpenAI runs; it is reported. An operation is defined by the client.
    "tools[].environment", "tools[].execution", "input[].operation",
    "messages[].tool_calls[].id", "messages[].tool_calls[].function", "messages[].tool_calls[].function.name", "messages[].tool_calls[].function.arguments",
    "messages[].tool_calls[].custom", "messages[].tool_calls[].custom.name", "messages[].tool_calls[].custom.input", "messages[].function_call",
    "messages[].function_call.name", "messages[].function_call.arguments", "messages[].reasoning_content", "messages[].reasoning",
}
GOOD = {
    "/v1/chat/completions": {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1},
    "/v1/completions": {"model": MODEL, "prompt": "Hi", "max_tokens": 1},
    "/v1/embeddings": {"model": MODEL, "input": "Hi"},
    "/v1/rerank": {"model": MODEL, "query": "Hi", "documents": ["a"]},
    "/v1/decisions": {"model": MODEL, "input": "Hi", "questions": [QUESTION]},
    "/v1/moderations": {"input": "Hi"},
    "/v1/responses": {"model": MODEL, "input": "Hi", "max_output_tokens": 1},
    "/v1/responses/input_tokens": {"model": MODEL, "input": "Hi"},
    "/v1/responses/compact": {"model": MODEL, "input": "Hi"},
}
# A text replaces an image of a tool's output that has a mistake, so that the conversation goes on.
REPLACED = {"input[].output[].image_url", "input[].output[].detail"}
ROWS = [(path, field) for method, path, field in ALL_ROWS if method == "POST" and path in GOOD and field not in REPLACED]
# Upstream servers judge these fields.
PASSED = ("/v1/audio/", "/v1/images/")
# Fields of stored objects: in the body of a POST, in the query of a GET.
KEPT_ROWS = [
    row for row in ALL_ROWS if ((row[1], row[2]) not in ROWS or row[0] != "POST") and not row[1].startswith(PASSED) and row[2] not in REPLACED
]
# Filters: every text is a valid value, and most match no object.
FILTERS = {("GET", "/v1/chat/completions", "model"), ("GET", "/v1/chat/completions", "metadata")}


def place(value, path: str, wrong):
    """Puts a wrong value at a path of the matrix, in the first element of each array."""
    *steps, last = path.split(".")
    for step in steps:
        name = step.removesuffix("[]")
        value = value.setdefault(name, {})
        while step.endswith("[]"):
            value, step = value[0], step[:-2]
    value[last.removesuffix("[]")] = wrong


def test_the_matrix_has_rows():
    assert {path for path, _ in ROWS} == set(GOOD) and len(ROWS) > 100
    assert len(KEPT_ROWS) > 10 and FILTERS < set(KEPT_ROWS)


@pytest.fixture(scope="module")
def kept(server):
    """Stored objects, one of each kind, as a mapping from path parameters to ids."""
    chat = server.request("POST", "/v1/chat/completions", {**GOOD["/v1/chat/completions"], "store": True}).json
    conversation = server.request("POST", "/v1/conversations", {"items": [{"role": "user", "content": "Hi"}]}).json
    items = server.request("GET", f"/v1/conversations/{conversation['id']}/items").json["data"]
    response = server.request("POST", "/v1/responses", GOOD["/v1/responses"]).json
    return {"completion_id": chat["id"], "conversation_id": conversation["id"], "item_id": items[0]["id"], "response_id": response["id"]}


@pytest.mark.parametrize("method, path, field", [row for row in KEPT_ROWS if row not in FILTERS], ids=lambda value: value)
def test_a_wrong_value_is_named_where_things_are_kept(server, kept, method, path, field):
    url = path.format(**kept)
    if method == "GET" or field == "include":
        answer = server.request(method, f"{url}?{field}=oops", None if method == "GET" else {"items": [{"role": "user", "content": "Hi"}]})
    else:
        answer = server.request(method, url, {field: 12345.75})
    answer.assert_error(400, field, answer.json["error"]["code"])
    assert answer.json["error"]["code"]


@pytest.mark.parametrize("path, field", ROWS, ids=lambda value: value)
def test_a_wrong_value_is_named(server, path, field):
    own = {"/v1/chat/completions": AROUND, "/v1/decisions": AROUND_DECISIONS, "/v1/moderations": AROUND_MODERATIONS}
    all_around = own.get(path, AROUND_RESPONSES if "/responses" in path else {})
    around = next((extra for prefix, extra in all_around.items() if field.startswith(prefix)), {})
    body = copy.deepcopy({**GOOD[path], **around})
    if field.startswith("lora[]"):
        body["lora"] = [{}]  # valid only if a model has adapters; errors in it are found before that check
    # No model of this server is marked for moderation.
    if around and field not in ALONE and path != "/v1/moderations":
        assert server.request("POST", path, body).status == 200, "the request around it is good"
    # Values that are wrong for every field: a number for strings and lists, and a text in a list or an object for others.
    for wrong in (12345.75, ["oops"], {"oops": {}}):
        if field == "keep_alive" and wrong == 12345.75:
            continue  # seconds
        bad = copy.deepcopy(body)
        place(bad, field, wrong)
        answer = server.request("POST", path, bad)
        if answer.status == 200:
            continue
        assert answer.status == 400, answer.body
        error = answer.json["error"]
        assert error["type"] == "invalid_request_error" and error["code"] and error["message"], error
        assert (error["param"] or "").startswith(field.replace("[]", "[0]").split(".")[0]), error
        if field not in LENIENT:
            return
    assert field in LENIENT, "some wrong value is refused"
