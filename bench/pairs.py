"""Compares the throughput of two servers that run at once: rounds alternate, A B B A, and the medians of all rounds count."""

import statistics
import time

import scenarios
from servers import Contender, Server

STREAMS, TOKENS = 32, 48


def throughput(server: Server, number: int, **fields) -> float:
    """Returns tokens per second of one wave of streams, from the first request to the last byte."""
    prompts = [{"prompt": scenarios.words(1000 * number + stream, 24), "tokens": TOKENS, "ignore_eos": True, **fields} for stream in range(STREAMS)]
    begin = time.perf_counter()
    streams = server.streams(prompts)
    return sum(stream.tokens for stream in streams) / (time.perf_counter() - begin)


def cost(loaded: Contender, plain: Contender, rounds: int, **fields) -> float:
    """Prints both servers' tokens per second. Returns the share of the throughput that the loaded one lacks. `fields` go to its requests only."""
    with Server(loaded) as first, Server(plain) as second:
        found: dict[str, list[float]] = {loaded.name: [], plain.name: []}
        for server in (first, second):
            scenarios.warm(server)
            throughput(server, 0)
        for number in range(1, rounds + 1):
            order = [(first, fields), (second, {})]
            for server, own in order if number % 2 else order[::-1]:
                found[server.contender.name].append(throughput(server, number, **own))
    medians = {name: statistics.median(values) for name, values in found.items()}
    for name, values in found.items():
        print(f"{name:20} {medians[name]:7.1f} tokens/s   {' '.join(f'{value:.1f}' for value in values)}")
    return 1 - medians[loaded.name] / medians[plain.name]
