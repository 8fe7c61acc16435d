"""The bill of materials of the program in SPDX 2.3: what is linked into it, with versions and checksums.

    sbom.py          prints the document
"""

import hashlib
import json
import re
import subprocess
from datetime import datetime, timezone

from pins import LLAMA
from version import REPOSITORY, commit, version

# Licences of what the program contains. The names are those of SPDX.
LICENCES = {"llama.cpp": "MIT", "swift": "Apache-2.0 WITH Swift-exception", "grdb.swift": "MIT", "tomlkit": "MIT"}


def swift_packages() -> list[tuple[str, str, str]]:
    """Returns the name, version and location of each Swift package. All but those for builds and tests alone are part of the program."""
    resolved = REPOSITORY / "Package.resolved"
    if resolved.exists():
        pins = json.loads(resolved.read_text())["pins"]
        return [(pin["identity"], pin["state"].get("version") or pin["state"]["revision"], pin["location"]) for pin in pins]
    # The manifest fixes the same versions.
    text = (REPOSITORY / "Package.swift").read_text()
    found = re.findall(r'url: "(https[^"\\]+)", exact: "([^"]+)"', text)
    direct = [(url.rsplit("/", 1)[1].lower().removesuffix(".git"), number, url) for url, number in found]
    others = re.findall(r'\("(swift-[\w-]+)", "([\d.]+)", "\w+"\)', text)
    return sorted(direct + [(name, number, f"https://github.com/apple/{name}") for name, number in others])


def component(name: str, number: str, location: str, **more) -> dict:
    identity = re.sub(r"[^A-Za-z0-9.-]", "-", name)
    usual = "Apache-2.0" if name.startswith(("swift", "hummingbird", "async")) else "NOASSERTION"
    return {
        "SPDXID": f"SPDXRef-Package-{identity}", "name": name, "versionInfo": number, "downloadLocation": location, "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION", "licenseDeclared": LICENCES.get(name, usual), "copyrightText": "NOASSERTION", **more,
    }


def compiler() -> str:
    """Returns the version of Swift, whose runtime is part of the program."""
    try:
        shown = subprocess.run(["swift", "--version"], capture_output=True, text=True).stdout
    except OSError:
        return "NOASSERTION"
    found = re.search(r"Swift version ([\d.]+)", shown)
    return found.group(1) if found else "NOASSERTION"


def document() -> str:
    checksum = [{"algorithm": "SHA256", "checksumValue": LLAMA["sha256"]}]
    source = f"https://pypi.org/project/{LLAMA['project']}/{LLAMA['version']}/"
    parts = [
        component("llama.cpp", f"{LLAMA['project']} {LLAMA['version']}", source, checksums=checksum),
        component("swift", compiler(), "https://github.com/swiftlang/swift"),
        *(component(*package) for package in swift_packages()),
    ]
    own = component("shimmy", version(), "NOASSERTION")
    own["licenseDeclared"] = "MIT"
    unique = hashlib.sha256(json.dumps([own, parts, commit()], sort_keys=True).encode()).hexdigest()
    return json.dumps(
        {
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"shimmy-{version()}",
            "documentNamespace": f"urn:sha256:{unique}",
            "creationInfo": {"created": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: scripts/sbom.py"]},
            "packages": [own, *parts],
            "relationships": [
                {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": own["SPDXID"]},
                *({"spdxElementId": own["SPDXID"], "relationshipType": "CONTAINS", "relatedSpdxElement": part["SPDXID"]} for part in parts),
            ],
        },
        indent=2,
    ) + "\n"


if __name__ == "__main__":
    print(document(), end="")
