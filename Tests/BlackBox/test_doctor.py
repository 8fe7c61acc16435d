"""`shimmy doctor`: what it finds, its advice and its exit code."""

import json
import shutil
import socket
import subprocess
import sys

import pytest

from server import MODEL, MODEL_FILE, Server, make_home, put_model, run

LEVELS = {"ok", "warning", "problem"}


def checks(home, code: int, **variables) -> dict[str, list]:
    """Returns the findings by subject, each as its level, its text and its advice."""
    result = run(home, "doctor", "--json", **{"SHIMMY_PORT": str(free_port()), **variables})
    assert result.returncode == code, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["ok"] == (code == 0)
    found: dict[str, list] = {}
    for check in report["checks"]:
        assert set(check) == {"subject", "level", "text", "advice"} and check["level"] in LEVELS
        assert (check["advice"] is None) == (check["level"] == "ok")
        found.setdefault(check["subject"], []).append((check["level"], check["text"], check["advice"]))
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_healthy_machine(home):
    found = checks(home, 0)
    assert {"build", "processor", "gpu", "memory", "open files", "clock", "configuration", "models", "data", "model directory", "cache", "state",
            "storage", "disk", "port"} <= set(found)
    assert found["models"][-1] == ("ok", "1 can be used", None)
    text = run(home, "doctor", SHIMMY_PORT=str(free_port()))
    assert text.returncode == 0 and text.stderr == ""
    assert all(line.split()[0] in LEVELS or line.startswith("         ") for line in text.stdout.splitlines())


# A library that replaces the C library's clock of the day by one that stands at 2001-09-09.
OLD_CLOCK = """\
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (clock != CLOCK_REALTIME) return syscall(SYS_clock_gettime, clock, time);
    time->tv_sec = 1000000000;
    time->tv_nsec = 0;
    return 0;
}
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler")
def test_a_wrong_clock_is_a_problem(home, tmp_path):
    (tmp_path / "clock.c").write_text(OLD_CLOCK)
    library = tmp_path / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "clock.c"], check=True)
    (level, text, advice), = checks(home, 1, LD_PRELOAD=str(library))["clock"]
    assert (level, text) == ("problem", "it says 2001-09-09T01:46:40Z") and advice.startswith("Set the clock: ")


def test_damaged_models_are_named(tmp_path):
    home = make_home(tmp_path / "home")
    damaged = home / "data/models/broken.gguf"
    damaged.write_bytes(MODEL_FILE.read_bytes()[:1_000_000])
    (level, text, advice), = checks(home, 1)["model"]
    assert level == "problem" and text.startswith("broken: ") and "shimmy rm broken" in advice
    damaged.unlink()
    (home / "data/models" / MODEL_FILE.name).unlink()
    (level, _, advice), = checks(home, 0)["models"]
    assert level == "warning" and "shimmy pull" in advice


def test_mistakes_of_the_configuration_are_named(place):
    place('[server]\nprot = 1\n')
    (level, text, _), = checks(place.home, 1)["configuration"]
    assert level == "problem" and text.startswith(f"{place.path}:2: server.prot: there is no such key")
    place('[model.ada]\nbase = "nothing"\n')
    assert "no model named nothing was found" in checks(place.home, 1)["configuration"][0][1]
    place('[server]\napi_key = ["word"]\n')
    place.path.chmod(0o644)
    (level, text, advice), = checks(place.home, 0)["configuration"]
    assert (level, advice) == ("warning", f"chmod 600 {place.path}") and "word" not in text
    place.path.chmod(0o600)
    assert checks(place.home, 0)["configuration"][0][0] == "ok"
    (level, text, _), = checks(place.home, 1, SHIMMY_CTX_SIZE="many")["environment"]
    assert level == "problem" and "SHIMMY_CTX_SIZE is 'many'" in text


def test_the_key_file_is_checked(place):
    keys = place.home / "keys.txt"
    place(f'[server]\napi_key_file = "{keys}"\n')
    assert checks(place.home, 1)["key file"][0][0] == "problem"
    keys.write_text("secret-key\n")
    keys.chmod(0o640)
    (level, text, advice), = checks(place.home, 0)["key file"]
    assert (level, advice) == ("warning", f"chmod 600 {keys}") and "secret-key" not in text


def test_the_port_is_checked(home):
    with Server(home) as server:
        assert checks(home, 0, SHIMMY_PORT=str(server.port))["port"] == [("ok", f"a server answers at http://127.0.0.1:{server.port}", None)]
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (level, text, _), = checks(home, 1, SHIMMY_PORT=str(port))["port"]
        assert level == "problem" and text.startswith(f"{port} is in use")


def test_directories_are_checked(tmp_path):
    home = make_home(tmp_path / "home")
    (home / "cache").write_text("a file")
    assert checks(home, 1)["cache"][0][0] == "problem"
    (home / "cache").unlink()
    (home / "data/storage").mkdir(mode=0o755)
    (level, _, advice), = checks(home, 0)["storage"]
    assert (level, advice) == ("warning", f"chmod 700 {home}/data/storage")


def test_a_second_model_is_counted(tmp_path):
    home = make_home(tmp_path / "home")
    put_model(home / "data/models/second.gguf")
    assert checks(home, 0)["models"] == [("ok", "2 can be used", None)]
    assert MODEL != "second"
