"""English: United Kingdom, United States, Australia, Singapore; Epson and Star."""

from paper import ESC, GS, SKIPPED, Paper, sale, totals


def cp437(columns=42):
    return Paper("cp437", columns)


def samples():
    p = cp437().init().align(1).line("THE LAMP SHOP").line("Level 2, South Hall").align(0).line("Receipt No: 100482   Till: 2")
    p.line("21/11/2025 17:20:11").rule().row("Desk lamp", "49.90").row("Bulb E27 x2", "7.00").row("TOTAL", "56.90").row("Cash", "60.00")
    p.row("Change", "3.10").row("VAT 20%", "9.48").line("Card kept on file 4111 1111 1111 1111")
    p.line("Refunds within 28 days with this receipt. Voided if altered.").line().cut().drawer()
    yield "en-retail", "en-generic", p, [
        sale("100482", "56.90", "2025-11-21 17:20:11", tendered="60.00", change="3.10", tax="9.48", till="2")]

    p = cp437().init().line("*** GUEST CHECK ***").line("Check #: 3391").line("Total 42.00").line().cut()
    p.init().line("HARBOUR GRILL").line("Check #: 3391  Server: Ana").line("11/21/2025 08:14 PM").row("Fish and chips", "24.00")
    p.row("Lemonade x2", "18.00").row("Subtotal", "42.00").row("Tax", "3.36").row("Tip", "6.00").row("Total Due", "$51.36")
    p.row("Visa ****1111", "51.36").line().cut()
    yield "en-restaurant", "en-us", p, [
        SKIPPED, sale("3391", "51.36", "2025-11-21 20:14:00", tendered="51.36", tax="3.36")]

    p = cp437().init().align(1).line("Z REPORT").align(0).line("THE LAMP SHOP").line("Date: 21/11/2025").line("Transactions: 64")
    p.line("Total sales        3,912.40").cut()
    yield "en-z-report", "en-generic", p, [totals("2025-11-21", 64, "3912.40")]

    # As python-escpos writes: pages by ESC t, sizes by ESC ! and GS !, a barcode with NUL, a cut by GS V 0.
    p = Paper("cp858", 48).init().raw(b"\x1bt\x13\x1ba\x01\x1b!\x30").t("CORNER CAFÉ\n").raw(b"\x1b!\x00").t("12 High Street\n\n").raw(b"\x1ba\x00")
    p.line("Order #A-2231").line("Date: 21 Nov 2025  Time: 08:05").rule().row("Flat white", "£3.80").row("Croissant", "£2.90").rule("=")
    p.raw(b"\x1bE\x01").row("Total", "£6.70").raw(b"\x1bE\x00").row("Contactless", "£6.70").raw(GS, b"h\x50", GS, b"w\x03", GS, b"k\x04A2231\x00")
    p.line("Thank you!").raw(b"\x1bd\x06", GS, b"V\x00")
    yield "en-cafe-uk", "en-generic", p, [sale("A-2231", "6.70", "2025-11-21 08:05:00", tendered="6.70")]

    # As escpos-php writes: item lines of two columns, a large total, tax below.
    p = cp437(48).init().align(1).raw(ESC, b"!\x20").line("ExampleMart").raw(ESC, b"!\x00").line("Shop No. 42").line()
    p.raw(ESC, b"E\x01").line("SALES INVOICE").raw(ESC, b"E\x00").align(0).row("", "$").row("Notebook", "4.00").row("Pens", "3.50")
    p.raw(ESC, b"E\x01").row("Subtotal", "7.50").raw(ESC, b"E\x00").line().row("GST", "0.75").raw(ESC, b"!\x20").line("Total        $ 8.25")
    p.raw(ESC, b"!\x00").line("Invoice number: INV-004417").align(1).line("Friday 21st of November 2025 02:56:25 PM").raw(GS, b"VA\x03")
    p.drawer()
    yield "en-invoice", "en-generic", p, [sale("INV-004417", "8.25", "2025-11-21 14:56:25", tax="0.75")]

    # United States: month first, a table's check, tendered and change in one line.
    p = cp437(40).init().centre("BIG SKY OUTFITTERS #0214").line("STORE 0214  REG 03  TRAN# 8841").line("11/05/25 6:42:07 PM").rule()
    p.row("HIKING BOOTS", "129.99 T").row("SOCKS 3PK", "14.99 T").row("SUBTOTAL", "144.98").row("SALES TAX 7.25%", "10.51").row("TOTAL", "$155.49")
    p.row("CASH", "160.00").row("CHANGE DUE", "4.51").line("REWARDS #: 550091827").line("RETURN POLICY: 90 DAYS WITH RECEIPT").cut()
    yield "en-us-store", "en-us", p, [
        sale("8841", "155.49", "2025-11-05 18:42:07", tendered="160.00", change="4.51", tax="10.51", till="03", member="550091827")]

    p = cp437().init().centre("** REFUND **").line("Original Receipt No: 100482").line("Receipt No: 100511").line("22/11/2025 09:41:00")
    p.row("Bulb E27 x2", "-7.00").row("TOTAL REFUND", "-7.00").row("Cash", "-7.00").line("DUPLICATE").cut()
    yield "en-refund-copy", "en-generic", p, [
        sale("100511", "7.00", "2025-11-22 09:41:00", kind="refund", original="100482", reprint=True, tendered="-7.00")]

    p = cp437().init().centre("KITCHEN - TABLE 7").line("2 x burger").cut().centre("NO SALE").line("Till: 2  21/11/2025 10:00").cut().drawer()
    p.centre("*** VOIDED ***").line("Receipt No: 100490").line("21/11/2025 12:12:12").row("TOTAL", "12.00").cut()
    yield "en-kitchen-no-sale-void", "en-generic", p, [
        SKIPPED, SKIPPED, sale("100490", "12.00", "2025-11-21 12:12:12", kind="void")]

    # Singapore: thousands, rounding, a customer's and a merchant's copy of one receipt.
    p = cp437()
    for copy in ("CUSTOMER COPY", "MERCHANT COPY"):
        p.init().centre("ORCHARD WATCHES PTE LTD").line("Inv No.: OW-20251121-07").line("Date 21-Nov-2025 16:05").row("Chronograph", "S$4,850.00")
        p.row("GST 9%", "436.50").row("Rounding", "0.00").row("Grand Total", "S$5,286.50").row("VISA", "S$5,286.50").centre(copy).cut()
    truth = sale("OW-20251121-07", "5286.50", "2025-11-21 16:05:00", tax="436.50", tendered="5286.50")
    yield "en-two-copies", "en-generic", p, [truth, truth]

    # Star line mode: its own page, width, cut and drawer.
    p = Paper("cp1252", 48).raw(b"\x1b@\x1b\x1dt\x20\x1b\x1da\x01\x0e").t("Café Étoile").raw(b"\x14").line().raw(b"\x1b\x1da\x00")
    p.line("Bill No: S-3317").line("21/11/2025 12:30:01").row("Quiche", "£8.50").raw(b"\x1bi\x01\x01").t("Total £8.50").raw(b"\x1bi\x00\x00").line()
    p.row("Paid cash", "£10.00").row("Change", "£1.50").raw(b"\x1ba\x03\x1bd\x03\x07")
    yield "en-star", "en-star", p, [
        sale("S-3317", "8.50", "2025-11-21 12:30:01", tendered="10.00", change="1.50")]

    # A Star driver that prints pictures: raster mode, each band b nL nH data.
    p = Paper("cp1252").raw(b"\x1b*rR\x1b*rA\x1b*rC")
    for n in range(60):
        p.raw(b"b\x48\x00", bytes((n * 31 + i * 7) & 0xFF for i in range(72)))
    p.raw(b"\x1b*rB\x1bd\x03")
    yield "en-star-raster", "en-star", p, [{"kind": "sale", "unreadable": True}]
