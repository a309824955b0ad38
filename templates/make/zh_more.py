"""Mainland China, GBK: restaurants, drinks, deliveries, and what printers make of them."""

from paper import GS, SKIPPED, Paper, sale


def gbk(columns=48):
    return Paper("gb18030", columns)


def tea(p, number, total, at):
    return p.line("茶颜小铺").line("单号:" + number).line(at).line("抹茶拿铁 1").line("实付:￥" + total).line("欢迎再来")


def samples():
    # Kitchen slip, bill before payment, receipt: one job.
    p = gbk().init().big("厨房 03桌").line("宫保鸡丁 x1").line("米饭 x2").cut()
    p.init().line("川味小馆 预结单").line("账单号：B1121-031").row("合计", "￥86.00").cut()
    p.init().centre("川味小馆").line("账单号：B1121-031   桌号：03").line("开台时间：2025-11-21 11:40:02")
    p.line("结账时间：2025-11-21 12:31:44").row("宫保鸡丁", "48.00").row("米饭 2", "8.00").row("酸梅汤", "30.00")
    p.row("消费合计", "￥86.00").row("应付金额", "￥80.00").row("微信支付", "￥80.00").cut()
    yield "zh-restaurant", "zh-generic", p, [SKIPPED, SKIPPED, sale("B1121-031", "80.00", "2025-11-21 12:31:44", tendered="80.00")]

    # 应收, what was taken off, 实收: a person paid 268.
    p = gbk().init().title("老码头火锅").title("结 账 单").line("帐单号：202511210045").line("台号：A12  人数：4")
    p.line("结帐时间：2025-11-21 20:47").cols((0, "菜名"), (24, "数量"), (34, "金额")).cols((0, "鸳鸯锅底"), (24, "1"), (34, "68.00"))
    p.cols((0, "精品肥牛"), (24, "2"), (34, "116.00")).cols((0, "手工虾滑"), (24, "2"), (34, "104.00")).rule()
    p.row("消费金额：", "288.00").row("折扣金额：", "-19.50").row("抹零金额：", "0.50").row("应收金额：", "268.50").row("实收金额：", "268.00")
    p.line("人均：67.00").line("本单为消费凭证").feed(4).cut()
    yield "zh-hotpot", "zh-generic", p, [sale("202511210045", "268.00", "2025-11-21 20:47:00", tendered="268.00")]

    # Milk tea: 58 mm, a number to be called, whole amounts.
    p = gbk(32).title("取餐号 A017").centre("茶语时光").line("订单号:20251121184207331").line("下单时间:2025-11-21 18:42")
    p.line("方式:自提").rule().line("杨枝甘露(大/少冰/三分糖)").row("x1", "￥18").rule().row("合计:", "￥18").row("优惠券", "-￥2")
    p.row("实付:", "￥16").line("支付方式:支付宝").feed(5)
    yield "zh-milk-tea", "zh-generic", p, [sale("20251121184207331", "16.00", "2025-11-21 18:42:00", tendered="16.00")]

    # 实付 as what was handed over.
    p = gbk(32).init().centre("巷口面馆").line("单号:0093").line("2025-11-21 12:10:07").row("牛肉面", "22").row("卤蛋", "3")
    p.row("合计:25元", "").row("实付:50元", "找零:25元").cut()
    yield "zh-noodles", "zh-generic", p, [
        sale("0093", "25.00", "2025-11-21 12:10:07", tendered="50.00", change="25.00")]

    # A delivery platform's order; its own number, a rider's phone.
    p = gbk(32).init().big("#23 美团外卖").centre("巷口面馆(银座店)").line("下单时间:2025-11-21 11:58:30").rule("*")
    p.line("订单编号:2511210009331").row("酸辣粉", "x1  16.80").row("配送费", "4.00").rule().row("原价:", "￥20.80")
    p.row("总计:", "￥15.80").line("(已在线支付)").line("顾客手机 13812345678").line("备注:不要香菜").cut()
    yield "zh-delivery", "zh-generic", p, [sale("2511210009331", "15.80", "2025-11-21 11:58:30")]

    # Two receipts on one paper: a printer without a cutter, and nothing between.
    p = gbk(32)
    tea(p, "0101", "12.00", "2025-11-21 15:00:03")
    p.feed(2)
    tea(p, "0102", "14.00", "2025-11-21 15:00:41").feed(2)
    yield "zh-two-on-one", "zh-generic", p, [
        sale("0101", "12.00", "2025-11-21 15:00:03", tendered="12.00"),
        sale("0102", "14.00", "2025-11-21 15:00:41", tendered="14.00")]

    # A logo before the text, the drawer after the cut, a status request in the middle of a line.
    p = gbk().init().raster(24, 60).title("拾光书店").t("单号：SG00").status().line("4417").line("时间：2025-11-21 21:05:00")
    p.row("城南旧事", "36.00").row("合计", "36.00").row("收款", "40.00").row("找回", "4.00").cut().drawer().status()
    yield "zh-logo-and-status", "zh-generic", p, [
        sale("SG004417", "36.00", "2025-11-21 21:05:00", tendered="40.00", change="4.00")]

    # A driver that prints pictures only.
    p = gbk().init()
    for band in range(12):
        p.raster(58, 24, seed=band + 1)
    p.raw(b"\x1bJ\x60")
    yield "zh-raster", "zh-generic", p, [{"kind": "sale", "unreadable": True}]

    # The line was cut off within a picture, and within a character.
    p = gbk().init().line("单号：X7").line("2025-11-21 10:00").row("应收", "9.90")
    p.raw(GS, b"v0\x00\x10\x00\x10\x00" + bytes(40))
    yield "zh-cut-off", "zh-generic", p, [sale("X7", "9.90", "2025-11-21 10:00:00", partial=True)]
    p = gbk().init().line("单号：X8").line("2025-11-21 10:05").row("应收", "8.80")
    p.raw("谢谢".encode("gb18030")[:-1])
    yield "zh-half-character", "zh-generic", p, [sale("X8", "8.80", "2025-11-21 10:05:00")]

    # Noise on the line, a command without its parameter, commands that are none.
    p = gbk().raw(b"\x00\x00\x01\x02\x1f\x1b").init().raw(b"\x1b\x7f\x1d\xfe\x10\x10")
    p.line("单号：N1").line("2025-11-21 10:10").row("应收", "5.00").raw(b"\x1bE\x1bE\x00\x1bp\x1b@\x01\x02\x1dV")
    yield "zh-noise", "zh-generic", p, [sale("N1", "5.00", "2025-11-21 10:10:00")]

    # No Chinese mode, but a till that switches it around each word, and prints its totals in font B.
    p = gbk(42).init().raw(b"\x1b!\x01")
    for word, rest in [("小票号", ": B-7001\n"), ("日期", ": 2025.11.21 13:14:15\n"), ("商品", " A            12.00\n"), ("总额", ": 12.00\n")]:
        p.raw(b"\x1c&").t(word).raw(b"\x1c.").t(rest)
    p.raw(b"\x1d!\x01").cut()
    yield "zh-chinese-by-word", "zh-generic", p, [sale("B-7001", "12.00", "2025-11-21 13:14:15")]

    # No number on it.
    p = gbk(32).init().centre("小确幸咖啡").line("2025-11-21 09:12").row("拿铁", "28.00").row("合计", "28.00").cut()
    yield "zh-no-number", "zh-generic", p, [{"kind": "sale", "total": "28.00", "at": "2025-11-21 09:12:00"}]

    # A printer that speaks UTF-8.
    p = Paper("utf-8", 32).init().centre("山野咖啡").line("单号：SY-0042").line("2025-11-21 09:15:10").row("手冲", "￥38.00").row("应付", "￥38.00")
    p.cut()
    yield "zh-utf8", "zh-utf8", p, [sale("SY-0042", "38.00", "2025-11-21 09:15:10")]
