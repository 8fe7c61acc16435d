"""Presets and aliases of models in shimmy.toml, and the settings of Ollama's models below them."""

import json
import re

import pytest

from ollama_store import ollama_model
from running import rendered
from server import MODEL, Server, make_home, run


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    home = make_home(tmp_path_factory.mktemp("preset"))
    path = home / "presets.toml"
    path.write_text(
        f"""
[model."{MODEL.split(".")[0]}"]
context = 1024
slots = 2
system = "You are Ada."
defaults = {{ max_tokens = 5, stop = [","], temperature = 0 }}
aliases = ["small", "gpt-4o-mini"]

[model.steady]
base = "{MODEL}"
forced = {{ temperature = 0, max_completion_tokens = 7, seed = 3 }}

[model.brief]
base = "small"
context = 256
system = "You are Bob."
chat_template = "<{{{{ messages[0].content }}}}>"
"""
    )
    with Server(home, "--config", str(path)) as server:
        yield server


def test_a_system_prompt_stands_where_there_is_none(preset):
    assert "You are Ada." in rendered(preset, MODEL, ("user", "Hi"))
    own = rendered(preset, MODEL, ("system", "You are Eve."), ("user", "Hi"))
    assert "You are Eve." in own and "Ada" not in own
    assert rendered(preset, "brief", ("user", "Hi")) == "<You are Bob.>"


def test_errors_about_messages_count_as_the_client_does(preset):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}, {"role": "usher", "content": "Hi"}]}
    preset.request("POST", "/v1/chat/completions", body).assert_error(400, "messages[1].role", "invalid_value")


def test_defaults_fill_and_clients_win(preset):
    text = "Count: one, two, three"
    answer = preset.chat(text, max_tokens=..., temperature=...)
    assert answer.json["usage"]["completion_tokens"] <= 5
    assert "," not in answer.text
    longer = preset.chat(text, max_tokens=9, stop=["\x00"])
    assert longer.json["usage"]["completion_tokens"] > 5
    assert "x-shimmy-forced-params" not in longer.headers
    legacy = preset.request("POST", "/v1/completions", {"model": MODEL, "prompt": "one, two, three"})
    assert legacy.json["usage"]["completion_tokens"] <= 5


def test_forced_fields_hold_and_are_named(preset):
    asked = {"model": "steady", "temperature": 2, "seed": ..., "max_tokens": 3, "stop": ["\x00"]}
    first = preset.chat("Tell me a story.", **asked)
    assert first.headers["x-shimmy-forced-params"] == "max_tokens, temperature"
    assert first.json["usage"]["completion_tokens"] == 7
    assert {preset.chat("Tell me a story.", **asked).text for _ in range(3)} == {first.text}
    streamed = preset.chat("Tell me a story.", stream=True, **asked)
    assert streamed.headers["x-shimmy-forced-params"] == "max_tokens, temperature"
    assert streamed.streamed_text == first.text
    legacy = preset.request("POST", "/v1/completions", {"model": "steady", "prompt": "Once", "temperature": 1.5})
    assert legacy.headers["x-shimmy-forced-params"] == "temperature"
    agreed = preset.chat("Hi", model="steady", temperature=0, max_tokens=..., seed=3)
    assert "x-shimmy-forced-params" not in agreed.headers


def test_responses_have_presets_too(preset):
    answer = preset.request("POST", "/v1/responses", {"model": "steady", "input": "Tell me a story.", "temperature": 2, "store": False})
    assert answer.status == 200, answer.body
    assert answer.headers["x-shimmy-forced-params"] == "temperature"
    assert answer.json["temperature"] == 0
    assert answer.json["usage"]["output_tokens"] <= 7


