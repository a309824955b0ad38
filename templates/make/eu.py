"""German, French, Spanish and Italian: decimal commas; code pages 858, 1252 and 850."""

from paper import GS, SKIPPED, Paper, sale, totals


def page(encoding, columns=42):
    """A printer told its page by ESC t."""
    number = {"cp858": 19, "cp1252": 16, "cp850": 2}[encoding]
    return Paper(encoding, columns).init().raw(b"\x1bt", bytes([number]))


def samples():
    p = page("cp858").title("Bäckerei Süß").line("Königsallee 1, 40212 Düsseldorf").line("Bon-Nr.: 4711   Kasse: 3").line("21.11.2025 18:42:07").rule()
    p.row("Brötchen 10 x 0,45", "4,50 A").row("Käsekuchen", "3,20 A").rule().raw(GS, b"!\x01").row("SUMME EUR", "7,70").raw(GS, b"!\x00")
    p.row("Gegeben BAR EUR", "20,00").row("Rückgeld EUR", "12,30").row("MwSt. 7%", "0,50").line("TSE-Transaktion: 88213").line("Vielen Dank!").cut().drawer()
    yield "eu-de-bakery", "eu-generic", p, [
        sale("4711", "7.70", "2025-11-21 18:42:07", tendered="20.00", change="12.30", tax="0.50", till="3")]

    p = page("cp1252").centre("Modehaus Förster").line("Beleg-Nr. F-2025-00912").line("Datum: 21.11.2025   Uhrzeit: 15:08").row("Wintermantel", "1.299,00")
    p.row("Rabatt 10%", "-129,90").row("Zu zahlen", "1.169,10 €").row("EC-Karte", "1.169,10 €").line("Umtausch nur mit Kassenbon innerhalb 14 Tagen").cut()
    yield "eu-de-fashion", "eu-generic", p, [sale("F-2025-00912", "1169.10", "2025-11-21 15:08:00", tendered="1169.10")]

    p = page("cp858").centre("*** STORNO ***").line("Beleg-Nr.: 4720").line("Ursprungsbeleg: 4711").line("21.11.2025 um 19:01 Uhr").row("SUMME EUR", "-7,70").cut()
    p.centre("Z-Bericht").line("Datum: 21.11.2025").row("Anzahl Belege", "188").row("Nettoumsatz", "1.842,30").cut()
    p.centre("Zwischenrechnung").line("Tisch 4").row("SUMME EUR", "30,00").cut()
    yield "eu-de-void-and-day", "eu-generic", p, [
        sale("4720", "7.70", "2025-11-21 19:01:00", kind="void", original="4711"), totals("2025-11-21", 188, "1842.30"), SKIPPED]

    p = page("cp1252").centre("Brasserie des Arènes").line("Ticket n° 00871  Caisse 2").line("Le 21/11/2025 à 13:15").row("2 x Formule midi", "37,80")
    p.row("1 x Café crème", "3,20").row("TOTAL TTC", "41,00 €").row("Espèces", "50,00 €").row("Rendu", "9,00 €").row("dont TVA 10%", "3,73 €")
    p.line("Merci de votre visite").cut()
    yield "eu-fr-brasserie", "eu-generic", p, [
        sale("00871", "41.00", "2025-11-21 13:15:00", tendered="50.00", change="9.00", tax="3.73", till="2")]

    p = page("cp858").centre("DUPLICATA").centre("Galerie Lumière").line("Facture N°: GL-2025-118").line("vendredi 21 novembre 2025 16:40").row("Lampe Art déco", "1 290,00")
    p.row("NET A PAYER", "1 290,00 €").row("CARTE BANCAIRE", "1 290,00 €").cut()
    p.centre("AVOIR").line("Facture N°: GL-2025-121").line("Facture d'origine: GL-2025-118").line("22/11/2025 10:05").row("TOTAL", "-1 290,00 €").cut()
    yield "eu-fr-copy-and-refund", "eu-generic", p, [
        sale("GL-2025-118", "1290.00", "2025-11-21 16:40:00", tendered="1290.00", reprint=True),
        sale("GL-2025-121", "1290.00", "2025-11-22 10:05:00", kind="refund", original="GL-2025-118")]

    p = page("cp850").centre("LIBRERÍA EL FARO").line("FACTURA SIMPLIFICADA").line("Nº Ticket: 25-003317").line("Fecha: 21/11/2025 Hora: 18:42").row("Cuaderno A5", "6,95")
    p.row("Bolígrafo x3", "4,50").row("TOTAL A PAGAR", "11,45").row("EFECTIVO", "20,00").row("CAMBIO", "8,55").row("IVA 21%", "1,99").line("Gracias por su compra").cut()
    yield "eu-es-bookshop", "eu-generic", p, [
        sale("25-003317", "11.45", "2025-11-21 18:42:00", tendered="20.00", change="8.55", tax="1.99")]

    p = page("cp858").centre("TRATTORIA DA LUCA").line("DOCUMENTO COMMERCIALE").row("Tagliatelle al ragù", "12,00").row("Acqua", "2,50")
    p.row("TOTALE COMPLESSIVO", "14,50").row("di cui IVA", "1,32").row("Pagamento contante", "20,00").row("Resto", "5,50").line("21-11-2025 21:10")
    p.line("DOCUMENTO N. 0057-0012").cut()
    yield "eu-it-trattoria", "eu-generic", p, [
        sale("0057-0012", "14.50", "2025-11-21 21:10:00", tendered="20.00", change="5.50", tax="1.32")]
