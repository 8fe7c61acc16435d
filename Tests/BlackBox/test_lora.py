"""LoRA adapters: each request chooses and scales them, results equal those of merged models, and requests never mix."""

import threading

import numpy as np
import pytest

import adapters
import tiny_models
from server import MODEL, MODEL_FILE, Server, make_home
from test_memory import assert_takes_what_is_promised, memory_of

TEXT = "The capital of France is a large city on the river Seine, and the people who live there"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with two models, the test model and a tiny one with unquantized weights, copies with merged adapters, and adapter files."""
    home = make_home(tmp_path_factory.mktemp("lora"))
    models = home / "data/models"
    base = adapters.weights(MODEL_FILE)
    style, tone = adapters.factors(base, seed=1), adapters.factors(base, seed=2)
    adapters.write_adapter(models / "style.gguf", style)
    adapters.write_adapter(models / "tone.gguf", tone)
    adapters.write_adapter(models / "strange.gguf", style, architecture="mamba")
    adapters.write_adapter(models / "small.gguf", {name: (a[:, :64].copy(), b) for name, (a, b) in style.items()})
    for name, scale in (("exact", 0), ("merged", 1)):
        adapters.write_model(models / f"{name}.gguf", MODEL_FILE, base, style, scale)
    fine = {}
    tiny_models.llama(models / "plain.gguf", lambda model: fine.update(adapters.factors(adapters.tiny_weights(model), seed=3, strength=1)))
    adapters.write_adapter(models / "fine.gguf", fine)
    for name, scale in (("plain-merged", 1), ("plain-half", 0.5)):
        tiny_models.llama(models / f"{name}.gguf", lambda model: adapters.merge(model, fine, scale))
    return home


@pytest.fixture(scope="module")
def server(home):
    with Server(home, "--max-models", "4") as server:
        yield server
        assert server.process.poll() is None, server.log.read_text()[-3000:]


def scores(server, model, **fields):
    """Returns the log probabilities of a text's tokens."""
    body = {"model": model, "prompt": TEXT, "max_tokens": 0, "echo": True, "logprobs": 0, **fields}
    answer = server.request("POST", "/v1/completions", body)
    assert answer.status == 200, answer.body
    return np.array(answer.json["choices"][0]["logprobs"]["token_logprobs"][1:])


def apart(one, other) -> float:
    return float(np.abs(one - other).max())


def test_an_adapter_is_what_merging_would_be(server):
    base, merged, half = scores(server, "plain"), scores(server, "plain-merged"), scores(server, "plain-half")
    assert apart(base, merged) > 0.5 and apart(half, merged) > 0.2  # the adapter has a large effect
    assert apart(scores(server, "plain", lora=[{"name": "fine", "scale": 1}]), merged) < 0.01
    assert apart(scores(server, "plain", lora=[{"name": "fine"}]), merged) < 0.01
    assert apart(scores(server, "plain", lora=[{"name": "fine", "scale": 0.5}]), half) < 0.01
    assert (scores(server, "plain", lora=[{"name": "fine", "scale": 0}]) == base).all()
    assert (scores(server, "plain", lora=[]) == base).all()


@pytest.mark.parametrize("model", [MODEL, "exact"])
def test_an_adapter_works_on_packed_weights(server, model):
    """The result is close to that of the merged model. It is not exact, because the base weights have 4 bits and the activations 8."""
    merged = scores(server, "merged")
    with_adapter = np.abs(scores(server, model, lora=[{"name": "style"}]) - merged).mean()
    assert with_adapter < 0.15 < 0.8 < np.abs(scores(server, model) - merged).mean()
    assert (scores(server, model, lora=[{"name": "style", "scale": 0}]) == scores(server, model)).all()


