"""What keys and accounts cost: 32 streams with a key that has all limits, its usage and the access log, beside a server without any of it.

    python3 bench/accounting.py [--rounds 15] [PROGRAM]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

from pairs import STREAMS, cost  # noqa: E402
from paths import model_directory  # noqa: E402
from pins import DEFAULT_MODEL  # noqa: E402
from servers import Contender  # noqa: E402

LIMITS = ["--requests-per-minute", "1000000", "--tokens-per-minute", "100000000", "--tokens-per-day", "1000000000", "--concurrency", "1000"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", default=str(REPOSITORY / ".build/release/shimmy"))
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    model = model_directory() / Path(DEFAULT_MODEL["member"]).name
    command = [arguments.program, "serve", "--port", "{port}", "--slots", str(STREAMS), "--model", str(model), "--no-store"]
    with tempfile.TemporaryDirectory() as counted, tempfile.TemporaryDirectory() as unused:
        variables = {"SHIMMY_DATA_DIR": counted, "SHIMMY_LOG_LEVEL": "info"}
        create = [arguments.program, "key", "create", "bench", *LIMITS]
        key = subprocess.run(create, env={**os.environ, **variables}, check=True, capture_output=True, text=True).stdout.strip()
        accounts = Contender("with accounts", command, model.stem, variables, key)
        plain = Contender("without", command, model.stem, {"SHIMMY_DATA_DIR": unused, "SHIMMY_LOG_LEVEL": "error", "SHIMMY_USAGE_DAYS": "0"})
        share = cost(accounts, plain, arguments.rounds)
    print(f"keys, limits, usage and the access log cost {share:.1%} of the throughput of {STREAMS} streams")


if __name__ == "__main__":
    main()
