"""What storing costs: 32 streams of chat completions that are stored, beside the same ones at a server with --no-store.

    python3 bench/storing.py [--rounds 7]

Both servers run at once; rounds alternate, A B B A, and the median of all rounds' throughputs counts.
"""

import argparse
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

STREAMS, TOKENS = 32, 48


def throughput(server: Server, number: int, **fields) -> float:
    """Returns tokens per second of one wave of streams, from the first request to the last byte."""
    prompts = [{"prompt": scenarios.words(1000 * number + stream, 24), "tokens": TOKENS, "ignore_eos": True, **fields} for stream in range(STREAMS)]
    begin = time.perf_counter()
    streams = server.streams(prompts)
    return sum(stream.tokens for stream in streams) / (time.perf_counter() - begin)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    model = model_directory() / Path(DEFAULT_MODEL["member"]).name
    program = str(REPOSITORY / ".build/release/shimmy")
    command = [program, "serve", "--port", "{port}", "--slots", str(STREAMS), "--model", str(model)]
    with tempfile.TemporaryDirectory() as stored, tempfile.TemporaryDirectory() as unused:
        storing = Contender("storing", command, model.stem, {"SHIMMY_DATA_DIR": stored})
        plain = Contender("plain", [*command, "--no-store"], model.stem, {"SHIMMY_DATA_DIR": unused})
        with Server(storing) as first, Server(plain) as second:
            found = {"storing": [], "--no-store": []}
            for server in (first, second):
                scenarios.warm(server)
                throughput(server, 0)
            for number in range(1, arguments.rounds + 1):
                order = [("storing", first, {"store": True}), ("--no-store", second, {})]
                for name, server, fields in order if number % 2 else order[::-1]:
                    found[name].append(throughput(server, number, **fields))
    medians = {name: statistics.median(values) for name, values in found.items()}
    for name, values in found.items():
        print(f"{name:12} {medians[name]:7.1f} tokens/s   {' '.join(f'{value:.1f}' for value in values)}")
    print(f"storing costs {1 - medians['storing'] / medians['--no-store']:.1%} of the throughput of {STREAMS} streams")


if __name__ == "__main__":
    main()
