"""Chat completions without streaming: fields and their effects, structure, usage."""

import pytest
from jsonschema import validate

from schemas import COMPLETION
from server import MODEL


def test_whole_answer_has_exactly_the_documented_shape(server):
    answer = server.chat()
    assert answer.status == 200
    validate(answer.json, COMPLETION)
    usage = answer.json["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert answer.json["model"] == MODEL
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    assert "x-shimmy-ignored-params" not in answer.headers


def test_ids_are_unique(server):
    answers = [server.chat(max_tokens=1) for _ in range(5)]
    assert len({answer.json["id"] for answer in answers}) == 5
    assert len({answer.headers["x-request-id"] for answer in answers}) == 5
    assert len({answer.json["system_fingerprint"] for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/v1/chat/completions/"])
def test_paths_with_and_without_the_prefix(server, path):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    assert server.request("POST", path, body).status == 200


def test_every_role_is_accepted(server):
    messages = [
        {"role": "system", "content": "You are terse."},
        {"role": "developer", "content": "Answer in English."},
        {"role": "user", "name": "ann", "content": "What is the weather?"},
        {"role": "assistant", "content": "Let me look.", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
        {"role": "user", "content": "So?"},
    ]
    assert server.chat(messages=messages).status == 200


def test_a_system_message_changes_the_prompt(server):
    plain = server.chat("Hi", max_tokens=1).json["usage"]["prompt_tokens"]
    told = server.chat(messages=[{"role": "system", "content": "word " * 50}, {"role": "user", "content": "Hi"}], max_tokens=1)
    assert told.json["usage"]["prompt_tokens"] > plain + 20


def test_content_forms(server):
    whole = server.chat("One\nTwo")
    parts = server.chat(messages=[{"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]}])
    assert parts.text == whole.text
    assert server.chat(messages=[{"role": "user", "content": [{"type": "input_text", "text": "One\nTwo"}]}]).text == whole.text
    assert parts.json["usage"]["prompt_tokens"] == whole.json["usage"]["prompt_tokens"]
    history = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None, "refusal": None}, {"role": "user", "content": "Hi"}]
    assert server.chat(messages=history).status == 200
    image = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    server.chat(messages=[{"role": "user", "content": image}]).assert_error(400, "messages[0].content[1].type", "unsupported_value")
    # An image in a tool's output is replaced, so that the conversation goes on.
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    looked = [{"role": "user", "content": "Hi"}, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": image}]
    answer = server.chat(messages=looked)
    assert answer.status == 200 and answer.headers["x-shimmy-ignored-params"].endswith("messages[2].content[1]")


def test_names_that_a_template_leaves_out(server):
    def ignored(**message):
        answer = server.chat(messages=[{"role": "user", "content": "Hi", **message}], max_tokens=1)
        assert answer.status == 200
        return answer.headers.get("x-shimmy-ignored-params")

    assert ignored(name="shown-nowhere") == "messages[].name"
    assert ignored() is None


def test_history_with_tool_calls(server):
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{not json"}}
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "tool_calls": [call], "annotations": [], "audio": None, "unknown_key": 1},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "Sunny."}]},
    ]
    assert server.chat(messages=messages).status == 200
    del messages[2]["tool_call_id"]
    assert server.chat(messages=messages).status == 200, "its place says which call it is of"
    server.chat(messages=[messages[0], messages[2]]).assert_error(400, "messages", "invalid_value")


@pytest.mark.parametrize("limit", [1, 5, 9])
def test_max_tokens_limits_the_answer(steady, limit):
    answer = steady.chat("Tell me a long story about the sea.", max_tokens=limit).json
    assert answer["usage"]["completion_tokens"] == limit
    assert answer["choices"][0]["finish_reason"] == "length"


def test_max_completion_tokens_wins(steady):
    answer = steady.chat("Count from one to one hundred.", max_tokens=9, max_completion_tokens=3).json
    assert answer["usage"]["completion_tokens"] == 3


def test_the_models_own_end_is_a_stop(steady):
    answer = steady.chat("Is the sky blue? Answer yes or no.", max_tokens=200).json
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["completion_tokens"] < 200
    assert "<|im_end|>" not in answer["choices"][0]["message"]["content"]


def test_temperature_zero_is_repeatable(steady):
    texts = {steady.chat("Tell me a story.", max_tokens=24, seed=seed).text for seed in (1, 2, 3)}
    assert len(texts) == 1


@pytest.mark.parametrize("seed", [7, 0, -1, 2**63 - 1, -(2**63)])
def test_same_seed_same_text(steady, seed):
    first, second = (steady.chat("Tell me a story.", temperature=1, seed=seed, max_tokens=16).text for _ in range(2))
    assert first == second


def test_other_seeds_other_texts(steady):
    texts = [steady.chat("Tell me a story.", temperature=1.5, seed=seed, max_tokens=16).text for seed in range(4)]
    texts += [steady.chat("Tell me a story.", temperature=1.5, seed=..., max_tokens=16).text for _ in range(2)]
    assert len(set(texts)) >= 5


def test_top_p_narrows_the_choice(steady):
    greedy = steady.chat("Tell me a story.", max_tokens=16).text
    narrow = {steady.chat("Tell me a story.", temperature=1, top_p=0.0001, seed=seed, max_tokens=16).text for seed in range(3)}
    assert narrow == {greedy}


def test_null_means_absent(server):
    fields = ["max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "stream", "stream_options", "n", "logprobs", "tools"]
    fields += ["response_format", "tool_choice", "user", "metadata", "logit_bias", "frequency_penalty"]
    answer = server.chat("Say hello.", **{field: None for field in fields} | {"max_completion_tokens": 4})
    assert answer.status == 200
    assert "x-shimmy-ignored-params" not in answer.headers


def test_a_whole_number_may_be_written_as_a_decimal(server):
    assert server.chat(max_tokens=3.0).json["usage"]["completion_tokens"] == 3


def test_stream_options_need_a_stream(server):
    server.chat(stream_options={"include_usage": True}).assert_error(400, "stream_options", None)
    server.chat(stream_options={"include_usage": True}, stream=False).assert_error(400, "stream_options", None)


def test_cached_tokens_tell_of_a_reused_prefix(server):
    text = "Remember these words: " + " ".join(f"anchor{number}" for number in range(60))
    first, second = (server.chat(text, max_tokens=2).json["usage"] for _ in range(2))
    assert second["prompt_tokens"] == first["prompt_tokens"]
    assert second["prompt_tokens_details"]["cached_tokens"] == second["prompt_tokens"] - 1
    assert first["prompt_tokens_details"]["cached_tokens"] < first["prompt_tokens"] // 2


def test_a_conversation_goes_on_from_the_cache(server):
    opening = [{"role": "user", "content": "Here is a list: " + " ".join(f"item{number}" for number in range(80))}]
    first = server.chat(messages=opening, max_tokens=8)
    following = opening + [{"role": "assistant", "content": first.text}, {"role": "user", "content": "Go on."}]
    usage = server.chat(messages=following, max_tokens=2).json["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] >= first.json["usage"]["prompt_tokens"] - 1
