"""Drives the WebKitGTK of this machine over WebDriver, a protocol of HTTP and JSON. Without a display it has one of its own (Xvfb)."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

from driven_browser import BrowserError, DrivenBrowser

PROGRAM, DISPLAY = "WebKitWebDriver", "Xvfb"
ROUTES = {
    "WebDriver:Navigate": ("POST", "url"), "WebDriver:Refresh": ("POST", "refresh"), "WebDriver:ExecuteScript": ("POST", "execute/sync"),
    "WebDriver:ExecuteAsyncScript": ("POST", "execute/async"), "WebDriver:FindElement": ("POST", "element"),
    "WebDriver:ElementSendKeys": ("POST", "element/{id}/value"), "WebDriver:ElementClick": ("POST", "element/{id}/click"),
    "WebDriver:SetTimeouts": ("POST", "timeouts"),
}


def program() -> str | None:
    """Returns the path of the driver, if this machine has it and a display."""
    shown = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")) or shutil.which(DISPLAY)
    return shutil.which(PROGRAM) if shown else None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class WebKit(DrivenBrowser):
    """WebKitGTK's small browser. It does not pass on the messages of the console."""

    def __init__(self, seconds: float = 60):
        self.seconds, self.processes, self.session = seconds, [], None
        self.port = free_port()
        try:
            self._start()
            self.session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {"strictFileInteractability": False}}})["sessionId"]
            self.send("WebDriver:SetTimeouts", script=int(seconds * 1000))
        except BaseException:
            self.close()
            raise

    def _start(self):
        # Without a graphics card, the browser draws with the processor.
        variables = {**os.environ, "WEBKIT_DISABLE_DMABUF_RENDERER": "1", "LIBGL_ALWAYS_SOFTWARE": "1"}
        if not any(variables.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
            reader, writer = os.pipe()
            command = [DISPLAY, "-displayfd", str(writer), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
            self.processes.append(subprocess.Popen(command, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            os.close(writer)
            with os.fdopen(reader) as lines:
                variables["DISPLAY"] = f":{lines.readline().strip()}"
        self.log = tempfile.TemporaryFile()
        self.processes.append(subprocess.Popen([program(), f"--port={self.port}", "--host=127.0.0.1"], env=variables, stdout=self.log, stderr=self.log))
        end = time.monotonic() + self.seconds
        while True:
            try:
                return self._call("GET", "/status")
            except OSError:
                if time.monotonic() > end or self.processes[-1].poll() is not None:
                    raise BrowserError("WebKit's driver does not answer") from None
                time.sleep(0.05)

    def _call(self, method: str, path: str, body: dict | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.seconds + 10)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        finally:
            connection.close()
        if response.status != 200:
            raise BrowserError(f"{path}: {value['error']}: {value['message']}")
        return value

    def send(self, name: str, **parameters):
        method, path = ROUTES[name]
        return self._call(method, f"/session/{self.session}/{path.format(**parameters)}", parameters)

    def messages(self, prefix: str) -> list[str]:
        return []

    def close(self):
        if self.session is not None:
            try:
                self._call("DELETE", f"/session/{self.session}")
            except (OSError, BrowserError):
                pass
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
