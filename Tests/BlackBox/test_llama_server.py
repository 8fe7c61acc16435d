"""llama-server's own API: requests as llama-server documents them and as editors send them."""

import json
import os
from pathlib import Path

import numpy
import pytest
from jsonschema import Draft202012Validator
from openai import OpenAI

import tiny_models
from server import MODEL, Server, make_home, wait_until

FOLDER = Path(os.environ["SHIMMY_EMBEDDING_MODEL"])
EMBEDDER = "all-MiniLM-L6-v2"
GAPS = "gaps"
# The tokens of the model `gaps` before the text in front of a gap, before the text behind it, before the answer, and before the names of a
# repository and of a file.
PREFIX, SUFFIX, MIDDLE, REPOSITORY, FILE = 1, 2, 3, 4, 5
MEMBERS = {
    "index", "content", "tokens", "id_slot", "stop", "model", "tokens_predicted", "tokens_evaluated", "generation_settings", "prompt",
    "has_new_line", "truncated", "stop_type", "stopping_word", "tokens_cached", "timings",
}
TIMES = {
    "cache_n", "prompt_n", "prompt_ms", "prompt_per_token_ms", "prompt_per_second", "predicted_n", "predicted_ms", "predicted_per_token_ms",
    "predicted_per_second",
}
# The fields that llama.vim asks for.
VIMS_FIELDS = [
    "content", "timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_token_ms", "timings/prompt_per_second", "timings/predicted_n",
    "timings/predicted_ms", "timings/predicted_per_token_ms", "timings/predicted_per_second", "truncated", "tokens_cached",
]


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    """A server with a tiny model that fills gaps, beside the usual model and one for embeddings."""
    home = make_home(tmp_path_factory.mktemp("editor"))
    marks = {"pre": PREFIX, "suf": SUFFIX, "mid": MIDDLE, "rep": REPOSITORY, "sep": FILE}

    def mark(model):
        for name, token in marks.items():
            model.replace(f"tokenizer.ggml.fim_{name}_token_id", token)

    tiny_models.llama(home / f"data/models/{GAPS}.gguf", mark)
    (home / "data/models" / EMBEDDER).symlink_to(FOLDER)
    with Server(home, "--deterministic") as server:
        yield server


def complete(server, prompt="Once upon a", **fields):
    body = {"prompt": prompt, "n_predict": 12, "temperature": 0, **fields}
    return server.request("POST", "/completion", {name: value for name, value in body.items() if value is not ...})


def fill(server, prefix="x = 1\n", suffix="\nreturn y\n", **fields):
    body = {"model": GAPS, "input_prefix": prefix, "input_suffix": suffix, "n_predict": 8, "temperature": 0, **fields}
    return server.request("POST", "/infill", body)


def whole(answer) -> dict:
    assert answer.status == 200, answer.body
    return answer.json


def assert_error(answer, status: int, text: str, type: str = "invalid_request_error"):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json" and list(answer.json) == ["error"]
    error = answer.json["error"]
    assert set(error) == {"code", "message", "type"} and (error["code"], error["type"]) == (status, type), error
    assert text in error["message"], error


# Completions


def test_a_completion_of_llama_server_has_the_documented_shape(steady):
    answer = whole(complete(steady))
    assert set(answer) == MEMBERS and set(answer["timings"]) == TIMES
    same = steady.request("POST", "/v1/completions", {"model": MODEL, "prompt": "Once upon a", "max_tokens": 12, "temperature": 0}).json
    assert answer["content"] == same["choices"][0]["text"] and answer["tokens_evaluated"] == same["usage"]["prompt_tokens"]
    assert answer["model"] == MODEL and answer["prompt"] == "Once upon a" and answer["stop"] is True and answer["index"] == 0
    assert answer["tokens_predicted"] == 12 and answer["stop_type"] == "limit" and answer["stopping_word"] == "" and answer["tokens"] == []
    assert answer["has_new_line"] is ("\n" in answer["content"]) and answer["truncated"] is False and answer["id_slot"] == -1
    times = answer["timings"]
    assert times["prompt_n"] + times["cache_n"] == answer["tokens_evaluated"] and times["cache_n"] == answer["tokens_cached"]
    assert times["predicted_n"] == 12 and all(times[name] > 0 for name in TIMES - {"cache_n"})
    settings = answer["generation_settings"]
    # What the model's makers recommend comes before llama-server's own default, 0.95.
    assert settings["temperature"] == 0 and settings["n_predict"] == 12 and settings["n_ctx"] > 0 and settings["top_p"] == 0.5
    tokens = whole(complete(steady, return_tokens=True))["tokens"]
    assert steady.request("POST", "/detokenize", {"model": MODEL, "tokens": tokens}).json["content"] == answer["content"]
    reported = complete(steady, cache_prompt=False, id_slot=3, unheard_of=1)
    assert reported.headers["x-shimmy-ignored-params"] == "cache_prompt, id_slot, unheard_of"


