"""`POST /v1/responses`: effects of fields and structure of answers, as with OpenAI."""

import json

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from responses import COLOUR, TOOLS, WEATHER, checked, create, function, output_text, respond
from server import MODEL


def test_a_response_has_the_documented_shape(server):
    response = respond(server, metadata={"a": "b"}, user="me")
    assert set(response) == {
        "id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "instructions", "model", "output", "metadata",
        "parallel_tool_calls", "previous_response_id", "conversation", "reasoning", "service_tier", "store", "temperature", "text", "tool_choice",
        "tools", "top_logprobs", "top_p", "truncation", "usage", "user", "safety_identifier", "prompt_cache_key", "background", "frequency_penalty", "presence_penalty", "max_output_tokens",
        "max_tool_calls",
    }
    assert response["id"].startswith("resp_") and response["model"] == MODEL and response["metadata"] == {"a": "b"} and response["user"] == "me"
    [message] = response["output"]
    assert message["id"].startswith("msg_") and message["role"] == "assistant" and output_text(response)
    usage = response["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] and 0 < usage["output_tokens"] <= 12


def test_what_is_told_back(server):
    answer = create(server, max_tool_calls=3, service_tier="flex", text={"verbosity": "low"}, prompt_cache_key="k", safety_identifier="s", moderation=None)
    response = checked(answer.json)
    assert response["max_tool_calls"] == 3 and response["service_tier"] == "flex" and response["text"]["verbosity"] == "low"
    assert response["prompt_cache_key"] == "k" and response["safety_identifier"] == "s"
    assert set(answer.headers["x-shimmy-ignored-params"].split(", ")) == {"prompt_cache_key", "text.verbosity"}
    create(server, prompt={"id": "pmpt_1"}).assert_error(400, "prompt", "unsupported_parameter")


def test_an_incomplete_response_says_why(server):
    response = respond(server, "Count to a hundred.", max_output_tokens=5, ignore_eos=True)
    assert response["status"] == "incomplete" and response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["status"] == "incomplete" and response["usage"]["output_tokens"] == 5 and response["completed_at"] is None


def test_sampling_of_responses(steady):
    texts = {output_text(respond(steady, "Invent a word.", temperature=2, top_p=1, seed=seed)) for seed in range(4)}
    assert len(texts) > 1
    assert len({output_text(respond(steady, "Invent a word.", temperature=2, top_p=0, seed=seed)) for seed in range(4)}) == 1


def test_extensions_of_responses(server):
    assert output_text(respond(server, choice=["north", "south"], max_output_tokens=...)) in ("north", "south")
    assert len({output_text(respond(server, temperature=2, top_k=1, seed=seed)) for seed in range(3)}) == 1
    create(server, choice=["a"], text={"format": {"type": "json_object"}}).assert_error(400, "choice", "invalid_value")


def test_logprobs_of_responses(server):
    response = respond(server, top_logprobs=3, include=["message.output_text.logprobs"])
    [part] = response["output"][0]["content"]
    assert bytes(sum((entry["bytes"] for entry in part["logprobs"]), [])).decode() == part["text"]
    assert all(len(entry["top_logprobs"]) == 3 for entry in part["logprobs"])
    # At temperature 0 the most likely token is drawn.
    assert all(entry["top_logprobs"][0]["token"] == entry["token"] for entry in part["logprobs"])
    assert respond(server)["output"][0]["content"][0]["logprobs"] == []


FORMAT = {"type": "json_schema", "name": "colour", "description": "A colour.", "schema": COLOUR, "strict": True}


def test_formats_of_responses(server):
    response = respond(server, "Which colour?", text={"format": FORMAT}, max_output_tokens=40)
    Draft202012Validator(COLOUR).validate(json.loads(output_text(response)))
    assert response["text"]["format"] == FORMAT
    text = output_text(respond(server, "Which colour?", text={"format": {"type": "json_object"}}, max_output_tokens=300, temperature=1, seed=1))
    assert text.startswith("{")
    assert respond(server, text={"format": {"type": "text"}})["text"]["format"] == {"type": "text"}
    bad = {**FORMAT, "schema": {"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}}
    create(server, text={"format": bad}).assert_error(400, "text.format.schema", "invalid_json_schema")


def test_the_official_client_parses_into_types(client):
    class Colour(BaseModel):
        name: str

    response = client.responses.parse(model=MODEL, input="Which colour?", text_format=Colour, temperature=0, max_output_tokens=100)
    if response.status == "completed":
        assert isinstance(response.output_parsed, Colour)
    assert response.output_text.lstrip().startswith("{")


def test_every_kind_of_item(server):
    items = [
        {"role": "developer", "content": "Be kind."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather in Paris?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Ask."}], "content": [{"type": "reasoning_text", "text": "Ask."}]},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "Wait.", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather", "arguments": "{\"city\": \"Paris\"}", "status": "completed"},
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "Sun."}]},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "run", "input": "print(1)"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "1"},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"role": "user", "content": "And now?"},
    ]
    response = respond(server, items)
    plain = respond(server, "And now?")
    assert response["usage"]["input_tokens"] > plain["usage"]["input_tokens"] + 40
    listed = checked(server.request("GET", f"/v1/responses/{response['id']}/input_items?order=asc").json)["data"]
    assert [item["type"] for item in listed] == [item.get("type", "message") for item in items]
    assert [item["id"] for item in listed[2:5]] == ["rs_1", "msg_1", "fc_1"]
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]}
    create(server, [image]).assert_error(400, "input[0].content[0].type", "unsupported_value")
    # An image in an output is replaced, so that the conversation goes on.
    history = [{name: value for name, value in item.items() if name != "id"} for item in items]
    for index in 5, 7:
        seen = {**history[index], "output": [{"type": "input_text", "text": "See:"}, *image["content"]]}
        answer = create(server, [*history[:index], seen, *history[index + 1:]])
        assert answer.status == 200 and answer.headers["x-shimmy-ignored-params"] == f"input[{index}].output[1]"
        assert respond(server, "And now?", previous_response_id=checked(answer.json)["id"])["status"] in ("completed", "incomplete")
    create(server, items[5:6]).assert_error(400, "input", None)


