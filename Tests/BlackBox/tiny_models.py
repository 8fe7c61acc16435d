"""Tiny models with random weights in real architectures, for tests of architecture-specific behavior. Their nonsense is reproducible."""

import math
import random
import struct
from pathlib import Path

import gguf

import gguf_file

F32, UINT32, FLOAT32, BOOL, STRING, ARRAY = 0, 4, 6, 7, 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
ALIGNMENT = 32


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _text(value)
    if isinstance(value, bool):
        return struct.pack("<IB", BOOL, value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(_text, value))
    if isinstance(value, list):
        return struct.pack("<IIQ", ARRAY, UINT32, len(value)) + struct.pack(f"<{len(value)}I", *value)
    if isinstance(value, float):
        return struct.pack("<If", FLOAT32, value)
    return struct.pack("<II", UINT32, value)


def _skip(data: memoryview, kind: int, at: int) -> int:
    """Returns the offset of the end of a value."""
    if kind == STRING:
        return at + 8 + struct.unpack_from("<Q", data, at)[0]
    if kind != ARRAY:
        return at + SIZES[kind]
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner != STRING:
        return at + count * SIZES[inner]
    for _ in range(count):
        at = _skip(data, STRING, at)
    return at


def vocabulary(path: Path) -> list:
    """Returns the tokenizer of a GGUF file as raw key-value pairs."""
    data = memoryview(path.read_bytes())
    count, at, pairs = struct.unpack_from("<Q", data, 16)[0], 24, []
    for _ in range(count):
        begin = at
        length = struct.unpack_from("<Q", data, at)[0]
        key = bytes(data[at + 8 : at + 8 + length]).decode()
        kind = struct.unpack_from("<I", data, at + 8 + length)[0]
        at = _skip(data, kind, at + 12 + length)
        if key.startswith("tokenizer."):
            pairs.append(bytes(data[begin:at]))
    return pairs


def in_eight_bits(source: Path, path: Path):
    """Writes the same model with its Q4_1 weights in Q8_0. (llama.cpp does not requantize quantized weights.)"""
    original, infos, blocks, offset = gguf_file.read(source), b"", [], 0
    for tensor in original.tensors:
        kind, values = tensor.kind, tensor.data
        if kind == gguf.GGMLQuantizationType.Q4_1:
            kind = gguf.GGMLQuantizationType.Q8_0
            values = gguf.quantize(tensor.values(), kind)
        infos += _text(tensor.name) + struct.pack(f"<I{len(tensor.shape)}QIQ", len(tensor.shape), *tensor.shape, int(kind), offset)
        blocks.append(values.tobytes())
        offset += -(-len(blocks[-1]) // ALIGNMENT) * ALIGNMENT
    head = original.head + infos
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT))
        for block in blocks:
            file.write(block + bytes(-len(block) % ALIGNMENT))