def test_a_completion_of_llama_server_is_streamed(steady):
    answer = whole(complete(steady, return_tokens=True))
    events = complete(steady, stream=True).events
    assert "[DONE]" not in events and [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert "".join(event["content"] for event in events) == answer["content"]
    assert [token for event in events for token in event["tokens"]] == answer["tokens"]
    assert set(events[-1]) == MEMBERS and events[-1]["content"] == "" and events[-1]["stop_type"] == "limit"
    assert all(set(event) == {"index", "content", "tokens", "id_slot", "stop", "tokens_predicted", "tokens_evaluated"} for event in events[:-1])
    timed = complete(steady, stream=True, timings_per_token=True).events
    assert all(set(event["timings"]) == TIMES for event in timed)


def test_every_form_of_llama_servers_prompts(steady):
    def tokens(text):
        return steady.request("POST", "/tokenize", {"model": MODEL, "content": text}).json["tokens"]

    plain = whole(complete(steady))
    for prompt in (tokens("Once upon a"), {"prompt_string": "Once upon a"}, ["Once upon a"], [tokens("Once upon a")]):
        same = whole(complete(steady, prompt))
        assert same["content"] == plain["content"] and same["prompt"] == "Once upon a"
    mixed = whole(complete(steady, ["Once", *tokens(" upon"), " a"]))
    assert mixed["content"] == plain["content"] and mixed["tokens_evaluated"] == plain["tokens_evaluated"]
    several = whole(complete(steady, ["Once upon a", ["One", *tokens(" two")]], n_cmpl=2))
    assert [answer["index"] for answer in several] == [0, 1, 2, 3]
    assert [answer["content"] for answer in several[:2]] == [plain["content"]] * 2
    assert [answer["tokens_evaluated"] for answer in several] == [plain["tokens_evaluated"]] * 2 + [len(tokens("One two"))] * 2
    assert len(whole(complete(steady, n=2))) == 2
    for prompt, name in (([], "prompt"), ([[]], "prompt[0]"), (["a", []], "prompt[1]"), ([[[]]], "prompt[0][0]"), ([1, []], "prompt[1]")):
        assert_error(complete(steady, prompt), 400, f"'{name}'")
    assert_error(complete(steady, ...), 400, "'prompt'")
    assert_error(complete(steady, [99_999_999]), 400, "prompt")
    assert_error(complete(steady, {"prompt_string": "a", "multimodal_data": ["aGVsbG8="]}), 400, "multimodal_data", "not_supported_error")


def test_limits_of_llama_servers_completions(steady):
    assert whole(complete(steady, n_predict=3))["tokens_predicted"] == 3
    assert whole(complete(steady, n_predict=..., max_tokens=4))["tokens_predicted"] == 4
    nothing = whole(complete(steady, n_predict=0))
    assert nothing["content"] == "" and nothing["tokens_predicted"] == 0 and nothing["tokens_evaluated"] > 0
    stopped = whole(complete(steady, n_predict=-1, stop=["unseen", "unheard", "unknown", "untold", "."]))
    assert (stopped["stop_type"], stopped["stopping_word"]) == ("word", ".") and "." not in stopped["content"]
    assert_error(complete(steady, "word " * 20_000), 400, "maximum context length", "exceed_context_size_error")


def test_llama_servers_samplers(steady):
    def text(**options):
        return whole(complete(steady, "Once upon a time", n_predict=30, **options))["content"]

    plain = text()
    assert text(repeat_penalty=1.8) != plain != text(frequency_penalty=1.5) and text(presence_penalty=1.5) != plain
    assert text(repeat_penalty=1.8, repeat_last_n=0) == plain == text(repeat_penalty=1.8, samplers=["temperature"])
    assert text(temperature=1, top_k=1, seed=1) == plain == text(temperature=1, top_p=0.0001, seed=1)
    assert text(temperature=1, top_k=1, seed=1, samplers=["top_k"]) == plain == text(temperature=1, top_k=1, seed=1, samplers="kt")
    assert text(temperature=1, seed=1, samplers=["infill"]) == text(temperature=1, seed=1, min_p=0.2, top_k=0, top_p=1)
    assert text(temperature=0.9, seed=3) == text(temperature=0.9, seed=3) != text(temperature=0.9, seed=4)
    for options in (
        {"typical_p": 0.2}, {"mirostat": 2, "mirostat_tau": 1, "mirostat_eta": 0.5}, {"xtc_probability": 1, "xtc_threshold": 0.1},
        {"dry_multiplier": 1, "dry_base": 2, "dry_allowed_length": 2, "dry_penalty_last_n": 64, "dry_sequence_breakers": ["\n"]},
        {"seed": -1}, {"seed": 4294967295},
    ):
        assert text(**{"temperature": 1, "seed": 1, **options})
    assert complete(steady, samplers=["top_n_sigma", "temperature"]).headers["x-shimmy-ignored-params"] == "samplers"
    assert whole(complete(steady, ignore_eos=True, n_predict=40))["tokens_predicted"] == 40
    # Numbers outside of a range are moved into it.
    assert text(temperature=-1) == plain == text(temperature=0, top_p=1.5, min_p=-1, top_k=-5) == text(top_k=1.9, temperature=50, seed=1)
    assert text(temperature=5, seed=1) != text(temperature=0.1, seed=1) and text(dry_multiplier=5, dry_allowed_length=0) != plain
    assert_error(complete(steady, temperature="hot"), 400, "'temperature'")
    assert_error(complete(steady, dry_allowed_length=-1), 400, "'dry_allowed_length'")
    assert_error(complete(steady, samplers=[5]), 400, "samplers[0]")


def test_llama_servers_bias(steady):
    def tokens(**fields):
        return whole(complete(steady, return_tokens=True, n_predict=4, **fields))["tokens"]

    first = tokens()[0]
    banned = tokens(logit_bias=[[first, False]])
    assert banned[0] != first and banned == tokens(logit_bias={str(first): -100}) == tokens(logit_bias=[[first, -1000]])
    text = steady.request("POST", "/detokenize", {"model": MODEL, "tokens": [first]}).json["content"]
    assert tokens(logit_bias=[[text, False]]) == banned == tokens(logit_bias={text: -100})
    assert tokens(logit_bias=[[first, 100]]) == [first] * 4
    assert_error(complete(steady, logit_bias=[[99_999_999, 1]]), 400, "logit_bias")


def test_llama_servers_probabilities(steady):
    answer = whole(complete(steady, n_probs=3, return_tokens=True))
    entries = answer["completion_probabilities"]
    assert [entry["id"] for entry in entries] == answer["tokens"]
    assert b"".join(bytes(entry["bytes"]) for entry in entries).decode() == answer["content"]
    for entry in entries:
        assert set(entry) == {"id", "token", "bytes", "logprob", "top_logprobs"} and len(entry["top_logprobs"]) == 3
        assert all(set(top) == {"id", "token", "bytes", "logprob"} for top in entry["top_logprobs"])
        # At temperature 0, the most likely token is drawn.
        assert entry["top_logprobs"][0]["id"] == entry["id"] and entry["logprob"] == entry["top_logprobs"][0]["logprob"] <= 0
    events = complete(steady, n_probs=3, stream=True).events
    assert [entry["id"] for event in events for entry in event.get("completion_probabilities", [])] == answer["tokens"]
    assert "completion_probabilities" not in whole(complete(steady))
    assert_error(complete(steady, n_probs=21), 400, "'n_probs'")


def test_grammars_and_schemas_of_llama_server(steady):
    assert whole(complete(steady, grammar='root ::= "yes" | "no"', n_predict=-1))["content"] in ("yes", "no")
    schema = {
        "type": "object", "required": ["name", "age"],
        "properties": {"name": {"type": "string", "maxLength": 10}, "age": {"type": "integer", "minimum": 0, "maximum": 150}},
    }
    answer = complete(steady, "A person as JSON: ", json_schema=schema, n_predict=80, response_fields=["content"])
    Draft202012Validator(schema).validate(json.loads(whole(answer)["content"]))
    both = complete(steady, grammar='root ::= "yes"', json_schema=schema)
    assert whole(both)["content"] == "yes" and both.headers["x-shimmy-ignored-params"] == "json_schema"
    assert_error(complete(steady, grammar="root ::= ("), 400, "grammar")
    assert_error(complete(steady, json_schema={"type": "unheard"}), 400, "'json_schema'")


def test_fields_of_the_response_are_chosen(steady):
    answer = whole(complete(steady, response_fields=[*VIMS_FIELDS, "unheard/of"]))
    assert set(answer) == set(VIMS_FIELDS) and answer["timings/predicted_n"] == 12 and answer["content"]
    assert set(complete(steady, stream=True, response_fields=["content", "stop"]).events[-1]) == {"content", "stop"}


def test_the_model_of_llama_servers_requests(steady, editor):
    for model in ({}, {"model": None}, {"model": ""}, {"model": MODEL}):
        assert whole(complete(steady, **model))["model"] == MODEL
    assert_error(complete(steady, model="nobody"), 404, "nobody", "not_found_error")
    named = editor.request("POST", f"/completion?model={GAPS}", {"prompt": "x", "n_predict": 1, "keep_alive": -1})
    assert whole(named)["model"] == GAPS
    # It is the only loaded model of its kind.
    assert whole(complete(editor, n_predict=1))["model"] == GAPS
    assert whole(editor.request("POST", "/embedding", {"content": "Hello"}))
    assert_error(editor.request("POST", "/infill?model=nobody", {"input_prefix": "", "input_suffix": ""}), 404, "nobody", "not_found_error")


# Gaps


def test_editors_get_gaps_filled(editor, steady):
    """The model is nonsense, so the tests compare its answers with those to prompts of tokens."""

    def prompt(*parts):
        return [token for part in parts for token in (part.encode() if isinstance(part, str) else [part])]

    for suffix in ("\nreturn y\n", ""):
        answer = whole(fill(editor, "x = 1\n", suffix, prompt="    y"))
        tokens = prompt(PREFIX, "x = 1\n    y", SUFFIX, suffix, MIDDLE)
        same = whole(complete(editor, tokens, model=GAPS, n_predict=8))
        assert answer["content"] == same["content"] and answer["tokens_evaluated"] == len(tokens) and set(answer) == MEMBERS
    other = editor.request("POST", "/v1/completions", {"model": GAPS, "prompt": "x = 1\n", "suffix": "\n", "max_tokens": 8, "temperature": 0}).json
    assert other["choices"][0]["text"] == whole(fill(editor, "x = 1\n", "\n"))["content"], "the same prompt as OpenAI's suffix"
    # Control tokens in files are text.
    assert whole(fill(editor, "</s>", ""))["tokens_evaluated"] == len("</s>") + 3
    # As llama.vim and llama.vscode prepare the cache.
    warm = whole(fill(editor, "", "", n_predict=0, samplers=[], cache_prompt=True, t_max_prompt_ms=500, t_max_predict_ms=1, response_fields=[""]))
    assert warm == {}
    # As llama.vim and llama.vscode ask for a text.
    vim = fill(
        editor, prompt="y", stop=[], n_indent=0, top_k=40, top_p=0.9, stream=False, samplers=["top_k", "top_p", "infill"], cache_prompt=True,
        t_max_prompt_ms=500, t_max_predict_ms=1000, response_fields=VIMS_FIELDS, input_extra=[{"text": "z", "time": [1, 2], "filename": "z.py"}])
    assert set(whole(vim)) == set(VIMS_FIELDS)
    assert set(vim.headers["x-shimmy-ignored-params"].split(", ")) == {"input_extra[].time", "t_max_prompt_ms"}
    assert_error(fill(steady, model=MODEL), 400, "does not support infilling", "not_supported_error")
    assert_error(editor.request("POST", "/infill", {"model": GAPS, "input_suffix": ""}), 400, "'input_prefix'")
    assert_error(fill(editor, prompt=[1]), 400, "'prompt'")


def test_other_files_help_to_fill_a_gap(editor):
    files = [{"filename": "a.py", "text": "a = 1\n"}, {"text": "b = 2\n"}]
    answer = whole(fill(editor, "x", "y", input_extra=files))
    parts = [REPOSITORY, "project\n", FILE, "a.py\n", "a = 1\n", FILE, "tmp\n", "b = 2\n", FILE, "file\n", PREFIX, "x", SUFFIX, "y", MIDDLE]
    tokens = [token for part in parts for token in (part.encode() if isinstance(part, str) else [part])]
    assert answer["tokens_evaluated"] == len(tokens) and answer["truncated"] is False
    assert answer["content"] == whole(complete(editor, tokens, model=GAPS, n_predict=8))["content"]
    # The model has a context of 256 tokens.
    assert answer["generation_settings"]["n_ctx"] == 256
    long = fill(editor, "x", "y", input_extra=[{"text": "a" * 300}, {"text": "b" * 100}])
    assert long.headers["x-shimmy-dropped-items"] == "1" and whole(long)["truncated"] is True and 100 < long.json["tokens_evaluated"] < 256
    cut = fill(editor, "x" * 100_000, "y" * 100_000)
    assert whole(cut)["truncated"] is True and whole(cut)["tokens_evaluated"] == 256 - 8 and "x-shimmy-dropped-items" not in cut.headers
    assert_error(fill(editor, input_extra=[{}]), 400, "input_extra[0].text")
    assert_error(fill(editor, input_extra=[{"text": "a"}] * 257), 400, "input_extra")


def test_lines_of_a_filled_gap_are_limited(steady):
    grammar = r'root ::= "a\n    b\n\n  c\nd"'
    assert whole(complete(steady, grammar=grammar, n_predict=-1))["content"] == "a\n    b\n\n  c\nd"
    limited = whole(complete(steady, grammar=grammar, n_predict=-1, n_indent=2))
    assert limited["content"] == "a\n    b\n\n  c\n" and limited["stop_type"] == "limit" and limited["has_new_line"] is True
    assert whole(complete(steady, grammar=grammar, n_predict=-1, n_indent=3))["content"] == "a\n    b\n\n"
    lines = r'root ::= ([a-z] "\n"){200}'
    late = whole(complete(steady, grammar=lines, n_predict=-1, t_max_predict_ms=1))
    assert 2 <= late["content"].count("\n") < 200 and late["content"].endswith("\n") and late["stop_type"] == "limit"
    assert_error(complete(steady, n_indent=-1), 400, "'n_indent'")


# Other routes


def test_llama_servers_embeddings(editor):
    own = editor.request("POST", "/v1/embeddings", {"model": EMBEDDER, "input": ["A quick fox", "A fast animal"]}).json["data"]
    answer = whole(editor.request("POST", "/embedding", {"content": ["A quick fox", "A fast animal"]}))
    assert [set(entry) for entry in answer] == [{"index", "embedding"}] * 2 and [entry["index"] for entry in answer] == [0, 1]
    vectors = numpy.array([entry["embedding"][0] for entry in answer])
    assert vectors.shape == (2, 384) and numpy.allclose(vectors, [entry["embedding"] for entry in own], atol=2e-3)
    for norm, size in ((0, lambda vector: abs(vector).max() / 32760), (1, lambda vector: abs(vector).sum()), (2, numpy.linalg.norm)):
        scaled = whole(editor.request("POST", "/embedding", {"input": "A quick fox", "embd_normalize": norm}))[0]["embedding"][0]
        assert abs(size(numpy.array(scaled)) - 1) < 1e-4
    assert_error(editor.request("POST", "/embedding", {"content": "a", "embd_normalize": -1}), 400, "'embd_normalize'")
    assert_error(editor.request("POST", "/embedding", {"model": MODEL, "content": "a"}), 400, "embeddings")


def test_a_template_is_applied(steady):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    rendered = steady.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": messages}).json
    assert whole(steady.request("POST", "/apply-template", {"messages": messages})) == {"prompt": rendered["prompt"]}
    # The prompt can be changed and completed.
    text = whole(complete(steady, rendered["prompt"]))["content"]
    assert steady.request("POST", "/v1/chat/completions", {"model": MODEL, "messages": messages, "max_tokens": 12, "temperature": 0}).text.strip() == text.strip()
    counted = steady.request("POST", "/v1/chat/completions/input_tokens", {"model": MODEL, "messages": messages})
    assert whole(counted) == {"object": "response.input_tokens", "input_tokens": rendered["prompt_tokens"]}
    assert_error(steady.request("POST", "/apply-template", {"messages": "Hello"}), 400, "messages")


def test_the_properties_of_a_model(start, steady, editor):
    server = start("--ctx-size", "1024")
    before = whole(server.request("GET", "/props"))
    assert before["is_sleeping"] is True and before["model_alias"] == MODEL and before["model_path"] == MODEL + ".gguf"
    assert server.request("GET", "/v1/engine").json["data"] == [], "the request has loaded no model"
    whole(complete(server, n_predict=1))
    loaded = whole(server.request("GET", "/props"))
    assert loaded["is_sleeping"] is False and loaded["default_generation_settings"]["n_ctx"] == 1024 and loaded["total_slots"] > 1
    assert {**before, "is_sleeping": False, "total_slots": loaded["total_slots"]} == loaded
    info = server.request("GET", "/tokenizer_info").json
    assert (loaded["chat_template"], loaded["bos_token"], loaded["eos_token"]) == (info["chat_template"], info["bos_token"], info["eos_token"])
    params = loaded["default_generation_settings"]["params"]
    used = whole(complete(server, n_predict=..., temperature=..., stop=["."]))["generation_settings"]
    assert {name: used[name] for name in params} == {**params, "stop": ["."]}
    assert params["n_predict"] == -1 and params["samplers"] and loaded["modalities"] == {"vision": False, "audio": False}
    assert whole(editor.request("GET", f"/props?model={GAPS}"))["model_alias"] == GAPS
    assert_error(server.request("GET", "/props?model=nobody"), 404, "nobody", "not_found_error")
    assert_error(server.request("POST", "/props", {}), 405, "GET")


def test_the_slots_of_loaded_models(steady):
    whole(complete(steady, n_predict=1))
    steady.wait_for(lambda engine: engine["running"] == 0, "the end of the completion")
    free = whole(steady.request("GET", "/slots?fail_on_no_slot=1"))
    assert [(slot["id"], slot["model"], slot["is_processing"]) for slot in free] == [(0, MODEL, False)] and free[0]["n_ctx"] > 0
    with OpenAI(base_url=steady.url + "/v1", api_key="unused", max_retries=0) as client:
        with client.completions.create(model=MODEL, prompt="Count.", max_tokens=2000, stream=True, extra_body={"ignore_eos": True}) as stream:
            next(iter(stream))

            def slot():
                return whole(steady.request("GET", f"/slots?model={MODEL}"))[0]

            wait_until(lambda: slot()["is_processing"] and slot()["next_token"][0]["n_decoded"] > 0, "the first token")
            busy = slot()
            assert busy["n_prompt_tokens"] > 0
            assert busy["n_prompt_tokens_processed"] + busy["n_prompt_tokens_cache"] == busy["n_prompt_tokens"]
            assert_error(steady.request("GET", "/slots?fail_on_no_slot=1"), 503, "slot", "unavailable_error")
    steady.wait_for(lambda engine: engine["running"] == 0, "the end of the stream")
    assert_error(steady.request("GET", "/slots?model=nobody"), 404, "nobody", "not_found_error")
