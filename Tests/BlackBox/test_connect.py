"""`shimmy connect` and `shimmy launch`: each client's configuration in its own format, its addition to files, and starting clients."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from running import logged
from server import MODEL, MODEL_FILE, make_home, put_model, run

tomllib = pytest.importorskip("tomllib")

# An address where no server listens.
NO_SERVER = "127.0.0.1:9"
ROOT = f"http://{NO_SERVER}"
API = f"{ROOT}/v1"
KEY = "sk-'secret' $1"
SIMPLE_KEY = "sk-secret"
CONTEXT = 8192
# Variables that name the directories of clients. An empty one counts as absent.
PLACES = ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "CONTINUE_GLOBAL_DIR", "LLM_USER_PATH")
FILES = ("codex", "opencode", "crush", "llm", "roo", "continue", "zed", "copilot", "llama-vscode")
CLIENTS = ["claude", "codex", "opencode", "aider", "goose", "crush", "llm", "copilot-cli", "cline", "roo", "continue", "zed", "copilot", "llama-vscode", "llama-vim", "open-webui", "home-assistant"]


@pytest.fixture
def own(tmp_path):
    return make_home(tmp_path / "own")


def connect(home, *arguments, command="connect", **extra):
    return run(home, command, *arguments, **{"SHIMMY_HOST": NO_SERVER, **dict.fromkeys(PLACES, ""), **extra})


def told(result) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


def exported(text: str) -> dict:
    """Reads commands that set variables as a shell does."""
    words = [shlex.split(line) for line in text.splitlines()]
    assert all(len(line) == 2 and line[0] == "export" for line in words), text
    return dict(line[1].split("=", 1) for line in words)


def file_of(result) -> Path:
    """Returns the path that the command names for the configuration."""
    return Path(re.search(r"^# (?:File (.+?); --write|With --write, the configuration goes into (.+)\.$)", result.stderr, re.M).expand(r"\1\2"))


def without_comments(text: str) -> str:
    """Returns JSON without the comments of JSONC and without commas before closing brackets."""
    text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', lambda match: match.group(1) or " ", text, flags=re.S)
    return re.sub(r'("(?:\\.|[^"\\])*")|,(?=\s*[\]}])', lambda match: match.group(1) or "", text)


def read(path: Path):
    text = path.read_text()
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return yaml.safe_load(text) if path.suffix in (".yml", ".yaml") else json.loads(without_comments(text))


def merged(old, new):
    """Returns the sum of two values, which a client's file must have afterwards."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old[key], value) if key in old else value for key, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        return old + [value for value in new if value not in old]
    return new


# Printing


def test_the_list_names_every_client(home):
    lines = told(connect(home, "--list")).splitlines()
    assert [line.split()[0] for line in lines] == CLIENTS
    assert all(len(re.split(r"  +", line)) == 3 for line in lines)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_gets_the_address_and_the_model(home, client):
    result = connect(home, client)
    text = told(result)
    assert (API if client not in ("claude", "goose", "copilot", "llama-vscode", "llama-vim", "home-assistant") else ROOT) in text
    assert MODEL in text + result.stderr
    assert "No server answers" in result.stderr


def test_claude(home):
    variables = exported(told(connect(home, "claude")))
    assert variables["ANTHROPIC_BASE_URL"] == ROOT
    assert (variables["ANTHROPIC_AUTH_TOKEN"], variables["ANTHROPIC_API_KEY"]) == ("unused", "")
    models = {name for name, value in variables.items() if value == MODEL}
    assert models == {"ANTHROPIC_MODEL", *(f"ANTHROPIC_DEFAULT_{size}_MODEL" for size in ("OPUS", "SONNET", "HAIKU")), "CLAUDE_CODE_SUBAGENT_MODEL"}
    assert variables["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] == variables["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] == str(CONTEXT)
    assert variables["CLAUDE_CODE_ATTRIBUTION_HEADER"] == "0"


