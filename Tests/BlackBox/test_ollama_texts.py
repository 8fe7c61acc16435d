"""Ollama's API, with Ollama's own client: generated texts, embeddings, and how long models stay loaded."""

import os
import time
from pathlib import Path

import numpy
import pytest
from ollama import Client, ResponseError

from ollama_requests import ASK, COUNTS, DURATIONS, FEW, assert_error, chat, generate, message, status
from server import MODEL, Server, make_home, wait_until

FOLDER = Path(os.environ["SHIMMY_EMBEDDING_MODEL"])
EMBEDDER = "all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def ollama(steady):
    """The client of a server with reproducible answers."""
    return Client(host=steady.url)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A home with the chat model and the folder of the embedding model."""
    home = make_home(tmp_path_factory.mktemp("ollama"))
    (home / "data/models" / EMBEDDER).symlink_to(FOLDER)
    return home


@pytest.fixture(scope="module")
def embedder(shelf):
    with Server(shelf) as server:
        yield server


# Generated texts


def test_a_generated_text_has_the_documented_shape(steady, ollama):
    answer = generate(steady)
    assert set(answer.json) == {"model", "created_at", "response", "done", "done_reason", "context"} | DURATIONS | COUNTS
    assert answer.json["response"] == message(chat(steady, [{"role": "user", "content": "Once upon"}]))["content"]
    parts = list(ollama.generate(model=MODEL, prompt="Once upon", options=FEW, stream=True))
    assert "".join(part.response for part in parts) == answer.json["response"]
    assert [part.context for part in parts[:-1]] == [None] * (len(parts) - 1) and parts[-1].context == answer.json["context"]
    system = ollama.generate(model=MODEL, prompt="Once upon", system="You are a pirate.", options=FEW)
    same = chat(steady, [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "Once upon"}])
    assert system.response == message(same)["content"] and system.prompt_eval_count == same.json["prompt_eval_count"]
    assert_error(generate(steady, images=["aGVsbG8="]), 400, "images")


def test_a_context_is_continued(steady, ollama):
    first = ollama.generate(model=MODEL, prompt="My name is Ada.", options=FEW)
    tokens = steady.request("POST", "/v1/chat/completions/render", {"model": MODEL, "messages": [{"role": "user", "content": "My name is Ada."}]}).json["tokens"]
    assert list(first.context[: len(tokens)]) == tokens, "first the prompt"
    text = steady.request("POST", "/detokenize", {"model": MODEL, "tokens": list(first.context[len(tokens) :])}).json["content"]
    assert text.removesuffix("<|im_end|>").strip() == first.response.strip(), "then the answer"
    second = ollama.generate(model=MODEL, prompt="What is my name?", context=first.context, options=FEW)
    alone = ollama.generate(model=MODEL, prompt="What is my name?", options=FEW)
    assert second.prompt_eval_count in (len(first.context) + alone.prompt_eval_count, len(first.context) + alone.prompt_eval_count - 1)
    assert list(second.context[: len(first.context)]) == list(first.context)
    assert second.response
    assert_error(generate(steady, context=[99_999_999]), 400, "'context'")
    assert_error(generate(steady, context=["a"]), 400, "context[0]")
    assert_error(generate(steady, context=[5] * 20_000), 400, "maximum context length")


def test_raw_prompts_and_suffixes(steady, ollama):
    raw = ollama.generate(model=MODEL, prompt="Once upon a", raw=True, options=FEW)
    same = steady.request("POST", "/v1/completions", {"model": MODEL, "prompt": "Once upon a", "max_tokens": 12, "temperature": 0}).json
    assert raw.response == same["choices"][0]["text"] and raw.prompt_eval_count == same["usage"]["prompt_tokens"] and raw.context is None
    parts = list(ollama.generate(model=MODEL, prompt="Once upon a", raw=True, options=FEW, stream=True))
    assert "".join(part.response for part in parts) == raw.response
    unlimited = generate(steady, "One two three", raw=True, options={"temperature": 0, "stop": ["."]})
    assert unlimited.json["done"] is True and unlimited.json["eval_count"] > 16 or unlimited.json["done_reason"] == "stop"
    # The model was not trained to fill in the middle.
    assert_error(generate(steady, "def f():", suffix="return 1"), 400, "suffix")
    assert_error(generate(steady, raw=True, system="s"), 400, "raw")
    assert_error(generate(steady, raw=True, format="json"), 400, "format")


def test_a_template_of_a_request(steady, ollama):
    template = (
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
        "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n{{ .Response }}<|im_end|>")
    own = ollama.generate(model=MODEL, prompt="Once upon", system="You are a pirate.", template=template, options=FEW)
    same = ollama.generate(model=MODEL, prompt="Once upon", system="You are a pirate.", options=FEW)
    assert (own.response, own.prompt_eval_count) == (same.response, same.prompt_eval_count), "the template is the model's own"
    assert own.context is None
    plain = ollama.generate(model=MODEL, prompt="Once upon", template="{{ .Prompt }} a", options=FEW)
    assert plain.response == ollama.generate(model=MODEL, prompt="Once upon a", raw=True, options=FEW).response
    assert_error(generate(steady, template="{{ range .Messages }}{{ .Content }}{{ end }}"), 400, "'template': '{{ range .Messages }}'")
    assert_error(generate(steady, template="{% for message in messages %}{% endfor %}"), 400, "Jinja")
    assert_error(generate(steady, template="{{ .Prompt }}", format="json"), 400, "format")


# Embeddings


def test_ollamas_embeddings_have_the_documented_shape(embedder):
    client = Client(host=embedder.url)
    answer = embedder.request("POST", "/api/embed", {"model": EMBEDDER, "input": "Hello"})
    assert set(answer.json) == {"model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"}
    assert answer.json["model"] == EMBEDDER and answer.json["prompt_eval_count"] == 3 and answer.json["total_duration"] >= answer.json["load_duration"] > 0
    texts = ["A quick fox", "A fast animal", ""]
    vectors = numpy.array(client.embed(model=EMBEDDER, input=texts).embeddings)
    own = embedder.request("POST", "/v1/embeddings", {"model": EMBEDDER, "input": texts[:2]}).json["data"]
    assert vectors.shape == (3, 384) and numpy.allclose(vectors[:2], [entry["embedding"] for entry in own], atol=2e-3)
    small = numpy.array(client.embed(model=EMBEDDER, input=texts, dimensions=64).embeddings)
    assert small.shape == (3, 64) and numpy.allclose(numpy.linalg.norm(small, axis=1), 1, atol=1e-5)
    reported = embedder.request("POST", "/api/embed", {"model": EMBEDDER, "input": "a", "options": {"num_ctx": 100}})
    assert reported.headers["x-shimmy-ignored-params"] == "options.num_ctx"
    assert client.embed(model=EMBEDDER, input=[]).embeddings == []
    assert_error(embedder.request("POST", "/api/embed", {"model": EMBEDDER, "input": "a", "dimensions": 1000}), 400, "dimensions")
    assert_error(embedder.request("POST", "/api/embed", {"model": EMBEDDER, "input": [1]}), 400, "input[0]")
    assert_error(embedder.request("POST", "/api/embed", {"model": MODEL, "input": "a"}), 400, "embeddings")


def test_long_texts_are_cut(embedder):
    def embed(words, **fields):
        return embedder.request("POST", "/api/embed", {"model": EMBEDDER, "input": "word " * words, **fields})

    # A word is a token; the model has 512, with one mark at each end.
    long, fits = embed(100_000), embed(510)
    assert long.status == 200 and long.json["prompt_eval_count"] == fits.json["prompt_eval_count"] == 512
    assert numpy.dot(long.json["embeddings"][0], fits.json["embeddings"][0]) > 0.9999
    assert_error(embed(511, truncate=False), 400, "maximum context length is 512 tokens")


def test_the_older_route_of_embeddings(embedder):
    client = Client(host=embedder.url)
    vector = client.embeddings(model=EMBEDDER, prompt="Hello").embedding
    assert numpy.allclose(vector, client.embed(model=EMBEDDER, input="Hello").embeddings[0], atol=2e-3)
    assert embedder.request("POST", "/api/embeddings", {"model": EMBEDDER}).json == {"embedding": []}


# Models


def test_a_request_without_a_prompt_loads_and_unloads(home):
    with Server(home) as server:
        client = Client(host=server.url)
        for load in (lambda **more: client.generate(model=MODEL, **more), lambda **more: client.chat(model=MODEL, **more)):
            answer = load(keep_alive=100)
            assert answer.done is True and answer.done_reason == "load"
            assert status(server, MODEL)["state"] == "loaded" and abs(status(server, MODEL)["expires_at"] - time.time() - 100) < 60
            assert load(keep_alive=0).done_reason == "unload"
            wait_until(lambda: status(server, MODEL) is None, "freeing the model")
            assert load(keep_alive=0).done_reason == "unload", "it is not loaded any more"
            assert status(server, MODEL) is None
        with pytest.raises(ResponseError) as error:
            client.generate(model="nobody")
        assert error.value.status_code == 404 and error.value.error == "model 'nobody' not found"


def test_a_model_in_use_is_freed_afterwards(home):
    with Server(home) as server:
        client = Client(host=server.url)
        stream = client.generate(model=MODEL, prompt="Count.", raw=True, options={"num_predict": 400, "temperature": 1}, stream=True)
        next(stream)
        assert client.generate(model=MODEL, keep_alive=0).done_reason == "unload"
        assert [part.done for part in stream][-1] is True, "the answer is complete"
        wait_until(lambda: status(server, MODEL) is None, "freeing the model")


@pytest.mark.parametrize("time_given, seconds", [(100, 100), ("5m", 300), ("1h30m", 5400), (-1, None), ("-1m", None), ("90s", 90)])
def test_how_long_a_model_stays(server, time_given, seconds):
    Client(host=server.url).chat(model=MODEL, messages=ASK, options={"num_predict": 1}, keep_alive=time_given)
    wait_until(lambda: status(server, MODEL)["users"] == 0, "the end of the answer")
    expiry = status(server, MODEL).get("expires_at")
    assert expiry is None if seconds is None else abs(expiry - time.time() - seconds) < 60
    # The other tests use the model too.
    assert chat(server, keep_alive=-1).status == 200
