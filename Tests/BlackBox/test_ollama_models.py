"""Ollama's API about models, with Ollama's own client, and with what other clients read in the responses."""

import hashlib
import json
import os
import re
import socket
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ollama import Client, ResponseError

import tiny_models
from fake_hub import FakeHub
from ollama_requests import assert_error, names, show
from ollama_store import ollama_model
from running import rendered
from server import MODEL, MODEL_FILE, Server, make_home, run, wait_until

REPOSITORY = "maker/SmolLM2-GGUF"
NAME = f"{MODEL}:latest"
DETAILS = {"parent_model", "format", "family", "families", "parameter_size", "quantization_level"}


@pytest.fixture
def hub():
    hub = FakeHub()
    hub.repositories[REPOSITORY] = {"SmolLM2-Q4_1.gguf": MODEL_FILE.read_bytes()}
    yield hub
    hub.close()


@pytest.fixture
def client(own):
    return Client(host=own.url)


# Descriptions


def test_clients_accept_the_version(server):
    answer = server.request("GET", "/api/version").json
    # GitHub Copilot needs 0.6.4, Codex 0.13.4.
    assert tuple(map(int, answer["version"].split("."))) >= (0, 13, 4)
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer["shimmy"])
    for path in ("/", "/api/version", "/api/tags"):
        assert server.request("HEAD", path).status == 200


def test_tags_have_what_clients_read(server):
    listed = next(model for model in Client(host=server.url).list().models if model.model == NAME)
    model, again = (next(model for model in server.request("GET", "/api/tags").json["models"] if model["name"] == NAME) for _ in range(2))
    # Zed's and Roo's types require all of them; Open WebUI merges servers by `model`.
    assert set(model) == {"name", "model", "modified_at", "size", "digest", "details"}
    assert model["name"] == model["model"] == NAME and model["size"] == MODEL_FILE.stat().st_size
    assert re.fullmatch("[0-9a-f]{64}", model["digest"])
    assert DETAILS < set(model["details"])
    assert (model["details"]["format"], model["details"]["family"], model["details"]["families"]) == ("gguf", "llama", ["llama"])
    assert (model["details"]["parameter_size"], model["details"]["quantization_level"]) == ("134.52M", "Q4_1")
    assert int(listed.modified_at.timestamp()) == int(MODEL_FILE.stat().st_mtime)
    assert model == again, "the digest is stable"


def test_show_has_what_clients_read(server):
    for name in (MODEL, NAME, MODEL.lower()):
        assert show(server, model=name)["details"]["family"] == "llama"
    told = show(server, model=MODEL)
    assert DETAILS < set(told["details"])
    info = told["model_info"]
    # GitHub Copilot, AnythingLLM and Roo look for these keys.
    assert info["general.architecture"] == "llama" and info["llama.context_length"] == 8192 and info["general.basename"]
    assert info["general.parameter_count"] == 134515008 and info["tokenizer.ggml.tokens"] is None
    assert "tokenizer.chat_template" not in info and "general.name" not in info
    # Continue splits the lines, and looks for `.Suffix` in the template.
    parameters = [line.split(maxsplit=1) for line in told["parameters"].splitlines()]
    assert ["num_ctx", "8192"] in parameters and ["temperature", "0.2"] in parameters and ["top_p", "0.5"] in parameters
    assert "{%" in told["template"] and ".Suffix" not in told["template"]
    assert told["license"] == "apache-2.0" and f"FROM {MODEL}" in told["modelfile"] and "verbose" not in told
    assert datetime.fromisoformat(told["modified_at"][:19] + "+00:00") == datetime.fromtimestamp(int(MODEL_FILE.stat().st_mtime), timezone.utc)
    shown = Client(host=server.url).show(MODEL)
    assert shown.modelinfo["general.architecture"] == "llama" and shown.capabilities == ["completion", "tools"]
    assert server.request("POST", "/api/show", {"model": MODEL, "verbose": True}).headers["x-shimmy-ignored-params"] == "verbose"


def test_older_clients_say_name(own):
    # Continue does so.
    assert show(own, name=MODEL)["model_info"] == show(own, model=MODEL)["model_info"]
    assert own.request("POST", "/api/pull", {"name": MODEL, "stream": False}).json == {"status": "success"}
    assert own.request("POST", "/api/create", {"name": "ada", "from": MODEL}).status == 200
    assert own.request("DELETE", "/api/delete", {"name": "ada"}).status == 200
    assert_error(own.request("POST", "/api/show", {"name": ""}), 400, "'model'")