def test_what_does_not_fit(start):
    server = start("--ctx-size", "512")
    story = [{"role": role, "content": f"Part {number}: " + "word " * 60} for number in range(8) for role in ("user", "assistant")]
    question = {"role": "user", "content": "What is the last part?"}
    error = create(server, [*story, question]).assert_error(400, "input", "context_length_exceeded")
    assert "maximum context length" in error
    answer = create(server, [{"role": "developer", "content": "Be kind."}, *story, question], truncation="auto")
    response = checked(answer.json)
    assert int(answer.headers["x-shimmy-dropped-items"]) > 4 and response["usage"]["input_tokens"] <= 500
    assert "oldest items dropped" in server.log.read_text()
    # Truncation cannot help if a single item is too long.
    create(server, "word " * 2000, truncation="auto").assert_error(400, "input", "context_length_exceeded")


@pytest.mark.parametrize("choice, names", [
    ("required", {"get_weather", "set_colour"}),
    ({"type": "function", "name": "set_colour"}, {"set_colour"}),
    ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"}]}, {"get_weather"}),
])
def test_every_tool_choice_of_responses(server, choice, names):
    response = respond(server, "Do something.", tools=TOOLS, tool_choice=choice, parallel_tool_calls=False, max_output_tokens=100)
    [call] = response["output"]
    assert call["type"] == "function_call" and call["name"] in names and call["status"] == "completed" and call["call_id"].startswith("call_")
    Draft202012Validator({"get_weather": WEATHER, "set_colour": COLOUR}[call["name"]]).validate(json.loads(call["arguments"]))
    assert response["tool_choice"] == choice and [tool["name"] for tool in response["tools"]] == ["get_weather", "set_colour"]


