#!/usr/bin/env python3
"""A Bluetooth LE controller on /dev/vhci that hears what a file says, over and over.

A line of the file: seconds to wait, address, dBm, advertising data in hexadecimal; it is read again when it changes. It obeys
nothing but the scan being on or off: it reports every advertisement, duplicates too, unless --filter-duplicates makes it obey
that setting, as chips do. With --log FILE it writes down how it is told to scan: seconds, on or off, passive or active, the
share of the time, the filter on or off.
Bluetooth Core 5.4, vol 4 part E: commands and events by their opcodes.
"""

import os
import select
import struct
import sys
import time

EVENT, COMMAND = 4, 1
COMPLETE, STATUS, META = 0x0E, 0x0F, 0x3E
SET_SCAN_PARAMETERS, SET_SCAN_ENABLE = 0x200B, 0x200C
NONCONN = 3


def address(text):
    return bytes(int(byte, 16) for byte in reversed(text.split(":")))


def supported():
    bits = bytearray(64)
    for octet, bit in [(5, 6), (5, 7), (14, 3), (14, 5), (15, 1), (25, 0), (25, 1), (25, 2), (25, 4), (25, 5), (25, 6),
                       (25, 7), (26, 0), (26, 1), (26, 2), (26, 3), (26, 6), (26, 7), (27, 0), (27, 1), (28, 3), (0, 5),
                       (10, 2), (10, 4)]:
        bits[octet] |= 1 << bit
    return bytes(bits)


# What a command answers, after its status.
ANSWERS = {
    0x1001: struct.pack("<BHBHH", 9, 0, 9, 0x05F1, 0),
    0x1002: supported(),
    0x1003: bytes([0, 0, 0, 0, 0x60, 0, 0, 0]),
    0x1004: bytes(10),
    0x1005: struct.pack("<HBHH", 0, 0, 0, 0),
    0x1009: address("B8:27:EB:00:00:01"),
    0x0C14: bytes(248),
    0x2002: struct.pack("<HB", 251, 8),
    0x2003: bytes(8),
    0x2007: b"\0",
    0x200F: b"\x10",
    0x2018: os.urandom(8),
    0x201C: b"\xff\xff\xff\xff\xff\x03\0\0",
    0x2023: struct.pack("<HH", 27, 328),
    0x202A: b"\x10",
    0x202F: struct.pack("<HHHH", 251, 2120, 251, 2120),
    0x203A: struct.pack("<H", 31),
    0x203B: b"\x01",
}


class Controller:
    def __init__(self, path, filter_duplicates, log, device="/dev/vhci"):
        if device:
            self.file = os.open(device, os.O_RDWR | os.O_NONBLOCK)
            os.write(self.file, b"\xff\x00")
        self.path, self.changed, self.log, self.how = path, 0, log, ""
        self.due = time.monotonic()
        self.read()
        self.obeys, self.scanning, self.seen = filter_duplicates, False, set()
        self.filtering = False

    def read(self):
        changed = os.stat(self.path).st_mtime_ns
        if changed != self.changed:
            self.lines, self.next, self.changed = list(read(self.path)), 0, changed

    def event(self, code, body):
        self.put(bytes([EVENT, code, len(body)]) + body)

    def put(self, packet):
        os.write(self.file, packet)

    def command(self, packet):
        if packet[0] != COMMAND or len(packet) < 4:
            return
        opcode = struct.unpack_from("<H", packet, 1)[0]
        if opcode == SET_SCAN_PARAMETERS:
            kind, interval, window = struct.unpack_from("<BHH", packet, 4)
            self.how = f"{('passive', 'active')[kind]} {window / interval:.2f}"
        if opcode == SET_SCAN_ENABLE:
            if self.log:
                on = ("off", "on")[packet[4]]
                print(f"{time.monotonic():.1f} {on} {self.how} filter={packet[5]}", file=self.log, flush=True)
            self.scanning, self.filtering = packet[4] == 1, packet[5] == 1
            self.seen.clear()
        if opcode in (0x0405, 0x0406, 0x200D):
            self.event(STATUS, struct.pack("<BBH", 0x0C, 1, opcode))
        else:
            self.event(COMPLETE, struct.pack("<BHB", 1, opcode, 0) + ANSWERS.get(opcode, b""))

    def report(self):
        if self.next == 0:
            self.read()
        _, who, dbm, data = self.lines[self.next]
        if self.scanning and not (self.obeys and self.filtering and (who, data) in self.seen):
            self.seen.add((who, data))
            body = bytes([2, 1, NONCONN, 1]) + who + bytes([len(data)]) + data + struct.pack("b", dbm)
            self.event(META, body)
        self.next = (self.next + 1) % len(self.lines)
        self.due += self.lines[self.next][0]

    def run(self):
        while True:
            ready, _, _ = select.select([self.file], [], [], max(0, self.due - time.monotonic()))
            if ready:
                self.command(os.read(self.file, 1024))
            while self.due <= time.monotonic():
                self.report()


def read(path):
    for line in open(path):
        wait, who, dbm, data = line.split()
        yield float(wait), address(who), int(dbm), bytes.fromhex(data)


if __name__ == "__main__":
    log = open(sys.argv[sys.argv.index("--log") + 1], "w") if "--log" in sys.argv else None
    Controller(sys.argv[1], "--filter-duplicates" in sys.argv, log).run()
