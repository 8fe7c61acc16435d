"""Ollama's API, with Ollama's own client: chats with options, reasoning, formats and tools."""

import asyncio
import json
import math
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ollama import AsyncClient, ChatResponse, Client, ResponseError

from ollama_requests import ASK, COUNTS, DURATIONS, FEW, assert_error, chat, message
from server import MODEL, UPSTREAM, Server, make_home
from tool_calls import COLOUR, TOOLS, WEATHER


@pytest.fixture(scope="module")
def ollama(steady):
    """The client of a server with reproducible answers."""
    return Client(host=steady.url)


@pytest.fixture(scope="module")
def thinker(home):
    """A server whose model reasons, because its template makes it."""
    with Server(home, "--chat-template-file", str(Path(__file__).with_name("thinking.jinja")), "--deterministic") as server:
        yield server


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    """A server with a model that has to call a tool: Ollama's API has no field for that."""
    home = make_home(tmp_path_factory.mktemp("caller"))
    path = home / "shimmy.toml"
    path.write_text(
        f"""
[model.caller]
base = "{MODEL}"
defaults = {{ tool_choice = "required", parallel_tool_calls = false }}
{UPSTREAM}"""
    )
    with Server(home, "--config", str(path)) as server:
        yield server


# Chats


def test_a_whole_chat_has_the_documented_shape(steady, ollama):
    answer = chat(steady)
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"model", "created_at", "message", "done", "done_reason"} | DURATIONS | COUNTS
    assert set(message(answer)) == {"role", "content"} and message(answer)["role"] == "assistant" and message(answer)["content"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", answer.json["created_at"])
    assert answer.json["model"] == MODEL and answer.json["done"] is True and answer.json["done_reason"] in ("stop", "length")
    rendered = steady.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": ASK}).json
    assert answer.json["prompt_eval_count"] == rendered["prompt_tokens"] and 0 < answer.json["eval_count"] <= 12
    parts = answer.json["load_duration"] + answer.json["prompt_eval_duration"] + answer.json["eval_duration"]
    assert all(answer.json[name] > 0 for name in DURATIONS) and math.isclose(parts, answer.json["total_duration"], abs_tol=1000)
    typed = ollama.chat(model=MODEL, messages=ASK, options=FEW)
    assert typed.message.content == message(answer)["content"] and typed.eval_count == answer.json["eval_count"]


def test_a_chat_is_streamed(steady, ollama):
    whole = ollama.chat(model=MODEL, messages=ASK, options=FEW)
    parts = list(ollama.chat(model=MODEL, messages=ASK, options=FEW, stream=True))
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].done_reason == whole.done_reason and parts[-1].prompt_eval_count == whole.prompt_eval_count
    assert all(part.total_duration is None for part in parts[:-1]) and parts[-1].total_duration > 0
    answer = steady.request("POST", "/api/chat", {"model": MODEL, "messages": ASK, "options": FEW})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.body.endswith(b"}\n") and all(json.loads(line)["model"] == MODEL for line in answer.body.splitlines())


def test_the_asynchronous_client(steady):
    async def ask():
        client = AsyncClient(host=steady.url)
        return "".join([part.message.content async for part in await client.chat(model=MODEL, messages=ASK, options=FEW, stream=True)])

    assert asyncio.run(ask()) == message(chat(steady))["content"]


def test_a_seed_means_the_same_everywhere(steady, ollama):
    sampling = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "seed": 7}
    text = steady.chat("Tell me a story.", max_tokens=30, **sampling).text
    question = [{"role": "user", "content": "Tell me a story."}]
    assert ollama.chat(model=MODEL, messages=question, options={**sampling, "num_predict": 30}).message.content == text
    assert ollama.generate(model=MODEL, prompt="Tell me a story.", options={**sampling, "num_predict": 30}).response == text
    other = ollama.chat(model=MODEL, messages=question, options={**sampling, "seed": 8, "num_predict": 30}).message.content
    assert other != text


def test_names_with_and_without_latest(ollama):
    assert ollama.chat(model=MODEL + ":latest", messages=ASK, options=FEW).model == MODEL + ":latest"


# Options