def test_adapters_add_up(server):
    both = scores(server, MODEL, lora=[{"name": "style", "scale": 0.5}, {"name": "tone", "scale": 0.5}])
    assert (both == scores(server, MODEL, lora=[{"name": "tone", "scale": 0.5}, {"name": "style", "scale": 0.5}])).all()
    assert apart(both, scores(server, MODEL, lora=[{"name": "style", "scale": 0.5}])) > 0.1


def test_adapters_are_listed_and_named_by_id(server):
    listed = server.request("GET", f"/lora-adapters?model={MODEL}").json
    assert [(adapter["id"], adapter["name"], adapter["path"], adapter["scale"]) for adapter in listed] == [
        (0, "style", "style.gguf", 0), (1, "tone", "tone.gguf", 0)]
    by_id = scores(server, MODEL, lora=[{"id": 1, "scale": 0.5}])
    assert (by_id == scores(server, MODEL, lora=[{"name": "tone", "scale": 0.5}])).all()
    server.request("GET", "/lora-adapters?model=nobody").assert_error(404, None, "model_not_found")


@pytest.mark.parametrize("lora, field, code", [
    ("style", "lora", "invalid_type"),
    (["style"], "lora[0]", "invalid_type"),
    ([{"scale": 1}], "lora[0].name", "missing_required_parameter"),
    ([{"name": 3}], "lora[0].name", "invalid_type"),
    ([{"name": "style", "id": 0}], "lora[0].id", "invalid_value"),
    ([{"name": "style", "scale": "1"}], "lora[0].scale", "invalid_type"),
    ([{"name": "style", "scale": 11}], "lora[0].scale", "decimal_above_max_value"),
    ([{"name": "style", "scale": -11}], "lora[0].scale", "decimal_below_min_value"),
    ([{"name": "style"}, {"id": 0}], "lora[1].id", "invalid_value"),
    ([{"id": 2}], "lora[0].id", "invalid_value"),
    ([{"id": -1}], "lora[0].id", "integer_below_min_value"),
    ([{"name": "nobody"}], "lora[0].name", "invalid_value"),
    ([{"name": "/etc/passwd"}], "lora[0].name", "invalid_value"),
    ([{"name": "strange"}], "lora[0].name", "invalid_value"),
    ([{"name": "small"}], "lora[0].name", "invalid_value"),
    ([{"name": "style"}] * 17, "lora", "array_above_max_length"),
])
def test_what_is_wrong_with_a_choice_of_adapters(server, lora, field, code):
    server.chat(lora=lora).assert_error(400, field, code)
    body = {"model": MODEL, "prompt": "a", "lora": lora}
    server.request("POST", "/v1/completions", body).assert_error(400, field, code)


def test_why_an_adapter_is_not_for_a_model(server):
    message = server.chat(lora=[{"name": "small"}]).assert_error(400, "lora[0].name", "invalid_value")
    assert "does not match the model's tensor" in message
    message = server.chat(lora=[{"name": "nobody"}]).assert_error(400, "lora[0].name", "invalid_value")
    assert "'style', 'tone'" in message


def test_prefixes_are_shared_within_a_set_and_never_across(home):
    with Server(home) as server:
        def cached(**fields):
            answer = server.chat("Tell me everything about the river that flows through the city.", max_tokens=1, **fields).json
            return answer["usage"]["prompt_tokens_details"]["cached_tokens"]

        choices = [{}, {"lora": [{"name": "style"}]}, {"lora": [{"name": "style", "scale": 0.5}]}, {"lora": [{"name": "tone"}]}]
        assert [cached(**choice) for choice in choices] == [0] * 4
        assert all(count > 20 for count in [cached(**choice) for choice in choices])
        assert cached(lora=[{"id": 0, "scale": 0.5}, {"id": 1, "scale": 0}]) > 20  # an equivalent set


