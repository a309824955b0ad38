#!/usr/bin/env python3
"""How fast this machine is, in the program's own work, to compare machines: a recording through `edge-agent replay`.

    machine_figures.py EDGE_AGENT [FRAMES [PHONES]]

Makes a capture (the same bytes every time), plays it three times as fast as it goes, and prints the fastest.
"""
import os
import struct
import subprocess
import sys
import tempfile
import time

from one_door import SITE, frame

RADIOTAP_LINK = 127
BEGIN = 1_760_000_000


def capture(path, frames, phones):
    """Every phone once in 30 s."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RADIOTAP_LINK))
        for n in range(frames):
            at = n * 30_000_000 // phones
            data = frame(n * 7919 % phones, n // phones)
            file.write(struct.pack("<IIII", BEGIN + at // 1_000_000, at % 1_000_000, len(data), len(data)) + data)


def main():
    agent, (frames, phones) = sys.argv[1], [int(x) for x in sys.argv[2:] + ["200000", "2000"][len(sys.argv) - 2 :]]
    with tempfile.TemporaryDirectory() as folder:
        site, recording = f"{folder}/site.toml", f"{folder}/crowd.pcap"
        with open(site, "w") as file:
            file.write(SITE)
        capture(recording, frames, phones)
        command = [agent, "replay", "--site", site, "--sensor", "S1", recording, "--events", os.devnull]
        times = []
        for _ in range(3):
            began = time.monotonic()
            subprocess.run(command, check=True, capture_output=True)
            times.append(time.monotonic() - began)
    print(f"replay of {frames} frames of {phones} phones: {frames / min(times):.0f} frames/s ({min(times):.2f} s)")


main()
