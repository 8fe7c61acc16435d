"""Access control: API keys, and web pages that may read answers."""

import pytest

import raw
from server import MODEL, Server, run


@pytest.fixture(scope="module")
def locked(home, tmp_path_factory):
    """A server with keys from the command line and from a file, and one allowed origin."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("# two keys\n\nfile-key-1\n  file-key-2  \n")
    with Server(home, "--api-key", "key-1", "--api-key", "key-2", "--api-key-file", str(keys), "--allow-origin", "https://ui.example") as server:
        yield server


@pytest.mark.parametrize("key", ["key-1", "key-2", "file-key-1", "file-key-2"])
@pytest.mark.parametrize("header, prefix", [("Authorization", "Bearer "), ("authorization", "bearer "), ("x-api-key", ""), ("api-key", "")])
def test_every_key_opens_by_every_header(locked, key, header, prefix):
    assert locked.request("GET", "/v1/models", headers={header: prefix + key}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer key-"},
        {"Authorization": "Bearer key-11"},
        {"Authorization": "Bearer KEY-1"},
        {"Authorization": "Basic key-1"},
        {"Authorization": "key-1"},
        {"Authorization": "Bearer wrong", "x-api-key": "wrong"},
        {"x-api-key": "# two keys"},
    ],
)
@pytest.mark.parametrize("method, path", [("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("GET", "/v1/no-such-route")])
def test_without_a_key_nothing_opens(locked, headers, method, path):
    locked.request(method, path, headers=headers).assert_error(401, None, "invalid_api_key")


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer wrong", "x-api-key": "key-1"}, {"Authorization": "Bearer key-1", "x-api-key": "wrong"}])
@pytest.mark.parametrize("path", ["/v1/models", "/api/tags", "/engine"])
def test_one_right_key_opens(locked, headers, path):
    assert locked.request("GET", path, headers=headers).status == 200
    refused = locked.request("GET", path, headers={"x-api-key": "wrong"})
    assert refused.status == 401 and refused.headers["www-authenticate"] == "Bearer"


def test_a_wrong_key_is_not_repeated(locked):
    assert "secret" not in locked.request("GET", "/v1/models", headers={"Authorization": "Bearer secret"}).body.decode()


@pytest.mark.parametrize("path", ["/", "/health"])
def test_probes_need_no_key(locked, path):
    assert locked.request("GET", path).status == 200


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "https://[::1]:8443", "https://app.localhost", "https://ui.example"])
def test_trusted_origins_may_read(locked, origin):
    answer = locked.request("GET", "/v1/models", headers={"Origin": origin, "x-api-key": "key-1"})
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"x-request-id", "retry-after", "x-shimmy-unenforced", "x-shimmy-normalized", "x-shimmy-clamped-tokens", "x-shimmy-ignored-params"} <= set(exposed)
    refused = locked.request("GET", "/v1/models", headers={"Origin": origin})
    assert refused.status == 401 and refused.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("origin", ["https://evil.example", "https://ui.example.evil.example", "http://ui.example", "null", "https://localhost.evil.example", "file://"])
def test_other_origins_may_not(locked, origin):
    for method in ("GET", "OPTIONS"):
        answer = locked.request(method, "/v1/models", headers={"Origin": origin, "x-api-key": "key-1", "Access-Control-Request-Method": "GET"})
        assert "access-control-allow-origin" not in answer.headers
        assert "access-control-allow-methods" not in answer.headers


def test_preflight(locked):
    headers = {
        "Origin": "https://ui.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
    }
    answer = locked.request("OPTIONS", "/v1/chat/completions", headers=headers)
    assert answer.status == 204
    assert answer.body == b""
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,x-stainless-os"
    assert answer.headers["access-control-allow-origin"] == "https://ui.example"


@pytest.mark.parametrize("host", ["localhost", "localhost:11435", "127.0.0.1:1", "[::1]:11435", "LOCALHOST", "192.168.1.4", "app.localhost"])
def test_our_names_are_answered(server, host):
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("GET", "/v1/models", host=host))
        assert connection.read_response()[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:11435", "127.0.0.1.evil.example", "localhost.evil.example", "127.evil.example", "a b", "@localhost"])
def test_other_names_are_refused(server, host):
    """DNS rebinding fails: a page whose name resolves to 127.0.0.1 sends its own name as Host."""
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("GET", "/v1/models", host=host))
        status, _, body = connection.read_response()
        assert status in (400, 403) and b'"error"' in body


def test_a_name_that_was_allowed(start):
    server = start("--allow-host", "box.lan")
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("GET", "/v1/models", host="BOX.lan:11435"))
        assert connection.read_response()[0] == 200


def test_keys_from_the_environment(start):
    server = start(SHIMMY_API_KEY="one,two")
    assert server.request("GET", "/v1/models").status == 401
    assert server.request("GET", "/v1/models", headers={"Authorization": "Bearer two"}).status == 200
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    assert server.request("POST", "/v1/chat/completions", body, {"Authorization": "Bearer one"}).status == 200


def test_a_refused_name_says_which_option_allows_it(server):
    with raw.Connection(server.port) as connection:
        connection.send(connection.request("GET", "/v1/models", host="host.docker.internal:11435"))
        status, _, body = connection.read_response()
        assert status == 403 and b"--allow-host" in body


# Cross-origin requests

EFFECTS = [
    ("POST", "/v1/models/rescan"), ("POST", "/v1/conversations"), ("POST", "/v1/chat/completions"), ("POST", "/v1/models/unload"),
    ("DELETE", "/v1/responses/resp_1"), ("POST", "/tokenize"),
]


@pytest.mark.parametrize("method, path", EFFECTS)
@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_foreign_pages_have_no_effect(server, method, path, headers):
    answer = server.request(method, path, None, headers)
    message = answer.assert_error(403, None, "origin_not_allowed", "permission_error")
    assert "--allow-origin" in message and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
def test_pages_of_this_machine_have_effects(server, headers):
    assert server.request("POST", "/v1/models/rescan", None, headers).status == 200


def test_pages_that_were_allowed_have_effects(locked):
    headers = {"Origin": "https://ui.example", "Sec-Fetch-Site": "cross-site", "x-api-key": "key-1"}
    assert locked.request("POST", "/v1/models/rescan", None, headers).status == 200


def test_a_private_network_may_be_asked_for(locked):
    headers = {"Origin": "https://ui.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true"}
    answer = locked.request("OPTIONS", "/v1/chat/completions", headers=headers)
    assert answer.status == 204 and answer.headers["access-control-allow-private-network"] == "true"
    answer = locked.request("OPTIONS", "/v1/chat/completions", headers={**headers, "Origin": "https://evil.example"})
    assert "access-control-allow-private-network" not in answer.headers


def test_a_look_at_a_model_loads_none(start):
    server = start()
    for method in ("GET", "HEAD"):
        assert server.request(method, f"/lora-adapters?model={MODEL}").status == 409
    message = server.request("GET", "/lora-adapters").assert_error(409, "model", "model_not_loaded")
    assert "POST /v1/models/load" in message
    told = server.request("GET", "/tokenizer_info")
    assert told.status == 200 and told.json["eos_token"] == "<|im_end|>"
    assert server.request("GET", "/health").json["models_loaded"] == 0
    assert server.chat(max_tokens=1).status == 200
    assert server.request("GET", f"/lora-adapters?model={MODEL}").status == 200
    assert server.request("GET", f"/tokenizer_info?model={MODEL}").json == told.json


# Invalid keys


@pytest.mark.parametrize("arguments, variables", [
    (["--api-key", ""], {}), (["--api-key", "  "], {}), (["--api-key", "good", "--api-key", ""], {}), ([], {"SHIMMY_API_KEY": ""}),
    ([], {"SHIMMY_API_KEY": "a,,b"}), ([], {"SHIMMY_API_KEY_FILE": ""}), (["--host", "0.0.0.0", "--api-key", ""], {}),
])
def test_an_empty_key_is_an_error(home, arguments, variables):
    result = run(home, "serve", "--port", "auto", *arguments, **variables)
    assert result.returncode not in (0, None) and "empty" in result.stderr


def test_an_empty_key_in_files_is_an_error(home, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("\n  \n# none\n")
    assert "has no key" in run(home, "serve", "--port", "auto", "--api-key-file", str(keys)).stderr
    file = tmp_path / "shimmy.toml"
    file.write_text('[server]\napi_key = [""]\n')
    result = run(home, "serve", "--port", "auto", "--config", str(file))
    assert result.returncode == 1 and "server.api_key" in result.stderr
