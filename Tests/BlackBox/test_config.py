"""shimmy.toml: errors, precedence, presets of models, aliases, and changes while the server runs."""

import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import threading
import time

import pytest

from server import MODEL, MODEL_FILE, REPOSITORY, Answer, Server, make_home, put_model, run


@pytest.fixture
def place(tmp_path):
    """A home with a model, and a function that writes its configuration."""
    home = make_home(tmp_path / "home")
    path = home / ".config/shimmy/shimmy.toml"
    path.parent.mkdir(parents=True)

    def write(text: str):
        new = path.with_suffix(".new")
        new.write_text(text)
        new.rename(path)

    write.path = path
    write.home = home
    return write


def settings(home, *arguments, **environment) -> dict:
    shown = json.loads(run(home, "config", "show", "--json", *arguments, **environment).stdout)
    return {setting["setting"]: (setting["value"], setting["from"]) for setting in shown["settings"]}


# The file and the commands


def test_init_writes_every_setting_and_never_twice(place):
    path = place.home / "new/shimmy.toml"
    assert run(place.home, "config", "init", str(path)).stdout.strip() == str(path)
    text = path.read_text()
    assert path.stat().st_mode & 0o77 == 0
    assert run(place.home, "config", "init", "--print").stdout == text
    again = run(place.home, "config", "init", str(path))
    assert (again.returncode, "already exists" in again.stderr) == (1, True)
    assert path.read_text() == text
    check = run(place.home, "config", "check", str(path))
    assert (check.returncode, check.stdout) == (0, f"{path} is valid.\n")


def test_the_document_has_the_whole_file(place):
    document = (REPOSITORY / "docs/configuration.md").read_text()
    assert f"```toml\n{run(place.home, 'config', 'init', '--print').stdout}```\n" in document


def test_every_setting_is_an_option_of_serve_and_a_key(place):
    words = run(place.home, "help", "serve").stdout
    helps = dict(re.findall(r"^  --([a-z-]+)(.*?)(?=^  -|\Z)", words, re.MULTILINE | re.DOTALL))
    example = run(place.home, "config", "init", "--print").stdout
    keys = {key.replace("_", "-") for key in re.findall(r"^#([a-z_]+) = ", example, re.MULTILINE)}
    shown = {path.split(".")[1].replace("_", "-") for path in settings(place.home)}
    # The directories of the program's own files are the same for all commands.
    assert shown == set(helps) - {"version", "help", "config"} | {"data-dir", "cache-dir", "state-dir"}
    assert shown <= keys
    for name in shown & set(helps):
        variable = "SHIMMY_" + name.replace("-", "_").upper()
        assert re.search(rf"\[{variable}[],]", helps[name]), f"--{name} does not name {variable}: {helps[name]}"


def test_only_the_table_of_settings_names_variables():
    files = [*(REPOSITORY / "Sources/shimmy").rglob("*.swift")]
    assert len(files) > 20
    assert [file.name for file in files if "SHIMMY_" in file.read_text()] == []


def test_every_package_is_pinned():
    """Package.resolved is not in the repository, so the manifest fixes the version of every package, also of those that only others use."""
    manifest = (REPOSITORY / "Package.swift").read_text().lower()
    pins = json.loads((REPOSITORY / "Package.resolved").read_text())["pins"]
    assert len(pins) > 10
    for pin in pins:
        name, version = re.escape(pin["identity"]), re.escape(pin["state"]["version"])
        assert re.search(rf'/{name}", exact: "{version}"|\("{name}", "{version}", ', manifest), pin


def test_check_tells_every_mistake_with_its_line(place):
    place('[server]\nprot = 1\nhost = 5\n\n[model.m]\ndefaults = { temprature = 1, top_p = 3 }\nchat_template = "{% if %}"\n')
    result = run(place.home, "config", "check")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"{place.path}:2: server.prot: there is no such key. Did you mean 'port'?"
    assert lines[1] == f"{place.path}:3: server.host: it must be a string, not 5."
    assert lines[2] == f"{place.path}:6: model.m.defaults.temprature: a preset cannot contain this request field. Did you mean 'temperature'?"
    assert lines[3].startswith(f"{place.path}:6: model.m.defaults.top_p: Invalid 'top_p': decimal above maximum value.")
    assert lines[4].startswith(f"{place.path}:7: model.m.chat_template: ")
    assert len(lines) == 5


def test_nothing_begins_with_a_broken_file(place):
    place("[engine]\nctx_size = 0\n")
    for command in (["serve", "--port", "auto"], ["list"]):
        result = run(place.home, *command)
        assert result.returncode == 1
        assert f"{place.path}:2: engine.ctx_size: " in result.stderr
    assert run(place.home, "compat").returncode == 0
    assert run(place.home, "help", "serve").returncode == 0


