"""A site of one door with one sensor, and the frames of phones there: what the figures here are made with."""

import struct

SITE = """[site]
id = "m"
timezone = "Asia/Shanghai"
[[floor]]
id = "F1"
level = 0
[[zone]]
id = "door"
floor = "F1"
kind = "entrance"
position = [0.0, 0.0]
neighbours = []
[[sensor]]
id = "S1"
zone = "door"
position = [0.0, 0.0]
"""


def frame(phone, sequence):
    """A probe request of 130 bytes, as phones send them, with radiotap (channel and signal)."""
    radiotap = struct.pack("<BBHIHHb", 0, 0, 13, 0b101000, 2437, 0x0080, -40 - phone % 40)
    address = b"\x02\x00" + struct.pack(">I", phone)
    header = struct.pack("<HH", 0x0040, 0) + b"\xff" * 6 + address + b"\xff" * 6 + struct.pack("<H", (sequence & 0xFFF) << 4)
    return radiotap + header + bytes([0, 0, 1, 4, 2, 4, 11, 22, 0x2D, 26]) + bytes(26) + bytes([221, 58]) + bytes(58)
