#!/usr/bin/env python3
"""How the daemon keeps up with a radio: frames from a TAP device of link type radiotap, at a rate, for a time.

    capture_figures.py EDGE_AGENT [FRAMES_PER_SECOND [SECONDS [PHONES]]]        as root; needs mosquitto and its clients

Prints what was sent, what passed the kernel's filter, what the kernel and the queue dropped, processor and memory.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

from one_door import SITE, frame

TUNSETIFF, TUNSETLINK, SIOCSIFFLAGS = 0x400454CA, 0x400454CD, 0x8914
IFF_TAP, IFF_NO_PI, IFF_UP, RADIOTAP = 2, 0x1000, 1, 803
NAME, PORT = "airfig0", 18831
SEQUENCE_AT = 13 + 22


def tap():
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", NAME.encode(), IFF_TAP | IFF_NO_PI))
    fcntl.ioctl(device, TUNSETLINK, RADIOTAP)
    fcntl.ioctl(socket.socket(), SIOCSIFFLAGS, struct.pack("16sH22x", NAME.encode(), IFF_UP))
    return device


def ready(command, folder):
    """Starts the daemon; gives it back when it says that it is ready, however slow the machine is."""
    address = f"{folder}/notify"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(address)
    manager.settimeout(120)
    daemon = subprocess.Popen(command, env={**os.environ, "NOTIFY_SOCKET": address})
    while manager.recv(4096) != b"READY=1":
        pass
    return daemon


def processor(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    return next(int(line.split()[1]) / 1024 for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS"))


def main():
    agent, (rate, seconds, phones) = sys.argv[1], [int(x) for x in sys.argv[2:] + ["20000", "30", "2000"][len(sys.argv) - 2 :]]
    folder, device = tempfile.mkdtemp(), tap()
    broker = subprocess.Popen(["mosquitto", "-p", str(PORT)], stderr=subprocess.DEVNULL)
    open(f"{folder}/site.toml", "w").write(SITE)
    open(f"{folder}/agent.toml", "w").write(
        f'gateway = "g"\nmqtt.host = "127.0.0.1"\nmqtt.port = {PORT}\nstore.dir = "store"\nprivacy.key_file = "key"\n'
        f'log.level = "error"\n[[source]]\nkind = "wifi"\nsensor = "S1"\ninterface = "{NAME}"\n'
    )
    time.sleep(1)
    daemon = ready([agent, "run", "--config", f"{folder}/agent.toml"], folder)
    time.sleep(2)
    # Only the sequence number changes: a slow machine is to spend its time on hearing, not on making frames.
    frames = [bytearray(frame(phone, 0)) for phone in range(phones)]
    idle = processor(daemon.pid)
    begun, sent = time.monotonic(), 0
    while (now := time.monotonic() - begun) < seconds:
        while sent < now * rate:
            data = frames[sent * 7919 % phones]
            struct.pack_into("<H", data, SEQUENCE_AT, (sent // phones & 0xFFF) << 4)
            os.write(device, data)
            sent += 1
        time.sleep(0.001)
    took, used, held = time.monotonic() - begun, processor(daemon.pid) - idle, memory(daemon.pid)
    listen = ["mosquitto_sub", "-p", str(PORT), "-t", "mall/v1/m/gateway/g/health", "-R", "-C", "1", "-W", "150"]
    health = json.loads(subprocess.run(listen, capture_output=True, check=True).stdout)
    daemon.terminate()
    daemon.wait(120)
    broker.terminate()
    ear = next(iter(health["ears"].values()))
    detail = ear["detail"]
    print(f"sent {sent} frames of {phones} phones in {took:.1f} s: {sent / took:.0f}/s")
    print(f"passed the filter {detail['passed']}, dropped by the kernel {detail['dropped_by_kernel']}, by the queue {ear['dropped']}")
    print(f"heard {ear['heard']}: lost {100 * (1 - ear['heard'] / sent):.2f} %")
    print(f"processor {100 * used / took:.0f} % of a core, memory {held:.0f} MiB RSS")


if __name__ == "__main__":
    main()
