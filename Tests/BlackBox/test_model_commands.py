"""Commands for models: which are loaded, which are available, and what is in their files."""

import json
import re

from model_commands import NO_SERVER, busy, own, told  # noqa: F401: fixtures
from server import MODEL, MODEL_FILE, Server, put_model, run, wait_until
from terminal import Dialogue


# Loaded models.


def test_models_are_loaded_shown_and_freed(own, busy):
    host = ["--host", f"127.0.0.1:{busy.port}"]
    assert "No model is loaded" in told(run(own, "ps", *host))
    assert json.loads(told(run(own, "ps", *host, "--json")))["data"] == []
    assert told(run(own, "load", *host, MODEL)) == f"{MODEL} is loaded.\n"
    assert json.loads(told(run(own, "load", *host, "--json", "second")))["id"] == "second"
    lines = told(run(own, "ps", *host)).splitlines()
    assert lines[0].split() == ["NAME", "STATE", "MEMORY", "CONTEXT", "UNTIL", "REQUESTS", "TOKENS/S", "CACHED"]
    assert [line.split()[0] for line in lines[1:3]] == [MODEL, "second"]
    assert all("loaded" in line for line in lines[1:3])
    # No tokens were computed yet, but the context length is known.
    assert all(re.search(r" \d+ MB +8192 +for ever ", line) for line in lines[1:3])
    assert re.search(r"Memory: \d+ MB of [\d.]+ GB\.", lines[-1])
    for facts, line in zip(json.loads(told(run(own, "ps", *host, "--json")))["data"], lines[1:3]):
        used = sum(facts["memory"][part] for part in ("weights", "kv", "compute", "grammars"))
        assert f" {(used + 500_000) // 1_000_000} MB " in line
    told(run(own, "load", *host, "--keep-alive", "2h", "second"))
    assert "1 h 59 min" in told(run(own, "ps", *host)) or "2 h 0 min" in told(run(own, "ps", *host))
    assert run(own, "load", *host, "--keep-alive", "long", "second").returncode == 64
    assert told(run(own, "load", *host, "--pin", "second")) == "second is loaded and pinned.\n"
    assert " pinned " in told(run(own, "ps", *host))
    assert told(run(own, "load", *host, "--no-pin", "second")) == "second is loaded and not pinned.\n"
    assert " pinned " not in told(run(own, "ps", *host))
    assert told(run(own, "stop", *host, "second")) == "second is freed.\n"
    assert told(run(own, "stop", *host, "second")) == "second was not loaded.\n"
    assert json.loads(told(run(own, "stop", *host, "--all", "--json"))) == [{"model": MODEL, "unloaded": True}]
    assert told(run(own, "stop", *host, "--all")) == "No model is loaded.\n"


def test_ps_shows_work_as_it_is_done(own, busy):
    host = f"127.0.0.1:{busy.port}"
    with Dialogue(own, "--host", host, "--set", "temperature=0", MODEL) as dialogue:
        dialogue.begin_long_answer()
        row = re.split(r"  +", told(run(own, "ps", SHIMMY_HOST=host)).splitlines()[1].strip())
        assert row[5] == "1" and float(row[6]) > 0
        refused = run(own, "stop", "--host", host, MODEL)
        assert refused.returncode == 1 and "has running or pending requests" in refused.stderr
        dialogue.type("\x03")
        dialogue.expect_prompt()


def test_mistakes_of_client_commands(own, busy):
    host = ["--host", f"127.0.0.1:{busy.port}"]
    for command in ("load", "stop"):
        wrong = run(own, command, *host, "secnd")
        assert wrong.returncode == 3 and "Did you mean second?" in wrong.stderr
    assert run(own, "stop", *host).returncode == 64
    assert run(own, "stop", *host, "--all", MODEL).returncode == 64
    for command in (["ps"], ["load", MODEL], ["stop", "--all"]):
        absent = run(own, *command, "--host", NO_SERVER)
        assert absent.returncode == 7 and f"no server answers at http://{NO_SERVER}" in absent.stderr and absent.stdout == ""


