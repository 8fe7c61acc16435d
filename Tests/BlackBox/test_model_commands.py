"""Commands for models: loaded models, contents of files, copies, aliases, removal, shell completions."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import gguf
import pexpect
import pytest

from fake_hub import FakeHub
from server import BINARY, MODEL, MODEL_FILE, Server, environment, make_home, put_model, run
from terminal import Dialogue, without_escapes

NO_SERVER = "127.0.0.1:9"


@pytest.fixture
def own(tmp_path):
    """A home with two models that a test may change."""
    own = make_home(tmp_path / "own")
    put_model(own / "data/models/second.gguf")
    return own


@pytest.fixture
def busy(own):
    with Server(own) as server:
        yield server


def told(result: subprocess.CompletedProcess) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout


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
    told(run(own, "load", *host, "--keep-alive", "2h", "second"))
    assert "1 h 59 min" in told(run(own, "ps", *host)) or "2 h 0 min" in told(run(own, "ps", *host))
    assert run(own, "load", *host, "--keep-alive", "long", "second").returncode == 64
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


# Removing.


def test_rm_removes_what_is_shimmys(own):
    models = own / "data/models"
    assert run(own, "rm", "second").returncode == 64  # Standard input is not a terminal.
    assert (models / "second.gguf").exists()
    assert told(run(own, "rm", "--yes", "second")) == "second is removed: 98 MB.\n"
    assert not (models / "second.gguf").exists()
    # A link is removed, its target stays.
    assert json.loads(told(run(own, "rm", "--yes", "--json", MODEL)))["files"] == [str(models / MODEL_FILE.name)]
    assert list(models.iterdir()) == [] and MODEL_FILE.exists()
    assert run(own, "rm", "--yes", "second").returncode == 3


def test_rm_asks_at_a_terminal(own):
    for answer, remains in (("n", True), ("", True), ("y", False)):
        child = pexpect.spawn(BINARY, ["rm", "second"], env=environment(own, SHIMMY_HOST=NO_SERVER), encoding="utf-8", timeout=30)
        child.expect_exact(f"Remove second, 98 MB: {own}/data/models/second.gguf? [y/N] ")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert (child.exitstatus, (own / "data/models/second.gguf").exists()) == (1 if remains else 0, remains)


def test_rm_refuses_what_is_others(own, tmp_path):
    shelf = tmp_path / "shelf"
    theirs = put_model(shelf / "theirs.gguf")
    studio = put_model(own / ".lmstudio/models/maker/repo/studio-Q4_1.gguf")
    refused = run(own, "rm", "--yes", "--model-dir", str(shelf), "theirs")
    assert refused.returncode == 1 and "one of your own directories" in refused.stderr and str(theirs) in refused.stderr
    refused = run(own, "rm", "--yes", "maker/repo:Q4_1")
    assert refused.returncode == 1 and "LM Studio" in refused.stderr
    # `rm` takes only names, not paths.
    assert run(own, "rm", "--yes", str(theirs)).returncode == 3
    assert theirs.exists() and studio.exists()


def test_rm_follows_no_link_in_a_path(own, tmp_path):
    """A folder of the model directory may be a link to another disk, whose files do not belong to Shimmy."""
    nas = tmp_path / "nas"
    theirs = put_model(nas / "repo/theirs-Q4_1.gguf")
    (own / "data/models/maker").symlink_to(nas)
    refused = run(own, "rm", "--yes", "maker/repo:Q4_1")
    assert refused.returncode == 1 and str(theirs) in refused.stderr, refused.stderr
    assert theirs.exists() and (own / "data/models/maker").is_symlink()
    # The same applies to a folder of SafeTensors on the other disk.
    folder = nas / "folder"
    shutil.copytree(Path(os.environ["SHIMMY_EMBEDDING_MODEL"]), folder)
    before = sorted(path.name for path in folder.iterdir())
    assert run(own, "rm", "--yes", "maker/folder").returncode == 1
    assert sorted(path.name for path in folder.iterdir()) == before
    # If the model's folder itself is a link, the link is removed.
    (own / "data/models/linked").symlink_to(folder)
    told(run(own, "rm", "--yes", "linked"))
    assert not (own / "data/models/linked").is_symlink() and sorted(path.name for path in folder.iterdir()) == before


def test_rm_of_a_pulled_model_takes_its_manifest_along(own):
    hub = FakeHub()
    weights = MODEL_FILE.read_bytes()
    hub.repositories["maker/Tiny-GGUF"] = {"Tiny-Q4_1.gguf": weights, "Tiny-Q8_0.gguf": weights}
    for quantization in ("Q4_1", "Q8_0"):
        told(run(own, "pull", f"maker/Tiny-GGUF:{quantization}", HF_ENDPOINT=hub.url))
    hub.close()
    folder = own / "data/models/maker/Tiny-GGUF"
    told(run(own, "rm", "--yes", "maker/Tiny-GGUF:Q4_1"))
    assert list(json.loads((folder / ".shimmy-pull.json").read_text())["files"]) == ["Tiny-Q8_0.gguf"]
    told(run(own, "rm", "--yes", "maker/Tiny-GGUF:Q8_0"))
    assert not (own / "data/models/maker").exists() and (own / "data/models").exists()


def test_rm_of_a_folder_and_of_what_it_became(own, tmp_path):
    source = Path(os.environ["SHIMMY_EMBEDDING_MODEL"])
    folder = own / "data/models/minilm"
    shutil.copytree(source, folder)
    (own / "cache/converted").mkdir(parents=True)
    with Server(own) as server:
        assert server.request("POST", "/v1/embeddings", {"model": "minilm", "input": "Hi"}).status == 200
    assert len(list((own / "cache/converted").iterdir())) == 1
    told(run(own, "rm", "--yes", "--converted", "minilm"))
    assert list((own / "cache/converted").iterdir()) == [] and (folder / "config.json").exists()
    assert run(own, "rm", "--yes", "--converted", "minilm").returncode == 1
    told(run(own, "rm", "--yes", "minilm"))
    assert not folder.exists() and (source / "config.json").exists()


def test_rm_of_a_loaded_model(own, busy):
    host = f"127.0.0.1:{busy.port}"
    with Dialogue(own, "--host", host, "--set", "temperature=0", "second") as dialogue:
        dialogue.begin_long_answer()
        refused = run(own, "rm", "--yes", "--host", host, "second")
        assert refused.returncode == 1 and "has running or pending requests" in refused.stderr
        assert (own / "data/models/second.gguf").exists()
        dialogue.type("\x03")
        dialogue.expect_prompt()
        told(run(own, "rm", "--yes", "--host", host, "second"))
    assert "second" not in told(run(own, "ps", "--host", host))


# Copies and aliases.


def test_cp_makes_a_model_of_its_own(own):
    told(run(own, "cp", "second", "third"))
    copy = own / "data/models/third/third.gguf"
    assert copy.stat().st_ino == (own / "data/models/second.gguf").stat().st_ino
    told(run(own, "rm", "--yes", "second"))
    assert told(run(own, "run", "--local", "--set", "max_tokens=3", "third", "Hi"))
    assert json.loads(told(run(own, "cp", "--json", str(MODEL_FILE), "fourth")))["path"] == str(own / "data/models/fourth")
    assert told(run(own, "list", "--names")) == f"{MODEL}\nfourth\nthird\n"
    told(run(own, "rm", "--yes", "third"))
    assert not copy.parent.exists()


def test_cp_takes_parts_and_projectors_along(own):
    for part in (1, 2):
        put_model(own / f"data/models/parts/parts-{part:05}-of-00002.gguf")
    projector = gguf.GGUFWriter(own / "data/models/parts/mmproj.gguf", "clip")
    projector.write_header_to_file()
    projector.write_kv_data_to_file()
    projector.close()
    told(run(own, "cp", "parts", "whole"))
    names = sorted(path.name for path in (own / "data/models/whole").iterdir())
    assert names == ["mmproj-whole.gguf", "whole-00001-of-00002.gguf", "whole-00002-of-00002.gguf"]


def write_projector(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    projector = gguf.GGUFWriter(path, "clip")
    projector.write_header_to_file()
    projector.write_kv_data_to_file()
    projector.close()


def test_rm_takes_along_the_projector_that_cp_made(own):
    models = own / "data/models"
    put_model(models / "seeing/seeing.gguf")
    write_projector(models / "seeing/mmproj.gguf")
    for _ in range(2):
        told(run(own, "cp", "seeing", "copy"))
        assert (models / "copy/mmproj-copy.gguf").exists()
        removed = json.loads(told(run(own, "rm", "--yes", "--json", "copy")))["files"]
        assert removed == [str(models / "copy/copy.gguf"), str(models / "copy/mmproj-copy.gguf")]
        assert not (models / "copy").exists()
    # A projector stays as long as another model is in its folder. It always stays in the model directory itself.
    put_model(models / "seeing/second-look.gguf")
    write_projector(models / "mmproj-anybodys.gguf")
    told(run(own, "rm", "--yes", "seeing"))
    assert (models / "seeing/mmproj.gguf").exists()
    told(run(own, "rm", "--yes", "second-look"))
    assert not (models / "seeing").exists()
    for name in ("second", MODEL):
        told(run(own, "rm", "--yes", name))
    assert [path.name for path in models.iterdir()] == ["mmproj-anybodys.gguf"]


@pytest.mark.parametrize("name", ["../out", "a/b", ".hidden", "x-00001-of-00002", "", "second", "SECOND"])
def test_cp_refuses_names(own, name):
    before = sorted(str(path) for path in own.rglob("*"))
    refused = run(own, "cp", MODEL, name)
    assert refused.returncode == 1 and refused.stdout == ""
    assert sorted(str(path) for path in own.rglob("*")) == before


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
        deadline = time.monotonic() + 4
        while meant() != model:
            assert time.monotonic() < deadline, f"fast is {meant()}, not {model}"
            time.sleep(0.05)

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


def test_an_alias_that_the_configuration_took_over_is_listed_as_such(own):
    told(run(own, "alias", f"gpt-4o={MODEL}"))
    configure(own, '[model.second]\naliases = ["gpt-4o"]\n')
    assert "shimmy.toml:2 defines it as an alias of second" in json.loads(told(run(own, "alias", "--json")))[0]["problem"]
    told(run(own, "alias", "--remove", "gpt-4o"))


# Completions.


@pytest.mark.parametrize("shell, check", [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])])
def test_completions_are_scripts(home, tmp_path, shell, check):
    script = told(run(home, "completions", shell))
    assert "list --names" in script and "discover" in script
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here to read its script")
    file = tmp_path / f"completions.{shell}"
    file.write_text(script)
    read = subprocess.run([shell, *check, str(file)], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


def completed(shell: str, script: Path, line: str, variables: dict) -> str:
    """Returns the line after the shell's completion."""
    if shell == "zsh":
        # The shell completes only in interactive mode.
        child = pexpect.spawn(shell, ["-f", "-i"], env={**variables, "TERM": "xterm"}, encoding="utf-8", timeout=60, dimensions=(40, 200))
        child.sendline(f"autoload -U compinit; compinit -u -D; source {script}; compdef _shimmy shimmy; PS1='READ''Y> '")
        child.expect_exact("READY> ")
        child.send(line + "\t\x01#\r")
        child.expect("READY> ")
        shown = without_escapes(child.before)
        child.close(force=True)
        return shown
    words = line.split(" ")
    commands = {
        "fish": ["--no-config", "-c", f"source {script}; complete -C '{line}'"],
        "bash": ["--norc", "-c", f'''
            source {script}
            COMP_LINE="{line}" COMP_POINT={len(line)} COMP_WORDS=({line}) COMP_CWORD={len(words) - 1}
            _shimmy shimmy "{words[-1]}" "{words[-2]}"
            printf "%s\\n" "${{COMPREPLY[@]}}"'''],
    }
    return subprocess.run([shell, *commands[shell]], env=variables, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_options_and_models(home, tmp_path, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here to complete anything")
    script = tmp_path / f"completions.{shell}"
    script.write_text(told(run(home, "completions", shell)))
    variables = environment(home)
    variables["PATH"] = f"{Path(BINARY).parent}:{variables['PATH']}"
    for line, word in (("shimmy disc", "discover"), ("shimmy serve --por", "--port"), (f"shimmy show {MODEL[:6]}", MODEL)):
        assert word in completed(shell, script, line, variables)


def test_completions_are_for_three_shells(home):
    assert run(home, "completions", "tcsh").returncode == 64
