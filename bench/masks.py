"""Cost of constrained decoding apart from the model: compiling schemas, and the mask of allowed tokens at each position of documents."""

import json
import random
import subprocess
import tempfile
from pathlib import Path

from scenarios import RECORD, WORDS

REPOSITORY = Path(__file__).resolve().parent.parent


def records(generator: random.Random, count: int) -> list:
    def text(most: int) -> str:
        return " ".join(generator.choice(WORDS) for _ in range(3))[:most]

    properties = RECORD["properties"]
    return [
        {
            "name": text(24), "age": generator.randint(0, 120), "city": generator.choice(properties["city"]["enum"]), "email": text(20).replace(" ", "."),
            "active": generator.random() < 0.5, "occupation": generator.choice(properties["occupation"]["enum"]), "languages": ["English", "German"],
            "score": generator.randint(1, 100),
        }
        for _ in range(count)
    ]


def cases() -> dict[str, tuple[dict, list]]:
    generator = random.Random(7)
    names = sorted({"".join(generator.choice("abcdefghijklmnop") for _ in range(generator.randint(3, 12))) for _ in range(1000)})
    prose = " ".join(generator.choice(WORDS) for _ in range(150))
    return {
        "a record with 8 fields": (RECORD, records(generator, 200)),
        "any JSON": ({}, records(generator, 200)),
        "an enum of 1,000 strings": ({"enum": names}, names[:200]),
        "a string of at most 1,000 characters": ({"type": "string", "minLength": 5, "maxLength": 1000}, [prose[:990 - index] for index in range(20)]),
        "a string with a pattern": ({"type": "string", "pattern": "^[a-z ]+$"}, [prose[:990 - index] for index in range(20)]),
        "200 optional properties": (
            {"type": "object", "properties": {f"key{number}": {"type": "integer"} for number in range(200)}, "additionalProperties": False},
            [{f"key{number}": number for number in sorted(generator.sample(range(200), 5))} for _ in range(100)]),
    }


def run(model: str) -> dict:
    """Returns for each case: compile time in ms, the number of masks, and the median, the 99th percentile and the max mask time in µs."""
    result = {}
    for name, (schema, documents) in cases().items():
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            file.write("".join(json.dumps(document) + "\n" for document in documents))
            file.flush()
            command = [str(REPOSITORY / ".build/release/shimmy"), "schema", "--documents", file.name, "--model", model]
            lines = subprocess.run(command, input=json.dumps(schema), capture_output=True, text=True, check=True).stdout.splitlines()
        assert lines[:-1] == ["fits"] * len(documents), name
        words = lines[-1].split()
        result[name] = {key: float(value) for key, value in zip(words[::2], words[1::2])}
    return result


def table(results: dict) -> list[str]:
    lines = ["| schema | compile (ms) | masks | median (µs) | 99th percentile (µs) | longest (µs) |", "|---|---|---|---|---|---|"]
    for name, values in results.items():
        lines.append(
            f"| {name} | {values['compile_ms']:.1f} | {values['masks']:,.0f} | {values['median_us']:.1f} | {values['p99_us']:.1f} | {values['max_us']:.0f} |")
    return lines
