"""Sampling: OpenAI's fields, llama.cpp's fields as extensions, and log probabilities."""

import math

import pytest

from server import MODEL


def content_logprobs(answer) -> list:
    assert answer.status == 200, answer.body
    return answer.json["choices"][0]["logprobs"]["content"]


def token_id(server, text: str) -> int:
    [token] = server.request("POST", "/tokenize", {"model": MODEL, "content": text}).json["tokens"]
    return token


def test_logprobs_have_the_documented_shape(steady):
    answer = steady.chat(logprobs=True, top_logprobs=5, max_tokens=8)
    logprobs = answer.json["choices"][0]["logprobs"]
    assert set(logprobs) == {"content", "refusal"} and logprobs["refusal"] is None
    for entry in logprobs["content"]:
        assert set(entry) == {"token", "logprob", "bytes", "top_logprobs"} and len(entry["top_logprobs"]) == 5
        assert bytes(entry["bytes"]).decode("utf-8", "replace") == entry["token"]
        values = [top["logprob"] for top in entry["top_logprobs"]]
        assert values == sorted(values, reverse=True) and sum(map(math.exp, values)) <= 1.000001
        # At temperature 0 the most likely token is drawn.
        assert entry["logprob"] == values[0] and entry["token"] == entry["top_logprobs"][0]["token"]
        assert all(set(top) == {"token", "logprob", "bytes"} for top in entry["top_logprobs"])
    assert "".join(entry["token"] for entry in logprobs["content"]) == answer.text
    without = content_logprobs(steady.chat(logprobs=True, max_tokens=8))
    assert [entry["logprob"] for entry in without] == [entry["logprob"] for entry in logprobs["content"]]
    assert all(entry["top_logprobs"] == [] for entry in without)
    assert steady.chat(max_tokens=2).json["choices"][0]["logprobs"] is None
    steady.chat(top_logprobs=3).assert_error(400, "top_logprobs", "invalid_value")
    steady.chat(logprobs=True, top_logprobs=21).assert_error(400, "top_logprobs", "integer_above_max_value")


def test_logprobs_are_the_models_own(steady):
    """Sampling parameters do not change the reported log probabilities."""
    plain = content_logprobs(steady.chat(logprobs=True, top_logprobs=20, max_tokens=1))[0]
    for change in ({"temperature": 2, "seed": 3}, {"top_k": 1, "temperature": 1}, {"logit_bias": {"100": 5}}, {"presence_penalty": 1.5}):
        other = content_logprobs(steady.chat(logprobs=True, top_logprobs=20, max_tokens=1, **change))[0]
        assert other["top_logprobs"] == plain["top_logprobs"]
        known = {top["token"]: top["logprob"] for top in plain["top_logprobs"]}
        if other["token"] in known:
            assert other["logprob"] == known[other["token"]]


def test_streamed_logprobs_belong_to_their_text(steady):
    body = dict(logprobs=True, top_logprobs=2, max_tokens=24, stop=["never said", "Hello world"])
    whole = steady.chat("Write 😀 and a German word with an umlaut.", **body)
    chunks = [event for event in steady.chat("Write 😀 and a German word with an umlaut.", stream=True, **body).events if event != "[DONE]"]
    entries = []
    for chunk in chunks:
        choice = chunk["choices"][0]
        if "content" in choice["delta"] and choice["delta"]["content"]:
            part = choice["logprobs"]["content"]
            assert b"".join(bytes(entry["bytes"]) for entry in part).decode() == choice["delta"]["content"]
            entries += part
        else:
            assert choice["logprobs"] is None
    assert entries == content_logprobs(whole)


def test_logprobs_with_the_official_client(client):
    completion = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Hi"}], logprobs=True, top_logprobs=3, max_tokens=5, n=2, seed=1)
    for choice in completion.choices:
        assert choice.logprobs.content and all(len(entry.top_logprobs) == 3 for entry in choice.logprobs.content)


