"""`shimmy service`, and the reports of a server to the service manager that started it."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from server import BINARY, MODEL_FILE, REPOSITORY, Server, environment, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these tests are for systemd")
UNIT = ".config/systemd/user/shimmy.service"


def written(output: str) -> dict[str, str]:
    """Returns the files that a command printed, by their path."""
    blocks = re.findall(r"^Write (\S+):\n((?:    .*\n|\n)+)", output, re.M)
    return {path: re.sub(r"^    ", "", text, flags=re.M) for path, text in blocks}


# shimmy service


def test_a_dry_run_prints_the_steps_and_changes_nothing(home):
    result = run(home, "service", "install", "--dry-run", "--", "--port", "8080", "--model", "a b")
    assert (result.returncode, result.stderr) == (0, "")
    unit = written(result.stdout)[str(home / UNIT)]
    assert f'ExecStart={Path(BINARY).absolute()} serve --port 8080 --model "a b"\n' in unit
    commands = re.findall(r"^Run (.*)$", result.stdout, re.M)
    assert commands == [f"systemctl --user {step}" for step in ("daemon-reload", "enable shimmy.service", "restart shimmy.service")]
    assert not (home / UNIT).exists()


def command_of(home, started_as: str, *options: str, executable: str | None = None, cwd=None, **variables: str) -> str:
    """Returns the command of the unit that a program writes.
    - executable: the file to run if `started_as` is only its name."""
    result = subprocess.run(
        [started_as, "service", "install", "--dry-run", *(["--", *options] if options else [])], executable=executable, cwd=cwd,
        env=environment(home, **variables), capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    return re.search(r"^ExecStart=(.*)$", written(result.stdout)[str(home / UNIT)], re.M).group(1)


def test_the_unit_starts_the_program_as_it_was_started(home, tmp_path):
    """A package manager's link stays valid when it leads to another version."""
    folder = tmp_path.resolve() / "bin"
    folder.mkdir()
    link = folder / "shimmy"
    link.symlink_to(Path(BINARY).absolute())
    expected = f"{link} serve"
    assert command_of(home, str(link)) == expected
    assert command_of(home, "./shimmy", cwd=folder) == expected
    assert command_of(home, "./bin/shimmy", cwd=folder.parent) == expected
    assert command_of(home, "shimmy", PATH=f"{folder}:{os.environ['PATH']}") == expected


def test_the_unit_starts_a_copied_program(home, tmp_path):
    copy = tmp_path.resolve() / "shimmy"
    shutil.copy(BINARY, copy)
    assert command_of(home, str(copy)) == f"{copy} serve"
    assert command_of(home, "./shimmy", cwd=copy.parent) == f"{copy} serve"


def test_a_name_that_leads_to_another_program_is_not_used(home, tmp_path):
    other = tmp_path / "shimmy"
    shutil.copy(shutil.which("true"), other)
    expected = f"{os.path.realpath(BINARY)} serve"
    for name in (str(other), "nothing", ""):
        assert command_of(home, name, executable=BINARY, PATH=str(tmp_path)) == expected


def test_relative_paths_in_options_are_made_absolute(home, tmp_path):
    folder = tmp_path.resolve()
    (folder / "m.gguf").symlink_to(MODEL_FILE.resolve())
    options = [
        "--model-dir", "models", "--model-dir=./more/models/", "--tls-cert", "../cert.pem", "--tls-key=/etc/key.pem", "--socket", "s.sock",
        "--lora", "style=adapters/a.gguf:0.5", "--lora=b.gguf", "--config", "own.toml", "--api-key-file", "keys", "--allow-host", "host",
        "--model", "m.gguf",
    ]
    assert command_of(home, str(Path(BINARY).absolute()), *options, cwd=folder).split(" serve ")[1] == " ".join([
        f"--model-dir {folder}/models --model-dir={folder}/more/models --tls-cert {folder}/../cert.pem --tls-key=/etc/key.pem",
        f"--socket {folder}/s.sock --lora style={folder}/adapters/a.gguf:0.5 --lora={folder}/b.gguf --config {folder}/own.toml",
        f"--api-key-file {folder}/keys --allow-host host --model {folder}/m.gguf",
    ])
    assert command_of(home, str(Path(BINARY).absolute()), "--model", "name", cwd=folder).endswith(" serve --model name")


def test_the_unit_of_the_system_is_that_of_the_package(home):
    result = run(home, "service", "install", "--system", "--dry-run", "--program", shutil.which("true"))
    assert result.returncode == 0, result.stderr
    unit = written(result.stdout)["/etc/systemd/system/shimmy.service"]
    package = (REPOSITORY / "packaging/debian/shimmy.service").read_text()
    assert unit.strip() == package.replace("/usr/bin/shimmy", shutil.which("true")).strip()
    assert written(result.stdout)["/etc/sysusers.d/shimmy.conf"].startswith("u shimmy - ")