def test_places_of_the_file(place, tmp_path):
    assert run(place.home, "config", "path").returncode == 1
    place("[server]\nport = 1111\n")
    assert run(place.home, "config", "path").stdout.strip() == str(place.path)
    elsewhere = tmp_path / "xdg/shimmy/shimmy.toml"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text("[server]\nport = 2222\n")
    named = tmp_path / "named.toml"
    named.write_text("[server]\nport = 3333\n")
    option = tmp_path / "option.toml"
    option.write_text("[server]\nport = 4444\n")
    xdg = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert settings(place.home)["server.port"] == ("1111", f"{place.path}:2")
    assert settings(place.home, **xdg)["server.port"][0] == "2222"
    assert settings(place.home, SHIMMY_CONFIG=str(named), **xdg)["server.port"][0] == "3333"
    assert settings(place.home, "--config", str(option), SHIMMY_CONFIG=str(named))["server.port"][0] == "4444"
    assert settings(place.home, f"--config={option}")["server.port"][0] == "4444"
    missing = run(place.home, "list", "--config", str(tmp_path / "absent.toml"))
    assert (missing.returncode, "there is no such file" in missing.stderr) == (1, True)


def test_the_environment_wins_over_the_file(place):
    place('[server]\nport = 1111\nhost = "127.0.0.2"\napi_key = ["secret-word"]\n[engine]\nslots = 4\n')
    shown = settings(place.home, SHIMMY_SLOTS="5", SHIMMY_BIND_ADDRESS="127.0.0.3:99")
    assert shown["engine.slots"] == ("5", "SHIMMY_SLOTS")
    assert shown["engine.threads"][1] == "default"
    assert shown["server.port"][1] == "SHIMMY_BIND_ADDRESS"
    assert "secret-word" not in run(place.home, "config", "show").stdout
    assert "server.api_key" in run(place.home, "config", "show").stdout


def test_options_win_over_everything(place):
    place(f'[engine]\nctx_size = 300\n[server]\nallow_host = ["from.file"]\n[model."{MODEL}"]\ncontext = 200\n')

    def context(*arguments, **environment) -> int:
        with Server(place.home, *arguments, **environment) as server:
            return server.request("GET", f"/v1/models/{MODEL}").json["shimmy"]["context_length"]

    assert context() == 200
    assert context(SHIMMY_CTX_SIZE="400") == 400
    assert context("--ctx-size", "500", SHIMMY_CTX_SIZE="400") == 500


def test_clients_find_the_server_by_the_file(place, tmp_path):
    with Server(place.home, "--api-key", "word") as server:
        file = tmp_path / "client.toml"
        file.write_text(f'[server]\nhost = "localhost"\nport = {server.port}\napi_key = ["word"]\n')

        def told(command: str, *arguments: str) -> str:
            result = run(place.home, command, "--config", str(file), *arguments)
            assert result.returncode == 0, result.stderr
            return result.stdout

        assert told("load", MODEL) == f"{MODEL} is loaded.\n"
        assert MODEL in told("ps")
        assert json.loads(told("list", "--json"))[0]["loaded"]
        assert told("run", "--set", "max_tokens=3", MODEL, "Hi")
        assert told("stop", "--all") == f"{MODEL} is freed.\n"
        # The command line and the environment take precedence.
        assert run(place.home, "ps", "--config", str(file), "--api-key", "other").returncode == 1
        assert run(place.home, "ps", "--config", str(file), SHIMMY_HOST="127.0.0.1:9").returncode == 7


def test_every_command_that_the_file_concerns_takes_it(place):
    commands = re.findall(r"^  ([a-z]+) ", run(place.home, "help").stdout, re.MULTILINE)
    commands = [[command] for command in commands if command not in ("storage", "config")]
    commands += [["storage", part] for part in ("show", "prune", "check")] + [["config", part] for part in ("check", "show", "init", "path")]
    assert len(commands) > 20
    without = [command for command in commands if "--config " not in run(place.home, "help", *command).stdout]
    assert without == [["compat"], ["completions"]]


def test_storage_is_where_the_file_says(place, tmp_path):
    file = tmp_path / "other.toml"
    file.write_text(f'[storage]\ndata_dir = "{tmp_path}/elsewhere"\n')
    variables = {"SHIMMY_DATA_DIR": ""}
    assert f"{tmp_path}/elsewhere/storage" in run(place.home, "storage", "show", "--config", str(file), **variables).stdout


# Presets


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


def rendered(server, model, *messages) -> str:
    body = {"model": model, "messages": [{"role": role, "content": text} for role, text in messages]}
    answer = server.request("POST", "/v1/chat/completions/render", body)
    assert answer.status == 200, answer.body
    return answer.json["prompt"]


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


