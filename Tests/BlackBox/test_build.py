"""The Makefile: a second build compiles nothing, also on a terminal."""

import os
import re
import shutil
import subprocess

import pexpect
import pytest

from server import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()


def test_all_builds_have_the_same_flags():
    commands = [line.strip() for line in MAKEFILE.splitlines() if re.search(r"\bswift build\b", line)]
    assert commands == ["SWIFT_BUILD = swift build -c release --no-color-diagnostics"]
    assert all("--skip-build" in line for line in MAKEFILE.splitlines() if "swift test" in line)


@pytest.mark.long
def test_a_second_build_compiles_nothing():
    if shutil.which("swift") is None:
        pytest.skip("there is no Swift")
    subprocess.run(["make", "build"], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    piped = subprocess.run(["make", "build"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    terminal, status = pexpect.run("make build", cwd=str(REPOSITORY), timeout=600, withexitstatus=True, env={**os.environ, "TERM": "xterm"})
    assert status == 0
    for output in (piped.stdout + piped.stderr, terminal.decode()):
        assert "Built .build/release/shimmy" in output and not re.search(r"Compiling|Linking", output), output
