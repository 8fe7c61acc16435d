"""Man pages, made from the command line's own definitions.

    man_pages.py PROGRAM FOLDER     writes shimmy.1, shimmy-serve.1 and a page for each other command

swift-argument-parser describes all commands of a program as JSON.
"""

import argparse
import json
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from version import version

EXIT_CODES = re.compile(r"Exit codes: (.*)\.\s*$", re.S)


def pages(program: Path) -> dict[str, str]:
    """Returns the pages of a program by the names of their files."""
    dumped = subprocess.run([program, "--experimental-dump-help"], capture_output=True, check=True).stdout
    root = json.loads(dumped)["command"]
    result = {}
    add(root, [root["commandName"]], result)
    return result


def add(command: dict, path: list[str], result: dict[str, str]):
    """Adds the pages of a command and its subcommands."""
    children = [child for child in command.get("subcommands", []) if child.get("shouldDisplay", True) and child["commandName"] != "help"]
    result["-".join(path) + ".1"] = page(command, path, children)
    for child in children:
        add(child, [*path, child["commandName"]], result)


def page(command: dict, path: list[str], children: list[dict]) -> str:
    name = "-".join(path)
    arguments = [argument for argument in command.get("arguments", []) if argument.get("shouldDisplay", True)]
    options = [argument for argument in arguments if argument["kind"] != "positional"]
    positional = [argument for argument in arguments if argument["kind"] == "positional"]
    # The month is enough, and the same for all builds of a release.
    date = datetime.now(timezone.utc).strftime("%B %Y")
    lines = [f'.TH "{escaped(name).upper()}" 1 "{date}" "shimmy {version()}" "Shimmy"']
    lines += [".SH NAME", f"{escaped(name)} \\- {escaped(summary(command))}"]
    lines += [".SH SYNOPSIS", *synopsis(path, options, positional, children)]
    discussion, codes = split_codes(command.get("discussion", ""))
    if discussion:
        lines += [".SH DESCRIPTION", *paragraphs(discussion)]
    if positional:
        lines += [".SH ARGUMENTS"] + [line for argument in positional for line in entry(argument)]
    for title in dict.fromkeys(option.get("sectionTitle") or "Options" for option in options):
        section = [option for option in options if (option.get("sectionTitle") or "Options") == title]
        lines += [f'.SH "{escaped(title).upper()}"'] + [line for option in section for line in entry(option)]
    if children:
        lines.append(".SH COMMANDS")
        for child in children:
            lines += [".TP", f".BR {escaped('-'.join([*path, child['commandName']]))} (1)", *text(child.get("abstract", ""))]
    if codes:
        lines.append('.SH "EXIT STATUS"')
        for code, meaning in codes:
            lines += [".TP", f".B {code}", *text(meaning)]
    related = [f".BR {escaped('-'.join(path[:-1]))} (1)"] if len(path) > 1 else []
    return "\n".join(lines + ([".SH \"SEE ALSO\"", *related] if related else [])) + "\n"


def summary(command: dict) -> str:
    return (command.get("abstract") or command["commandName"]).rstrip(".")


def synopsis(path: list[str], options: list[dict], positional: list[dict], children: list[dict]) -> list[str]:
    lines = [f".B {escaped(' '.join(path))}"]
    if options:
        lines.append("[\\fIOPTIONS\\fR]")
    for argument in positional:
        word = f"\\fI{escaped(argument['valueName'].upper())}\\fR" + (" ..." if argument["isRepeating"] else "")
        lines.append(f"[{word}]" if argument["isOptional"] else word)
    return lines + (["\\fICOMMAND\\fR ..."] if children else [])


def split_codes(discussion: str) -> tuple[str, list[tuple[str, str]]]:
    """Returns the discussion without its sentence on exit codes, and the codes with their meanings."""
    found = EXIT_CODES.search(discussion)
    if not found:
        return discussion, []
    entries = [" ".join(part.split()).split(" ", 1) for part in re.split(r",\s+(?=\d+ )", found.group(1))]
    return discussion[: found.start()].strip(), [(code, meaning) for code, meaning in entries]


def entry(argument: dict) -> list[str]:
    """Returns the lines for an argument or an option."""
    if argument["kind"] == "positional":
        head = f"\\fI{escaped(argument['valueName'].upper())}\\fR"
    else:
        names = [f"\\fB{escaped(('--' if name['kind'] == 'long' else '-') + name['name'])}\\fR" for name in argument["names"]]
        head = ", ".join(names) + (f" \\fI{escaped(argument['valueName'])}\\fR" if argument["kind"] == "option" else "")
    body = argument.get("abstract", "")
    if values := argument.get("allValues"):
        body += f" One of: {', '.join(values)}."
    if default := argument.get("defaultValue"):
        body += f" Default: {default}."
    return [".TP", head, *text(body.strip())]


def paragraphs(discussion: str) -> list[str]:
    """Returns a text with its paragraphs. Lines that begin with spaces, or that are shorter than a paragraph's, stay lines."""
    lines = []
    for index, block in enumerate(re.split(r"\n\s*\n", discussion.strip())):
        rows = block.splitlines()
        lines += [".PP"] if index else []
        lines += [".nf", *(line for row in rows for line in text(row)), ".fi"] if len(rows) > 1 else text(rows[0])
    return lines


def text(words: str) -> list[str]:
    """Returns lines of text. A line of roff must not begin with a period or an apostrophe."""
    return [("\\&" if line.startswith((".", "'")) else "") + escaped(line) for line in words.splitlines() if line.strip()]


def escaped(words: str) -> str:
    return words.replace("\\", "\\e").replace("-", "\\-").replace("\u2026", "...").replace("\u00e9", "\\('e")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Writes the man pages of a program.")
    parser.add_argument("program", type=Path, help="the program shimmy")
    parser.add_argument("folder", type=Path, help="folder for the pages")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for file, content in pages(options.program).items():
        (options.folder / file).write_text(content)
