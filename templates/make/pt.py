"""Brazil: coupons of Bematech, Daruma and Sweda printers, and of those that follow Epson."""

from paper import SKIPPED, Paper, sale, totals


def samples():
    # Bematech, ESC/Bema: page 850 by ESC t 2, wide by SO, bold by ESC E and F, the cut by ESC w, the drawer by ESC v.
    p = Paper("cp850", 48).raw(b"\x1b@\x1bt\x02\x1ba1\x0e").t("PADARIA DO JOÃO").raw(b"\x14\r\n\x1ba0")
    p.t("CNPJ: 12.345.678/0001-95\r\n21/11/2025 18:42:07  CCF:000045  COO:000123\r\n").raw(b"\x1bE").t("CUPOM FISCAL").raw(b"\x1bF\r\n")
    p.t("ITEM CÓDIGO DESCRIÇÃO QTD UN VL UNIT R$ VL ITEM R$\r\n").t("001 7891000 PÃO FRANCÊS 10UN x 0,90          9,00\r\n")
    p.t("002 7892000 CAFÉ COM LEITE 1UN x 6,50        6,50\r\n").raw(b"\x1bW1").t("TOTAL R$  15,50").raw(b"\x1bW0\r\n")
    p.t("Dinheiro                                   20,00\r\nTROCO R$                                    4,50\r\n").raw(b"\x1bd\x03\x1bw\x1bv\x78")
    yield "pt-br-bematech", "pt-br-bematech", p, [
        sale("000123", "15.50", "2025-11-21 18:42:07", tendered="20.00", change="4.50")]

    # Daruma: the drawer by ESC p without parameters, a QR code by ESC 81h.
    url = b"https://nfce.example/q?p=35251112345678000195650010000012341"
    p = Paper("cp850", 48).raw(b"\x1b@\x1bt\x02\x1bj\x01").t("LOJA BEIRA MAR\n").raw(b"\x1bj\x00").t("NFC-e nº 001234 Série 001  21/11/2025 18:42:07\n")
    p.t("QTD. TOTAL DE ITENS                            3\nVALOR TOTAL R$                             62,30\nDESCONTO R$                                 2,30\n")
    p.t("VALOR A PAGAR R$                           60,00\nFORMA DE PAGAMENTO               VALOR PAGO R$\nDinheiro                                  100,00\n")
    p.t("TROCO R$                                   40,00\nConsumidor CPF 123.456.789-09\n")
    p.raw(b"\x1b\x81", (len(url) + 2).to_bytes(2, "little"), b"\x05M", url, b"\n\x1bp\x1bm")
    yield "pt-br-daruma", "pt-br-daruma", p, [
        sale("001234", "60.00", "2025-11-21 18:42:07", tendered="100.00", change="40.00")]

    # Sweda: page 860 by ESC t 4.
    p = Paper("cp860", 48).raw(b"\x1b@\x1bt\x04").t("FARMÁCIA SÃO BENTO\n2ª VIA\nCUPOM: 000987\nData: 21/11/2025  Hora: 09:15:30\n")
    p.t("ANALGÉSICO 20 COMP                         18,90\n").raw(b"\x1bW1").t("TOTAL R$ 18,90").raw(b"\x1bW0\n").t("CARTÃO DÉBITO                              18,90\n\x1bw")
    yield "pt-br-sweda", "pt-br-sweda", p, [
        sale("000987", "18.90", "2025-11-21 09:15:30", tendered="18.90", reprint=True)]

    # Epson and those that follow it; the electronic consumer invoice.
    p = Paper("cp860", 48).init().raw(b"\x1bt\x03").centre("SUPERMERCADO ESTRELA").line("DANFE NFC-e - Documento Auxiliar da Nota Fiscal")
    p.line("NFC-e nº 000045678 Série 001 21/11/2025 20:15:33").line("Caixa: 07").row("QTD. TOTAL DE ITENS", "12").row("VALOR TOTAL R$", "1.234,56")
    p.row("Cartão de Crédito", "1.234,56").line("Chave de acesso 3525 1112 3456 7800 0195 6500 1000 0456 7810 0045 6789").raw(b"\x1di").cut()
    p.init().raw(b"\x1bt\x03").line("CONFERÊNCIA DE MESA 12").row("TOTAL R$", "80,00").line("NÃO É DOCUMENTO FISCAL").cut()
    p.init().line("COZINHA - MESA 12").cut().init().raw(b"\x1bt\x03").line("CUPOM DE TROCA / DEVOLUÇÃO").line("Cupom: 000046001").line("Cupom original: 000045678")
    p.line("22/11/2025 10:00:00").row("TOTAL R$", "-34,50").cut().init().raw(b"\x1bt\x03").line("REDUÇÃO Z").line("Data do movimento: 21/11/2025")
    p.row("Cupons emitidos:", "412").row("Venda líquida R$", "18.432,10").cut()
    yield "pt-br-market", "pt-br-generic", p, [
        sale("000045678", "1234.56", "2025-11-21 20:15:33", tendered="1234.56", till="07"), SKIPPED, SKIPPED,
        sale("000046001", "34.50", "2025-11-22 10:00:00", kind="refund", original="000045678"),
        totals("2025-11-21", 412, "18432.10")]
