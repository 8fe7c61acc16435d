"""One client's stream and /health while another client sends a request at the limits: the longest gap and the slowest answer.

    python3 bench/pressure.py [--only WORDS] [PROGRAM]
"""

import argparse
import http.client
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

import kernel_runs  # noqa: E402
import scenarios  # noqa: E402
from servers import Contender, Server, Stream  # noqa: E402

# Concurrent requests of each kind, the number of repetitions, and the tokens of the stream.
CLIENTS, TIMES, TOKENS = 2, 2, 4_000
HEALTH_INTERVAL = 0.02
# The targets in seconds.
LONGEST_GAP, SLOWEST_HEALTH = 0.1, 0.05


def chat(**fields) -> tuple[str, dict]:
    return "/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, **fields}


def with_schema(schema: dict) -> tuple[str, dict]:
    return chat(max_tokens=20, response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}})


def tools(count: int) -> list[dict]:
    properties = {f"p{index}": {"type": "string", "description": "A field.", "maxLength": 50} for index in range(8)}
    return [
        {"type": "function", "function": {"name": f"tool_{index}", "description": "Does it.", "parameters": {"type": "object", "properties": properties}}}
        for index in range(count)
    ]


def kinds() -> dict:
    """Returns the kinds of requests by name. Each is a function of a number that makes each request different."""
    source = random.Random(1)

    def enum(salt: int) -> dict:
        return {"type": "object", "properties": {"a": {"enum": [f"{salt}-{source.getrandbits(80):x}" for _ in range(20_000)]}}, "required": ["a"]}

    def patterns(salt: int) -> dict:
        return {"type": "object", "patternProperties": {f"^{letter}[a-z]{{2,{20 + salt}}}_[0-9]+$": {"type": "integer"} for letter in "abcdef"}}

    def counts(salt: int) -> dict:
        return {"type": "array", "maxItems": 200 + salt, "items": {"type": "string", "format": "email", "maxLength": 255}}

    return {
        "an array of 900,000 numbers in an unknown field": lambda salt: chat(unknown=[salt] * 900_000),
        "a body of 31 MB of text": lambda salt: chat(messages=[{"role": "user", "content": f"{salt} " + "word " * 6_200_000}]),
        "text without a space, 1 MB": lambda salt: chat(messages=[{"role": "user", "content": "x" * 1_000_000 + str(salt)}]),
        "1,000 tools, one has to be called": lambda salt: chat(tools=tools(1_000 - salt), tool_choice="required", max_tokens=20),
        "a schema with 20,000 values": lambda salt: with_schema(enum(salt)),
        "a schema with six patterns of keys": lambda salt: with_schema(patterns(salt)),
        "a schema with counts": lambda salt: with_schema(counts(salt)),
        "a grammar of 800 KB": lambda salt: chat(grammar="\n".join([f'root ::= "{salt}" r0'] + [f'r{n} ::= "{source.getrandbits(64):x}" r{n + 1}?' for n in range(20_000)] + ['r20000 ::= "x"'])),
        "a prediction of 250 KB with n = 8": lambda salt: chat(n=8, max_tokens=4, prediction={"type": "content", "content": f"{salt} " + "abc def " * 30_000}),
        "8,000 items with truncation": lambda salt: ("/v1/responses", {"truncation": "auto", "max_output_tokens": 1, "store": False, "input": [{"role": "user", "content": f"Item {salt} {n}"} for n in range(8_000)]}),
        "a pattern with nested counts": lambda salt: with_schema({"type": "string", "pattern": f"^(([a-z]{{1,20}} ?){{1,20}}[.!?] ){{1,{9 + salt}}}$"}),
    }


def post(port: int, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def run(program: str, only: str = "") -> list[dict]:
    weights = kernel_runs.default_model()
    command = [program, "serve", "--port", "{port}", "--ctx-size", "8192", "--model", str(weights)]
    results = []
    with Server(Contender("shimmy", command, weights.stem)) as server:
        server.wait_ready()
        scenarios.warm(server)
        for name, make in {"nothing": None, **kinds()}.items():
            if only not in name:
                continue
            bodies = []
            for number in range(CLIENTS * TIMES if make else 0):
                path, body = make(number)
                bodies.append((path, json.dumps({"model": weights.stem, **body}).encode()))
            results.append({"name": name, **beside(server, bodies)})
            print(results[-1], file=sys.stderr, flush=True)
    return results


def beside(server: Server, bodies: list) -> dict:
    """Sends bodies, `CLIENTS` at a time, while a stream runs and /health is polled."""
    begun, over, health, statuses, readers = threading.Event(), threading.Event(), [], [], []

    def read():
        salt = random.getrandbits(20)
        readers.append(Stream(server.port, server.contender.model, scenarios.words(salt, 20), TOKENS, ignore_eos=True, on_text=lambda n: n == 20 and begun.set()))

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not over.is_set():
            begin = time.perf_counter()
            connection.request("GET", "/health")
            connection.getresponse().read()
            health.append(time.perf_counter() - begin)
            time.sleep(HEALTH_INTERVAL)

    def send(own: list):
        for path, body in own:
            statuses.append(post(server.port, path, body))

    reader, asker = threading.Thread(target=read), threading.Thread(target=ask)
    reader.start()
    begun.wait()
    asker.start()
    begin = time.perf_counter()
    senders = [threading.Thread(target=send, args=(bodies[index::CLIENTS],)) for index in range(CLIENTS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if not bodies:
        # Wait for the stream's end, because its steps get longer as its context grows.
        reader.join()
    end = time.perf_counter()
    over.set()
    asker.join()
    reader.join()
    ordered = sorted(health)
    return {
        "gap": readers[0].longest_gap(begin, min(end, readers[0].moments[-1])),
        "health": ordered[-1],
        "health p99": ordered[int(len(ordered) * 0.99)],
        "seconds": end - begin,
        "statuses": sorted(set(statuses)),
        "memory": server.resident_bytes(),
    }


def table(results: list[dict]) -> list[str]:
    lines = [
        f"A stream runs and /health is asked every {HEALTH_INTERVAL * 1000:.0f} ms while {CLIENTS} other clients send requests at the limits. The targets",
        f"are a gap of at most {LONGEST_GAP * 1000:.0f} ms (`--stream-gap`) and at most {SLOWEST_HEALTH * 1000:.0f} ms for /health.",
        "",
        "| Requests | longest gap in the stream (ms) | slowest /health (ms) | 99th percentile (ms) | answers | resident memory (MB) |",
        "|---|---:|---:|---:|---|---:|",
    ]
    for result in results:
        answers = ", ".join(map(str, result["statuses"])) or "–"
        targets = {"gap": LONGEST_GAP, "health": SLOWEST_HEALTH}
        numbers = [f"{result[key] * 1000:.0f}" + (" (missed)" if result[key] > targets.get(key, result[key]) else "") for key in ("gap", "health", "health p99")]
        lines.append(f"| {result['name']} | {' | '.join(numbers)} | {answers} | {result['memory'] / 1e6:.0f} |")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORDS", help="only kinds whose names have these words")
    parser.add_argument("program", nargs="?", default=str(REPOSITORY / ".build/release/shimmy"))
    options = parser.parse_args()
    print("\n".join(table(run(options.program, options.only))))
