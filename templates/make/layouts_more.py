"""Still more layouts in other languages, as text."""

CASES = [
    ("en-generic", """
GREENLEAF GROCERS
12 Mill Lane, Leeds
Tel 0113 496 0000
Cashier: Tom   Till: 07   Trans: 004512
Apples 1.2kg        3.60
Oat milk            1.95
Multibuy saving    -0.55
5 items
BALANCE DUE        £5.00
CASH              £10.00
CHANGE             £5.00
04/02/2026 09:41
""", {"kind": "sale", "number": "004512", "total": "5.00", "at": "2026-02-04 09:41:00", "tendered": "10.00", "change": "5.00", "till": "07"}),
    ("en-generic", """
Receipt No. INV-2026/0091
Issued 4 February 2026, 14:05
Linen shirt           A$89.00
Subtotal              A$89.00
GST (10% incl.)        A$8.09
Total AUD             A$89.00
Mastercard **** 4821  A$89.00
""", {"kind": "sale", "number": "INV-2026/0091", "total": "89.00", "at": "2026-02-04 14:05:00", "tax": "8.09"}),
    ("en-generic", """
SPICE ROUTE
GSTIN 29ABCDE1234F1Z5
Token No: 44
Bill No: B-10233     Date: 04-Feb-26
Time: 21:15          Cashier: Ravi
Biryani   2   360.00
Lassi     1    80.00
Total Qty: 3
Sub Total     440.00
CGST @2.5%     11.00
SGST @2.5%     11.00
NET AMOUNT    462.00
UPI           462.00
""", {"kind": "sale", "number": "B-10233", "total": "462.00", "at": "2026-02-04 21:15:00"}),
    ("en-us", """
PINE STREET CAFE
Order 118   Dine In
Feb 4, 2026 8:14 AM
1 Pancakes      9.50
1 Coffee        3.00
Subtotal       12.50
Tax             1.09
Tip             2.50
Total          16.09
Amex x1009     16.09
""", {"kind": "sale", "number": "118", "total": "16.09", "at": "2026-02-04 08:14:00", "tax": "1.09"}),
    ("en-us", """
HARDWARE DEPOT
Store: 0455  Reg: 12  Trn: 8893
02/04/2026 17:31
HAMMER 16OZ       14.97
  SUBTOTAL        14.97
  SALES TAX        1.24
  TOTAL          $16.21
XXXXXXXXXXXX4411 VISA
   USD$ 16.21
AUTH CODE 009123
""", {"kind": "sale", "number": "8893", "total": "16.21", "at": "2026-02-04 17:31:00", "tax": "1.24", "till": "12"}),
    ("en-generic", """
CREDIT NOTE
CN No: CN-0031
Against invoice: INV-2026/0091
05/02/2026 10:00
Linen shirt  -89.00
TOTAL  -89.00
""", {"kind": "refund", "number": "CN-0031", "total": "89.00", "at": "2026-02-05 10:00:00", "original": "INV-2026/0091"}),
    ("en-generic", """
THIS IS NOT A TAX INVOICE
Table 9
Total 55.00
""", {"skipped": True}),
    ("en-generic", """
X READ
Total 500.00
""", {"skipped": True}),
    ("en-generic", """
Daily Z-Report #0211
Business date: 04/02/2026
No. of sales 77
Total sales 2,310.40
""", {"day": "2026-02-04", "receipts": 77, "net": "2310.40"}),
    ("eu-generic", """
Drogerie Lindt
Filiale 12  Kasse 02
Shampoo          2,95 A
Seife            1,25 A
                -------
Gesamtsumme EUR   4,20
Barzahlung EUR   10,00
Zurück EUR        5,80
04.02.26 09:15  Beleg 88121
""", {"kind": "sale", "number": "88121", "total": "4.20", "at": "2026-02-04 09:15:00", "tendered": "10.00", "change": "5.80", "till": "02"}),
    ("eu-generic", """
RESTAURANT ALPENBLICK
Rechnung 2026-0144  Tisch 7
04.02.2026 20:31
1 Schnitzel        18,50
1 Bier              4,20
Total CHF          22,70
MwSt 8.1%           1,70
Kartenzahlung      22,70
""", {"kind": "sale", "number": "2026-0144", "total": "22.70", "at": "2026-02-04 20:31:00", "tendered": "22.70", "tax": "1.70"}),
    ("eu-generic", """
LE PETIT MARCHÉ
Reçu n° 55012
04/02/26 11:20:05
Fromage          7,80
Pain             1,30
Sous-total       9,10
Remise          -0,10
TOTAL            9,00 €
Espèces         10,00 €
Monnaie rendue   1,00 €
""", {"kind": "sale", "number": "55012", "total": "9.00", "at": "2026-02-04 11:20:05", "tendered": "10.00", "change": "1.00"}),
    ("eu-generic", """
PHARMACIE DU CENTRE
FACTURE 2026-3391
Mercredi 4 février 2026 16h05
Doliprane     2,18
MONTANT TTC   2,18
CARTE         2,18
""", {"kind": "sale", "number": "2026-3391", "total": "2.18", "at": "2026-02-04 16:05:00", "tendered": "2.18"}),
    ("eu-generic", """
BAR LA ESQUINA
TICKET: 000871   MESA: 4
04-02-2026 22:10
2 CAÑA       4,00
1 TAPA       3,50
TOTAL EUROS  7,50
ENTREGADO   10,00
CAMBIO       2,50
""", {"kind": "sale", "number": "000871", "total": "7.50", "at": "2026-02-04 22:10:00", "tendered": "10.00", "change": "2.50"}),
    ("eu-generic", """
CAFFÈ CENTRALE
SCONTRINO N. 0117
04/02/2026 08:02
CAPPUCCINO    1,60
CORNETTO      1,40
TOTALE        3,00
CONTANTE      5,00
RESTO         2,00
""", {"kind": "sale", "number": "0117", "total": "3.00", "at": "2026-02-04 08:02:00", "tendered": "5.00", "change": "2.00"}),
    ("eu-generic", """
GUTSCHRIFT
Beleg-Nr. 88130
Originalbeleg 88121
05.02.2026 10:02
Shampoo  -2,95
Summe EUR -2,95
""", {"kind": "refund", "number": "88130", "total": "2.95", "at": "2026-02-05 10:02:00", "original": "88121"}),
    ("eu-generic", """
Küchenbon
Tisch 7
1 Schnitzel
""", {"skipped": True}),
    ("eu-generic", """
Tagesabschluss
04.02.2026
Anzahl Bons: 231
Umsatz gesamt: 4.120,55
""", {"day": "2026-02-04", "receipts": 231, "net": "4120.55"}),
    ("zh-hant-generic", """
好味茶餐廳
單號：0088   枱：5
04/02/2026 12:31
常餐A        52
熱奶茶        0
合共         $52
收           $100
找回          $48
""", {"kind": "sale", "number": "0088", "total": "52.00", "at": "2026-02-04 12:31:00", "change": "48.00"}),
    ("zh-hant-generic", """
美美服飾
銷售單號 S260204-031
2026/02/04 16:40:12
洋裝   1   1,980
折扣          -198
應收金額     1,782
信用卡       1,782
""", {"kind": "sale", "number": "S260204-031", "total": "1782.00", "at": "2026-02-04 16:40:12", "tendered": "1782.00"}),
    ("zh-hant-generic", """
電子發票證明聯補印
115年01-02月
CD-11223344
2026-02-04 19:20:01
隨機碼 0917  總計 88
""", {"kind": "sale", "number": "CD-11223344", "total": "88.00", "at": "2026-02-04 19:20:01", "reprint": True}),
    ("ja-generic", """
スーパーみどり
2026年02月04日(水)18時42分
レジ0003 No.0551
牛乳        ¥218
パン        ¥158
小計        ¥376
外税 8%      ¥30
合計        ¥406
現金        ¥1,006
お釣り       ¥600
""", {"kind": "sale", "number": "0551", "total": "406", "at": "2026-02-04 18:42:00", "tendered": "1006", "change": "600", "tax": "30", "till": "0003"}),
    ("ja-generic", """
カフェ木陰
伝票:0091 テーブル:3
2026/02/04 15:10
ケーキセット  ¥980
お会計        ¥980
PayPay        ¥980
""", {"kind": "sale", "number": "0091", "total": "980", "at": "2026-02-04 15:10:00", "tendered": "980"}),
    ("ko-generic", """
한강분식
주문번호: 0031
2026-02-04 12:20:15
떡볶이      5,000
김밥        3,500
합계금액    8,500
카드        8,500
""", {"kind": "sale", "number": "0031", "total": "8500", "at": "2026-02-04 12:20:15", "tendered": "8500"}),
    ("ko-generic", """
영 수 증
상호: 푸른서점   POS:02
거래일시: 2026/02/04 17:05
전표번호 A-7712
소설책 1  14,000
받을금액: 14,000원
현금: 20,000원
거스름돈: 6,000원
""", {"kind": "sale", "number": "A-7712", "total": "14000", "at": "2026-02-04 17:05:00", "tendered": "20000", "change": "6000", "till": "02"}),
    ("pt-br-generic", """
PADARIA SOL
Data: 04/02/2026 07:41:22
Pedido Nº 5521
PAO FRANCES 0,300KG   4,50
CAFE                  5,00
TOTAL                 9,50
DINHEIRO             10,00
TROCO                 0,50
""", {"kind": "sale", "number": "5521", "total": "9.50", "at": "2026-02-04 07:41:22", "tendered": "10.00", "change": "0.50"}),
    ("pt-br-generic", """
DANFE NFC-e
Nº: 000099812  Série: 1
Emissão: 04/02/2026 19:05:10
Qtde. total de itens     4
Valor total R$       88,40
Desconto R$           8,40
Valor a Pagar R$     80,00
Cartão de Débito     80,00
""", {"kind": "sale", "number": "000099812", "total": "80.00", "at": "2026-02-04 19:05:10", "tendered": "80.00"}),
]
