"""What figures.py needs of the truth: events judged one by one, phones laid over each other, a room and its people."""
import collections
import gzip
import json
import os
import random
from datetime import datetime, timedelta, timezone


def seconds(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def stamp(t):
    return datetime.fromtimestamp(t, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def judged(day, events, owner):
    """By kind of event: confidence, and whether it was right, by the tolerances of score.py."""
    truth = collections.defaultdict(list)
    with open(f"{day}/truth.jsonl") as f:
        for row in map(json.loads, f):
            truth[row.get("visitor"), row["event"]].append(row)
    retracted = {e["data"].get("retracts") for e in events}
    used, out = collections.defaultdict(set), collections.defaultdict(list)
    for e in sorted(events, key=lambda e: e["time"]):
        if ".visit." not in e["type"] or e["id"] in retracted:
            continue
        kind, data, t = e["type"].split(".visit.")[1], e["data"], seconds(e["time"])
        who = owner.get(data.get("addr"))

        def best(of, far):
            found = [(far(r), i) for i, r in enumerate(truth[who, of]) if i not in used[who, kind]]
            found = [x for x in found if x[0] is not None]
            if found:
                used[who, kind].add(min(found)[1])
            return bool(found)

        def within(tolerance):
            return lambda r: abs(t - seconds(r["at"])) if abs(t - seconds(r["at"])) <= tolerance else None

        def same_stay(r):
            if r["zone"] != data["zone"]:
                return None
            a, b = (seconds(data["started_at"]), t), (seconds(r["at"]), seconds(r["until"]))
            both, either = min(a[1], b[1]) - max(a[0], b[0]), max(a[1], b[1]) - min(a[0], b[0])
            return 1 - both / either if both / either >= 0.5 else None

        def begun(r):
            inside = seconds(r["at"]) - 60 <= t <= seconds(r["until"]) + 60
            return 0 if r["zone"] == data["zone"] and inside else None

        rules = {
            "arrived": lambda: best("arrived", within(60)),
            "passed_by": lambda: best("passed_by", within(60)),
            "exited": lambda: best("exited", within(120)),
            "floor_changed": lambda: best("floor_changed", lambda r: within(90)(r) if r["to"] == data["floor"] else None),
            "dwell_ended": lambda: best("dwell", same_stay),
            "dwell_started": lambda: best("dwell", begun),
            "bag_carried": lambda: best("bag_carried", lambda r: 0 if r["receipt"] == data["receipt"]["number"] else None),
            "approached": lambda: who is not None and who[0] in "vp",
        }
        if kind in rules:
            out[kind].append((data["confidence"], rules[kind]()))
    return out


def pool(data):
    """The labelled phones of both captures, each once: frames in order of time."""
    phones = []
    for name in ("derand-lecture", "derand-pcap"):
        with open(f"{data}/{name}/devices.jsonl") as f:
            label = {row["addr"]: row["visitor"] for row in map(json.loads, f)}
        frames = collections.defaultdict(list)
        with gzip.open(f"{data}/{name}/day.jsonl.gz", "rt") as f:
            for row in map(json.loads, f):
                if row.get("addr") in label:
                    row["t"] = seconds(row["at"])
                    frames[label[row["addr"]]].append(row)
        for phone, rows in sorted(frames.items()):
            # Two are in both captures, one was probing once an hour.
            if phone.startswith("iPhoneXR") or name.endswith("lecture") and phone.startswith(("iPhone11-C", "S21Ultra")):
                continue
            phones.append(sorted(rows, key=lambda r: r["t"]))
    return phones


OPENING = 1763690400.0


def overlay(phones, n, seed, out, length=900.0):
    """A log of n phones that are all there for `length` seconds, each under addresses of its own."""
    dice, rows = random.Random(seed), []
    for _ in range(n):
        frames = dice.choice(phones)
        span = frames[-1]["t"] - frames[0]["t"]
        offset = dice.uniform(0, span) + frames[0]["t"]
        louder, later, names = dice.gauss(0, 7), dice.randrange(4096), {}
        base = -55 if "rssi" not in frames[0] else None
        for lap in range(20):
            for f in frames:
                t = f["t"] + lap * (span + 30) - offset
                if not 0 <= t < length:
                    continue
                key = (f["addr"], lap)
                if key not in names:
                    first = f["addr"][:2] if int(f["addr"][:2], 16) & 2 else f["addr"][:8]
                    rest = 5 if len(first) == 2 else 3
                    names[key] = ":".join([first, *("%02x" % dice.randrange(256) for _ in range(rest))])
                row = {k: f[k] for k in ("kind", "sensor", "frame", "channel", "length", "ies") if k in f}
                strength = f["rssi"] if base is None else base + dice.gauss(0, 4)
                row.update(at=stamp(OPENING + t), addr=names[key], rssi=int(max(-92, min(-20, strength + louder))))
                if "seq" in f:
                    row["seq"] = (f["seq"] + later) % 4096
                rows.append((t, row))
    os.makedirs(out, exist_ok=True)
    return write(f"{out}/{n}-{seed}.jsonl.gz", rows)


def write(path, rows):
    rows.sort(key=lambda r: r[0])
    with gzip.open(path, "wt") as f:
        for _, row in rows:
            f.write(json.dumps(row) + "\n")
    return path


DAYS = {"first": "2024-02-08", "second": "2024-02-15"}


def room(data, positions, out):
    """Both days of the room as logs; on the first a counter says every half minute how many are inside."""
    os.makedirs(out, exist_ok=True)
    sensors = "".join(f'[[sensor]]\nid = "s{p}"\nzone = "hall"\nposition = [{p}.0, 0.0]\n' for p in positions)
    with open(f"{out}/site.toml", "w") as f:
        f.write('[site]\nid = "room"\ntimezone = "Europe/Prague"\n[[floor]]\nid = "F1"\nlevel = 0\n[[zone]]\n')
        f.write('id = "hall"\nfloor = "F1"\nkind = "concourse"\nposition = [0.0, 0.0]\nneighbours = []\n' + sensors)
    for name, date in DAYS.items():
        rows, inside = [], collections.defaultdict(list)
        for p in positions:
            with gzip.open(f"{data}/probes-brno/{date}_position_{p}.csv.gz", "rt") as f:
                head = f.readline().strip().split(";")
                for line in f:
                    r = dict(zip(head, line.strip().split(";")))
                    # Local time, an hour ahead of UTC in February.
                    t = datetime.fromisoformat(r["datetime"]).replace(tzinfo=timezone(timedelta(hours=1))).timestamp()
                    sighting = {"at": stamp(t), "kind": "wifi", "sensor": f"s{p}", "addr": r["src"]}
                    rows.append((t, {**sighting, "rssi": int(r["rssi"]), "seq": int(r["seq_num"])}))
                    if r["occupancy"] != "nan":
                        inside[t].append(float(r["occupancy"]))
        if name == "first":
            halves = {int(t // 30): (t, people[0]) for t, people in sorted(inside.items(), reverse=True)}
            for t, people in halves.values():
                rows.append((t, {"at": stamp(t), "kind": "count", "inside": round(people)}))
        else:
            with open(f"{out}/truth.json", "w") as f:
                bins = collections.defaultdict(list)
                for t, people in inside.items():
                    bins[t // 600 * 600] += people
                json.dump({t: sum(n) / len(n) for t, n in bins.items()}, f)
        write(f"{out}/{name}.jsonl.gz", rows)
    return out


def room_truth(out):
    with open(f"{out}/truth.json") as f:
        return [(float(t), n) for t, n in sorted(json.load(f).items())]