@pytest.mark.parametrize("arguments, words", [
    (["--", "--bogus"], "--bogus"), (["--", "--api-key", "secret"], "--api-key-file"), (["--account", "me"], "--system"),
    (["--program", "/nothing"], "'/nothing' is not a program"),
])
def test_mistakes_are_named_before_anything_is_written(home, arguments, words):
    result = run(home, "service", "install", *arguments)
    assert result.returncode == 64 and words in result.stderr
    assert not (home / UNIT).exists()


def test_a_system_service_needs_a_program_outside_of_homes(home):
    if not BINARY.startswith(("/root/", "/home/")):
        pytest.skip("the program is not in a home directory")
    result = run(home, "service", "install", "--system", "--dry-run")
    assert result.returncode == 64 and "sudo install" in result.stderr


def fake_manager(folder, script: str) -> dict:
    """Returns variables with which the commands of systemd are scripts that record their arguments."""
    folder.mkdir()
    for name in ("systemctl", "journalctl"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\n{script}\n')
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_a_service_is_installed_inspected_and_removed(home, tmp_path):
    variables = fake_manager(tmp_path / "bin", "exit 0")
    assert run(home, "service", "install", **variables).returncode == 0
    assert "WantedBy=default.target" in (home / UNIT).read_text()
    assert (home / UNIT).stat().st_mode & 0o777 == 0o644
    assert run(home, "service", "status", **variables).returncode == 0
    assert run(home, "service", "logs", "--follow", "--lines", "5", **variables).returncode == 0
    assert run(home, "service", "uninstall", **variables).returncode == 0
    assert not (home / UNIT).exists()
    assert (tmp_path / "bin/calls").read_text().splitlines() == [
        "systemctl --user daemon-reload", "systemctl --user enable shimmy.service", "systemctl --user restart shimmy.service",
        "systemctl --user status --no-pager shimmy.service", "journalctl --user-unit shimmy.service --lines 5 --follow",
        "systemctl --user disable --now shimmy.service", "systemctl --user daemon-reload",
    ]
    again = run(home, "service", "uninstall", **variables)
    assert again.returncode == 1 and "no service is installed" in again.stderr


@pytest.mark.parametrize("arguments", [["status"], ["logs", "--follow"]])
def test_a_service_that_is_not_installed_is_named(home, tmp_path, arguments):
    result = run(home, "service", *arguments, **fake_manager(tmp_path / "bin", "exit 0"))
    assert result.returncode == 1 and "no service is installed" in result.stderr
    assert not (tmp_path / "bin/calls").exists()


def test_a_step_that_fails_is_named(home, tmp_path):
    result = run(home, "service", "install", **fake_manager(tmp_path / "bin", "exit 3"))
    assert result.returncode == 1 and "'systemctl --user daemon-reload' failed with exit code 3" in result.stderr
    (home / UNIT).unlink()


def test_a_machine_without_systemd_is_named(home, tmp_path):
    result = run(home, "service", "status", PATH=str(tmp_path))
    assert result.returncode == 127 and "systemctl is not installed" in result.stderr


def test_a_damaged_configuration_does_not_keep_the_service(home, tmp_path):
    (tmp_path / "shimmy.toml").write_text("[server\n")
    assert run(home, "service", "uninstall", "--dry-run", SHIMMY_CONFIG=str(tmp_path / "shimmy.toml")).returncode == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit(home, tmp_path):
    result = run(home, "service", "install", "--system", "--dry-run", "--program", shutil.which("true"), "--", "--model", "50% a b$c")
    unit = tmp_path / "shimmy.service"
    unit.write_text(written(result.stdout)["/etc/systemd/system/shimmy.service"].replace("Documentation=man:shimmy(1)\n", ""))
    checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert "shimmy.service" not in checked.stderr, checked.stderr


# Reports to the manager


@contextlib.contextmanager
def manager(address: str):
    """The socket of a service manager. A leading @ is an abstract address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + address[1:] if address.startswith("@") else address)
        receiver.settimeout(30)
        yield receiver


@pytest.mark.parametrize("is_abstract", [False, True])
def test_a_server_reports_its_state(home, tmp_path, is_abstract):
    address = f"@shimmy-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with manager(address) as receiver:
        with Server(home, NOTIFY_SOCKET=address) as server:
            assert receiver.recv(1000) == b"READY=1"
            assert server.request("GET", "/health").status == 200
            server.process.send_signal(signal.SIGTERM)
            assert receiver.recv(1000) == b"STOPPING=1"
            assert server.process.wait(timeout=60) == 0


def test_a_server_answers_the_watchdog(home, tmp_path):
    address = str(tmp_path / "notify")
    with manager(address) as receiver, Server(home, NOTIFY_SOCKET=address, WATCHDOG_USEC="200000"):
        while (report := receiver.recv(1000)) != b"READY=1":
            assert report == b"WATCHDOG=1"
        assert [receiver.recv(1000) for _ in range(3)] == [b"WATCHDOG=1"] * 3


def test_a_manager_that_is_gone_does_not_stop_the_server(home, tmp_path):
    with Server(home, NOTIFY_SOCKET=str(tmp_path / "nobody"), WATCHDOG_USEC="100000") as server:
        assert server.request("GET", "/health").status == 200
