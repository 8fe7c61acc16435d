"""What a process of its own costs a model: one process and two, alternating (A B A B).

    python3 bench/isolation.py [--rounds 5] [--program .build/release/shimmy]

Prints for each side the median time to the first token of a short prompt, the tokens per second of one stream and of all streams together, and the
memory of all processes: their proportional share (PSS), in which a page that two processes map counts half for each.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

import scenarios  # noqa: E402
from paths import model_directory  # noqa: E402
from pins import DEFAULT_MODEL  # noqa: E402
from servers import Contender, Server  # noqa: E402

STREAMS, TOKENS, REQUESTS = 16, 200, 20
SIDES = {"one process": "none", "isolated": "process"}


def processes(server: Server) -> list[int]:
    """Returns the ids of the server's process and of its children."""
    own = server.process.pid
    children = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if re.search(rf"^PPid:\t{own}$", text, re.M):
            children.append(int(status.parent.name))
    return [own, *children]


def memory(server: Server) -> int:
    """Returns the proportional share of memory of all processes, in bytes."""
    shares = (re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M) for pid in processes(server))
    return sum(int(share.group(1)) for share in shares if share) * 1024


def measure(contender: Contender, salt: int) -> dict[str, float]:
    with Server(contender) as server:
        server.wait_ready()
        scenarios.warm(server)
        idle = memory(server)
        fields = {"ignore_eos": True}
        first = [server.stream(scenarios.words(salt + number, 8), 1, **fields).first_token for number in range(REQUESTS)]
        single = server.stream(scenarios.words(salt + 1000, 8), TOKENS, **fields).tokens_per_second
        began = time.perf_counter()
        streams = server.streams([{"prompt": scenarios.words(salt + 2000 + number, 8), "tokens": TOKENS, **fields} for number in range(STREAMS)])
        seconds = time.perf_counter() - began
        return {
            "first token (ms)": 1000 * statistics.median(first),
            "one stream (tokens/s)": single,
            f"{STREAMS} streams (tokens/s)": sum(stream.tokens for stream in streams) / seconds,
            "memory, idle (MB)": idle / 1e6,
            "memory, after the streams (MB)": memory(server) / 1e6,
        }


def run(program: str, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Returns the measurements of each side, which alternate."""
    model = model_directory() / Path(DEFAULT_MODEL["member"]).name
    results: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as data:
        for number in range(rounds):
            for side, isolation in SIDES.items():
                command = [
                    program, "serve", "--port", "{port}", "--slots", str(STREAMS), "--model", str(model), "--preload", "--isolation", isolation]
                contender = Contender(side.replace(" ", "-"), command, model.stem, {"SHIMMY_DATA_DIR": data})
                results[side].append(measure(contender, 10_000 * number))
    return results


def table(results: dict[str, list[dict[str, float]]]) -> list[str]:
    lines = ["| median of the rounds | one process | isolated | ratio |", "|---|---:|---:|---:|"]
    for name in results["one process"][0]:
        plain, isolated = (statistics.median(one[name] for one in results[side]) for side in SIDES)
        lines.append(f"| {name} | {plain:.1f} | {isolated:.1f} | {isolated / plain:.3f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default=str(REPOSITORY / ".build/release/shimmy"))
    arguments = parser.parse_args()
    print("\n".join(table(run(arguments.program, arguments.rounds))))


if __name__ == "__main__":
    main()
