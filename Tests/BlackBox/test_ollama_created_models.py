"""Models that clients of Ollama create, copy, rename and delete: weights in use are never lost, and unused weights are deleted."""

import json

import pytest
from ollama import Client

import tiny_models
from ollama_requests import assert_error, names, show
from ollama_store import ollama_model
from server import MODEL, MODEL_FILE, Server, make_home, run, wait_until

NAME = f"{MODEL}:latest"


@pytest.fixture
def client(own):
    return Client(host=own.url)


def tiny_upload(own, context: int = 256) -> str:
    """Uploads a tiny model and returns its digest. Models of other contexts have other digests."""
    path = own.home / "tiny.gguf"
    tiny_models.llama(path, context=context)
    return Client(host=own.url).create_blob(path)


def weights(own) -> list:
    folder = own.home / "data/models/.weights"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_properties_of_a_created_model_do_not_name_its_base(own, client):
    client.create("mine", from_=MODEL, system="S")
    path = own.request("GET", "/props?model=mine").json["model_path"]
    assert path.startswith("mine") and own.request("GET", f"/props?model={MODEL}").json["model_path"] == MODEL_FILE.name


def test_an_uploaded_model_is_renamed(own, client):
    digest = tiny_upload(own)
    client.create("src", files={"m.gguf": digest})
    client.copy("src", "dst")
    client.create("der", from_="src", system="S")
    assert client.delete("src").status == "success"
    assert names(client) == {NAME, "dst:latest", "der:latest"} and show(own, model="der")["system"] == "S"
    with Server(own.home, HF_HUB_OFFLINE="1") as again:
        assert names(Client(host=again.url)) == {NAME, "dst:latest", "der:latest"}
    for name in ("dst", "der"):
        assert client.generate(name, "Hi", raw=True, options={"num_predict": 1}).done
        assert weights(own) == [digest.replace(":", "-")]
        client.delete(name)
    assert weights(own) == []


def test_a_model_of_the_disk_is_renamed(own, client):
    tiny_models.llama(own.home / "data/models/first.gguf")
    wait_until(lambda: "first:latest" in names(client), "the scan")
    client.copy("first", "a/b")
    client.copy("first", "second")
    client.create("ada", from_="first", system="S")
    client.delete("first")
    assert not (own.home / "data/models/first.gguf").exists()
    assert names(client) == {NAME, "a/b:latest", "second:latest", "ada:latest"}
    assert json.loads((own.home / "data/aliases.json").read_text()) == {}
    # A new model with the old name does not change the others.
    client.create("first", files={"m.gguf": tiny_upload(own, context=64)})
    for name in ("a/b", "second", "ada"):
        assert show(own, model=name)["model_info"]["llama.context_length"] == 256
        client.delete(name)
    assert names(client) == {NAME, "first:latest"} and len(weights(own)) == 1
    # The same holds for a link, whose copy is a link too, and for the command.
    client.copy(MODEL, "mine")
    removed = run(own.home, "rm", "--yes", MODEL, SHIMMY_HOST=f"127.0.0.1:{own.port}")
    assert removed.returncode == 0, removed.stderr
    assert names(client) == {"first:latest", "mine:latest"}
    client.delete("mine")
    assert len(weights(own)) == 1 and MODEL_FILE.exists()


def test_an_uploaded_model_replaces_only_created_ones(tmp_path):
    home = make_home(tmp_path / "home")
    ollama_model(home, "theirs")
    path = home / "shimmy.toml"
    path.write_text(f'[model.pirate]\nbase = "{MODEL}"\nsystem = "x"\n')
    with Server(home, "--config", str(path), HF_HUB_OFFLINE="1") as own:
        own.home = home
        client, digest = Client(host=own.url), tiny_upload(own)
        before = names(client)
        for name in (MODEL, MODEL.lower(), f"{MODEL}:latest", "theirs", "Theirs:latest", "pirate", "PIRATE", "a b", "../x"):
            for settings in ({}, {"system": "S"}):
                answer = own.request("POST", "/api/create", {"model": name, "files": {"m.gguf": digest}, **settings})
                assert_error(answer, 400, "'model'")
        assert names(client) == before and weights(own) == []
        client.create("bot", files={"m.gguf": digest}, system="S")
        client.create("Bot", files={"m.gguf": tiny_upload(own, context=64)})
        assert names(client) == before | {"Bot:latest"} and len(weights(own)) == 1
        assert show(own, model="bot")["model_info"]["llama.context_length"] == 64 and "system" not in show(own, model="bot")
        client.delete("bot")
        assert names(client) == before and weights(own) == []


