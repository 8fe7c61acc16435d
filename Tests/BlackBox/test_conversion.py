"""Folders of SafeTensors: the default model, split into a folder as on the hub, gives the same answers after its conversion."""

from pathlib import Path

import numpy
import pytest

from hub_folder import write_folder
from server import MODEL_FILE, Server, run

@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The default model as a folder with two weight files."""
    folder = write_folder(tmp_path_factory.mktemp("hub") / "data/models/smol")
    (folder.parent / "plain.gguf").symlink_to(MODEL_FILE)
    return folder


def test_a_converted_model_is_the_model(folder):
    text = "The capital of France is Paris, which has 2,102,650 inhabitants. L'été à Zürich, 日本語 😀!"
    with Server(folder.parent.parent.parent) as server:
        listed = {model["id"]: model["shimmy"] for model in server.request("GET", "/v1/models").json["data"]}
        assert listed["smol"]["architecture"] == "llama" and listed["smol"]["quantization"] == "F16"
        assert listed["smol"]["parameters"] == listed["plain"]["parameters"] and listed["smol"]["context_length"] == 8192

        def ask(model, path, **body):
            answer = server.request("POST", path, {"model": model, **body})
            assert answer.status == 200, answer.body
            return answer.json

        for special in (True, False):
            tokens = [ask(model, "/tokenize", content="<|im_start|>" + text, parse_special=special, add_special=special)["tokens"] for model in ("plain", "smol")]
            assert tokens[0] == tokens[1]
        messages = [{"role": "user", "content": "Where is Paris?"}]
        prompts = [ask(model, "/v1/chat/completions/render", messages=messages)["prompt"] for model in ("plain", "smol")]
        assert prompts[0] == prompts[1]
        # The same weights in 16 bits: only the rounding of quantized products differs.
        scores = [
            ask(model, "/v1/completions", prompt=text, max_tokens=0, echo=True, logprobs=0)["choices"][0]["logprobs"]["token_logprobs"][1:]
            for model in ("plain", "smol")
        ]
        differences = numpy.abs(numpy.subtract(*scores))
        assert differences.mean() < 0.1 and differences.max() < 0.8, differences
        assert "Paris" in ask("smol", "/v1/completions", prompt="The capital of France is", max_tokens=4, temperature=0)["choices"][0]["text"]


def test_the_command_converts_and_quantizes(folder, tmp_path):
    home = folder.parent.parent.parent
    plain = run(home, "convert", "smol", "--output", str(tmp_path / "smol.F16.gguf"))
    assert plain.returncode == 0 and plain.stdout.strip() == str(tmp_path / "smol.F16.gguf"), plain.stderr
    assert "100 %" in plain.stderr and "\r" not in plain.stderr
    small = run(home, "convert", str(tmp_path / "smol.F16.gguf"), "--quantize", "q8_0", "--output", str(tmp_path / "smol.Q8_0.gguf"))
    assert small.returncode == 0, small.stderr
    direct = run(home, "convert", str(folder), "--quantize", "Q8_0")
    assert direct.returncode == 0 and direct.stdout.strip().endswith("/data/models/smol.Q8_0.gguf"), direct.stderr
    assert Path(direct.stdout.strip()).stat().st_size == (tmp_path / "smol.Q8_0.gguf").stat().st_size < 0.6 * (tmp_path / "smol.F16.gguf").stat().st_size
    assert "France" in run(home, "generate", "--model", direct.stdout.strip(), "--temperature", "0", "--max-tokens", "12", "What is the capital of France?").stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["smol.F16.gguf", "smol.Q8_0.gguf"]
    assert run(home, "convert", "smol", "--quantize", "Q9").returncode == 64
    assert run(home, "convert", "plain").returncode == 64
    assert run(home, "convert", "nothing").returncode == 3
    again = run(home, "convert", str(folder), "--quantize", "Q8_0")
    assert again.returncode == 64 and "already exists" in again.stderr
