"""Writes the default model as a folder in the form of the Hugging Face hub, as `transformers` reads it: config, tokenizer, SafeTensors.

    python3 hub_folder.py FOLDER
"""

import json
import struct
import sys
from pathlib import Path

import numpy

import gguf_file
from server import MODEL_FILE

NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
SPECIAL = 3  # the type of a special token in GGUF


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
        kind = "F16" if values.dtype == numpy.float16 else "F32"
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(values.tobytes())


def write_weights(folder: Path, model: gguf_file.GGUFFile, heads: int, cache_heads: int):
    """Writes two weight files and their index. The halves of the rotary dimensions are separate, as in transformers."""
    tensors = {}
    for tensor in model.tensors:
        values = tensor.values()
        for part, count in (("attn_q", heads), ("attn_k", cache_heads)):
            if part in tensor.name:
                values = values.reshape(count, values.shape[0] // count // 2, 2, -1).swapaxes(1, 2).reshape(values.shape)
        if tensor.name != "output.weight":
            tensors[hub_name(tensor.name)] = numpy.ascontiguousarray(values.astype(numpy.float16 if values.ndim > 1 else numpy.float32))
    names = list(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:100], "model-00002-of-00002.safetensors": names[100:]}
    for file, part in parts.items():
        write_safetensors(folder / file, {name: tensors[name] for name in part})
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def write_tokenizer(folder: Path, value):
    """Writes the tokenizer and the chat template. `value` returns the value of a key of the GGUF file."""
    tokens, kinds = value("tokenizer.ggml.tokens"), value("tokenizer.ggml.token_type")
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": index, "content": token, **plain, "special": True} for index, (token, kind) in enumerate(zip(tokens, kinds)) if kind == SPECIAL]
    levels = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, levels]},
        "post_processor": None, "decoder": levels,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
            "byte_fallback": False, "vocab": {token: index for index, token in enumerate(tokens)}, "merges": value("tokenizer.ggml.merges"),
        },
    }))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, "model_max_length": value("llama.context_length"),
        "bos_token": tokens[value("tokenizer.ggml.bos_token_id")],
        "eos_token": {"__type": "AddedToken", "content": tokens[value("tokenizer.ggml.eos_token_id")], **plain, "special": True},
        "chat_template": value("tokenizer.chat_template"),
    }))


def write_folder(folder: Path) -> Path:
    """Writes the default model into a new folder. Returns the folder."""
    model = gguf_file.read(MODEL_FILE)
    value = model.metadata.__getitem__
    heads, cache_heads = value("llama.attention.head_count"), value("llama.attention.head_count_kv")
    folder.mkdir(parents=True)
    write_weights(folder, model, heads, cache_heads)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float16", "hidden_act": "silu",
        "hidden_size": value("llama.embedding_length"), "intermediate_size": value("llama.feed_forward_length"),
        "num_hidden_layers": value("llama.block_count"), "num_attention_heads": heads, "num_key_value_heads": cache_heads,
        "max_position_embeddings": value("llama.context_length"), "rms_norm_eps": value("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": value("llama.rope.freq_base"), "vocab_size": len(value("tokenizer.ggml.tokens")), "tie_word_embeddings": True,
        "bos_token_id": value("tokenizer.ggml.bos_token_id"), "eos_token_id": value("tokenizer.ggml.eos_token_id"),
    }))
    write_tokenizer(folder, value)
    return folder


if __name__ == "__main__":
    write_folder(Path(sys.argv[1]))
