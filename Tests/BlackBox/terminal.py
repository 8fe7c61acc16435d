"""The program in a real pseudo-terminal: typed at, and read as a person would see it."""

import re
from pathlib import Path

import pexpect

from server import BINARY, environment

PROMPT = ">>> "
KEYS = {"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F", "word left": "\x1b[1;5D"}


class Dialogue:
    """`shimmy run` at a terminal. Use it in a `with` statement: it has shown its first prompt by then."""

    def __init__(self, home: Path, *arguments: str, columns: int = 100, begins: bool = True, **extra: str):
        variables = {"TERM": "xterm-256color", **environment(home), **extra}
        variables = {name: value for name, value in variables.items() if value is not None}
        self.child = pexpect.spawn(
            BINARY, ["run", *arguments], env=variables, encoding="utf-8", timeout=60, dimensions=(40, columns), echo=False
        )
        if begins:
            self.expect_prompt()

    def __enter__(self) -> "Dialogue":
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    def type(self, *keys: str):
        """Presses keys: texts, or names of keys."""
        for key in keys:
            self.child.send(KEYS.get(key, key))

    def expect(self, text: str) -> str:
        """Waits for a text on the screen; returns what came before it."""
        self.child.expect_exact(text)
        return self.child.before

    def expect_prompt(self) -> str:
        """What was printed up to the next prompt, which waits for keys: it is the last thing on the screen."""
        self.child.expect(re.compile(r"\x1b\[\?2004h\r\x1b\[J>>> \r\x1b\[4C"))
        return without_escapes(self.child.before)

    def say(self, line: str) -> str:
        """Types a line; returns all that is printed until the next prompt, without the echo of the line."""
        self.type(line + "\r")
        shown = self.expect_prompt()
        return shown.split("\r\n", 1)[-1].replace("\r\n", "\n").strip("\n")

    def ask(self, line: str) -> str:
        """Types a message; returns the answer alone."""
        return self.say(line).removesuffix("\nThe answer was cut: it reached max_tokens or the end of the context.")

    def begin_long_answer(self):
        """Returns when an answer that takes long has begun."""
        self.type("Write a long story about a whale.\r")
        self.child.expect(re.compile(r"\x1b\[\?2004l(\S+\s+){2}"))

    def end(self) -> int:
        """Ends it with ctrl-d; returns the exit code."""
        self.type("\x04")
        return self.wait()

    def wait(self) -> int:
        self.child.expect(pexpect.EOF)
        self.child.wait()
        return self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus


def as_seen(text: str) -> str:
    """What is left on the screen of lines that were written over."""
    lines = []
    for line in without_escapes(text).split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return "\n".join(lines)


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", text)
