#!/usr/bin/env python3
"""The controller of vhci.py as a USB device: a Bluetooth stick of the kernel's raw gadget on its dummy host controller, bound by
btusb. With --hangs FILE it hears nothing while that file exists, and a reset of the bus removes the file: a chip that hung.

linux/usb/raw_gadget.h; USB 2.0 chapter 9; Bluetooth Core 5.4 vol 4 part B §2 for what goes through which endpoint.
"""

import fcntl
import os
import queue
import struct
import sys
import threading
import time

from vhci import Controller

EVENTS, BULK_IN, BULK_OUT = 0x85, 0x81, 0x02
CONNECT, CONTROL = 1, 2
GET_DESCRIPTOR, SET_CONFIGURATION = 6, 9


def ioctl(direction, number, size):
    return direction << 30 | size << 16 | ord("U") << 8 | number


INIT, RUN, FETCH = ioctl(1, 0, 257), ioctl(0, 1, 0), ioctl(2, 2, 8)
EP0_WRITE, EP0_READ, ENABLE, DISABLE, WRITE = (
    ioctl(1, 3, 8), ioctl(3, 4, 8), ioctl(1, 5, 9), ioctl(1, 6, 4), ioctl(1, 7, 8),
)
CONFIGURE, DRAW, STALL = ioctl(0, 9, 0), ioctl(1, 10, 4), ioctl(0, 12, 0)


def endpoint(address, kind, size, interval):
    return struct.pack("<BBBBHB", 7, 5, address, kind, size, interval)


# An interface of class wireless controller, Bluetooth.
ENDPOINTS = [endpoint(EVENTS, 3, 16, 1), endpoint(BULK_IN, 2, 64, 0), endpoint(BULK_OUT, 2, 64, 0)]
INTERFACE = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, len(ENDPOINTS), 0xE0, 1, 1, 0)
BODY = INTERFACE + b"".join(ENDPOINTS)
CONFIGURATION = struct.pack("<BBHBBBBB", 9, 2, 9 + len(BODY), 1, 1, 0, 0xC0, 50) + BODY
DEVICE = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0xE0, 1, 1, 64, 0x1D6B, 0x0200, 0x0100, 0, 0, 0, 1)


class Stick(Controller):
    def __init__(self, path, hangs):
        self.hangs, self.out, self.configured = hangs, queue.Queue(), 0
        super().__init__(path, False, None, device=None)
        self.gadget = os.open("/dev/raw-gadget", os.O_RDWR)
        names = b"dummy_udc".ljust(128, b"\0") + b"dummy_udc.0".ljust(128, b"\0")
        fcntl.ioctl(self.gadget, INIT, names + bytes([2]))
        fcntl.ioctl(self.gadget, RUN)
        self.handle = None
        threading.Thread(target=self.send, daemon=True).start()

    def put(self, packet):
        self.out.put(packet[1:])

    def report(self):
        if self.hangs and os.path.exists(self.hangs):
            self.due += self.lines[self.next][0]
            return
        super().report()

    def send(self):
        while True:
            packet, handle = self.out.get(), self.handle
            for begin in range(0, len(packet), 16):
                part = packet[begin : begin + 16]
                data = bytearray(struct.pack("<HHI", handle or 0, 0, len(part)) + part)
                try:
                    fcntl.ioctl(self.gadget, WRITE, data, True)
                except OSError:
                    break  # the host took the stick off the bus: what waits is not for its next driver

    def reply(self, data, length):
        data = data[:length]
        fcntl.ioctl(self.gadget, EP0_WRITE, bytearray(struct.pack("<HHI", 0, 0, len(data)) + data), True)

    def read_out(self, length):
        buffer = bytearray(struct.pack("<HHI", 0, 0, length) + bytes(length))
        got = fcntl.ioctl(self.gadget, EP0_READ, buffer, True)
        return bytes(buffer[8 : 8 + got])

    def control(self, setup):
        kind, request, value, _, length = struct.unpack("<BBHHH", setup)
        if (kind, request) == (0x80, GET_DESCRIPTOR) and value >> 8 in (1, 2):
            self.reply(DEVICE if value >> 8 == 1 else CONFIGURATION, length)
        elif (kind, request) == (0, SET_CONFIGURATION):
            self.configure()
            self.read_out(0)
        elif kind == 0x20:  # a command to the controller
            self.command(b"\1" + self.read_out(length))
        elif kind & 0x80:
            fcntl.ioctl(self.gadget, STALL)
        else:
            self.read_out(length)

    def configure(self):
        self.configured += 1
        if self.handle is not None:
            for handle in self.handles:
                fcntl.ioctl(self.gadget, DISABLE, handle)
        if self.configured > 1 and self.hangs and os.path.exists(self.hangs):
            os.remove(self.hangs)
        self.scanning = False
        self.handles = [fcntl.ioctl(self.gadget, ENABLE, bytearray(e.ljust(9, b"\0")), True) for e in ENDPOINTS]
        self.handle = self.handles[0]
        fcntl.ioctl(self.gadget, DRAW, 50)
        fcntl.ioctl(self.gadget, CONFIGURE)
        print(f"configured {self.configured}", flush=True)

    def serve(self):
        while True:
            event = bytearray(struct.pack("<II", 0, 8) + bytes(8))
            fcntl.ioctl(self.gadget, FETCH, event, True)
            if struct.unpack_from("<I", event)[0] == CONTROL:
                try:
                    self.control(bytes(event[8:16]))
                except OSError as e:
                    print(f"control {bytes(event[8:16]).hex()}: {e}", flush=True)

    def advertise(self):
        while True:
            time.sleep(max(0, self.due - time.monotonic()))
            while self.due <= time.monotonic():
                self.report()


if __name__ == "__main__":
    hangs = sys.argv[sys.argv.index("--hangs") + 1] if "--hangs" in sys.argv else None
    stick = Stick(sys.argv[1], hangs)
    threading.Thread(target=stick.advertise, daemon=True).start()
    stick.serve()