def test_bodies_need_no_content_type(server):
    body = json.dumps({"model": MODEL}).encode()
    assert server.request("POST", "/api/show", body, {"Content-Type": "application/x-www-form-urlencoded"}).status == 200
    foreign = {"Content-Type": "text/plain", "Origin": "https://evil.example"}
    assert_error(server.request("POST", "/api/show", body, foreign), 403, "evil.example")


def test_unknown_models_are_as_ollama_reports_them(server):
    ollama = Client(host=server.url)
    calls = [
        lambda: ollama.show("nobody"), lambda: ollama.delete("nobody"), lambda: ollama.copy("nobody", "b"),
        lambda: ollama.create("b", from_="nobody"),
    ]
    for call in calls:
        with pytest.raises(ResponseError) as caught:
            call()
        assert (caught.value.status_code, caught.value.error) == (404, "model 'nobody' not found")


def test_capabilities_are_true(tmp_path):
    home = make_home(tmp_path / "home")

    def fills_in(model):
        for number, part in enumerate(("pre", "suf", "mid"), 1):
            model.replace(f"tokenizer.ggml.fim_{part}_token_id", number)

    tiny_models.llama(home / "data/models/filler.gguf", fills_in)
    tiny_models.reranker(home / "data/models/judge.gguf")
    path = home / "shimmy.toml"
    path.write_text(f'[model.thinker]\nbase = "{MODEL}"\nchat_template_file = "{Path(__file__).with_name("thinking.jinja")}"\n')
    with Server(home, "--config", str(path)) as server:
        assert show(server, model=MODEL)["capabilities"] == ["completion", "tools"]
        thinker = show(server, model="thinker")
        assert thinker["capabilities"] == ["completion", "tools", "thinking"]
        assert thinker["details"]["parent_model"] == MODEL and "enable_thinking" in thinker["template"]
        filler = show(server, model="filler")
        assert filler["capabilities"] == ["completion", "tools", "insert"] and ".Suffix" in filler["template"]
        assert show(server, model="judge")["capabilities"] == []
        assert server.request("GET", "/health").json["models_loaded"] == 0


def test_running_models_are_listed(own, client):
    assert client.ps().models == []
    client.generate(model=MODEL, keep_alive="1h")
    model = client.ps().models[0]
    assert model.model == model.name == NAME and model.size > MODEL_FILE.stat().st_size and model.size_vram == 0
    assert model.context_length == 8192 and 3500 < (model.expires_at - datetime.now(timezone.utc)).total_seconds() <= 3601
    assert model.digest == client.list().models[0].digest and model.details.family == "llama"
    # Home Assistant and Zed send -1: the model stays for ever.
    client.generate(model=MODEL, keep_alive=-1)
    assert client.ps().models[0].expires_at.year > 2300
    client.generate(model=MODEL, keep_alive=0)
    assert client.ps().models == []


# Ollama's own store


def test_models_of_ollama_keep_their_names_and_digests(tmp_path):
    home = make_home(tmp_path / "home")
    ollama_model(home, "ada", system="You are Ada.", params={"stop": ["a", "b"], "num_ctx": 512}, messages=[{"role": "user", "content": "Hi"}])
    manifest = home / ".ollama/models/manifests/registry.ollama.ai/library/ada/latest"
    with Server(home) as server:
        listed = {model.model: model for model in Client(host=server.url).list().models}
        assert set(listed) == {NAME, "ada:latest"}
        assert listed["ada:latest"].digest == hashlib.sha256(manifest.read_bytes()).hexdigest()
        assert listed["ada:latest"].digest != listed[NAME].digest
        ada = show(server, model="ada")
        assert ada["system"] == "You are Ada." and ada["messages"] == [{"role": "user", "content": "Hi"}]
        lines = [line.split() for line in ada["parameters"].splitlines()]
        assert ["num_ctx", "512"] in lines and ["stop", '"a"'] in lines and ["stop", '"b"'] in lines
        # The files are Ollama's.
        assert_error(server.request("DELETE", "/api/delete", {"model": "ada"}), 400, "'ollama rm' removes it there")
        assert manifest.exists()


