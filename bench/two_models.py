"""Two models that answer concurrently in one process: each one's share of the cores, and a stream's gap during the other model's prefill.

    python3 bench/two_models.py [PROGRAM ...]

The default is this checkout's program. Several programs alternate.
"""

import os
import statistics
import sys
import threading
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

import kernel_runs  # noqa: E402
import scenarios  # noqa: E402
from servers import Contender, Server, Stream  # noqa: E402

ROUNDS, TOKENS = 2, {"small": 250, "large": 60}


def together(*calls):
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run(program: str, salt: int) -> dict:
    small, large = kernel_runs.default_model(), kernel_runs.big_model("Q4_K_M")
    names = {"small": small.stem, "large": large.stem}
    command = [program, "serve", "--port", "{port}", "--ctx-size", "8192", "--max-models", "2", "--model", str(small), "--model-dir", str(large.parent)]
    with Server(Contender("shimmy", command, names["small"])) as server:
        server.wait_ready()
        result, streams = {}, {}

        def stream(kind: str, prompt: str, tokens: int) -> Stream:
            streams[kind] = Stream(server.port, names[kind], prompt, tokens, ignore_eos=True)
            return streams[kind]

        for kind in names:
            stream(kind, "Say hello.", 8)
            result[f"{kind} alone, tokens/s"] = stream(kind, scenarios.words(salt, 20), TOKENS[kind]).tokens_per_second
        together(*[lambda kind=kind: stream(kind, scenarios.words(salt + 1, 20), TOKENS[kind]) for kind in names])
        begin, end = max(streams[kind].moments[0] for kind in names), min(streams[kind].moments[-1] for kind in names)
        for kind in names:
            during = [moment for moment in streams[kind].moments if begin <= moment <= end]
            result[f"{kind} beside the other, tokens/s"] = (len(during) - 1) / (during[-1] - during[0])
            result[f"{kind} beside the other, longest gap (s)"] = streams[kind].longest_gap(begin, end)
        # A long prompt for the large model arrives while the small one's stream runs.
        arrived, reader = threading.Event(), []
        small_stream = threading.Thread(
            target=lambda: reader.append(
                Stream(server.port, names["small"], scenarios.words(salt + 2, 20), 1500, ignore_eos=True, on_text=lambda n: n == 20 and arrived.set())))
        small_stream.start()
        arrived.wait()
        intruder = stream("large", scenarios.words(salt + 3, 600), 1)
        small_stream.join()
        result["small, longest gap while the large one reads 600 words (s)"] = reader[0].longest_gap(intruder.begin, intruder.moments[0])
        result["large, first token of the 600 words (s)"] = intruder.first_token
        return result


def table(results: dict) -> list[str]:
    return ["| | |", "|---|---:|"] + [f"| {key} | {value:.3g} |" for key, value in results.items()]


def main():
    programs = sys.argv[1:] or [str(REPOSITORY / ".build/release/shimmy")]
    results = {program: [] for program in programs}
    for number in range(ROUNDS):
        for program in programs:
            results[program].append(run(os.path.abspath(program), 100 * number + 7))
    for key in results[programs[0]][0]:
        print(f"{key:62}" + "".join(f"{statistics.median(values[key] for values in results[program]):10.3f}" for program in programs))


if __name__ == "__main__":
    main()
