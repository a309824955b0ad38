"""Japan, Shift_JIS."""

from paper import SKIPPED, Paper, sale, totals


def narrow(text):
    """Half-width katakana take one column."""
    import unicodedata
    return sum(2 if unicodedata.east_asian_width(c) in "WFA" else 1 for c in text)


def sjis(columns=42):
    return Paper("cp932", columns, narrow)


def samples():
    p = sjis(32).init().raw(b"\x1c&").title("コンビニ陽光").line("東京都港区1-2-3").line("電話:03-1234-5678")
    p.line("2025年11月21日(金) 18:42").row("レジ#2", "責No.012").row("伝票番号:0057-1182", "").centre("【領収証】")
    p.row("おにぎり鮭", "￥160軽").row("緑茶 600ml", "￥151軽").row("小計", "￥311").row("(税率 8%対象", "￥311)").row("(内消費税等", "￥23)")
    p.row("合計", "￥311").row("お預り", "￥1,011").row("お釣", "￥700").line("「軽」は軽減税率対象").cut().drawer()
    yield "ja-convenience", "ja-generic", p, [
        sale("0057-1182", "311", "2025-11-21 18:42:00", tendered="1011", change="700", tax="23", till="2")]

    # Half-width katakana; the yen sign is 5Ch.
    p = sjis().init().raw(b"\x1c&").line("ﾌﾞﾃｨｯｸ ﾊﾅ").line("ﾚｼｰﾄNo:A-00912").line("2025/11/21 15:08:41").row("ﾜﾝﾋﾟｰｽ", "\\12,800")
    p.row("外税10%", "\\1,280").row("合計", "\\14,080").row("ｸﾚｼﾞｯﾄ", "\\14,080").line("会員番号:7003-1245").cut()
    yield "ja-boutique", "ja-generic", p, [
        sale("A-00912", "14080", "2025-11-21 15:08:41", tax="1280", tendered="14080", member="7003-1245")]

    # A restaurant by the era's years; money handed over and given back stand in one line.
    p = sjis().init().raw(b"\x1c&").title("居酒屋まる").line("令和7年11月21日 21時05分").line("伝票No. 331  卓 5  4名")
    p.row("生ビール x4", "￥2,400").row("焼鳥盛合せ", "￥1,980").row("税込合計", "￥4,818").line("お預かり ￥5,000  おつり ￥182").cut()
    yield "ja-izakaya", "ja-generic", p, [sale("331", "4818", "2025-11-21 21:05:00", tendered="5000", change="182")]

    p = sjis().init().raw(b"\x1c&").centre("** 再発行 **").title("返品").line("レシート番号:A-00930").line("元レシート番号:A-00912")
    p.line("2025/11/22 11:00:00").row("合計", "-￥14,080").cut()
    yield "ja-refund-copy", "ja-generic", p, [
        sale("A-00930", "14080", "2025-11-22 11:00:00", kind="refund", original="A-00912", reprint=True)]

    p = sjis().init().raw(b"\x1c&").line("キッチン 5卓").line("焼鳥盛合せ x1").cut().centre("点検レポート").row("純売上", "￥99,000").cut()
    p.centre("日計精算レポート").line("2025年11月21日").row("客数", "88").row("純売上", "￥182,400").cut()
    yield "ja-kitchen-and-day", "ja-generic", p, [SKIPPED, SKIPPED, totals("2025-11-21", 88, "182400")]
