"""What a till sends to its printer, written as a program would write it."""

import unicodedata

ESC, FS, GS = b"\x1b", b"\x1c", b"\x1d"


def width(text):
    """Columns of a printer's line."""
    return sum(2 if unicodedata.east_asian_width(c) in "WFA" else 1 for c in text)


class Paper:
    """Bytes for a printer of so many columns whose text is in this encoding."""

    def __init__(self, encoding, columns=48, wide=width):
        self.encoding, self.columns, self.width = encoding, columns, wide
        self.bytes = bytearray()

    def raw(self, *parts):
        for part in parts:
            self.bytes += part
        return self

    def t(self, text):
        return self.raw(text.encode(self.encoding))

    def line(self, text=""):
        return self.t(text + "\n")

    def row(self, left, right):
        """One at each end of the line."""
        return self.line(left + " " * max(1, self.columns - self.width(left) - self.width(right)) + right)

    def cols(self, *cells):
        """Cells with the column each begins in."""
        text = ""
        for at, cell in cells:
            text += " " * max(0, at - self.width(text)) + cell
        return self.line(text)

    def rule(self, sign="-"):
        return self.line(sign * self.columns)

    def init(self):
        return self.raw(ESC, b"@")

    def align(self, n):
        return self.raw(ESC, b"a", bytes([n]))

    def title(self, text):
        """In the middle, twice as wide and high (GS !)."""
        return self.align(1).raw(GS, b"!\x11").t(text).raw(GS, b"!\x00").line().align(0)

    def big(self, text):
        """Twice as wide and high (ESC !)."""
        return self.raw(ESC, b"!\x30").t(text).raw(ESC, b"!\x00").line()

    def centre(self, text):
        return self.align(1).line(text).align(0)

    def at(self, dots):
        """ESC $"""
        return self.raw(ESC, b"$", dots.to_bytes(2, "little"))

    def tabs(self, *stops):
        return self.raw(ESC, b"D", bytes(stops), b"\x00")

    def feed(self, n=4):
        return self.raw(ESC, b"d", bytes([n]))

    def cut(self):
        return self.raw(GS, b"VB\x00")

    def drawer(self):
        return self.raw(ESC, b"p\x00\x19\xfa")

    def status(self):
        return self.raw(b"\x10\x04\x01")

    def raster(self, columns, rows, seed=7):
        """A picture of noise (GS v 0), which holds what looks like commands."""
        data = bytearray()
        for n in range(columns * rows):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            data.append(seed >> 16 & 0xFF)
        for n in range(0, len(data) - 3, 997):
            data[n : n + 3] = b"\x10\x04\x01"
        return self.raw(GS, b"v0\x00", columns.to_bytes(2, "little"), rows.to_bytes(2, "little"), bytes(data))

    def barcode(self, text):
        """Code 128 (GS k 73)."""
        data = b"{B" + text.encode()
        return self.raw(GS, b"k\x49", bytes([len(data)]), data)

    def qr(self, text):
        """GS ( k: model, size, data, print."""
        data = text.encode()
        size = (len(data) + 3).to_bytes(2, "little")
        return self.raw(
            GS, b"(k\x04\x001A2\x00", GS, b"(k\x03\x001C\x06", GS, b"(k", size, b"1P0", data, GS, b"(k\x03\x001Q0"
        )


def sale(number, total, at, **more):
    """The truth of a receipt: what a person reads on it. Amounts and times as texts, without zone."""
    return {"kind": "sale", "number": number, "total": total, "at": at, **more}


SKIPPED = {"skipped": True}


def totals(date, receipts, net):
    """The truth of a report of a day."""
    return {"day": date, "receipts": receipts, "net": net}
