"""Streams: order and structure of chunks, usage, headers, unsplit characters."""

import pytest
from jsonschema import validate

from schemas import FIRST_DELTA, REASON, TEXT_DELTA, USAGE_CHUNK, chunk, exactly
from server import MODEL, wait_until

NULL = {"type": "null"}


@pytest.mark.parametrize("include_usage", [False, True])
def test_chunks_in_order(server, include_usage):
    options = {"include_usage": True} if include_usage else None
    answer = server.chat("Tell me a story.", stream=True, stream_options=options)
    events = answer.events
    assert events.pop() == "[DONE]"
    if include_usage:
        validate(events.pop(), USAGE_CHUNK)
    validate(events[0], chunk(FIRST_DELTA, NULL, include_usage))
    validate(events[-1], chunk(exactly(), REASON, include_usage))
    assert len(events) > 3
    for event in events[1:-1]:
        validate(event, chunk(TEXT_DELTA, NULL, include_usage))
    assert len({(event["id"], event["created"], event["model"], event["system_fingerprint"]) for event in events}) == 1


def test_headers(server):
    headers = server.chat(stream=True).headers
    assert headers["content-type"] == "text/event-stream"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-request-id"].startswith("req_")


def test_include_usage(steady):
    plain = steady.chat("Tell me a story.").json["usage"]
    events = steady.chat("Tell me a story.", stream=True, stream_options={"include_usage": True}).events
    usage = events[-2]["usage"]
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert usage[name] == plain[name]
    without = steady.chat(stream=True, stream_options={"include_usage": False}).events[:-1]
    assert all("usage" not in event for event in without)


def test_include_obfuscation_is_accepted(server):
    events = server.chat(stream=True, stream_options={"include_obfuscation": True}).events[:-1]
    assert all("obfuscation" not in event for event in events)


@pytest.mark.parametrize("text", ["Say hello.", "Tell me a story.", "What is 2+2?"])
def test_a_stream_and_a_whole_answer_agree(steady, text):
    whole, streamed = steady.chat(text, max_tokens=30), steady.chat(text, max_tokens=30, stream=True)
    assert streamed.streamed_text == whole.text
    assert streamed.events[-2]["choices"][0]["finish_reason"] == whole.json["choices"][0]["finish_reason"]


def test_characters_are_never_split(server):
    """Chunks never split characters. The model repeats characters of two to four bytes, whose tokens are parts of characters."""
    answers = []
    for text in ("😀😃😄😁", "日本語日本語", "Привет мир", "é è ê"):
        prompt = [{"role": "user", "content": f"Repeat: {text}"}, {"role": "assistant", "content": text}, {"role": "user", "content": f"Repeat: {text}"}]
        answer = server.chat(messages=prompt, max_tokens=40, stream=True)
        events = answer.events  # decodes UTF-8 strictly
        pieces = [event["choices"][0]["delta"].get("content", "") for event in events[:-1]]
        ended_by_limit = events[-2]["choices"][0]["finish_reason"] == "length"
        # Only an answer that the token limit cut off may end in an incomplete character.
        held = [piece for piece in pieces if "\ufffd" in piece]
        assert not held or (ended_by_limit and held == [pieces[-2]])
        answers.append("".join(pieces))
    assert any(len(answer.encode()) > len(answer) for answer in answers), f"nothing but ASCII was generated: {answers}"


def test_an_error_before_the_stream_has_a_status(server):
    answer = server.chat(stream=True, temperature=9)
    answer.assert_error(400, "temperature", "decimal_above_max_value")
    server.chat("word " * 9000, stream=True).assert_error(400, "messages", "context_length_exceeded")


def test_the_status_comes_before_the_prompt_is_computed(server):
    import raw

    body = raw.chat_body(MODEL, stream=True, messages=[{"role": "user", "content": " ".join(f"salt{number}" for number in range(600))}])
    server.wait_for(lambda engine: engine["running"] == 0, "the end of other work")
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("POST", "/v1/chat/completions", body))
        connection.read_until(b'"role":"assistant"')
        sequences = lambda: [one for model in server.request("GET", "/v1/engine").json["data"] for one in model["sequences"]]
        wait_until(sequences, "the sequence")
        [sequence] = sequences()
        assert sequence["stage"] in ("waiting", "prefill") and sequence["generated_tokens"] == 0
    server.wait_for(lambda engine: engine["running"] == 0, "the end of the work")
