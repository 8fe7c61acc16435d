"""Models that a request pins: they stay when other models need their place."""

import pytest

from server import MODEL, Server, make_home, put_model


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A server with three models and place for two."""
    home = make_home(tmp_path_factory.mktemp("narrow"))
    for name in ("second", "third"):
        put_model(home / f"data/models/{name}.gguf")
    with Server(home, "--max-models", "2") as server:
        yield server


def models(server) -> dict:
    """Returns whether each model in memory is pinned."""
    return {each["model"]: each["pinned"] for each in server.request("GET", "/v1/engine").json["data"]}


def act(server, action: str, model: str, **fields):
    return server.request("POST", f"/v1/models/{action}", {"model": model, **fields})


def test_a_pinned_model_stays_until_it_is_unpinned(narrow):
    pinned = act(narrow, "pin", MODEL)
    assert (pinned.status, pinned.json) == (200, {"model": MODEL, "pinned": True})
    for name in ("second", "third", "second"):
        assert act(narrow, "load", name).status == 200
    assert models(narrow) == {MODEL: True, "second": False}
    # A time that a request sets does not end the pin.
    assert act(narrow, "load", MODEL, keep_alive=0).status == 200
    assert models(narrow)[MODEL] is True
    assert act(narrow, "unpin", MODEL).json == {"model": MODEL, "pinned": False}
    for name in ("third", "second"):
        assert act(narrow, "load", name).status == 200
    assert models(narrow) == {"second": False, "third": False}


def test_an_unload_ends_the_pin(narrow):
    assert act(narrow, "pin", "second").status == 200
    assert act(narrow, "unload", "second").json == {"model": "second", "unloaded": True}
    assert act(narrow, "load", "second").status == 200
    assert models(narrow)["second"] is False


def test_mistakes_are_named(narrow):
    for action in ("pin", "unpin"):
        act(narrow, action, "nothing").assert_error(404, None, "model_not_found")
        narrow.request("POST", f"/v1/models/{action}", {}).assert_error(400, "model", "missing_required_parameter")
