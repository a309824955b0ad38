//! Receipts from every feed, end to end: recorded once, revised, reconciled. What is left of cards: `receipts_privacy`.
#![allow(missing_docs, clippy::unwrap_used)]

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;
use system_tests::tills::{SOON, TOKEN, document, feeds, post, print, recorded, wait_for};
use system_tests::{Broker, Random, Subscriber, Tills, free_port, skipped, wait_until};

#[test]
fn every_feed_brings_its_receipts_once_and_a_day_is_reconciled() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let (http, printer) = (free_port()?, free_port()?);
    let sources = feeds(http)
        + &format!(
            "\n[[source]]\nkind = \"printer\"\ntill = \"t2\"\nlisten = \"127.0.0.1:{printer}\"\ntemplate = \"TEMPLATE\"\n"
        );
    let mall = Tills::new(broker.port(), 3, "decide_after_s = 0", &sources)?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let mut agent = mall.run()?;
    let posted = |body: &str| post(http, "/v1/receipts", TOKEN, body.as_bytes());
    agent.until("the port is open", SOON, || TcpStream::connect(("127.0.0.1", http)).is_ok());

    // One sale, sent twice, then corrected; a void of it.
    for amount in [12_900, 12_900, 11_900] {
        assert_eq!(posted(&document("t0", "A1", amount))?.0, 200);
    }
    let void = document("t0", "A1", 11_900).replace("\"at\"", "\"type\":\"void\",\"at\"");
    assert_eq!(posted(&void)?.0, 200);
    wait_until("sale, revision and void", SOON, || {
        recorded(&subscriber).0.get("A1").is_some_and(|r| r.len() == 3)
    });
    let (receipts, _) = recorded(&subscriber);
    let of = |kind: &str| receipts["A1"].iter().filter(|r| r["type"] == kind).collect::<Vec<_>>();
    let (sales, voids) = (of("sale"), of("void"));
    assert_eq!((&sales[0]["revision"], &sales[1]["revision"]), (&0.into(), &1.into()));
    assert_eq!((&sales[0]["amount_minor"], &sales[1]["amount_minor"]), (&12_900.into(), &11_900.into()));
    let first = subscriber.record().events.iter().find(|(_, e)| &e["data"] == sales[0]).unwrap().0.clone();
    assert_eq!(sales[1]["replaces"], first);
    assert_eq!(voids[0]["takes_back"], first);

    // A folder, a topic, a printer.
    fs::write(mall.path("drop/day.csv"), "小票号,日期,金额\nC1,2026-01-05 09:00:00,88.00\nC2,never,1\n")?;
    let (client, mut connection) =
        rumqttc::Client::new(rumqttc::MqttOptions::new("pos", "127.0.0.1", broker.port()), 10);
    client.publish("pos/x/receipts", rumqttc::QoS::AtLeastOnce, false, document("t0", "M1", 100))?;
    client.publish("pos/x/receipts", rumqttc::QoS::AtLeastOnce, false, "no receipt")?;
    client.publish("pos/x/receipts", rumqttc::QoS::AtLeastOnce, false, document("t0", "M2", 100))?;
    let publishing = std::thread::spawn(move || connection.iter().take(20).for_each(drop));
    TcpStream::connect(("127.0.0.1", printer))?.write_all(&print("P1", "66.00"))?;
    wait_for(&subscriber, &["C1", "M1", "M2", "P1"]);
    client.disconnect().ok();
    drop(publishing);
    let why = mall.path("drop/failed/day.csv.why.txt");
    wait_until("the row that is wrong is told", SOON, || why.exists());
    assert!(
        fs::read_to_string(&why)?
            .starts_with("1 papers of this file were taken in, 1 could not be used:\n3: ")
    );
    let (receipts, _) = recorded(&subscriber);
    assert_eq!(receipts["P1"][0]["amount_minor"], 6_600);
    assert_eq!(receipts["P1"][0]["till"], "t2");

    // What the till says of its day: one receipt more than was heard; then that one comes.
    let z = r#"{"type":"day_totals","store":"s0","till":"t0","business_date":"2026-01-05","receipts":5,"net_minor":700}"#;
    assert_eq!(post(http, "/v1/postdailysalessummary", TOKEN, z.as_bytes())?.0, 200);
    wait_until("a comparison", SOON, || recorded(&subscriber).1.len() == 1);
    let (_, compared) = recorded(&subscriber);
    let wanted = r#"{"sales":3,"refunds":0,"voids":1,"unreadable":0,"net_minor":200}"#;
    assert_eq!(compared[0]["recorded"], serde_json::from_str::<Value>(wanted)?);
    assert_eq!((&compared[0]["missing"], &compared[0]["complete"]), (&1.into(), &false.into()));
    assert_eq!(posted(&document("t0", "A9", 500))?.0, 200);
    wait_until("it is complete", SOON, || recorded(&subscriber).1.iter().any(|c| c["complete"] == true));

    // Answers to what is wrong.
    assert_eq!(posted("{\"till\":\"t0\"}")?.0, 400);
    assert_eq!(posted(&document("nowhere", "1", 1))?.0, 422);
    assert_eq!(post(http, "/v1/receipts", "wrong", b"{}")?.0, 401);
    assert_eq!(post(http, "/v1/else", TOKEN, b"{}")?.0, 404);
    assert_eq!(
        post(http, "/v1/receipts", TOKEN, &vec![b' '; 5 << 20]).map_or(413, |(status, _)| status),
        413
    );
    agent.terminate()?;
    agent.finish(SOON)?.succeeded();
    Ok(())
}

