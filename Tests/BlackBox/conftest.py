from pathlib import Path

import pytest
from openai import OpenAI

from server import Server, loaded_server, make_home


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests that take long, and no others")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes long; run by 'make test-long' alone")
    config.addinivalue_line("markers", "alone: compares durations; runs while no other test runs")
    config.addinivalue_line("markers", "proc: needs /proc, which macOS does not have")


def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("--long")
    parts = {True: [], False: []}
    for item in items:
        parts[item.get_closest_marker("long") is not None].append(item)
    items[:] = parts[wanted]
    config.hook.pytest_deselected(items=parts[not wanted])


def pytest_runtest_setup(item):
    if item.get_closest_marker("proc") is not None and not Path("/proc/self/status").exists():
        pytest.skip("this system has no /proc")


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def server(home):
    """The server that most tests share."""
    with loaded_server(home) as server:
        yield server


@pytest.fixture(scope="session")
def steady(home):
    """A server with reproducible answers.

    llama.cpp's products round differently for other batch shapes or cache layouts, so that a tiny model's answer at temperature 0 can depend
    on the server's other work. This server runs one sequence at a time and caches nothing.
    """
    with Server(home, "--deterministic") as server:
        yield server


@pytest.fixture(scope="session")
def client(server):
    with OpenAI(base_url=server.url + "/v1", api_key="unused", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def host(server):
    """The address of the shared server, as commands take it."""
    return f"127.0.0.1:{server.port}"


@pytest.fixture
def start(home):
    """A function that starts servers with other options. They stop at the end of the test."""
    running = []

    def start(*arguments, **environment) -> Server:
        running.append(Server(home, *arguments, **environment))
        return running[-1]

    yield start
    for server in running:
        server.__exit__()


@pytest.fixture
def own(tmp_path):
    """A server whose models a test may change, with an empty hub."""
    home = make_home(tmp_path / "home")
    with Server(home, HF_HUB_OFFLINE="1") as server:
        server.home = home
        yield server


@pytest.fixture
def place(tmp_path):
    """A home with a model, and a function that writes its configuration."""
    home = make_home(tmp_path / "home")
    path = home / ".config/shimmy/shimmy.toml"
    path.parent.mkdir(parents=True)

    def write(text: str):
        new = path.with_suffix(".new")
        new.write_text(text)
        new.rename(path)

    write.path = path
    write.home = home
    return write
