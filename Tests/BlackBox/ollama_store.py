"""Writes models as Ollama stores them."""

import hashlib
import json

from server import put_model


def ollama_model(home, name: str, **layers):
    """Writes a model to an Ollama store. Its weights are those of the test model."""
    store = home / ".ollama/models"
    blobs = store / "blobs"
    put_model(blobs / ("sha256-" + "a" * 64))
    described = [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "a" * 64}]
    for kind, content in layers.items():
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        digest = hashlib.sha256(data).hexdigest()
        (blobs / f"sha256-{digest}").write_bytes(data)
        described.append({"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}"})
    manifest = store / "manifests/registry.ollama.ai/library" / name / "latest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": described}))
