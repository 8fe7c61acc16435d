"""shimmy.toml and the commands for it: errors, places, precedence, ranges of numbers."""

import json
import re

import pytest

from server import MODEL, REPOSITORY, Server, run


def settings(home, *arguments, **environment) -> dict:
    shown = json.loads(run(home, "config", "show", "--json", *arguments, **environment).stdout)
    return {setting["setting"]: (setting["value"], setting["from"]) for setting in shown["settings"]}


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


def test_check_reports_a_base_that_is_not_there(place):
    place(f'[model.ada]\nbase = "{MODEL}"\n[model.bob]\nbase = "{MODEL}x"\n[model.eve]\nbase = "other"\n[model."{MODEL}"]\naliases = ["other"]\n')
    result = run(place.home, "config", "check")
    assert result.returncode == 1
    assert result.stdout == f"{place.path}:4: model.bob.base: no model named {MODEL}x was found. Did you mean {MODEL}?\n"
    # A model may be added later, so that the other commands work.
    assert run(place.home, "list").returncode == 0


def test_check_reports_variables_that_are_not_set(place):
    place('[upstream.gpu]\nurl = "http://127.0.0.1:9"\napi_key_env = "GPU_KEY_ABSENT"\n[key.ann]\nkey_env = "ANN_KEY_ABSENT"\n')
    result = run(place.home, "config", "check")
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        f"{place.path}:3: upstream.gpu.api_key_env: the environment variable GPU_KEY_ABSENT is not set to a key here. A server needs it to start.",
        f"{place.path}:5: key.ann.key_env: the environment variable ANN_KEY_ABSENT is not set to a key here. A server needs it to start.",
    ]


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
    assert settings(place.home)["server.port"] == (1111, f"{place.path}:2")
    assert settings(place.home, **xdg)["server.port"][0] == 2222
    assert settings(place.home, SHIMMY_CONFIG=str(named), **xdg)["server.port"][0] == 3333
    assert settings(place.home, "--config", str(option), SHIMMY_CONFIG=str(named))["server.port"][0] == 4444
    assert settings(place.home, f"--config={option}")["server.port"][0] == 4444
    missing = run(place.home, "list", "--config", str(tmp_path / "absent.toml"))
    assert (missing.returncode, "there is no such file" in missing.stderr) == (1, True)


def test_the_environment_wins_over_the_file(place):
    place('[server]\nport = 1111\nhost = "127.0.0.2"\napi_key = ["secret-word"]\n[engine]\nslots = 4\n')
    shown = settings(place.home, SHIMMY_SLOTS="5", SHIMMY_BIND_ADDRESS="127.0.0.3:99")
    assert shown["engine.slots"] == (5, "SHIMMY_SLOTS")
    assert shown["engine.deterministic"][0] is False
    assert shown["server.host"][0] == "127.0.0.1"
    assert shown["server.allow_host"][0] == []
    assert shown["engine.ctx_size"][0] is None
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
    commands = re.findall(r"^  ([a-z]+)[ ,]", run(place.home, "help").stdout, re.MULTILINE)
    commands = [[command] for command in commands if command not in ("storage", "config", "key", "service", "upstreams")]
    commands += [["storage", part] for part in ("show", "prune", "check")] + [["config", part] for part in ("check", "show", "init", "path")]
    commands += [["key", part] for part in ("create", "list", "show", "set", "revoke", "rotate")] + [["upstreams", part] for part in ("list", "test")]
    assert len(commands) > 20
    without = [command for command in commands if "--config " not in run(place.home, "help", *command).stdout]
    # The help of the commands for other programs hides the options for models.
    assert sorted(without) == [["compat"], ["completions"], ["connect"], ["launch"]]


def test_storage_is_where_the_file_says(place, tmp_path):
    file = tmp_path / "other.toml"
    file.write_text(f'[storage]\ndata_dir = "{tmp_path}/elsewhere"\n')
    variables = {"SHIMMY_DATA_DIR": ""}
    assert f"{tmp_path}/elsewhere/storage" in run(place.home, "storage", "show", "--config", str(file), **variables).stdout


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
