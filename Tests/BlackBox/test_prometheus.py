"""The metrics as Prometheus' own programs read them. Debian's package `prometheus` has both; the tests skip without them."""

import contextlib
import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest

from server import MODEL, Server, make_home, wait_until

KEY = "sk-key-of-prometheus"
PROGRAMS = {name: shutil.which(name) for name in ("promtool", "prometheus")}
pytestmark = pytest.mark.skipif(None in PROGRAMS.values(), reason="Prometheus is not installed")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A server with a key and other servers' names, after one answer."""
    with Server(make_home(tmp_path_factory.mktemp("measured")), "--api-key", KEY, "--metrics-aliases") as server:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "ignore_eos": True, "store": True}
        assert server.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {KEY}"}).status == 200
        yield server


def exposition(server) -> str:
    return server.request("GET", "/metrics", headers={"Authorization": f"Bearer {KEY}"}).body.decode()


def check(text: str) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAMS["promtool"], "check", "metrics"], input=text, capture_output=True, text=True)


def test_promtool_finds_no_fault(measured):
    # Other servers' names have colons, which promtool reserves for recording rules.
    blocks = exposition(measured).split("# HELP ")
    own = "# HELP ".join(block for block in blocks if ":" not in block.split(" ", 1)[0])
    done = check(own)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_promtool_reads_other_servers_names(measured):
    text = exposition(measured)
    complaints = check(text).stderr.splitlines()
    assert "vllm:" in text and all(line.startswith(("vllm:", "llamacpp:")) for line in complaints), complaints
    assert check("shimmy_requests_total{").returncode == 1, "promtool finds mistakes"


@contextlib.contextmanager
def scraping(server, folder):
    """A Prometheus that scrapes the server. Yields a function that evaluates a query."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "key").write_text(KEY)
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [{
            "job_name": "shimmy", "authorization": {"credentials_file": str(folder / "key")},
            "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}],
        }],
    }))
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with open(folder / "log", "w") as log, subprocess.Popen([PROGRAMS["prometheus"], *options], stdout=log, stderr=log) as process:

        def query(expression: str) -> list[dict]:
            url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return json.load(answer)["data"]["result"]
            except OSError:
                return []

        try:
            yield query
        finally:
            process.terminate()


def test_a_prometheus_scrapes_the_server(measured, tmp_path):
    with scraping(measured, tmp_path) as query:
        wait_until(lambda: [one["value"][1] for one in query("up")] == ["1"], "a scrape")
        wait_until(lambda: query("shimmy_build_info"), "the samples")
        (tokens,) = query('shimmy_tokens_total{type="output"}')
        assert (tokens["metric"]["model"], tokens["value"][1]) == (MODEL, "4")
        (rate,) = query("histogram_quantile(0.5, gen_ai_server_request_duration_seconds_bucket)")
        assert float(rate["value"][1]) > 0
        (alias,) = query("vllm:generation_tokens_total")
        assert alias["value"][1] == "4"