def test_options_have_their_effects(steady, ollama):
    def text(**options):
        return ollama.generate(model=MODEL, prompt="Tell me a story.", options={"num_predict": 40, "temperature": 0, **options}).response

    plain = text()
    assert text(repeat_penalty=1.8) != plain != text(frequency_penalty=1.5)
    assert text(presence_penalty=1.5) != plain and text(repeat_penalty=1.8, repeat_last_n=0) == plain
    word = plain.split()[5]
    stopped = text(stop=["unseen", "unheard", "unknown", "untold", "undone", word])
    assert stopped.rstrip() == plain[: plain.index(word)].rstrip()
    assert text(temperature=1, top_k=1, seed=1) == plain == text(temperature=1, top_p=0.0001, seed=1) == text(temperature=1, min_p=1, seed=1)
    assert text(temperature=1, typical_p=0.2, seed=1) and text(temperature=1, mirostat=2, mirostat_tau=1, mirostat_eta=0.5, seed=1)
    # Numbers outside of a range are moved into it, and fractions of integers are dropped.
    assert text(temperature=-1) == plain == text(temperature=0, top_p=1.5, top_k=-1) == text(temperature=9, top_k=1.9, seed=1)
    short = ollama.generate(model=MODEL, prompt="Tell me a story.", options={"num_predict": 5})
    assert short.eval_count == 5 and short.done_reason == "length"
    unlimited = chat(steady, options={"num_predict": -1, "temperature": 0, "stop": ["."]})
    assert unlimited.json["done_reason"] == "stop"
    reported = chat(steady, options={**FEW, "num_gpu": 1, "num_keep": 4, "unheard_of": 1}, shift=True)
    assert reported.headers["x-shimmy-ignored-params"] == "options.num_gpu, options.num_keep, options.unheard_of, shift"


@pytest.mark.parametrize("fields, name", [
    ({"options": {"temperature": "hot"}}, "options.temperature"), ({"options": {"num_ctx": "4096"}}, "options.num_ctx"),
    ({"options": {"top_k": "many"}}, "options.top_k"), ({"think": "deeply"}, "deeply"),
    ({"format": "xml"}, "xml"), ({"format": {"type": "object", "properties": {"a": {"type": "unheard"}}}}, "format"), ({"keep_alive": "soon"}, "keep_alive"),
    ({"messages": [{"role": "user", "content": "Hi", "images": ["aGVsbG8="]}]}, "messages[].images"), ({"messages": "Hi"}, "messages"),
    ({"messages": [{"role": "judge", "content": "a result"}]}, "judge"), ({"model": 5}, "model"),
])
def test_mistakes_are_named(steady, fields, name):
    assert_error(chat(steady, **fields), 400, name)


def test_a_longer_context_is_loaded(start):
    server = start("--ctx-size", "1024", "--slots", "8", "--memory-budget", "260M")
    long = [{"role": "user", "content": "word " * 1500}]
    assert_error(chat(server, long), 400, "maximum context length is 1024 tokens")
    answer = chat(server, long, options={**FEW, "num_ctx": 2048})
    assert answer.status == 200 and answer.json["prompt_eval_count"] > 1500 and "x-shimmy-ignored-params" not in answer.headers
    # It stays as long as it is.
    assert chat(server, long).status == 200
    assert chat(server, long, options={**FEW, "num_ctx": 512}).headers["x-shimmy-ignored-params"] == "options.num_ctx"
    # The model was trained for 8192 tokens, but the memory budget is too small for a context of this length.
    assert_error(chat(server, options={**FEW, "num_ctx": 8192}), 400, "'options.num_ctx'")
    assert chat(server, long).status == 200


def test_old_messages_are_dropped(start):
    server = start("--ctx-size", "512", "--slots", "8")
    story = [{"role": role, "content": f"{number} " + "word " * 60} for number in range(8) for role in ("user", "assistant")]
    messages = [{"role": "system", "content": "Be brief."}, *story, {"role": "user", "content": "Say hello."}]
    answer = chat(server, messages)
    assert answer.status == 200 and answer.json["prompt_eval_count"] < 512
    dropped = int(answer.headers["x-shimmy-dropped-items"])
    assert 0 < dropped < len(story) and dropped % 2 == 0, "questions go with their answers"
    assert "x-shimmy-dropped-items" not in chat(server, messages[-3:]).headers
    assert_error(chat(server, messages, truncate=False), 400, "maximum context length is 512 tokens")
    assert_error(chat(server, [{"role": "user", "content": "word " * 600}]), 400, "maximum context length is 512 tokens")


# Reasoning, formats, log probabilities


def test_thoughts_have_a_field_of_their_own(thinker):
    client = Client(host=thinker.url)
    body = dict(model=MODEL, messages=[{"role": "user", "content": "Why is the sky blue?"}], options={"num_predict": 40, "temperature": 0})
    whole = client.chat(**body).message
    assert whole.thinking and "think>" not in whole.thinking + whole.content
    parts = list(client.chat(**body, stream=True))
    assert "".join(part.message.thinking or "" for part in parts) == whole.thinking
    assert "".join(part.message.content for part in parts) == whole.content
    assert client.chat(**body, think=True).message == whole == client.chat(**body, think="high").message
    without = client.chat(**body, think=False).message
    assert without.thinking is None and without.content
    generated = client.generate(model=MODEL, prompt="Why is the sky blue?", options=body["options"])
    assert (generated.thinking, generated.response) == (whole.thinking, whole.content)
    assert client.generate(model=MODEL, prompt="Why is the sky blue?", options=body["options"], think=False).thinking is None
    short = client.chat(**{**body, "options": {"num_predict": 5, "temperature": 0}})
    assert short.done_reason == "length" and short.message.thinking and short.message.content == ""


