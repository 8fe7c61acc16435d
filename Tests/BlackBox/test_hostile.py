"""Malicious files: the server reports what is wrong with them and keeps running."""

import http.server
import json
import os
import struct
import subprocess
import sys
import threading

import pytest

import tiny_models
from server import BINARY, Server, environment

NAN = float("nan")
UNSIGNED, FLOAT, STRING, ARRAY = 4, 6, 8, 9


def numbers(kind, *values):
    """Returns an array in the format of a GGUF header."""
    return struct.pack("<IIQ", ARRAY, UNSIGNED if kind == "I" else FLOAT, len(values)) + struct.pack(f"<{len(values)}{kind}", *values)


def tokens(*texts):
    return tiny_models._value(list(texts))


# The defect of each file: a header's entry, or a tensor's shape. llama.cpp aborts the process for those of the first group.
ENTRIES = {
    "no-context": ("llama.context_length", 0),
    "endless-context": ("llama.context_length", 2**32 - 1),
    "no-layers": ("llama.block_count", 0),
    "many-layers": ("llama.block_count", 2**32 - 1),
    "experts": ("llama.expert_count", 8),
    "used-experts": ("llama.expert_used_count", 8),
    "expert-groups": ("llama.expert_group_count", 8),
    "next-layers": ("llama.nextn_predict_layers", 3),
    "scaling": ("llama.rope.scaling.type", "bent"),
    "epsilon-nan": ("llama.attention.layer_norm_rms_epsilon", NAN),
    "epsilon-negative": ("llama.attention.layer_norm_rms_epsilon", -1.0),
    "same-tokens": ("tokenizer.ggml.tokens", tokens(*["a"] * 258)),
    "flags-for-heads": ("llama.attention.head_count_kv", struct.pack("<IIQBB", ARRAY, 7, 2, 1, 0)),
    "no-vocabulary": ("tokenizer.ggml.model", "none"),
    "no-bytes": ("tokenizer.ggml.model", "llama"),
    # llama.cpp refuses these.
    "no-heads": ("llama.attention.head_count", 0),
    "odd-heads": ("llama.attention.head_count", 7),
    "cache-heads": ("llama.attention.head_count_kv", 2**31),
    "width": ("llama.embedding_length", 2**31),
    "no-width": ("llama.embedding_length", 0),
    "hidden": ("llama.feed_forward_length", 2**32 - 1),
    "heads-for-layers": ("llama.attention.head_count", numbers("I", 2, 2, 2)),
    "text-for-number": ("llama.block_count", "two"),
    "architecture": ("general.architecture", "starfish"),
    "few-tokens": ("tokenizer.ggml.tokens", tokens("a", "b")),
    "scores": ("tokenizer.ggml.scores", numbers("f", 1.0)),
    "types": ("tokenizer.ggml.token_type", numbers("I", 1)),
    "tokenizer": ("tokenizer.ggml.model", "alphabet"),
    "pre-tokenizer": ("tokenizer.ggml.pre", "scissors"),
    "split": ("split.count", struct.pack("<IH", 2, 9)),
}
SHAPES = {
    "no-rows": ("blk.0.attn_q.weight", 32, 0), "long-row": ("blk.0.attn_q.weight", 1024), "flat": ("blk.1.ffn_down.weight", 2048),
    "deep": ("blk.1.ffn_down.weight", 64, 16, 2), "wraps": ("blk.0.attn_k.weight", 2**32, 2**32), "dot": ("token_embd.weight",),
}


# Weight types that cannot be multiplied, and a norm type that cannot be added.
TYPES = {"whole-numbers": ("blk.0.attn_q.weight", 26), "doubles": ("blk.0.ffn_up.weight", 28), "half-norm": ("output_norm.weight", 1)}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("hostile")
    models = home / "data/models"
    tiny_models.llama(models / "good.gguf")
    for name, (key, value) in ENTRIES.items():
        tiny_models.llama(models / f"{name}.gguf", lambda model: model.replace(key, value))
    for name, (tensor, *shape) in SHAPES.items():
        tiny_models.llama(models / f"{name}.gguf", lambda model: model.reshape(tensor, *shape))
    for name, (tensor, kind) in TYPES.items():
        tiny_models.llama(models / f"{name}.gguf", lambda model: model.types.update({tensor: kind}))
    whole = (models / "good.gguf").read_bytes()
    (models / "cut.gguf").write_bytes(whole[:-5000])
    (models / "swapped.gguf").write_bytes(whole.replace(b"blk.0.attn_q", b"blk.0.attn_r"))
    return home


@pytest.fixture(scope="module")
def server(home):
    with Server(home) as server:
        yield server
        assert server.process.poll() is None, server.log.read_text()[-3000:]


@pytest.mark.parametrize("name", [*ENTRIES, *SHAPES, *TYPES, "cut", "swapped"])
def test_a_hostile_file_is_refused_and_the_server_lives(server, name):
    answer = server.chat(model=name, max_tokens=2)
    assert (answer.status, answer.json["error"]["code"]) in ((400, "model_not_usable"), (500, "model_load_failed")), answer.body
    assert server.chat(model="good", max_tokens=2).status == 200