# Pulls


def test_a_pull_reports_its_progress(tmp_path, hub):
    with Server(make_home(tmp_path / "home"), HF_ENDPOINT=hub.url) as server:
        client = Client(host=server.url)
        values = list(client.pull(f"hf.co/{REPOSITORY}:Q4_1", stream=True))
        assert values[0].status == "pulling manifest" and values[-1].status == "success"
        digest = hashlib.sha256(MODEL_FILE.read_bytes()).hexdigest()
        parts = [value for value in values if value.digest]
        assert {value.digest for value in parts} == {f"sha256:{digest}"} and {value.status for value in parts} == {f"pulling {digest[:12]}"}
        assert {value.total for value in parts} == {MODEL_FILE.stat().st_size}
        done = [value.completed for value in parts]
        assert done == sorted(done) and done[-1] == MODEL_FILE.stat().st_size
        assert f"{REPOSITORY}:Q4_1" in names(client)
        assert client.pull(f"hf.co/{REPOSITORY}:Q4_1", stream=False).status == "success"
        answer = server.request("POST", "/api/pull", {"model": REPOSITORY, "insecure": True, "stream": False})
        assert answer.json == {"status": "success"} and answer.headers["x-shimmy-ignored-params"] == "insecure"
        assert show(server, model=f"hf.co/{REPOSITORY}:Q4_1")["details"]["quantization_level"] == "Q4_1"
        with pytest.raises(ResponseError) as caught:
            client.pull("maker/nothing", stream=False)
        assert caught.value.status_code == 404


def test_an_error_in_a_pull_is_the_last_line(tmp_path, hub):
    hub.lies_about_hash = True
    with Server(make_home(tmp_path / "home"), HF_ENDPOINT=hub.url) as server:
        with pytest.raises(ResponseError) as caught:
            list(Client(host=server.url).pull(REPOSITORY, stream=True))
        assert "damaged during the download" in caught.value.error


def test_models_of_ollamas_registry_are_not_pulled(own, client):
    with pytest.raises(ResponseError) as caught:
        client.pull("llama3.2")
    assert caught.value.status_code == 404 and "hf.co/USER/REPO" in caught.value.error
    # Codex and others pull a model to make sure that it exists.
    assert [value.status for value in client.pull(MODEL, stream=True)] == ["pulling manifest", "success"]
    with pytest.raises(ResponseError) as caught:
        client.push(MODEL)
    assert caught.value.status_code == 400 and "registry" in caught.value.error


# Changes


def test_a_copy_is_an_alias(own, client):
    assert client.copy(MODEL, "mine").status == "success"
    assert names(client) == {NAME, "mine:latest"}
    assert json.loads((own.home / "data/aliases.json").read_text()) == {"mine": MODEL}
    assert client.chat("mine", messages=[{"role": "user", "content": "Hi"}], options={"num_predict": 2}).message.content
    digests = {model.digest for model in client.list().models}
    assert len(digests) == 1
    assert_error(own.request("POST", "/api/copy", {"source": MODEL, "destination": MODEL}), 400, "a model has that name")
    for name in ("../x", "http://x/y", "a//b", "a\x00b", "a\x1b[31m", "a\u200d", ""):
        assert_error(own.request("POST", "/api/copy", {"source": MODEL, "destination": name}), 400, "'destination'")
    assert own.request("POST", "/api/copy", {"source": "http://x/\x00", "destination": "b"}).status == 404
    assert client.delete("mine:latest").status == "success"
    assert names(client) == {NAME} and own.request("GET", f"/v1/models/{MODEL}").status == 200


def test_only_models_of_shimmy_are_deleted(own, client):
    # The test model is a link in Shimmy's directory: the link is removed, not its target.
    assert_error(own.request("DELETE", "/api/delete", {"model": MODEL.split(".")[0]}), 404, "not found")
    client.generate(model=MODEL)
    assert client.delete(MODEL).status == "success"
    assert names(client) == set() and MODEL_FILE.exists()
    assert own.request("GET", "/health").json["models_loaded"] == 0