def test_logprobs_stop_with_the_text(steady):
    plain = steady.chat("Count from one to ten.", logprobs=True, max_tokens=30)
    word = plain.text.split()[3]
    stopped = steady.chat("Count from one to ten.", logprobs=True, max_tokens=30, stop=[word])
    text = "".join(entry["token"] for entry in content_logprobs(stopped))
    assert text == stopped.text or stopped.text.startswith(text)


def test_logprobs_with_tools_and_schemas(steady):
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"], "additionalProperties": False}
    answer = steady.chat(logprobs=True, response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}, max_tokens=40)
    assert "".join(entry["token"] for entry in content_logprobs(answer)) == answer.text
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    called = steady.chat(logprobs=True, tools=tools, tool_choice="required", max_tokens=60, parallel_tool_calls=False)
    assert content_logprobs(called) == []


def test_bias_bans_and_forces(steady):
    first = content_logprobs(steady.chat(logprobs=True, top_logprobs=2, max_tokens=1))[0]
    best, second = (token_id(steady, top["token"]) for top in first["top_logprobs"])
    banned = content_logprobs(steady.chat(logprobs=True, max_tokens=1, logit_bias={str(best): -100}))[0]
    assert banned["token"] == first["top_logprobs"][1]["token"]
    assert set(steady.chat(logit_bias={str(second): 100}, max_tokens=6).text.strip()) <= set(first["top_logprobs"][1]["token"])

    def refused(bias, param, code):
        steady.chat(logit_bias=bias).assert_error(400, param, code)

    refused([], "logit_bias", "invalid_type")
    refused({"word": 1}, "logit_bias", "invalid_value")
    refused({"5": 101}, "logit_bias.5", "decimal_above_max_value")
    refused({"5": -101}, "logit_bias.5", "decimal_below_min_value")
    refused({"5": "1"}, "logit_bias.5", "invalid_type")
    refused({"10000000": 1}, "logit_bias", "invalid_value")


def repetitions(text: str) -> int:
    words = text.lower().split()
    return len(words) - len(set(words))


@pytest.mark.parametrize("penalty", ["frequency_penalty", "presence_penalty"])
def test_penalties_change_the_words(steady, penalty):
    prompt = "Write the word rain many times: rain rain rain rain"
    plain = steady.chat(prompt, max_tokens=60)
    punished = steady.chat(prompt, max_tokens=60, **{penalty: 2})
    rewarded = steady.chat(prompt, max_tokens=60, **{penalty: -2})
    assert repetitions(punished.text) < repetitions(plain.text) <= repetitions(rewarded.text)
    steady.chat(**{penalty: 2.1}).assert_error(400, penalty, "decimal_above_max_value")
    steady.chat(**{penalty: -2.1}).assert_error(400, penalty, "decimal_below_min_value")


def test_extensions_of_sampling(steady):
    greedy = steady.chat("Tell me a story.", max_tokens=20).text
    for only_the_best in ({"top_k": 1}, {"min_p": 1}, {"typical_p": 0.0001, "top_k": 1}, {"top_p": 0}):
        assert steady.chat("Tell me a story.", max_tokens=20, temperature=1.5, seed=4, **only_the_best).text == greedy
    texts = {steady.chat("Tell me a story.", max_tokens=20, temperature=1, seed=seed, top_k=40, min_p=0.05, typical_p=0.9).text for seed in range(4)}
    assert len(texts) > 1
    repeated = steady.chat("Write the word rain many times: rain rain rain rain", max_tokens=40, repeat_penalty=1.5, repeat_last_n=200)
    assert repetitions(repeated.text) < repetitions(steady.chat("Write the word rain many times: rain rain rain rain", max_tokens=40).text)
    for field, value in (("top_k", -2), ("min_p", 1.1), ("typical_p", -1), ("repeat_penalty", 0), ("repeat_last_n", -1), ("min_tokens", -1)):
        assert steady.chat(**{field: value}).status == 400
    steady.chat(ignore_eos=1).assert_error(400, "ignore_eos", "invalid_type")


