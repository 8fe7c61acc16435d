"""The program in a pseudo-terminal: types keys and reads the output as a user would see it."""

import re
from pathlib import Path

import pexpect

from server import BINARY, environment

# Options for a short answer that is the same each time.
STEADY = ["--set", "temperature=0", "--set", "max_tokens=12", "--set", "seed=1"]
PROMPT = ">>> "
KEYS = {"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F", "word left": "\x1b[1;5D"}


class Dialogue:
    """`shimmy run` in a terminal. Use it in a `with` statement, which waits for the first prompt."""

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
        """Types keys, given as text or as names of keys."""
        for key in keys:
            self.child.send(KEYS.get(key, key))

    def expect(self, text: str) -> str:
        """Waits for a text on the screen and returns the output before it."""
        self.child.expect_exact(text)
        return self.child.before

    def expect_prompt(self) -> str:
        """Waits for the next prompt and returns the output before it. The prompt waits for keys, so it is the last output on the screen."""
        self.child.expect(re.compile(r"\x1b\[\?2004h\r\x1b\[J>>> \r\x1b\[4C"))
        return without_escapes(self.child.before)

    def say(self, line: str) -> str:
        """Types a line. Returns the output up to the next prompt, without the echo of the line."""
        self.type(line + "\r")
        shown = self.expect_prompt()
        return shown.split("\r\n", 1)[-1].replace("\r\n", "\n").strip("\n")

    def ask(self, line: str) -> str:
        """Types a message and returns only the answer."""
        return self.say(line).removesuffix("\nThe answer was cut: it reached max_tokens or the end of the context.")

    def begin_long_answer(self):
        """Requests a long answer and returns when it has begun."""
        self.type("Write a long story about a whale.\r")
        self.child.expect(re.compile(r"\x1b\[\?2004l(\S+\s+){2}"))

    def end(self) -> int:
        """Ends the program with ctrl-d and returns the exit code."""
        self.type("\x04")
        return self.wait()

    def wait(self) -> int:
        self.child.expect(pexpect.EOF)
        self.child.wait()
        return self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus


def as_seen(text: str) -> str:
    """Returns the visible text of lines after overwriting by carriage returns."""
    lines = []
    for line in without_escapes(text).split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return "\n".join(lines)


def without_escapes(text: str) -> str:
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", text)
