"""The command line: every command, its output and its exit code."""

import json
import re
import socket
import subprocess

import pexpect
import pytest

from server import BINARY, MODEL, MODEL_FILE, Server, environment, run, wait_until


def assert_failed(result: subprocess.CompletedProcess, code: int, words: str):
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert "Fatal error" not in result.stderr


def test_help_and_version(home):
    assert "serve" in run(home, "--help").stdout
    assert re.fullmatch(r"\d+\.\d+\.\d+ \([\w.-]+\)\n", run(home, "--version").stdout)
    assert run(home, "version").stdout == run(home, "--version").stdout
    for command in ("serve", "list", "discover", "probe", "generate", "info", "compat"):
        assert "OPTIONS:" in run(home, command, "--help").stdout
    assert_failed(run(home, "serve", "--no-such-option"), 64, "--no-such-option")


def test_each_command_has_its_own_options(home):
    engine = {"--ctx-size", "--threads", "--slots", "--lora", "--queue", "--deterministic", "--prefix-cache-dir", "--log-level"}
    options = {command: set(re.findall(r"--[a-z-]+", run(home, "help", command).stdout)) for command in
               ("list", "show", "alias", "cp", "rm", "discover", "convert", "schema", "ps", "pull", "serve", "generate")}
    for command, found in options.items():
        assert found & engine == (engine if command in ("serve", "generate") else set()), command
    assert "--model-dir" in options["list"] and "--model-dir" not in options["ps"]


@pytest.mark.parametrize("arguments, words", [
    (["lst"], "there is no command 'shimmy lst'. Did you mean 'list'?"), (["srve", "--port", "1"], "Did you mean 'serve'?"),
    (["help", "bogus"], "there is no command 'shimmy bogus'."), (["config", "chek"], "there is no command 'shimmy config chek'. Did you mean 'check'?"),
    (["help", "config", "nothing"], "there is no command 'shimmy config nothing'."),
    (["key", "lst"], "Did you mean 'list'?"), (["key", "creat", "me"], "Did you mean 'create'?"), (["storage", "prun"], "Did you mean 'prune'?"),
    (["key", "help", "creat"], "there is no command 'shimmy key creat'. Did you mean 'create'?"),
    (["help", "storage", "help", "nothing"], "there is no command 'shimmy storage nothing'."),
    (["lst"], "'shimmy --help' lists the commands."), (["key", "creat"], "'shimmy key --help' lists the commands."),
    (["service", "help", "nothing"], "'shimmy service --help' lists the commands."),
])
def test_unknown_commands_are_named(home, arguments, words):
    result = run(home, *arguments)
    assert_failed(result, 64, words)
    assert result.stdout == ""


@pytest.mark.parametrize("group", ["key", "storage", "upstreams", "config", "service"])
def test_each_group_of_commands_has_help(home, group):
    result = run(home, group, "help")
    assert result.returncode == 0 and f"USAGE: shimmy {group}" in result.stdout
    assert result.stdout == run(home, "help", group).stdout
    command = re.findall(r"^  ([a-z]+) ", result.stdout.split("SUBCOMMANDS:")[1], re.MULTILINE)[-1]
    assert run(home, group, "help", command).stdout == run(home, "help", group, command).stdout
    assert f"USAGE: shimmy {group} {command}" in run(home, group, "help", command).stdout


@pytest.mark.parametrize("arguments, usage", [
    (["run", "x"], "Usage: shimmy run"), (["generate"], "Usage: shimmy generate"), (["connect", "nothing"], "Usage: shimmy connect"),
    (["storage", "prune", "--all"], "Usage: shimmy storage prune"), (["list", "--bogus"], "Usage: shimmy list"),
])
def test_errors_end_with_the_usage_of_their_command(home, arguments, usage):
    result = run(home, *arguments)
    assert_failed(result, 64, usage)
    command = usage.removeprefix("Usage: ")
    assert f"See '{command} --help' for more information." in result.stderr


def test_a_second_name_for_list(home):
    assert run(home, "ls").stdout == run(home, "list").stdout
    assert "OPTIONS:" in run(home, "help", "ls").stdout


@pytest.mark.parametrize("command", [["ps"], ["list"], ["pull", "a/b"], ["show", "x"]])
def test_a_bad_variable_is_named(home, command):
    assert_failed(run(home, *command, SHIMMY_PORT="abc"), 64, "SHIMMY_PORT is 'abc'; it must be a port")


@pytest.mark.parametrize("command", [["list"], ["generate", "Hi"]])
def test_a_user_without_models_learns_what_to_pull(tmp_path, command):
    result = run(tmp_path, *command, SHIMMY_MEMORY_BUDGET="1G")
    assert "'shimmy pull Qwen/Qwen3-0.6B-GGUF' fetches one that fits this machine" in result.stdout + result.stderr


