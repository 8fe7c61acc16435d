"""`--prefix-cache-dir`: computed prefixes outlive the process."""

import pytest

from server import Server, run

TEXT = "Remember these words: " + " ".join(f"lasting{number}" for number in range(60))


def prefix_cache(server) -> dict:
    (model,) = server.request("GET", "/v1/engine").json["data"]
    return model["prefix_cache"]


def test_a_restart_skips_the_prefill(home, tmp_path):
    options = ["--prefix-cache-dir", str(tmp_path / "prefixes")]
    with Server(home, *options) as server:
        first = server.chat(TEXT, max_tokens=8)
        assert prefix_cache(server)["restored_tokens"] == 0
    assert list((tmp_path / "prefixes").iterdir())
    with Server(home, *options) as server:
        second = server.chat(TEXT, max_tokens=8)
        prompt = second.json["usage"]["prompt_tokens"]
        assert second.json["usage"]["prompt_tokens_details"]["cached_tokens"] == prompt - 1
        cache = prefix_cache(server)
        assert cache["restored_tokens"] == prompt - 1 and cache["computed_tokens"] == 1
    assert second.text.split()[:2] == first.text.split()[:2]


def test_damaged_files_are_thrown_away(home, tmp_path):
    folder = tmp_path / "prefixes"
    options = ["--prefix-cache-dir", str(folder)]
    with Server(home, *options) as server:
        server.chat(TEXT, max_tokens=2)
    (file,) = folder.iterdir()
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    with Server(home, *options) as server:
        answer = server.chat(TEXT, max_tokens=2)
        assert answer.status == 200
        assert answer.json["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
        assert "damaged" in server.log.read_text()


def test_an_idle_server_saves_without_being_stopped(home, tmp_path):
    import time

    folder = tmp_path / "prefixes"
    with Server(home, "--prefix-cache-dir", str(folder)) as server:
        server.chat(TEXT, max_tokens=2)
        deadline = time.monotonic() + 15
        while not list(folder.glob("*.prefix")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        server.process.kill()
        server.process.wait()
    with Server(home, "--prefix-cache-dir", str(folder)) as server:
        server.chat(TEXT, max_tokens=2)
        assert prefix_cache(server)["restored_tokens"] > 100


def test_choices_read_a_prefix_once(home, tmp_path):
    options = ["--prefix-cache-dir", str(tmp_path / "prefixes")]
    with Server(home, *options) as server:
        server.chat(TEXT, max_tokens=2)
    with Server(home, *options) as server:
        answer = server.chat(TEXT, n=8, temperature=1, max_tokens=4).json
        assert len(answer["choices"]) == 8
        assert prefix_cache(server)["restored_tokens"] == answer["usage"]["prompt_tokens"] - 1


@pytest.mark.parametrize("others", [["--ctx-size", "4096"], ["--cpu-kernels", "off"]], ids=["context", "kernels"])
def test_what_was_computed_otherwise_is_not_read(home, tmp_path, others):
    if "--cpu-kernels" in others and "Shimmy's for" not in run(home, "info").stdout:
        pytest.skip("this processor computes with ggml's kernels anyway")
    options = ["--prefix-cache-dir", str(tmp_path / "prefixes")]
    for extra, restores in ([], False), (others, False), ([], True), (others, True):
        with Server(home, *options, *extra) as server:
            server.chat(TEXT, max_tokens=2)
            assert (prefix_cache(server)["restored_tokens"] > 100) == restores


def test_the_bound_is_of_all_files_together(home, tmp_path):
    folder = tmp_path / "prefixes"
    for context in ("2048", "4096", "8192"):
        with Server(home, "--prefix-cache-dir", str(folder), "--prefix-cache-size", "10M", "--ctx-size", context) as server:
            server.chat(TEXT, max_tokens=2)
    sizes = [file.stat().st_size for file in folder.iterdir()]
    assert 1 <= len(sizes) < 3 and sum(sizes) <= 10_000_000


def test_deterministic_work_keeps_no_prefixes(home, tmp_path):
    folder = tmp_path / "prefixes"
    with Server(home, "--prefix-cache-dir", str(folder), "--deterministic") as server:
        server.chat(TEXT, max_tokens=2)
    assert not list(folder.iterdir())
