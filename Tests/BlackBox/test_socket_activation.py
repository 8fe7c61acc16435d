"""Sockets that a service manager opens before it starts the server (systemd's socket activation)."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from server import BINARY, MODEL, environment, run
from test_service import written
from tls import curl, make_certificate

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these tests are for systemd")

# Does what systemd does before it starts a program: moves the sockets to the descriptors from 3 on, and says how many there are.
LAUNCHER = """
import fcntl, os, sys
count = int(sys.argv[1])
copies = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[2:2 + count]]
for index, copy in enumerate(copies): os.dup2(copy, 3 + index)
for copy in copies: os.close(copy)
os.environ.update(LISTEN_PID=str(os.getpid() + int(os.environ.get("SHIFT", "0"))), LISTEN_FDS=str(count))
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


@contextlib.contextmanager
def opened(*sockets, home, arguments=(), **extra):
    """A server that was started with sockets, once it listens."""
    numbers = [str(one.fileno()) for one in sockets]
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(len(numbers)), *numbers, BINARY, "serve", *arguments], env=environment(home, **extra),
        pass_fds=[one.fileno() for one in sockets], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=30)
        finally:
            process.kill()


def listening(address="127.0.0.1") -> socket.socket:
    one = socket.socket()
    one.bind((address, 0))
    one.listen()
    return one


def test_the_server_answers_at_the_sockets_alone(home, tmp_path):
    path = f"/tmp/shimmy-test-{os.getpid()}-activation"
    port, own = listening(), socket.socket(socket.AF_UNIX)
    with contextlib.closing(port), contextlib.closing(own):
        own.bind(path)
        own.listen()
        url = f"http://127.0.0.1:{port.getsockname()[1]}"
        # This connection is older than the server, which takes it from the socket.
        with socket.create_connection(port.getsockname()) as early, opened(port, own, home=home, arguments=["--port", "1"]) as process:
            assert process.stdout.readline() == f"Shimmy is listening on {url}\n"
            early.sendall(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            head = b"".join(iter(lambda: early.recv(4096), b"")).decode()
            assert head.startswith("HTTP/1.1 200 OK\r\n") and MODEL in head
            assert re.search(r"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", head, re.I)
            assert json.loads(curl("--unix-socket", path, "http://localhost/health").stdout)["status"] == "ok"
            body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "stream": True}
            stream = curl("-H", "Content-Type: application/json", "-d", json.dumps(body), url + "/v1/chat/completions").stdout
            assert stream.endswith("data: [DONE]\n\n")
        assert process.returncode == 0
        # The sockets are the manager's: the server leaves them open, and the next one uses them.
        assert os.path.exists(path)
        with opened(port, home=home) as process:
            assert process.stdout.readline() == f"Shimmy is listening on {url}\n"
            assert curl(url + "/health").returncode == 0
    os.unlink(path)


def test_a_socket_of_a_port_is_encrypted(home, tmp_path):
    certificate, key = make_certificate(home, tmp_path)
    with contextlib.closing(listening()) as port:
        with opened(port, home=home, arguments=["--tls-cert", certificate, "--tls-key", key]) as process:
            url = f"https://127.0.0.1:{port.getsockname()[1]}"
            assert process.stdout.readline() == f"Shimmy is listening on {url}\n"
            for version in ["--http1.1", "--http2"]:
                assert json.loads(curl(version, "--cacert", certificate, url + "/health").stdout)["status"] == "ok"


def test_a_socket_for_other_machines_needs_a_key(home):
    with contextlib.closing(listening("0.0.0.0")) as port, opened(port, home=home) as process:
        assert process.wait(30) == 6
        assert "0.0.0.0" in process.stderr.read()


def test_a_descriptor_that_is_not_listening_is_named(home):
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other, opened(other, home=home) as process:
        assert process.wait(30) == 64
        assert "descriptor 3" in process.stderr.read()


def test_sockets_for_another_process_are_ignored(home):
    with contextlib.closing(listening()) as port, opened(port, home=home, arguments=["--port", "auto"], SHIFT="1") as process:
        line = process.stdout.readline()
        assert line.startswith("Shimmy is listening on http://127.0.0.1:") and str(port.getsockname()[1]) not in line


# shimmy service


def test_the_units_of_a_dry_run(home):
    result = run(home, "service", "install", "--dry-run", "--socket-activation", "--", "--port", "8080", "--listen", "::1", "--socket", "/run/50%.sock")
    assert (result.returncode, result.stderr) == (0, "")
    units = written(result.stdout)
    folder = f"{home}/.config/systemd/user"
    socket_unit = units[f"{folder}/shimmy.socket"].splitlines()
    assert [line for line in socket_unit if line.startswith("Listen")] == [
        "ListenStream=127.0.0.1:8080", "ListenStream=[::1]:8080", "ListenStream=/run/50%%.sock"]
    assert {"SocketMode=0660", "WantedBy=sockets.target"} <= set(socket_unit)
    service = units[f"{folder}/shimmy.service"].splitlines()
    assert {"Requires=shimmy.socket", "Also=shimmy.socket"} <= set(service) and not [line for line in service if line.startswith("WantedBy")]
    commands = re.findall(r"^Run (.*)$", result.stdout, re.M)
    steps = ("daemon-reload", "disable --now shimmy.service", "enable shimmy.socket", "restart shimmy.socket")
    assert commands == [f"systemctl --user {step}" for step in steps]


@pytest.mark.parametrize("arguments, words", [
    (["--port", "auto"], "port number"), (["--host", "server.local"], "IP address"), (["--listen", "a.example"], "IP address"),
    (["--socket", "relative.sock"], "absolute path"),
])
def test_addresses_that_systemd_cannot_open_are_named(home, arguments, words):
    result = run(home, "service", "install", "--dry-run", "--socket-activation", "--", *arguments)
    assert result.returncode == 64 and words in result.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_both_units(home, tmp_path):
    result = run(
        home, "service", "install", "--system", "--dry-run", "--socket-activation", "--program", shutil.which("true"), "--", "--socket", "/run/s.sock")
    for path, text in written(result.stdout).items():
        if path.startswith("/etc/systemd/"):
            (tmp_path / os.path.basename(path)).write_text(text.replace("Documentation=man:shimmy(1)\n", ""))
    units = [tmp_path / "shimmy.service", tmp_path / "shimmy.socket"]
    checked = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert "shimmy." not in checked.stderr, checked.stderr
