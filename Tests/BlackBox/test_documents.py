"""The numbers, pictures and links of the documents."""

import re
import sys
from pathlib import Path

import pytest

from server import BINARY, MODEL_FILE, REPOSITORY

sys.path[:0] = [str(REPOSITORY / "bench"), str(REPOSITORY / "scripts")]
import documents  # noqa: E402
import terminal_picture  # noqa: E402

RESULTS, NOTES = documents.read()
WRITTEN = documents.written(RESULTS, NOTES)


@pytest.mark.parametrize("name", WRITTEN)
def test_numbers_are_those_of_the_results(name):
    assert (REPOSITORY / name).read_text() == WRITTEN[name], "run 'python3 bench/documents.py'"


@pytest.mark.parametrize("path", documents.documents(), ids=lambda path: path.name)
def test_no_measurement_comes_from_elsewhere(path):
    strays = documents.strays(str(path.relative_to(REPOSITORY)), path.read_text(), documents.values(RESULTS, NOTES))
    assert not strays, "add a sentence to bench/documents.py, or the words around a constant"


def test_numbers_from_elsewhere_are_found():
    assert documents.strays("docs/x.md", "It takes\n12 ms, at 3.5\ntokens/s, in 4 KB.", {}) == [
        "It takes 12 ms, at 3.5 tokens/s, i", "It takes 12 ms, at 3.5 tokens/s, in 4 KB."]
    with pytest.raises(ValueError, match="there 0 times"):
        documents.with_sentence("It takes 12 ms.", "It lasts {a} ms.", {"a": 1})
    assert documents.with_sentence("It\ntakes 12 ms to 13 ms.", "It takes {a:.1f} ms to {b} ms", {"a": 1, "b": 2}) == "It\ntakes 1.0 ms to 2 ms."


def test_every_scenario_has_a_date_and_none_is_vague():
    measured = set(RESULTS) - {"dates", "machine"}
    assert measured <= set(RESULTS["dates"]) and all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in RESULTS["dates"].values())
    assert all(note["date"] and note["what"] for name, note in NOTES.items() if name != "about")


def test_the_picture_shows_the_session():
    folder = REPOSITORY / "docs/pictures"
    assert (folder / "terminal.svg").read_text() == terminal_picture.picture((folder / "terminal.txt").read_text())


def test_sizes_in_the_readme_are_true():
    text = (REPOSITORY / "README.md").read_text()
    assert f"{MODEL_FILE.stat().st_size / 1e6:.0f} MB" in text
    (program,) = re.findall(r"\(about (\d+) MB:", text)
    assert abs(Path(BINARY).stat().st_size / 1e6 - int(program)) < 0.1 * int(program)


def test_the_readme_leads_with_commands_a_picture_and_numbers():
    text = (REPOSITORY / "README.md").read_text()
    order = [text.index(mark) for mark in ("```sh", "docs/pictures/terminal.svg", "<!-- numbers: comparison -->", "docs/clients.md", "## Features")]
    assert order == sorted(order) and order[0] < 400
    assert len(text[order[0]:text.index("```\n", order[0])].splitlines()) == 3, "two commands"


@pytest.mark.parametrize("path", documents.documents(), ids=lambda path: path.name)
def test_links_lead_to_files(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    for target in [*re.findall(r"\]\(([^)#\s]+)[^)]*\)", text), *re.findall(r'<(?:img|source)\b[^>]*\bsrc(?:set)?="([^"\s]+)"', text)]:
        if not re.match(r"https?:|mailto:", target):
            assert (path.parent / target).exists(), target
