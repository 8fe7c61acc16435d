"""Fetching models from the hub: the choice of files, the result, and the handling of network faults."""

import email.utils
import json
import resource
import signal
import socket
import subprocess
import time

import pytest

from fake_hub import COMMIT, FakeHub
from server import BINARY, MODEL_FILE, Server, environment, run, wait_until

REPOSITORY = "maker/SmolLM2-GGUF"


@pytest.fixture(scope="module")
def weights():
    return MODEL_FILE.read_bytes()


@pytest.fixture
def hub(weights):
    hub = FakeHub()
    hub.repositories[REPOSITORY] = {
        "SmolLM2-Q4_1.gguf": weights, "SmolLM2-F16.gguf": weights * 2, "mmproj-SmolLM2-F16.gguf": weights[:100], "README.md": b"# A model\n",
    }
    yield hub
    hub.close()


@pytest.fixture
def home(tmp_path):
    return tmp_path


def pull(hub, home, *arguments, **extra):
    return run(home, "pull", *arguments, HF_ENDPOINT=hub.url, **extra)


def placed(home, name="SmolLM2-Q4_1.gguf"):
    return home / "data/models" / REPOSITORY / name


def test_a_pull_brings_a_model_that_is_served(hub, home, weights):
    hub.page_size = 2
    done = pull(hub, home, REPOSITORY)
    assert (done.returncode, done.stdout) == (0, f"{REPOSITORY}:Q4_1\n"), done.stderr
    assert placed(home).read_bytes() == weights
    assert sorted(path.name for path in placed(home).parent.iterdir()) == [".shimmy-pull.json", "SmolLM2-Q4_1.gguf"]
    # In a pipe, progress is plain lines without carriage returns.
    assert "fetching: 100 %" in done.stderr and "\r" not in done.stderr
    assert len(hub.downloads()) > 4 and all("Range" in headers for headers in hub.downloads())
    with Server(home) as server:
        assert server.chat(model=f"{REPOSITORY}:Q4_1").text
        assert server.chat(model=f"hf.co/{REPOSITORY}").text


def test_a_file_of_another_web_server_is_named_with_its_host(hub, home):
    result = pull(hub, home, "https://example.com/x.gguf")
    assert result.returncode == 64 and "is a file of example.com" in result.stderr and "huggingface.co" not in result.stderr
    assert hub.requests == []


