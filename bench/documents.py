"""Writes the numbers of measurements into the documents, from docs/benchmarks/results.json and notes.json.

    python3 bench/documents.py            write them
    python3 bench/documents.py --check    list what differs; the exit code is 1 if anything does

A document has numbers in two ways: in a block between `<!-- numbers: NAME -->` and `<!-- end of numbers -->`, which is generated as a whole, and in a
sentence of `SENTENCES`, whose words are fixed and whose numbers are filled in. benchmarks.md is generated as a whole.
"""

import json
import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "bench"), str(REPOSITORY / "scripts")]

import run  # noqa: E402

# A number with a unit of speed or of short times: such numbers are measurements, unless CONSTANTS has the words around them.
MEASUREMENT = re.compile(r"\d[\d.,]*\s(?:tokens/s|texts/s|tokens per second|GB/s|GOPS|µs|ms)(?!\w)")
CONSTANTS = {
    "ARCHITECTURE.md": ["(`--stream-gap`, 100 ms)", "A job that has run for 5 ms counts", "in the last 200 ms"],
    "docs/limits.md": ["3,600,000 ms"],
}

# The document, and a sentence whose placeholders are names of `values`.
SENTENCES = [
    ("ARCHITECTURE.md", "it reduces decoding from {two_alone:.0f} to {two_beside:.0f} tokens/s; a single thread is hardly disturbed ({one_alone:.0f} alone, "
                        "{one_beside:.0f} beside the program)"),
    ("ARCHITECTURE.md", "The server then reaches {server_beside:.0f} tokens/s beside a busy program, and {server_alone:.0f} alone."),
    ("ARCHITECTURE.md", "Real-time priority would give {real_time_least:.0f} to {real_time_most:.0f}, but"),
    ("ARCHITECTURE.md", "{first_answer_ms} ms to the first answer"),
    ("ARCHITECTURE.md", "a trivial task waited {actors_s} s beside two such actors, and {thread_ms} ms beside a thread"),
    ("docs/kernels.md", "Q4_K reached {q4_k_partly} GB/s on one core instead of {q4_k}, and Q3_K {q3_k_partly} instead of {q3_k}. A loop that only reads "
                        "reaches {reading} GB/s there, but a loop that only reads and prefetches reaches {reading_ahead}:"),
    ("docs/kernels.md", "(from the cache, the product runs at {cache_slowest} to {cache_fastest} GB/s)"),
    ("docs/kernels.md", "where that is {read:.0f} GB/s for two cores. At times when the same virtual machine reads {read_gb_s} GB/s, it"),
    ("docs/kernels.md", "Eight rows reach {eight_least:.0f} % (Q2_K) to {eight_most:.0f} % (IQ4_XS) of the peak."),
    ("docs/kernels.md", "packs a model while it loads, at {slowest_gb_s} to {fastest_gb_s} GB/s per core"),
    ("docs/sampling.md", "sampling takes {greedy:.0f} % of a step at temperature 0 and {top_p:.0f} % with `top_p` (SmolLM2-135M"),
    ("docs/storage.md", "storing reduced the throughput by {rounds_5} % over 5 rounds, and by {rounds_2} % over 2."),
    ("docs/structured-output.md", "a mask takes {mask_median:.1f} µs in the middle of a record, and at most {mask_longest:.1f} ms the first time that a kind"),
]


def values(results: dict, notes: dict) -> dict:
    """Returns the numbers of the sentences."""
    numbers = {key: value for note in notes.values() if isinstance(note, dict) for key, value in note.items() if isinstance(value, (int, float))}

    def threads(count: int, priority: int) -> list[dict]:
        return [one for one in results["threads"]["shimmy"][0] if (one["threads"], one["priority"]) == (count, priority)]

    (two,), (one,) = ([run for run in threads(count, 0) if run["poll"] == 1] for count in (2, 1))
    real_time = [run["beside"] for run in threads(2, 1)]
    limits, overhead = results["limits"]["shimmy"][0], results["overhead"]["shimmy"][0]
    busy, masks = results["busy"]["shimmy"][0], results["masks"]["shimmy"][0]
    eight = [100 * values["eight"] / limits[values["peak"]] for values in (limits["formats"]["q2_K"], limits["formats"]["iq4_xs"])]
    return numbers | {
        "two_alone": two["alone"], "two_beside": two["beside"], "one_alone": one["alone"], "one_beside": one["beside"],
        "real_time_least": min(real_time), "real_time_most": max(real_time),
        "server_alone": busy["alone"], "server_beside": busy["beside a busy program"],
        "read": limits["read"], "eight_least": eight[0], "eight_most": eight[1],
        "greedy": 100 * overhead["SmolLM2-135M, greedy"], "top_p": 100 * overhead["SmolLM2-135M, top_p 0.95"],
        "mask_median": masks["a record with 8 fields"]["median_us"], "mask_longest": max(one["max_us"] for one in masks.values()) / 1000,
    }


