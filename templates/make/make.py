#!/usr/bin/env python3
"""Makes the samples that ship with the templates, and the truth of each.

    templates/make/make.py           writes templates/samples/*.bin, *.txt and truths.json
    templates/make/make.py --check   says which files differ from what it would write, and ends with 1 if one does

Needs Python 3.9 or later and nothing else. Every receipt is invented: no real shop, person, card or phone.
"""

import json
import pathlib
import sys

import en, eu, hant, ja, ko, layouts, layouts_more, layouts_odd, layouts_zh, layouts_zh2, odd, pt, zh, zh_more

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "samples"


def files():
    truths = []
    for module in (zh, zh_more, hant, ja, ko, en, eu, pt, odd):
        for name, template, paper, papers in module.samples():
            truths.append({"file": name + ".bin", "template": template + ".toml", "papers": papers})
            yield name + ".bin", bytes(paper.bytes)
    for module in (layouts_zh, layouts_zh2, layouts, layouts_more, layouts_odd):
        for n, (template, text, truth) in enumerate(module.CASES, 1):
            name = f"{module.__name__.replace('_', '-')}-{n:02}.txt"
            truths.append({"file": name, "template": template + ".toml", "papers": [truth]})
            yield name, text.lstrip("\n").encode()
    text = json.dumps(truths, ensure_ascii=False, indent=1)
    yield "truths.json", (text + "\n").encode()


def main():
    made = dict(files())
    if sys.argv[1:] == ["--check"]:
        there = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
        wrong = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
        for name in wrong:
            print(f"{name}: differs from what make.py writes")
        sys.exit(1 if wrong else 0)
    for path in FOLDER.iterdir():
        if path.name not in made:
            path.unlink()
    for name, data in made.items():
        (FOLDER / name).write_bytes(data)
    print(f"{len(made) - 1} samples")


main()