class TinyModel:
    """A builder of GGUF files: collects metadata and tensors, then writes them."""

    def __init__(self, architecture: str, tokenizer: list, **metadata):
        self.random = random.Random(architecture)
        self.pairs = [_text("general.architecture") + _value(architecture)] + tokenizer
        self.pairs += [_text(f"{architecture}.{key}") + _value(value) for key, value in metadata.items()]
        self.tensors = []
        # Claimed types of some tensors; all others are F32.
        self.types = {}

    def replace(self, key: str, value):
        """Replaces the value of an entry, or adds the entry. A value of type `bytes` is raw and begins with its type."""
        raw = value if isinstance(value, bytes) else _value(value)
        self.pairs = [pair for pair in self.pairs if not pair.startswith(_text(key))] + [_text(key) + raw]

    def reshape(self, name: str, *shape: int):
        """Declares a shape for a tensor that differs from its data."""
        self.tensors = [(other, shape if other == name else old, data) for other, old, data in self.tensors]

    def tensor(self, name: str, *shape: int, scale: float | None = None, constant: float | None = None):
        """Adds a tensor. The shape is in ggml's order, with the row length first. By default, random numbers that preserve a row's norm."""
        count = math.prod(shape)
        scale = scale or 1 / math.sqrt(shape[0])
        # A row of numbers that is repeated with changing signs is random enough, and fast.
        if constant is None:
            base = [self.random.gauss(0, scale) for _ in range(4099)]
            values = [base[(index * 7 + index // 4099) % 4099] for index in range(count)]
        else:
            values = [constant] * count
        self.tensors.append((name, shape, struct.pack(f"<{count}f", *values)))

    def write(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        infos, offset = b"", 0
        for name, shape, data in self.tensors:
            infos += _text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", self.types.get(name, F32), offset)
            offset += -(-len(data) // ALIGNMENT) * ALIGNMENT
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.pairs)) + b"".join(self.pairs) + infos
        with open(path, "wb") as file:
            file.write(head + bytes(-len(head) % ALIGNMENT))
            for _, _, data in self.tensors:
                file.write(data + bytes(-len(data) % ALIGNMENT))


def mamba(path: Path, tokenizer_of: Path):
    """Writes a recurrent model: two layers of selective state spaces."""
    width, inner, state, rank, kernel, tokens = 32, 64, 16, 4, 4, 49152
    model = TinyModel("mamba", vocabulary(tokenizer_of), **{
        "context_length": 2048, "embedding_length": width, "feed_forward_length": 0, "attention.head_count": 0, "block_count": 2,
        "ssm.conv_kernel": kernel, "ssm.inner_size": inner, "ssm.state_size": state, "ssm.time_step_rank": rank,
        "attention.layer_norm_rms_epsilon": 1e-5, "vocab_size": tokens,
    })
    model.tensor("token_embd.weight", width, tokens, scale=1)
    model.tensor("output_norm.weight", width, constant=1)
    for layer in range(2):
        block = f"blk.{layer}."
        model.tensor(block + "attn_norm.weight", width, constant=1)
        model.tensor(block + "ssm_in.weight", width, 2 * inner)
        model.tensor(block + "ssm_conv1d.weight", kernel, inner)
        model.tensor(block + "ssm_conv1d.bias", inner, constant=0.1)
        model.tensor(block + "ssm_x.weight", inner, rank + 2 * state)
        model.tensor(block + "ssm_dt.weight", rank, inner)
        model.tensor(block + "ssm_dt.bias", inner, constant=-3)
        # Slow decay, so that early tokens still have an effect.
        model.tensor(block + "ssm_a", state, inner, constant=-0.05)
        model.tensor(block + "ssm_d", inner, constant=1)
        model.tensor(block + "ssm_out.weight", inner, width)
    model.write(path)


def lfm2(path: Path, tokenizer_of: Path):
    """Writes a hybrid model: one layer of short convolutions, one of attention."""
    width, hidden, tokens = 64, 128, 49152
    model = TinyModel("lfm2", vocabulary(tokenizer_of), **{
        "context_length": 2048, "embedding_length": width, "feed_forward_length": hidden, "attention.head_count": 1,
        "attention.head_count_kv": [0, 1], "block_count": 2, "shortconv.l_cache": 3, "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.freq_base": 10000.0, "vocab_size": tokens,
    })
    model.tensor("token_embd.weight", width, tokens, scale=1)
    model.tensor("token_embd_norm.weight", width, constant=1)
    model.tensor("output.weight", width, tokens)
    for layer in range(2):
        block = f"blk.{layer}."
        model.tensor(block + "attn_norm.weight", width, constant=1)
        model.tensor(block + "ffn_norm.weight", width, constant=1)
        model.tensor(block + "ffn_gate.weight", width, hidden)
        model.tensor(block + "ffn_up.weight", width, hidden)
        model.tensor(block + "ffn_down.weight", hidden, width)
        if layer == 0:
            model.tensor(block + "shortconv.conv.weight", 3, width)
            model.tensor(block + "shortconv.in_proj.weight", width, 3 * width)
            model.tensor(block + "shortconv.out_proj.weight", width, width)
        else:
            for name in ("q", "k", "v"):
                model.tensor(block + f"attn_{name}.weight", width, width)
            # Attention has more weight than the last token.
            model.tensor(block + "attn_output.weight", width, width, scale=2)
            model.tensor(block + "attn_q_norm.weight", width, constant=1)
            model.tensor(block + "attn_k_norm.weight", width, constant=1)
    model.write(path)


WINDOW = 16


def gemma2(path: Path, tokenizer_of: Path):
    """Writes a model with one layer that sees a window of 16 tokens, and one that sees all tokens."""
    width, hidden, tokens = 64, 128, 49152
    model = TinyModel("gemma2", vocabulary(tokenizer_of), **{
        "context_length": 2048, "embedding_length": width, "feed_forward_length": hidden, "block_count": 2, "attention.head_count": 2,
        "attention.head_count_kv": 1, "attention.key_length": 32, "attention.value_length": 32, "attention.sliding_window": WINDOW,
        "attention.layer_norm_rms_epsilon": 1e-6, "vocab_size": tokens,
    })
    model.tensor("token_embd.weight", width, tokens, scale=1)
    model.tensor("output_norm.weight", width, constant=1)
    for layer in range(2):
        block = f"blk.{layer}."
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            # Attention has more weight than the last token.
            model.tensor(f"{block}{name}.weight", width, constant=4 if name == "post_attention_norm" else 1)
        for name, rows, columns in (
            ("attn_q", width, 64), ("attn_k", width, 32), ("attn_v", width, 32), ("attn_output", 64, width), ("ffn_gate", width, hidden),
            ("ffn_up", width, hidden), ("ffn_down", hidden, width),
        ):
            model.tensor(f"{block}{name}.weight", rows, columns)
    model.write(path)


def llama(path: Path, change=lambda model: None, context: int = 256):
    """Writes a minimal decoder of 90 kB with one byte per token. `change` may damage it before it is written."""
    width, hidden, layers = 32, 64, 2
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden_bytes = [byte for byte in range(256) if byte not in shown]
    letters = {**{byte: chr(byte) for byte in shown}, **{byte: chr(256 + index) for index, byte in enumerate(hidden_bytes)}}
    tokens = [letters[byte] for byte in range(256)] + ["<s>", "</s>"]
    kinds = [1] * 256 + [3, 3]
    tokenizer = [
        _text("tokenizer.ggml.model") + _value("gpt2"), _text("tokenizer.ggml.pre") + _value("smollm"), _text("tokenizer.ggml.tokens") + _value(tokens),
        _text("tokenizer.ggml.token_type") + struct.pack("<IIQ", ARRAY, 5, len(kinds)) + struct.pack(f"<{len(kinds)}i", *kinds),
        _text("tokenizer.ggml.merges") + _value(["a b"]), _text("tokenizer.ggml.bos_token_id") + _value(256),
        _text("tokenizer.ggml.eos_token_id") + _value(257),
    ]
    model = TinyModel("llama", tokenizer, **{
        "context_length": context, "embedding_length": width, "feed_forward_length": hidden, "block_count": layers, "attention.head_count": 2,
        "attention.head_count_kv": 1, "attention.layer_norm_rms_epsilon": 1e-5, "rope.dimension_count": 16, "vocab_size": len(tokens),
    })
    model.tensor("token_embd.weight", width, len(tokens), scale=1)
    model.tensor("output_norm.weight", width, constant=1)
    for layer in range(layers):
        block = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            model.tensor(f"{block}{name}.weight", width, constant=1)
        for name, rows, columns in (
            ("attn_q", width, width), ("attn_k", width, 16), ("attn_v", width, 16), ("attn_output", width, width), ("ffn_gate", width, hidden),
            ("ffn_up", width, hidden), ("ffn_down", hidden, width),
        ):
            model.tensor(f"{block}{name}.weight", rows, columns)
    change(model)
    model.write(path)


def reranker(path: Path):
    """Writes an encoder of one layer with a classification head. Its tokens are letters."""
    width, hidden, context = 32, 64, 128
    tokens = ["[PAD]"] + [f"[unused{number}]" for number in range(99)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens += ["\u2581" + letter for letter in "abcdef"] + list("abcdef")
    kinds = [3 if token.startswith("[") else 1 for token in tokens]
    tokenizer = [
        _text("tokenizer.ggml.model") + _value("bert"), _text("tokenizer.ggml.pre") + _value("bert"), _text("tokenizer.ggml.tokens") + _value(tokens),
        _text("tokenizer.ggml.token_type") + struct.pack("<IIQ", ARRAY, 5, len(kinds)) + struct.pack(f"<{len(kinds)}i", *kinds),
        _text("tokenizer.ggml.token_type_count") + _value(2),
    ]
    model = TinyModel("bert", tokenizer, **{
        "context_length": context, "embedding_length": width, "feed_forward_length": hidden, "attention.head_count": 2, "block_count": 1,
        "attention.layer_norm_epsilon": 1e-12, "attention.causal": False, "pooling_type": 4,
    })
    model.tensor("token_embd.weight", width, len(tokens), scale=1)
    model.tensor("token_types.weight", width, 2)
    model.tensor("position_embd.weight", width, context, scale=1)
    for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        model.tensor(name + ".weight", width, constant=1)
        model.tensor(name + ".bias", width, constant=0.01)
    for name, rows, columns in (
        ("attn_q", width, width), ("attn_k", width, width), ("attn_v", width, width), ("attn_output", width, width), ("ffn_up", width, hidden),
        ("ffn_down", hidden, width),
    ):
        model.tensor(f"blk.0.{name}.weight", rows, columns)
        model.tensor(f"blk.0.{name}.bias", columns, constant=0.01)
    model.tensor("cls.weight", width, width)
    model.tensor("cls.bias", width, constant=0.01)
    model.tensor("cls.output.weight", width, 1)
    model.tensor("cls.output.bias", 1, constant=0.1)
    model.write(path)


# The prompt of the model below for a query and a document.
PAIR = "<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n"


def chatting_reranker(path: Path, tokenizer_of: Path):
    """Writes a one-layer decoder that answers yes or no to a query and a document in a chat."""
    width, hidden, tokens = 32, 64, 49152
    model = TinyModel("qwen3", vocabulary(tokenizer_of), **{
        "context_length": 512, "embedding_length": width, "feed_forward_length": hidden, "block_count": 1, "attention.head_count": 2,
        "attention.head_count_kv": 1, "attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 10000.0, "pooling_type": 4,
        "classifier.output_labels": ["yes", "no"],
    })
    model.replace("tokenizer.chat_template.rerank", PAIR)
    model.tensor("token_embd.weight", width, tokens, scale=1)
    model.tensor("output_norm.weight", width, constant=1)
    for name in ("attn_norm", "ffn_norm"):
        model.tensor(f"blk.0.{name}.weight", width, constant=1)
    for name in ("attn_q_norm", "attn_k_norm"):
        model.tensor(f"blk.0.{name}.weight", 16, constant=1)
    for name, rows, columns in (
        ("attn_q", width, width), ("attn_k", width, 16), ("attn_v", width, 16), ("attn_output", width, width), ("ffn_gate", width, hidden),
        ("ffn_up", width, hidden), ("ffn_down", hidden, width),
    ):
        model.tensor(f"blk.0.{name}.weight", rows, columns)
    model.tensor("cls.output.weight", width, 2)
    model.write(path)
