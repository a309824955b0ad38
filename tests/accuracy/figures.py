#!/usr/bin/env python3
"""Prints the figures of docs/accuracy.md.

  tests/accuracy/figures.py BINARY DATA [TABLE...]

BINARY: a release build of edge-agent. DATA: a folder with the evaluation data (mall-xixi, mall-xixi-rotating,
mall-xixi-traces.jsonl.gz, derand-*, probes-brno); its neighbour ../eval has stitch.py, score.py and derand.py.
TABLE: events, layouts, hardship, floors, exits, confidence, identity, occupancy, crowd, counter; all when left out.
Days are made in a temporary folder. Needs nothing but Python 3; about fifteen minutes on one core.
"""
import collections
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from datetime import datetime

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import people  # noqa: E402  (beside this file)

KINDS = ["arrived", "passed_by", "floor_changed", "dwell_same_zone", "bag_carried", "exited"]


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def lines(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as f:
        return [json.loads(line) for line in f if line.strip()]


class Bench:
    def __init__(self, binary, data):
        self.binary, self.data = os.path.abspath(binary), os.path.abspath(data)
        self.eval = os.path.join(os.path.dirname(self.data), "eval")
        self.work = tempfile.mkdtemp(prefix="accuracy-")
        self.days = {}

    def run(self, *args):
        done = subprocess.run([self.binary, *args], capture_output=True, text=True)
        if done.returncode not in (0, 65):
            sys.exit(f"{args[0]}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def day(self, name, *options):
        """A day made by the generator, or the one that is there."""
        if not options and os.path.isdir(os.path.join(self.data, name)):
            return os.path.join(self.data, name)
        if name not in self.days:
            out = os.path.join(self.work, name)
            traces = os.path.join(self.data, "mall-xixi-traces.jsonl.gz")
            stitch = [sys.executable, os.path.join(self.eval, "stitch.py"), traces, out, *options]
            subprocess.run(stitch, check=True, stdout=subprocess.DEVNULL)
            self.days[name] = out
        return self.days[name]

    def changed(self, day, name, change=lambda row: row, survey=lambda row: row, site=lambda text: text):
        """A copy of a day with each line changed, or left out where the change gives nothing."""
        out = os.path.join(self.work, name)
        os.makedirs(out, exist_ok=True)
        with open(f"{day}/site.toml") as f, open(f"{out}/site.toml", "w") as g:
            g.write(site(f.read()))
        for name, change in (("day.jsonl.gz", change), ("survey.jsonl", survey)):
            opener = gzip.open if name.endswith(".gz") else open
            with opener(f"{out}/{name}", "wt") as f:
                for row in filter(None, map(change, lines(f"{day}/{name}"))):
                    f.write(json.dumps(row) + "\n")
        for name in ("truth.jsonl", "devices.jsonl"):
            if not os.path.exists(f"{out}/{name}"):
                os.symlink(f"{day}/{name}", f"{out}/{name}")
        return out

    def events(self, day, survey=True, *options):
        """Plays a day; the file of its events."""
        events = os.path.join(self.work, "events.jsonl")
        args = ["replay", "--site", f"{day}/site.toml", "--events", events, "--with-addr", *options]
        if survey:
            calibration = os.path.join(self.work, "calibration.json")
            self.run("survey", "--site", f"{day}/site.toml", f"{day}/survey.jsonl", "--out", calibration)
            args += ["--calibration", calibration]
        self.run(*args, f"{day}/day.jsonl.gz")
        return events

    def score(self, day, *options, survey=True):
        events = self.events(day, survey, *options)
        score = [sys.executable, os.path.join(self.eval, "score.py"), day, events, "--json"]
        return json.loads(subprocess.run(score, check=True, capture_output=True, text=True).stdout)


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def f1s(score):
    return [score[k]["f1"] for k in KINDS]


def cells(name, values, score=None):
    extra = []
    if score:
        extra = [f"{score['bag_carried']['precision']:.3f}", str(score["counts"]["false_visitors"])]
    return [name, *(f"{v:.3f}" for v in values), *extra]


def mean(rows):
    return [sum(column) / len(rows) for column in zip(*rows)]


HEAD = ["day", *KINDS, "bag precision", "false visitors"]


def events(b):
    print("## Events, with a survey\n")
    rows, all_f1 = [], []
    s = b.score(b.day("mall-xixi"))
    rows.append(cells("mall-xixi", f1s(s), s))
    for seed in range(11, 16):
        s = b.score(b.day(f"seed-{seed}", "--seed", str(seed)))
        all_f1.append(f1s(s))
        rows.append(cells(f"seed {seed}", all_f1[-1], s))
    rows.append(cells("mean of seeds 11–15", mean(all_f1)) + ["", ""])
    s = b.score(b.day("mall-xixi-rotating"))
    rows.append(cells("mall-xixi-rotating", f1s(s), s))
    table(HEAD, rows)
    print(f"Visitor count error, rotating: {s['counts']['count_error']:+.1%}\n")


def layouts(b):
    print("## Other layouts: mean of two days each\n")
    rows = []
    for zones, sensors in ((6, 1), (8, 1), (10, 1), (12, 1), (6, 2), (8, 2), (8, 3)):
        scores = []
        for seed in (71, 72):
            options = ["--seed", str(seed), "--zones", str(zones), "--sensors", str(sensors)]
            scores.append(b.score(b.day(f"z{zones}s{sensors}-{seed}", *options)))
        false = sum(s["counts"]["false_visitors"] for s in scores)
        precision = sum(s["bag_carried"]["precision"] for s in scores) / 2
        name = f"{zones} zones a floor, {sensors} sensor{'s' if sensors > 1 else ''} a zone"
        rows.append(cells(name, mean([f1s(s) for s in scores])) + [f"{precision:.3f}", str(false)])
    table(HEAD, rows)


def hardship(b):
    print("## Hardship, on mall-xixi\n")
    day = b.day("mall-xixi")
    sensors = sorted({row["sensor"] for row in lines(f"{day}/survey.jsonl")})
    rows = []

    def row(name, day, *options, survey=True):
        s = b.score(day, *options, survey=survey)
        rows.append(cells(name, f1s(s), s))

    row("as it is", day)
    row("without learning", day, "--no-learning")
    row("without a survey", day, survey=False)
    row("without a survey, without learning", day, "--no-learning", survey=False)
    for share in (0.5, 0.25):
        dice = random.Random(1)
        kept = {}

        def thin(r):
            if r["kind"] == "receipt":
                return r
            key = (r["addr"], r["at"][:19])
            if key not in kept:
                kept[key] = dice.random() < share
            return r if kept[key] else None

        row(f"{share:.0%} of the emissions", b.changed(day, f"thin-{share}", thin))
    dead = sensors[len(sensors) // 2]
    silent = b.changed(day, "dead", lambda r: None if r.get("sensor") == dead else r)
    row("one sensor dead, and nobody says so", silent)
    fifth = set(sensors[::5])

    def louder(r):
        if r.get("sensor") in fifth and "rssi" in r:
            r["rssi"] = min(-1, r["rssi"] + 6)
        return r

    row("every fifth sensor 6 dB louder than in the survey", b.changed(day, "louder", louder))
    gone = set(sensors[::2])

    def without(text):
        blocks = text.split("\n[[")
        return "\n[[".join(x for x in blocks if not (x.startswith("sensor") and any(f'"{g}"' in x for g in gone)))

    def left(r):
        return None if r.get("sensor") in gone else r

    row("every second sensor never installed", b.changed(day, "half", left, left, without))
    table(HEAD, rows)


def owners(day):
    return {row["addr"]: row["visitor"] for row in lines(f"{day}/devices.jsonl")}


def said(b, day):
    """Visit events that stand, by visitor."""
    owner, all_events = owners(day), lines(b.events(day))
    retracted = {e["data"].get("retracts") for e in all_events}
    by = collections.defaultdict(list)
    for e in all_events:
        who = owner.get(e["data"].get("addr"))
        if ".visit." in e["type"] and e["id"] not in retracted and who:
            by[who].append(e)
    return by, all_events


def floors(b):
    print("## Floors: where visitors were said to be while they were on each, % of the time (mall-xixi)\n")
    day = b.day("mall-xixi")
    by, _ = said(b, day)
    truth = collections.defaultdict(list)
    for row in lines(f"{day}/truth.jsonl"):
        truth[row["visitor"]].append(row)
    confusion = collections.Counter()
    for who, rows in truth.items():
        steps = [(seconds(r["at"]), r.get("to") or r.get("floor")) for r in rows if r["event"] in ("arrived", "floor_changed")]
        left = [seconds(r["at"]) for r in rows if r["event"] == "exited"]
        told = [(seconds(e["time"]), e["data"]["floor"]) for e in by[who] if e["type"].endswith(("arrived", "floor_changed"))]
        if not left or not steps or not told:
            continue
        steps.sort(), told.sort()
        ground = min(f for _, f in steps if f) if any(f for _, f in steps) else None
        t = steps[0][0]
        while t < left[0]:
            true = [f for at, f in steps if at <= t][-1] or ground
            heard = [f for at, f in told if at <= t]
            confusion[true, heard[-1] if heard else "none"] += 1
            t += 10
    names = sorted({f for f, _ in confusion} | {f for _, f in confusion if f != "none"})
    rows = []
    for true in names:
        total = sum(n for (f, _), n in confusion.items() if f == true)
        rows.append([f"on {true}"] + [f"{100 * confusion[true, f] / max(total, 1):.1f}" for f in names + ["none"]])
    table(["", *(f"said {f}" for f in names), "not yet"], rows)


def exits(b):
    print("## Exits: taken back, and how late they are known (mall-xixi)\n")
    day = b.day("mall-xixi")
    all_events = lines(b.events(day))
    retracted = {e["data"].get("retracts") for e in all_events}
    out = [e for e in all_events if e["type"].endswith("visit.exited") and e["data"].get("reason") != "not_a_visitor"]
    wrong = [e for e in out if e["id"] in retracted]
    hours = sum(e["data"]["duration_s"] for e in out if e["id"] not in retracted) / 3600
    delays = sorted(seconds(e["data"]["detected_at"]) - seconds(e["time"]) for e in out if e["id"] not in retracted)
    at = lambda p: delays[int(p * (len(delays) - 1))]
    table(
        ["false exits per device-hour", "delay, median", "mean", "90th percentile"],
        [[f"{len(wrong) / hours:.2f}", f"{at(0.5):.0f} s", f"{sum(delays) / len(delays):.0f} s", f"{at(0.9):.0f} s"]],
    )


def confidence(b):
    print("## Confidence: what was said against what was right (mall-xixi, seeds 11–15)\n")
    pairs = collections.defaultdict(list)
    days = [b.day("mall-xixi")] + [b.day(f"seed-{s}", "--seed", str(s)) for s in range(11, 16)]
    for day in days:
        for kind, more in people.judged(day, lines(b.events(day)), owners(day)).items():
            pairs[kind] += more
    edges = [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.01]
    rows = []
    for kind, all_pairs in sorted(pairs.items()):
        row, error = [], 0.0
        for low, high in zip(edges, edges[1:]):
            some = [(c, r) for c, r in all_pairs if low <= c < high]
            if some:
                c, r = (sum(x) / len(some) for x in zip(*some))
                error += abs(c - r) * len(some) / len(all_pairs)
                row.append(f"{c:.2f}: {r:.2f} ({len(some)})")
            else:
                row.append("")
        rows.append([kind, f"{error:.3f}", *row])
    table(["event", "calibration error", *(f"{low}–{min(high, 1)}" for low, high in zip(edges, edges[1:]))], rows)


def identity(b):
    print("## Identity: which addresses are one device\n")
    rows = []
    for name in ("derand-lecture", "derand-pcap"):
        day, links = os.path.join(b.data, name), os.path.join(b.work, "links.jsonl")
        events = os.path.join(b.work, "events.jsonl")
        b.run("replay", "--site", f"{day}/site.toml", "--links", links, "--events", events, f"{day}/day.jsonl.gz")
        score = [sys.executable, os.path.join(b.eval, "derand.py"), "score", day, links]
        rows.append([name, subprocess.run(score, check=True, capture_output=True, text=True).stdout.strip()])
    table(["data", "score"], rows)


def flow_of(events, period="interval", scope="site"):
    """The first figures of each interval, by its start."""
    told = {}
    for e in events:
        d = e["data"]
        if e["type"] == "mall.flow.interval" and d["scope"] == scope and d["period"] == period and d["revision"] == 0:
            told[seconds(d["from"])] = d
    return told


def occupancy(b):
    print("## Occupancy of each five minutes, without a door counter\n")
    rows = []
    for name, options in (("mall-xixi", ()), ("seed-11", ("--seed", "11")), ("mall-xixi-rotating", ())):
        day = b.day(name, *options)
        came, left = {}, {}
        for row in lines(f"{day}/truth.jsonl"):
            if row["event"] in ("arrived", "exited"):
                (came if row["event"] == "arrived" else left)[row["visitor"]] = seconds(row["at"])
        errors, held = [], 0
        for start, d in flow_of(lines(b.events(day, True, "--k", "1"))).items():
            true = sum(max(0, min(start + 300, left.get(v, start + 300)) - max(start, t)) for v, t in came.items()) / 300
            if d["occupancy"]:
                errors.append(d["occupancy"]["estimate"] - true)
                held += d["occupancy"]["low"] <= true <= d["occupancy"]["high"]
        n = len(errors)
        rows.append([name, str(n), f"{sum(map(abs, errors)) / n:.2f}", f"{sum(errors) / n:+.2f}", f"{held / n:.0%}"])
    table(["day", "intervals", "mean absolute error, people", "bias", "in the 90 % interval"], rows)


def crowd(b):
    print("## Counting phones that cannot be followed: pieces of labelled captures laid over each other, 15 minutes\n")
    pool = people.pool(b.data)
    rows = []
    for n, days in ((20, 24), (50, 8), (100, 8)):
        errors, held = [], 0
        for seed in range(1, days + 1):
            day = people.overlay(pool, n, seed, os.path.join(b.work, "crowd"))
            events = os.path.join(b.work, "events.jsonl")
            site = os.path.join(b.data, "derand-pcap", "site.toml")
            b.run("replay", "--site", site, "--k", "1", "--events", events, day)
            last = max((start, d) for start, d in flow_of(lines(events)).items())[1]["occupancy"]
            errors.append((last["estimate"] - n) / n)
            held += last["low"] <= n <= last["high"]
        size = sum(map(abs, errors)) / days
        rows.append([str(n), str(days), f"{size:.1%}", f"{sum(errors) / days:+.1%}", f"{held} of {days}"])
    table(["phones", "overlays", "mean error", "bias", "in the 90 % interval"], rows)


def counter(b):
    print("## Occupancy of ten minutes, a week after a door counter taught it (probes-brno)\n")
    rows = []
    for positions in ("12", "1", "2"):
        room = people.room(b.data, positions, os.path.join(b.work, f"room-{positions}"))
        events = os.path.join(b.work, "events.jsonl")
        args = ["replay", "--site", f"{room}/site.toml", "--flow-interval", "10", "--k", "0", "--events", events]
        b.run(*args, f"{room}/first.jsonl.gz", f"{room}/second.jsonl.gz")
        told = flow_of(lines(events))
        errors, held = [], 0
        for start, true in people.room_truth(room):
            here = told[start]["occupancy"]
            errors.append(here["estimate"] - true)
            held += here["low"] <= true <= here["high"]
        n = len(errors)
        heard = "both positions" if positions == "12" else f"position {positions}"
        rows.append([heard, str(n), f"{sum(map(abs, errors)) / n:.2f}", f"{held / n:.0%}"])
    table(["heard at", "bins", "mean absolute error, people", "in the 90 % interval"], rows)


TABLES = [events, layouts, hardship, floors, exits, confidence, identity, occupancy, crowd, counter]

if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    wanted = sys.argv[3:] or [t.__name__ for t in TABLES]
    bench = Bench(sys.argv[1], sys.argv[2])
    for make in TABLES:
        if make.__name__ in wanted:
            make(bench)
            sys.stdout.flush()
