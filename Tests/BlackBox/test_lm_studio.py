"""LM Studio's own API: the lists of models, and routes that load and unload them."""

import os
from pathlib import Path

import pytest

from ollama_requests import status
from server import MODEL, MODEL_FILE, Server, make_home, wait_until

FOLDER = Path(os.environ["SHIMMY_EMBEDDING_MODEL"])
EMBEDDER = "all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A server with a chat model and an embedding model."""
    home = make_home(tmp_path_factory.mktemp("studio"))
    (home / "data/models" / EMBEDDER).symlink_to(FOLDER)
    with Server(home, "--ctx-size", "1024") as server:
        yield server


def post(server, action: str, **fields):
    return server.request("POST", f"/api/v1/models/{action}", fields)


def listed(server, path: str, key: str) -> dict:
    answer = server.request("GET", path)
    assert answer.status == 200, answer.body
    return {model[key]: model for model in answer.json["data" if "v0" in path else "models"]}


def test_lm_studios_older_list_of_models(studio):
    models = listed(studio, "/api/v0/models", "id")
    assert set(models) == {MODEL, EMBEDDER} and studio.request("GET", "/api/v0/models").json["object"] == "list"
    model = models[MODEL]
    assert {name: model[name] for name in ("object", "type", "arch", "compatibility_type", "quantization", "max_context_length")} == {
        "object": "model", "type": "llm", "arch": "llama", "compatibility_type": "gguf", "quantization": "Q4_1", "max_context_length": 8192}
    assert model["publisher"] and model["capabilities"] == ["tool_use"] and models[EMBEDDER]["type"] == "embeddings"
    assert studio.request("GET", f"/api/v0/models/{MODEL}").json == model
    studio.request("GET", "/api/v0/models/nobody").assert_error(404, None, "model_not_found")
    assert post(studio, "load", model=MODEL).status == 200
    assert studio.request("GET", f"/api/v0/models/{MODEL}").json == {**model, "state": "loaded", "loaded_context_length": 1024}


def test_lm_studios_list_of_models(studio):
    models = listed(studio, "/api/v1/models", "key")
    assert set(models) == {MODEL, EMBEDDER}
    model, embedder = models[MODEL], models[EMBEDDER]
    assert set(model) == {
        "type", "publisher", "key", "display_name", "architecture", "quantization", "size_bytes", "params_string", "loaded_instances",
        "max_context_length", "format", "capabilities", "description",
    }
    assert model["type"] == "llm" and model["architecture"] == "llama" and model["quantization"]["name"] == "Q4_1" and model["format"] == "gguf"
    assert 4 < model["quantization"]["bits_per_weight"] < 9 and model["params_string"] == "134.52M" and model["max_context_length"] == 8192
    assert model["size_bytes"] == MODEL_FILE.stat().st_size and model["capabilities"] == {"vision": False, "trained_for_tool_use": True}
    assert embedder["type"] == "embedding" and "capabilities" not in embedder and "description" not in embedder


def test_models_are_loaded_and_unloaded_as_in_lm_studio(studio):
    post(studio, "unload", instance_id=MODEL)
    assert listed(studio, "/api/v1/models", "key")[MODEL]["loaded_instances"] == []
    answer = post(studio, "load", model=MODEL, flash_attention=True, echo_load_config=True, ttl=3600)
    assert answer.status == 200 and answer.headers["x-shimmy-ignored-params"] == "flash_attention"
    assert {**answer.json, "load_time_seconds": 0} == {
        "type": "llm", "instance_id": MODEL, "load_time_seconds": 0, "status": "loaded", "load_config": {"context_length": 1024}}
    assert listed(studio, "/api/v1/models", "key")[MODEL]["loaded_instances"] == [{"id": MODEL, "config": {"context_length": 1024}}]
    wait_until(lambda: status(studio, MODEL)["expires_at"] is not None, "the end of the load")
    assert post(studio, "load", model=EMBEDDER).json["type"] == "embedding"
    unloaded = post(studio, "unload", instance_id=MODEL)
    assert (unloaded.status, unloaded.json) == (200, {"instance_id": MODEL}) and status(studio, MODEL) is None
    post(studio, "unload", instance_id=MODEL).assert_error(404, "instance_id", "model_not_found")
    post(studio, "load", model="nobody").assert_error(404, None, "model_not_found")
    post(studio, "load").assert_error(400, "model", "missing_required_parameter")
    post(studio, "unload", model=MODEL).assert_error(400, "instance_id", "missing_required_parameter")


def test_a_context_is_extended_as_in_lm_studio(start):
    server = start("--ctx-size", "1024", "--slots", "8", "--memory-budget", "260M")
    answer = post(server, "load", model=MODEL, context_length=2048, echo_load_config=True)
    assert answer.status == 200 and answer.json["load_config"] == {"context_length": 2048} and "x-shimmy-ignored-params" not in answer.headers
    shorter = post(server, "load", model=MODEL, context_length=512, echo_load_config=True)
    assert shorter.json["load_config"] == {"context_length": 2048} and shorter.headers["x-shimmy-ignored-params"] == "context_length"
    # The model was trained for 8192 tokens, but the memory budget is too small for a context of this length.
    post(server, "load", model=MODEL, context_length=8192).assert_error(400, "context_length", "invalid_value")
