"""Models with sliding windows: tokens that were dropped for lack of cells are not shared, but computed again."""

import pytest

import tiny_models
from server import MODEL_FILE, Server


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    home = tmp_path_factory.mktemp("gemma2")
    tiny_models.gemma2(home / "data/models/tiny.gguf", MODEL_FILE)
    return home


def ask(server, tokens):
    """Returns the log probabilities of the continuation of some tokens, and the number of cached tokens."""
    body = {"model": "tiny", "prompt": tokens, "max_tokens": 6, "temperature": 0, "ignore_eos": True, "logprobs": 1}
    answer = server.request("POST", "/v1/completions", body)
    assert answer.status == 200, answer.body
    logprobs = answer.json["choices"][0]["logprobs"]
    return list(zip(logprobs["tokens"], logprobs["token_logprobs"])), answer.json["usage"]["prompt_tokens_details"]["cached_tokens"]


def text(salt: int, count: int) -> list[int]:
    return [1000 + (salt * 7919 + index * 104729) % 40000 for index in range(count)]


def test_what_was_forgotten_is_computed_again(homes):
    first, long, edited = text(1, 120), text(1, 120) + text(2, 10), text(1, 60) + text(3, 10)
    with Server(homes, "--deterministic") as server:
        expected = {tuple(tokens): ask(server, tokens)[0] for tokens in (first, long, edited)}
    assert len({tuple(logprobs) for logprobs in expected.values()}) == 3
    with Server(homes, "--ctx-size", "256", "--slots", "1") as server:
        for round in range(6):
            for tokens in (first, long, edited):
                logprobs, _ = ask(server, tokens)
                assert [token for token, _ in logprobs] == [token for token, _ in expected[tuple(tokens)]]
                assert [value for _, value in logprobs] == pytest.approx([value for _, value in expected[tuple(tokens)]], abs=0.02)
                # Other requests need cells in the meantime.
                for salt in range(3):
                    ask(server, text(100 + round * 10 + salt, 25))


def test_what_is_still_there_is_shared(homes):
    with Server(homes) as server:
        ask(server, text(1, 120))
        assert ask(server, text(1, 120) + text(2, 10))[1] >= 119
        assert ask(server, text(1, 60) + text(3, 10))[1] == 60, "nothing needed its cells"
