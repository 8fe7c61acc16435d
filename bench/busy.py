"""Speed of a stream alone and with a program that keeps one core busy: tokens per second, with the number of threads that Shimmy chooses."""

import statistics
import subprocess
import sys

import kernel_runs
import scenarios
from servers import Contender, Server

ROUNDS, TOKENS = 3, 200


def run(program: str) -> dict[str, float]:
    weights = kernel_runs.default_model()
    rates: dict[str, list[float]] = {"alone": [], "beside a busy program": []}
    for salt in range(ROUNDS):
        command = [program, "serve", "--port", "{port}", "--ctx-size", "2048", "--model", str(weights)]
        with Server(Contender("shimmy", command, weights.stem)) as server:
            scenarios.warm(server)
            for name, values in rates.items():
                other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if name != "alone" else None
                try:
                    # During the first stream the server notices the busy program.
                    for _ in range(2):
                        stream = server.stream(scenarios.words(salt, 20), TOKENS, ignore_eos=True)
                finally:
                    if other:
                        other.kill()
                        other.wait()
                values.append(stream.tokens_per_second)
    return {name: statistics.median(values) for name, values in rates.items()}


def table(results: dict[str, float]) -> list[str]:
    return ["| One stream, SmolLM2-135M Q4_1 | tokens/s |", "|---|---:|"] + [f"| {name} | {value:.0f} |" for name, value in results.items()]
