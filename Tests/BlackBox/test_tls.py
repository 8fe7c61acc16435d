"""TLS: certificates, versions, ALPN, clients, client certificates, and the renewal of certificates while a server runs."""

import json
import shutil
import signal
import socket
import stat
import subprocess
import time

import httpx
import pytest
from openai import OpenAI
from websockets.sync.client import connect

from server import MODEL, run, wait_until
from tls import TLSServer, curl, make_certificate, probe, trusting


@pytest.fixture(scope="module")
def secure(home, tmp_path_factory):
    with TLSServer(home, *make_certificate(home, tmp_path_factory.mktemp("tls"))) as server:
        assert server.request("POST", "/v1/models/load", {"model": MODEL}).status == 200
        yield server


def chat(text: str = "Say hello.", **fields) -> dict:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], "max_tokens": 8, "temperature": 0, **fields}


# The command.


def test_a_certificate_has_the_names_and_a_private_key(home, tmp_path):
    certificate, key = make_certificate(home, tmp_path, "chat.example.com", "192.0.2.5")
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    names = ["DNS:localhost", "DNS:chat.example.com", "IP Address:127.0.0.1", "IP Address:192.0.2.5"]
    for name in [*names, "CA:FALSE", "TLS Web Server Authentication"]:
        assert name in text
    assert "X509v3 Key Usage" not in text
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    again = run(home, "cert", "--out", str(tmp_path))
    assert again.returncode == 1 and "--force" in again.stderr
    assert run(home, "cert", "--out", str(tmp_path), "--force").returncode == 0


@pytest.mark.parametrize("arguments", [["not a name"], ["a..b"], ["--days", "0"], ["--days", "9999"]])
def test_other_certificates_are_refused(home, tmp_path, arguments):
    assert run(home, "cert", "--out", str(tmp_path), *arguments).returncode == 64
    assert list(tmp_path.iterdir()) == []


# Versions and protocols.


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_modern_versions_work(secure, version):
    done = probe(secure.port, version, "-CAfile", secure.certificate, "-verify_return_error", "-alpn", "h2,http/1.1")
    assert done.returncode == 0 and "Verify return code: 0" in done.stdout and "ALPN protocol: h2" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
        ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
        ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
    ],
)
def test_old_versions_and_suites_are_refused(secure, arguments):
    assert probe(secure.port, *arguments).returncode != 0


@pytest.mark.parametrize("option, version", [("--http1.1", "1.1"), ("--http2", "2")])
def test_curl_chooses_the_version(secure, option, version):
    done = curl(
        option, "--cacert", secure.certificate, "-w", "\n%{http_version}", "-H", "Content-Type: application/json", "-d", json.dumps(chat()),
        secure.url + "/v1/chat/completions")
    body, used = done.stdout.rsplit("\n", 1)
    assert used == version, done.stderr
    assert json.loads(body)["choices"][0]["message"]["content"]


def test_a_connection_without_encryption_is_closed(secure):
    assert curl(f"http://127.0.0.1:{secure.port}/health").returncode != 0
    wait_until(lambda: "this port speaks https" in secure.log.read_text(), "the report")
    assert secure.request("GET", "/health").status == 200


def test_an_unknown_certificate_is_refused_by_clients(secure):
    assert curl(secure.url + "/health").returncode == 60


# Clients.


