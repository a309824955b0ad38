"""What printers meet besides receipts that are as they should be."""

from paper import FS, GS, Paper, sale


def samples():
    # A receipt in page mode: text is set in a rectangle, from top to bottom.
    p = Paper("gb18030").init().raw(b"\x1bL\x1bW\x00\x00\x00\x00\x40\x02\x00\x02\x1bT\x00")
    for y, text in [(40, "单号：PM-01"), (80, "2025-11-21 18:00"), (120, "应收：￥12.00")]:
        p.raw(GS, b"$", y.to_bytes(2, "little")).at(0).t(text)
    p.raw(b"\x0c").raw(b"\x1bS").cut()
    yield "odd-page-mode", "zh-generic", p, [sale("PM-01", "12.00", "2025-11-21 18:00:00")]

    # A stored logo (FS p), a download of fonts (ESC &), logos into the memory (FS q): none of it is text.
    p = Paper("gb18030").init().raw(FS, b"q\x01\x01\x00\x01\x00", b"\x1b@\x1dV\x00AA", FS, b"p\x01\x00")
    p.raw(b"\x1b&\x03\x41\x42\x02", b"ABCDEF", b"\x01", b"XYZ", GS, b"*\x01\x01ABCDEFGH")
    p.line("单号：DL-01").line("2025-11-21 18:01").row("应收：", "￥13.00").cut()
    yield "odd-downloads", "zh-generic", p, [sale("DL-01", "13.00", "2025-11-21 18:01:00")]

    # A damaged length swallows the rest up to the next ESC @; the receipt after it is whole.
    p = Paper("gb18030").init().line("单号：BAD-1").line("2025-11-21 18:02").row("应收：", "￥14.00")
    p.raw(GS, b"v0\x00\xff\xff\xff\xff", b"lost").init().line("单号：OK-2").line("2025-11-21 18:03").row("应收：", "￥15.00").cut()
    yield "odd-bad-length", "zh-generic", p, [
        sale("BAD-1", "14.00", "2025-11-21 18:02:00", partial=True), sale("OK-2", "15.00", "2025-11-21 18:03:00")]

    # CR LF, CR alone before LF, form feed at the end, a cut in the old way.
    p = Paper("gb18030").init().t("单号：CR-01\r\n2025-11-21 18:04\r\n应收：￥16.00\n\r\x0c").raw(b"\x1bi")
    yield "odd-cr-lf", "zh-generic", p, [sale("CR-01", "16.00", "2025-11-21 18:04:00")]
