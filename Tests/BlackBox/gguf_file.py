"""Reads GGUF files in a fraction of a second. The gguf package's reader takes seconds, because it makes several objects for each token."""

import functools
import struct
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy

STRING, ARRAY, ALIGNMENT = 8, 9, 32
# The types of values, as formats of `struct`.
FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
PLAIN = {gguf.GGMLQuantizationType.F32: numpy.float32, gguf.GGMLQuantizationType.F16: numpy.float16}


@dataclass(frozen=True)
class Tensor:
    name: str
    kind: gguf.GGMLQuantizationType
    # In ggml's order, with the row length first.
    shape: list[int]
    # The row is the last dimension. Rows of quantized types are bytes.
    data: numpy.ndarray

    def values(self) -> numpy.ndarray:
        """Returns the tensor in single precision."""
        return gguf.dequantize(self.data, self.kind)


@dataclass(frozen=True)
class GGUFFile:
    # The bytes before the descriptions of the tensors.
    head: bytes
    metadata: dict
    tensors: list[Tensor]


def _text(data: memoryview, at: int) -> tuple[str, int]:
    """Returns a text and the offset of its end."""
    begin = at + 8
    end = begin + struct.unpack_from("<Q", data, at)[0]
    return bytes(data[begin:end]).decode(), end


def _value(data: memoryview, kind: int, at: int) -> tuple[object, int]:
    """Returns a value and the offset of its end."""
    if kind == STRING:
        return _text(data, at)
    if kind != ARRAY:
        return struct.unpack_from("<" + FORMATS[kind], data, at)[0], at + struct.calcsize("<" + FORMATS[kind])
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner != STRING:
        form = f"<{count}{FORMATS[inner]}"
        return list(struct.unpack_from(form, data, at)), at + struct.calcsize(form)
    texts = []
    for _ in range(count):
        text, at = _text(data, at)
        texts.append(text)
    return texts, at


@functools.cache
def read(path: Path) -> GGUFFile:
    """Reads a file that does not change during the tests. The tensors are parts of the mapped file."""
    file = numpy.memmap(path, numpy.uint8, "r")
    data, metadata, descriptions = memoryview(file), {}, []
    count, pairs = struct.unpack_from("<QQ", data, 8)
    at = 24
    for _ in range(pairs):
        key, at = _text(data, at)
        metadata[key], at = _value(data, struct.unpack_from("<I", data, at)[0], at + 4)
    head = bytes(data[:at])
    for _ in range(count):
        name, at = _text(data, at)
        dimensions = struct.unpack_from("<I", data, at)[0]
        form = f"<{dimensions}QIQ"
        *shape, kind, offset = struct.unpack_from(form, data, at + 4)
        at += 4 + struct.calcsize(form)
        descriptions.append((name, shape, gguf.GGMLQuantizationType(kind), offset))
    begin = -(-at // ALIGNMENT) * ALIGNMENT
    tensors = []
    for name, shape, kind, offset in descriptions:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        rows = shape[:0:-1]
        raw = numpy.asarray(file[begin + offset : begin + offset + numpy.prod(shape, dtype=int) // block * size])
        tensors.append(Tensor(name, kind, shape, raw.reshape(*rows, -1).view(PLAIN.get(kind, numpy.uint8))))
    return GGUFFile(head, metadata, tensors)
