"""Korea, EUC-KR (CP949)."""

from paper import SKIPPED, Paper, sale, totals


def cp949(columns=42):
    return Paper("cp949", columns)


def samples():
    p = cp949().init().title("[영수증]").line("카페 온도 강남점").line("영수증번호: 20251121-01-0057").line("판매일시: 2025-11-21 18:42:07")
    p.line("POS: 01   담당: 김").rule().row("아메리카노  2", "9,000").row("치즈케이크  1", "6,500").rule().row("합계금액", "15,500")
    p.row("부가세", "1,409").row("받을금액", "15,500").row("받은금액", "20,000").row("거스름돈", "4,500").line("회원번호: 8800661234").cut().drawer()
    yield "ko-cafe", "ko-generic", p, [
        sale("20251121-01-0057", "15500", "2025-11-21 18:42:07", tendered="20000", change="4500", tax="1409", till="01",
             member="8800661234")]

    p = cp949().init().line("한빛마트 (매장:031)").line("[판매] 2025년 11월 21일 오후 6:42").line("거래번호 : 0031-002219").row("우유 1L", "2,980")
    p.row("총구매액", "2,980").row("결제대상금액", "2,980").line("신용카드 전표 1234-56**-****-7890").row("승인금액", "2,980").cut()
    yield "ko-mart", "ko-generic", p, [sale("0031-002219", "2980", "2025-11-21 18:42:00", tendered="2980")]

    p = cp949().init().title("반 품").line("영수증번호: 20251122-01-0003").line("원거래번호: 20251121-01-0057").line("2025-11-22 10:00:00")
    p.row("합계", "-15,500").line("* 재발행 *").cut()
    yield "ko-refund-copy", "ko-generic", p, [
        sale("20251122-01-0003", "15500", "2025-11-22 10:00:00", kind="refund", original="20251121-01-0057", reprint=True)]

    p = cp949().init().line("주방 주문서 3번").line("치즈케이크 1").cut().centre("일 마감 정산지").line("영업일자: 2025-11-21").row("거래건수", "214")
    p.row("순매출액", "1,832,400").cut()
    yield "ko-kitchen-and-day", "ko-generic", p, [SKIPPED, totals("2025-11-21", 214, "1832400")]
