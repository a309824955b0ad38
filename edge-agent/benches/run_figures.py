#!/usr/bin/env python3
"""What `edge-agent run` costs: start-up, latency to the broker, processor and memory.

    run_figures.py AGENT CAPTURE SECONDS [SPEED]

Starts mosquitto (which must be installed, with mosquitto_sub) on the loopback interface and AGENT with an empty store,
plays CAPTURE (pcap, little-endian, as the example `crowd` writes it) with the built-in site map at SPEED (1) for
SECONDS, and prints:

  connected    from the start of the process to its birth message at a subscriber
  latency      per event, from the moment the engine may decide it (its `detected_at` plus the reordering time of 1 s,
               on the recording's clock) to its arrival at a subscriber. The recording's clock starts after the line
               "is running" is logged, so that figures err on the high side, by a millisecond or so.
  processor    user + system time of the agent over elapsed time
  memory       resident set of the agent: largest, and at the end
"""

import datetime
import json
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
REORDER_S = 1.0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def first_record(capture):
    with open(capture, "rb") as f:
        f.seek(24)
        seconds, micros = struct.unpack("<II", f.read(8))
    return seconds + micros / 1e6


def unix(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def quantile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))]


def memory(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024 for name in ("VmHWM", "VmRSS")]


def processor(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main(agent, capture, seconds, speed=1.0):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-figures-"))
    port = free_port()
    (folder / "broker.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\nmax_queued_messages 0\n"
    )
    (folder / "site.toml").write_text((HERE / "../src/demo/site.toml").read_text())
    sensor = re.search(r'\[\[sensor\]\]\s+id = "([^"]+)"', (folder / "site.toml").read_text())[1]
    (folder / "agent.toml").write_text(
        f"""site_map = "site.toml"
gateway = "figures"
[store]
dir = "store"
checkpoint_s = 3600
[[source]]
kind = "replay"
paths = [{json.dumps(str(pathlib.Path(capture).resolve()))}]
sensor = "{sensor}"
speed = {speed}
[mqtt]
host = "127.0.0.1"
port = {port}
[privacy]
mode = "pseudonymous"
key_file = "key"
"""
    )
    broker = subprocess.Popen(["mosquitto", "-c", folder / "broker.conf"], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    heard = open(folder / "heard", "w+")
    subscriber = subprocess.Popen(
        ["mosquitto_sub", "-p", str(port), "-q", "0", "-t", "mall/#", "-F", "%U %t %p"], stdout=heard
    )
    time.sleep(0.5)
    log = open(folder / "log", "w+")
    spawned = time.time()
    running = subprocess.Popen([agent, "run", "--config", folder / "agent.toml"], stderr=log)
    try:
        time.sleep(2)
        before, since = processor(running.pid), time.time()
        time.sleep(seconds - 2)
        busy = (processor(running.pid) - before) / (time.time() - since)
        largest, now = memory(running.pid)
    finally:
        running.terminate()
        running.wait()
        subscriber.terminate()
        subscriber.wait()
        broker.terminate()
        broker.wait()

    text = (folder / "log").read_text()
    started = unix(re.search(r"(\d{4}-\d\d-\d\dT[\d:.]+Z).* is running", text)[1])
    epoch = first_record(capture)
    connected, delays = None, []
    for line in (folder / "heard").read_text().splitlines():
        at, topic, payload = line.split(" ", 2)
        if topic.endswith("/status"):
            connected = connected or float(at) - spawned
        elif "/gateway/" not in topic:
            data = json.loads(payload)["data"]
            if "detected_at" in data:
                due = started + (unix(data["detected_at"]) + REORDER_S - epoch) / speed
                delays.append((float(at) - due) * 1000)
    print(f"connected    {connected * 1000:.0f} ms" if connected else "connected    never")
    if delays:
        # What is decided when the agent is stopped was not waited for.
        delays = [d for d in delays if d > 0]
        print(
            f"latency      p50 {quantile(delays, 0.5):.1f}  p99 {quantile(delays, 0.99):.1f}  "
            f"max {max(delays):.1f} ms of {len(delays)} events"
        )
    print(f"processor    {busy * 100:.2f} %")
    print(f"memory       largest {largest:.1f}, at the end {now:.1f} MiB RSS")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), *map(float, sys.argv[4:]))
