"""`shimmy rm` and `shimmy cp`: which files they remove and make, and which they leave alone."""

import json
import os
import shutil
from pathlib import Path

import gguf
import pexpect
import pytest

from fake_hub import FakeHub
from model_commands import NO_SERVER, busy, own, told  # noqa: F401: fixtures
from server import BINARY, MODEL, MODEL_FILE, Server, environment, put_model, run
from terminal import Dialogue


# Removing.


def test_rm_removes_what_is_shimmys(own):
    models = own / "data/models"
    assert run(own, "rm", "second").returncode == 64  # Standard input is not a terminal.
    assert (models / "second.gguf").exists()
    assert told(run(own, "rm", "--yes", "second")) == "second is removed: 98 MB.\n"
    assert not (models / "second.gguf").exists()
    # A link is removed, its target stays.
    assert json.loads(told(run(own, "rm", "--yes", "--json", MODEL)))["files"] == [str(models / MODEL_FILE.name)]
    assert list(models.iterdir()) == [] and MODEL_FILE.exists()
    assert run(own, "rm", "--yes", "second").returncode == 3


def test_rm_asks_at_a_terminal(own):
    for answer, remains in (("n", True), ("", True), ("y", False)):
        child = pexpect.spawn(BINARY, ["rm", "second"], env=environment(own, SHIMMY_HOST=NO_SERVER), encoding="utf-8", timeout=30)
        child.expect_exact(f"Remove second, 98 MB: {own}/data/models/second.gguf? [y/N] ")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert (child.exitstatus, (own / "data/models/second.gguf").exists()) == (1 if remains else 0, remains)


def test_rm_refuses_what_is_others(own, tmp_path):
    shelf = tmp_path / "shelf"
    theirs = put_model(shelf / "theirs.gguf")
    studio = put_model(own / ".lmstudio/models/maker/repo/studio-Q4_1.gguf")
    refused = run(own, "rm", "--yes", "--model-dir", str(shelf), "theirs")
    assert refused.returncode == 1 and "one of your own directories" in refused.stderr and str(theirs) in refused.stderr
    refused = run(own, "rm", "--yes", "maker/repo:Q4_1")
    assert refused.returncode == 1 and "LM Studio" in refused.stderr
    # `rm` takes only names, not paths.
    assert run(own, "rm", "--yes", str(theirs)).returncode == 3
    assert theirs.exists() and studio.exists()


def test_rm_follows_no_link_in_a_path(own, tmp_path):
    """A folder of the model directory may be a link to another disk, whose files do not belong to Shimmy."""
    nas = tmp_path / "nas"
    theirs = put_model(nas / "repo/theirs-Q4_1.gguf")
    (own / "data/models/maker").symlink_to(nas)
    refused = run(own, "rm", "--yes", "maker/repo:Q4_1")
    assert refused.returncode == 1 and str(theirs) in refused.stderr, refused.stderr
    assert theirs.exists() and (own / "data/models/maker").is_symlink()
    # The same applies to a folder of SafeTensors on the other disk.
    folder = nas / "folder"
    shutil.copytree(Path(os.environ["SHIMMY_EMBEDDING_MODEL"]), folder)
    before = sorted(path.name for path in folder.iterdir())
    assert run(own, "rm", "--yes", "maker/folder").returncode == 1
    assert sorted(path.name for path in folder.iterdir()) == before
    # If the model's folder itself is a link, the link is removed.
    (own / "data/models/linked").symlink_to(folder)
    told(run(own, "rm", "--yes", "linked"))
    assert not (own / "data/models/linked").is_symlink() and sorted(path.name for path in folder.iterdir()) == before


def test_rm_of_a_pulled_model_takes_its_manifest_along(own):
    hub = FakeHub()
    weights = MODEL_FILE.read_bytes()
    hub.repositories["maker/Tiny-GGUF"] = {"Tiny-Q4_1.gguf": weights, "Tiny-Q8_0.gguf": weights}
    for quantization in ("Q4_1", "Q8_0"):
        told(run(own, "pull", f"maker/Tiny-GGUF:{quantization}", HF_ENDPOINT=hub.url))
    hub.close()
    folder = own / "data/models/maker/Tiny-GGUF"
    told(run(own, "rm", "--yes", "maker/Tiny-GGUF:Q4_1"))
    assert list(json.loads((folder / ".shimmy-pull.json").read_text())["files"]) == ["Tiny-Q8_0.gguf"]
    told(run(own, "rm", "--yes", "maker/Tiny-GGUF:Q8_0"))
    assert not (own / "data/models/maker").exists() and (own / "data/models").exists()