def test_no_tool_is_called_where_none_may_be(server):
    response = respond(server, "Do something.", tools=TOOLS, tool_choice="none")
    assert {item["type"] for item in response["output"]} == {"message"}
    assert respond(server, "Hi", tools=TOOLS, tool_choice="auto")["status"] in ("completed", "incomplete")


def test_parallel_calls_of_responses(server):
    response = respond(server, "Do something.", tools=TOOLS, tool_choice="required", parallel_tool_calls=False, max_output_tokens=200)
    assert len(response["output"]) == 1 and response["parallel_tool_calls"] is False


def test_custom_tools_of_responses(server):
    tool = {"type": "custom", "name": "dial", "description": "Dials.", "format": {"type": "grammar", "syntax": "regex", "definition": "[0-9]{3}-[0-9]{2}"}}
    response = respond(server, "Dial.", tools=[tool], tool_choice={"type": "custom", "name": "dial"}, max_output_tokens=60)
    [call] = response["output"]
    assert call["type"] == "custom_tool_call" and call["id"].startswith("ctc_") and len(call["input"]) == 6 and call["input"][3] == "-"
    assert respond(server, tools=[{**tool, "format": {"type": "text"}}], tool_choice="none")["tools"][0]["format"] == {"type": "text"}
    bad = {**tool, "format": {"type": "grammar", "syntax": "lark", "definition": "start: nowhere"}}
    create(server, tools=[bad]).assert_error(400, "tools[0].format.definition", "invalid_value")


def test_hosted_tools_of_responses_are_reported(server):
    answer = create(server, tools=[{"type": "web_search"}, function("get_weather", WEATHER)], tool_choice="none")
    assert answer.status == 200 and "tools[0]" in answer.headers["x-shimmy-ignored-params"]


def test_a_session_of_another_server_goes_on(client):
    """Items of OpenAI's hosted tools are accepted in the form in which its SDK sends them back."""
    items = [
        {"role": "user", "content": "Who won?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAABo"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "who won"}},
        {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "sport", "tools": []},
        {"type": "mcp_call", "id": "mcp_1", "server_label": "sport", "name": "score", "arguments": "{}", "output": "Two to one."},
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAABo"},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "They.", "annotations": []}]},
        {"role": "user", "content": "And before?"},
    ]
    raw = client.responses.with_raw_response.create(model=MODEL, input=items, max_output_tokens=8)
    assert raw.headers["x-shimmy-ignored-params"] == "input[1].encrypted_content, input[2], input[3], input[5]"
    response = raw.parse()
    assert response.output_text
    kept = client.responses.input_items.list(response.id, order="asc").data
    assert [item.type for item in kept][1:6] == ["reasoning", "web_search_call", "mcp_list_tools", "mcp_call", "compaction"]
    assert client.responses.create(model=MODEL, previous_response_id=response.id, input="Go on.", max_output_tokens=4).output_text


def test_namespaces_of_tools(server, client):
    find = {"type": "function", "name": "find", "parameters": WEATHER, "defer_loading": True}
    tools = [{"type": "namespace", "name": name, "description": f"The {name}.", "tools": [find]} for name in ("crm", "wiki")]
    choice = {"type": "function", "name": "find", "namespace": "wiki"}
    response = client.responses.create(model=MODEL, input="Find it.", tools=tools, tool_choice=choice, max_output_tokens=60)
    [call] = response.output
    assert call.type == "function_call" and call.name == "find" and call.namespace == "wiki"
    Draft202012Validator(WEATHER).validate(json.loads(call.arguments))
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "Found."}
    again = client.responses.create(model=MODEL, previous_response_id=response.id, input=[output], tools=tools, tool_choice="none", max_output_tokens=4)
    assert again.output_text
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    for strict, status in ((False, 200), (True, 400)):
        lax = {"type": "function", "name": "find", "parameters": loose, "strict": strict}
        assert create(server, tools=[{"type": "namespace", "name": "crm", "description": "The CRM.", "tools": [lax]}]).status == status
    create(server, tools=[*tools, tools[0]]).assert_error(400, "tools[2].tools[0].name", "invalid_value")
    create(server, tools=[{"type": "namespace", "name": "a"}]).assert_error(400, "tools[0].tools", "missing_required_parameter")


