"""The server for one client's tests. Each client has a separate environment, because they need conflicting versions of packages."""

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
