#!/usr/bin/env python3
"""Writes the bill of materials of the daemon (CycloneDX 1.5, JSON) to standard output: what is linked into the program.

    systemd/sbom.py TARGET FEATURES VERSION      e.g. aarch64-unknown-linux-gnu bluetooth 0.1.0-1

Made from Cargo.lock and `cargo tree`, which knows what the target and the features leave out; build scripts, macros' own
crates and tests are not in the program and not in the list. The same source gives the same bytes: no time, no random serial.
"""
import json, os, re, subprocess, sys, tomllib, uuid
from datetime import datetime, timezone

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def cargo(*args):
    return subprocess.run(["cargo", *args], cwd=TOP, check=True, capture_output=True, text=True).stdout


def tree(target, features):
    """Edges between (name, version), from the program down."""
    text = cargo("tree", "--locked", "--package", "edge-agent", "--edges", "normal,no-proc-macro", "--prefix", "depth",
                 "--no-default-features", "--features", features, "--target", target, "--format", " {p}")
    edges, path = {}, []
    for line in text.splitlines():
        depth, name, version = re.match(r"(\d+) (\S+) v(\S+)", line).groups()
        crate = (name, version)
        path[int(depth):] = [crate]
        edges.setdefault(crate, set())
        if len(path) > 1:
            edges[path[-2]].add(crate)
    return edges


def main():
    target, features, version = sys.argv[1:]
    edges = tree(target, features)
    packages = {(p["name"], p["version"]): p
                for p in json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]}
    with open(os.path.join(TOP, "Cargo.lock"), "rb") as lock:
        sums = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.load(lock)["package"]}

    def purl(crate):
        return f"pkg:cargo/{crate[0]}@{crate[1].replace('+', '%2B')}"

    def component(crate, kind):
        package = packages[crate]
        found = {"type": kind, "bom-ref": purl(crate), "name": crate[0], "version": crate[1], "purl": purl(crate)}
        if package["license"]:
            # "MIT/Apache-2.0" is how it was written before SPDX.
            found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        if sums.get(crate):
            found["hashes"] = [{"alg": "SHA-256", "content": sums[crate]}]
        if package["repository"]:
            found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        return found

    root = next(iter(edges))
    when = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), timezone.utc)
    components = [component(crate, "library") for crate in sorted(edges) if crate != root]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(root, "application"),
            "properties": [
                {"name": "edge-agent:target", "value": target},
                {"name": "edge-agent:features", "value": features},
                {"name": "edge-agent:package-version", "value": version},
            ],
        },
        "components": components,
        "dependencies": [{"ref": purl(crate), "dependsOn": sorted(map(purl, on))} for crate, on in sorted(edges.items())],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    json.dump({**document, "serialNumber": f"urn:uuid:{serial}"}, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