@pytest.mark.parametrize("tool, type", [
    ({"type": "local_shell"}, "local_shell_call"), ({"type": "shell", "environment": {"type": "local"}}, "shell_call"),
    ({"type": "apply_patch"}, "apply_patch_call"), ({"type": "tool_search", "execution": "client"}, "tool_search_call"),
])
def test_shells_and_patches(server, client, tool, type):
    choice = {"type": tool["type"]}
    response = client.responses.create(model=MODEL, input="Do it.", tools=[tool], tool_choice=choice, max_output_tokens=300)
    [call] = response.output
    assert call.type == type and call.status in ("completed", "incomplete")
    with client.responses.stream(model=MODEL, input="Do it.", tools=[tool], tool_choice=choice, max_output_tokens=300) as stream:
        events = list(stream)
    types = [event.type for event in events]
    # The item's type does not depend on whether the answer is complete.
    assert events[-1].response.output[0].type == type
    assert types.count("response.output_item.added") == 1 == types.count("response.output_item.done")
    if call.status == "completed":
        results = {
            "local_shell_call": {"id": call.call_id, "output": "a"}, "apply_patch_call": {"call_id": call.call_id, "status": "completed"},
            "shell_call": {"call_id": call.call_id, "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]},
            "tool_search_call": {"call_id": call.call_id, "execution": "client", "tools": []},
        }
        kind = "tool_search_output" if type == "tool_search_call" else f"{type}_output"
        output = {"type": kind, **results[type]}
        assert client.responses.create(model=MODEL, previous_response_id=response.id, input=[output], max_output_tokens=4).output_text


def test_a_tool_that_was_searched_for_is_called(server, client):
    """A tool found by a search can be called, although no request names it, in this turn or the next one."""
    found = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
    call = {"type": "tool_search_call", "call_id": "c1", "execution": "client", "arguments": {"query": "weather"}}
    output = {"type": "tool_search_output", "call_id": "c1", "execution": "client", "tools": [found]}
    asked = {"role": "user", "content": "Weather in Paris?"}
    plain = client.responses.with_raw_response.create(model=MODEL, input=[asked, call, {**output, "tools": []}], max_output_tokens=1)
    loaded = client.responses.with_raw_response.create(model=MODEL, input=[asked, call, output], max_output_tokens=1)
    assert loaded.parse().usage.input_tokens > plain.parse().usage.input_tokens + 40, "the tool is in the prompt, not only in the result"
    assert "x-shimmy-ignored-params" not in loaded.headers
    search = {"type": "tool_search", "execution": "client"}
    choice = {"type": "allowed_tools", "mode": "required", "tools": [search]}
    once = {"tools": [search], "tool_choice": choice, "parallel_tool_calls": False, "max_output_tokens": 300}
    first = client.responses.create(model=MODEL, input="Do it.", **once)
    [searched] = first.output
    if searched.status == "completed":
        output = {**output, "call_id": searched.call_id}
        second = client.responses.create(model=MODEL, previous_response_id=first.id, input=[output], max_output_tokens=4)
        counted = client.responses.input_tokens.count(model=MODEL, previous_response_id=first.id, input=[output])
        assert counted.input_tokens == second.usage.input_tokens
    bad = {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "no name"}]}
    create(server, input=[asked, bad]).assert_error(400, "input[1].tools[0].name", "invalid_value")