# Available models.


def test_list_knows_what_is_loaded(own, busy):
    host = f"127.0.0.1:{busy.port}"
    run(own, "load", "--host", host, "second")
    lines = told(run(own, "list", SHIMMY_HOST=host)).splitlines()
    assert lines[0].split() == ["NAME", "FAMILY", "PARAMETERS", "QUANT", "SIZE", "CONTEXT", "LOADED", "SOURCE"]
    assert lines[1].split() == [MODEL, "llama", "135", "M", "Q4_1", "98", "MB", "8192", "no", "shimmy"]
    assert lines[2].split()[-2:] == ["yes", "shimmy"]
    assert [model["loaded"] for model in json.loads(told(run(own, "list", "--json", SHIMMY_HOST=host)))] == [False, True]
    assert told(run(own, "list", "--names", SHIMMY_HOST=host)) == f"{MODEL}\nsecond\n"
    assert [model["loaded"] for model in json.loads(told(run(own, "list", "--json", SHIMMY_HOST=NO_SERVER)))] == [None, None]


def test_list_knows_that_models_which_share_an_engine_are_loaded(own):
    (own / "shimmy.toml").write_text('[model.pirate]\nbase = "second"\nsystem = "You are a pirate."\n')
    configured = {"SHIMMY_CONFIG": str(own / "shimmy.toml")}
    with Server(own, **configured) as server:
        host = f"127.0.0.1:{server.port}"
        told(run(own, "load", "--host", host, "pirate"))
        loaded = {model["id"]: model["loaded"] for model in json.loads(told(run(own, "list", "--json", SHIMMY_HOST=host, **configured)))}
        assert loaded == {MODEL: False, "pirate": True, "second": True}
        rows = told(run(own, "list", SHIMMY_HOST=host, **configured)).splitlines()
        assert [line.split()[-2] for line in rows if line.startswith(("pirate", "second"))] == ["yes", "yes"]


def test_a_name_of_several_models_is_answered_with_their_names(own, busy):
    for maker in ("one", "two"):
        put_model(own / f"data/models/{maker}/Tiny-GGUF/Tiny-Q4_1.gguf")
    # The server may notice the two files one after the other.
    both = {"one/Tiny-GGUF:Q4_1", "two/Tiny-GGUF:Q4_1"}
    wait_until(lambda: both <= {model["id"] for model in busy.request("GET", "/v1/models").json["data"]}, "both models in the server's list")
    words = "the name Tiny-GGUF matches several models: one/Tiny-GGUF:Q4_1, two/Tiny-GGUF:Q4_1; use a full name"
    wrong = run(own, "show", "Tiny-GGUF")
    assert wrong.returncode == 3 and words in wrong.stderr
    assert words in busy.chat(model="Tiny-GGUF").assert_error(404, None, "model_not_found")
    # Any file can be addressed with the quantization in the form of repositories.
    assert MODEL.endswith(".Q4_1")
    spelled = MODEL.removesuffix(".Q4_1") + ":Q4_1"
    assert json.loads(told(run(own, "show", "--json", spelled)))["id"] == MODEL
    assert busy.request("GET", f"/v1/models/{spelled}").json["id"] == MODEL