def test_looking_at_hostile_files_takes_little_memory(tmp_path):
    """Discovery uses little memory for sparse files of 1 GB each, whose headers claim the whole file."""
    models = tmp_path / "data/models"
    models.mkdir(parents=True)
    head = b"GGUF" + struct.pack("<I", 3)
    claims = {
        "tensors": head + struct.pack("<QQ", 1 << 24, 0), "entries": head + struct.pack("<QQ", 0, 1 << 25),
        "text": head + struct.pack("<QQ", 0, 1) + tiny_models._text("k") + struct.pack("<IQ", STRING, 1 << 29),
        "list": head + struct.pack("<QQ", 0, 1) + tiny_models._text("k") + struct.pack("<IIQ", ARRAY, STRING, 1 << 26),
    }
    folder = models / "folder"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 29) + b"{")
    for name, claim in claims.items():
        (models / f"{name}.gguf").write_bytes(claim)
    for file in [*models.glob("*.gguf"), folder / "model.safetensors", folder / "config.json"]:
        os.truncate(file, 1 << 30)
    # The max RSS of a process includes its parent's memory from before `exec`, so the parent has to be small.
    measure = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    result = subprocess.run(
        [sys.executable, "-c", measure, BINARY, "discover"], env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=True
    )
    *output, peak = result.stdout.splitlines()
    assert any("tensors" in line for line in output) and any("folder" in line for line in output)
    assert int(peak) < 300_000 * (1024 if sys.platform == "darwin" else 1)  # kilobytes on Linux


def test_pipes_in_the_way_stop_nobody(tmp_path):
    """A disk scan does not block on pipes, although opening one waits for a writer."""
    models = tmp_path / "data/models"
    tiny_models.llama(models / "good.gguf")
    (models / "folder").mkdir()
    (models / "folder/model.safetensors").write_bytes(b"x")
    for name in ("pipe.gguf", "pipe.imatrix", "folder/config.json", ".shimmy-pull.json"):
        os.mkfifo(models / name)
    os.mkfifo(tmp_path / "data/aliases.json")
    (tmp_path / ".lmstudio").mkdir()
    os.mkfifo(tmp_path / ".lmstudio/settings.json")
    listed = subprocess.run([BINARY, "list"], env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=True)
    assert "good" in listed.stdout
    with Server(tmp_path) as server:
        assert server.chat(model="good", max_tokens=2).status == 200
        assert server.request("GET", "/v1/models").status == 200
        assert server.chat(model="pipe", max_tokens=2).status in (400, 404)


def test_a_file_with_more_values_than_there_are_numbers_is_listed(tmp_path):
    models = tmp_path / "data/models"
    models.mkdir(parents=True)
    # A sparse file with tensors of a type that has little more than one bit per value.
    rows = 1 << 54
    def entry(name, offset):
        return tiny_models._text(name) + struct.pack("<IQQIQ", 2, 128, rows, 41, offset)
    entries = [entry("a.weight", 0)]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(entries), 2) + tiny_models._text("general.architecture") + struct.pack("<I", STRING) + tiny_models._text("llama")
    head += tiny_models._text("llama.context_length") + struct.pack("<Iq", 11, -(2**63)) + b"".join(entries)
    (models / "huge.gguf").write_bytes(head)
    for arguments in (["list"], ["list", "--json"], ["show", "huge"], ["show", "--json", "huge"]):
        shown = subprocess.run([BINARY, *arguments], env=environment(tmp_path), capture_output=True, text=True, timeout=60)
        assert shown.returncode in (0, 4, 5, 64, 1, 3), (arguments, shown)
    # A file with a negative context length.
    small = b"GGUF" + struct.pack("<IQQ", 3, 1, 2) + tiny_models._text("general.architecture") + struct.pack("<I", STRING) + tiny_models._text("llama")
    small += tiny_models._text("llama.context_length") + struct.pack("<Iq", 11, -(2**63)) + tiny_models._text("token_embd.weight")
    small += struct.pack("<IQQIQ", 2, 32, 1, 0, 0)
    (models / "negative.gguf").write_bytes(small + bytes(-len(small) % 32) + bytes(128))
    listed = subprocess.run([BINARY, "list"], env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=True)
    assert "negative" in listed.stdout