def test_requests_side_by_side_get_what_each_gets_alone(home):
    """Concurrent requests get the same results as alone. Uses the unquantized model, because ggml computes the products of adapters and rounds
    differently if prompts or drafts change the steps."""
    choices = [[], [{"name": "fine"}], [{"name": "fine", "scale": 0.25}], [{"name": "fine", "scale": 0.5}], [{"id": 0, "scale": -1}]]

    def ask(server, lora):
        body = {"model": "plain", "prompt": TEXT, "max_tokens": 32, "temperature": 0, "ignore_eos": True, "echo": True, "lora": lora, "logprobs": 0}
        logprobs = server.request("POST", "/v1/completions", body).json["choices"][0]["logprobs"]
        return logprobs["tokens"], np.array(logprobs["token_logprobs"][1:])

    with Server(home, "--preload", "--model", "plain") as server:
        alone = [ask(server, lora) for lora in choices]
    for one in range(len(choices)):
        assert all(apart(alone[one][1], alone[other][1]) > 0.1 for other in range(one))
    with Server(home, "--preload", "--model", "plain") as server:
        together = [None] * len(choices)

        def run(index):
            together[index] = ask(server, choices[index])

        threads = [threading.Thread(target=run, args=(index,)) for index in range(len(choices))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for (tokens, logprobs), (same_tokens, same_logprobs) in zip(alone, together):
        assert tokens == same_tokens and apart(logprobs, same_logprobs) < 0.01


def test_configured_adapters_count_for_requests_that_name_none(home):
    fine = home / "data/models/fine.gguf"
    with Server(home, "--lora", f"mine={fine}:0.5") as server:
        def listed(model):
            assert server.request("POST", "/v1/models/load", {"model": model}).status == 200
            return [(entry["name"], entry["scale"]) for entry in server.request("GET", f"/lora-adapters?model={model}").json]

        # The file is one adapter with the given name, and only for the model that it fits.
        assert listed("plain") == [("mine", 0.5)] and listed(MODEL) == [("style", 0), ("tone", 0)]
        assert apart(scores(server, "plain"), scores(server, "plain-half", lora=[])) < 0.01
        assert apart(scores(server, "plain", lora=[{"name": "mine"}]), scores(server, "plain-merged", lora=[])) < 0.01
        assert apart(scores(server, "plain", lora=[]), scores(server, "plain")) > 0.2


def test_an_adapter_counts_before_its_model_is_loaded(tmp_path):
    """The memory estimate with a large adapter matches the use after loading."""
    home, large = make_home(tmp_path), tmp_path / "large.gguf"
    random = np.random.default_rng(1)
    matrix = lambda *shape: 0.001 * random.standard_normal(shape).astype(np.float32)
    adapters.write_adapter(large, {name: (matrix(1024, base.shape[1]), matrix(base.shape[0], 1024)) for name, base in adapters.weights(MODEL_FILE).items()})
    small = ("--ctx-size", "512", "--slots", "16")
    with Server(home, *small) as server:
        without = memory_of(server, MODEL)
    with Server(home, *small, "--lora", str(large)) as server:
        assert memory_of(server, MODEL) == without + large.stat().st_size > 1.2 * without
        assert_takes_what_is_promised(server)


def test_a_file_that_is_no_adapter_is_said_at_once(home):
    from server import run

    result = run(home, "serve", "--lora", f"x={MODEL_FILE}")
    assert result.returncode == 64 and "is not a LoRA adapter" in result.stderr
    result = run(home, "serve", "--lora", "x=/nowhere.gguf:1")
    assert result.returncode == 64 and "/nowhere.gguf" in result.stderr


def test_a_model_of_ones_own_comes_with_its_adapter(home, tmp_path):
    path = tmp_path / "shimmy.toml"
    path.write_text(f'[model.tuned]\nbase = "plain"\nlora = [{{ path = "{home}/data/models/fine.gguf", scale = 0.5 }}]\n')
    with Server(home, "--config", str(path)) as server:
        tuned = scores(server, "tuned")
        assert apart(tuned, scores(server, "plain-half")) < 0.01
        assert apart(tuned, scores(server, "plain")) > 0.2