def test_openais_client(secure):
    with OpenAI(base_url=secure.url + "/v1", api_key="unused", http_client=httpx.Client(verify=trusting(secure.certificate))) as client:
        assert client.chat.completions.create(**chat()).choices[0].message.content
        chunks = list(client.chat.completions.create(**chat(), stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_web_socket(secure):
    with connect(f"wss://127.0.0.1:{secure.port}/v1/responses", ssl=trusting(secure.certificate)) as client:
        client.send(json.dumps({"type": "response.create", "model": MODEL, "input": "Say hello.", "max_output_tokens": 4}))
        events = [json.loads(client.recv(30))["type"]]
        while events[-1] not in ("response.completed", "response.incomplete"):
            events.append(json.loads(client.recv(30))["type"])
        assert events[0] == "response.created"


def test_own_commands(home, secure):
    done = run(home, "ps", "--host", secure.url, "--tls-ca", secure.certificate)
    assert done.returncode == 0 and MODEL in done.stdout, done.stderr
    done = run(home, "ps", "--host", f"https://localhost:{secure.port}", "--tls-ca", secure.certificate)
    assert done.returncode == 0, done.stderr
    done = run(home, "ps", "--host", secure.url, SHIMMY_TLS_CA=secure.certificate)
    assert done.returncode == 0, done.stderr
    done = run(home, "ps", SHIMMY_PORT=str(secure.port), SHIMMY_TLS_CERT=secure.certificate, SHIMMY_TLS_KEY=secure.key)
    assert done.returncode == 0, done.stderr
    done = run(home, "ps", "--host", secure.url)
    assert done.returncode == 7 and "--tls-ca" in done.stderr
    assert run(home, "ps", "--host", secure.url, "--tls-ca", "/no/such/file").returncode == 64
    done = run(home, "ps", SHIMMY_PORT=str(secure.port))
    assert done.returncode == 7 and f"it may want https: --host https://127.0.0.1:{secure.port}\n" in done.stderr


def test_the_banner_names_a_self_signed_certificate(secure):
    command = next(line for line in secure.process.stdout if "curl " in line)
    assert command.startswith(f"  curl --cacert '{secure.certificate}' {secure.url}/v1/chat/completions ")


@pytest.mark.proc
def test_doctor_does_not_advise_to_stop_shimmy(home, secure):
    done = run(home, "doctor", "--json", SHIMMY_PORT=str(secure.port))
    (check,) = [check for check in json.loads(done.stdout)["checks"] if check["subject"] == "port"]
    assert check["level"] == "warning" and check["text"].startswith("shimmy (process ") and "SHIMMY_TLS_CERT" in check["advice"]


# Files that cannot be used.


def test_a_server_needs_usable_files(home, tmp_path):
    certificate, key = make_certificate(home, tmp_path / "one")
    _, other = make_certificate(home, tmp_path / "two")
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n")
    for arguments, status, text in [
        (["--tls-cert", certificate], 64, "--tls-key"),
        (["--tls-client-ca", certificate], 64, "--tls-cert"),
        (["--tls-cert", certificate, "--tls-key", other], 1, "does not belong"),
        (["--tls-cert", str(damaged), "--tls-key", key], 1, "does not contain a certificate"),
        (["--tls-cert", certificate, "--tls-key", str(damaged)], 1, "does not contain a private key"),
        (["--tls-cert", str(tmp_path / "none.pem"), "--tls-key", key], 1, "cannot be read"),
    ]:
        done = run(home, "serve", "--port", "auto", *arguments)
        assert done.returncode == status and text in done.stderr, done.stderr


def test_a_key_that_everybody_can_read_is_reported(home, tmp_path):
    certificate, key = make_certificate(home, tmp_path)
    (tmp_path / "key.pem").chmod(0o644)
    with TLSServer(home, certificate, key) as server:
        assert "private key can be read by every user" in server.log.read_text()


# Renewal.


def test_a_new_certificate_is_used_while_a_stream_runs(home, tmp_path):
    with TLSServer(home, *make_certificate(home, tmp_path)) as server:
        first = server.served_certificate()
        with OpenAI(base_url=server.url + "/v1", api_key="unused", http_client=httpx.Client(verify=trusting(server.certificate))) as client:
            stream = client.chat.completions.create(**chat("Tell a long story.", max_tokens=600), stream=True)
            next(iter(stream))
            make_certificate(home, tmp_path, "--force")
            wait_until(lambda: server.served_certificate() != first, "the new certificate")
            assert [chunk.choices[0].finish_reason for chunk in stream if chunk.choices][-1] in ("length", "stop")
        assert server.request("GET", "/health").status == 200
        assert "certificate reloaded" in server.log.read_text()


def test_a_damaged_certificate_is_not_used(home, tmp_path):
    with TLSServer(home, *make_certificate(home, tmp_path)) as server:
        first = server.served_certificate()
        shutil.copy(tmp_path / "cert.pem", tmp_path / "saved.pem")
        (tmp_path / "cert.pem").write_text("damaged")
        wait_until(lambda: "certificate not reloaded" in server.log.read_text(), "the report")
        assert server.served_certificate() == first
        make_certificate(home, tmp_path, "--force")
        wait_until(lambda: server.served_certificate() != first, "the new certificate")


def test_the_files_may_have_relative_paths(home, tmp_path, monkeypatch):
    make_certificate(home, tmp_path)
    monkeypatch.chdir(tmp_path)
    with TLSServer(home, "cert.pem", "key.pem") as server:
        first = server.served_certificate()
        make_certificate(home, tmp_path, "--force")
        wait_until(lambda: server.served_certificate() != first, "the new certificate")


# Client certificates.


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with an authority, a certificate of a client that it signed, and one that nobody signed."""
    folder = tmp_path_factory.mktemp("authority")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Authority", "-days", "2")
    openssl("req", *key, "-keyout", "client.key", "-out", "client.csr", "-subj", "/CN=Client")
    openssl("x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "client.pem", "-days", "2")
    openssl("req", "-x509", *key, "-keyout", "stranger.key", "-out", "stranger.pem", "-subj", "/CN=Stranger", "-days", "2")
    return folder


def test_clients_need_a_certificate_of_the_authority(home, tmp_path, authority):
    # Client certificates keep strangers out, so that the server may listen on all addresses without a key.
    with TLSServer(home, *make_certificate(home, tmp_path), "--host", "0.0.0.0", "--tls-client-ca", str(authority / "ca.pem")) as server:
        url, trust = server.url + "/v1/models", ["--cacert", server.certificate]

        def client(name):
            return ["--cert", str(authority / f"{name}.pem"), "--key", str(authority / f"{name}.key")]

        for version in ["--http1.1", "--http2"]:
            assert json.loads(curl(version, *trust, *client("client"), url).stdout)["object"] == "list"
            assert curl(version, *trust, url).returncode != 0
            assert curl(version, *trust, *client("stranger"), url).returncode != 0

        def own(*arguments, **variables):
            return run(home, "ps", "--host", server.url, "--tls-ca", server.certificate, *arguments, **variables)

        certificate, key = str(authority / "client.pem"), str(authority / "client.key")
        for done in (own("--tls-client-cert", certificate, "--tls-client-key", key), own(SHIMMY_TLS_CLIENT_CERT=certificate, SHIMMY_TLS_CLIENT_KEY=key)):
            assert done.returncode == 0, done.stderr
        stranger = own("--tls-client-cert", str(authority / "stranger.pem"), "--tls-client-key", str(authority / "stranger.key"))
        for done in (own(), stranger):
            assert done.returncode == 7 and "--tls-client-cert" in done.stderr, done.stderr
        mixed = own("--tls-client-cert", certificate, "--tls-client-key", str(authority / "stranger.key"))
        assert mixed.returncode == 1 and "does not belong" in mixed.stderr
        for arguments in (["--tls-client-cert", certificate], ["--tls-client-cert", certificate, "--tls-client-key", "/no/such/file"]):
            assert own(*arguments).returncode == 64


# The end.


def test_handshakes_that_never_end_do_not_delay_the_end(home, tmp_path):
    with TLSServer(home, *make_certificate(home, tmp_path)) as server, socket.create_connection(("127.0.0.1", server.port)):
        assert server.request("GET", "/health").status == 200
        server.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        server.process.wait(20)
        assert time.monotonic() - begun < 15


def test_connections_that_are_cut_off_are_disconnects(secure):
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
    for _ in range(10):
        connection = trusting(secure.certificate).wrap_socket(socket.create_connection(("127.0.0.1", secure.port), 10), server_hostname="127.0.0.1")
        connection.sendall(head + b"{")
        # Python closes without TLS' farewell.
        connection.close()
    assert secure.request("GET", "/health").status == 200
    secure.wait_for(lambda engine: engine["running"] == 0, "the end")
    assert "request failed" not in secure.log.read_text()
