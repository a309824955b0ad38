"""More layouts in other languages, as text: what a template sees once the printer's commands are gone."""

CASES = [
    ("en-generic", """
CORNER EXPRESS
HIGH ST
VAT NO: 000000000
MILK 2PT         £1.20
BREAD            £0.95
TOTAL            £2.15
CASH             £5.00
CHANGE DUE       £2.85
21/06/23 18:42
STORE 3211 TILL 4 TRAN 8812
""", {"kind": "sale", "number": "8812", "total": "2.15", "at": "2023-06-21 18:42:00", "tendered": "5.00", "change": "2.85", "till": "4"}),
    ("en-us", """
        BIG MART
  ST# 02341 OP# 009044 TE# 44 TR# 01301
BREAD        007225003712   2.88
SUBTOTAL     2.88
TAX 1  7.000 %  0.20
TOTAL        3.08
CASH TEND    5.00
CHANGE DUE   1.92
# ITEMS SOLD 1
TC# 7890 1234 5678 9012
06/21/23   18:42:11
""", {"kind": "sale", "number": "01301", "total": "3.08", "at": "2023-06-21 18:42:11", "tendered": "5.00", "change": "1.92"}),
    ("en-us", """
Joe's Diner
Server: Amy   Table 12
Check: 20045
06/21/2023 7:15 PM
Burger   12.00
Fries     4.00
Subtotal 16.00
Sales Tax 1.32
Total    17.32
Tip: ______
Balance Due 17.32
""", {"kind": "sale", "number": "20045", "total": "17.32", "at": "2023-06-21 19:15:00", "tax": "1.32"}),
    ("en-generic", """
TAX INVOICE
Coffee Bar Pty Ltd
ABN 12 345 678 901
Invoice: 000781
Wed 21 Jun 2023 08:15 AM
Latte x2     $9.00
TOTAL (inc GST)   $9.00
GST included      $0.82
EFTPOS            $9.00
""", {"kind": "sale", "number": "000781", "total": "9.00", "at": "2023-06-21 08:15:00", "tendered": "9.00", "tax": "0.82"}),
    ("en-generic", """
Receipt
Order ID: 5F3A-22
2023-06-21T18:42:11
Item A   10.00
Discount -1.00
Amount due 9.00
Paid by card 9.00
Customer copy
""", {"kind": "sale", "number": "5F3A-22", "total": "9.00", "at": "2023-06-21 18:42:11", "tendered": "9.00"}),
    ("en-generic", """
RETURN
Receipt # 991
Original Receipt # 870
21/06/2023 12:00
Shirt  -20.00
Total  -20.00
""", {"kind": "refund", "number": "991", "total": "20.00", "at": "2023-06-21 12:00:00", "original": "870"}),
    ("en-generic", """
Bill No 1207
Date : 21-06-2023
Time : 20:15:44
Paneer Tikka   250.00
Naan  2        80.00
Sub Total      330.00
CGST 2.5%        8.25
SGST 2.5%        8.25
Round off        0.50
Grand Total    347.00
""", {"kind": "sale", "number": "1207", "total": "347.00", "at": "2023-06-21 20:15:44"}),
    ("en-generic", """
*** REPRINT ***
Ticket No: T-100
21/06/2023 10:00
Total: 15.50
Card: 15.50
""", {"kind": "sale", "number": "T-100", "total": "15.50", "at": "2023-06-21 10:00:00", "tendered": "15.50", "reprint": True}),
    ("en-generic", """
Kitchen
Table 4
1 Soup
""", {"skipped": True}),
    ("en-generic", """
END OF DAY REPORT
Date 21/06/2023
Receipts 88
Net Sales 1,204.50
""", {"day": "2023-06-21", "receipts": 88, "net": "1204.50"}),
    ("eu-generic", """
Markt am Platz GmbH
UID Nr.: DE000000000
            EUR
MILCH       1,19 B
BROT        2,49 B
---------
SUMME  EUR  3,68
Geg. BAR EUR 5,00
Rückgeld BAR EUR 1,32
21.06.2023   18:42   Bon-Nr.:4471
Markt:0123  Kasse:4  Bed.:101010
""", {"kind": "sale", "number": "4471", "total": "3.68", "at": "2023-06-21 18:42:00", "tendered": "5.00", "change": "1.32", "till": "4"}),
    ("eu-generic", """
Café am Ring
Rechnung Nr. 2023/00441
21.06.2023 10:15:00
2 Melange     9,80
1 Apfelstrudel 5,20
Gesamtbetrag EUR 15,00
bar 15,00
""", {"kind": "sale", "number": "2023/00441", "total": "15.00", "at": "2023-06-21 10:15:00", "tendered": "15.00"}),
    ("eu-generic", """
MARCHE DU COIN
TICKET N°: 1234 CAISSE: 002
BAGUETTE       1,10
LAIT           1,05
TOTAL A PAYER  2,15 EUR
CB EMV         2,15 EUR
21/06/2023 18:42:11
""", {"kind": "sale", "number": "1234", "total": "2.15", "at": "2023-06-21 18:42:11", "tendered": "2.15", "till": "002"}),
    ("eu-generic", """
MERCADO S.A.
FACTURA SIMPLIFICADA: 2345-012-678901
21/06/2023 18:42  OP: 123
1 PAN     0,60
TOTAL (€)  0,60
TARJETA BANCARIA 0,60
""", {"kind": "sale", "number": "2345-012-678901", "total": "0.60", "at": "2023-06-21 18:42:00", "tendered": "0.60"}),
    ("eu-generic", """
MERCATO DI VIA
DOCUMENTO COMMERCIALE
di vendita o prestazione
LATTE  1,49
TOTALE EURO 1,49
CONTANTI 2,00
RESTO 0,51
21/06/23 18:42  DOC.N. 0441-0023
""", {"kind": "sale", "number": "0441-0023", "total": "1.49", "at": "2023-06-21 18:42:00", "tendered": "2.00", "change": "0.51"}),
    ("zh-hant-generic", """
同樂超級市場
收據編號:0123-456-7890
21/06/2023 18:42
牛奶   22.90
總額 HKD 22.90
八達通 22.90
""", {"kind": "sale", "number": "0123-456-7890", "total": "22.90", "at": "2023-06-21 18:42:00", "tendered": "22.90"}),
    ("zh-hant-generic", """
好味樂
單號 A123
日期 2023/06/21 12:30
焗豬扒飯 56
總計 $56
現金 $100
找續 $44
""", {"kind": "sale", "number": "A123", "total": "56.00", "at": "2023-06-21 12:30:00", "tendered": "100.00", "change": "44.00"}),
    ("zh-hant-generic", """
街角商店
電子發票證明聯
112年05-06月
XY-87654321
2023-06-21 18:42:11
隨機碼:9876 總計:135
賣方:12345678
""", {"kind": "sale", "number": "XY-87654321", "total": "135.00", "at": "2023-06-21 18:42:11"}),
    ("ja-generic", """
まちかど商店
2023年 6月21日(水) 18:42
レジ#1 責:012 レシート 0441-0023
おにぎり   ￥130
合計       ￥130
(内消費税等 ￥9)
お預り     ￥200
お釣り      ￥70
""", {"kind": "sale", "number": "0441-0023", "total": "130", "at": "2023-06-21 18:42:00", "tendered": "200", "change": "70", "tax": "9", "till": "1"}),
    ("ja-generic", """
領収書
No. 00871
2023/06/21 20:15
ご飲食代として
合計金額 ￥5,500-
(内消費税 ￥500)
現金 ￥6,000
釣銭 ￥500
""", {"kind": "sale", "number": "00871", "total": "5500", "at": "2023-06-21 20:15:00", "tendered": "6000", "change": "500", "tax": "500"}),
    ("ko-generic", """
골목 커피
[영수증] 2023-06-21 18:42:11
주문번호 A-21
카페라떼 1 5,000
합 계 5,000
신용카드 5,000
""", {"kind": "sale", "number": "A-21", "total": "5000", "at": "2023-06-21 18:42:11", "tendered": "5000"}),
    ("pt-br-generic", """
MERCADO BOM PRECO LTDA
CNPJ 12.345.678/0001-90
Extrato No. 004521
CUPOM FISCAL ELETRÔNICO - SAT
ARROZ 5KG 1 UN X 25,90   25,90
TOTAL R$   25,90
Dinheiro   30,00
Troco R$    4,10
21/06/2023 18:42:11
""", {"kind": "sale", "number": "004521", "total": "25.90", "at": "2023-06-21 18:42:11", "tendered": "30.00", "change": "4.10"}),
    ("pt-br-generic", """
LANCHONETE X
Venda: 8812
Data: 21/06/2023 Hora: 12:15
X-Burger 15,00
Valor Total: R$ 15,00
Pix: R$ 15,00
""", {"kind": "sale", "number": "8812", "total": "15.00", "at": "2023-06-21 12:15:00", "tendered": "15.00"}),
]
