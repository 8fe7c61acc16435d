"""The cost of Shimmy as a front: going through it beside going to the upstream directly, A B A B, medians and ratios; and its memory over time.

    python3 bench/upstream_overhead.py [--rounds 5] [--streams 64] [--memory-seconds 3600] [--program FILE] [--output FILE]

The upstreams are a script that paces its words, a script without a pace, and another Shimmy with the default model.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "scripts"), str(REPOSITORY / "bench")]

import kernel_runs  # noqa: E402
import scenarios  # noqa: E402
from servers import Contender, Server  # noqa: E402

STREAMS, FIRST_TOKENS = 64, 20
# Milliseconds between two words of a paced stream: 64 streams have 3,200 words per second.
INTERVAL = 20
MOST_MS, LEAST_RATIO, MOST_GROWTH = 2.0, 0.98, 1.1
MEMORY_STREAMS, SAMPLES = 16, 30


def upstreams(weights: str, program: str, streams: int) -> dict[str, tuple[Contender, int]]:
    """Returns the upstreams by name, each with the length of its streams in tokens."""
    script = [sys.executable, str(REPOSITORY / "bench/scripted_upstream.py"), "--port", "{port}"]
    own = [program, "serve", "--port", "{port}", "--ctx-size", "32768", "--slots", str(streams), "--model", weights]
    return {
        "scripted, paced": (Contender("scripted", [*script, "--interval", str(INTERVAL)], "scripted"), 100),
        "scripted, without a pace": (Contender("scripted", script, "scripted"), 200),
        "Shimmy, SmolLM2-135M": (Contender("shimmy", own, Path(weights).stem), 48),
    }


@contextlib.contextmanager
def front(program: str, upstream: Server):
    """Starts a Shimmy without models in front of an upstream."""
    with tempfile.TemporaryDirectory() as home:
        configuration = Path(home) / "shimmy.toml"
        kind = "shimmy" if upstream.contender.name == "shimmy" else "openai"
        configuration.write_text(f'[upstream."far"]\nurl = "http://127.0.0.1:{upstream.port}"\nkind = "{kind}"\n')
        data = {"HOME": home, "SHIMMY_DATA_DIR": f"{home}/data", "SHIMMY_CACHE_DIR": f"{home}/cache", "SHIMMY_MODEL_DIR": f"{home}/models"}
        Path(home, "models").mkdir()
        command = [program, "serve", "--port", "{port}", "--config", str(configuration)]
        with Server(Contender("front", command, upstream.contender.model, data)) as server:
            server.wait_ready()
            deadline = time.monotonic() + 30
            while upstream.contender.model.encode() not in server.get("/v1/models")[1]:
                if time.monotonic() > deadline:
                    sys.exit(f"the front does not list '{upstream.contender.model}'")
                time.sleep(0.05)
            yield server


def first_token(server: Server, salt: int) -> float:
    return server.stream(scenarios.words(salt, 20), 4, ignore_eos=True).first_token


def throughput(server: Server, salt: int, streams: int, tokens: int) -> float:
    """Returns tokens per second of one wave of streams, from the first request to the last byte."""
    requests = [{"prompt": scenarios.words(salt + stream, 24), "tokens": tokens, "ignore_eos": True} for stream in range(streams)]
    begin = time.perf_counter()
    answers = server.streams(requests)
    return sum(answer.tokens for answer in answers) / (time.perf_counter() - begin)


def compare(direct: Server, through: Server, rounds: int, streams: int, tokens: int, first_tokens: int = FIRST_TOKENS) -> dict:
    """Measures both ways in turns. Returns the medians, the additional milliseconds of the first token, and the ratio of the throughputs."""
    found: dict[str, dict[str, list[float]]] = {way: {"first_token": [], "throughput": []} for way in ("direct", "through")}
    ways = [("direct", direct), ("through", through)]
    # The first requests open connections and, at a real server, load the model.
    for _, server in ways:
        server.stream(scenarios.words(1, 20), 4)
        throughput(server, 100, streams, min(tokens, 16))
    for number in range(1, rounds + 1):
        for index in range(first_tokens):
            for offset, (way, server) in enumerate(ways):
                found[way]["first_token"].append(first_token(server, 100_000 * number + 10 * index + offset))
        for offset, (way, server) in enumerate(ways):
            found[way]["throughput"].append(throughput(server, 100_000 * number + 1000 * (offset + 1), streams, tokens))
    medians = {way: {key: statistics.median(values) for key, values in all.items()} for way, all in found.items()}
    return {
        **medians, "rounds": found,
        "more_ms": 1e3 * (medians["through"]["first_token"] - medians["direct"]["first_token"]),
        "ratio": medians["through"]["throughput"] / medians["direct"]["throughput"],
    }


def memory(server: Server, seconds: float) -> dict:
    """Returns the front's resident memory over time, with streams all the time. The first sample comes after a tenth of the time."""
    begin, samples, answers = time.monotonic(), [], [0] * MEMORY_STREAMS
    end = begin + seconds

    def work(index: int):
        while time.monotonic() < end:
            server.stream(scenarios.words(index * 1_000_000 + answers[index], 40), 50)
            answers[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(MEMORY_STREAMS)]
    for thread in threads:
        thread.start()
    for number in range(SAMPLES):
        moment = begin + seconds * (0.1 + 0.9 * number / (SAMPLES - 1))
        time.sleep(max(0.0, moment - time.monotonic()))
        samples.append(server.resident_bytes())
    for thread in threads:
        thread.join()
    return {"seconds": seconds, "answers": sum(answers), "bytes": samples}


