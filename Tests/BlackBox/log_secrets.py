"""What the log of a server must never contain: prompts, answers and keys."""

import json
import re

# The members of requests and responses with text of clients and models.
TEXT_MEMBERS = {"content", "prompt", "input", "text", "system", "instructions", "output_text", "response", "query"}
# A part of a text that the log would write without escapes, long enough to be there for no other reason.
PHRASE = re.compile(r"[A-Za-z0-9,.'?!]{1,20} [A-Za-z0-9,.'?! ]{18,38}")
KEY = re.compile(r"sk-shimmy-[0-9A-Za-z]{43}|Bearer ")
MOST = 300


class LogSecrets:
    """Phrases of the requests to a server, and of its responses."""

    def __init__(self, arguments: tuple[str, ...], variables: dict[str, str]):
        self.phrases: set[str] = set()
        self.may_have_text = "--log-text" in arguments or "SHIMMY_LOG_TEXT" in variables
        keys = [value for option, value in zip(arguments, arguments[1:]) if option == "--api-key"]
        self.keys = {key for key in [*keys, variables.get("SHIMMY_API_KEY", "")] if len(key) > 8}

    def note(self, data: bytes | None):
        """Takes the texts of a body."""
        if not data or len(data) > 1 << 20 or len(self.phrases) >= MOST:
            return
        try:
            values = [(None, json.loads(data))]
        except (ValueError, RecursionError):
            return
        while values:
            name, value = values.pop()
            if isinstance(value, dict):
                values += value.items()
            elif isinstance(value, list):
                values += [(name, element) for element in value]
            elif isinstance(value, str) and name in TEXT_MEMBERS and (found := PHRASE.search(value[:10_000])):
                self.phrases.add(found.group())

    def found(self, log: str) -> list[str]:
        """Returns the secrets that a log contains."""
        phrases = set() if self.may_have_text else self.phrases
        return [secret for secret in phrases | self.keys if secret in log] + KEY.findall(log)
