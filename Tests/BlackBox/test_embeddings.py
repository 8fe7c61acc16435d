"""Embeddings: OpenAI's structure, the published model's numbers, and all errors of requests."""

import base64
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from openai import OpenAI

import tiny_models
from bert_reference import SentenceModel
from server import MODEL, MODEL_FILE, Server, add_model, make_home

FOLDER = Path(os.environ["SHIMMY_EMBEDDING_MODEL"])
NAME = "all-MiniLM-L6-v2"
TEXTS = [
    "The quick brown fox jumps over the lazy dog.", "A fast animal leaps over a sleepy one.", "Quarterly revenue grew by 12% in 2024!", "x",
    "Grüße aus Zürich, naïve café", "日本語のテキスト and english", "emoji 😀 too", "  spaces   and\ttabs\n", "e-mail: a.b@c.org, tel. +49-30-1234",
    "internationalization " * 40,
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with the chat model and the folder of the embedding model."""
    home = make_home(tmp_path_factory.mktemp("embeddings"))
    add_model(home, NAME, FOLDER)
    return home


@pytest.fixture(scope="module")
def embedder(home):
    with Server(home) as server:
        yield server
        assert server.process.poll() is None


@pytest.fixture(scope="module")
def reference():
    return SentenceModel(FOLDER)


def embed(server, input="Hello", **fields):
    body = {"model": NAME, "input": input, **fields}
    return server.request("POST", "/v1/embeddings", {name: value for name, value in body.items() if value is not ...})


def vectors(answer) -> numpy.ndarray:
    assert answer.status == 200, answer.body
    data = answer.json["data"]
    assert [entry["index"] for entry in data] == list(range(len(data)))
    return numpy.array([entry["embedding"] for entry in data])


def test_embeddings_have_the_documented_shape(embedder):
    answer = embed(embedder).json
    assert set(answer) == {"object", "data", "model", "usage"} and answer["object"] == "list" and answer["model"] == NAME
    [entry] = answer["data"]
    assert set(entry) == {"object", "index", "embedding"} and entry["object"] == "embedding" and len(entry["embedding"]) == 384
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert numpy.linalg.norm(entry["embedding"]) == pytest.approx(1, abs=1e-5)
    embed(embedder, model=...).assert_error(400, "model", "missing_required_parameter")
    embed(embedder, input=...).assert_error(400, "input", "missing_required_parameter")
    assert "x-shimmy-ignored-params" not in embed(embedder, user="u").headers
    embed(embedder, user=1).assert_error(400, "user", "invalid_type")


def test_vectors_are_the_published_models(embedder, reference):
    """The cosine is within 1e-3, with weights that were converted to 16 bits. The tokens are identical."""
    found = vectors(embed(embedder, TEXTS))
    for text, vector in zip(TEXTS, found):
        ids = embedder.request("POST", "/tokenize", {"model": NAME, "content": text, "add_special": True, "parse_special": False}).json["tokens"]
        assert ids == reference.tokens(text), text
        assert vector @ reference.embed(text) > 0.999, text
    assert found[0] @ found[1] > 0.5 > found[0] @ found[2]


def test_every_form_of_input(embedder, reference):
    plain = vectors(embed(embedder, TEXTS[:3]))
    assert numpy.allclose(vectors(embed(embedder, TEXTS[0])), plain[:1], atol=2e-3)
    tokens = [reference.tokens(text) for text in TEXTS[:3]]
    assert numpy.allclose(vectors(embed(embedder, tokens)), plain, atol=2e-3)
    assert numpy.allclose(vectors(embed(embedder, tokens[1])), plain[1:2], atol=2e-3)
    answer = embed(embedder, TEXTS)
    assert answer.json["usage"]["prompt_tokens"] == sum(len(reference.tokens(text)) for text in TEXTS)


@pytest.mark.long
def test_vectors_do_not_depend_on_their_neighbours(embedder):
    """Order and values stay the same with texts of many lengths in one request, and with many concurrent requests."""
    texts = [f"Text number {index}: " + "word " * (index * 7 % 90) for index in range(150)]
    alone = numpy.concatenate([vectors(embed(embedder, text)) for text in texts[:12]])
    together = vectors(embed(embedder, texts))
    assert (together[:12] * alone).sum(1).min() > 0.9999
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: vectors(embed(embedder, texts)), range(16)):
            assert (found * together).sum(1).min() > 0.9999


def test_encodings(embedder):
    floats = vectors(embed(embedder, TEXTS[:2], encoding_format="float"))
    for entry, expected in zip(embed(embedder, TEXTS[:2], encoding_format="base64").json["data"], floats):
        raw = base64.b64decode(entry["embedding"], validate=True)
        assert numpy.allclose(struct.unpack(f"<{len(raw) // 4}f", raw), expected, atol=1e-6)
    embed(embedder, encoding_format="int8").assert_error(400, "encoding_format", "invalid_value")


def test_dimensions(embedder):
    whole, cut = vectors(embed(embedder))[0], vectors(embed(embedder, dimensions=64))[0]
    assert len(cut) == 64 and numpy.allclose(cut, whole[:64] / numpy.linalg.norm(whole[:64]), atol=1e-5)
    assert len(vectors(embed(embedder, dimensions=384))[0]) == 384
    embed(embedder, dimensions=385).assert_error(400, "dimensions", "integer_above_max_value")
    embed(embedder, dimensions=0).assert_error(400, "dimensions", "integer_below_min_value")


@pytest.mark.parametrize("input, param, code", [
    ("", "input", "invalid_value"), (["a", ""], "input[1]", "invalid_value"), ([], "input", "empty_array"), (5, "input", "invalid_type"),
    ([1, "a"], "input[1]", "invalid_type"), ([[1], []], "input[1]", "invalid_type"), ([10**7], "input", "invalid_value"), ([-1], "input", "invalid_value"),
    (["a"] * 2049, "input", "array_above_max_length"), ("word " * 600, "input[0]", "context_length_exceeded"),
    (["a", "word " * 600], "input[1]", "context_length_exceeded"),
])
def test_bad_inputs(embedder, input, param, code):
    embed(embedder, input).assert_error(400, param, code)


def test_models_do_what_they_were_made_for(embedder):
    embed(embedder, model=MODEL).assert_error(400, "model", "model_not_usable")
    embed(embedder, model="none").assert_error(404, None, "model_not_found")
    body = {"model": NAME, "messages": [{"role": "user", "content": "Hi"}]}
    embedder.request("POST", "/v1/chat/completions", body).assert_error(400, "model", "model_not_usable")
    embedder.request("POST", "/v1/completions", {"model": NAME, "prompt": "Hi"}).assert_error(400, "model", "model_not_usable")
    capabilities = {model["id"]: model["shimmy"]["capabilities"] for model in embedder.request("GET", "/v1/models").json["data"]}
    assert capabilities == {MODEL: ["chat"], NAME: ["embeddings"]}


def test_embeddings_with_the_official_client(embedder):
    with OpenAI(base_url=embedder.url + "/v1", api_key="unused", max_retries=0) as client:
        answer = client.embeddings.create(model=NAME, input=TEXTS[:3])
        assert len(answer.data) == 3 and len(answer.data[0].embedding) == 384
        assert numpy.allclose([entry.embedding for entry in answer.data], vectors(embed(embedder, TEXTS[:3])), atol=2e-3)
        assert len(client.embeddings.create(model=NAME, input="Hi", dimensions=8, encoding_format="float").data[0].embedding) == 8


def test_chat_and_embeddings_at_the_same_time(embedder):
    with ThreadPoolExecutor(6) as pool:
        chats = [pool.submit(embedder.chat, f"Count to {number}.", max_tokens=30) for number in range(3)]
        found = [pool.submit(embed, embedder, TEXTS) for _ in range(12)]
        assert all(chat.result().status == 200 for chat in chats)
        assert all(len(vectors(result.result())) == len(TEXTS) for result in found)


def test_a_folder_is_converted_once(home):
    converted = list((home / "cache/converted").iterdir())
    assert len(converted) == 1 and converted[0].suffix == ".gguf"
    before = converted[0].stat().st_mtime_ns
    with Server(home) as server:
        assert embed(server).status == 200
    assert [path.stat().st_mtime_ns for path in (home / "cache/converted").iterdir()] == [before]


def test_a_damaged_folder_is_listed_with_its_reason(tmp_path):
    home = make_home(tmp_path)
    folder = home / "data/models/broken"
    folder.mkdir()
    (folder / "config.json").write_text((FOLDER / "config.json").read_text())
    (folder / "model.safetensors").write_bytes((FOLDER / "model.safetensors").read_bytes()[:5000])
    with Server(home) as server:
        listed = {model["id"]: model["shimmy"] for model in server.request("GET", "/v1/models").json["data"]}
        assert listed["broken"]["problem"] and listed[MODEL]["problem"] is None
        embed(server, model="broken").assert_error(400, "model", "model_not_usable")
        assert server.chat().status == 200


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    home = tmp_path_factory.mktemp("judge")
    tiny_models.reranker(home / "data/models/judge.gguf")
    tiny_models.chatting_reranker(home / "data/models/yes-or-no.gguf", MODEL_FILE)
    with Server(home) as server:
        yield server


def rerank(server, path="/v1/rerank", **fields):
    return server.request("POST", path, {"model": "judge", "query": "ab", "documents": ["ba", "cab", "a"], **fields})


def test_documents_are_ranked(judge):
    answer = rerank(judge).json
    assert set(answer) == {"object", "model", "results", "usage"} and answer["object"] == "list" and answer["model"] == "judge"
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["total_tokens"] > 0
    scores = [result["relevance_score"] for result in answer["results"]]
    assert sorted(result["index"] for result in answer["results"]) == [0, 1, 2] and scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3, "the documents matter"
    for result in answer["results"]:
        [alone] = rerank(judge, documents=[["ba", "cab", "a"][result["index"]]]).json["results"]
        assert alone["relevance_score"] == pytest.approx(result["relevance_score"], abs=1e-4)
    assert rerank(judge, "/rerank").json == answer
    best = rerank(judge, top_n=1, documents=[{"text": "ba"}, "cab", "a"]).json["results"]
    assert best == answer["results"][:1] and best[0]["document"] == {"text": ["ba", "cab", "a"][best[0]["index"]]}
    assert rerank(judge, top_n=1000).json == answer
    assert all(set(result) == {"index", "relevance_score"} for result in rerank(judge, return_documents=False).json["results"])
    assert rerank(judge, priority=3, colour="red").headers["x-shimmy-ignored-params"] == "priority, colour"
    assert "x-shimmy-ignored-params" not in rerank(judge, priority=0, rank_fields=["text"], keep_alive=-1).headers
    rerank(judge, rank_fields=["title"]).assert_error(400, "rank_fields", "unsupported_parameter")
    rerank(judge, query=5).assert_error(400, "query", "invalid_type")
    rerank(judge, documents=[]).assert_error(400, "documents", "empty_array")
    rerank(judge, documents=[1]).assert_error(400, "documents[0]", "invalid_type")
    rerank(judge, documents="a").assert_error(400, "documents", "invalid_type")
    rerank(judge, top_n=0).assert_error(400, "top_n", "integer_below_min_value")
    rerank(judge, documents=["a", "b " * 300]).assert_error(400, "documents[1]", "context_length_exceeded")
    embed(judge, model="judge").assert_error(400, "model", "model_not_usable")


def test_documents_are_ranked_as_cohere_has_it(judge):
    jina, answer = rerank(judge).json, rerank(judge, "/v2/rerank").json
    assert set(answer) == {"id", "results", "meta"} and answer["id"].startswith("rerank-") and answer["id"] != rerank(judge, "/v2/rerank").json["id"]
    assert answer["results"] == [{"index": result["index"], "relevance_score": result["relevance_score"]} for result in jina["results"]]
    assert answer["meta"] == {"api_version": {"version": "2"}, "tokens": {"input_tokens": jina["usage"]["prompt_tokens"]}}
    assert rerank(judge, "/v2/rerank", return_documents=True, top_n=2).json["results"] == jina["results"][:2]
    limited = rerank(judge, "/v2/rerank", max_tokens_per_doc=4096)
    assert limited.status == 200 and limited.headers["x-shimmy-ignored-params"] == "max_tokens_per_doc"
    rerank(judge, "/v2/rerank", documents=[]).assert_error(400, "documents", "empty_array")


def test_a_model_that_chats_judges_with_its_own_template(judge):
    """The score is the probability of "yes". Placeholders of the template in the texts stay plain text."""
    query, documents = "What is a panda?", ["It is a bear.", "Ask {query} of a {document}."]
    answer = rerank(judge, model="yes-or-no", query=query, documents=documents).json
    prompts = [tiny_models.PAIR.format(query=query, document=document) for document in documents]
    body = {"model": "yes-or-no", "add_special": False, "parse_special": True}
    counts = [len(judge.request("POST", "/tokenize", {**body, "content": prompt}).json["tokens"]) for prompt in prompts]
    assert answer["usage"]["prompt_tokens"] == sum(counts)
    scores = [result["relevance_score"] for result in answer["results"]]
    assert len(set(scores)) == 2 and all(0 < score < 1 for score in scores) and scores == sorted(scores, reverse=True)