def run(weights: str, program: str, rounds: int = 5, streams: int = STREAMS, memory_seconds: float = 300, first_tokens: int = FIRST_TOKENS) -> dict:
    result: dict = {"streams": streams}
    for name, (contender, tokens) in upstreams(weights, program, streams).items():
        print(f"upstream: {name}", file=sys.stderr, flush=True)
        with Server(contender) as upstream:
            upstream.wait_ready()
            with front(program, upstream) as server:
                result[name] = compare(upstream, server, rounds, streams, tokens, first_tokens)
                if name == "scripted, paced" and memory_seconds:
                    result["memory"] = memory(server, memory_seconds)
    return result


def table(result: dict) -> list[str]:
    def met(is_met: bool) -> str:
        return "met" if is_met else "missed"

    many = f"{result['streams']} streams, direct (tokens/s)"
    lines = [
        f"| upstream | first token, direct (ms) | through Shimmy | more | target | {many} | through Shimmy | ratio | target |",
        "|---|---:|---:|---:|---|---:|---:|---:|---|",
    ]
    for name, one in result.items():
        if not isinstance(one, dict) or "ratio" not in one:
            continue
        direct, through = one["direct"], one["through"]
        # An upstream without a pace shows the limit of the front, which shares the cores with it and with the clients.
        aims = ["–", "–"]
        if "without" not in name:
            aims = [f"≤ {MOST_MS:g} ({met(one['more_ms'] <= MOST_MS)})", f"≥ {LEAST_RATIO} ({met(one['ratio'] >= LEAST_RATIO)})"]
        lines.append(
            f"| {name} | {1e3 * direct['first_token']:.2f} | {1e3 * through['first_token']:.2f} | {one['more_ms']:.2f} | {aims[0]} | "
            f"{direct['throughput']:.0f} | {through['throughput']:.0f} | {one['ratio']:.3f} | {aims[1]} |")
    if "memory" in result:
        used = result["memory"]
        first, last = (statistics.median(part) for part in (used["bytes"][:5], used["bytes"][-5:]))
        time_and_work = f"{used['seconds'] / 60:.0f} minutes with {MEMORY_STREAMS} streams at once ({used['answers']:,} answers)"
        lines += [
            "", f"Resident memory of the front in {time_and_work}:",
            f"{first / 1e6:.0f} MB at the beginning, {last / 1e6:.0f} MB at the end, at most {max(used['bytes']) / 1e6:.0f} MB",
            f"(target: at most {MOST_GROWTH} times the beginning, {met(last <= MOST_GROWTH * first)}).",
        ]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--first-tokens", type=int, default=FIRST_TOKENS, help="requests in each round for the time of the first token (default: 20)")
    parser.add_argument("--memory-seconds", type=float, default=3600, help="how long the memory is watched; 0: not at all (default: an hour)")
    parser.add_argument("--program", default=str(REPOSITORY / ".build/release/shimmy"))
    parser.add_argument("--output", help="a JSON file for all numbers")
    options = parser.parse_args()
    weights = str(kernel_runs.default_model())
    result = run(weights, options.program, options.rounds, options.streams, options.memory_seconds, options.first_tokens)
    if options.output:
        Path(options.output).write_text(json.dumps(result, indent=1) + "\n")
    print("\n".join(table(result)))


if __name__ == "__main__":
    main()
