#!/usr/bin/env python3
"""How many visits are linked to the right member: `members.py BINARY DAY [--calibration FILE]`.

DAY is a folder with site.toml, day.jsonl.gz and truth.jsonl. Each true buyer becomes a member who agreed, and shows the card
with every purchase; the daemon replays the day in consented mode without a broker, and its outbox is read. A link is right
when the visit came within a minute of when that buyer did.
"""
import collections, gzip, hashlib, hmac, json, pathlib, subprocess, sys, tempfile
from datetime import datetime

binary, day = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
calibration = pathlib.Path(sys.argv[4]).resolve() if "--calibration" in sys.argv else None
seconds = lambda text: datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()

buyer, came = {}, {}
for fact in map(json.loads, open(day / "truth.jsonl")):
    if fact["event"] == "bag_carried":
        buyer[fact["receipt"]] = fact["visitor"]
    if fact["event"] in ("arrived", "approached"):
        came.setdefault(fact["visitor"], seconds(fact["at"]))

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    with gzip.open(folder / "day.jsonl.gz", "wt") as out:
        for line in gzip.open(day / "day.jsonl.gz", "rt"):
            if '"receipt"' in line:
                row = json.loads(line)
                row["member"] = buyer.get(row.get("number"))
                line = json.dumps({k: v for k, v in row.items() if v is not None}) + "\n"
            out.write(line)
    members = sorted(set(buyer.values()))
    (folder / "consent.txt").write_text("\n".join(members) + "\n")
    inference = f'[inference]\ncalibration = "{calibration}"\n' if calibration else ""
    (folder / "agent.toml").write_text(
        f'gateway = "g"\nsite_map = "{day}/site.toml"\n'
        '[[source]]\nkind = "replay"\npaths = ["day.jsonl.gz"]\nspeed = 0\n'
        '[mqtt]\nhost = "127.0.0.1"\nport = 1\n[store]\ndir = "store"\n'
        f'[privacy]\nmode = "consented"\nconsent_list = "consent.txt"\nttl_h = 720\n{inference}'
    )
    agent = subprocess.Popen([binary, "run", "--config", "agent.toml"], cwd=folder, stderr=subprocess.PIPE, text=True)
    for line in agent.stderr:
        if "the source has ended" in line:
            break
    agent.terminate()
    agent.communicate()
    peek = [binary, "outbox", "peek", "--store", folder / "store", "-n", "10000000"]
    events = [json.loads(line) for line in subprocess.check_output(peek, text=True).splitlines()]
    key = subprocess.check_output([binary, "privacy", "member-key", "--config", folder / "agent.toml"], text=True)

key = bytes.fromhex(key.split()[-1])
of = {hmac.new(key, m.encode(), hashlib.sha256).hexdigest()[:32]: m for m in members}
began, links = {}, collections.Counter()
for event in events:
    data = event["data"]
    if event["type"] in ("mall.visit.arrived", "mall.visit.approached"):
        began.setdefault(data["visit_id"], seconds(event["time"]))
    if event["type"] == "mall.visit.linked":
        right = abs(began.get(data["visit_id"], 0) - came[of[data["member"]]]) < 60
        links[data["evidence"], "right" if right else "wrong"] += 1
print(f"{len(members)} members, {sum(n > 1 for n in collections.Counter(buyer.values()).values())} bought more than once")
for (evidence, how), n in sorted(links.items()):
    print(f"{evidence}: {n} {how}")
