"""Legacy completions: continuations of raw text."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from server import MODEL


def complete(server, **fields):
    body = {"model": MODEL, "prompt": "The capital of France is", "max_tokens": 8, "temperature": 0, **fields}
    return server.request("POST", "/v1/completions", {name: value for name, value in body.items() if value is not ...})


def texts(answer) -> list:
    assert answer.status == 200, answer.body
    choices = answer.json["choices"]
    assert [choice["index"] for choice in choices] == list(range(len(choices)))
    return [choice["text"] for choice in choices]


def test_a_completion_has_the_documented_shape(steady):
    answer = complete(steady).json
    assert set(answer) == {"id", "object", "created", "model", "system_fingerprint", "choices", "usage"}
    assert answer["object"] == "text_completion" and answer["id"].startswith("cmpl-") and answer["model"] == MODEL
    [choice] = answer["choices"]
    assert set(choice) == {"text", "index", "logprobs", "finish_reason"} and choice["logprobs"] is None
    assert "Paris" in choice["text"] and choice["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 8
    complete(steady, model=...).assert_error(400, "model", "missing_required_parameter")
    complete(steady, prompt=...).assert_error(400, "prompt", "missing_required_parameter")


def test_every_form_of_prompt(steady):
    [plain] = texts(complete(steady))
    tokens = steady.request("POST", "/tokenize", {"model": MODEL, "content": "The capital of France is", "add_special": True}).json["tokens"]
    assert texts(complete(steady, prompt=tokens)) == [plain]
    other = texts(complete(steady, prompt="Two and two is"))[0]
    assert texts(complete(steady, prompt=["The capital of France is", "Two and two is"])) == [plain, other]
    assert texts(complete(steady, prompt=[tokens, tokens], n=2)) == [plain] * 4
    both = complete(steady, prompt=["The capital of France is", "Two and two is"], n=2).json["usage"]
    each = [complete(steady, prompt=prompt, n=2).json["usage"] for prompt in ("The capital of France is", "Two and two is")]
    assert both["prompt_tokens"] == sum(usage["prompt_tokens"] for usage in each)
    assert both["completion_tokens"] == 32
    assert len(texts(complete(steady, prompt=""))) == 1


@pytest.mark.parametrize("prompt, param, code", [
    (5, "prompt", "invalid_type"), ({}, "prompt", "invalid_type"), ([], "prompt", "empty_array"), ([1, "a"], "prompt[1]", "invalid_type"),
    (["a", 1], "prompt[1]", "invalid_type"), ([[1], []], "prompt[1]", "invalid_type"), ([[1, 2.5]], "prompt[0][1]", "invalid_type"),
    ([10**7], "prompt", "invalid_value"), ("word " * 20000, "prompt", "context_length_exceeded"),
])
def test_bad_prompts(steady, prompt, param, code):
    complete(steady, prompt=prompt).assert_error(400, param, code)


def test_limits_and_stops(steady):
    [plain] = texts(complete(steady, max_tokens=12))
    assert complete(steady, max_tokens=...).json["usage"]["completion_tokens"] == 16
    word = plain.split()[1]
    nothing = complete(steady, max_tokens=0)
    assert texts(nothing) == [""] and nothing.json["usage"]["completion_tokens"] == 0
    stopped = complete(steady, max_tokens=12, stop=[word])
    assert texts(stopped) == [plain[: plain.index(word)]] and stopped.json["choices"][0]["finish_reason"] == "stop"


def test_echo(steady):
    [plain] = texts(complete(steady))
    assert texts(complete(steady, echo=True)) == ["The capital of France is" + plain]
    events = complete(steady, echo=True, stream=True).events
    assert "".join(event["choices"][0]["text"] for event in events[:-1]) == "The capital of France is" + plain


def test_legacy_logprobs(steady):
    answer = complete(steady, logprobs=3)
    logprobs = answer.json["choices"][0]["logprobs"]
    assert set(logprobs) == {"tokens", "token_logprobs", "top_logprobs", "text_offset"}
    assert "".join(logprobs["tokens"]) == texts(answer)[0]
    for token, logprob, top, offset in zip(*(logprobs[name] for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"))):
        assert len(top) == 3 and top[token] == logprob == max(top.values())
        assert texts(answer)[0][offset : offset + len(token)] == token
    streamed = [event["choices"][0]["logprobs"] for event in complete(steady, logprobs=3, stream=True).events[:-1]]
    assert sum((part["text_offset"] for part in streamed if part), []) == logprobs["text_offset"]
    complete(steady, logprobs=6).assert_error(400, "logprobs", "integer_above_max_value")


def test_streamed_completions(steady):
    [plain] = texts(complete(steady))
    events = complete(steady, stream=True, stream_options={"include_usage": True, "include_obfuscation": False}).events
    assert events[-1] == "[DONE]" and events[-2]["choices"] == [] and events[-2]["usage"]["completion_tokens"] == 8
    chunks = events[:-2]
    assert all(chunk["object"] == "text_completion" and chunk["usage"] is None for chunk in chunks)
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == plain
    assert chunks[-1]["choices"][0]["text"] == "" and chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-1])
    assert "usage" not in complete(steady, stream=True).events[0]


def test_completions_are_drawn_as_asked(steady):
    [plain] = texts(complete(steady))
    assert texts(complete(steady, temperature=1, top_k=1)) == [plain] == texts(complete(steady, temperature=1, top_p=0, min_p=0.1))
    drawn = {texts(complete(steady, temperature=1.5, seed=seed))[0] for seed in range(4)}
    assert len(drawn) > 1 and texts(complete(steady, temperature=1.5, seed=1)) == texts(complete(steady, temperature=1.5, seed=1))
    rain = dict(prompt="rain rain rain rain", max_tokens=30)
    assert texts(complete(steady, presence_penalty=2, **rain)) != texts(complete(steady, **rain)) != texts(complete(steady, frequency_penalty=2, **rain))
    first = complete(steady, max_tokens=1, logprobs=1).json["choices"][0]["logprobs"]["tokens"][0]
    [token] = steady.request("POST", "/tokenize", {"model": MODEL, "content": first}).json["tokens"]
    assert texts(complete(steady, max_tokens=1, logit_bias={str(token): -100})) != [first]
    for field in ("typical_p", "repeat_penalty", "repeat_last_n", "min_tokens", "ignore_eos"):
        assert complete(steady, **{field: "x"}).status == 400


def test_what_completions_do_not_do(steady):
    assert complete(steady, suffix="!").status == 400
    complete(steady, suffix="!", echo=True).assert_error(400, "echo", "invalid_value")
    assert complete(steady, best_of=1, novel="u").headers["x-shimmy-ignored-params"] == "novel"


def test_a_prompt_is_scored(steady):
    prompt = "The capital of France is Paris. Grüße aus 日本!"
    answer = complete(steady, prompt=prompt, max_tokens=0, echo=True, logprobs=2)
    [text] = texts(answer)
    assert text == prompt and answer.json["usage"]["completion_tokens"] == 0 and answer.json["choices"][0]["finish_reason"] == "length"
    logprobs = answer.json["choices"][0]["logprobs"]
    tokens = steady.request("POST", "/tokenize", {"model": MODEL, "content": prompt}).json["tokens"]
    assert len(logprobs["tokens"]) == len(tokens) == len(logprobs["token_logprobs"])
    assert logprobs["token_logprobs"][0] is None and logprobs["top_logprobs"][0] is None
    assert all(logprob <= 0 for logprob in logprobs["token_logprobs"][1:])
    for token, logprob, top, offset in list(zip(*(logprobs[name] for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"))))[1:]:
        assert top[token] == logprob and 2 <= len(top) <= 3
        assert token.startswith("bytes:") or prompt[offset : offset + len(token)] == token
    # A drawn token has the same log probability as in a prompt.
    drawn = complete(steady, prompt=prompt, max_tokens=4, logprobs=1)
    scored = complete(steady, prompt=prompt + texts(drawn)[0], max_tokens=0, echo=True, logprobs=1).json["choices"][0]["logprobs"]
    assert scored["token_logprobs"][-4:] == pytest.approx(drawn.json["choices"][0]["logprobs"]["token_logprobs"], abs=0.02)
    # Prompt and answer together, also with prompts as tokens, several prompts and several choices.
    both = complete(steady, prompt=prompt, max_tokens=4, echo=True, logprobs=1)
    assert texts(both) == [prompt + texts(drawn)[0]]
    assert both.json["choices"][0]["logprobs"]["tokens"] == scored["tokens"]
    assert both.json["choices"][0]["logprobs"]["text_offset"] == scored["text_offset"]
    several = complete(steady, prompt=[tokens, tokens[:5]], n=2, max_tokens=1, echo=True, logprobs=0).json["choices"]
    assert [len(choice["logprobs"]["tokens"]) for choice in several] == [len(tokens) + 1] * 2 + [6] * 2
    assert all(list(top) == [token] for token, top in list(zip(several[0]["logprobs"]["tokens"], several[0]["logprobs"]["top_logprobs"]))[1:])


def test_a_prompt_may_fill_the_context_where_nothing_follows(start):
    server = start("--ctx-size", "64")
    answer = complete(server, prompt=[500] * 64, max_tokens=0, echo=True, logprobs=0)
    assert len(answer.json["choices"][0]["logprobs"]["tokens"]) == 64
    complete(server, prompt=[500] * 64, max_tokens=1).assert_error(400, "prompt", "context_length_exceeded")
    complete(server, prompt=[500] * 65, max_tokens=0).assert_error(400, "prompt", "context_length_exceeded")
    assert complete(server).status == 200


def test_a_scored_prompt_is_streamed(steady):
    fields = dict(prompt="One, two, three, four", max_tokens=3, echo=True, logprobs=1)
    whole = complete(steady, **fields).json["choices"][0]
    chunks = [event["choices"][0] for event in complete(steady, **fields, stream=True).events[:-1]]
    assert chunks[0]["text"] == fields["prompt"]
    assert "".join(chunk["text"] for chunk in chunks) == whole["text"]
    for name in ("tokens", "token_logprobs", "text_offset"):
        assert sum((chunk["logprobs"][name] for chunk in chunks if chunk["logprobs"]), []) == whole["logprobs"][name]


def test_a_long_prompt_is_scored_beside_others(server):
    """A prompt with more tokens than a step can have logits is scored while streams run. A shared prefix does not change its scores."""
    prompt = "She sells sea shells by the sea shore. " * 60
    alone = complete(server, prompt=prompt, max_tokens=0, echo=True, logprobs=0)
    with ThreadPoolExecutor(8) as pool:
        busy = [pool.submit(complete, server, prompt=f"Story {index}:", max_tokens=40) for index in range(4)]
        scored = [pool.submit(complete, server, prompt=prompt, max_tokens=0, echo=True, logprobs=0) for _ in range(3)]
        assert all(result.result().status == 200 for result in busy)
        for result in scored:
            again = result.result().json["choices"][0]["logprobs"]
            assert again["tokens"] == alone.json["choices"][0]["logprobs"]["tokens"]
            assert again["token_logprobs"][1:] == pytest.approx(alone.json["choices"][0]["logprobs"]["token_logprobs"][1:], abs=0.05)


def test_the_best_of_several(steady):
    fields = dict(prompt="My favourite animal is", max_tokens=8, temperature=1.3, seed=5)
    each = complete(steady, n=6, logprobs=0, **fields).json["choices"]
    means = {choice["text"]: sum(choice["logprobs"]["token_logprobs"]) / len(choice["logprobs"]["token_logprobs"]) for choice in each}
    expected = sorted(means, key=means.get, reverse=True)
    best = complete(steady, n=2, best_of=6, **fields)
    assert texts(best) == expected[:2] and best.json["choices"][0]["logprobs"] is None
    generated = complete(steady, n=6, **fields).json["usage"]["completion_tokens"]
    assert best.json["usage"]["completion_tokens"] == generated > 16, "what was generated counts"
    told = complete(steady, best_of=6, logprobs=1, **fields).json["choices"]
    assert [choice["text"] for choice in told] == expected[:1] and "".join(told[0]["logprobs"]["tokens"]) == expected[0]
    assert texts(complete(steady, best_of=1)) == texts(complete(steady))
    complete(steady, n=3, best_of=2).assert_error(400, "best_of", "invalid_value")
    complete(steady, best_of=21).assert_error(400, "best_of", "integer_above_max_value")
    complete(steady, best_of=3, stream=True).assert_error(400, "best_of", "invalid_value")


def test_completions_with_the_official_client(client):
    answer = client.completions.create(model=MODEL, prompt=["One", "Two"], max_tokens=4, n=2, logprobs=1)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    stream = client.completions.create(model=MODEL, prompt="Once upon a time", max_tokens=6, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream)


def test_more_answers_than_there_are_places_are_refused(start):
    """The status is not 429, because the request would not fit later either."""
    server = start("--slots", "1", "--queue", "2")
    for refused, field in (
        (complete(server, n=4), "n"), (complete(server, best_of=4), "best_of"), (complete(server, prompt=["a"] * 4), "prompt"),
        (complete(server, prompt=["a"] * 2, n=2), "prompt"), (complete(server, prompt=["a"] * 2048, n=128, stream=True), "n"),
        (server.chat(n=4), "n"),
    ):
        assert "at most 3 answers" in refused.assert_error(400, field, "invalid_value")
        assert "retry-after" not in refused.headers
    assert len(texts(complete(server, prompt=["a"] * 3))) == 3


def test_the_debug_log_says_where_completions_left_the_cache(start):
    server = start("--log-level", "debug", "--log-text")
    opening = " ".join(f"common{number}" for number in range(40))
    complete(server, prompt=opening + " other ending", max_tokens=1)
    complete(server, prompt=[opening + " first ending", opening + " second ending"], n=2, max_tokens=1)
    lines = [line for line in server.log.read_text().splitlines() if "diverges_at=" in line and "common39" in line]
    assert any('prompt=" first"' in line for line in lines) and any('prompt=" second"' in line for line in lines), lines
