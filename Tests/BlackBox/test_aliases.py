"""`shimmy alias`: names for models, and their conflicts with models and the configuration."""

import json
from pathlib import Path

import pytest

from model_commands import NO_SERVER, busy, own, told  # noqa: F401: fixtures
from server import MODEL, run, wait_until


def test_aliases(own, busy):
    assert "There are no aliases" in told(run(own, "alias"))
    assert told(run(own, "alias", f"gpt-4o={MODEL}")) == f"gpt-4o is an alias of {MODEL}.\n"
    host = f"127.0.0.1:{busy.port}"
    answer = busy.chat(model="gpt-4o")
    assert answer.status == 200 and answer.json["model"] == "gpt-4o"
    # A changed alias takes effect at once.
    told(run(own, "alias", "gpt-4o=second", SHIMMY_HOST=host))
    assert busy.request("GET", "/v1/models/gpt-4o").json["id"] == "second"
    told(run(own, "alias", f"gpt-4o={MODEL}", SHIMMY_HOST=host))
    assert told(run(own, "run", "--local", "--set", "max_tokens=3", "GPT-4o", "Hi"))
    told(run(own, "alias", "fast=gpt-4o"))
    assert json.loads(told(run(own, "alias", "--json"))) == [
        {"alias": "fast", "model": MODEL, "problem": None}, {"alias": "gpt-4o", "model": MODEL, "problem": None},
    ]
    refused = run(own, "rm", "--yes", "fast")
    assert refused.returncode == 1 and "alias --remove fast" in refused.stderr
    told(run(own, "alias", "--remove", "fast"))
    wrong = run(own, "alias", "--remove", "gpt-4")
    assert wrong.returncode == 3 and "Did you mean gpt-4o?" in wrong.stderr


def test_a_server_notices_aliases_that_nobody_tells_it_of(own, busy):
    def meant() -> str | None:
        answer = busy.request("GET", "/v1/models/fast")
        return answer.json["id"] if answer.status == 200 else None

    def becomes(model: str | None):
        wait_until(lambda: meant() == model, f"fast for {model}")

    told(run(own, "alias", "fast=second", SHIMMY_HOST=NO_SERVER))
    becomes("second")
    told(run(own, "alias", f"fast={MODEL}", SHIMMY_HOST=NO_SERVER))
    becomes(MODEL)
    told(run(own, "alias", "--remove", "fast", SHIMMY_HOST=NO_SERVER))
    becomes(None)


@pytest.mark.parametrize(
    "alias, code, words",
    [
        (f"second={MODEL}", 1, "a model has that name"), (f"SECOND={MODEL}", 1, "a model has that name"), ("x=nothing", 3, "no model named nothing"),
        (f"../x={MODEL}", 1, "is not a valid alias"), (f"={MODEL}", 1, "is not a valid alias"), ("noequals", 64, "NAME=MODEL"), ("x=", 3, "no model named"),
    ],
)
def test_aliases_that_cannot_be(own, alias, code, words):
    refused = run(own, "alias", alias)
    assert refused.returncode == code and words in refused.stderr
    assert not (own / "data/aliases.json").exists()


def configure(home: Path, text: str) -> Path:
    path = home / ".config/shimmy/shimmy.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_names_of_the_configuration_are_its_own(own):
    path = configure(own, f"""[model.second]
aliases = ["gpt-4o"]

[model.ada]
base = "{MODEL}"

[model.later]
context = 512
""")
    owners = {"GPT-4o": (2, "an alias of second"), "ada:latest": (4, f"a model based on {MODEL}"), "later": (7, "a model with its own settings")}
    for name, (line, words) in owners.items():
        refused = run(own, "alias", f"{name}={MODEL}")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"{name} cannot be an alias: {path}:{line} defines it as {words}" in refused.stderr
    assert not (own / "data/aliases.json").exists()
    refused = run(own, "cp", MODEL, "gpt-4o")
    assert refused.returncode == 1 and f"{path}:2 defines it as an alias of second" in refused.stderr
    # A preset for a model that does not exist yet may be meant for the copy.
    told(run(own, "cp", MODEL, "later"))


def test_the_aliases_of_the_file_are_listed(own):
    path = configure(own, '[model.second]\naliases = ["fast", "small"]\n')
    told(run(own, "alias", f"mine={MODEL}"))
    assert json.loads(told(run(own, "alias", "--json"))) == [
        {"alias": "fast", "model": "second", "problem": None, "file": str(path)}, {"alias": "mine", "model": MODEL, "problem": None},
        {"alias": "small", "model": "second", "problem": None, "file": str(path)},
    ]
    assert f"from {path}" in told(run(own, "alias"))
    assert "also fast, small" in told(run(own, "list", SHIMMY_HOST=NO_SERVER))
    assert {model["id"]: model["aliases"] for model in json.loads(told(run(own, "list", "--json", SHIMMY_HOST=NO_SERVER)))} == {
        MODEL: ["mine"], "second": ["fast", "small"],
    }
    refused = run(own, "alias", "--remove", "fast")
    assert refused.returncode == 1 and f"fast is not removed: {path}:2 defines it as an alias of second" in refused.stderr


def test_an_alias_that_the_configuration_took_over_is_listed_as_such(own):
    told(run(own, "alias", f"gpt-4o={MODEL}"))
    configure(own, '[model.second]\naliases = ["gpt-4o"]\n')
    assert "shimmy.toml:2 defines it as an alias of second" in json.loads(told(run(own, "alias", "--json")))[0]["problem"]
    told(run(own, "alias", "--remove", "gpt-4o"))
