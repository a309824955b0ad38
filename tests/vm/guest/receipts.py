"""Tills that push receipts, with tokens and the broker's password as credentials: docs/install.md and docs/feeds.md."""
import json, os, urllib.request
from datetime import datetime, timedelta, timezone

import broker
from vm import DROP_INS, ETC, UNIT, active, check, read, say, sh, show, wait, write

TOKEN = "0123456789abcdef0123456789abcdef"
FEED = """
[[source]]
kind = "http"
listen = "127.0.0.1:8470"
token_file = "credential:till-tokens"

[receipts]
currency = "CNY"
"""
TILL = """
[[zone]]
id = "tea"
floor = "F1"
kind = "shop"
position = [20.0, 25.0]
neighbours = ["F1-hall"]

[[till]]
id = "till-1"
zone = "tea"
"""


def configures():
    """What init wrote, with a shop, its till and a feed added, as its comments and the pages say."""
    write("/root/mqtt-password", broker.PASSWORD + "\n", 0o600)
    write("/root/till-tokens", TOKEN + "\n", 0o600)
    for name in ("mqtt-password", "till-tokens"):
        sh(f"install -m 600 /root/{name} {ETC}/credentials/{name}")
    sh(f"mkdir -p {DROP_INS}; cp /usr/share/edge-agent/systemd/edge-agent-credentials.conf {DROP_INS}/credentials.conf")
    drop_in = read(f"{DROP_INS}/credentials.conf").replace("mqtt-key", "till-tokens")
    write(f"{DROP_INS}/credentials.conf", drop_in)
    agent = read(f"{ETC}/agent.toml").replace('"/etc/edge-agent/mqtt-password"', '"credential:mqtt-password"')
    write(f"{ETC}/agent.toml", agent + FEED)
    write(f"{ETC}/site.toml", read(f"{ETC}/site.toml") + TILL)
    os.remove(f"{ETC}/mqtt-password")
    said = sh("edge-agent check", must=False)
    check("with till and credentials check finds nothing wrong", "right (" in said and "wrong (" not in said,
          said if "wrong (" in said else "")
    sh(f"systemctl daemon-reload; systemctl restart {UNIT}")
    check("systemctl restart returns when it is ready", active())


def post(number):
    sold = datetime.now(timezone(timedelta(hours=8))) - timedelta(minutes=30)
    body = {"till": "till-1", "number": number, "at": sold.isoformat(timespec="seconds"), "amount_minor": 1200}
    request = urllib.request.Request("http://127.0.0.1:8470/v1/receipts", json.dumps(body).encode(),
                                     {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
    try:
        return urllib.request.urlopen(request, timeout=30).status
    except OSError as e:
        return str(e)


def first():
    wait("the broker is connected", 60, lambda: "broker connected" in show("StatusText"))
    answer = post("1")
    check("a receipt is taken in", answer == 200, str(answer))
    took = wait("the receipt's event is at the broker", 180, lambda: "1" in broker.numbers())
    say(f"receipt to its event at the broker {took or 0:.1f} s")
    check("the password is not readable by the service's user", os.stat(f"{ETC}/credentials").st_mode & 0o77 == 0)
    lines = [json.loads(line) for line in sh(f"journalctl -o json --no-pager -u {UNIT}").splitlines()]
    running = [line for line in lines if "is running" in str(line.get("MESSAGE"))]
    check("the journal has fields", bool(running) and running[-1].get("F_SESSION") is not None
          and running[-1].get("PRIORITY") is not None, str(running[-1:])[:300] if not running else "F_SESSION, PRIORITY")