def test_a_model_is_created_on_top_of_another(own, client):
    created = client.create(
        "ada", from_=MODEL, system="You are Ada.", parameters={"temperature": 0, "num_predict": 3, "num_thread": 2}, license="mit",
        messages=[{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "Ada."}])
    assert created.status == "success" and names(client) == {NAME, "ada:latest"}
    told = show(own, model="ada")
    assert told["system"] == "You are Ada." and told["license"] == "mit" and told["details"]["parent_model"] == MODEL
    assert told["messages"] == [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": "Ada."}]
    assert ["num_predict", "3"] in [line.split() for line in told["parameters"].splitlines()]
    assert (own.home / "data/models.json").stat().st_mode & 0o77 == 0
    prompt = rendered(own, "ada", ("user", "Hi"))
    parts = ["system\nYou are Ada.", "user\nWho are you?", "assistant\nAda.", "user\nHi"]
    assert [prompt.index(part) for part in parts] == sorted(prompt.index(part) for part in parts)
    answer = client.chat("ada", messages=[{"role": "user", "content": "Hi"}])
    assert answer.eval_count <= 3
    # It shares the loaded model with its base.
    assert [model.model for model in client.ps().models] == [NAME]
    reported = own.request("POST", "/api/create", {"model": "b", "from": MODEL, "system": "x", "parameters": {"num_thread": 2}, "stream": False})
    assert reported.json == {"status": "success"} and reported.headers["x-shimmy-ignored-params"] == "parameters.num_thread"
    # A model on top of a created one has the settings of both.
    assert [value.status for value in client.create("eve", from_="ada", system="You are Eve.", stream=True)][-1] == "success"
    eve = show(own, model="eve")
    assert eve["system"] == "You are Eve." and eve["messages"] == told["messages"] and eve["details"]["parent_model"] == MODEL
    # It can be replaced and deleted, by both programs.
    client.create("ada", from_=MODEL, system="You are Ida.")
    assert show(own, model="ada")["system"] == "You are Ida." and "messages" not in show(own, model="ada")
    assert client.delete("ada").status == "success"
    removed = run(own.home, "rm", "--yes", "eve", SHIMMY_HOST=f"127.0.0.1:{own.port}")
    assert removed.stdout == "eve is removed.\n", removed.stderr
    assert names(client) == {NAME, "b:latest"} and list(json.loads((own.home / "data/models.json").read_text())) == ["b"]


def test_a_created_model_with_another_context_is_reloaded(own, client):
    client.create("long", from_=MODEL, parameters={"num_ctx": 256})
    client.generate(model="long")
    assert [(model.model, model.context_length) for model in client.ps().models] == [("long:latest", 256)]
    client.create("long", from_=MODEL, parameters={"num_ctx": 512})
    client.generate(model="long")
    assert [(model.model, model.context_length) for model in client.ps().models] == [("long:latest", 512)]


def test_only_templates_in_jinja_have_an_effect(own):
    body = {"model": "ada", "from": MODEL, "template": "<{{ messages[0].content }}>", "stream": False}
    assert "x-shimmy-ignored-params" not in own.request("POST", "/api/create", body).headers
    assert rendered(own, "ada", ("user", "Hi")) == "<Hi>"
    go = own.request("POST", "/api/create", {**body, "template": "{{ if .System }}{{ .System }}{{ end }}{{ .Prompt }}"})
    assert go.status == 200 and go.headers["x-shimmy-ignored-params"] == "template"
    assert "<|im_start|>" in rendered(own, "ada", ("user", "Hi"))


def test_names_that_cannot_be_created(tmp_path):
    home = make_home(tmp_path / "home")
    path = home / "shimmy.toml"
    path.write_text(f'[model.pirate]\nbase = "{MODEL}"\nsystem = "x"\n')
    with Server(home, "--config", str(path), HF_HUB_OFFLINE="1") as own:

        def create(name, base=MODEL, system="x"):
            return own.request("POST", "/api/create", {"model": name, "from": base, "system": system})

        assert_error(create(MODEL), 400, "is the name of a model on the disk")
        assert_error(create("a b"), 400, "is not a valid name")
        assert_error(create("pirate"), 400, "shimmy.toml:1 defines it")
        assert_error(create("ada", "pirate"), 400, f"use {MODEL}")
        assert_error(own.request("DELETE", "/api/delete", {"model": "pirate"}), 400, "delete its table from shimmy.toml")
        # A refused change leaves the model that it would replace.
        assert create("ada").status == 200
        assert_error(create("Ada", system="x" * (1 << 20)), 400, "more than 1048576 bytes")
        assert own.request("POST", "/api/show", {"model": "ada"}).json["system"] == "x"


def test_an_uploaded_file_becomes_a_model(own, client):
    digest = client.create_blob(MODEL_FILE)
    assert digest == "sha256:" + hashlib.sha256(MODEL_FILE.read_bytes()).hexdigest()
    assert own.request("HEAD", f"/api/blobs/{digest}").status == 200
    assert own.request("POST", f"/api/blobs/{digest}", b"").status == 200, "it is there already"
    blob = own.home / "data/models/.blobs" / digest.replace(":", "-")
    assert blob.stat().st_mode & 0o77 == 0
    client.create("uploaded", files={"model.gguf": digest})
    assert names(client) == {NAME, "uploaded:latest"}
    assert client.chat("uploaded", messages=[{"role": "user", "content": "Hi"}], options={"num_predict": 2}).message.content
    # The weights are a hard link to the uploaded file, which takes no space.
    weights = own.home / "data/models/.weights"
    assert (weights / blob.name / f"{blob.name}.gguf").samefile(blob)
    # Models of one file share it, whatever their names are.
    for name in ("user/mine:q4", "user-mine:q4"):
        client.create(name, files={"model.gguf": digest})
    for _ in range(2):
        client.create("ada", files={"model.gguf": digest}, system="You are Ada.")
    assert names(client) == {NAME, "uploaded:latest", "user/mine:q4", "user-mine:q4", "ada:latest"}
    assert show(own, model="ada")["system"] == "You are Ada." and show(own, model="uploaded")["details"]["parent_model"] == ""
    for name in ("ada", "uploaded", "user/mine:q4"):
        assert client.delete(name).status == "success"
    assert list(weights.iterdir()) and client.generate("user-mine:q4", "Hi", options={"num_predict": 1}).done
    client.delete("user-mine:q4")
    assert list(weights.iterdir()) == [] and blob.exists()


def test_uploads_are_checked(own):
    data = b"not a model"
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    blobs = own.home / "data/models/.blobs"
    assert own.request("HEAD", f"/api/blobs/{digest}").status == 404
    assert_error(own.request("POST", f"/api/blobs/{digest}", b"something else"), 400, "digest mismatch")
    wait_until(lambda: list(blobs.iterdir()) == [], "the removal of the refused file")
    assert own.request("POST", f"/api/blobs/{digest}", data).status == 201
    assert_error(own.request("POST", "/api/create", {"model": "a", "files": {"a.gguf": digest}}), 400, "the file cannot be used")
    missing = "sha256:" + "0" * 64
    assert_error(own.request("POST", "/api/create", {"model": "a", "files": {"a.gguf": missing}}), 404, "not found")
    assert own.request("HEAD", "/api/blobs/sha256:12").status == 400
    # A connection that breaks leaves nothing behind.
    with socket.create_connection(("127.0.0.1", own.port)) as connection:
        connection.sendall(f"POST /api/blobs/{missing} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n".encode() + b"x" * 1000)
        wait_until(lambda: len(list(blobs.iterdir())) == 2, "the upload")
    wait_until(lambda: len(list(blobs.iterdir())) == 1, "the removal of the unfinished file")


def test_a_large_upload_needs_no_memory(own):
    """The body limit of 32 MiB does not apply to files."""
    data = MODEL_FILE.read_bytes()
    assert len(data) > 64 << 20
    digest = hashlib.sha256(data).hexdigest()
    assert own.request("POST", f"/api/blobs/sha256-{digest}", data).status == 201
    assert (own.home / f"data/models/.blobs/sha256-{digest}").stat().st_size == len(data)


def test_old_uploads_are_deleted(own):
    data = b"something"
    digest = hashlib.sha256(data).hexdigest()
    own.request("POST", f"/api/blobs/sha256:{digest}", data)
    old = own.home / f"data/models/.blobs/sha256-{digest}"
    os.utime(old, (time.time() - 90_000,) * 2)
    own.request("POST", "/api/blobs/sha256:" + hashlib.sha256(b"x").hexdigest(), b"x")
    assert not old.exists()