def comparison(results: dict, notes: dict) -> list[str]:
    """Returns the table of the README: Shimmy beside llama-server."""
    shown = [
        ("start", "tokens_per_second", "one answer"), ("start", "first_token", "first token of a prompt of 200 words"),
        ("distinct32", "throughput", "32 clients at once"), ("agents", "first_token", "8 agents with one system prompt: first token"),
        ("intruder", "gap", "longest gap in a stream while a long prompt arrives"), ("records1", "seconds", "a JSON record with 8 fields"),
        ("start", "idle", "memory before a model is loaded"),
    ]
    lines = ["| | Shimmy | llama-server |", "|---|---:|---:|"]
    for scenario, key, title in shown:
        row = next(row for row in run.ROWS if (row.scenario, row.key) == (scenario, key))
        ours, theirs, _, _ = run.summarize(row, results)
        lines.append(f"| {title} | {run.number(ours * row.factor)} {row.unit} | {run.number(theirs * row.factor)} {row.unit} |")
    return lines


def grammars(results: dict, notes: dict) -> list[str]:
    """Returns the table of engines for grammars."""
    masks = results["masks"]["shimmy"][0]
    record, text = masks["a record with 8 fields"], masks["a string of at most 1,000 characters"]
    lines = ["| | compile a record | its masks, median / longest | mask in a string of 5 to 1,000 characters | hostile grammar |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row) + " |" for row in notes["grammars"]["rows"]]
    cells = [f"{record['compile_ms']:.1f} ms", *(f"{one['median_us']:.1f} µs / {one['max_us']:,.0f} µs" for one in (record, text)), "bounded"]
    return [*lines, "| Shimmy | " + " | ".join(cells) + " |"]


# The document and the generator of each block.
BLOCKS = {"comparison": ("README.md", comparison), "grammars": ("docs/structured-output.md", grammars)}
END = "<!-- end of numbers -->"


def with_block(text: str, name: str, lines: list[str]) -> str:
    """Returns a document with a block replaced."""
    begin = f"<!-- numbers: {name} -->"
    before, _, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"there is no block {begin} … {END}")
    return f"{before}{begin}\n" + "\n".join(lines) + f"\n{end}{after}"


def with_sentence(text: str, sentence: str, numbers: dict) -> str:
    """Returns a document with the numbers of a sentence replaced. The words of the sentence must be there once, in lines of any length."""
    parts = re.split(r"\{(.*?)\}", sentence)
    pattern = "".join(r"([\d.,]+)" if index % 2 else r"\s+".join(map(re.escape, re.split(r"\s+", part))) for index, part in enumerate(parts))
    found = list(re.finditer(pattern, text))
    if len(found) != 1:
        raise ValueError(f"the sentence is there {len(found)} times: {sentence}")
    for group in range(len(parts) // 2, 0, -1):
        begin, end = found[0].span(group)
        text = text[:begin] + ("{" + parts[2 * group - 1] + "}").format(**numbers) + text[end:]
    return text


def written(results: dict, notes: dict) -> dict[str, str]:
    """Returns the documents with the numbers of the results, by path."""
    paths = {name for name, _ in SENTENCES} | {name for name, _ in BLOCKS.values()}
    texts = {name: (REPOSITORY / name).read_text() for name in sorted(paths)}
    for name, (document, lines) in BLOCKS.items():
        texts[document] = with_block(texts[document], name, lines(results, notes))
    numbers = values(results, notes)
    for document, sentence in SENTENCES:
        texts[document] = with_sentence(texts[document], sentence, numbers)
    return texts | {"docs/benchmarks.md": run.report(results, notes, "benchmarks")}


def strays(name: str, text: str, numbers: dict) -> list[str]:
    """Returns the measurements of a document that come from no result."""
    for block in BLOCKS:
        text = re.sub(f"<!-- numbers: {block} -->.*?{END}", "", text, flags=re.S)
    text = re.sub(r"\s+", " ", text)
    for known in CONSTANTS.get(name, []) + [sentence.format(**numbers) for document, sentence in SENTENCES if document == name]:
        text = text.replace(known, "")
    return [text[max(0, match.start() - 60):match.end() + 20] for match in MEASUREMENT.finditer(text)]


def documents() -> list[Path]:
    """Returns the documents that people write."""
    generated = {"benchmarks.md", *(path.name for path in (REPOSITORY / "docs").glob("*_COMPAT.md"))}
    return [*sorted(REPOSITORY.glob("*.md")), *(path for path in sorted((REPOSITORY / "docs").glob("*.md")) if path.name not in generated)]


def read() -> tuple[dict, dict]:
    folder = REPOSITORY / "docs/benchmarks"
    return json.loads((folder / "results.json").read_text()), json.loads((folder / "notes.json").read_text())


def main() -> int:
    texts = written(*read())
    changed = [name for name, text in texts.items() if (REPOSITORY / name).read_text() != text]
    if "--check" not in sys.argv[1:]:
        for name in changed:
            (REPOSITORY / name).write_text(texts[name])
    print("\n".join(changed))
    return 1 if changed and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
