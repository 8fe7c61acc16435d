"""Folders of SafeTensors: the default model, split into a folder as on the hub, gives the same answers after its conversion."""

import json
import struct
from pathlib import Path

import numpy
import pytest

import gguf_file
from server import MODEL_FILE, Server, run

NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def hub_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, ending = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.{ending}"


def write_safetensors(path: Path, tensors: dict):
    header, offset = {}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F16" if values.dtype == numpy.float16 else "F32", "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(values.tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The default model as a folder with two weight files, with the halves of the rotary dimensions separate, as in transformers."""
    model = gguf_file.read(MODEL_FILE)
    value = model.metadata.__getitem__
    heads, cache_heads = value("llama.attention.head_count"), value("llama.attention.head_count_kv")
    tensors = {}
    for tensor in model.tensors:
        values = tensor.values()
        for part, count in (("attn_q", heads), ("attn_k", cache_heads)):
            if part in tensor.name:
                values = values.reshape(count, values.shape[0] // count // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)
        if tensor.name != "output.weight":
            tensors[hub_name(tensor.name)] = numpy.ascontiguousarray(values.astype(numpy.float16 if values.ndim > 1 else numpy.float32))
    folder = tmp_path_factory.mktemp("hub") / "data/models/smol"
    folder.mkdir(parents=True)
    names = list(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:100], "model-00002-of-00002.safetensors": names[100:]}
    for file, part in parts.items():
        write_safetensors(folder / file, {name: tensors[name] for name in part})
    index = {name: file for file, part in parts.items() for name in part}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "hidden_size": value("llama.embedding_length"), "intermediate_size": value("llama.feed_forward_length"),
        "num_hidden_layers": value("llama.block_count"), "num_attention_heads": heads, "num_key_value_heads": cache_heads,
        "max_position_embeddings": value("llama.context_length"), "rms_norm_eps": value("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": value("llama.rope.freq_base"), "vocab_size": len(value("tokenizer.ggml.tokens")), "tie_word_embeddings": True,
    }))
    tokens, kinds = value("tokenizer.ggml.tokens"), value("tokenizer.ggml.token_type")
    added = [{"id": index, "content": token, "special": True} for index, (token, kind) in enumerate(zip(tokens, kinds)) if kind == 3]
    (folder / "tokenizer.json").write_text(json.dumps({
        "added_tokens": added,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel", "use_regex": True}]},
        "model": {"type": "BPE", "vocab": {token: index for index, token in enumerate(tokens)}, "merges": value("tokenizer.ggml.merges")},
    }))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": tokens[value("tokenizer.ggml.bos_token_id")], "eos_token": {"content": tokens[value("tokenizer.ggml.eos_token_id")]},
        "chat_template": value("tokenizer.chat_template"),
    }))
    (folder.parent / "plain.gguf").symlink_to(MODEL_FILE)
    return folder


def test_a_converted_model_is_the_model(folder):
    text = "The capital of France is Paris, which has 2,102,650 inhabitants. L'été à Zürich, 日本語 😀!"
    with Server(folder.parent.parent.parent) as server:
        listed = {model["id"]: model["shimmy"] for model in server.request("GET", "/v1/models").json["data"]}
        assert listed["smol"]["architecture"] == "llama" and listed["smol"]["quantization"] == "F16"
        assert listed["smol"]["parameters"] == listed["plain"]["parameters"] and listed["smol"]["context_length"] == 8192

        def ask(model, path, **body):
            answer = server.request("POST", path, {"model": model, **body})
            assert answer.status == 200, answer.body
            return answer.json

        for special in (True, False):
            tokens = [ask(model, "/tokenize", content="<|im_start|>" + text, parse_special=special, add_special=special)["tokens"] for model in ("plain", "smol")]
            assert tokens[0] == tokens[1]
        messages = [{"role": "user", "content": "Where is Paris?"}]
        prompts = [ask(model, "/v1/chat/completions/render", messages=messages)["prompt"] for model in ("plain", "smol")]
        assert prompts[0] == prompts[1]
        # The same weights in 16 bits: only the rounding of quantized products differs.
        scores = [
            ask(model, "/v1/completions", prompt=text, max_tokens=0, echo=True, logprobs=0)["choices"][0]["logprobs"]["token_logprobs"][1:]
            for model in ("plain", "smol")
        ]
        differences = numpy.abs(numpy.subtract(*scores))
        assert differences.mean() < 0.1 and differences.max() < 0.8, differences
        assert "Paris" in ask("smol", "/v1/completions", prompt="The capital of France is", max_tokens=4, temperature=0)["choices"][0]["text"]


def test_the_command_converts_and_quantizes(folder, tmp_path):
    home = folder.parent.parent.parent
    plain = run(home, "convert", "smol", "--output", str(tmp_path / "smol.F16.gguf"))
    assert plain.returncode == 0 and plain.stdout.strip() == str(tmp_path / "smol.F16.gguf"), plain.stderr
    assert "100 %" in plain.stderr and "\r" not in plain.stderr
    small = run(home, "convert", str(tmp_path / "smol.F16.gguf"), "--quantize", "q8_0", "--output", str(tmp_path / "smol.Q8_0.gguf"))
    assert small.returncode == 0, small.stderr
    direct = run(home, "convert", str(folder), "--quantize", "Q8_0")
    assert direct.returncode == 0 and direct.stdout.strip().endswith("/data/models/smol.Q8_0.gguf"), direct.stderr
    assert Path(direct.stdout.strip()).stat().st_size == (tmp_path / "smol.Q8_0.gguf").stat().st_size < 0.6 * (tmp_path / "smol.F16.gguf").stat().st_size
    assert "France" in run(home, "generate", "--model", direct.stdout.strip(), "--temperature", "0", "--max-tokens", "12", "What is the capital of France?").stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["smol.F16.gguf", "smol.Q8_0.gguf"]
    assert run(home, "convert", "smol", "--quantize", "Q9").returncode == 64
    assert run(home, "convert", "plain").returncode == 64
    assert run(home, "convert", "nothing").returncode == 3
    again = run(home, "convert", str(folder), "--quantize", "Q8_0")
    assert again.returncode == 64 and "already exists" in again.stderr