def test_rm_of_a_folder_and_of_what_it_became(own, tmp_path):
    source = Path(os.environ["SHIMMY_EMBEDDING_MODEL"])
    folder = own / "data/models/minilm"
    shutil.copytree(source, folder)
    (own / "cache/converted").mkdir(parents=True)
    with Server(own) as server:
        assert server.request("POST", "/v1/embeddings", {"model": "minilm", "input": "Hi"}).status == 200
    assert len(list((own / "cache/converted").iterdir())) == 1
    told(run(own, "rm", "--yes", "--converted", "minilm"))
    assert list((own / "cache/converted").iterdir()) == [] and (folder / "config.json").exists()
    assert run(own, "rm", "--yes", "--converted", "minilm").returncode == 1
    told(run(own, "rm", "--yes", "minilm"))
    assert not folder.exists() and (source / "config.json").exists()


def test_rm_of_a_loaded_model(own, busy):
    host = f"127.0.0.1:{busy.port}"
    with Dialogue(own, "--host", host, "--set", "temperature=0", "second") as dialogue:
        dialogue.begin_long_answer()
        refused = run(own, "rm", "--yes", "--host", host, "second")
        assert refused.returncode == 1 and "has running or pending requests" in refused.stderr
        assert (own / "data/models/second.gguf").exists()
        dialogue.type("\x03")
        dialogue.expect_prompt()
        told(run(own, "rm", "--yes", "--host", host, "second"))
    assert "second" not in told(run(own, "ps", "--host", host))


# Copies.


def test_cp_makes_a_model_of_its_own(own):
    told(run(own, "cp", "second", "third"))
    copy = own / "data/models/third/third.gguf"
    assert copy.stat().st_ino == (own / "data/models/second.gguf").stat().st_ino
    told(run(own, "rm", "--yes", "second"))
    assert told(run(own, "run", "--local", "--set", "max_tokens=3", "third", "Hi"))
    assert json.loads(told(run(own, "cp", "--json", str(MODEL_FILE), "fourth")))["path"] == str(own / "data/models/fourth")
    assert told(run(own, "list", "--names")) == f"{MODEL}\nfourth\nthird\n"
    told(run(own, "rm", "--yes", "third"))
    assert not copy.parent.exists()


def test_cp_takes_parts_and_projectors_along(own):
    for part in (1, 2):
        put_model(own / f"data/models/parts/parts-{part:05}-of-00002.gguf")
    projector = gguf.GGUFWriter(own / "data/models/parts/mmproj.gguf", "clip")
    projector.write_header_to_file()
    projector.write_kv_data_to_file()
    projector.close()
    told(run(own, "cp", "parts", "whole"))
    names = sorted(path.name for path in (own / "data/models/whole").iterdir())
    assert names == ["mmproj-whole.gguf", "whole-00001-of-00002.gguf", "whole-00002-of-00002.gguf"]


def write_projector(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    projector = gguf.GGUFWriter(path, "clip")
    projector.write_header_to_file()
    projector.write_kv_data_to_file()
    projector.close()


def test_rm_takes_along_the_projector_that_cp_made(own):
    models = own / "data/models"
    put_model(models / "seeing/seeing.gguf")
    write_projector(models / "seeing/mmproj.gguf")
    for _ in range(2):
        told(run(own, "cp", "seeing", "copy"))
        assert (models / "copy/mmproj-copy.gguf").exists()
        removed = json.loads(told(run(own, "rm", "--yes", "--json", "copy")))["files"]
        assert removed == [str(models / "copy/copy.gguf"), str(models / "copy/mmproj-copy.gguf")]
        assert not (models / "copy").exists()
    # A projector stays as long as another model is in its folder. It always stays in the model directory itself.
    put_model(models / "seeing/second-look.gguf")
    write_projector(models / "mmproj-anybodys.gguf")
    told(run(own, "rm", "--yes", "seeing"))
    assert (models / "seeing/mmproj.gguf").exists()
    told(run(own, "rm", "--yes", "second-look"))
    assert not (models / "seeing").exists()
    for name in ("second", MODEL):
        told(run(own, "rm", "--yes", name))
    assert [path.name for path in models.iterdir()] == ["mmproj-anybodys.gguf"]


@pytest.mark.parametrize("name", ["../out", "a/b", ".hidden", "x-00001-of-00002", "", "second", "SECOND"])
def test_cp_refuses_names(own, name):
    before = sorted(str(path) for path in own.rglob("*"))
    refused = run(own, "cp", MODEL, name)
    assert refused.returncode == 1 and refused.stdout == ""
    assert sorted(str(path) for path in own.rglob("*")) == before