def test_a_hostile_adapter_stops_nobody(tmp_path):
    models = tmp_path / "data/models"
    tiny_models.llama(models / "good.gguf")

    def adapter(name, change):
        model = tiny_models.TinyModel("adapter", [], type="lora", **{"lora.alpha": 4.0})
        model.replace("general.type", "adapter")
        model.replace("general.architecture", "llama")
        model.tensor("blk.0.attn_q.weight.lora_a", 32, 2)
        model.tensor("blk.0.attn_q.weight.lora_b", 2, 32)
        change(model)
        model.write(models / f"{name}.gguf")

    adapter("fits", lambda model: None)
    def adapt_the_table(model):
        model.tensor("token_embd.weight.lora_a", 2, 258)
        model.tensor("token_embd.weight.lora_b", 2, 32)

    changes = {
        "table": adapt_the_table,  # the model's output layer is the same tensor
        "kind": lambda model: model.replace("general.type", 7), "alpha": lambda model: model.replace("adapter.lora.alpha", "four"),
        "type": lambda model: model.replace("adapter.type", 3), "rank": lambda model: model.reshape("blk.0.attn_q.weight.lora_b", 1, 64),
        "deep": lambda model: model.reshape("blk.0.attn_q.weight.lora_a", 32, 1, 2), "half": lambda model: model.tensors.pop(),
        "nothing": lambda model: model.tensors.clear(), "norm": lambda model: model.tensor("blk.0.attn_norm.weight.lora_a", 32, 1),
    }
    for name, change in changes.items():
        adapter(name, change)
    with Server(tmp_path) as server:
        assert server.chat(model="good", max_tokens=2, lora=[{"name": "fits"}]).status == 200
        assert [entry["name"] for entry in server.request("GET", "/lora-adapters?model=good").json] == ["fits"]
        for name in changes:
            server.chat(model="good", lora=[{"name": name}]).assert_error(400, "lora[0].name", "invalid_value")
        assert server.chat(model="good", max_tokens=2, lora=[{"name": "fits", "scale": 10}]).status == 200


# Answers that another or a faulty server may give.

HUGE, LEAST = 2**63 - 1, -(2**63)
MODELS = [{"id": "m", "shimmy": {"parameters": HUGE, "size_bytes": HUGE, "context_length": LEAST, "loaded": True}},
          {"id": "n", "shimmy": {"parameters": LEAST, "size_bytes": LEAST, "context_length": 1e300}}, {"id": 5}, None, []]
ENGINES = [
    {"model": "m", "state": "loaded", "memory": {"weights": HUGE, "cache": HUGE, "compute": LEAST}, "expires_at": 1e300, "running": HUGE, "waiting": HUGE,
     "generated_tokens": HUGE, "prefix_cache": {"cached_tokens": HUGE, "computed_tokens": HUGE}},
    {"model": "n", "state": "loading", "progress": -1e300, "generated_tokens": LEAST, "prefix_cache": {"cached_tokens": LEAST, "computed_tokens": LEAST}},
    {"model": "o", "expires_at": -1e300}, {"model": 1}, None,
]
PULLED = [{"completed": HUGE, "total": 1}, {"completed": LEAST, "total": HUGE}, {"completed": 1, "total": LEAST}, {"status": "success", "model": "m"}]
CHUNKS = [{"choices": [{"delta": {"content": "x"}}]}, {"choices": []}, {"choices": 5}, [],
          {"choices": [], "usage": {"prompt_tokens": LEAST, "completion_tokens": HUGE, "prompt_tokens_details": {"cached_tokens": HUGE}}}]


class Liar(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.end_headers()
        try:
            for piece in body:
                self.wfile.write(piece)
        except OSError:
            pass  # The client has closed the connection.

    def do_GET(self):
        answers = {"/v1/engine": {"data": ENGINES, "memory": {"used": HUGE, "budget": LEAST}}, "/v1/models": {"data": MODELS}}
        self.reply("application/json", [json.dumps(answers.get(self.path, MODELS[0])).encode()])

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.server.endless:
            return self.reply("text/event-stream", (b"data: " + b"x" * (1 << 20) if number == 0 else b"x" * (1 << 20) for number in range(1 << 20)))
        events = {"/v1/models/pull": PULLED, "/v1/chat/completions": CHUNKS}.get(self.path, [MODELS[0]])
        lines = [b": " + b"\x1b]0;title\x07" * 1000 + b"\n\n", *(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events), b"data: [DONE]\n\n"]
        self.reply("text/event-stream", lines)


@pytest.fixture
def liar():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.endless, server.daemon_threads = False, True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.parametrize("arguments", [["ps"], ["ps", "--json"], ["list"], ["show", "m"], ["load", "m"], ["pull", "a/b"], ["run", "--json", "m", "Hi"], ["run", "--verbose", "m", "Hi"]])
def test_numbers_of_a_server_that_cannot_be_end_no_command(liar, tmp_path, arguments):
    command, *rest = arguments
    host = f"127.0.0.1:{liar.server_port}"
    ended = subprocess.run([BINARY, command, "--host", host, *rest], env=environment(tmp_path), capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode in (0, 1), (ended.returncode, ended.stderr)
    assert b"\x1b" not in ended.stdout + ended.stderr


def test_an_event_without_end_is_given_up(liar, tmp_path):
    liar.endless = True
    measure = "import resource, subprocess, sys; print(subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    command = [BINARY, "run", "--host", f"127.0.0.1:{liar.server_port}", "m", "Hi"]
    ended = subprocess.run([sys.executable, "-c", measure, *command], env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=True)
    code, peak = ended.stdout.split()[-2:]
    assert code == "1" and "an event is longer than" in ended.stderr, ended
    assert int(peak) < 400_000 * (1024 if sys.platform == "darwin" else 1)
