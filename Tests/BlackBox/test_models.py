"""Lists of models: structure, stable times, names with slashes and colons, and no loads by queries."""

import os
import time

import pytest
from jsonschema import validate

import schemas
from openai import OpenAI

from server import MODEL, MODEL_FILE, Server, make_home, put_model, run


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A separate server whose home has models in several folders, including a damaged one."""
    home = make_home(tmp_path_factory.mktemp("shelf"))
    snapshot = home / ".cache/huggingface/hub/models--some-user--Some-Repo-GGUF/snapshots/0123456789abcdef"
    put_model(snapshot / "some-repo-Q4_1.gguf")
    with open(MODEL_FILE, "rb") as file:
        (home / "data/models/cut.gguf").write_bytes(file.read(5000))
    (home / "data/models/not-a-model.gguf").write_bytes(b"hello")
    with Server(home) as server:
        yield server


REPOSITORY_MODEL = "some-user/Some-Repo-GGUF:Q4_1"


def test_list_has_the_documented_shape(shelf):
    answer = shelf.request("GET", "/v1/models")
    assert answer.status == 200
    validate(answer.json, schemas.MODELS)
    assert {model["id"] for model in answer.json["data"]} == {MODEL, REPOSITORY_MODEL, "cut", "not-a-model"}


def test_codex_gets_a_list_that_it_can_read(shelf):
    """Codex asks with its version and reports an error for a list without 'models'."""
    answer = shelf.request("GET", "/v1/models?client_version=0.160.1")
    assert answer.json["models"] == [] and answer.json["data"] == shelf.request("GET", "/v1/models").json["data"]
    assert "models" not in shelf.request("GET", "/v1/models").json


def test_listing_loads_nothing(shelf):
    shelf.request("GET", "/v1/models")
    shelf.request("GET", f"/v1/models/{MODEL}")
    assert shelf.request("GET", "/health").json["models_loaded"] == 0


@pytest.mark.parametrize("path", ["/v1/models/some-user/Some-Repo-GGUF:Q4_1", "/v1/models/some-user%2FSome-Repo-GGUF%3AQ4_1", "/models/some-user%2fSome-Repo-GGUF:Q4_1/"])
def test_retrieve_a_model_raw_and_percent_encoded(shelf, path):
    answer = shelf.request("GET", path)
    assert answer.status == 200
    validate(answer.json, schemas.MODEL)
    assert answer.json["id"] == REPOSITORY_MODEL


@pytest.mark.parametrize("path", ["/v1/models/nothing", "/v1/models/..%2F..%2Fetc%2Fpasswd", "/v1/models/%ff", "/v1/models/%"])
def test_unknown_models_are_404(shelf, path):
    shelf.request("GET", path).assert_error(404, None, "model_not_found")


def test_created_is_the_files_time_and_stable(shelf):
    first, second = (shelf.request("GET", "/v1/models").json for _ in range(2))
    assert first == second
    created = {model["id"]: model["created"] for model in first["data"]}
    assert created[MODEL] == int(os.stat(MODEL_FILE).st_mtime)


def test_extension_block(shelf):
    models = {model["id"]: model for model in shelf.request("GET", "/v1/models").json["data"]}
    assert models[MODEL]["shimmy"].pop("memory_bytes") > 2 * MODEL_FILE.stat().st_size
    assert models[MODEL]["shimmy"].pop("path").endswith(".gguf")
    assert models[MODEL]["shimmy"] == {
        "context_length": 8192,
        "capabilities": ["chat"],
        "quantization": "Q4_1",
        "size_bytes": MODEL_FILE.stat().st_size,
        "loaded": False,
        "source": "shimmy",
        "architecture": "llama",
        "parameters": 134515008,
        "problem": None,
        "aliases": [],
        "base": None,
        "sampling": {"temperature": 0.2, "top_p": 0.5},
    }
    assert models[REPOSITORY_MODEL]["shimmy"]["source"] == "huggingface"


def test_damaged_files_are_listed_with_their_reason_and_refused(shelf):
    models = {model["id"]: model for model in shelf.request("GET", "/v1/models").json["data"]}
    for name in ("cut", "not-a-model"):
        assert models[name]["shimmy"]["capabilities"] == []
        problem = models[name]["shimmy"]["problem"]
        assert problem
        message = shelf.chat(model=name).assert_error(400, "model", "model_not_usable")
        assert problem in message


def test_loaded_is_told(home):
    with Server(home) as server:
        server.chat(max_tokens=1)
        assert server.request("GET", f"/v1/models/{MODEL}").json["shimmy"]["loaded"] is True
        health = server.request("GET", "/health").json
        assert (health["status"], health["ready"], health["models_loaded"]) == ("ok", True, 1)


def test_a_model_that_appears_while_the_server_runs_is_found(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home) as server:
        assert server.chat(model="later", max_tokens=1).status == 404
        put_model(home / "data/models/later.gguf")
        assert server.chat(model="later", max_tokens=1).status == 200


def test_root_and_health(shelf):
    for method in ("GET", "HEAD"):
        answer = shelf.request(method, "/")
        assert answer.status == 200
        assert answer.body == (b"Shimmy is running" if method == "GET" else b"")
        assert shelf.request(method, "/health").status == 200


def loaded(server) -> set:
    return {model["id"] for model in server.request("GET", "/v1/models").json["data"] if model["shimmy"]["loaded"]}


def test_models_are_loaded_and_freed_on_request(home):
    with Server(home) as server:
        def post(what, **body):
            return server.request("POST", f"/v1/models/{what}", body)

        assert loaded(server) == set()
        answer = post("load", model=MODEL)
        assert answer.status == 200 and answer.json["id"] == MODEL and answer.json["shimmy"]["loaded"]
        assert loaded(server) == {MODEL}
        begin = time.monotonic()
        assert post("unload", model=MODEL.lower()).json == {"model": MODEL.lower(), "unloaded": True}
        assert time.monotonic() - begin < 8, "nothing holds on to the model while its end is waited for"
        assert loaded(server) == set() and post("unload", model=MODEL).json["unloaded"] is False
        post("load", model="none").assert_error(404, None, "model_not_found")
        post("unload", model="none").assert_error(404, None, "model_not_found")
        post("unload").assert_error(400, "model", "missing_required_parameter")

        with server_stream(server) as stream:
            next(stream)
            post("unload", model=MODEL).assert_error(409, "model", "model_in_use")
            assert list(stream)[-1].usage.completion_tokens == 100, "the stream goes on"
        server.wait_for(lambda _: all(engine["users"] == 0 for engine in server.request("GET", "/v1/engine").json["data"]), "the end of the stream")
        assert post("unload", model=MODEL).json["unloaded"]
        assert server.chat().status == 200, "and comes back when it is asked for"


class server_stream:
    """A long stream that yields its lines while it runs."""

    def __init__(self, server):
        self.client = OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0)

    def __enter__(self):
        return iter(self.client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Count."}], max_tokens=100, stream=True,
            stream_options={"include_usage": True}, extra_body={"ignore_eos": True}))

    def __exit__(self, *_):
        self.client.close()


def test_idle_models_are_freed(home):
    with Server(home, "--keep-alive", "1s") as server:
        assert server.chat().status == 200
        server.wait_for(lambda _: not loaded(server), "freeing")
        assert server.chat().status == 200
        with server_stream(server) as stream:
            assert list(stream)[-1].usage.completion_tokens == 100
    assert "is not a duration" in run(home, "serve", "--keep-alive", "soon").stderr
