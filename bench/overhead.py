"""Share of a step's time that is spent outside the model: sampling, bookkeeping and delivery."""

import json
from pathlib import Path

import kernel_runs
import scenarios
from servers import Contender, Server

STREAMS, TOKENS = 32, 48


def cases(weights: str) -> dict[str, tuple[str, dict]]:
    """Returns the model and the sampling parameters of each case."""
    drawn = {"temperature": 0.8, "top_p": 0.95}
    large, wide = str(kernel_runs.big_model("Q4_K_M")), str(kernel_runs.big_model("Q4_K_M 152000"))
    return {
        "SmolLM2-135M, greedy": (weights, {"temperature": 0}),
        "SmolLM2-135M, top_p 0.95": (weights, drawn),
        "1B Q4_K_M, greedy": (large, {"temperature": 0}),
        "1B Q4_K_M, top_p 0.95": (large, drawn),
        "1B Q4_K_M with 152,000 tokens, greedy": (wide, {"temperature": 0}),
        "1B Q4_K_M with 152,000 tokens, top_p 0.95": (wide, drawn),
        "1B Q4_K_M with 152,000 tokens, all of min_p, top_k, typical_p and penalties": (
            wide, {**drawn, "min_p": 0.01, "top_k": 40, "typical_p": 0.95, "frequency_penalty": 0.5, "repeat_penalty": 1.1}),
    }


def run(weights: str, program: str) -> dict:
    """Returns for each case the share of step time outside the model, with 32 streams."""
    result = {}
    for name, (model, sampling) in cases(weights).items():
        command = [program, "serve", "--port", "{port}", "--ctx-size", "8192", "--slots", str(STREAMS), "--model", model]
        with Server(Contender("shimmy", command, Path(model).stem)) as server:
            scenarios.warm(server)
            fields = {"tokens": TOKENS, "ignore_eos": True, **sampling}
            before = steps(server)
            server.streams([{"prompt": scenarios.words(number, 8), "seed": number, **fields} for number in range(STREAMS)])
            after = steps(server)
            result[name] = 1 - (after["model_seconds"] - before["model_seconds"]) / (after["seconds"] - before["seconds"])
    return result


def steps(server: Server) -> dict:
    [engine] = json.loads(server.get("/v1/engine")[1])["data"]
    return engine["steps"]


def table(results: dict) -> list[str]:
    lines = ["| 32 streams | of a step | target |", "|---|---:|---|"]
    # The smallest model first, and the shortest list of samplers.
    for name, part in sorted(results.items(), key=lambda entry: ("152,000" in entry[0], entry[0].startswith("1B"), len(entry[0]))):
        target = 0.1 if "152,000" in name else 0.05
        lines.append(f"| {name} | {part:.1%} | < {target:.0%} ({'met' if part < target else 'missed'}) |")
    return lines