def test_codex(home):
    profile = tomllib.loads(told(connect(home, "codex")))
    provider = {"name": "Shimmy", "base_url": API, "wire_api": "responses"}
    assert profile == {"model": MODEL, "model_provider": "shimmy", "model_context_window": CONTEXT, "model_providers": {"shimmy": provider}}
    with_key = connect(home, "codex", "--api-key", KEY)
    assert tomllib.loads(told(with_key))["model_providers"]["shimmy"] == {**provider, "env_key": "SHIMMY_API_KEY"}
    [command] = re.findall(r"^# Also set: (.+)$", with_key.stderr, re.M)
    assert exported(command) == {"SHIMMY_API_KEY": KEY}


def test_opencode(home):
    config = json.loads(told(connect(home, "opencode")))
    assert config["model"] == f"shimmy/{MODEL}"
    provider = config["provider"]["shimmy"]
    assert provider["npm"] == "@ai-sdk/openai-compatible"
    assert provider["options"] == {"baseURL": API, "apiKey": "unused"}
    assert provider["models"] == {MODEL: {"name": MODEL, "limit": {"context": CONTEXT, "output": CONTEXT // 4}}}


@pytest.mark.parametrize("client, expected", [
    ("aider", {"OPENAI_API_BASE": API, "OPENAI_API_KEY": "unused", "AIDER_MODEL": f"openai/{MODEL}"}),
    ("goose", {
        "GOOSE_PROVIDER": "openai", "GOOSE_MODEL": MODEL, "OPENAI_HOST": ROOT, "OPENAI_BASE_PATH": "v1/chat/completions",
        "OPENAI_API_KEY": "unused", "GOOSE_CONTEXT_LIMIT": str(CONTEXT),
    }),
    ("copilot-cli", {
        "COPILOT_PROVIDER_BASE_URL": API, "COPILOT_PROVIDER_API_KEY": "unused", "COPILOT_PROVIDER_WIRE_API": "responses", "COPILOT_MODEL": MODEL,
        "COPILOT_PROVIDER_MAX_PROMPT_TOKENS": str(CONTEXT - CONTEXT // 4), "COPILOT_PROVIDER_MAX_OUTPUT_TOKENS": str(CONTEXT // 4),
    }),
    ("open-webui", {"OPENAI_API_BASE_URL": API, "OPENAI_API_KEY": "unused"}),
])
def test_clients_of_the_environment(home, client, expected):
    assert exported(told(connect(home, client))) == expected


def test_json_files_of_editors(home):
    zed = json.loads(told(connect(home, "zed")))["language_models"]["openai_compatible"]["shimmy"]
    assert zed["api_url"] == API
    assert [(model["name"], model["max_tokens"]) for model in zed["available_models"]] == [(MODEL, CONTEXT)]
    assert json.loads(told(connect(home, "copilot"))) == [{"name": "Shimmy", "vendor": "ollama", "url": ROOT}]
    profiles = json.loads(told(connect(home, "roo")))["providerProfiles"]
    profile = profiles["apiConfigs"][profiles["currentApiConfigName"]]
    assert (profile["apiProvider"], profile["openAiBaseUrl"], profile["openAiModelId"]) == ("openai", API, MODEL)
    assert profile["openAiCustomModelInfo"]["contextWindow"] == CONTEXT
    crush = json.loads(told(connect(home, "crush")))
    provider = crush["providers"]["shimmy"]
    assert (provider["type"], provider["base_url"], provider["models"][0]["id"]) == ("openai-compat", API, MODEL)
    assert provider["models"][0]["context_window"] == CONTEXT
    assert crush["models"]["large"] == crush["models"]["small"] == {"model": MODEL, "provider": "shimmy"}


def test_yaml_files(home):
    [model] = yaml.safe_load(told(connect(home, "llm")))
    assert model == {"model_id": MODEL, "model_name": MODEL, "api_base": API, "supports_tools": True, "supports_schema": True}
    config = yaml.safe_load(told(connect(home, "continue")))
    assert {"name", "version", "schema", "models"} == config.keys()
    [model] = config["models"]
    assert (model["provider"], model["model"], model["apiBase"], model["apiKey"]) == ("openai", MODEL, API, "unused")
    assert model["defaultCompletionOptions"] == {"contextLength": CONTEXT, "maxTokens": CONTEXT // 4}


def test_clients_with_forms(home):
    cline = connect(home, "cline")
    assert shlex.split(told(cline)) == [
        "cline", "auth", "--provider", "openai-compatible", "--baseurl", API, "--modelid", MODEL, "--apikey", "unused",
    ]
    assert re.search(rf"^#   Base URL +{API}$", cline.stderr, re.M)
    form = dict(re.split(r"  +", line) for line in told(connect(home, "home-assistant")).splitlines())
    assert form == {"URL": ROOT, "Model": MODEL, "Context window size": str(CONTEXT)}


@pytest.mark.parametrize("arguments, words", [([], "--list"), (["--list", "claude"], "--list"), (["cluade"], "claude"), (["--list", "--write"], "--list")])
def test_wrong_usage(home, arguments, words):
    failed = connect(home, *arguments)
    assert failed.returncode == 64 and words in failed.stderr


def test_an_ipv6_address_and_a_path(home):
    assert exported(told(connect(home, "aider", "--host", "[::1]:9")))["OPENAI_API_BASE"] == "http://[::1]:9/v1"
    remote = connect(home, "aider", "--host", "http://127.0.0.1:9/llm/v1/")
    assert exported(told(remote))["OPENAI_API_BASE"] == "http://127.0.0.1:9/llm/v1"


# The model and its context


def test_the_running_server_is_asked(home, start):
    server = start("--ctx-size", "512")
    result = connect(home, "opencode", "--host", server.url)
    config = json.loads(told(result))
    assert config["provider"]["shimmy"]["options"]["baseURL"] == f"{server.url}/v1"
    assert config["provider"]["shimmy"]["models"][MODEL]["limit"]["context"] == 512
    assert "No server answers" not in result.stderr
    without_quantization = MODEL.rpartition(".")[0]
    assert f"shimmy/{without_quantization}" in told(connect(home, "opencode", "--host", server.url, "--model", without_quantization))
    unknown = connect(home, "opencode", "--host", server.url, "--model", without_quantization.replace("ct", "t", 1))
    assert unknown.returncode == 3 and f"Did you mean {MODEL}?" in unknown.stderr


def test_a_short_context_is_reported(home, start):
    # The model was trained with a context of 8192 tokens; a longer --ctx-size does not help.
    for context in ("512", "9000"):
        server = start("--ctx-size", context)
        notes = connect(home, "claude", "--host", server.url).stderr
        assert "trained with only 8192 tokens" in notes and "--ctx-size" not in notes
        assert server.request("POST", "/v1/models/load", {"model": MODEL}).status == 200
        assert logged(server, "context is longer than the model was trained with") == (context == "9000")
    assert "trained with only 8192 tokens" in connect(home, "claude").stderr
    assert "trained with" not in connect(home, "llm").stderr


def test_one_of_several_models_must_be_chosen(own, start):
    put_model(own / "data/models/second.gguf")
    failed = connect(own, "claude")
    assert failed.returncode == 3 and "several models" in failed.stderr
    assert exported(told(connect(own, "claude", "--model", "second")))["ANTHROPIC_MODEL"] == "second"
    assert exported(told(connect(own, "claude", SHIMMY_MODEL="second")))["ANTHROPIC_MODEL"] == "second"
    assert connect(own, "claude", "--model", "third").returncode == 3
    server = start(SHIMMY_DATA_DIR=str(own / "data"))
    failed = connect(own, "claude", "--host", server.url)
    assert failed.returncode == 3 and MODEL in failed.stderr and "second" in failed.stderr
    # The only loaded model is the default.
    assert server.request("POST", "/v1/models/load", {"model": "second"}).status == 200
    assert exported(told(connect(own, "claude", "--host", server.url)))["ANTHROPIC_MODEL"] == "second"


def test_another_machine_without_a_server(home):
    # Only 127.0.0.1 and ::1 count as this machine.
    other = "127.0.0.2:9"
    failed = connect(home, "claude", "--host", other)
    assert failed.returncode == 7 and "--model" in failed.stderr
    variables = exported(told(connect(home, "claude", "--host", other, "--model", "far")))
    assert (variables["ANTHROPIC_BASE_URL"], variables["ANTHROPIC_MODEL"]) == (f"http://{other}", "far")
    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS" not in variables


# Keys


@pytest.mark.parametrize("client", CLIENTS)
def test_only_a_key_of_the_command_line_is_printed(home, client):
    hidden = connect(home, client, SHIMMY_API_KEY=KEY)
    assert "secret" not in told(hidden) + hidden.stderr
    given = connect(home, client, "--api-key", KEY)
    if client == "copilot":
        assert "sends no key" in hidden.stderr
    else:
        assert "YOUR_API_KEY" in hidden.stdout + hidden.stderr
        assert "secret" in told(given) + given.stderr


def test_a_server_with_keys(home, start):
    server = start("--api-key", SIMPLE_KEY)
    refused = connect(home, "claude", "--host", server.url)
    assert refused.returncode == 1 and "--api-key" in refused.stderr
    assert exported(told(connect(home, "claude", "--host", server.url, "--api-key", SIMPLE_KEY)))["ANTHROPIC_AUTH_TOKEN"] == SIMPLE_KEY
    assert exported(told(connect(home, "claude", "--host", server.url, SHIMMY_API_KEY=SIMPLE_KEY)))["ANTHROPIC_AUTH_TOKEN"] == "YOUR_API_KEY"


# Writing


@pytest.mark.parametrize("client", [*FILES, "claude", "aider", "goose"])
def test_a_new_file_is_written_once(own, client):
    printed = connect(own, client)
    path = file_of(printed)
    assert path.is_relative_to(own)
    assert told(connect(own, client, "--write")) == f"{path} is written.\n"
    content = read(path)
    assert MODEL in path.read_text() or client == "copilot"
    if client in FILES:
        assert path.read_text() == printed.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert told(connect(own, client, "--write")) == f"{path} already has this configuration.\n"
    assert read(path) == content
    assert sorted(path.parent.glob(path.name + "*")) == [path]


@pytest.mark.parametrize("client", ["claude", "opencode", "aider", "continue", "crush", "roo"])
@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_file_with_a_key_is_private(own, client, how):
    path = file_of(connect(own, client))
    written = connect(own, client, "--write", *(["--api-key", KEY] if how == "option" else []), **({"SHIMMY_API_KEY": KEY} if how == "variable" else {}))
    assert "secret" not in told(written)
    assert KEY in json.dumps(read(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("client", ["open-webui", "copilot-cli", "cline", "home-assistant"])
def test_clients_without_a_file(own, client):
    failed = connect(own, client, "--write")
    assert failed.returncode == 8 and f"shimmy connect {client}" in failed.stderr


OLD_FILES = {
    "empty": "", "blank": " \n", "empty object": "{}", "empty object on lines": "{\n}\n", "only a comment": "{\n  // none yet\n}\n",
    "one line": '{"theme": "dark", "provider": {"other": {"npm": "x"}}}',
    "two spaces": '{\n  "theme": "dark",\n  "provider": {\n    "other": {\n      "npm": "x"\n    }\n  }\n}\n',
    "four spaces": '{\n    "provider": {\n        "other": {}\n    },\n    "number": 1.10,\n    "text": "caf\\u00e9 \\/ // no comment"\n}',
    "tabs": '{\n\t"provider": {\n\t\t"other": {"npm": "x"}\n\t},\n\t"list": [1, 2]\n}\n',
    "crlf": '{\r\n  "theme": "dark",\r\n  "provider": {\r\n    "other": {}\r\n  }\r\n}\r\n',
    "line comments": '// Mine.\n{\n  "theme": "dark", // nice\n  "provider": {\n    // The others.\n    "other": {} // last\n  } // end\n  // after\n}\n// done\n',
    "trailing commas": '{\n  "theme": "dark",\n  "provider": {\n    "other": {}, // last\n  },\n}\n',
    "block comments": '{ /* a */ "theme" /* b */ : "dark" /* c\n d */ , "provider": { "other": {} /* e\n */ } /* f */ }\n',
    "empty provider": '{\n  "provider": {},\n  "list": []\n}\n',
    "mixed lines": '{ "theme": "dark",\n  "provider": { "other": {} } }\n',
}


@pytest.mark.parametrize("layout", OLD_FILES)
def test_additions_to_json_keep_everything_else(own, layout):
    path = own / ".config/opencode/opencode.json"
    path.parent.mkdir(parents=True)
    old = OLD_FILES[layout].encode()
    path.write_bytes(old)
    path.chmod(0o640)
    said = told(connect(own, "opencode", "--write"))
    addition = json.loads(told(connect(own, "opencode")))
    content = path.read_bytes()
    if old.strip():
        assert read(path) == merged(json.loads(without_comments(old.decode())), addition)
        assert Path(re.search(r"the old file is (.+)\.\n", said).group(1)).read_bytes() == old
        # The old file is what remains without some inserted pieces.
        rest = iter(content)
        assert all(byte in rest for byte in old)
        assert content.count(b"//") + content.count(b"/*") == old.count(b"//") + old.count(b"/*") + json.dumps(addition).count("//")
    else:
        assert read(path) == addition
    assert (b"\r\n" in content) == (b"\r\n" in old) and (b"\r\n" not in old or b"\n" not in content.replace(b"\r\n", b""))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "already has" in told(connect(own, "opencode", "--write"))
    assert path.read_bytes() == content


def test_comments_stay_beside_their_values(own):
    path = own / ".config/opencode/opencode.json"
    path.parent.mkdir(parents=True)
    path.write_text(OLD_FILES["line comments"])
    told(connect(own, "opencode", "--write"))
    lines = path.read_text().splitlines()
    assert '  "theme": "dark", // nice' in lines and '    "other": {}, // last' in lines and "  }, // end" in lines
    assert lines[0] == "// Mine." and lines[-1] == "// done"


def test_a_second_model_is_added_to_the_same_provider(own):
    zed = own / ".config/zed/settings.json"
    zed.parent.mkdir(parents=True)
    zed.write_text('// Zed settings\n{\n  "vim_mode": true,\n}\n')
    told(connect(own, "zed", "--write"))
    (own / "data/models" / MODEL_FILE.name).rename(own / "data/models/renamed.gguf")
    told(connect(own, "zed", "--write"))
    settings = read(zed)
    assert settings["vim_mode"] is True
    provider = settings["language_models"]["openai_compatible"]["shimmy"]
    assert [model["name"] for model in provider["available_models"]] == [MODEL, "renamed"]
    # Another address replaces the old one.
    assert "api_url" in told(connect(own, "zed", "--write", SHIMMY_HOST="127.0.0.1:10"))
    assert read(zed)["language_models"]["openai_compatible"]["shimmy"]["api_url"] == "http://127.0.0.1:10/v1"
    assert len(list(zed.parent.glob("settings.json.bak*"))) == 3


@pytest.mark.parametrize("client, name, old", [
    ("opencode", ".config/opencode/opencode.json", '{"provider": {}'),
    ("opencode", ".config/opencode/opencode.json", "[]"),
    ("opencode", ".config/opencode/opencode.json", '{"provider": []}'),
    ("opencode", ".config/opencode/opencode.json", '{"provider": {}, "provider": {"a": 1}}'),
    ("opencode", ".config/opencode/opencode.json", "[" * 200 + "]" * 200),
    ("opencode", ".config/opencode/opencode.json", b'{"a": "\xff"}'),
    ("copilot", None, '{"not": "a list"}'),
    ("codex", ".codex/shimmy.config.toml", "model = "),
    ("codex", ".codex/shimmy.config.toml", 'model = "other" # mine\n'),
    ("codex", ".codex/shimmy.config.toml", "model_providers = { other = { name = 'x' } }\n"),
    ("codex", ".codex/shimmy.config.toml", "model_providers = 1\n"),
    ("llm", None, "- model_id: other\n  model_name: other\n"),
    ("continue", ".continue/config.yaml", "name: Mine\nversion: 1.0.0\nschema: v1\n"),
    ("aider", ".aider.conf.yml", "dark-mode: true\n"),
])
def test_a_file_that_cannot_be_extended_exactly_stays_as_it_is(own, client, name, old):
    path = own / name if name else file_of(connect(own, client))
    path.parent.mkdir(parents=True, exist_ok=True)
    old = old if isinstance(old, bytes) else old.encode()
    path.write_bytes(old)
    failed = connect(own, client, "--write", SHIMMY_API_KEY=KEY)
    assert failed.returncode == 8, failed.stderr
    assert f"{path} is not changed" in failed.stderr
    assert path.read_bytes() == old
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(path.name)] == [path.name]
    # The addition is printed, but not the key.
    assert (ROOT if client == "copilot" else API) in failed.stdout
    assert "secret" not in failed.stdout + failed.stderr


def test_additions_to_toml_keep_everything_else(own):
    path = own / ".codex/shimmy.config.toml"
    path.parent.mkdir()
    old = (
        '# My profile.\napproval_policy = "on-request"\n\n# Others.\n[model_providers.other]\nname = "x" # kept\nquery = """\n[no.header]\n"""\n'
        '[[skills]]\npath = "a"\n'
    )
    path.write_text(old)
    said = told(connect(own, "codex", "--write"))
    assert "Replaced" not in said
    addition = tomllib.loads(told(connect(own, "codex")))
    assert read(path) == merged(tomllib.loads(old), addition)
    lines = iter(path.read_text().splitlines())
    assert all(line in lines for line in old.splitlines())
    assert "already has" in told(connect(own, "codex", "--write"))
    (own / "data/models" / MODEL_FILE.name).rename(own / "data/models/renamed.gguf")
    assert "Replaced values: model." in told(connect(own, "codex", "--write"))
    assert read(path) == {**merged(tomllib.loads(old), addition), "model": "renamed"}
    # A key that is missing in a table is added below the table's header.
    told(connect(own, "codex", "--write", "--api-key", KEY))
    assert read(path)["model_providers"]["shimmy"]["env_key"] == "SHIMMY_API_KEY"
    assert "secret" not in path.read_text()


def test_a_link_stays_a_link(own):
    path = own / ".claude/settings.json"
    real = own / "dotfiles/claude.json"
    path.parent.mkdir()
    real.parent.mkdir()
    real.write_text('{"env": {"EDITOR": "vi"}}\n')
    path.symlink_to(real)
    told(connect(own, "claude", "--write"))
    assert path.is_symlink() and read(real)["env"]["EDITOR"] == "vi" and read(real)["env"]["ANTHROPIC_MODEL"] == MODEL
    path.unlink()
    path.symlink_to(own / "nowhere.json")
    assert connect(own, "claude", "--write").returncode == 8
    assert not (own / "nowhere.json").exists()


def test_directories_of_the_environment(own, tmp_path):
    for client, variable, name in [
        ("codex", "CODEX_HOME", "shimmy.config.toml"), ("claude", "CLAUDE_CONFIG_DIR", "settings.json"),
        ("continue", "CONTINUE_GLOBAL_DIR", "config.yaml"), ("llm", "LLM_USER_PATH", "extra-openai-models.yaml"),
        ("zed", "XDG_CONFIG_HOME", "zed/settings.json"),
    ]:
        told(connect(own, client, "--write", **{variable: str(tmp_path / variable)}))
        assert (tmp_path / variable / name).exists()
    commented = own / ".config/opencode/opencode.jsonc"
    commented.parent.mkdir(parents=True)
    commented.write_text("{\n  // mine\n}\n")
    told(connect(own, "opencode", "--write"))
    assert "shimmy" in read(commented)["provider"]


# Launching


@pytest.fixture
def program(tmp_path):
    """A function that puts a program into PATH. It reports its environment and arguments, and ends with code 7."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(name: str, body: str | None = None) -> dict:
        file = folder / name
        report = "import json, os, sys; print(json.dumps([dict(os.environ), sys.argv[1:], sys.stdin.read()])); sys.exit(7)"
        file.write_text(body or f"#!{sys.executable} -S\n{report}\n")
        file.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    return put


def launched(home, *arguments, **extra) -> tuple[dict, list, str]:
    result = connect(home, *arguments, command="launch", **extra)
    assert result.returncode == 7, (result.returncode, result.stderr)
    return tuple(json.loads(result.stdout))


def test_launch_sets_the_environment(home, program):
    variables, arguments, _ = launched(home, "claude", **program("claude"), SHIMMY_API_KEY=KEY, EDITOR="vi")
    assert arguments == []
    assert (variables["ANTHROPIC_BASE_URL"], variables["ANTHROPIC_AUTH_TOKEN"], variables["EDITOR"]) == (ROOT, KEY, "vi")
    expected = exported(told(connect(home, "claude", "--api-key", KEY)))
    assert {name: variables[name] for name in expected} == expected


def test_launch_passes_arguments_and_input(home, program):
    result = run(
        home, "launch", "aider", "--host", NO_SERVER, "--model", MODEL, "--", "--message", "two words", "--", "--host", "x", input="typed",
        **program("aider"))
    assert result.returncode == 7, result.stderr
    variables, arguments, typed = json.loads(result.stdout)
    assert arguments == ["--message", "two words", "--", "--host", "x"] and typed == "typed"
    assert variables["AIDER_MODEL"] == f"openai/{MODEL}"


def test_launch_passes_arguments_of_its_own(home, program):
    _, arguments, _ = launched(home, "codex", "--", "exec", "hello", **program("codex"))
    assert arguments[-2:] == ["exec", "hello"]
    options = arguments[:-2]
    assert set(options[::2]) == {"-c"}
    assert tomllib.loads("\n".join(options[1::2])) == tomllib.loads(told(connect(home, "codex")))
    assert launched(home, "goose", **program("goose"))[1] == ["session"]
    assert launched(home, "goose", "--", "run", **program("goose"))[1] == ["run"]
    content = launched(home, "opencode", **program("opencode"))[0]["OPENCODE_CONFIG_CONTENT"]
    assert json.loads(content) == json.loads(told(connect(home, "opencode")))


def test_launch_of_clients_with_files(own, program):
    places = program("crush")
    failed = connect(own, "crush", command="launch", **places)
    assert failed.returncode == 8 and "shimmy connect crush --write" in failed.stderr
    told(connect(own, "crush", "--write"))
    assert launched(own, "crush", "--", "run", **places)[1] == ["run"]
    failed = connect(own, "cline", command="launch", **program("cline"))
    assert failed.returncode == 8 and "cline auth" in failed.stderr
    failed = connect(own, "home-assistant", command="launch")
    assert failed.returncode == 8 and "shimmy connect home-assistant" in failed.stderr


def test_launch_of_a_program_that_is_not_there(home, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/claude").mkdir()
    failed = connect(home, "claude", command="launch", PATH=str(tmp_path / "bin"))
    assert failed.returncode == 127 and "'claude'" in failed.stderr and "PATH" in failed.stderr


@pytest.mark.proc
def test_launched_programs_get_the_usual_signals(home, program):
    result = connect(home, "claude", command="launch", **program("claude", "#!/bin/sh\ncat /proc/self/status\n"))
    masks = dict(re.findall(r"^(Sig\w+):\s*([0-9a-f]+)$", told(result), re.M))
    assert int(masks["SigBlk"], 16) == 0
    assert int(masks["SigIgn"], 16) & 1 << 12 == 0


def test_the_printed_variables_work_in_a_shell(home):
    text = told(connect(home, "aider", "--api-key", KEY))
    shown = subprocess.run(["sh", "-c", text + 'printf %s "$OPENAI_API_KEY"'], capture_output=True, text=True, check=True).stdout
    assert shown == KEY
