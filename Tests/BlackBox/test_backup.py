"""`shimmy backup` and `shimmy restore`: copies of the stored objects, keys and usage, also of a server in use."""

import sqlite3
import stat

import pytest

from responses import create
from server import MODEL, Server, make_home, run


@pytest.fixture
def own(tmp_path):
    return make_home(tmp_path / "own")


def test_a_backup_of_a_running_server_is_restored(own, tmp_path):
    backup = tmp_path / "storage.backup"
    with Server(own) as server:
        kept = create(server, input="Say hello.", max_output_tokens=4).json["id"]
        made = run(own, "backup", str(backup))
        assert made.returncode == 0, made.stderr
        later = create(server, input="Say hello.", max_output_tokens=4).json["id"]
        again = run(own, "backup", str(backup))
        assert again.returncode == 1 and "already exists" in again.stderr
        refused = run(own, "restore", "--yes", str(backup))
        assert refused.returncode == 1 and "a server uses" in refused.stderr
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("storage")) == ["storage.backup"]
    unasked = run(own, "restore", str(backup))
    assert unasked.returncode == 64 and "--yes to replace the 2 stored objects" in unasked.stderr
    restored = run(own, "restore", "--yes", str(backup))
    assert restored.returncode == 0, restored.stderr
    assert run(own, "storage", "check").stdout == "ok\n"
    with Server(own) as server:
        assert server.request("GET", f"/v1/responses/{kept}").status == 200
        assert server.request("GET", f"/v1/responses/{later}").status == 404


def test_another_machine_gets_the_backup_without_a_question(own, tmp_path):
    backup = tmp_path / "storage.backup"
    with Server(own) as server:
        kept = create(server, input="Say hello.", max_output_tokens=4).json["id"]
    assert run(own, "backup", str(backup)).returncode == 0
    other = make_home(tmp_path / "other")
    assert run(other, "restore", str(backup)).returncode == 0
    assert stat.S_IMODE((other / "data/storage/shimmy.sqlite").stat().st_mode) == 0o600
    with Server(other) as server:
        assert server.request("GET", f"/v1/responses/{kept}").status == 200


def test_keys_and_usage_are_restored(own, tmp_path):
    backup, other = tmp_path / "storage.backup", make_home(tmp_path / "other")
    key = run(own, "key", "create", "ann", "--role", "admin").stdout.strip()
    headers = {"Authorization": f"Bearer {key}"}
    with Server(own) as server:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, "user": "bob"}
        assert server.request("POST", "/v1/chat/completions", body, headers).status == 200
    assert run(own, "backup", str(backup)).returncode == 0
    used = run(own, "usage", "--json", "--by", "key", "user").stdout
    assert "bob" in used
    # On another machine, keys and usage of its own are replaced.
    assert run(other, "key", "create", "eve").returncode == 0
    unasked = run(other, "restore", str(backup))
    assert unasked.returncode == 64 and "--yes to replace the keys and usage" in unasked.stderr
    restored = run(other, "restore", "--yes", str(backup))
    assert restored.returncode == 0, restored.stderr
    assert run(other, "usage", "--json", "--by", "key", "user").stdout == used
    assert "eve" not in run(other, "key", "list").stdout
    for name in ("keys.sqlite", "usage.sqlite"):
        assert stat.S_IMODE((other / "data" / name).stat().st_mode) == 0o600
    with Server(other) as server:
        assert server.request("GET", "/v1/models", headers=headers).status == 200
        assert server.request("GET", "/v1/models").status == 401


def test_files_that_are_no_backups_are_refused(own, tmp_path):
    missing = run(own, "backup", str(tmp_path / "new"))
    assert missing.returncode == 1 and "there is nothing to back up" in missing.stderr
    text, other = tmp_path / "text", tmp_path / "other"
    text.write_text("This is a letter, not a database. " * 100)
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE another (x)")
    for file, words in ((text, "is damaged, or not a database"), (other, "is not a backup of Shimmy's storage"), (tmp_path / "absent", "does not exist")):
        refused = run(own, "restore", str(file))
        assert refused.returncode == 1 and words in refused.stderr, refused.stderr
    assert not (own / "data/storage/shimmy.sqlite").exists() or run(own, "storage", "check").stdout == "ok\n"