def test_a_user_learns_that_the_hub_does_not_answer(home):
    """A hub that accepts connections but never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with subprocess.Popen([BINARY, "pull", REPOSITORY], env=environment(home, HF_ENDPOINT=url), stderr=subprocess.PIPE, text=True) as process:
            begun = time.monotonic()
            assert process.stderr.readline() == f"waiting for {url} …\n"
            assert time.monotonic() - begun < 10
            process.kill()


def test_a_server_pulls_for_whoever_asks_it(hub, home, tmp_path_factory, weights):
    with Server(home, HF_ENDPOINT=hub.url) as server:
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        done = run(elsewhere, "pull", "--host", f"127.0.0.1:{server.port}", REPOSITORY)
        assert (done.returncode, done.stdout) == (0, f"{REPOSITORY}:Q4_1\n"), done.stderr
        assert placed(home).read_bytes() == weights and "fetching: 100 %" in done.stderr
        assert run(elsewhere, "pull", "--host", f"127.0.0.1:{server.port}", "maker/nothing").returncode == 3


def test_what_is_there_is_not_fetched_again(hub, home):
    pull(hub, home, REPOSITORY)
    before = len(hub.downloads())
    assert pull(hub, home, f"https://huggingface.co/{REPOSITORY}:q4_1").returncode == 0
    assert len(hub.downloads()) == before


def test_what_changed_on_the_hub_is_fetched_again(hub, home, weights):
    pull(hub, home, REPOSITORY)
    changed = weights[:-1] + bytes([weights[-1] ^ 1])
    hub.repositories[REPOSITORY]["SmolLM2-Q4_1.gguf"] = changed
    assert pull(hub, home, REPOSITORY).returncode == 0
    assert placed(home).read_bytes() == changed


def test_a_quantization_is_chosen_by_name_and_by_memory(hub, home):
    choices = json.loads(pull(hub, home, REPOSITORY, "--list", "--json").stdout)
    assert [(choice["quantization"], choice["fits"]) for choice in choices] == [("Q4_1", True), ("F16", True)]
    assert pull(hub, home, f"{REPOSITORY}:F16").stdout == f"{REPOSITORY}:F16\n"
    missing = pull(hub, home, f"{REPOSITORY}:Q2_K")
    assert missing.returncode == 3 and "available: Q4_1, F16" in missing.stderr
    small = pull(hub, home, REPOSITORY, "--memory-budget", "50M")
    assert small.returncode == 1 and "needs about 0.3 GB of memory" in small.stderr
    table = pull(hub, home, REPOSITORY, "--list", "--memory-budget", "400M").stdout.splitlines()
    assert "fits" in table[1] and "needs" in table[2]
    # The memory estimate before the download is close to that of the file.
    assert pull(hub, home, REPOSITORY).returncode == 0
    with Server(home) as server:
        told = server.request("GET", f"/v1/models/{REPOSITORY}:Q4_1").json["shimmy"]["memory_bytes"]
    assert abs(choices[0]["memory_bytes"] - told) < 0.25 * told


def test_a_file_is_chosen_by_its_name(hub, home, weights):
    assert pull(hub, home, f"{REPOSITORY}/mmproj-SmolLM2-F16.gguf").returncode == 0
    assert placed(home, "mmproj-SmolLM2-F16.gguf").read_bytes() == weights[:100]
    assert pull(hub, home, f"{REPOSITORY}/none.gguf").returncode == 3


@pytest.mark.parametrize("address, name", [
    ("maker/Dynamic-GGUF", "maker/Dynamic-GGUF:UD-Q4_K_XL"), ("maker/Dynamic-GGUF:UD-Q4_K_XL", "maker/Dynamic-GGUF:UD-Q4_K_XL"),
    ("maker/Dynamic-GGUF:fp16", "maker/Dynamic-GGUF:FP16"), ("maker/Dynamic-GGUF:Q2_K", "maker/Dynamic-GGUF:Q2_K"),
    ("maker/Dynamic-GGUF/plain.gguf", "maker/Dynamic-GGUF/plain"),
])
def test_the_name_that_is_printed_leads_to_the_model(hub, home, weights, address, name):
    hub.repositories["maker/Dynamic-GGUF"] = {
        "Dynamic-UD-Q4_K_XL.gguf": weights, "Dynamic-fp16.gguf": weights, "Q2_K/dynamic.gguf": weights, "plain.gguf": weights,
    }
    if address == "maker/Dynamic-GGUF":
        del hub.repositories[address]["Q2_K/dynamic.gguf"]
    done = pull(hub, home, address)
    assert (done.returncode, done.stdout) == (0, name + "\n"), done.stderr
    assert run(home, "list", "--names").stdout == name + "\n"
    shown = run(home, "show", "--json", name)
    assert shown.returncode == 0, shown.stderr


def test_a_name_that_another_file_has_is_told_apart(hub, home, weights):
    hub.repositories["maker/Two"] = {"a/Two-Q4_1.gguf": weights, "b/Two-Q4_1.gguf": weights}
    assert pull(hub, home, "maker/Two/a/Two-Q4_1.gguf").stdout == "maker/Two:Q4_1\n"
    assert pull(hub, home, "maker/Two/b/Two-Q4_1.gguf").stdout == "maker/Two:Q4_1@shimmy\n"
    assert run(home, "list", "--names").stdout == "maker/Two:Q4_1\nmaker/Two:Q4_1@shimmy\n"
    with Server(home, HF_ENDPOINT=hub.url) as server:
        told = events(server.request("POST", "/v1/models/pull", {"model": "maker/Two/b/Two-Q4_1.gguf"}).body)
        assert told[-2] == {"status": "success", "model": "maker/Two:Q4_1@shimmy"}


def test_what_run_has_pulled_it_does_not_ask_for_again(hub, home, weights):
    hub.repositories["maker/Dynamic-GGUF"] = {"Dynamic-UD-Q4_K_XL.gguf": weights}
    ask = ["run", "--local", "--pull", "--set", "max_tokens=4", "maker/Dynamic-GGUF:UD-Q4_K_XL", "Say hello."]
    first = run(home, *ask, HF_ENDPOINT=hub.url)
    assert first.returncode == 0 and first.stdout.strip(), first.stderr
    before = len(hub.requests)
    assert run(home, *ask, HF_ENDPOINT=hub.url).returncode == 0
    assert len(hub.requests) == before


def test_without_a_word_no_sixteen_bits_are_fetched(hub, home, weights):
    hub.repositories["maker/Mixed"] = {
        "mixed-fp16.gguf": weights * 2, "mixed-q4.gguf": weights, "config.json": b"{}", "model.safetensors": b"x" * 5000,
    }
    assert pull(hub, home, "maker/Mixed").stdout == "maker/Mixed:Q4\n"


def test_all_parts_of_a_split_model_come(hub, home):
    parts = {f"Q8_0/big-Q8_0-0000{number}-of-00003.gguf": bytes([number]) * 1000 for number in (1, 2, 3)}
    hub.repositories["maker/big"] = parts
    assert pull(hub, home, "maker/big").stdout == "maker/big:Q8_0\n"
    for name, content in parts.items():
        assert (home / "data/models/maker/big" / name).read_bytes() == content


def test_a_folder_of_safetensors_comes_with_what_describes_it(hub, home):
    hub.repositories["maker/plain"] = {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": b"x" * 5000, "pytorch_model.bin": b"y"}
    assert pull(hub, home, "maker/plain").returncode == 0
    assert sorted(path.name for path in (home / "data/models/maker/plain").iterdir() if path.name[0] != ".") == [
        "config.json", "model.safetensors", "tokenizer.json",
    ]


def test_copies_for_other_programs_are_not_fetched(hub, home):
    hub.repositories["maker/sharded"] = {
        "config.json": b"{}", "model.safetensors.index.json": b"{}", "consolidated.safetensors": b"y" * 10000,
        "model-00001-of-00002.safetensors": b"x" * 5000, "model-00002-of-00002.safetensors": b"z" * 5000,
    }
    assert pull(hub, home, "maker/sharded").returncode == 0
    assert sorted(path.name for path in (home / "data/models/maker/sharded").glob("*.safetensors")) == [
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
    ]


def test_cut_connections_are_taken_up_where_they_ended(hub, home, weights):
    hub.cut_after = [100_000, 3_000_000, 0, 17]
    assert pull(hub, home, REPOSITORY).returncode == 0
    assert placed(home).read_bytes() == weights
    starts = [int(headers["Range"].split("=")[1].split("-")[0]) for headers in hub.downloads()]
    assert any(start % (8 << 20) for start in starts), "nothing was continued within a chunk"


def test_a_killed_pull_goes_on(hub, home, weights):
    hub.seconds_per_piece = 0.02
    process = subprocess.Popen([BINARY, "pull", REPOSITORY], env=environment(home, HF_ENDPOINT=hub.url), stderr=subprocess.DEVNULL)
    journal = placed(home).parent / ".SmolLM2-Q4_1.gguf.partial.journal"
    deadline = time.monotonic() + 30
    while not (journal.exists() and journal.read_text().count("\n") >= 4):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not placed(home).exists()
    # Use another mirror, because requests of the killed pull may still arrive at the first.
    mirror = FakeHub()
    mirror.repositories = hub.repositories
    assert pull(mirror, home, REPOSITORY).returncode == 0
    mirror.close()
    assert placed(home).read_bytes() == weights
    again = sum(int(end) - int(start) + 1 for start, end in (headers["Range"][6:].split("-") for headers in mirror.downloads()))
    assert again < len(weights) - 2 * (8 << 20), "chunks that were there were fetched again"


def test_a_damaged_file_is_not_placed(hub, home):
    hub.lies_about_hash = True
    done = pull(hub, home, REPOSITORY)
    assert done.returncode == 1 and "damaged during the download" in done.stderr
    assert not placed(home).exists() and not list(placed(home).parent.glob(".*partial*"))


@pytest.mark.parametrize("address, code, words", [
    ("maker/none", 3, "does not exist"), ("nothing", 64, "is not a repository"), ("maker/../up", 64, "is not a repository"),
    ("maker/repo/..%2f..", 64, "is not a repository"),
])
def test_addresses_that_lead_nowhere(hub, home, address, code, words):
    done = pull(hub, home, address)
    assert done.returncode == code and words in done.stderr


def test_private_repositories_want_a_token_that_goes_nowhere_else(hub, home, weights):
    hub.token, hub.redirects = "hf_secret", True
    refused = pull(hub, home, REPOSITORY)
    assert refused.returncode == 1 and "HF_TOKEN" in refused.stderr
    assert pull(hub, home, REPOSITORY, HF_TOKEN="hf_secret").returncode == 0
    assert placed(home).read_bytes() == weights
    elsewhere = [headers for path, headers in hub.requests if path.startswith("/cdn/")]
    assert elsewhere and not any("Authorization" in headers for headers in elsewhere)


def test_a_busy_hub_is_asked_again(hub, home, weights):
    hub.statuses["SmolLM2-Q4_1.gguf"] = [429, 503, 500]
    assert pull(hub, home, REPOSITORY).returncode == 0
    assert placed(home).read_bytes() == weights


def test_what_there_is_is_asked_for_again_too(hub, home, weights):
    hub.statuses["/revision/main"], hub.statuses["/tree/" + COMMIT] = [429, 503], [500]
    hub.cut_answers = 1
    assert pull(hub, home, REPOSITORY).returncode == 0
    assert placed(home).read_bytes() == weights
    # Retry-After as a date, relative to the hub's clock.
    hub.statuses["/revision/main"] = [429]
    hub.retry_after = email.utils.formatdate(time.time() + 2, usegmt=True)
    assert pull(hub, home, REPOSITORY).returncode == 0


def test_nobody_waits_for_a_hub_that_is_busy_for_long(hub, home):
    hub.retry_after = "3600"
    hub.statuses["/revision/main"] = [429]
    done = pull(hub, home, REPOSITORY)
    assert done.returncode == 1 and "retry in 3600 s" in done.stderr
    hub.statuses["/revision/main"] = [503]
    assert "answered 503" in pull(hub, home, REPOSITORY).stderr
    with Server(home, HF_ENDPOINT=hub.url) as server:
        hub.statuses["/revision/main"] = [429]
        refused = server.request("POST", "/v1/models/pull", {"model": REPOSITORY})
        assert (refused.status, refused.json["error"]["code"], refused.headers["retry-after"]) == (429, "hub_rate_limited", "3600")
        # Errors of the files themselves are reported in the stream.
        hub.statuses["SmolLM2-Q4_1.gguf"] = [429] * 10
        told = events(server.request("POST", "/v1/models/pull", {"model": REPOSITORY}).body)
        assert told[-1]["error"]["code"] == "hub_rate_limited"


def test_a_hub_without_ranges_serves_too(hub, home, weights):
    hub.ignores_ranges, hub.cut_after = True, [50_000_000]
    assert pull(hub, home, REPOSITORY).returncode == 0
    assert placed(home).read_bytes() == weights


def test_a_connection_that_stalls_is_given_up(hub, home, weights):
    hub.stalls = 2
    assert pull(hub, home, REPOSITORY, SHIMMY_PULL_STALL_SECONDS="0.5").returncode == 0
    assert placed(home).read_bytes() == weights


def test_a_disk_without_room_is_found_before_anything_comes(hub, home):
    hub.claimed_size = 1 << 43
    done = pull(hub, home, f"{REPOSITORY}:Q4_1")
    assert done.returncode == 1 and "bytes free, but" in done.stderr and not hub.downloads()


def test_a_disk_that_fills_up_ends_the_pull_and_keeps_what_came(hub, home, weights):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000_000, 40_000_000))

    full = subprocess.run(
        [BINARY, "pull", REPOSITORY], env=environment(home, HF_ENDPOINT=hub.url), preexec_fn=limit, capture_output=True, text=True, timeout=60
    )
    assert full.returncode == 1 and "cannot be written" in full.stderr, full.stderr
    assert not placed(home).exists() and (placed(home).parent / ".SmolLM2-Q4_1.gguf.partial").exists()
    assert pull(hub, home, REPOSITORY).returncode == 0
    assert placed(home).read_bytes() == weights


def test_offline_nothing_is_asked(hub, home):
    done = pull(hub, home, REPOSITORY, HF_HUB_OFFLINE="1")
    assert done.returncode == 1 and "offline" in done.stderr and not hub.requests


def test_two_pulls_of_one_file_do_not_mix(hub, home, weights):
    hub.seconds_per_piece = 0.02
    first = subprocess.Popen([BINARY, "pull", REPOSITORY], env=environment(home, HF_ENDPOINT=hub.url), stderr=subprocess.DEVNULL)
    while not list(placed(home).parent.glob(".*.journal")):
        time.sleep(0.01)
    second = pull(hub, home, REPOSITORY)
    assert second.returncode == 1 and "another pull" in second.stderr
    assert first.wait(60) == 0 and placed(home).read_bytes() == weights


def events(body: bytes) -> list:
    lines = [line[len("data: "):] for line in body.decode().split("\n\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_a_server_pulls_and_tells_how_far_it_is(hub, home, weights):
    with Server(home, HF_ENDPOINT=hub.url) as server:
        answer = server.request("POST", "/v1/models/pull", {"model": REPOSITORY})
        assert answer.headers["content-type"] == "text/event-stream"
        told = events(answer.body)
        assert told[-1] == "[DONE]" and told[-2] == {"status": "success", "model": f"{REPOSITORY}:Q4_1"}
        downloading = [event for event in told[:-2] if event["status"] == "downloading"]
        assert [event["completed"] for event in downloading] == sorted(event["completed"] for event in downloading)
        assert downloading[-1]["completed"] == downloading[-1]["total"] == len(weights)
        assert server.chat(model=f"{REPOSITORY}:Q4_1").text
        whole = server.request("POST", "/v1/models/pull", {"model": REPOSITORY, "stream": False})
        assert whole.json == {"status": "success", "model": f"{REPOSITORY}:Q4_1"}


def test_a_servers_pull_that_cannot_begin_has_a_status(hub, home):
    with Server(home, HF_ENDPOINT=hub.url) as server:
        for model, status, code in [("maker/none", 404, "model_not_found"), ("nothing", 400, "invalid_value"), (f"{REPOSITORY}:Q2_K", 404, "model_not_found")]:
            answer = server.request("POST", "/v1/models/pull", {"model": model})
            assert (answer.status, answer.json["error"]["code"], answer.json["error"]["param"]) == (status, code, "model")
        hub.token = "other"
        assert server.request("POST", "/v1/models/pull", {"model": REPOSITORY}).json["error"]["code"] == "hub_unauthorized"
        hub.token = None
        hub.lies_about_hash = True
        told = events(server.request("POST", "/v1/models/pull", {"model": REPOSITORY}).body)
        assert told[-1]["error"]["code"] == "pull_failed" and "damaged" in told[-1]["error"]["message"]


def test_a_folder_that_cannot_be_made_is_told_in_the_stream(hub, home, weights):
    hub.repositories["maker/Deep"] = {"parts/Deep-Q4_1.gguf": weights}
    (home / "data/models/maker/Deep").mkdir(parents=True)
    (home / "data/models/maker/Deep/parts").write_text("a file where a folder has to be")
    with Server(home, HF_ENDPOINT=hub.url) as server:
        told = events(server.request("POST", "/v1/models/pull", {"model": "maker/Deep"}).body)
        assert told[-1]["error"]["code"] == "insufficient_storage" and "cannot be written" in told[-1]["error"]["message"]
        refused = server.request("POST", "/v1/models/pull", {"model": "maker/Deep", "stream": False})
        assert (refused.status, refused.json["error"]["code"]) == (507, "insufficient_storage")


def test_a_client_that_goes_away_ends_its_pull(hub, home):
    hub.seconds_per_piece = 0.05
    with Server(home, HF_ENDPOINT=hub.url) as server:
        curl = subprocess.Popen(["curl", "-sN", server.url + "/v1/models/pull", "-H", "Content-Type: application/json", "-d", json.dumps({"model": REPOSITORY})],
                                stdout=subprocess.PIPE)
        assert curl.stdout.readline().startswith(b"data: ")
        wait_until(lambda: hub.active > 0, "a download")
        curl.kill()
        wait_until(lambda: hub.active == 0, "the end of the downloads")
        chunks = -(-MODEL_FILE.stat().st_size // (8 << 20))
        assert len(hub.downloads()) < chunks and not placed(home).exists()
        hub.seconds_per_piece = 0
        again = {"model": REPOSITORY, "stream": False}
        wait_until(lambda: server.request("POST", "/v1/models/pull", again).status == 200, "another pull")
