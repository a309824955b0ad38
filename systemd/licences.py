#!/usr/bin/env python3
"""Writes the licence texts of what is linked into the program to standard output: each text once, under the crates that carry it.

    systemd/licences.py TARGET FEATURES      e.g. aarch64-unknown-linux-gnu bluetooth

The texts are those in the crates' own archives (and of the C library that one of them carries). A crate without one is named
with the licence that it declares. The same source gives the same bytes.
"""
import json, os, re, sys
from sbom import cargo, tree

TEXT = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)([-._].*)?$", re.IGNORECASE)
# Sources that a crate carries and builds: folder below the crate's.
CARRIED = {"libdbus-sys": ["vendor/dbus"]}


def texts(folder):
    """The licence texts in a folder, and in one of this name in it."""
    for place in (folder, os.path.join(folder, "LICENSES"), os.path.join(folder, "LICENSE")):
        for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
            path = os.path.join(place, name)
            if os.path.isfile(path) and (place != folder or TEXT.fullmatch(name)) and not name.endswith((".rs", ".json")):
                with open(path, encoding="utf-8", errors="replace") as file:
                    yield "\n".join(line.rstrip() for line in file.read().strip().splitlines())


def main():
    target, features = sys.argv[1:]
    edges = tree(target, features)
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    carriers, bare = {}, []
    for package in packages:
        crate = (package["name"], package["version"])
        if crate not in edges or package["source"] is None:
            continue
        folder = os.path.dirname(package["manifest_path"])
        folders = [folder, *(os.path.join(folder, below) for below in CARRIED.get(crate[0], []))]
        found = {text for place in folders for text in texts(place)}
        for text in found:
            carriers.setdefault(text, set()).add("{} {}".format(*crate))
        if not found:
            bare.append("{} {}: {}".format(*crate, package["license"]))
    print("Licences of the crates that are linked into edge-agent, whose own is Apache-2.0. The standard library of Rust is")
    print("licensed under MIT or Apache-2.0 (https://www.rust-lang.org/policies/licenses).")
    for text, crates in sorted(carriers.items(), key=lambda item: sorted(item[1])):
        print(f"\n{'=' * 78}\n{', '.join(sorted(crates))}\n{'-' * 78}\n{text}")
    if bare:
        print(f"\n{'=' * 78}\nWithout a text in their archives, by the licence they declare:\n{'-' * 78}")
        print("\n".join(sorted(bare)))


if __name__ == "__main__":
    main()
