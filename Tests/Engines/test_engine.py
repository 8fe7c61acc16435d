"""Answers through Shimmy beside those of the engine itself: texts, ends, counts, log probabilities, tokens, errors."""

import json
import os
import urllib.request

import pytest

from dialects import DIALECTS, ask, case
from server import MODEL

ENGINE, URL = os.environ["SHIMMY_TEST_ENGINE"], os.environ["SHIMMY_TEST_ENGINE_URL"]
NAMES = {"shimmy": "shimmy", "llama-server": "llama-server", "llama-cpp-python": "openai", "vllm": "vllm"}
QUESTION = "What is the capital of France? Answer in one sentence."
MESSAGES = [{"role": "user", "content": QUESTION}]


def direct(path: str, **body) -> dict:
    """Asks the engine itself."""
    request = urllib.request.Request(URL + path, json.dumps({"model": MODEL, **body}).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())


def engines_chat(text: str = QUESTION, **fields) -> dict:
    return direct("/v1/chat/completions", **{"messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 12, **fields})


def test_the_kind_is_found_out(server):
    [upstream] = server.request("GET", "/admin/upstreams").json["data"]
    assert upstream["kind"] == NAMES[ENGINE] and upstream["healthy"], upstream


def test_the_model_is_listed_with_its_context(server):
    models = {model["id"]: model for model in server.request("GET", "/v1/models").json["data"]}
    assert models[MODEL]["shimmy"]["context_length"] == models[f"engine/{MODEL}"]["shimmy"]["context_length"] == 8192


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_is_the_engines(server, stream):
    own = engines_chat()
    answer = server.chat(QUESTION, stream=stream)
    assert answer.status == 200 and answer.headers["x-shimmy-upstream"] == "engine"
    text = answer.streamed_text if stream else answer.text
    assert text and text == own["choices"][0]["message"]["content"]


def test_usage_is_the_engines(server):
    own, usage = engines_chat()["usage"], server.chat(QUESTION).json["usage"]
    streamed = server.chat(QUESTION, stream=True, stream_options={"include_usage": True}).events[-2]["usage"]
    for name in ("prompt_tokens", "completion_tokens"):
        assert usage[name] == streamed[name] == own[name]


def test_every_dialect_says_what_the_engine_says(server):
    own = engines_chat(messages=[{"role": "system", "content": "You are terse."}, *MESSAGES])
    for dialect in DIALECTS:
        for stream in (False, True):
            said = ask(server, dialect, case(QUESTION, tokens=12), stream)
            assert said.text == own["choices"][0]["message"]["content"], dialect.__name__
            assert (said.prompt_tokens, said.output_tokens) == (own["usage"]["prompt_tokens"], own["usage"]["completion_tokens"]), dialect.__name__


def test_ends(server):
    assert server.chat("Count to a hundred.", max_tokens=5).json["choices"][0]["finish_reason"] == "length"
    assert server.chat(QUESTION, max_tokens=60).json["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_stops(server, stream):
    whole = server.chat(QUESTION, max_tokens=20).text
    stops = [whole[9:12], *(f"never {number}" for number in range(3))]
    answer = server.chat(QUESTION, max_tokens=20, stop=stops, stream=stream)
    assert answer.status == 200, answer.body
    assert (answer.streamed_text if stream else answer.text) == whole[: whole.index(stops[0])]
    end = answer.events[-2] if stream else answer.json
    assert end["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_several_choices(server, stream):
    answer = server.chat("Invent a word.", n=3, temperature=1.5, seed=1, stream=stream)
    assert answer.status == 200, answer.body
    choices = [choice for event in answer.events[:-1] for choice in event["choices"]] if stream else answer.json["choices"]
    assert {choice["index"] for choice in choices} == {0, 1, 2}
    assert [choice["finish_reason"] is not None for choice in choices].count(True) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities(server, stream):
    answer = server.chat(QUESTION, logprobs=True, top_logprobs=3, stream=stream)
    assert answer.status == 200, answer.body
    choices = [choice for event in answer.events[:-1] for choice in event["choices"]] if stream else answer.json["choices"]
    entries = [entry for choice in choices for entry in (choice["logprobs"] or {"content": []})["content"]]
    text = answer.streamed_text if stream else answer.text
    assert bytes(sum((entry["bytes"] for entry in entries), [])).decode().startswith(text)
    assert all(entry["logprob"] <= 0 and len(entry["top_logprobs"]) == 3 for entry in entries)
    # At temperature 0 the most likely token is drawn.
    assert all(entry["top_logprobs"][0]["token"] == entry["token"] for entry in entries)


def test_tokens_of_a_text(server):
    text = "L'été à Zürich, 日本語 😀 <|im_start|>!"
    tokens = server.request("POST", "/v1/tokenize", {"model": MODEL, "content": text})
    assert tokens.status == 200, tokens.body
    back = server.request("POST", "/v1/detokenize", {"model": MODEL, "tokens": tokens.json["tokens"]})
    assert back.status == 200 and back.json["content"] == text, back.body


def test_tokens_of_a_conversation(server):
    counted = server.request("POST", "/v1/messages/count_tokens", {"model": MODEL, "messages": MESSAGES}, {"anthropic-version": "2023-06-01"})
    assert counted.status == 200, counted.body
    assert counted.json["input_tokens"] == engines_chat()["usage"]["prompt_tokens"]
    rendered = server.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": MESSAGES})
    assert rendered.status == 200 and rendered.json["prompt"].endswith(f"{QUESTION}<|im_end|>\n<|im_start|>assistant\n"), rendered.body


def test_a_prompt_that_is_too_long(server):
    for stream in (False, True):
        error = server.chat("word " * 20_000, stream=stream).assert_error(400, "messages", "context_length_exceeded")
        assert "8192" in error.replace(",", "")


def test_a_client_that_leaves_ends_the_engines_work(server):
    connection = server.connection()
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Count to a thousand."}], "max_tokens": 4000, "stream": True, "temperature": 0}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    assert b"assistant" in response.readline()
    response.close()
    connection.close()
    assert server.chat(max_tokens=1).status == 200