def test_a_refused_creation_leaves_nothing(own, client):
    digest = tiny_upload(own)
    bodies = [
        {"system": "x" * (1 << 20)}, {"parameters": {"temperature": [9]}}, {"parameters": {"temperature": "hot"}}, {"adapters": {"a": digest}},
    ]
    for body in bodies:
        assert own.request("POST", "/api/create", {"model": "bad", "files": {"m.gguf": digest}, **body}).status == 400
    answer = own.request("POST", "/api/create", {"model": "bad", "files": {"m.gguf": digest}, "parameters": {"num_predict": "x", "temperature": "hot"}})
    assert_error(answer, 400, "'parameters.temperature'")
    assert names(client) == {NAME} and weights(own) == []
    reported = own.request("POST", "/api/create", {"model": "a", "files": {"m.gguf": digest}, "parameters": {"num_ctx": 1_000_000_000}})
    assert reported.status == 200 and reported.headers["x-shimmy-ignored-params"] == "parameters.num_ctx"
    reported = own.request("POST", "/api/create", {"model": "b", "from": MODEL, "parameters": {"num_ctx": -5}})
    assert reported.status == 200 and reported.headers["x-shimmy-ignored-params"] == "parameters.num_ctx"
    reported = own.request("POST", "/api/create", {"model": "c", "from": MODEL, "parameters": {"temperature": 9, "top_p": 0.5}})
    assert reported.status == 200 and reported.headers["x-shimmy-ignored-params"] == "parameters.temperature"
    assert [line.split() for line in show(own, model="c")["parameters"].splitlines() if line.startswith("temperature")] == [["temperature", "2.0"]]


def test_names_without_a_model_are_deleted(own, client):
    file = own.home / "data/models/first.gguf"
    tiny_models.llama(file)
    wait_until(lambda: "first:latest" in names(client), "the scan")
    client.copy("first", "ghost")
    client.create("shade", from_="first", system="S")
    # Another program renames the file.
    file.rename(file.with_name("other.gguf"))
    wait_until(lambda: names(client) == {NAME, "other:latest"}, "the scan")
    for name in ("ghost", "shade"):
        assert client.delete(name).status == "success"
        assert own.request("DELETE", "/api/delete", {"model": name}).status == 404
    assert json.loads((own.home / "data/models.json").read_text()) == {} == json.loads((own.home / "data/aliases.json").read_text())


def test_a_killed_server_leaves_nothing_for_long(tmp_path):
    home = make_home(tmp_path / "home")
    with Server(home, HF_HUB_OFFLINE="1") as own:
        own.home = home
        client = Client(host=own.url)
        client.create("kept", files={"m.gguf": tiny_upload(own)})
        own.process.kill()
        own.process.wait()
    left = [home / "data" / name for name in ("models.json.17.partial", "aliases.json.4.partial")]
    for path in left:
        path.write_text("{")
    kept = weights(own)
    for name in ("sha256-" + "0" * 64, ".sha256-1.5.partial"):
        (home / "data/models/.weights" / name).mkdir()
        (home / "data/models/.weights" / name / "a.gguf").write_bytes(b"x")
    with Server(home, HF_HUB_OFFLINE="1") as again:
        assert names(Client(host=again.url)) == {NAME, "kept:latest"}
        assert not any(path.exists() for path in left) and weights(own) == kept
    # Nothing is removed if it is unknown what is needed.
    (home / "data/models.json").write_text("{")
    with Server(home, HF_HUB_OFFLINE="1"):
        assert weights(own) == kept


def test_a_template_with_an_error_is_refused_and_writes_nothing_to_the_log(own, client):
    """llama.cpp's parser quotes templates in its messages."""
    template = '{{ a "\n2026-01-01T00:00:00.000Z info request completed method=FAKE \x1b[31mred" }}'
    answer = own.request("POST", "/api/create", {"model": "t", "from": MODEL, "template": template, "stream": False})
    assert_error(answer, 400, "Invalid 'template': the chat template cannot be used")
    assert "FAKE" not in own.log.read_text()
    for template in ("{% for message in messages %}{{ message.content }}", "{{ messages[0 }}", "{% if %}"):
        answer = own.request("POST", "/api/create", {"model": "t", "from": MODEL, "template": template, "stream": False})
        assert_error(answer, 400, "Invalid 'template'")
    assert "t:latest" not in names(client)