def test_llama_cpps_other_samplers(steady):
    def counting(**fields) -> str:
        prompt = "One, two, three, one, two, three, one, two, three,"
        body = {"model": MODEL, "prompt": prompt, "max_tokens": 60, "temperature": 0, "ignore_eos": True, **fields}
        return steady.request("POST", "/v1/completions", body).json["choices"][0]["text"]

    plain = counting()
    dry = counting(dry_multiplier=3, dry_base=2, dry_allowed_length=1, dry_penalty_last_n=-1)
    assert repetitions(dry) < repetitions(plain) - 8
    free = counting(dry_multiplier=3, dry_allowed_length=1, dry_sequence_breakers=[" ", ",", "one", "two", "three"])
    assert repetitions(free) > repetitions(dry) + 8
    assert counting(dry_multiplier=3, dry_penalty_last_n=0) == plain

    drawn = dict(temperature=1, seed=3, max_tokens=20)
    assert steady.chat(**drawn, xtc_probability=1, xtc_threshold=1).text == steady.chat(**drawn, xtc_probability=1, xtc_threshold=0.9999).text
    first = content_logprobs(steady.chat(logprobs=True, top_logprobs=2, max_tokens=1))[0]
    without = {content_logprobs(steady.chat(logprobs=True, max_tokens=1, temperature=1, seed=seed, xtc_probability=1, xtc_threshold=0.01))[0]["token"] for seed in range(6)}
    assert first["token"] not in without
    for version in (1, 2):
        calm = steady.chat("Tell me a story.", **drawn, mirostat=version, mirostat_tau=0, mirostat_eta=0)
        assert calm.text == steady.chat("Tell me a story.", max_tokens=20).text, "no surprise at all is greedy"
        wild = {steady.chat("Tell me a story.", max_tokens=20, temperature=1, seed=seed, mirostat=version, mirostat_tau=8).text for seed in range(3)}
        assert len(wild) == 3
    for field, value, code in (
        ("dry_multiplier", -1, "decimal_below_min_value"), ("dry_base", 0.5, "decimal_below_min_value"), ("dry_allowed_length", 0, "integer_below_min_value"),
        ("dry_penalty_last_n", -2, "integer_below_min_value"), ("dry_sequence_breakers", "x", "invalid_type"), ("xtc_probability", 2, "decimal_above_max_value"),
        ("xtc_threshold", "x", "invalid_type"), ("mirostat", 3, "integer_above_max_value"), ("mirostat_tau", -1, "decimal_below_min_value"),
        ("mirostat_eta", 2, "decimal_above_max_value"),
    ):
        steady.chat(**{field: value}).assert_error(400, field, code)
    steady.chat(dry_sequence_breakers=["a", 1]).assert_error(400, "dry_sequence_breakers[1]", "invalid_type")
    steady.chat(dry_sequence_breakers=["a" * 65]).assert_error(400, "dry_sequence_breakers[0]", "string_above_max_length")


def test_an_answer_can_be_kept_from_its_end(steady):
    questions = ("Hi", "Thanks.", "What is 2 + 2?", "Bye")
    [(question, plain), *_] = [(question, answer) for question in questions if (answer := steady.chat(question, max_tokens=80)).json["choices"][0]["finish_reason"] == "stop"]
    tokens = plain.json["usage"]["completion_tokens"]
    endless = steady.chat(question, max_tokens=90, ignore_eos=True)
    assert endless.json["usage"]["completion_tokens"] == 90 and endless.json["choices"][0]["finish_reason"] == "length"
    longer = steady.chat(question, max_tokens=90, min_tokens=tokens + 5)
    assert longer.json["usage"]["completion_tokens"] > tokens + 4
    assert longer.text.startswith(plain.text[:10])