def test_a_host_name_without_an_address_is_named(home):
    # A label of more than 63 characters is refused without asking a server.
    name = "a" * 70 + ".invalid"
    result = run(home, "ps", "--host", name)
    assert_failed(result, 7, f"the host name {name} cannot be resolved")
    assert "shimmy serve" not in result.stderr


def test_a_missing_key_is_explained_in_terms_of_the_command_line(home, start):
    server = start("--api-key", "secret")
    for key in ([], ["--api-key", "wrong"]):
        result = run(home, "ps", "--host", f"127.0.0.1:{server.port}", *key)
        assert_failed(result, 1, "--api-key or in SHIMMY_API_KEY")
        assert "header" not in result.stderr
    result = run(home, "list", SHIMMY_PORT=str(server.port))
    assert result.returncode == 0 and "LOADED is unknown: " in result.stderr and "--api-key or in SHIMMY_API_KEY" in result.stderr


def test_a_health_check_fails_without_a_server(home, tmp_path):
    assert_failed(run(home, "ps", "--health", "--host", f"unix:{tmp_path}/none"), 7, "the socket does not exist")
    assert_failed(run(home, "ps", "--health", "--json"), 64, "--health prints nothing")


def test_a_missing_socket_is_named(home, tmp_path):
    assert_failed(run(home, "ps", "--host", f"unix:{tmp_path}/none"), 7, "the socket does not exist")


def test_the_list_fits_a_narrow_terminal(home):
    for columns in (60, 40, 200):
        child = pexpect.spawn(BINARY, ["list"], env=environment(home, SHIMMY_HOST="127.0.0.1:9"), encoding="utf-8", dimensions=(24, columns))
        shown = child.read().splitlines()
        assert len(shown) == 2 and all(len(line) <= columns for line in shown), shown
        assert shown[0].startswith("NAME") and shown[1].startswith(MODEL[:30])
        assert ("SOURCE" in shown[0]) == (columns == 200)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(home, shell):
    assert "discover" in run(home, "--generate-completion-script", shell).stdout


def test_list(home):
    lines = run(home, "list", SHIMMY_HOST="127.0.0.1:9").stdout.splitlines()
    assert lines[0].split() == ["NAME", "FAMILY", "PARAMETERS", "QUANT", "SIZE", "CONTEXT", "LOADED", "SOURCE"]
    assert lines[1].split() == [MODEL, "llama", "135", "M", "Q4_1", "98", "MB", "8192", "-", "shimmy"]


def test_list_json(home):
    (model,) = json.loads(run(home, "list", "--json").stdout)
    assert model["id"] == MODEL
    assert model["quantization"] == "Q4_1"
    assert model["size_bytes"] == MODEL_FILE.stat().st_size
    assert model["problem"] is None


def test_list_without_models(tmp_path):
    result = run(tmp_path, "list")
    assert result.returncode == 0
    assert "No models found" in result.stdout
    assert json.loads(run(tmp_path, "list", "--json").stdout) == []


def test_discover_names_the_places(home):
    text = run(home, "discover").stdout
    assert str(home / "data/models") in text
    assert "huggingface" in text and "ollama" in text and "lmstudio" in text


def test_probe(home):
    result = run(home, "probe", MODEL)
    assert result.returncode == 0, result.stderr
    assert "works" in result.stdout
    assert run(home, "probe", str(MODEL_FILE)).returncode == 0


@pytest.mark.parametrize("arguments", [["--slots", "256"], ["--slots", "1"], ["--slots", "256", "--ctx-size", "64"], ["--ctx-size", "16"]])
def test_probe_with_the_ends_of_what_may_be_asked_for(home, arguments):
    result = run(home, "probe", *arguments, MODEL)
    # A context of 16 tokens is too small for the template's own text. That is an error, not a crash.
    assert result.returncode == (1 if "16" in arguments else 0), result.stderr


def test_probe_of_nothing_and_of_a_damaged_file(home, tmp_path):
    assert_failed(run(home, "probe", "no-such-model"), 3, "no-such-model")
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(MODEL_FILE.read_bytes()[:1_000_000])
    assert_failed(run(home, "probe", str(damaged)), 4, "damaged")


def test_generate_from_an_argument_and_from_a_pipe(home):
    options = ["--temperature", "0", "--max-tokens", "8"]
    first = run(home, "generate", *options, "Say hello.")
    assert first.returncode == 0, first.stderr
    assert len(first.stdout) > 3
    assert run(home, "generate", *options, input="Say hello.").stdout == first.stdout
    assert run(home, "generate", "--model", str(MODEL_FILE), *options, "Say hello.").stdout == first.stdout
    assert run(home, "generate", *options, "--system", "Speak French.", "Say hello.").stdout != first.stdout


