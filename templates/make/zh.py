"""Mainland China, GBK: shops. Layouts as the usual till programs print them."""

from paper import GS, SKIPPED, Paper, sale, totals


def gbk(columns=48):
    return Paper("gb18030", columns)


def retail(p, head=()):
    for text in head:
        p.centre(text)
    p.title("云锦生活馆")
    p.row("小票号：YJ20251121-0057", "收银机：03")
    p.line("日期：2025-11-21 18:42:07  收银员：李")
    p.rule()
    p.row("棉质床品四件套  1", "399.00")
    p.row("香薰蜡烛        2", "118.00")
    p.rule()
    p.row("合计：3件", "517.00")
    p.row("应收：", "￥497.00")
    p.row("实收：", "￥500.00")
    p.row("找零：", "￥3.00")
    p.line("会员卡号：88006612345")
    p.line("顾客手机 13812345678")
    p.line("谢谢惠顾，退货请于七日内凭本小票办理")
    return p.feed(3).cut()


def samples():
    truth = sale("YJ20251121-0057", "497.00", "2025-11-21 18:42:07", tendered="500.00", change="3.00",
                 till="03", member="88006612345")
    yield "zh-retail", "zh-generic", retail(gbk().init()).drawer(), [truth]
    # The same sale on another day: other bytes, the same receipt.
    p = retail(gbk().init(), ["***补打***", "补打时间 2025-11-22 09:15:00"])
    yield "zh-retail-reprint", "zh-generic", p, [dict(truth, reprint=True)]

    p = gbk().init()
    p.row("云锦生活馆", "退货单").line("原小票号：YJ20251121-0057").line("小票号：YJ20251122-0003")
    p.line("日期：2025-11-22 11:05:00").row("香薰蜡烛 -1", "-59.00").row("应收：", "￥-59.00").row("退款：现金", "-59.00")
    p.cut()
    yield "zh-refund", "zh-generic", p, [
        sale("YJ20251122-0003", "59.00", "2025-11-22 11:05:00", kind="refund", original="YJ20251121-0057")]

    # Lines by the printer's own wrap: blanks up to the next line, no LF.
    p = gbk().init()
    for left, right in [("惠邻超市 中庭店", ""), ("流水号:0031-002219", "机号:12"), ("日期:2025-11-21", "时间:20:15:33"),
                        ("鲜牛奶1L", "15.80"), ("吐司面包", "9.90"), ("合计: 2件 / 25.70", ""), ("实收:30.00", "找零:4.30")]:
        p.t(left + " " * (48 - p.width(left) - p.width(right)) + right)
    p.feed(5)
    yield "zh-supermarket-wrap", "zh-generic", p, [
        sale("0031-002219", "25.70", "2025-11-21 20:15:33", tendered="30.00", change="4.30", till="12")]

    # 58 mm, Chinese mode switched on, article lines over two lines.
    p = gbk(32).init().raw(b"\x1c&").title("家美超市")
    p.line("门店:0102 朝阳店").row("机号:003", "收银员:0217").line("流水号:00310045").line("2025/11/21 20:15:33").rule("=")
    p.line("品名/条码").cols((0, "数量"), (10, "单价"), (22, "金额")).rule()
    for name, code, n, price, sum_ in [("农夫山泉550ml", "6921168509256", "2", "2.00", "4.00"),
                                       ("蒙牛纯牛奶250ml*16特仑苏精品装", "6923644266318", "1", "66.00", "66.00"),
                                       ("散装苹果(kg)", "2100345008123", "1.236", "12.00", "14.83")]:
        p.line(name).line(code).cols((0, n), (10, price), (22, sum_))
    p.rule().line("件数:4  总额:84.83").line("优惠:4.83").line("应收:80.00").line("实收:100.00").line("找零:20.00")
    p.line("付款方式:现金").line("请保管好小票，退换货凭小票").feed(6)
    yield "zh-supermarket-58mm", "zh-generic", p, [
        sale("00310045", "80.00", "2025-11-21 20:15:33", tendered="100.00", change="20.00", till="003")]

    # 应收 before what is taken off: 实收 is what was paid.
    p = gbk().init().title("和润百货").line("交易号:2511210087").line("时间:2025-11-21 15:08:41")
    p.row("真丝围巾  1", "320.00").rule().row("应收金额", "320.00").row("会员优惠", "-32.00").row("抹零", "0.00")
    p.row("实收金额", "288.00").row("找零", "0.00").row("支付宝", "288.00").cut()
    yield "zh-paid-less", "zh-generic", p, [
        sale("2511210087", "288.00", "2025-11-21 15:08:41", tendered="288.00", change="0.00")]

    # Columns by tabs and ESC $; full-width digits; no cut.
    p = gbk().init().raw(b"\x1cC\x00").centre("素 织 女 装  南馆店").line("销售单号:SZ0008812").line("交易时间:2025/11/21 15:08")
    p.tabs(16, 32).line("品名\t数量\t金额").line("羊毛大衣\t1\t2,680.00").line("围巾\t1\t320.00")
    p.t("应收金额").at(288).line("３，０００．００").t("付款金额").at(288).line("3,000.00")
    p.line("支付方式:银行卡 6225880212345673").feed()
    yield "zh-fashion", "zh-generic", p, [sale("SZ0008812", "3000.00", "2025-11-21 15:08:00", tendered="3000.00")]

    # A table of sums; the names stand above their values.
    p = gbk().init().title("金鼎珠宝").line("单据编号：JD-2511-00031").line("销售日期：2025年11月21日 16时20分05秒")
    p.cols((0, "品名"), (20, "数量"), (30, "金额")).cols((0, "足金手镯"), (20, "1"), (30, "1,286,400.00")).rule()
    p.line("应收金额").row("", "￥1,286,400.00").line("大写：壹佰贰拾捌万陆仟肆佰元整").line("会员号：V0093381").cut()
    yield "zh-value-below", "zh-generic", p, [
        sale("JD-2511-00031", "1286400.00", "2025-11-21 16:20:05", member="V0093381")]

    # Bank slips and coupons are no receipts; they follow the cut.
    p = gbk().init().title("优加便利").line("NO:0012345 POS:02").line("2025/11/21 08:03").row("饭团", "6.50").row("豆浆", "3.50")
    p.row("总计", "￥１０．００").row("微信支付", "￥１０．００").cut().centre("优惠券").line("满20元减3元，有效期至2025-12-31").cut()
    p.centre("银联POS签购单").line("商户存根").line("金额：RMB 10.00").cut()
    yield "zh-convenience", "zh-generic", p, [
        sale("0012345", "10.00", "2025-11-21 08:03:00", till="02", tendered="10.00"), SKIPPED, SKIPPED]

    # A pharmacy; the amount in words stands before the digits.
    p = gbk(42).init().centre("康源大药房（银泰店）").line("票  号:K2511-7781").line("开票时间:2025-11-21 10:02:19")
    p.row("阿莫西林胶囊 0.25g*24", "18.50").row("维生素C片", "12.00").rule()
    p.line("金额大写:叁拾元伍角整").row("总金额(元):", "30.50").row("医保支付:", "20.00").row("现金支付:", "10.50")
    p.line("药品为特殊商品，无质量问题概不退货").cut()
    yield "zh-pharmacy", "zh-generic", p, [sale("K2511-7781", "30.50", "2025-11-21 10:02:19", tendered="30.50")]

    # Several ways to pay; the receipt's number in a barcode and in words.
    p = gbk().init().title("童趣玩具城").line("小票编号: TQ251121000318").line("交易日期: 2025-11-21  交易时间: 19:30:55")
    p.row("积木套装", "259.00").rule().row("合    计:", "259.00").row("储值卡:", "200.00").row("现金:", "59.00")
    p.row("实收合计:", "259.00").barcode("TQ251121000318").line("欢迎关注公众号").qr("https://toys.example/r/TQ251121000318")
    p.raw(GS, b"V1")
    yield "zh-two-tenders", "zh-generic", p, [
        sale("TQ251121000318", "259.00", "2025-11-21 19:30:55", tendered="259.00")]

    # Voided after payment.
    p = gbk().init().title("*** 作废 ***").line("单号：A0088").line("原单号：A0087").line("时间：2025-11-21 12:00:10").row("合计：", "45.00")
    p.cut()
    yield "zh-void", "zh-generic", p, [
        sale("A0088", "45.00", "2025-11-21 12:00:10", kind="void", original="A0087")]

    # Training, no sale, the drawer for small change, the queue: nothing was sold.
    p = gbk().init().line("开钱箱").line("收银员：03 2025-11-21 09:00").drawer().cut()
    p.line("*** 培训模式 ***").line("单号：T001").line("时间：2025-11-21 09:01:00").row("合计", "1.00").cut()
    yield "zh-no-sale", "zh-generic", p, [SKIPPED, sale("T001", "1.00", "2025-11-21 09:01:00", training=True)]

    p = gbk().init().align(1).line("日结单").align(0).line("云锦生活馆").line("营业日期：2025-11-21").line("交易笔数：87")
    p.line("销售总额：￥42,186.00").cut()
    yield "zh-z-report", "zh-generic", p, [totals("2025-11-21", 87, "42186.00")]

    # A shift is no day.
    p = gbk().init().centre("交班报表").line("班次：早班").line("收银员：0217").line("小票数：41").line("实收合计：9,330.00").cut()
    p.centre("家美超市 收银日报").line("日期:2025-11-21").row("客单数", "203").row("退货金额", "-120.00").row("净销售额", "15,630.50").cut()
    yield "zh-shift-and-day", "zh-generic", p, [SKIPPED, totals("2025-11-21", 203, "15630.50")]
