"""Measures Shimmy beside llama-server, built from the same source, on the same weights: A B A B, medians and ratios.

    python3 bench/run.py [--rounds 5] [--output docs/benchmarks.md]

The machine matters more than anything: only the ratios of one run mean something.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

from paths import model_directory  # noqa: E402
from pins import DEFAULT_MODEL, LLAMA  # noqa: E402
from servers import Contender, Server  # noqa: E402

CONTEXT = 8192
WORDS = "harbour lantern copper meadow whisper granite violet engine orchard signal velvet compass thunder paper ribbon candle".split()


def prompt(round_number: int, words: int) -> str:
    """A text that no other round shares a beginning with, so that no cache helps."""
    text = [WORDS[(index * 7 + round_number * 3 + index // 5) % len(WORDS)] for index in range(words)]
    return f"Round {round_number}. Write a story with these words: " + " ".join(text)


def measure(contender: Contender, round_number: int) -> dict:
    """Everything about one start of one server."""
    with Server(contender) as server:
        result = {"listening": server.wait_listening(), "ready": server.wait_ready(), "idle": server.resident_bytes()}
        first = server.stream(prompt(1000 + round_number, 20), 8)
        result["first_answer"] = result["ready"] + first.first_token
        server.stream(prompt(2000 + round_number, 20), 32)  # warm
        long = server.stream(prompt(round_number, 200), 8)
        result["first_token"] = long.first_token
        result["prompt_tokens"] = long.usage["prompt_tokens"]
        result["tokens_per_second"] = server.stream(prompt(3000 + round_number, 20), 128).tokens_per_second
        result["loaded"] = server.resident_bytes()
        return result


# key, title, unit, factor, whether more is better
ROWS = [
    ("listening", "Start to a listening socket", "ms", 1e3, False),
    ("ready", "Start to a 200 of /health", "ms", 1e3, False),
    ("first_answer", "Start to the first token of the first answer", "ms", 1e3, False),
    ("idle", "Resident memory, listening", "MB", 1e-6, False),
    ("loaded", "Resident memory, model loaded and used", "MB", 1e-6, False),
    ("first_token", "First token of a prompt of 200 words", "ms", 1e3, False),
    ("tokens_per_second", "One stream, decode", "tokens/s", 1, True),
]


def report(results: dict, rounds: int) -> str:
    ours, theirs = results["shimmy"], results["llama-server"]
    lines = [
        "# Benchmarks",
        "",
        f"Shimmy beside llama-server from the same llama.cpp ({LLAMA['project']} {LLAMA['version']}), {DEFAULT_MODEL['model_filename']},",
        f"context {CONTEXT}, {os.cpu_count()} cores ({processor_name()}), alternating, {rounds} rounds; medians.",
        "Absolute numbers belong to that machine and that hour; ratios travel better. Run it with `make bench`.",
        "",
        "| | Shimmy | llama-server | ratio | better |",
        "|---|---:|---:|---:|---|",
    ]
    for key, title, unit, factor, more in ROWS:
        a = statistics.median(result[key] for result in ours)
        b = statistics.median(result[key] for result in theirs)
        ratio = statistics.median(x[key] / y[key] for x, y in zip(ours, theirs))
        better = "Shimmy" if (ratio > 1) == more and abs(ratio - 1) > 0.01 else ("level" if abs(ratio - 1) <= 0.01 else "llama-server")
        lines.append(f"| {title} ({unit}) | {a * factor:.1f} | {b * factor:.1f} | {ratio:.2f} | {better} |")
    tokens = statistics.median(result["prompt_tokens"] for result in ours)
    lines += [
        "",
        f"The prompt of 200 words has {tokens:.0f} tokens. llama-server listens at once and answers 503 until its model is loaded; Shimmy loads on the first",
        "request, so that its memory before that is the server alone.",
    ]
    return "\n".join(lines) + "\n"


def processor_name() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", default=str(REPOSITORY / "docs/benchmarks.md"))
    arguments = parser.parse_args()
    build = [sys.executable, str(REPOSITORY / "scripts/build_llama.py"), "--server"]
    llama_server = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    weights = str(model_directory() / DEFAULT_MODEL["model_filename"])
    program = str(REPOSITORY / ".build/release/shimmy")
    contenders = [
        Contender("shimmy", [program, "serve", "--port", "{port}", "--ctx-size", str(CONTEXT), "--model", weights], Path(weights).stem),
        Contender("llama-server", [llama_server, "--port", "{port}", "-c", str(CONTEXT), "-m", weights, "--no-webui"], Path(weights).stem),
    ]
    results = {contender.name: [] for contender in contenders}
    for round_number in range(arguments.rounds):
        for contender in contenders:
            print(f"round {round_number + 1} of {arguments.rounds}: {contender.name}", file=sys.stderr)
            results[contender.name].append(measure(contender, round_number))
    text = report(results, arguments.rounds)
    Path(arguments.output).parent.mkdir(exist_ok=True)
    Path(arguments.output).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
