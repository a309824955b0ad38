//! What tills print, push and drop holds cards, phones and member numbers: none of them is left anywhere.
#![allow(missing_docs, clippy::unwrap_used)]

use anyhow::Result;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use system_tests::canary::Hunt;
use system_tests::tills::{SOON, TOKEN, document, feeds, post, print, recorded};
use system_tests::{Broker, Subscriber, Tills, free_port, skipped, wait_until};

/// What must be left nowhere: cards of several issuers and lengths, a member, phones, and the token of senders.
const CARDS: [&str; 6] = [
    "4111111111111111",
    "6225880212345673",
    "378282246310005",
    "30569309025904",
    "6212345678901234569",
    "2223003122003222",
];
const MEMBER: &str = "88006612399";
const PHONE: &str = "13812345678";

#[test]
fn no_card_phone_or_member_number_is_left_anywhere() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let (http, printer) = (free_port()?, free_port()?);
    let sources = feeds(http).replace("settle_s", "keep_days = 0\nsettle_s")
        + &format!(
            "\n[[source]]\nkind = \"printer\"\ntill = \"t2\"\nlisten = \"127.0.0.1:{printer}\"\ntemplate = \"TEMPLATE\"\n\n\
             [log]\nlevel = \"trace\"\n"
        );
    let mall = Tills::new(broker.port(), 3, "decide_after_s = 0", &sources)?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let mut agent = mall.run()?;
    agent.until("the port is open", SOON, || TcpStream::connect(("127.0.0.1", http)).is_ok());
    let mut hunt = Hunt::default();
    CARDS.iter().chain([&MEMBER, &PHONE, &TOKEN]).for_each(|text| hunt.text(text));
    hunt.text("4111 1111 1111 1111");
    let mut answers = Vec::new();
    let mut posted = |path: &str, body: &str| -> Result<u16> {
        let (status, answer) = post(http, path, TOKEN, body.as_bytes())?;
        answers.push(answer);
        Ok(status)
    };
    // In JSON: number, item, code, tender, member, names and fields nobody knows; what cannot be read is not echoed.
    let (card, other, more_cards) = (CARDS[0], CARDS[1], CARDS[3..].join(" "));
    let more = format!(
        r#""member":"{MEMBER}","items":[{{"name":"gift {PHONE} {more_cards}","code":"{other}","amount_minor":100}}],"tenders":[{{"kind":"card {other}","amount_minor":100}}],"note":"{card}","deep":{{"pan":["{card}"]}},"at""#
    );
    assert_eq!(posted("/v1/receipts", &document("t0", card, 100).replace("\"at\"", &more))?, 200);
    assert_eq!(
        posted("/v1/receipts", &document("t0", "x", 1).replace("1}", &format!("\"{card}x\"}}")))?,
        400
    );
    assert_eq!(posted("/v1/receipts", &document(card, "x", 1))?, 422);
    let refund =
        document("t0", "R9", 1).replace("\"at\"", &format!(r#""type":"refund","refers_to":"{other}","at""#));
    assert_eq!(posted("/v1/receipts", &refund)?, 200);
    let mall_shape = format!(
        r#"{{"salestotal":{{"storecode":"s0","tillid":"t0","txdocno":"{other}","txdate_yyyymmdd":"20260105","txtime_hhmmss":"110000","salestype":"SA","vipcode":"{PHONE}","netamount":1,"cashier":"{card}"}},"salesitems":[{{"itemname":"{card}","netamount":1}}],"salestenders":[{{"tendercode":"{other}","payamount":1}}]}}"#
    );
    assert_eq!(posted("/v1/postsalescreate", &mall_shape)?, 200);
    // In print: in the text, split over chunks, by commands and blanks, as the receipt's number, in codes.
    let mut paper = print(CARDS[2], "5.00");
    let mut text = format!("card 4111 1111 1111 1111\nphone {PHONE}\n").into_bytes();
    text.extend(b"\xbb\xe1\xd4\xb1\xbf\xa8:"); // 会员卡
    text.extend(MEMBER.bytes());
    text.extend(b"\n6225\x1bE\x018802\x1bE\x001234 5673\n\x1dk\x49\x12{B");
    text.extend(CARDS[0].bytes());
    text.extend(b"\x1d(k\x13\x001P0");
    text.extend(CARDS[1].bytes());
    text.extend(b"\x1d(k\x03\x001Q0");
    paper.splice(2..2, text);
    let mut till = TcpStream::connect(("127.0.0.1", printer))?;
    for byte in paper {
        till.write_all(&[byte])?;
    }
    drop(till);
    // A kitchen slip and a report of a day with a card on it.
    let slip = format!("\x1b@Kitchen\n{card}\n\x1dV\x00").into_bytes();
    TcpStream::connect(("127.0.0.1", printer))?.write_all(&slip)?;
    // In POSLog, posted and dropped as a file, whole and broken off; in tables whose rows are right and wrong.
    let poslog = format!(
        r#"<POSLog xmlns="http://www.nrf-arts.org/IXRetail/namespace/"><Transaction><RetailStoreID>s1</RetailStoreID><WorkstationID>t1</WorkstationID><SequenceNumber>77</SequenceNumber><BusinessDayDate>2026-01-05</BusinessDayDate><EndDateTime>2026-01-05T10:00:00</EndDateTime><CurrencyCode>CNY</CurrencyCode><TransactionID>{card}</TransactionID><RetailTransaction><LineItem><Sale><ItemID>{other}</ItemID><Description>card {card}</Description><ExtendedAmount>9.00</ExtendedAmount></Sale></LineItem><LineItem><Tender TenderType="CreditDebit"><Amount>9.00</Amount><CreditDebit><PrimaryAccountNumber>{card}</PrimaryAccountNumber></CreditDebit></Tender></LineItem><Total TotalType="TransactionGrandAmount">9.00</Total><LoyaltyAccount><LoyaltyAccountID>{MEMBER}</LoyaltyAccountID></LoyaltyAccount></RetailTransaction></Transaction></POSLog>"#
    );
    assert_eq!(posted("/v1/poslog", &poslog)?, 200);
    assert_eq!(posted("/v1/poslog", &format!("<POSLog><Transaction>{card}<{card}/></x>"))?, 400);
    fs::write(mall.path("drop/log.xml"), poslog.replace("77", "78"))?;
    fs::write(mall.path("drop/cut.xml"), &poslog[..poslog.len() - 60])?;
    let rows = format!(
        "小票号,日期,金额,会员\n{card},2026-01-05 09:00:00,88.00,{MEMBER}\nC2,{card},1.00,\nC3,2026-01-05 09:00:00,{card}0000,\n"
    );
    fs::write(mall.path(&format!("drop/{PHONE}.csv")), rows)?;
    fs::write(mall.path("drop/lines.jsonl"), format!("{{\"till\":\"t1\",\"number\":\"{card}\n{card}\n"))?;
    // Over MQTT, what cannot be read.
    let (client, mut connection) =
        rumqttc::Client::new(rumqttc::MqttOptions::new("pos", "127.0.0.1", broker.port()), 10);
    client.publish("pos/x/receipts", rumqttc::QoS::AtLeastOnce, false, format!("{{\"till\":\"{card}\"}}"))?;
    let publishing = std::thread::spawn(move || connection.iter().take(6).for_each(drop));

    wait_until("all are recorded", SOON, || {
        recorded(&subscriber).0.values().map(Vec::len).sum::<usize>() >= 7
    });
    for name in ["log.xml", "cut.xml", "lines.jsonl", &format!("{PHONE}.csv")] {
        wait_until("the file is gone", SOON, || !mall.path("drop").join(name).exists());
    }
    wait_until("the message that cannot be read is told", SOON, || {
        agent.output().is_ok_and(|log| log.contains("a message cannot be read"))
    });
    agent.terminate()?;
    let log = agent.finish(SOON)?.succeeded();
    client.disconnect().ok();
    drop(publishing);
    // The trace was on, or there was nothing to search.
    assert!(log.contains("TRACE") && log.contains("a file was taken in"), "{}", &log[..log.len().min(2_000)]);
    assert_eq!(hunt.search(log.as_bytes()), [""; 0], "in the log");
    for answer in &answers {
        assert_eq!(hunt.search(answer.as_bytes()), [""; 0], "{answer}");
    }
    for (topic, payload) in &subscriber.record().messages {
        assert_eq!(hunt.search(payload), [""; 0], "on {topic}");
    }
    let (found, bytes) = hunt.search_folder(&mall.path("store"))?;
    assert_eq!((found, bytes > 0), (vec![], true), "in the store");
    let mut whys = 0;
    for entry in fs::read_dir(mall.path("drop/failed"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "txt") {
            whys += 1;
            assert_eq!(hunt.search(&fs::read(&path)?), [""; 0], "in {}", path.display());
        }
    }
    assert!(whys >= 3, "{whys} explanations");
    Ok(())
}
