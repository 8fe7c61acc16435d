"""Recurrent and hybrid models cannot share a part of a prefix: they resume from checkpoints, with the same answers."""

import pytest

import tiny_models
from server import MODEL_FILE, Server

SYSTEM = "You are a careful assistant. " * 12


@pytest.fixture(scope="module", params=["mamba", "lfm2"])
def homes(request, tmp_path_factory):
    """A home with a tiny model of the kind, and the model's name."""
    home = tmp_path_factory.mktemp(request.param)
    getattr(tiny_models, request.param)(home / "data/models/tiny.gguf", MODEL_FILE)
    return home


def ask(server, *texts, **fields):
    """Returns the log probabilities of the answer to a conversation, which depend on all tokens before, and the cached tokens."""
    messages = [{"role": "system", "content": SYSTEM}]
    for index, text in enumerate(texts):
        messages.append({"role": "assistant" if index % 2 else "user", "content": text})
    body = {"model": "tiny", "messages": messages, "max_tokens": 6, "temperature": 0, "ignore_eos": True, "logprobs": True, **fields}
    answer = server.request("POST", "/v1/chat/completions", body)
    assert answer.status == 200, answer.body
    choice = answer.json["choices"][0]
    logprobs = [(entry["token"], entry["logprob"]) for entry in choice["logprobs"]["content"]]
    return logprobs, answer.json["usage"]["prompt_tokens_details"]["cached_tokens"], choice["message"]["content"]


def expect_equal(one, other):
    assert [token for token, _ in one] == [token for token, _ in other]
    assert [logprob for _, logprob in one] == pytest.approx([logprob for _, logprob in other], abs=0.02)


def test_edited_questions_go_on_from_a_checkpoint(homes):
    with Server(homes, "--deterministic") as server:
        fresh = {question: ask(server, question) for question in ("Who are you?", "What is rain?", "Is it late?")}
    assert len({tuple(logprobs) for logprobs, _, _ in fresh.values()}) == 3, "the question matters to this model"
    with Server(homes) as server:
        assert server.request("GET", "/v1/engine").json["data"] == []
        for index, question in enumerate(fresh):
            logprobs, cached, _ = ask(server, question)
            assert cached >= (60 if index else 0), "the system's turn was computed once"
            expect_equal(logprobs, fresh[question][0])
        [engine] = server.request("GET", "/v1/engine").json["data"]
        assert engine["prefix_cache"]["reuse"] == "checkpoints"


def test_conversations_go_on_where_they_ended(homes):
    with Server(homes) as server:
        _, _, answer = ask(server, "Who are you?")
        logprobs, cached, _ = ask(server, "Who are you?", answer, "And then?")
        assert cached >= 70, "at least up to the answer"
    with Server(homes, "--deterministic") as server:
        expect_equal(logprobs, ask(server, "Who are you?", answer, "And then?")[0])


def test_choices_and_neighbours_keep_their_states_apart(homes):
    with Server(homes) as server:
        choices = ask(server, "Tell me more.", n=3, temperature=0)
        expect_equal(choices[0], ask(server, "Tell me more.")[0])
