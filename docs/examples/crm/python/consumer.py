#!/usr/bin/env python3
"""A consumer of edge-agent's events: every event counted once, whatever the network does.

    pip install -r requirements.txt
    python3 consumer.py --host broker.example --site joy --state consumer.db

How it stays right (docs/crm-integration.md says why):

- a persistent session and QoS 1: the broker keeps what is published while we are away;
- a message is acknowledged only once it is on our disk, so a crash loses nothing;
- an event whose id is known is dropped: delivery is at least once, the id makes it once;
- events are kept as they came, and visits are worked out of them: by `seq`, not by order of arrival, and without those
  that a later event retracts. So it does not matter in which order anything comes.
"""
import argparse
import json
import queue
import sqlite3
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

SESSION = 7 * 86_400  # seconds the broker shall keep our session
TOPICS = ("visit/+", "receipt/+", "flow/#", "privacy/+")


class Store:
    """Events on disk, each once."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, visit TEXT, body TEXT)")
        self.db.execute("CREATE TABLE IF NOT EXISTS erased (visit TEXT PRIMARY KEY)")
        self.duplicates = 0

    def take(self, event):
        """Adds an event to the open transaction, unless it is known."""
        data = event["data"]
        visit = data.get("visit_id")
        if self.db.execute("SELECT 1 FROM erased WHERE visit = ?", (visit,)).fetchone():
            return
        known = self.db.execute("SELECT 1 FROM event WHERE id = ?", (event["id"],)).fetchone()
        if known:
            self.duplicates += 1
            return
        self.db.execute("INSERT INTO event VALUES (?, ?, ?)", (event["id"], visit, json.dumps(event)))
        if event["type"] == "mall.privacy.erased":
            self.erase(data["visits"], data.get("member"))

    def erase(self, visits, member):
        """Somebody's data have to go: all of their visits, and their token wherever it stands."""
        for visit in visits:
            self.db.execute("INSERT OR IGNORE INTO erased VALUES (?)", (visit,))
            self.db.execute("DELETE FROM event WHERE visit = ?", (visit,))
        for id_, body in self.db.execute("SELECT id, body FROM event WHERE body LIKE '%attribution%'").fetchall():
            event = json.loads(body)
            data = event["data"]
            if data["attribution"]["visit_id"] in visits:
                data["attribution"]["visit_id"] = None
            if member and data.get("member") == member:
                data["member"] = None
            self.db.execute("UPDATE event SET body = ? WHERE id = ?", (json.dumps(event), id_))
        if member:
            self.db.execute("DELETE FROM event WHERE json_extract(body, '$.data.member') = ?", (member,))

    def events(self):
        return [json.loads(body) for (body,) in self.db.execute("SELECT body FROM event")]


def table(events):
    """What the events say, all together: a row for each visit, and totals."""
    data_of = {e["id"]: e["data"] for e in events}
    kind_of = {e["id"]: e["type"].removeprefix("mall.") for e in events}

    # A revision of a receipt replaces the one before it.
    receipts = [i for i in data_of if kind_of[i] == "receipt.recorded"]
    replaced = {data_of[i]["replaces"] for i in receipts} - {None}
    receipts = [i for i in receipts if i not in replaced]

    # Withdrawn: exits by `visit.resumed`, arrivals by an exit of staff, bags by a refund that stands.
    retracted = {data_of[i]["retracts"] for i in receipts if data_of[i]["retracts"]}
    for i, data in data_of.items():
        if kind_of[i].startswith("visit.") and data.get("retracts"):
            retracted.add(data["retracts"])

    # Visits that turned out to be one.
    into = {}
    for i, data in data_of.items():
        if kind_of[i] == "visit.merged":
            into.update({v: data["into"] for v in data["merged"] if v != data["into"]})

    def survivor(visit):
        seen = set()
        while visit in into and visit not in seen:
            seen.add(visit)
            visit = into[visit]
        return visit

    visits = {}
    for e in events:
        if e["type"].startswith("mall.visit."):
            visits.setdefault(e["data"]["visit_id"], []).append(e)
    rows = {}
    for visit, of_visit in visits.items():
        owner = survivor(visit)
        row = rows.setdefault(owner, {
            "visit": owner, "state": "approached", "arrived_at": None, "left_at": None, "climbs": 0,
            "dwells": 0, "dwell_ms": 0, "bags": 0, "bag_minor": 0, "members": [], "parts": 0,
        })
        row["parts"] += 1
        for e in sorted(of_visit, key=lambda e: e["data"]["seq"]):
            apply(row, e, visit == owner, e["id"] in retracted)
    sales = [data_of[i] for i in receipts if data_of[i]["type"] == "sale"]
    back = [data_of[i] for i in receipts if data_of[i]["type"] != "sale"]
    amount = lambda some: sum(r["amount_minor"] or 0 for r in some)
    flow = {}
    for i, data in data_of.items():
        if kind_of[i] == "flow.interval":
            key = (data["scope"], data["id"], data["period"], data["from"])
            if key not in flow or flow[key]["revision"] < data["revision"]:
                flow[key] = data
    totals = {
        "events": len(events), "visits": len(rows), "receipts": len(receipts), "sales": len(sales),
        "net_minor": amount(sales) - amount(back), "flow": len(flow),
        "came_in": sum(f["footfall"] or 0 for f in flow.values()),
    }
    return [rows[visit] for visit in sorted(rows)], totals