def ollama_model(home, name: str, **layers):
    """Writes a model to an Ollama store. Its weights are those of the test model."""
    store = home / ".ollama/models"
    blobs = store / "blobs"
    put_model(blobs / ("sha256-" + "a" * 64))
    described = [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "a" * 64}]
    for kind, content in layers.items():
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        digest = hashlib.sha256(data).hexdigest()
        (blobs / f"sha256-{digest}").write_bytes(data)
        described.append({"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}"})
    manifest = store / "manifests/registry.ollama.ai/library" / name / "latest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": described}))


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


# Changes while the server runs


def wait_until(condition, what: str, seconds: float = 10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.05)


def logged(server, text: str) -> int:
    return server.log.read_text().count(text)


class Stream:
    """A running chat completion. `finish` reads its text to the end."""

    def __init__(self, server, **fields):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        body = {
            "model": MODEL, "messages": [{"role": "user", "content": "Count."}], "stream": True, "temperature": 0, "max_tokens": 300,
            "ignore_eos": True, **fields,
        }
        self.connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        self.response = self.connection.getresponse()
        assert self.response.status == 200
        self.start = self.response.readline()

    def finish(self) -> list:
        answer = Answer(200, {"content-type": "text/event-stream"}, self.start + self.response.read())
        self.connection.close()
        return answer.events


def assert_whole(stream: Stream):
    events = stream.finish()
    assert events[-1] == "[DONE]"
    assert events[-2]["choices"][0]["finish_reason"] == "length"


def test_a_changed_file_is_taken_and_no_stream_is_dropped(place):
    place(f'[model."{MODEL}"]\nsystem = "You are Ada."\naliases = ["first"]\n')
    with Server(place.home) as server:
        assert "You are Ada." in rendered(server, "first", ("user", "Hi"))
        streams = [Stream(server) for _ in range(3)]
        place(f'[server]\nport = 99\nallow_origin = ["https://ui.example"]\n[model."{MODEL}"]\nsystem = "You are Bob."\naliases = ["second"]\n')
        wait_until(lambda: logged(server, "configuration reloaded") == 1, "a reload")
        assert "You are Bob." in rendered(server, "second", ("user", "Hi"))
        server.chat(model="first").assert_error(404, None, "model_not_found")
        page = server.request("GET", "/health", headers={"Origin": "https://ui.example"})
        assert page.headers["access-control-allow-origin"] == "https://ui.example"
        assert any("need a restart" in line and "server.port" in line for line in server.log.read_text().splitlines())
        for stream in streams:
            assert_whole(stream)