def test_a_model_that_does_not_reason_says_so(steady):
    for think in (True, "low", "medium", "high"):
        answer = chat(steady, think=think)
        assert (answer.status, answer.json) == (400, {"error": f'"{MODEL}" does not support thinking'})
        assert steady.request("POST", "/api/generate", {"model": MODEL, "prompt": "Hi", "think": think}).status == 400
    for think in (False, None):
        answer = chat(steady, think=think)
        assert answer.status == 200 and "x-shimmy-ignored-params" not in answer.headers and "thinking" not in message(answer)


def test_thoughts_are_sent_back(thinker):
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello.", "thinking": "A greeting."}, {"role": "user", "content": "Bye"}]
    count = chat(thinker, messages).json["prompt_eval_count"]
    messages[1]["reasoning_content"] = messages[1].pop("thinking")
    rendered = thinker.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages}).json
    assert "A greeting." in rendered["prompt"] and count == rendered["prompt_tokens"]


def test_ollamas_formats(ollama, thinker):
    schema = {**COLOUR, "properties": {**COLOUR["properties"], "count": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["name", "count"]}
    options = {"num_predict": 100, "temperature": 1, "seed": 3}
    for stream in (False, True):
        answer = ollama.chat(model=MODEL, messages=ASK, format=schema, options=options, stream=stream)
        text = "".join(part.message.content for part in answer) if stream else answer.message.content
        Draft202012Validator(schema).validate(json.loads(text))
    Draft202012Validator(schema).validate(json.loads(ollama.generate(model=MODEL, prompt="A colour?", format=schema, options=options).response))
    assert ollama.chat(model=MODEL, messages=ASK, format="json", options=options).message.content.lstrip().startswith("{")
    Draft202012Validator(schema).validate(json.loads(message(chat(thinker, format=schema, options=options, think=False))["content"]))


def test_ollamas_logprobs(steady, ollama):
    answer = ollama.chat(model=MODEL, messages=ASK, options=FEW, logprobs=True, top_logprobs=2)
    assert "".join(entry.token for entry in answer.logprobs) == answer.message.content
    assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in answer.logprobs)
    parts = list(ollama.chat(model=MODEL, messages=ASK, options=FEW, logprobs=True, stream=True))
    assert "".join(entry.token for part in parts for entry in part.logprobs or []) == answer.message.content
    generated = ollama.generate(model=MODEL, prompt="Once upon", raw=True, options=FEW, logprobs=True, top_logprobs=20)
    assert "".join(entry.token for entry in generated.logprobs) == generated.response and len(generated.logprobs[0].top_logprobs) == 20
    assert "logprobs" not in chat(steady).json
    assert_error(chat(steady, logprobs=True, top_logprobs=21), 400, "top_logprobs")


# Tools


def test_ollamas_tools_are_called(caller):
    def ask(**fields):
        return chat(caller, [{"role": "user", "content": "What is the weather in Paris?"}], model="caller", tools=TOOLS, **fields)

    options = {"num_predict": 200, "temperature": 0}
    answer = ask(options=options)
    [call] = message(answer)["tool_calls"]
    assert message(answer)["content"] == "" and answer.json["done_reason"] == "stop" and call["id"].startswith("call_")
    name, arguments = call["function"]["name"], call["function"]["arguments"]
    Draft202012Validator({"get_weather": WEATHER, "set_colour": COLOUR}[name]).validate(arguments)
    [typed] = ChatResponse(**answer.json).message.tool_calls
    assert typed.function.name == name and typed.function.arguments == arguments
    lines = [json.loads(line) for line in ask(options=options, stream=True).body.splitlines()]
    [streamed] = [call for line in lines for call in line.get("message", {}).get("tool_calls", [])]
    assert streamed["function"] == call["function"], "a call is sent as a whole"
    # The token limit ends the call: a client must not run a part of it.
    cut = ask(options={"num_predict": 8, "temperature": 0})
    assert cut.json["done_reason"] == "length" and "tool_calls" not in message(cut)


def test_a_function_is_a_tool(caller):
    def set_light(on: bool) -> str:
        """Switches the light.

        Args:
            on: Whether the light is on.
        """

    answer = Client(host=caller.url).chat(model="caller", messages=ASK, tools=[set_light], options={"num_predict": 100, "temperature": 0})
    assert all(call.function.name == "set_light" and isinstance(call.function.arguments["on"], bool) for call in answer.message.tool_calls or [])
    assert answer.message.tool_calls or answer.done_reason == "length"