def apply(row, event, is_owner, is_retracted):
    """What one event, in the order of `seq`, changes of its visit."""
    data, kind = event["data"], event["type"].removeprefix("mall.visit.")
    if kind == "exited" and data["reason"] == "not_a_visitor":
        row["state"] = "withdrawn"
    elif is_retracted:
        pass  # as if it had never been said
    elif kind == "passed_by":
        if row["state"] == "approached":
            row["state"] = "passed_by"
    elif kind == "arrived":
        if row["state"] in ("approached", "passed_by"):
            row["state"] = "inside"
        if row["arrived_at"] is None or event["time"] < row["arrived_at"]:
            row["arrived_at"] = event["time"]
    elif kind == "exited" and is_owner:
        row["left_at"] = event["time"]
        if row["state"] != "withdrawn":
            row["state"] = "left"
    elif kind == "floor_changed":
        row["climbs"] += 1
    elif kind == "dwell_ended":
        row["dwells"] += 1
        row["dwell_ms"] += round(data["duration_s"] * 1000)
    elif kind == "bag_carried":
        row["bags"] += 1
        row["bag_minor"] += data["receipt"]["amount_minor"] or 0
    elif kind == "linked":
        # A visit can be that of a party: each member of it is told by an event of their own.
        row["members"] = sorted({*row["members"], data["member"]})


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--host", default="localhost")
    args.add_argument("--port", type=int, default=1883)
    args.add_argument("--prefix", default="mall/v1")
    args.add_argument("--site", required=True)
    args.add_argument("--client-id", default="crm-python", help="the name of our session: always the same")
    args.add_argument("--state", default="consumer.db")
    args.add_argument("--username")
    args.add_argument("--password-file")
    args.add_argument("--ca", help="PEM file: speak TLS")
    args.add_argument("--idle", type=float, help="print the table and end after so many seconds of silence")
    args = args.parse_args()

    store = Store(args.state)
    inbox = queue.Queue(maxsize=10_000)
    # Manual acknowledgement: PUBACK goes out when we say so, not when the message came in.
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, args.client_id, protocol=mqtt.MQTTv5, manual_ack=True)
    if args.username:
        password = open(args.password_file).readline().rstrip("\n") if args.password_file else None
        client.username_pw_set(args.username, password)
    if args.ca:
        client.tls_set(args.ca)

    def connected(client, _data, _flags, reason, _properties):
        if reason.is_failure:
            print(f"refused: {reason}", file=sys.stderr, flush=True)
            return
        # Each time: a broker that has lost our session has lost our subscriptions with it.
        client.subscribe([(f"{args.prefix}/{args.site}/{topic}", 1) for topic in TOPICS])

    client.on_connect = connected
    client.on_subscribe = lambda *_: print("listening", file=sys.stderr, flush=True)
    client.on_message = lambda _client, _data, message: inbox.put(message)
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = SESSION
    session.ReceiveMaximum = 100
    client.connect(args.host, args.port, clean_start=False, properties=session)
    client.loop_start()

    last = time.monotonic()
    while args.idle is None or time.monotonic() - last < args.idle:
        try:
            batch = [inbox.get(timeout=0.2)]
        except queue.Empty:
            continue
        while len(batch) < 200 and not inbox.empty():
            batch.append(inbox.get_nowait())
        for message in batch:
            try:
                event = json.loads(message.payload)
                event["id"], event["type"], event["data"]
            except (ValueError, KeyError, TypeError) as error:
                # Unacknowledged it would come again for ever, and nothing after it.
                print(f"not an event on {message.topic}: {error}", file=sys.stderr)
                continue
            store.take(event)
        store.db.commit()
        for message in batch:
            client.ack(message.mid, message.qos)
        last = time.monotonic()
    client.disconnect()
    client.loop_stop()
    rows, totals = table(store.events())
    for row in rows:
        print(json.dumps(row))
    print(json.dumps({"totals": totals}))
    print(f"duplicates dropped: {store.duplicates}", file=sys.stderr)


if __name__ == "__main__":
    main()
