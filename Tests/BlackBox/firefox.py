"""Drives the Firefox of this machine over Marionette, the protocol that it has built in: a TCP connection with JSON messages.

Playwright drives only a Firefox of its own, and no other driver is needed for a few commands.
"""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

from driven_browser import BrowserError, DrivenBrowser

NAMES = ("firefox-esr", "firefox")
PREFERENCES = {
    "marionette.port": 0, "browser.shell.checkDefaultBrowser": False, "datareporting.policy.dataSubmissionEnabled": False, "toolkit.telemetry.enabled": False,
    "app.update.enabled": False, "extensions.update.enabled": False, "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False,
    "browser.safebrowsing.malware.enabled": False, "browser.safebrowsing.phishing.enabled": False, "services.settings.server": "http://127.0.0.1:1",
    "ui.prefersReducedMotion": 1,
}
# Messages of the console for addresses below a prefix, without those about style sheets: browsers report each other's properties.
MESSAGES = """
const [prefix] = arguments
const all = Services.console.getMessageArray()
Services.console.reset()
return all.filter(each => each instanceof Ci.nsIScriptError && each.category !== "CSS Parser" && each.sourceName.startsWith(prefix))
    .map(each => each.errorMessage)
"""


def program() -> str | None:
    """Returns the path of a Firefox of this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox(DrivenBrowser):
    """A Firefox without a window, with a profile of its own."""

    def __init__(self, profile: Path, seconds: float = 60):
        profile.mkdir(parents=True, exist_ok=True)
        (profile / "user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()))
        command = [program(), "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", str(profile)]
        self.log = (profile / "output.txt").open("wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.number, self.seconds, self.buffer, self.connection = 0, seconds, b"", None
        try:
            self.connection = socket.create_connection(("127.0.0.1", self._port(profile)), timeout=seconds)
            self._receive()
            self.send("WebDriver:NewSession", strictFileInteractability=False)
            self.send("WebDriver:SetTimeouts", script=int(seconds * 1000))
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def _port(self, profile: Path) -> int:
        """Returns the port that Firefox chose. It writes a file with it once it listens."""
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                return int((profile / "MarionetteActivePort").read_text())
            except (FileNotFoundError, ValueError):
                time.sleep(0.05)
        raise BrowserError("Firefox does not listen for commands")

    def _receive(self):
        while b":" not in self.buffer:
            self._more()
        size, rest = self.buffer.split(b":", 1)
        self.buffer = rest
        while len(self.buffer) < int(size):
            self._more()
        message, self.buffer = self.buffer[:int(size)], self.buffer[int(size):]
        return json.loads(message)

    def _more(self):
        part = self.connection.recv(65536)
        if not part:
            raise BrowserError("Firefox closed the connection")
        self.buffer += part

    def send(self, name: str, **parameters):
        """Sends a command and returns its result."""
        self.number += 1
        message = json.dumps([0, self.number, name, parameters]).encode()
        self.connection.sendall(str(len(message)).encode() + b":" + message)
        _, number, error, result = self._receive()
        assert number == self.number
        if error is not None:
            raise BrowserError(f"{name}: {error['error']}: {error['message']}")
        return result.get("value", result) if isinstance(result, dict) else result

    def messages(self, prefix: str) -> list[str]:
        """Returns errors and warnings of the console about files of a server, and empties the console, so that each test has its own."""
        self.send("Marionette:SetContext", value="chrome")
        try:
            return self.run(MESSAGES, prefix)
        finally:
            self.send("Marionette:SetContext", value="content")
