"""Frames on the air of mac80211_hwsim, through the kernel's own interface for such media (linux/mac80211_hwsim.h).

A radio made with `create` hears exactly the channel it is on. While somebody is registered as the medium (`Air()`),
radios do not hear each other, only what is put on the air with `frame`.
"""

import os
import socket
import struct

ACK = 4
REQUEST = 1
GET_FAMILY, FAMILY_ID, FAMILY_NAME = 3, 1, 2
REGISTER, FRAME, NEW_RADIO, DEL_RADIO = 1, 2, 4, 5
A_RECEIVER, A_FRAME, A_RATE, A_SIGNAL, A_CHANNELS, A_NAME, A_FREQ, A_CHANCTX, A_PERM = 1, 3, 5, 6, 9, 17, 19, 15, 22


def attribute(kind, data):
    length = 4 + len(data)
    return struct.pack("<HH", length, kind) + data + b"\0" * (-length % 4)


def mac(text):
    return bytes(int(byte, 16) for byte in text.split(":"))


class Air:
    def __init__(self, medium=True):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.socket.bind((0, 0))
        self.sequence = 0
        answer = self.ask(16, GET_FAMILY, attribute(FAMILY_NAME, b"MAC80211_HWSIM\0"))[4:]
        while len(answer) >= 4:
            length, kind = struct.unpack_from("<HH", answer)
            if kind == FAMILY_ID:
                self.family = struct.unpack_from("<H", answer, 4)[0]
            answer = answer[(length + 3) & ~3 :]
        if medium:
            self.ask(self.family, REGISTER, b"")

    def ask(self, kind, command, attributes):
        self.sequence += 1
        body = struct.pack("<BBH", command, 1, 0) + attributes
        header = struct.pack("<IHHII", 16 + len(body), kind, REQUEST | ACK, self.sequence, 0)
        self.socket.send(header + body)
        answer = b""
        while True:
            data = self.socket.recv(65536)
            while len(data) >= 16:
                length, kind, _, sequence, _ = struct.unpack_from("<IHHII", data)
                body, data = data[16:length], data[(length + 3) & ~3 :]
                if sequence != self.sequence:
                    continue  # what radios send, for the medium to deliver: this one does not
                if kind == 2:
                    error = struct.unpack_from("<i", body)[0]
                    if error < 0:
                        raise OSError(-error, os.strerror(-error))
                    return answer or body
                answer = body

    def create(self, address, name):
        attributes = attribute(A_CHANNELS, struct.pack("<I", 1)) + attribute(A_CHANCTX, b"")
        self.ask(self.family, NEW_RADIO, attributes + attribute(A_PERM, mac(address)) + attribute(A_NAME, name.encode()))

    def remove(self, name):
        self.ask(self.family, DEL_RADIO, attribute(A_NAME, name.encode()))

    def frame(self, receiver, frame, mhz, dbm):
        """`False` when the radio is down or on another channel."""
        attributes = (
            attribute(A_RECEIVER, mac(receiver))
            + attribute(A_FRAME, frame)
            + attribute(A_RATE, struct.pack("<I", 0))
            + attribute(A_SIGNAL, struct.pack("<i", dbm))
            + attribute(A_FREQ, struct.pack("<I", mhz))
        )
        try:
            self.ask(self.family, FRAME, attributes)
            return True
        except OSError:
            return False


def probe_request(address, sequence):
    header = struct.pack("<HH", 0x0040, 0) + b"\xff" * 6 + mac(address) + b"\xff" * 6
    return header + struct.pack("<H", (sequence & 0xFFF) << 4) + bytes([0, 0, 1, 4, 2, 4, 11, 22])


def beacon(address, sequence):
    header = struct.pack("<HH", 0x0080, 0) + b"\xff" * 6 + mac(address) * 2
    return header + struct.pack("<H", (sequence & 0xFFF) << 4) + bytes(8) + struct.pack("<HH", 100, 1) + bytes([0, 0])
