"""Changes of templates, adapters and settings of loaded models: which of them cause a reload, and which do not."""

import signal
import time

import pytest

import adapters
from running import logged, rendered
from server import MODEL, MODEL_FILE, Server, wait_until
from test_memory import status


def hang_up(server):
    """Sends SIGHUP and waits until the configuration was read again."""
    before = logged(server, "configuration reloaded")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: logged(server, "configuration reloaded") == before + 1, "a reload")


@pytest.mark.parametrize("how", ["preset", "option"])
def test_a_template_file_that_changed_is_taken(place, how):
    template = place.home / "template.jinja"
    template.write_text("<{{ messages[0].content }}>")
    if how == "preset":
        place(f'[model."{MODEL}"]\nchat_template_file = "{template}"\n')
    with Server(place.home, *(["--chat-template-file", str(template)] if how == "option" else [])) as server:
        assert rendered(server, MODEL, ("user", "Hi")) == "<Hi>"
        template.write_text("[{{ messages[0].content }}]")
        hang_up(server)
        assert logged(server, "model settings changed") == 1
        assert rendered(server, MODEL, ("user", "Hi")) == "[Hi]"
        hang_up(server)
        assert rendered(server, MODEL, ("user", "Hi")) == "[Hi]"
        assert logged(server, "model loaded") == 2, "nothing had changed"


def test_what_a_request_said_survives_a_reload(place):
    def expires_in() -> float:
        expires = status(server, MODEL)["expires_at"]
        return float("inf") if expires is None else expires - time.time()

    place('[log]\nlog_level = "info"\n')
    with Server(place.home) as server:
        assert server.chat(max_tokens=1, keep_alive="5m").status == 200
        wait_until(lambda: status(server, MODEL)["users"] == 0, "the end of the answer")
        assert 240 < expires_in() < 360
        place('[log]\nlog_level = "debug"\n')
        wait_until(lambda: logged(server, "configuration reloaded") == 1, "a reload")
        assert 240 < expires_in() < 360
        # The new setting applies to the loaded model.
        place(f'[model."{MODEL}"]\nkeep_alive = "1h"\n')
        wait_until(lambda: expires_in() > 3500, "another time")
        assert expires_in() < 3700 and logged(server, "model loaded") == 1


def test_adapters_that_come_are_there_for_the_next_request(place):
    base, models = adapters.weights(MODEL_FILE), place.home / "data/models"

    def put(name: str, pairs: dict):
        aside = place.home / f"{name}.tmp"
        adapters.write_adapter(aside, pairs)
        aside.rename(models / f"{name}.gguf")

    with Server(place.home) as server:
        server.chat(lora=[{"name": "style"}]).assert_error(400, "lora[0].name", "invalid_value")
        style = adapters.factors(base, seed=1)
        put("style", style)
        wait_until(lambda: logged(server, "model files changed") == 1, "a change")
        assert server.chat(lora=[{"name": "style"}]).status == 200
        first = server.request("POST", "/v1/completions", {"model": MODEL, "prompt": "Hi", "lora": [{"name": "style"}]}).json["system_fingerprint"]

        # An adapter that does not fit has no effect.
        put("small", {name: (a[:, :64].copy(), b) for name, (a, b) in style.items()})
        assert server.request("POST", "/v1/models/rescan", {}).status == 200
        assert logged(server, "model loaded") == 2 and logged(server, "model files changed") == 1

        put("style", adapters.factors(base, seed=2))
        wait_until(lambda: logged(server, "model files changed") == 2, "another content")
        second = server.request("POST", "/v1/completions", {"model": MODEL, "prompt": "Hi", "lora": [{"name": "style"}]}).json["system_fingerprint"]
        assert first != second

        (models / "style.gguf").unlink()
        wait_until(lambda: logged(server, "model files changed") == 3, "an adapter's end")
        server.chat(lora=[{"name": "style"}]).assert_error(400, "lora[0].name", "invalid_value")
