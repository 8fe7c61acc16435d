"""A NumPy implementation of all-MiniLM-L6-v2 from its published definition, without llama.cpp: BERT's layers, mean over tokens, length 1."""

import json
import math
import struct
from pathlib import Path

import numpy
import tokenizers


def read_safetensors(path: Path) -> dict:
    data = path.read_bytes()
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    start = 8 + length
    return {
        name: numpy.frombuffer(data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]], "<f4").reshape(entry["shape"])
        for name, entry in header.items() if name != "__metadata__" and entry["dtype"] == "F32"
    }


class SentenceModel:
    def __init__(self, folder: Path):
        self.weights = read_safetensors(folder / "model.safetensors")
        self.config = json.loads((folder / "config.json").read_text())
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def tokens(self, text: str) -> list:
        return self.tokenizer.encode(text).ids

    def norm(self, values, name: str):
        values = values - values.mean(-1, keepdims=True)
        scaled = values / numpy.sqrt((values**2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return scaled * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def linear(self, values, name: str):
        return values @ self.weights[name + ".weight"].T.astype(numpy.float64) + self.weights[name + ".bias"]

    def embed(self, text: str):
        ids = self.tokens(text)
        weights, heads = self.weights, self.config["num_attention_heads"]
        values = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][: len(ids)]
        values = self.norm(values + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm").astype(numpy.float64)
        for layer in range(self.config["num_hidden_layers"]):
            place = f"encoder.layer.{layer}."
            q, k, v = (
                self.linear(values, place + "attention.self." + part).reshape(len(ids), heads, -1).transpose(1, 0, 2) for part in ("query", "key", "value"))
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
            scores = numpy.exp(scores - scores.max(-1, keepdims=True))
            mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), -1)
            values = self.norm(values + self.linear(mixed, place + "attention.output.dense"), place + "attention.output.LayerNorm")
            hidden = self.linear(values, place + "intermediate.dense")
            hidden = hidden * 0.5 * (1 + numpy.vectorize(math.erf)(hidden / math.sqrt(2)))
            values = self.norm(values + self.linear(hidden, place + "output.dense"), place + "output.LayerNorm")
        mean = values.mean(0)
        return mean / numpy.linalg.norm(mean)
