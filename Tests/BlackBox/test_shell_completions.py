"""Shell completions: the scripts for three shells, and what the shells complete with them."""

import shutil
import subprocess
from pathlib import Path

import pexpect
import pytest

from model_commands import told
from server import BINARY, MODEL, environment, run
from terminal import without_escapes


@pytest.mark.parametrize("shell, check", [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])])
def test_completions_are_scripts(home, tmp_path, shell, check):
    script = told(run(home, "completions", shell))
    assert "list --names" in script and "discover" in script
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here to read its script")
    file = tmp_path / f"completions.{shell}"
    file.write_text(script)
    read = subprocess.run([shell, *check, str(file)], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


def completed(shell: str, script: Path, line: str, variables: dict) -> str:
    """Returns the line after the shell's completion."""
    if shell == "zsh":
        # The shell completes only in interactive mode.
        child = pexpect.spawn(shell, ["-f", "-i"], env={**variables, "TERM": "xterm"}, encoding="utf-8", timeout=60, dimensions=(40, 200))
        child.sendline(f"autoload -U compinit; compinit -u -D; source {script}; compdef _shimmy shimmy; PS1='READ''Y> '")
        child.expect_exact("READY> ")
        child.send(line + "\t\x01#\r")
        child.expect("READY> ")
        shown = without_escapes(child.before)
        child.close(force=True)
        return shown
    words = line.split(" ")
    commands = {
        "fish": ["--no-config", "-c", f"source {script}; complete -C '{line}'"],
        "bash": ["--norc", "-c", f'''
            source {script}
            COMP_LINE="{line}" COMP_POINT={len(line)} COMP_WORDS=({line}) COMP_CWORD={len(words) - 1}
            _shimmy shimmy "{words[-1]}" "{words[-2]}"
            printf "%s\\n" "${{COMPREPLY[@]}}"'''],
    }
    return subprocess.run([shell, *commands[shell]], env=variables, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_options_and_models(home, tmp_path, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here to complete anything")
    script = tmp_path / f"completions.{shell}"
    script.write_text(told(run(home, "completions", shell)))
    variables = environment(home)
    variables["PATH"] = f"{Path(BINARY).parent}:{variables['PATH']}"
    for line, word in (("shimmy disc", "discover"), ("shimmy serve --por", "--port"), (f"shimmy show {MODEL[:6]}", MODEL)):
        assert word in completed(shell, script, line, variables)


def test_completions_are_for_three_shells(home):
    assert run(home, "completions", "tcsh").returncode == 64
