"""Time per row of a step under mixed traffic, alone and with one or two busy programs, with the number of threads that Shimmy chooses.

Steps of mixed traffic rarely contain decoding alone: streams, prompts and forced tokens of JSON share them.
"""

import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import kernel_runs
import scenarios
from servers import Contender, Server

BUSY, SECONDS, CLIENTS = (0, 1, 2), 20, 6


def ask(server: Server, client: int, number: int):
    """Sends one request: alternately a chat, a long prompt, and a record with a schema."""
    salt = client * 1000 + number
    kind = (client + number) % 3
    if kind == 0:
        server.stream(f"Write a story with these words: {scenarios.words(salt, 20)}", 48, ignore_eos=True)
    elif kind == 1:
        server.stream(scenarios.words(salt, 500), 16)
    else:
        form = {"type": "json_schema", "json_schema": {"name": "record", "strict": True, "schema": scenarios.RECORD}}
        server.stream(f"Invent person {salt}.", 200, response_format=form)


def work(server: Server, client: int, end: float):
    number = 0
    while time.perf_counter() < end:
        ask(server, client, number)
        number += 1


def steps(server: Server) -> dict:
    return json.loads(server.get("/v1/engine")[1])["data"][0]["steps"]


def measure(server: Server, seconds: float) -> dict[str, float]:
    """Returns the model's time per row in milliseconds, and rows per second."""
    before, begin = steps(server), time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        for done in [clients.submit(work, server, client, begin + seconds) for client in range(CLIENTS)]:
            done.result()
    after, passed = steps(server), time.perf_counter() - begin
    rows = after["rows"] - before["rows"]
    return {"ms_per_row": 1e3 * (after["model_seconds"] - before["model_seconds"]) / rows, "rows_per_second": rows / passed}


def run(program: str, rounds: int = 3) -> dict[int, dict[str, float]]:
    """Returns the medians over the rounds, by the number of busy programs."""
    weights = kernel_runs.default_model()
    rates: dict[int, list[dict[str, float]]] = {count: [] for count in BUSY}
    for _ in range(rounds):
        command = [program, "serve", "--port", "{port}", "--ctx-size", "8192", "--model", str(weights)]
        with Server(Contender("shimmy", command, weights.stem)) as server:
            scenarios.warm(server)
            for count in BUSY:
                others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
                try:
                    rates[count].append(measure(server, SECONDS))
                finally:
                    for other in others:
                        other.kill()
                        other.wait()
    return {count: {key: statistics.median(value[key] for value in values) for key in values[0]} for count, values in rates.items()}


def table(results: dict[int, dict[str, float]]) -> list[str]:
    head = ["| Mixed traffic of 6 clients, SmolLM2-135M Q4_1 | ms a row | rows/s |", "|---|---:|---:|"]
    names = {0: "alone", 1: "beside a busy program", 2: "beside two busy programs"}
    return head + [f"| {names[count]} | {value['ms_per_row']:.1f} | {value['rows_per_second']:.0f} |" for count, value in results.items()]


if __name__ == "__main__":
    print("\n".join(table(run(sys.argv[1], rounds=int(sys.argv[2]) if len(sys.argv) > 2 else 3))))
