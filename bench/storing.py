"""What storing costs: 32 streams of chat completions that are stored, beside the same ones at a server with --no-store.

    python3 bench/storing.py [--rounds 7]
"""

import argparse
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

from pairs import STREAMS, cost  # noqa: E402
from paths import model_directory  # noqa: E402
from pins import DEFAULT_MODEL  # noqa: E402
from servers import Contender  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    model = model_directory() / Path(DEFAULT_MODEL["member"]).name
    command = [str(REPOSITORY / ".build/release/shimmy"), "serve", "--port", "{port}", "--slots", str(STREAMS), "--model", str(model)]
    with tempfile.TemporaryDirectory() as stored, tempfile.TemporaryDirectory() as unused:
        storing = Contender("storing", command, model.stem, {"SHIMMY_DATA_DIR": stored})
        plain = Contender("--no-store", [*command, "--no-store"], model.stem, {"SHIMMY_DATA_DIR": unused})
        share = cost(storing, plain, arguments.rounds, store=True)
    print(f"storing costs {share:.1%} of the throughput of {STREAMS} streams")


if __name__ == "__main__":
    main()
