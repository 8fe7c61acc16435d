"""Creates the large model of the benchmarks: a billion random weights in Llama's architecture, which are as fast as trained ones.

    python3 bench/big_model.py VOCABULARY_FROM.gguf OUT.gguf [TOKENS]

Needs the packages gguf and numpy. The vocabulary and the chat template come from another GGUF file. Unused tokens extend the vocabulary to
TOKENS, the size in other model families.
"""

import sys

import gguf
import numpy

EMBEDDING, LAYERS, FEED_FORWARD, HEADS, CACHE_HEADS = 2048, 16, 8192, 32, 8
VOCABULARY = int(sys.argv[3]) if len(sys.argv) > 3 else 49152
UNUSED = 5  # the type of tokens that do not occur in text


def copy_vocabulary(source: gguf.GGUFReader, writer: gguf.GGUFWriter):
    for key, value in source.fields.items():
        if not key.startswith("tokenizer."):
            continue
        kind = value.types[0]
        if kind == gguf.GGUFValueType.ARRAY:
            isText = value.types[1] == gguf.GGUFValueType.STRING
            values = [bytes(value.parts[i]).decode() if isText else value.parts[i][0].item() for i in value.data]
            if key == "tokenizer.ggml.tokens":
                values += [f"<unused {number}>" for number in range(VOCABULARY - len(values))]
            if key == "tokenizer.ggml.token_type":
                values += [UNUSED] * (VOCABULARY - len(values))
            writer.add_array(key, values)
        elif kind == gguf.GGUFValueType.STRING:
            writer.add_string(key, bytes(value.parts[-1]).decode())
        elif kind == gguf.GGUFValueType.BOOL:
            writer.add_bool(key, bool(value.parts[-1][0]))
        else:
            writer.add_uint32(key, int(value.parts[-1][0]))


def main():
    source = gguf.GGUFReader(sys.argv[1])
    writer = gguf.GGUFWriter(sys.argv[2], "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(32768)
    writer.add_embedding_length(EMBEDDING)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(CACHE_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    writer.add_rope_freq_base(100000.0)
    writer.add_file_type(1)
    writer.add_vocab_size(VOCABULARY)
    copy_vocabulary(source, writer)
    numbers = numpy.random.default_rng(0)

    def random(name: str, *shape: int):
        writer.add_tensor(name, (numbers.standard_normal(shape, dtype=numpy.float32) * 0.02).astype(numpy.float16))

    random("token_embd.weight", VOCABULARY, EMBEDDING)
    writer.add_tensor("output_norm.weight", numpy.ones(EMBEDDING, numpy.float32))
    cache = CACHE_HEADS * (EMBEDDING // HEADS)
    for layer in range(LAYERS):
        prefix = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(prefix + name + ".weight", numpy.ones(EMBEDDING, numpy.float32))
        random(prefix + "attn_q.weight", EMBEDDING, EMBEDDING)
        random(prefix + "attn_k.weight", cache, EMBEDDING)
        random(prefix + "attn_v.weight", cache, EMBEDDING)
        random(prefix + "attn_output.weight", EMBEDDING, EMBEDDING)
        random(prefix + "ffn_gate.weight", FEED_FORWARD, EMBEDDING)
        random(prefix + "ffn_up.weight", FEED_FORWARD, EMBEDDING)
        random(prefix + "ffn_down.weight", EMBEDDING, FEED_FORWARD)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