def test_a_servers_models_are_listed_and_shown(own, busy, tmp_path):
    host = ["--host", f"127.0.0.1:{busy.port}"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert told(run(elsewhere, "list", "--names", *host)) == f"{MODEL}\nsecond\n"
    assert told(run(elsewhere, "list", *host)).splitlines()[1].split() == [MODEL, "llama", "135", "M", "Q4_1", "98", "MB", "8192", "no", "shimmy"]
    assert [model["id"] for model in json.loads(told(run(elsewhere, "list", "--json", *host)))] == [MODEL, "second"]
    assert f"http://127.0.0.1:{busy.port}" in told(run(elsewhere, "show", *host, "second"))
    assert json.loads(told(run(elsewhere, "show", "--json", *host, "second")))["shimmy"]["quantization"] == "Q4_1"
    # `show` does not load the model.
    assert "<|im_start|>" in told(run(elsewhere, "show", "--template", *host, "second"))
    assert busy.request("GET", "/health").json["models_loaded"] == 0
    assert run(elsewhere, "show", *host, "third").returncode == 3
    assert run(elsewhere, "list", "--host", NO_SERVER).returncode == 7


def test_show(home):
    text = told(run(home, "show", MODEL))
    for words in ("llama", "135 M", "Q4_1", "98 MB", "8192 tokens", "chat", str(home / "data/models"), "Q8_0"):
        assert words in text
    assert "tokenizer.ggml.model" not in text and "tokenizer.ggml.model" in told(run(home, "show", "--metadata", MODEL))
    assert "<|im_start|>" in told(run(home, "show", "--template", MODEL))


def test_the_settings_of_the_file_are_shown(own):
    (own / "shimmy.toml").write_text(
        '[model.brief]\nbase = "second"\ncontext = 2048\nsystem = "Be brief.\\nBe kind."\naliases = ["short"]\n'
        'defaults = { temperature = 0.5, top_p = 0.9 }\nforced = { max_tokens = 9 }\n')
    configured = {"SHIMMY_CONFIG": str(own / "shimmy.toml"), "SHIMMY_HOST": NO_SERVER}
    rows = [re.split("  +", line, maxsplit=1) for line in told(run(own, "show", "short", **configured)).split("\n\n")[0].splitlines()]
    shown = {row[0]: row[1] for row in rows}
    assert (shown["model"], shown["base"], shown["aliases"], shown["context"]) == ("brief", "second", "short", "2048 tokens")
    assert (shown["trained context"], shown["system"]) == ("8192 tokens", "Be brief.⏎Be kind.")
    assert (shown["defaults"], shown["forced"]) == ("temperature=0.5, top_p=0.9", "max_tokens=9")
    assert "with 2048 tokens of context" in shown["memory"]
    model = json.loads(told(run(own, "show", "--json", "brief", **configured)))
    assert (model["base"], model["system"], model["context_length"], model["trained_context_length"]) == ("second", "Be brief.\nBe kind.", 2048, 8192)
    assert model["defaults"] == {"temperature": 0.5, "top_p": 0.9} and model["forced"] == {"max_tokens": 9}
    contexts = {model["id"]: model["context_length"] for model in json.loads(told(run(own, "list", "--json", **configured)))}
    assert contexts == {MODEL: 8192, "second": 8192, "brief": 2048}


def test_show_as_json(home):
    model = json.loads(told(run(home, "show", "--json", str(MODEL_FILE))))
    assert model["capabilities"][0] == "chat" and "<|im_start|>" in model["template"]
    assert model["metadata"]["general.architecture"] == "llama"
    assert model["metadata"]["tokenizer.ggml.tokens"] == "49152 values"
    assert sum(tensors["count"] for tensors in model["tensors"]) == 272
    assert sum(tensors["size_bytes"] for tensors in model["tensors"]) < MODEL_FILE.stat().st_size


def test_show_estimates_the_memory_for_a_context(home):
    few, many = (json.loads(told(run(home, "show", "--json", "--context", n, MODEL)))["memory"] for n in ("1024", "4096"))
    assert (few["context_length"], many["context_length"]) == (1024, 4096)
    # 30 layers with 3 heads of 64 dimensions for keys and values, 2 bytes each.
    assert many["cache"] == 4 * few["cache"] == 4096 * 30 * 3 * 64 * 2 * 2
    assert many["total"] == many["weights"] + many["cache"] + many["compute"] > MODEL_FILE.stat().st_size
    assert "with 8192 tokens of context" in told(run(home, "show", MODEL))
    assert run(home, "show", "--context", "1", MODEL).returncode == 64


def test_show_of_what_is_not_there_or_damaged(own, tmp_path):
    wrong = run(own, "show", "secnd")
    assert wrong.returncode == 3 and "Did you mean second?" in wrong.stderr
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(MODEL_FILE.read_bytes()[:1000])
    assert run(own, "show", str(damaged)).returncode == 4
