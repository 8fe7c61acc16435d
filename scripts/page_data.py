"""Writes the data of the page's help that the program defines: Page/app/data/compatibility.json and Page/app/data/connect.json.

    page_data.py PROGRAM [--check]

`shimmy compat` prints the first file's content. For the second one, `shimmy connect` runs for each client with a server, a model and a key that have
unmistakable names, which become {{root}}, {{model}}, {{key}} and the like in the texts. With --check, it writes nothing and exits with code 1 if a file
differs.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from version import REPOSITORY

FOLDER = REPOSITORY / "Page/app/data"
APIS = ("openai", "anthropic", "ollama", "llama-server", "lmstudio")
MODEL, KEY = "model-of-the-page", "key-of-the-page"
# Clients get a quarter of the context as the limit of an answer; the other numbers follow from these.
CONTEXT, OUTPUT = 771204, 192801
PROMPT = CONTEXT - OUTPUT
# A context for which clients with long prompts get a warning.
SHORT = 4096
PLACES = ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "CONTINUE_GLOBAL_DIR", "LLM_USER_PATH", "XDG_CONFIG_HOME")


def compatibility(program: str) -> list:
    """Returns the matrix of each API without the names of tests."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(member) for key, member in value.items() if key != "test"}
        return [plain(member) for member in value] if isinstance(value, list) else value

    def matrix(api):
        return json.loads(subprocess.run([program, "compat", api, "--json"], capture_output=True, text=True, check=True).stdout)

    return [{"api": api, **plain(matrix(api))} for api in APIS]


class Answers(BaseHTTPRequestHandler):
    """The answers of a server with one model."""

    context = CONTEXT

    def log_message(self, *_):
        pass

    def do_GET(self):
        model = {"id": MODEL, "object": "model", "shimmy": {"context_length": self.context, "capabilities": ["chat"], "problem": None}}
        body = {"object": "list", "data": [model]} if self.path == "/v1/models" else {**model, "max_context_length": 1 << 20}
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Printer:
    """Runs `shimmy connect` against such a server."""

    def __init__(self, program: str, home: str):
        self.program, self.home = program, home
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        variables = {"PATH": os.environ.get("PATH", ""), "HOME": self.home, "SHIMMY_HOST": self.root, **dict.fromkeys(PLACES, "")}
        return subprocess.run([self.program, "connect", *arguments], capture_output=True, text=True, check=True, env=variables)

    def template(self, text: str) -> str:
        for value, name in ((self.root, "root"), (MODEL, "model"), (KEY, "key"), (str(CONTEXT), "context"), (str(OUTPUT), "output"),
                            (str(PROMPT), "prompt"), (str(SHORT), "context")):
            text = text.replace(value, "{{" + name + "}}")
        return text.replace(self.home, "~")

    def recipe(self, name: str, *arguments: str) -> dict:
        """Returns the configuration of a client as it is printed."""
        result = self.run(name, "--model", MODEL, *arguments)
        recipe = {"kind": "shell", "text": self.template(result.stdout)}
        notes = []
        for line in self.template(result.stderr).splitlines():
            line = line.removeprefix("# ")
            if found := re.fullmatch(r"File (.+); --write adds this to it:", line):
                recipe["file"] = found[1]
                recipe["kind"] = Path(found[1]).suffix[1:].replace("jsonc", "json")
            elif found := re.fullmatch(r"With --write, the configuration goes into (.+)\.", line):
                recipe["file"] = found[1]
            elif line.startswith("  "):
                recipe.setdefault("fields", []).append(re.split(r"\s{2,}", line.strip(), maxsplit=1))
            elif found := re.fullmatch(r"Also set: (.+)", line):
                recipe.setdefault("also", []).append(found[1])
            elif not line.startswith("Or enter in "):
                notes.append(line)
        if recipe["kind"] == "shell" and not re.match(r"export |\w+ auth ", recipe["text"]):
            recipe = {**recipe, "kind": "fields", "fields": [re.split(r"\s{2,}", line, maxsplit=1) for line in recipe["text"].splitlines()], "text": ""}
        return {**recipe, "notes": notes}


def connect(program: str) -> list:
    """Returns each client's configuration for servers with and without keys."""
    with tempfile.TemporaryDirectory() as home:
        printer = Printer(program, home)
        clients = []
        for line in printer.run("--list").stdout.splitlines():
            name, title, about = re.split(r"\s{2,}", line.strip(), maxsplit=2)
            Answers.context = CONTEXT
            open_, keyed = printer.recipe(name), printer.recipe(name, "--api-key", KEY)
            Answers.context = SHORT
            warnings = [note for note in printer.recipe(name)["notes"] if note not in open_["notes"]]
            client = {"name": name, "title": title, "about": about, "open": open_, "keyed": keyed}
            clients.append({**client, "short": warnings[0]} if warnings else client)
        printer.server.shutdown()
        return clients


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    different = []
    for name, value in (("compatibility", compatibility(arguments.program)), ("connect", connect(arguments.program))):
        path = FOLDER / f"{name}.json"
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
        if path.exists() and path.read_text() == text:
            continue
        different.append(path)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    for path in different:
        print(f"{path.relative_to(REPOSITORY)} {'differs' if arguments.check else 'is written'}")
    if arguments.check and different:
        sys.exit(1)


if __name__ == "__main__":
    main()