def test_a_model_of_ones_own_is_listed_and_shares_memory_where_it_can(preset):
    for name in (MODEL, "steady", "brief"):
        assert preset.chat("Hi", model=name).status == 200
    models = {model["id"]: model["shimmy"] for model in preset.request("GET", "/v1/models").json["data"]}
    assert set(models) == {MODEL, "steady", "brief"}
    assert (models["steady"]["base"], models["brief"]["base"], models[MODEL]["base"]) == (MODEL, MODEL, None)
    assert models[MODEL]["aliases"] == ["gpt-4o-mini", "small"]
    assert (models["steady"]["context_length"], models["brief"]["context_length"]) == (1024, 256)
    loaded = [model["model"] for model in preset.request("GET", "/v1/engine").json["data"]]
    assert sorted(loaded) == sorted([MODEL, "brief"])


def test_aliases_lead_to_models(preset):
    assert preset.chat("Hi", model="GPT-4o-mini").status == 200
    assert preset.request("GET", "/v1/models/small").json["id"] == MODEL


def test_render_knows_presets(preset, tmp_path):
    result = run(
        preset.log.parent, "render", "--config", str(preset.log.parent / "presets.toml"), "--model", "brief",
        input=json.dumps([{"role": "user", "content": "Hi"}]))
    assert result.stdout == "<You are Bob.>\n"


# Settings from Ollama's models


def test_ollamas_parameters_and_prompts_hold_below_the_file(place):
    ollama_model(
        place.home, "ada", params={"num_ctx": 512, "num_predict": 4, "stop": ["."], "temperature": 0, "top_k": -7, "num_gpu": 3},
        system="You are Ada.", template="{{ .Prompt }}", messages=[{"role": "user", "content": "Say A."}, {"role": "assistant", "content": "A."}])
    place('[model.bob]\nbase = "ada"\nsystem = "You are Bob."\ndefaults = { max_tokens = 2 }\n')
    with Server(place.home) as server:
        prompt = rendered(server, "ada", ("user", "Say B."))
        assert [prompt.index(text) for text in ("You are Ada.", "Say A.", "Say B.")] == sorted(
            prompt.index(text) for text in ("You are Ada.", "Say A.", "Say B."))
        assert "You are Bob." in rendered(server, "bob", ("user", "Hi"))
        answer = server.chat("Hello", model="ada", max_tokens=..., temperature=...)
        assert answer.status == 200
        assert answer.json["usage"]["completion_tokens"] <= 4
        assert server.chat("Hello", model="bob", max_tokens=...).json["usage"]["completion_tokens"] <= 2
        assert server.request("GET", "/v1/models/ada").json["shimmy"]["context_length"] == 512


def test_ollamas_models_of_one_file_are_one_in_memory(place):
    ollama_model(place.home, "ada", system="You are Ada.")
    ada = place.home / ".ollama/models/manifests/registry.ollama.ai/library/ada/latest"
    plain = ada.parent.parent / "plain/latest"
    plain.parent.mkdir()
    plain.write_text(json.dumps({"schemaVersion": 2, "layers": json.loads(ada.read_text())["layers"][:1]}))

    def serve(count: int):
        with Server(place.home) as server:
            for name, speaks in (("ada", True), ("plain", False)):
                assert server.chat("Hello", model=name, max_tokens=2).status == 200
                assert ("You are Ada." in rendered(server, name, ("user", "Hi"))) == speaks
            assert server.request("GET", "/health").json["models_loaded"] == count
            models = server.request("GET", "/v1/models").json["data"]
            assert {model["id"] for model in models if model["shimmy"]["loaded"]} == {"ada", "plain"}

    serve(1)
    # A setting that affects the loading of one of them gives each model an engine of its own.
    place("[model.plain]\ncontext = 256\n")
    serve(2)


def test_a_template_that_is_not_used_is_shown_as_such(place):
    ollama_model(place.home, "ada", template="{{ .Prompt }}")
    words = "Ollama's Go template: the model's own chat template is used instead"
    assert re.search(rf"^not used +{words}$", run(place.home, "show", "ada").stdout, re.MULTILINE)
    assert json.loads(run(place.home, "show", "--json", "ada").stdout)["unused_template"] == words
    place('[model.eve]\nbase = "ada"\n')
    assert words in run(place.home, "show", "eve").stdout
    assert "not used" not in run(place.home, "show", MODEL).stdout
    assert json.loads(run(place.home, "show", "--json", MODEL).stdout)["unused_template"] is None