def test_containers_are_openais(server):
    tools = [{"type": "shell", "environment": {"type": "container_auto"}}, {"type": "tool_search"}, {"type": "web_search"}]
    answer = create(server, tools=tools)
    assert answer.headers["x-shimmy-ignored-params"] == "tools[0], tools[1], tools[2]"
    for choice in "required", {"type": "web_search"}:
        message = create(server, tools=tools, tool_choice=choice).assert_error(400, "tool_choice", "invalid_value")
        assert "only hosted tools" in message


def test_a_round_trip_of_a_tool(server):
    """A call, its output and the next answer work with the items that the server returned."""
    tools = {"tools": TOOLS, "parallel_tool_calls": False, "max_output_tokens": 60}
    first = respond(server, "Weather in Paris?", tool_choice={"type": "function", "name": "get_weather"}, store=False, **tools)
    [call] = first["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "Sun."}
    second = respond(server, [{"role": "user", "content": "Weather in Paris?"}, call, output], tool_choice="none", store=False, **tools)
    assert output_text(second)
    # The call and its output are part of the prompt.
    assert second["usage"]["input_tokens"] > respond(server, "Weather in Paris?")["usage"]["input_tokens"] + 20


def test_input_tokens_are_counted(server):
    def count(**fields) -> int:
        answer = server.request("POST", "/v1/responses/input_tokens", {"model": MODEL, **fields})
        assert answer.status == 200, answer.body
        return checked(answer.json)["input_tokens"]

    for fields in ({"input": "Hi"}, {"input": "Hi", "instructions": "Be kind."}, {"input": "Hi", "tools": TOOLS, "tool_choice": "required"}):
        assert count(**fields) == respond(server, max_output_tokens=1, **fields)["usage"]["input_tokens"]
    first = respond(server, "Say hello.")
    assert count(input="And now?", previous_response_id=first["id"]) > count(input="And now?") + first["usage"]["output_tokens"]
    assert server.request("POST", "/v1/responses/input_tokens", {"input": "Hi"}).json["input_tokens"] == count(input="Hi")
    server.request("POST", "/v1/responses/input_tokens", {"model": MODEL}).assert_error(400, "input", "missing_required_parameter")


def test_a_conversation_is_compacted(server):
    story = [{"role": "user", "content": "My name is Ada. " * 20}, {"role": "assistant", "content": "Hello, Ada."}]
    answer = server.request("POST", "/v1/responses/compact", {"model": MODEL, "input": story, "instructions": "Be kind."})
    assert answer.status == 200, answer.body
    compacted = checked(answer.json)
    [item] = compacted["output"]
    assert item["type"] == "compaction" and compacted["usage"]["output_tokens"] > 0
    more = respond(server, [*compacted["output"], {"role": "user", "content": "Who am I?"}])
    # The summary is part of the prompt.
    nothing = respond(server, "Who am I?", instructions="What was said before, in short:")
    assert more["usage"]["input_tokens"] > nothing["usage"]["input_tokens"]
    server.request("POST", "/v1/responses/compact", {"model": MODEL}).assert_error(400, "input", "missing_required_parameter")


def test_errors_of_responses(server):
    create(server, model="nowhere").assert_error(404, None, "model_not_found")
    create(server, model=...).assert_error(400, "model", "missing_required_parameter")
    create(server, input=...).assert_error(400, "input", "missing_required_parameter")
    create(server, previous_response_id="resp_1").assert_error(400, "previous_response_id", "previous_response_not_found")
    create(server, conversation="conv_1").assert_error(404, None, None)
    create(server, [{"type": "item_reference", "id": "msg_1"}]).assert_error(404, "input[0].id", None)
    create(server, previous_response_id="resp_1", conversation="conv_1").assert_error(400, "previous_response_id", "mutually_exclusive_parameters")
    twice = {"type": "message", "id": "msg_1", "role": "user", "content": "Hi"}
    assert "msg_1" in create(server, [twice, twice]).assert_error(400, "input", "duplicate_item")
