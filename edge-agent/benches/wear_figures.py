#!/usr/bin/env python3
"""What a live daemon writes to the device under its store: events from phones on a TAP radio, a file system of its own.

    wear_figures.py EDGE_AGENT [PHONES_PER_SECOND [SECONDS [LINGER_MS]]]        as root; needs mosquitto and its clients

Every phone is heard four times in half a minute and is gone. After some minutes of that, which are not counted, prints
messages at a subscriber, and writes and bytes by the counters of the block device. As long as the store's file grows the file
system's journal is written with every commit; a gateway's stopped growing long ago.
"""

import os
import subprocess
import sys
import tempfile
import time

from capture_figures import NAME, PORT, ready, tap
from one_door import SITE, frame

HEARD, EVERY_S = 4, 10
UNCOUNTED_S = 200


def written(device):
    """Writes and bytes since the device is there (Documentation/block/stat.rst of Linux)."""
    fields = open(f"/sys/block/{device}/stat").read().split()
    return int(fields[4]), int(fields[6]) * 512


def main():
    agent, (rate, seconds, linger) = sys.argv[1], [int(x) for x in sys.argv[2:] + ["14", "60", "20"][len(sys.argv) - 2 :]]
    folder, radio = tempfile.mkdtemp(), tap()
    image, store, topics = f"{folder}/image", f"{folder}/disk", f"{folder}/topics"
    os.mkdir(store)
    subprocess.run(["truncate", "-s", "2G", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop,noatime", image, store], check=True)
    device = os.path.basename(subprocess.check_output(["findmnt", "-no", "SOURCE", store], text=True).strip())
    broker = subprocess.Popen(["mosquitto", "-p", str(PORT)], stderr=subprocess.DEVNULL)
    open(f"{folder}/site.toml", "w").write(SITE)
    open(f"{folder}/agent.toml", "w").write(
        f'gateway = "g"\nmqtt.host = "127.0.0.1"\nmqtt.port = {PORT}\nstore.dir = "{store}/store"\nstore.linger_ms = {linger}\n'
        f'privacy.key_file = "key"\nlog.level = "error"\n[[source]]\nkind = "wifi"\nsensor = "S1"\ninterface = "{NAME}"\n'
    )
    time.sleep(1)
    daemon = ready([agent, "run", "--config", f"{folder}/agent.toml"], folder)
    listener = subprocess.Popen(
        ["mosquitto_sub", "-p", str(PORT), "-t", "mall/v1/m/visit/#", "-R", "-F", "%t"], stdout=open(topics, "w"))
    time.sleep(2)
    sent = 0

    def phones(length):
        nonlocal sent
        begun, before = time.monotonic(), sent
        while (now := time.monotonic() - begun) < length:
            while sent - before < now * rate * HEARD:
                time_heard = sent % HEARD
                phone = max(0, sent // HEARD - time_heard * EVERY_S * rate)
                os.write(radio, frame(phone, time_heard * 5 + phone * 7))
                sent += 1
            time.sleep(0.002)

    def state():
        subprocess.run(["sync", "-f", store], check=True)
        return written(device), sum(1 for _ in open(topics))

    phones(UNCOUNTED_S)
    (writes, size), events = state()
    phones(seconds)
    (writes_then, size_then), events_then = state()
    for process in daemon, broker, listener:
        process.terminate()
        process.wait(120)
    subprocess.run(["umount", store], check=True)
    a_second, events_a_second = (size_then - size) / seconds, (events_then - events) / seconds
    print(f"{events_a_second:.1f} events/s: {a_second / 1e3:.0f} kB/s in {(writes_then - writes) / seconds:.1f} writes/s; "
          f"{a_second / max(events_a_second, 1e-9):.0f} B an event, {a_second * 43200 / 1e9:.1f} GB in 12 h")


main()
