"""Hong Kong, Macau and Taiwan, Big5."""

from paper import GS, SKIPPED, Paper, sale, totals


def big5(columns=42):
    return Paper("big5hkscs", columns)


def samples():
    p = big5().init().raw(b"\x1c&").title("樂活百貨").centre("九龍灣德福廣場").line("單號: HK-0088213").line("日期: 21/11/2025  時間: 18:42:07")
    p.line("收銀機: 07").rule().row("毛巾套裝  1", "$128.00").row("牙刷  2", "$36.00").rule().row("總數:", "HK$164.00")
    p.row("現金:", "HK$200.00").row("找續:", "HK$36.00").line("會員編號: 70031245").line("多謝惠顧 退貨請於14日內辦理").cut().drawer()
    yield "hant-hong-kong", "zh-hant-generic", p, [
        sale("HK-0088213", "164.00", "2025-11-21 18:42:07", tendered="200.00", change="36.00", till="07", member="70031245")]

    p = big5().init().raw(b"\x1c&").title("點心皇").line("帳單編號: 00457").line("枱號: 12   人數: 3").line("2025-11-21 13:05")
    p.row("蝦餃", "38.00").row("燒賣", "32.00").row("茶位 x3", "36.00").row("小計", "106.00").row("加一服務費", "10.60")
    p.row("合計", "$116.60").row("八達通", "$116.60").cut()
    yield "hant-dim-sum", "zh-hant-generic", p, [sale("00457", "116.60", "2025-11-21 13:05:00", tendered="116.60")]

    # Taiwan: the proof of an electronic invoice; the line above the number is a period of two months.
    p = big5(32).init().raw(b"\x1c&").centre("全家福便利").big("電子發票證明聯").big("114年11-12月").big("AB-12345678")
    p.line("2025-11-21 18:42:07 格式 25").line("隨機碼 5678   總計 1,280").line("賣方 53212539  買方 24536806")
    p.barcode("11412AB123456785678").qr("AB123456781141121567800000000000005000000535321253900000000").cut()
    p.line("全家福便利  交易明細").line("2025-11-21 18:42:07").row("飯糰", "1,280TX").row("合計 1 項 金額 1,280", "").cut()
    yield "hant-taiwan-invoice", "zh-hant-generic", p, [sale("AB-12345678", "1280.00", "2025-11-21 18:42:07"), SKIPPED]

    p = big5(40).init().raw(b"\x1c&").title("巷弄小館").line("結帳單").line("單號：A20251121-003").line("日期：民國114年11月21日 19:20")
    p.row("牛肉麵", "180").row("滷味", "90").row("折扣", "-20").row("應付金額", "NT$250").row("收現", "NT$500").row("找零", "NT$250").cut()
    yield "hant-taiwan-restaurant", "zh-hant-generic", p, [
        sale("A20251121-003", "250.00", "2025-11-21 19:20:00", tendered="500.00", change="250.00")]

    p = big5().init().raw(b"\x1c&").centre("*** 補印 ***").title("退貨單").line("原單號: HK-0088213").line("單號: HK-0088301")
    p.line("日期: 22/11/2025  時間: 10:00:00").row("毛巾套裝", "-$128.00").row("總計:", "-HK$128.00").cut()
    yield "hant-refund-copy", "zh-hant-generic", p, [
        sale("HK-0088301", "128.00", "2025-11-22 10:00:00", kind="refund", original="HK-0088213", reprint=True)]

    p = big5().init().raw(b"\x1c&").line("廚房單 12枱").line("蝦餃 x1").cut().line("埋單 (未付款)").row("合計", "$116.60").cut()
    yield "hant-kitchen-and-bill", "zh-hant-generic", p, [SKIPPED, SKIPPED]

    p = big5().init().raw(b"\x1c&").title("日結報表").line("營業日期: 2025-11-21").row("交易筆數:", "132").row("淨銷售額:", "HK$28,410.50").cut()
    yield "hant-day", "zh-hant-generic", p, [totals("2025-11-21", 132, "28410.50")]