def test_results_find_their_calls(steady):
    def tool_call(name, arguments, **more):
        return {**more, "function": {"name": name, "arguments": arguments}}

    def both(calls, results, own):
        """Returns the prompt tokens of a conversation in Ollama's and in OpenAI's form."""
        tokens = chat(steady, [*ASK, {"role": "assistant", "content": "", "tool_calls": calls}, *results], tools=TOOLS).json["prompt_eval_count"]
        made = [{"id": f"call_{number + 1}", "type": "function", "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"], separators=(",", ":"))}}
                for number, call in enumerate(calls)]
        messages = [*ASK, {"role": "assistant", "content": "", "tool_calls": made}, *own]
        rendered = steady.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages, "tools": TOOLS})
        assert rendered.status == 200, rendered.body
        return tokens, rendered.json["prompt_tokens"]

    def result(text, **more):
        return {"role": "tool", "content": text, **more}

    calls = [tool_call("get_weather", {"city": "Paris", "unit": "celsius", "days": 1}), tool_call("set_colour", {"name": "red"})]
    own = [result("sunny", tool_call_id="call_1", name="get_weather"), result("a long text about a colour", tool_call_id="call_2", name="set_colour")]
    ours, theirs = both(calls, [result("a long text about a colour", tool_name="set_colour"), result("sunny", tool_name="get_weather")], own)
    assert ours == theirs
    ours, theirs = both(calls, [result("sunny"), result("a long text about a colour")], [{**entry, "name": None} for entry in own])
    assert ours == theirs
    named = [{**calls[0], "id": "call_1", "type": "function"}, {**calls[1], "id": "call_2"}]
    named[0]["function"] = {**named[0]["function"], "index": 0}
    assert chat(steady, [*ASK, {"role": "assistant", "tool_calls": named}, result("sunny", tool_call_id="call_1"), result("red", tool_call_id="call_2")]).status == 200
    half = chat(steady, [*ASK, {"role": "assistant", "tool_calls": calls}, result("sunny", tool_name="get_weather")])
    assert half.status == 200 and "omitted-calls" in half.headers["x-shimmy-normalized"].split(", ")
    assert_error(chat(steady, [*ASK, {"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]}]), 400, "messages[1].tool_calls[0].function.name")


ASKED = [*ASK, {"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "get_weather", "arguments": {"city": "Paris"}}}]}]


@pytest.mark.parametrize(
    "messages, change",
    [
        ([{"role": "tool", "content": "sunny", "tool_call_id": "gone"}, {"role": "assistant", "content": "It is sunny."}, *ASK], "added-calls"),
        ([*ASK, {"role": "tool", "content": "sunny"}], "added-calls"),
        ([*ASKED, {"role": "user", "content": "Never mind."}], "omitted-calls"),
        ([*ASKED, {"role": "tool", "content": "sunny", "tool_call_id": "other"}], "matched-results"),
        ([*ASK, {"role": "assistant", "content": "Hello, my "}], "trimmed-start"),
    ],
)
def test_odd_histories_are_answered_and_reported(steady, messages, change):
    answer = chat(steady, messages)
    assert answer.status == 200, answer.body
    assert change in answer.headers["x-shimmy-normalized"].split(", ")


def test_an_answer_goes_on_without_the_space_before_it(steady):
    texts = [message(chat(steady, [*ASK, {"role": "assistant", "content": start}]))["content"] for start in ("The capital of France is", "The capital of France is ")]
    assert texts[0] == texts[1]


# Errors


def test_ollamas_errors(steady, ollama):
    for call in (lambda **more: ollama.chat(messages=ASK, **more), lambda **more: ollama.generate(prompt="Hi", **more), lambda **more: ollama.embed(input="Hi", **more)):
        with pytest.raises(ResponseError) as error:
            call(model="nobody")
        assert error.value.status_code == 404 and error.value.error == "model 'nobody' not found"
    with pytest.raises(ResponseError) as error:
        list(ollama.chat(model="nobody", messages=ASK, stream=True))
    assert error.value.status_code == 404
    assert_error(steady.request("POST", "/api/chat", b"{"), 400, "JSON")
    assert_error(steady.request("POST", "/api/chat", {"messages": ASK}), 400, "model")
    assert_error(steady.request("GET", "/api/chat"), 405, "POST")


def test_curl_needs_no_content_type(steady):
    body = json.dumps({"model": MODEL, "messages": ASK, "stream": False, "options": FEW}).encode()
    for kind in ("application/x-www-form-urlencoded", "text/plain"):
        assert steady.request("POST", "/api/chat", body, {"Content-Type": kind}).status == 200
    # A web page can send such a request without a preflight.
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert_error(steady.request("POST", "/api/chat", body, {"Content-Type": "text/plain", **headers}), 403, "not allowed")