def test_generate_refuses_what_cannot_be(home):
    assert_failed(run(home, "generate", input=""), 64, "no prompt")
    assert_failed(run(home, "generate", "--temperature", "3", "Hi"), 64, "--temperature")
    assert_failed(run(home, "generate", "--model", "nothing", "Hi"), 3, "nothing")
    assert_failed(run(home, "generate", "--ctx-size", "64", "word " * 100), 1, "maximum context length is 64")


def test_info(home):
    text = run(home, "info").stdout
    for word in ("shimmy", "llama.cpp", "CPU features", "GPU", str(home / "data/models"), str(home / "cache"), "state"):
        assert word in text


def test_compat(home):
    markdown = run(home, "compat").stdout
    assert markdown.startswith("# OpenAI compatibility")
    matrix = json.loads(run(home, "compat", "--json").stdout)
    chat = next(endpoint for endpoint in matrix["endpoints"] if (endpoint["method"], endpoint["path"]) == ("POST", "/v1/chat/completions"))
    assert {"field": "temperature", "support": "supported", "test": "test_temperature_zero_is_repeatable"} in chat["request"]


@pytest.mark.proc
def test_a_port_in_use_is_named_with_its_holder(server, home):
    assert_failed(run(home, "serve", "--port", str(server.port)), 5, f"port {server.port} is in use by shimmy (process {server.process.pid})")


def test_a_server_for_a_model_that_is_not_there_does_not_start(home):
    assert_failed(run(home, "serve", "--port", "auto", "--model", "nope"), 3, "no model named nope was found")
    without_quantization = MODEL.rpartition(".")[0]
    assert_failed(run(home, "serve", "--port", "auto", "--model", without_quantization.replace("ct", "t", 1)), 3, f"Did you mean {MODEL}?")


@pytest.mark.parametrize("arguments", [["run", "nope", "Hi"], ["serve", "--port", "auto", "--model", "nope"], ["show", "nope"]])
def test_without_any_model_a_download_is_suggested(tmp_path, arguments):
    assert_failed(run(tmp_path, *arguments), 3, "'shimmy pull ")


def test_an_address_of_another_machine_is_named(home):
    assert_failed(run(home, "serve", "--port", "18999", "--host", "192.0.2.1", "--insecure"), 1, "cannot listen on 192.0.2.1:18999: Cannot assign requested address")


@pytest.mark.parametrize("schema, words", [
    ({"type": "object", "properties": {"a": {"type": "string"}}}, "additionalProperties"),
    ({"type": "object", "properties": {"a": {"type": "string", "minLenght": 5}}, "required": ["a"], "additionalProperties": False}, "'minLenght' is not permitted"),
])
def test_the_rules_for_strict_are_checked(home, tmp_path, schema, words):
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    assert run(home, "schema", str(file)).returncode == 0
    assert_failed(run(home, "schema", "--strict", str(file)), 1, words)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_listening_beyond_this_machine_needs_a_key(home, host):
    assert_failed(run(home, "serve", "--port", "auto", "--host", host), 6, "--insecure")


@pytest.mark.parametrize("options", [["--insecure"], ["--api-key", "k"]])
def test_listening_beyond_this_machine_with_care(start, options):
    server = start("--host", "0.0.0.0", *options)
    assert server.request("GET", "/health").status == 200


@pytest.mark.parametrize("arguments", [
    ["serve", "--ctx-size", "99999999999"], ["serve", "--threads", "99999999999"], ["serve", "--threads", "-1"], ["serve", "--slots", "257"],
    ["serve", "--stream-gap", "9223372036854775807"], ["serve", "--queue", "9223372036854775807"], ["serve", "--prefix-cache-size", "9999999999G"],
    ["serve", "--memory-budget", "99999999999999999999"], ["show", "--context", "9223372036854775807", "x"], ["load", "--keep-alive", "1e300", "x"],
    ["run", "--keep-alive", "nan", "x", "y"], ["run", "--set", "temperature=1e300", "x", "y"], ["run", "--set", "seed=99999999999999999999", "x", "y"],
    ["storage", "prune", "--older-than", "9223372036854775807"], ["storage", "prune", "--older-than", "-1"], ["pull", "--memory-budget", "-5G", "a/b"],
])
def test_numbers_that_cannot_be_are_refused(home, arguments):
    option = next(argument for argument in arguments if argument.startswith("--"))
    failed = run(home, *arguments)
    assert failed.returncode == 64 and "error" in failed.stderr.lower(), (option, failed.returncode, failed.stderr)


