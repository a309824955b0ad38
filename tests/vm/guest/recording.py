"""A recording as the source: a visit from the doors to the way out, and an end that is no failure."""
import json
from datetime import datetime, timedelta, timezone

import broker
from vm import ETC, UNIT, check, read, sh, show, wait, write

PHONE = "3c:22:fb:dd:ee:ff"
SOURCE = """
[[source]]
kind = "replay"
paths = ["/var/lib/edge-agent/day.jsonl"]
speed = 0
"""


def day():
    """A phone at the door for a minute, in the hall for ten, and away."""
    start = datetime.now(timezone.utc) - timedelta(hours=2)
    lines = []
    for n in range(66):
        at = start + timedelta(seconds=10 * n)
        near, far = ("F1-S01", "F1-S02") if n < 6 else ("F1-S02", "F1-S01")
        for sensor, rssi in [(near, -45 - n % 3), (far, -80 - n % 4)]:
            lines.append({"at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "kind": "wifi",
                          "sensor": sensor, "addr": PHONE, "rssi": rssi, "channel": 6, "seq": n,
                          "frame": "probe_request"})
    write("/var/lib/edge-agent/day.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def plays():
    sh(f"systemctl stop {UNIT}")
    day()
    heard, text = len(broker.events()), read(f"{ETC}/agent.toml")
    write(f"{ETC}/agent.toml", text.split("# What it hears with")[0] + SOURCE)
    sh(f"systemctl start {UNIT}", must=False)
    wait("the recording is over", 120, lambda: show("ActiveState") == "inactive")
    check("a recording that is over ends well, and is not begun again", show("Result") == "success" and show("NRestarts") == "0")

    def kinds():
        return {e["type"] for e in broker.events()[heard:] if "type" in e}
    wait("its visit is at the broker", 30, lambda: "mall.visit.exited" in kinds())
    check("visit events of a phone", {"mall.visit.approached", "mall.visit.arrived", "mall.visit.exited"} <= kinds(),
          ", ".join(sorted(kinds())))
    everything = read(broker.HEARD) + sh("journalctl --no-pager -o export")
    check("the phone's address is in no event and not in the journal", PHONE not in everything.lower())
    write(f"{ETC}/agent.toml", text)
    sh(f"systemctl start {UNIT}")
