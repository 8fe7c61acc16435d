"""Commands for models, as their tests run them."""

import subprocess

import pytest

from server import Server, make_home, put_model


# An address where no server listens.
NO_SERVER = "127.0.0.1:9"


@pytest.fixture
def own(tmp_path):
    """A home with two models that a test may change."""
    own = make_home(tmp_path / "own")
    put_model(own / "data/models/second.gguf")
    return own


@pytest.fixture
def busy(own):
    with Server(own) as server:
        yield server


def told(result: subprocess.CompletedProcess) -> str:
    assert result.returncode == 0, result.stderr
    return result.stdout