@pytest.mark.parametrize("variable, value", [
    ("SHIMMY_THREADS", "99999999999"), ("SHIMMY_THREADS", "many"), ("SHIMMY_CTX_SIZE", "-1"), ("SHIMMY_QUEUE", "1e300"), ("SHIMMY_STREAM_GAP", "0"),
])
def test_numbers_of_the_environment_that_cannot_be_are_refused(home, variable, value):
    assert_failed(run(home, "serve", "--port", "auto", **{variable: value}), 64, variable)


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--port", "x"], ["--ctx-size", "3"], ["--slots", "0"], ["--log-level", "loud"], ["--api-key-file", "/nothing"]])
def test_wrong_options_are_refused(home, arguments):
    assert_failed(run(home, "serve", *arguments), 64, arguments[1] if arguments[0] in ("--port", "--log-level", "--api-key-file") else arguments[0])


def test_a_model_that_is_not_there(home):
    assert_failed(run(home, "serve", "--port", "auto", "--model", "/no/such.gguf"), 3, "/no/such.gguf")


def test_it_listens_before_it_loads_and_preloads_when_asked(home):
    with Server(home) as server:
        assert server.request("GET", "/health").json["models_loaded"] == 0
    with Server(home, "--preload") as server:
        wait_until(lambda: server.request("GET", "/health").json["models_loaded"] == 1, "the load")


def test_the_banner_has_a_command_that_works(home):
    process = subprocess.Popen([BINARY, "serve", "--port", "auto"], env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        lines = [process.stdout.readline() for _ in range(5)]
        assert f"Model: {MODEL}\n" in lines
        command = "".join(lines[-2:])
        assert command.lstrip().startswith("curl ")
        answer = json.loads(subprocess.run(["sh", "-c", command.replace("curl ", "curl -s ")], capture_output=True, text=True).stdout)
        assert answer["choices"][0]["message"]["content"]
    finally:
        process.terminate()
        process.wait(10)


def test_options_from_the_environment(home, tmp_path):
    with Server(home, SHIMMY_CTX_SIZE="512", SHIMMY_LOG_FORMAT="json", SHIMMY_LOG_LEVEL="debug") as server:
        assert server.request("GET", f"/v1/models/{MODEL}").json["shimmy"]["context_length"] == 512
        server.chat("word " * 600).assert_error(400, "messages", "context_length_exceeded")
        for line in server.log.read_text().splitlines():
            assert json.loads(line)["level"]


def test_a_model_by_path_and_by_environment(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, variables in ((["--model", str(MODEL_FILE)], {}), ([], {"SHIMMY_MODEL": str(MODEL_FILE)}), ([], {"SHIMMY_BASE_GGUF": str(MODEL_FILE)})):
        with Server(empty, *arguments, **variables) as server:
            assert [model["id"] for model in server.request("GET", "/v1/models").json["data"]] == [MODEL]
            assert server.chat(max_tokens=1).status == 200


def test_model_directories(tmp_path):
    empty, shelf = tmp_path / "empty", tmp_path / "shelf"
    empty.mkdir()
    shelf.mkdir()
    (shelf / "mine.gguf").symlink_to(MODEL_FILE)
    for arguments, variables in ((["--model-dir", str(shelf)], {}), ([], {"SHIMMY_MODEL_DIR": str(shelf)}), ([], {"SHIMMY_MODEL_PATHS": f"/nothing;{shelf}"})):
        models = json.loads(run(empty, "list", "--json", *arguments, **variables).stdout)
        assert [model["id"] for model in models] == ["mine"]


def test_the_bind_address_of_the_rust_shimmy(home):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([BINARY, "serve"], env=environment(home, SHIMMY_BIND_ADDRESS=f"127.0.0.1:{port}"), stdout=subprocess.PIPE, text=True)
    try:
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
    finally:
        process.terminate()
        process.wait(10)
    assert_failed(run(home, "serve", SHIMMY_BIND_ADDRESS="nonsense"), 64, "SHIMMY_BIND_ADDRESS")


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "http://localhost:{}/", "[::1]:{}"])
def test_one_variable_tells_server_and_clients_where(home, form):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = form.format(free.getsockname()[1])
    process = subprocess.Popen([BINARY, "serve"], env=environment(home, SHIMMY_HOST=place), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert "Shimmy is listening on http://" in process.stdout.readline()
        assert run(home, "ps", SHIMMY_HOST=place).returncode == 0
    finally:
        process.terminate()
        process.wait(10)