def test_hang_up_reads_the_file_again(place):
    keys = place.home / "keys.txt"
    keys.write_text("old-key\n")
    place(f'[server]\napi_key_file = "{keys}"\n')
    with Server(place.home) as server:

        def status(key: str) -> int:
            return server.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"}).status

        assert (status("old-key"), status("new-key")) == (200, 401)
        keys.write_text("new-key\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: status("new-key") == 200, "a new key")
        assert status("old-key") == 401
        assert server.process.poll() is None


def test_a_broken_file_changes_nothing(place):
    place(f'[model."{MODEL}"]\nsystem = "You are Ada."\n')
    with Server(place.home) as server:
        assert "You are Ada." in rendered(server, MODEL, ("user", "Hi"))
        place('[model.x]\nsystem = 5\n[server]\nprot = 1\n')
        wait_until(lambda: logged(server, "configuration not reloaded"), "a refusal")
        assert logged(server, "model.x.system: it must be a string, not 5.") == 1
        assert logged(server, "server.prot: there is no such key. Did you mean 'port'?") == 1
        assert "You are Ada." in rendered(server, MODEL, ("user", "Hi"))
        place(f'[model."{MODEL}"]\nsystem = "You are Bob."\n')
        wait_until(lambda: logged(server, "configuration reloaded"), "a reload")
        assert "You are Bob." in rendered(server, MODEL, ("user", "Hi"))


def test_keys_cannot_be_taken_away_from_a_server_for_others(place):
    place('[server]\nhost = "0.0.0.0"\napi_key = ["word"]\n')
    with Server(place.home) as server:
        assert server.request("GET", "/v1/models").status == 401
        place('[server]\nhost = "0.0.0.0"\n')
        wait_until(lambda: logged(server, "access rules not reloaded: without API keys"), "a refusal")
        assert server.request("GET", "/v1/models").status == 401


@pytest.mark.parametrize("how", ["file", "text"])
def test_a_server_with_keys_never_becomes_one_without(place, how):
    """A server with API keys keeps requiring them, even on loopback and if the configuration file is deleted."""
    place('[server]\napi_key = ["word"]\n')
    with Server(place.home) as server:
        assert server.request("GET", "/v1/models").status == 401
        if how == "file":
            place.path.unlink()
        else:
            place("[server]\n")
        wait_until(lambda: logged(server, "keeps its current keys until a restart"), "a warning")
        assert server.request("GET", "/v1/models").status == 401
        assert server.request("GET", "/v1/models", headers={"Authorization": "Bearer word"}).status == 200


NUMBERS = {
    "request-seconds": "from 1 to 86400", "drain-seconds": "from 0 to 86400", "load-silence": "from 0 to 86400", "model-wait": "from 0 to 86400",
    "max-models": "from 1 to 10000", "max-connections": "from 1 to 1000000", "max-client-connections": "from 1 to 1000000",
    "max-requests": "from 1 to 1000000", "write-seconds": "from 1 to 86400", "ctx-size": "from 16 to 16777216", "threads": "from 1 to 1024",
    "slots": "from 1 to 256", "stream-gap": "from 1 to 3600000", "queue": "from 0 to 1000000", "store-days": "from 1 to 100000",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_out_of_range_are_named_with_what_is_allowed(place, name):
    variable = "SHIMMY_" + name.replace("-", "_").upper()
    for value in ("9999999999999", "9223372036854775807", "-1"):
        option = run(place.home, "serve", "--port", "auto", f"--{name}={value}")
        assert option.returncode == 64 and f"--{name} is {value}; it must be an integer {NUMBERS[name]}" in option.stderr
        result = run(place.home, "serve", "--port", "auto", **{variable: value})
        assert result.returncode == 64 and f"{variable} is '{value}'; it must be an integer {NUMBERS[name]}" in result.stderr
    for value in ("99999999999999999999", "abc", "1.5"):
        assert run(place.home, "serve", "--port", "auto", f"--{name}={value}").returncode == 64
        assert run(place.home, "serve", "--port", "auto", **{variable: value}).returncode == 64


def test_another_context_waits_for_the_streams(place):
    def context(server) -> int:
        return server.request("GET", f"/v1/models/{MODEL}").json["shimmy"]["context_length"]

    place(f'[model."{MODEL}"]\ncontext = 1024\n')
    with Server(place.home) as server:
        stream = Stream(server)
        assert context(server) == 1024
        place(f'[model."{MODEL}"]\ncontext = 512\n')
        wait_until(lambda: logged(server, "model settings changed") == 1, "a change")
        # New requests wait for the changed model, so that a series of requests cannot keep the old one loaded.
        answers = []
        late = threading.Thread(target=lambda: answers.append(server.chat()))
        late.start()
        wait_until(lambda: server.request("GET", "/v1/engine").json["waiting"] == 1, "waiting")
        assert context(server) == 1024
        assert_whole(stream)
        late.join()
        assert answers[0].status == 200 and context(server) == 512
        assert logged(server, "model loaded") == 2


def test_the_level_of_the_log_changes(place):
    place('[log]\nlog_level = "error"\n')
    with Server(place.home) as server:
        assert server.chat().status == 200
        assert logged(server, "model loaded") == 0
        place('[log]\nlog_level = "info"\n')
        wait_until(lambda: logged(server, "configuration reloaded"), "a reload")
        server.request("POST", "/v1/models/unload", {"model": MODEL})
        assert server.chat().status == 200
        assert logged(server, "model loaded") == 1


# Added and removed models


def names(server) -> set:
    return {model["id"] for model in server.request("GET", "/v1/models").json["data"]}


def test_models_are_noticed_when_they_come_and_go(place):
    with Server(place.home) as server:
        assert names(server) == {MODEL}
        models = place.home / "data/models"
        new = put_model(models / "user/repo/new-Q4_1.gguf")
        wait_until(lambda: "user/repo:Q4_1" in names(server), "a new model", 4)
        assert server.chat(model="user/repo:Q4_1").status == 200
        # A folder that did not exist when the server started.
        ollama_model(place.home, "ada", system="You are Ada.")
        wait_until(lambda: "ada" in names(server), "a model of Ollama's", 4)
        new.rename(models / "renamed.gguf")
        wait_until(lambda: "renamed" in names(server) and "user/repo:Q4_1" not in names(server), "another name", 4)


def test_files_that_change_are_loaded_anew_when_nobody_uses_them(place):
    folder = place.home / "data/models"
    path = folder / "mine.gguf"
    shutil.copyfile(MODEL_FILE, path)
    with Server(place.home) as server:
        stream = Stream(server, model="mine")
        other = folder / "other.tmp"
        shutil.copyfile(MODEL_FILE, other)
        os.utime(other, (1, 1))
        other.rename(path)
        wait_until(lambda: logged(server, "model files changed") == 1, "a change", 4)
        assert_whole(stream)
        wait_until(lambda: logged(server, "model freed") == 1, "the old one's end", 4)
        assert server.chat(model="mine").status == 200
        assert logged(server, "model loaded") == 2
        path.unlink()
        wait_until(lambda: "mine" not in names(server), "a model's end", 4)
        server.chat(model="mine").assert_error(404, None, "model_not_found")