#[test]
fn killed_again_and_again_no_receipt_is_lost_or_doubled() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    const RECEIPTS: usize = 300;
    let (http, printer) = (free_port()?, free_port()?);
    let sources = feeds(http)
        + &format!(
            "\n[[source]]\nkind = \"printer\"\ntill = \"t2\"\nlisten = \"127.0.0.1:{printer}\"\ntemplate = \"TEMPLATE\"\n"
        );
    let mall = Tills::new(broker.port(), 3, "decide_after_s = 1\ntap_socket = \"tap.sock\"", &sources)?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let mut tap = mall.tap()?;
    tap.until("the tap listens", SOON, || TcpStream::connect(("127.0.0.1", printer)).is_ok());
    for n in 0..30 {
        let rows: String = (0..10).map(|i| format!("C{n}-{i},2026-01-05 09:00:00,88.00\n")).collect();
        fs::write(mall.path(&format!("drop/{n}.csv")), format!("小票号,日期,金额\n{rows}"))?;
    }
    // A sender that tries again until it has its 200, beside tills that print once.
    let sending = std::thread::spawn(move || {
        for n in 0..RECEIPTS {
            let number = format!("H{n}");
            let body = document("t0", &number, 100);
            while !post(http, "/v1/receipts", TOKEN, body.as_bytes()).is_ok_and(|(status, _)| status == 200) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let printing = std::thread::spawn(move || -> Result<()> {
        for n in 0..RECEIPTS {
            TcpStream::connect(("127.0.0.1", printer))?.write_all(&print(&format!("P{n}"), "66.00"))?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    });
    let mut random = Random::new(7);
    let mut kills = 0;
    while kills < 15 || !sending.is_finished() || !printing.is_finished() {
        let mut agent = mall.run()?;
        let life = Duration::from_millis(random.between(100, 1_500));
        let ended = agent.wait(life)?;
        assert!(ended.is_none(), "the agent ended by itself: {}", agent.output()?);
        agent.kill()?;
        kills += 1;
        assert!(kills < 400, "the senders do not get on");
    }
    sending.join().expect("the sender lives");
    printing.join().expect("the tills live").context("a till could not print")?;
    let agent = mall.run()?;
    let expected = 2 * RECEIPTS + 300;
    wait_until("all are recorded", Duration::from_secs(60), || recorded(&subscriber).0.len() >= expected);
    let (receipts, _) = recorded(&subscriber);
    assert_eq!(receipts.len(), expected);
    let doubled: Vec<_> = receipts.iter().filter(|(_, of)| of.len() > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    eprintln!("{expected} receipts of three feeds, each once, over {kills} kills");
    // Before that, a signal ends it without a word.
    wait_until("the agent runs", SOON, || agent.output().unwrap().contains("is running"));
    for process in [agent, tap] {
        process.terminate()?;
        process.finish(SOON)?.succeeded();
    }
    Ok(())
}

#[test]
fn fifty_tills_print_through_the_proxy_while_the_agent_is_killed() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    const TILLS: usize = 50;
    // A printer that takes 20 kB a second from each till, keeps every byte, and answers status requests.
    let printer = std::net::TcpListener::bind("127.0.0.1:0")?;
    let printers = printer.local_addr()?;
    let (paper, printed) = std::sync::mpsc::channel::<Vec<u8>>();
    std::thread::spawn(move || {
        for connection in printer.incoming().flatten() {
            let paper = paper.clone();
            std::thread::spawn(move || slow_printer(connection, &paper));
        }
    });
    let ports: Vec<u16> = (0..TILLS).map(|_| free_port()).collect::<std::io::Result<_>>()?;
    let sources: String = ports
        .iter()
        .enumerate()
        .map(|(n, port)| {
            format!(
                "[[source]]\nkind = \"printer\"\ntill = \"t{n}\"\nlisten = \"127.0.0.1:{port}\"\n\
                 forward = \"{printers}\"\ntemplate = \"TEMPLATE\"\n\n"
            )
        })
        .collect();
    let mall = Tills::new(broker.port(), TILLS, "decide_after_s = 1\ntap_socket = \"tap.sock\"", &sources)?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let mut tap = mall.tap()?;
    tap.until("every port is open", SOON, || {
        ports.iter().all(|p| TcpStream::connect(("127.0.0.1", *p)).is_ok())
    });
    let tills: Vec<_> = ports
        .into_iter()
        .enumerate()
        .map(|(n, port)| {
            std::thread::spawn(move || -> Result<Vec<u8>> {
                let mut random = Random::new(n as u64);
                let mut job = Vec::new();
                // A picture full of what looks like commands, then the receipt.
                job.extend_from_slice(b"\x1b@\x1dv0\x00\x08\x00\x00\x20");
                job.extend(
                    (0..8 * 0x2000)
                        .map(|i| if i % 97 < 2 { [0x10, 0x04][i % 97] } else { random.bits() as u8 }),
                );
                job.extend(print(&format!("F{n}"), "12.00"));
                let mut till = TcpStream::connect(("127.0.0.1", port))?;
                till.set_read_timeout(Some(SOON))?;
                let mut rest = &job[..];
                while !rest.is_empty() {
                    let some = (random.between(1, 4_000) as usize).min(rest.len());
                    till.write_all(&rest[..some])?;
                    rest = &rest[some..];
                }
                // A till waits for the printer's word before it thinks the receipt printed.
                till.shutdown(std::net::Shutdown::Write)?;
                let mut answer = Vec::new();
                std::io::Read::read_to_end(&mut till, &mut answer)?;
                assert_eq!(answer, b"\x16", "till {n}");
                Ok(job)
            })
        })
        .collect();
    let mut random = Random::new(3);
    let mut kills = 0;
    while kills < 3 || !tills.iter().all(std::thread::JoinHandle::is_finished) {
        let mut agent = mall.run()?;
        std::thread::sleep(Duration::from_millis(random.between(50, 600)));
        agent.kill()?;
        kills += 1;
    }
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for till in tills {
        sent.push(till.join().expect("a till lives").context("a receipt failed to print")?);
    }
    let mut got: Vec<Vec<u8>> = printed.try_iter().filter(|job| !job.is_empty()).collect();
    sent.sort();
    got.sort();
    assert!(sent == got, "{} jobs sent, {} printed, and not the same bytes", sent.len(), got.len());
    let agent = mall.run()?;
    let numbers: Vec<String> = (0..TILLS).map(|n| format!("F{n}")).collect();
    wait_for(&subscriber, &numbers.iter().map(String::as_str).collect::<Vec<_>>());
    let (receipts, _) = recorded(&subscriber);
    assert!(receipts.values().all(|of| of.len() == 1), "one is doubled");
    assert_eq!(receipts.len(), TILLS);
    eprintln!(
        "{TILLS} tills printed {} bytes each through the tap; the agent was killed {kills} times",
        sent[0].len()
    );
    // Before that, a signal ends it without a word.
    wait_until("the agent runs", SOON, || agent.output().unwrap().contains("is running"));
    for process in [agent, tap] {
        process.terminate()?;
        process.finish(SOON)?.succeeded();
    }
    Ok(())
}

#[test]
fn a_serial_line_may_be_pulled_out_and_comes_back_under_its_name() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let source =
        "[[source]]\nkind = \"serial\"\ntill = \"t0\"\ndevice = \"by-id\"\ntemplate = \"TEMPLATE\"\n";
    let mall = Tills::new(broker.port(), 1, "decide_after_s = 0", source)?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    // A real line: the slave end of a pseudo-terminal, under a name that stays, as udev gives one.
    let plug = || -> Result<nix::pty::PtyMaster> {
        let master = nix::pty::posix_openpt(nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_NOCTTY)?;
        nix::pty::grantpt(&master)?;
        nix::pty::unlockpt(&master)?;
        let _ = fs::remove_file(mall.path("by-id"));
        std::os::unix::fs::symlink(nix::pty::ptsname_r(&master)?, mall.path("by-id"))?;
        Ok(master)
    };
    let agent = mall.run()?;
    let opened = |times: usize| {
        wait_until("the line is open", SOON, || {
            agent.output().unwrap().matches("the line is open").count() == times
        });
    };
    wait_until("it says that there is none", SOON, || {
        agent.output().unwrap().contains("cannot open the line")
    });
    let mut line = plug()?;
    opened(1);
    line.write_all(&print("S1", "10.00"))?;
    wait_for(&subscriber, &["S1"]);
    // Pulled out in the middle of a receipt; the one before it comes out with the first ink of the half.
    let half = print("S3", "20.00");
    line.write_all(&[&print("S2", "15.00"), &half[..half.len() - 12]].concat())?;
    wait_for(&subscriber, &["S2"]);
    drop(line);
    wait_for(&subscriber, &["S3"]);
    let (receipts, _) = recorded(&subscriber);
    let partial: Vec<_> = ["S1", "S2", "S3"].iter().map(|n| receipts[*n][0]["partial"].clone()).collect();
    assert_eq!(partial, [false, false, true].map(Value::from));
    let mut line = plug()?;
    opened(2);
    line.write_all(&print("S4", "30.00"))?;
    wait_for(&subscriber, &["S4"]);
    agent.terminate()?;
    agent.finish(SOON)?.succeeded();
    Ok(())
}

fn slow_printer(mut till: TcpStream, paper: &std::sync::mpsc::Sender<Vec<u8>>) {
    let mut job = Vec::new();
    let mut chunk = [0; 1_000];
    while let Ok(n) = std::io::Read::read(&mut till, &mut chunk) {
        if n == 0 {
            break;
        }
        job.extend_from_slice(&chunk[..n]);
        std::thread::sleep(Duration::from_millis(n as u64 / 20));
    }
    if !job.is_empty() {
        let _ = till.write_all(b"\x16");
    }
    let _ = paper.send(job);
}

#[test]
fn a_port_that_another_program_has_is_told_once_and_listened_on_when_it_is_free() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let (http, printer) = (free_port()?, free_port()?);
    let sources = feeds(http)
        + &format!(
            "\n[[source]]\nkind = \"printer\"\ntill = \"t2\"\nlisten = \"127.0.0.1:{printer}\"\ntemplate = \"TEMPLATE\"\n"
        );
    let taken = std::net::TcpListener::bind(("127.0.0.1", http))?;
    let mall = Tills::new(broker.port(), 3, "decide_after_s = 0\ntap_socket = \"tap.sock\"", &sources)?;
    let also_taken = std::net::TcpListener::bind(("127.0.0.1", printer))?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let (tap, agent) = (mall.tap()?, mall.run()?);
    let said = |of: &system_tests::Agent, port: u16| {
        let wanted = format!("cannot listen on 127.0.0.1:{port}: the port is in use by another program");
        of.output().unwrap_or_default().matches(&wanted).count()
    };
    wait_until("both say so", SOON, || said(&agent, http) > 0 && said(&tap, printer) > 0);
    drop((taken, also_taken));
    wait_until("both listen", SOON, || {
        [(&agent, "listening for receipts"), (&tap, "listening for tills")]
            .iter()
            .all(|(of, word)| of.output().is_ok_and(|log| log.contains(word)))
    });
    assert_eq!(post(http, "/v1/receipts", TOKEN, document("t0", "P1", 100).as_bytes())?.0, 200);
    TcpStream::connect(("127.0.0.1", printer))?.write_all(&print("P2", "1.00"))?;
    wait_for(&subscriber, &["P1", "P2"]);
    assert_eq!((said(&agent, http), said(&tap, printer)), (1, 1), "once, not every two seconds");
    for process in [agent, tap] {
        process.terminate()?;
        process.finish(SOON)?.succeeded();
    }
    Ok(())
}
