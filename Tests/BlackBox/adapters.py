"""Random LoRA adapters for the test model and for a tiny model, and copies of both with the adapters merged into them."""

import struct
from pathlib import Path

import numpy as np

import gguf_file
from tiny_models import ALIGNMENT, F32, TinyModel, _text, _value

RANK = 4
ALPHA = 8.0
# Some weights of each kind of product: attention input, attention output, feed-forward layer.
TARGETS = [f"blk.{layer}.{weight}.weight" for layer in (0, 1, 12, 29) for weight in ("attn_q", "attn_v", "attn_output", "ffn_down")]


def weights(model: Path) -> dict:
    """Returns the target weights of a model, with the row as first dimension."""
    return {tensor.name: tensor.values().astype(np.float32) for tensor in gguf_file.read(model).tensors if tensor.name in TARGETS}


def factors(base: dict, seed: int, strength: float = 0.5) -> dict:
    """Returns two thin matrices for each weight. The norm of their product is about `strength` times that of the weight."""
    random = np.random.default_rng(seed)
    result = {}
    for name, weight in base.items():
        a = random.standard_normal((RANK, weight.shape[1])).astype(np.float32)
        b = random.standard_normal((weight.shape[0], RANK)).astype(np.float32)
        factor = strength * np.linalg.norm(weight) / np.linalg.norm(b @ a) / (ALPHA / RANK)
        result[name] = (a, (b * factor).astype(np.float32))
    return result


def write_adapter(path: Path, pairs: dict, architecture: str = "llama", **metadata):
    model = TinyModel("adapter", [], **{"type": "lora", "lora.alpha": ALPHA, **metadata})
    model.pairs = [_text("general.type") + _value("adapter"), _text("general.architecture") + _value(architecture)] + model.pairs[1:]
    for name, (a, b) in pairs.items():
        for suffix, matrix in ((".lora_a", a), (".lora_b", b)):
            model.tensors.append((name + suffix, matrix.shape[::-1], matrix.tobytes()))
    model.write(path)


def tiny_weights(model: TinyModel) -> dict:
    """Returns the matrices of a tiny model, with the row as first dimension."""
    return {
        name: np.frombuffer(data, np.float32).reshape(shape[::-1]) for name, shape, data in model.tensors
        if len(shape) == 2 and name.startswith("blk.")
    }


def merge(model: TinyModel, pairs: dict, scale: float):
    """Merges an adapter into a tiny model before it is written."""
    base = tiny_weights(model)
    merged = {name: (base[name] + scale * ALPHA / RANK * (b @ a)).astype(np.float32).tobytes() for name, (a, b) in pairs.items()}
    model.tensors = [(name, shape, merged.get(name, data)) for name, shape, data in model.tensors]


def write_model(path: Path, source: Path, base: dict, pairs: dict, scale: float):
    """Writes a copy of the model with unquantized target weights and an adapter merged into them."""
    changed = {name: weight + scale * ALPHA / RANK * (pairs[name][1] @ pairs[name][0]) for name, weight in base.items()}
    file, infos, offset, blobs = gguf_file.read(source), b"", 0, []
    for tensor in file.tensors:
        exact = changed.get(tensor.name)
        blob = tensor.data.tobytes() if exact is None else exact.astype(np.float32).tobytes()
        kind = int(tensor.kind) if exact is None else F32
        infos += _text(tensor.name) + struct.pack(f"<I{len(tensor.shape)}QIQ", len(tensor.shape), *tensor.shape, kind, offset)
        offset += -(-len(blob) // ALIGNMENT) * ALIGNMENT
        blobs.append(blob)
    head = file.head + infos
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as written:
        written.write(head + bytes(-len(head) % ALIGNMENT))
        for blob in blobs:
            written.write(blob + bytes(-len(blob) % ALIGNMENT))
