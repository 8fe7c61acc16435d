"""Keys with names, roles and models: created by commands, by the API and in shimmy.toml, and used by official clients."""

import hashlib
import json
import os
import sqlite3
import stat
import time

import openai
import pytest
from openai import OpenAI

from running import logged
from server import MODEL, REPOSITORY, Server, make_home, run, wait_until

ALL = "/v1/organization/admin_api_keys"


def create(home, name: str, *options: str) -> str:
    made = run(home, "key", "create", name, *options)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("sk-shimmy-") and made.stdout.count("\n") == 1
    return made.stdout.strip()


def bearer(key: str) -> dict:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A server with an admin's and a user's key."""
    home = make_home(tmp_path_factory.mktemp("keyed"))
    admin = create(home, "admin", "--role", "admin")
    user = create(home, "ann", "--max-output-tokens", "3")
    with Server(home, "--log-format", "json") as server:
        server.home, server.admin, server.user = home, admin, user
        assert server.request("POST", "/v1/models/load", {"model": MODEL}, bearer(admin)).status == 200
        yield server


def client(server, key: str) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)


def test_a_user_uses_models(keyed):
    ann = client(keyed, keyed.user)
    assert MODEL in [model.id for model in ann.models.list()]
    answer = ann.chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "Count to a hundred."}], max_completion_tokens=50, extra_body={"ignore_eos": True})
    completion = answer.parse()
    assert (completion.usage.completion_tokens, completion.choices[0].finish_reason) == (3, "length")
    assert answer.headers["x-shimmy-clamped-tokens"] == "3"
    plain = ann.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Count."}], extra_body={"ignore_eos": True})
    assert plain.usage.completion_tokens == 3


def test_a_user_is_no_admin(keyed):
    ann = client(keyed, keyed.user)
    for path in ("/models/unload", "/models/rescan", "/models/pull", "/organization/admin_api_keys"):
        with pytest.raises(openai.PermissionDeniedError) as refused:
            ann.post(path, body={"model": MODEL}, cast_to=object)
        assert (refused.value.code, refused.value.type) == ("insufficient_permissions", "permission_error")
    assert keyed.request("GET", "/metrics", headers=bearer(keyed.user)).status == 403
    assert keyed.request("GET", "/metrics", headers=bearer(keyed.admin)).status == 200


def test_without_a_key_nothing_opens(keyed):
    with pytest.raises(openai.AuthenticationError):
        client(keyed, "sk-shimmy-wrong").models.list()
    keyed.request("GET", "/v1/models").assert_error(401, None, "invalid_api_key")
    assert keyed.request("GET", "/health").status == 200


def test_the_health_check_of_the_container_needs_no_key(keyed):
    """The check in the Dockerfile, against a server whose only keys are stored ones."""
    check = next(line for line in (REPOSITORY / "packaging/Dockerfile").read_text().splitlines() if line.startswith("HEALTHCHECK "))
    program, *arguments = json.loads(check[check.index("CMD ") + len("CMD "):])
    assert program == "/usr/bin/shimmy"
    healthy = run(keyed.home, *arguments, SHIMMY_PORT=str(keyed.port))
    assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "", "")
    assert run(keyed.home, *arguments, SHIMMY_PORT=str(keyed.port), SHIMMY_API_KEY="wrong").returncode == 0
    # The same command without the flag asks for the engines, which only an admin sees.
    assert run(keyed.home, "ps", SHIMMY_PORT=str(keyed.port)).returncode == 1


def test_the_log_has_the_name_and_never_the_key(keyed):
    headers = {**bearer(keyed.user), "X-Request-ID": "named"}
    assert keyed.request("GET", "/v1/models", headers=headers).status == 200

    def found():
        return [line for line in keyed.log.read_text().splitlines() if '"named"' in line and "request completed" in line]

    wait_until(lambda: len(found()) == 1, "the line")
    assert (json.loads(found()[0])["key"], json.loads(found()[0])["owner"]) == ("ann", "key")
    assert keyed.user not in keyed.log.read_text() and keyed.admin not in keyed.log.read_text()


def test_the_file_is_private_and_has_no_key(keyed):
    path = keyed.home / "data/keys.sqlite"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    rows = sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("SELECT name, hash FROM key").fetchall()
    assert ("ann", hashlib.sha256(keyed.user.encode()).digest()) in rows
    assert keyed.user.encode() not in path.read_bytes()


def status(server, key: str | None, path: str = "/v1/models") -> int:
    return server.request("GET", path, headers=bearer(key) if key else {}).status


def test_revocation_ends_later_requests(keyed):
    bob = create(keyed.home, "bob")
    with client(keyed, bob) as api:
        assert api.models.list().data
        revoked = run(keyed.home, "key", "revoke", "bob", "--json")
        assert revoked.returncode == 0 and json.loads(revoked.stdout)["shimmy"]["revoked_at"] > 0
        wait_until(lambda: status(keyed, bob) == 401, "the revocation")
        with pytest.raises(openai.AuthenticationError, match="revoked"):
            api.models.list()
    assert "already revoked" in run(keyed.home, "key", "revoke", "bob").stderr


def test_rotation_replaces_the_key_and_keeps_its_objects(keyed):
    old = create(keyed.home, "rota")
    made = keyed.request("POST", "/v1/conversations", {"items": [{"role": "user", "content": "Hi"}]}, bearer(old)).json["id"]
    rotated = run(keyed.home, "key", "rotate", "rota")
    new = rotated.stdout.strip()
    assert new.startswith("sk-shimmy-") and new != old
    wait_until(lambda: status(keyed, old) == 401, "the rotation")
    assert keyed.request("GET", f"/v1/conversations/{made}", headers=bearer(new)).status == 200
    assert keyed.request("GET", f"/v1/conversations/{made}", headers=bearer(keyed.user)).status == 404


def test_conversations_are_listed_for_their_owner_alone(keyed):
    owner = create(keyed.home, "lister")
    made = keyed.request("POST", "/v1/conversations", {"metadata": {"title": "mine"}}, bearer(owner)).json["id"]

    def listed(key: str) -> list:
        return [each["id"] for each in keyed.request("GET", "/v1/conversations", headers=bearer(key)).json["data"]]

    assert listed(owner) == [made]
    # Not even an admin reads those of others.
    assert made not in listed(keyed.user) and made not in listed(keyed.admin)
    keyed.request("GET", f"/v1/conversations?after={made}", headers=bearer(keyed.admin)).assert_error(400, "after", "invalid_value")


def test_a_key_is_changed_while_the_server_runs(keyed):
    key = create(keyed.home, "changing", "--models", "nothing", "--requests-per-minute", "1", "--weight", "2")
    mine = bearer(key)
    assert keyed.request("GET", "/v1/models", headers=mine).json["data"] == []
    changed = run(keyed.home, "key", "set", "changing", "--all-models", "--requests-per-minute", "none", "--tokens-per-day", "1000", "--json")
    assert changed.returncode == 0, changed.stderr
    own = json.loads(changed.stdout)["shimmy"]
    assert (own["models"], own["limits"]["requests_per_minute"], own["limits"]["tokens_per_day"], own["weight"]) == ([], None, 1000, 2)
    wait_until(lambda: keyed.request("GET", "/v1/models", headers=mine).json["data"], "the change")
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    for _ in range(2):
        answer = keyed.request("POST", "/v1/chat/completions", body, mine)
        assert answer.status == 200 and answer.headers["x-ratelimit-limit-tokens"] == "1000"
    # The API changes the same key, for its next request.
    identity = json.loads(changed.stdout)["id"]
    keyed.request("POST", f"{ALL}/{identity}", {"tokens_per_day": 1}, mine).assert_error(403, None, "insufficient_permissions", "permission_error")
    assert keyed.request("POST", f"{ALL}/{identity}", {"tokens_per_day": 1}, bearer(keyed.admin)).status == 200
    assert keyed.request("POST", "/v1/chat/completions", body, mine).assert_error(429, None, "insufficient_quota", "insufficient_quota")
    assert run(keyed.home, "key", "show", "changing").stdout.count("unlimited") == 4


@pytest.mark.parametrize("options", [
    [], ["--tokens-per-day", "0"], ["--tokens-per-day", "many"], ["--weight", "0"], ["--models", "a", "--all-models"], ["--expires", "2001-01-01"]])
def test_a_mistake_in_a_change_is_named(keyed, options):
    wrong = run(keyed.home, "key", "set", "ann", *options)
    assert wrong.returncode == 64 and wrong.stdout == "" and wrong.stderr


def test_an_unknown_key_is_not_changed(keyed):
    wrong = run(keyed.home, "key", "set", "anne", "--weight", "2")
    assert wrong.returncode == 1 and "there is no key 'anne'" in wrong.stderr


def test_a_user_sees_its_own_key(keyed):
    key = create(keyed.home, "curious", "--models", f"{MODEL[:8]}*", "--requests-per-minute", "5", "--max-output-tokens", "7")
    seen = keyed.request("GET", "/v1/key", headers=bearer(key)).json
    assert (seen["object"], seen["name"], seen["role"], seen["models"]) == ("key", "curious", "user", [f"{MODEL[:8]}*"])
    assert seen["limits"] == {"requests_per_minute": 5, "tokens_per_minute": None, "tokens_per_day": None, "concurrency": None, "max_output_tokens": 7}
    assert seen["remaining"] == {"requests_per_minute": 5}
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "ignore_eos": True}
    assert keyed.request("POST", "/v1/chat/completions", body, bearer(key)).json["usage"]["completion_tokens"] == 7
    later = keyed.request("GET", "/v1/key", headers=bearer(key)).json
    assert later["remaining"] == {"requests_per_minute": 4} and 0 < later["reset_seconds"]["requests_per_minute"] <= 61

    def used() -> list:
        days = keyed.request("GET", f"/v1/key/usage/completions?start_time={time.time() - 86400:.0f}&group_by=api_key_id", headers=bearer(key)).json["data"]
        return [(result["api_key_id"], result["num_model_requests"], result["output_tokens"]) for day in days for result in day["results"]]

    wait_until(lambda: used() == [(seen["id"], 1, 7)], "the record of usage")
    assert key not in json.dumps(later)


def test_the_engine_shows_what_a_key_uses(keyed):
    key = create(keyed.home, "hoarder")
    assert keyed.request("POST", "/v1/conversations", {"items": [{"role": "user", "content": "Hi " * 1000}]}, bearer(key)).status == 200

    def use() -> dict:
        answer = keyed.request("GET", "/v1/engine", headers=bearer(keyed.admin))
        assert key not in answer.body.decode() and keyed.admin not in answer.body.decode()
        return next((owner for owner in answer.json["server"]["owners"] if owner["name"] == "hoarder"), {"storage_bytes": 0})

    # The bytes by owner are read every 5 s.
    wait_until(lambda: use()["storage_bytes"] > 3000, "the key's share of the storage")
    assert use()["id"].startswith("key_") and use()["sequences"] == 0


def test_models_of_a_key(keyed):
    none = create(keyed.home, "none", "--models", "other", "no-*")
    some = create(keyed.home, "some", "--models", f"{MODEL[:8]}*")
    assert client(keyed, none).models.list().data == []
    assert [model.id for model in client(keyed, some).models.list()] == [MODEL]
    with pytest.raises(openai.NotFoundError) as missing:
        client(keyed, none).chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "Hi"}], max_tokens=1)
    assert missing.value.code == "model_not_found"


def test_a_base_that_a_key_may_not_use_has_no_name(keyed):
    made = keyed.request("POST", "/api/create", {"model": "derived", "from": MODEL, "system": "Be brief.", "stream": False}, bearer(keyed.admin))
    assert made.status == 200
    try:
        key = bearer(create(keyed.home, "narrow", "--models", "derived"))
        body = {"model": "derived", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        assert keyed.request("POST", "/v1/chat/completions", body, key).status == 200
        for path in ("/v1/models", "/api/tags", "/api/ps"):
            listed = keyed.request("GET", path, headers=key)
            assert "derived" in listed.body.decode() and MODEL not in listed.body.decode(), path
        shown = keyed.request("POST", "/api/show", {"model": "derived"}, key).json
        assert shown["details"]["parent_model"] == "" and f"FROM {MODEL}" not in shown["modelfile"]
        shown = keyed.request("POST", "/api/show", {"model": "derived"}, bearer(keyed.admin)).json
        assert shown["details"]["parent_model"] == MODEL
    finally:
        assert keyed.request("DELETE", "/api/delete", {"model": "derived"}, bearer(keyed.admin)).status == 200


def test_the_api_manages_keys(keyed):
    made = keyed.request("POST", ALL, {"name": "made", "role": "admin", "expires_at": 4_000_000_000}, bearer(keyed.admin))
    assert made.status == 200 and made.json["object"] == "organization.admin_api_key"
    key, identity = made.json["value"], made.json["id"]
    listed = keyed.request("GET", ALL, headers=bearer(key)).json
    assert {"admin", "ann", "made"} <= {entry["name"] for entry in listed["data"]} and all("value" not in entry for entry in listed["data"])
    assert json.loads(run(keyed.home, "key", "show", "made", "--json").stdout)["id"] == identity
    assert keyed.request("DELETE", f"{ALL}/{identity}", headers=bearer(keyed.admin)).json["deleted"] is True
    keyed.request("GET", ALL, headers=bearer(key)).assert_error(401, None, "invalid_api_key")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["create", "x", "--requests-per-minute", "0"], "--requests-per-minute is 0; it must be from 1 to"),
        (["create", "x", "--expires", "soon"], "'soon' is not a date such as"),
        (["create", "x", "--expires", "2020-01-01"], "--expires is in the past"),
        (["create", "x", "--weight", "0"], "--weight is 0.0; it must be from 0.001 to 1000.0"),
        (["create", " "], "A key's name must have"),
        (["create", "ann"], "there is already a key named 'ann'"),
        (["show", "an"], "there is no key 'an'. Did you mean ann"),
    ],
)
def test_mistakes_are_named(keyed, arguments, message):
    refused = run(keyed.home, "key", *arguments)
    assert refused.returncode != 0 and message in refused.stderr and refused.stdout == ""


def test_an_expired_key_opens_nothing(keyed):
    key = create(keyed.home, "late", "--expires", "2100-01-01")
    with sqlite3.connect(keyed.home / "data/keys.sqlite") as database:
        database.execute("UPDATE key SET expires = ? WHERE name = 'late'", (1_577_836_800,))
    wait_until(lambda: status(keyed, key) == 401, "the end of the key")
    keyed.request("GET", "/v1/models", headers=bearer(key)).assert_error(401, None, "invalid_api_key")
    assert "expired 2020-01-01" in run(keyed.home, "key", "list").stdout


def test_the_first_key_closes_a_running_server(tmp_path):
    home = make_home(tmp_path)
    with Server(home) as server:
        assert server.request("GET", "/v1/models").status == 200
        # Nobody may lock others out of a server without keys.
        server.request("POST", ALL, {"name": "x"}).assert_error(403, None, "insufficient_permissions", "permission_error")
        key = create(home, "first", "--role", "admin")
        wait_until(lambda: status(server, None) == 401, "the first key")
        assert server.request("GET", "/v1/engine", headers=bearer(key)).status == 200
        assert run(home, "key", "revoke", "first").returncode == 0
        wait_until(lambda: status(server, key) == 401, "the revocation")
        assert status(server, None) == 401


def test_a_stored_key_allows_a_public_address(tmp_path):
    home = make_home(tmp_path)
    assert run(home, "serve", "--host", "0.0.0.0", "--port", "auto").returncode == 6
    create(home, "ann")
    with Server(home, "--host", "0.0.0.0") as server:
        assert server.request("GET", "/v1/models").status == 401


def test_keys_of_the_file_are_live(place):
    secret = hashlib.sha256(b"hashed-key").hexdigest()
    place('[key.ann]\nkey = "first-key"\nrole = "admin"\n')
    with Server(place.home) as server:

        def status(key: str, path: str = "/v1/engine") -> int:
            return server.request("GET", path, headers=bearer(key)).status

        assert (status("first-key"), status("hashed-key")) == (200, 401)
        place(f'[key.bob]\nhash = "{secret}"\nmodels = ["nothing"]\n')
        wait_until(lambda: logged(server, "configuration reloaded") == 1, "a reload")
        assert (status("first-key"), status("hashed-key"), status("hashed-key", "/v1/models")) == (401, 403, 200)
        assert server.request("GET", "/v1/models", headers=bearer("hashed-key")).json["data"] == []
    assert "bob" in run(place.home, "key", "list").stdout and "first-key" not in server.log.read_text()


def test_a_name_in_the_file_and_in_the_data_directory(place):
    create(place.home, "twin")
    place('[key.twin]\nkey = "first-key"\n')
    checked = run(place.home, "config", "check")
    assert checked.returncode == 1 and "the data directory has another key with this name" in checked.stdout
    for verb in ("revoke", "rotate"):
        refused = run(place.home, "key", verb, "twin")
        assert refused.returncode == 1 and "change it there. The data directory has another key with this name: use its ID, key_" in refused.stderr
    with Server(place.home) as server:
        wait_until(lambda: logged(server, "two keys have the same name") == 1, "the warning")
    identity = refused.stderr.split("use its ID, ")[1].strip()
    assert run(place.home, "key", "revoke", identity).returncode == 0
    assert run(place.home, "config", "check").returncode == 0


def test_a_key_can_come_from_the_environment(place):
    place('[key.ann]\nkey_env = "ANN_KEY"\n')
    missing = run(place.home, "serve", "--port", "auto")
    assert missing.returncode != 0 and "ANN_KEY is not set" in missing.stderr
    with Server(place.home, ANN_KEY="from-outside") as server:
        assert server.request("GET", "/v1/models", headers=bearer("from-outside")).status == 200


@pytest.mark.parametrize("column, value", [("role", "owner"), ("expires", "soon"), ("requests_per_minute", "few"), ("models", "all")])
def test_a_key_of_another_version_keeps_the_server_closed(tmp_path, column, value):
    """A key whose row this version does not understand opens nothing, and a server with only such keys is not open to everybody."""
    home = make_home(tmp_path / "home")
    key = create(home, "ann")
    with sqlite3.connect(home / "data/keys.sqlite") as database:
        database.execute(f"UPDATE key SET {column} = ?", (value,))
    with Server(home) as server:
        server.request("GET", "/v1/models").assert_error(401, None, "invalid_api_key")
        assert server.request("GET", "/v1/models", headers=bearer(key)).status == 401
