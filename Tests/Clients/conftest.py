"""The server that one client's tests talk to. Each client has an environment of its own: they want different versions of one another."""

import pytest

from server import Server, make_home


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Server(make_home(tmp_path_factory.mktemp("home"))) as server:
        yield server
        assert server.process.poll() is None, server.log.read_text()[-3000:]


@pytest.fixture(scope="session")
def base_url(server):
    return server.url + "/v1"
