"""ARCHITECTURE.md against the package: its graph of targets, its table of targets, and the files that it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
# These are used nearly everywhere. The graph does not draw them; a sentence above it says who does not use them.
COMMON = {"ShimmyCore", "ShimmyJSON"}


def declared() -> dict[str, set[str]]:
    """Returns the targets of the package that are not for tests, with the targets that each depends on."""
    package = (ROOT / "Package.swift").read_text()
    package = package[package.index("targets: [") :]
    starts = list(re.finditer(r'(?:^|\s)(?:target\(|\.(?:target|executableTarget|binaryTarget)\(\s*name:)\s*"(\w+)"', package))
    ends = [start.start() for start in starts[1:]] + [package.index("tests(")]
    names = {start.group(1) for start in starts} - {"ShimmyTestSupport"}
    graph = {}
    for start, end in zip(starts, ends):
        if start.group(1) in names:
            graph[start.group(1)] = names & set(re.findall(r'"(\w+)"', re.sub(r"\.product\([^)]*\)", "", package[start.end() : end])))
    return graph


def drawn() -> dict[str, set[str]]:
    """Returns the graph in ARCHITECTURE.md, without the common targets."""
    block = re.search(r"## Targets\n.*?```\n(.*?)```", TEXT, re.S)
    graph = {}
    for line in block.group(1).splitlines():
        users, used = (part.strip() for part in line.split("──►"))
        for user in users.split(", "):
            graph[user] = set() if used == "none" or used.startswith("only") else set(used.split(", "))
    everything = "all Swift targets below except ShimmyRouting and ShimmyHTTP"
    swift = {name for name in graph if name.startswith("Shimmy")} - COMMON - {"ShimmyRouting", "ShimmyHTTP"}
    return {user: used - {everything} | (swift if everything in used else set()) for user, used in graph.items()}


def imported(target: str) -> set[str]:
    files = [*(ROOT / "Sources" / target).rglob("*.swift")]
    return {name for file in files for name in re.findall(r"^(?:package |public )?import (\w+)$", file.read_text(), re.M)}


def test_the_graph_is_the_packages():
    graph = {name: used - COMMON for name, used in declared().items()}
    assert drawn() == graph


@pytest.mark.parametrize("target", sorted(name for name in declared() if list((ROOT / "Sources" / name).rglob("*.swift"))))
def test_a_target_uses_what_it_declares_and_nothing_else(target):
    graph = declared()
    assert imported(target) & set(graph) == graph[target]


def test_every_target_has_a_purpose():
    table = TEXT[TEXT.index("| Target | Purpose |") : TEXT.index("## Dependencies")]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == set(declared()) | {"ShimmyTestSupport"}


def test_every_file_that_is_named_exists():
    names = set(re.findall(r"`([\w/+.]+\.(?:swift|cpp|h|py|sh))`", TEXT))
    files = [str(path.relative_to(ROOT)) for folder in ("Sources", "Tests", "scripts", "bench", "Kernels") for path in (ROOT / folder).rglob("*")]
    files += [path.name for path in ROOT.iterdir()]
    assert len(names) > 40
    assert sorted(name for name in names if not any(("/" + file).endswith("/" + name) for file in files)) == []
