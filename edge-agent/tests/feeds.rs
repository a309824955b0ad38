//! Feeds against real sockets and files, with a pipeline that keeps nothing, keeps late, or keeps at once.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../tests/src/ports.rs"]
#[allow(unreachable_pub)]
mod ports;

use edge_agent::config::{FolderSettings, HttpSettings, PrinterSettings};
use edge_agent::feeds::folder::{self, Folder};
use edge_agent::feeds::http::{self, Push};
use edge_agent::feeds::tap::queue::Queue;
use edge_agent::feeds::tap::{Line, Tap, listen, socket};
use edge_agent::feeds::{Board, Delivery, Intake, Paper};
use edge_agent::supervise::Beat;
use gateway::pos::push;
use gateway::pos::template::Template;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use visit_core::observation::Currency;
use visit_core::site::TillIx;

const RECEIPT: &str =
    r#"{"till":"t","number":"1","at":"2025-11-21T01:00:00Z","amount_minor":100,"currency":"CNY"}"#;

fn defaults() -> push::Settings {
    push::Settings { zone: None, currency: Currency::new("CNY"), till_known: true }
}

fn free() -> std::net::SocketAddr {
    (std::net::Ipv4Addr::LOCALHOST, ports::free_port().unwrap()).into()
}

/// Answers that everything is durable.
fn keep(delivery: Delivery) -> Vec<Paper> {
    let papers: Vec<Paper> = delivery.arrivals.into_iter().map(|a| a.paper).collect();
    delivery.done.send(papers.iter().map(|_| Ok(())).collect()).unwrap();
    papers
}

async fn until(what: &str, mut fact: impl FnMut() -> bool) {
    for _ in 0..500 {
        if fact() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within ten seconds: {what}");
}

async fn http_feed(dir: &Path) -> (std::net::SocketAddr, Receiver<Delivery>, CancellationToken) {
    let (intake, deliveries) = Intake::new();
    let (listen, cancel) = (free(), CancellationToken::new());
    std::fs::write(dir.join("tokens"), "short\n0123456789abcdef\n").unwrap();
    let settings =
        HttpSettings { listen, token_file: dir.join("tokens"), tls: None, till: None, currency: None };
    let report = Board::default().reporter("http", "http");
    let feed = Push { settings, defaults: defaults(), till: Some(TillIx(0)), intake, report };
    tokio::spawn(http::listen(feed, cancel.clone()));
    for _ in 0..500 {
        if TcpStream::connect(listen).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (listen, deliveries, cancel)
}

async fn request(to: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(token: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /v1/receipts HTTP/1.1\r\nHost: g\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_listened_on_as_soon_as_it_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let (for_http, for_printer) = (free(), free());
    let taken = [for_http, for_printer].map(|at| std::net::TcpListener::bind(at).unwrap());
    let (board, cancel) = (Board::default(), CancellationToken::new());
    tokio::spawn(listen(
        vec![tap(for_printer, None)],
        Queue::default(),
        board.clone(),
        cancel.clone(),
        Beat::default(),
    ));
    let (intake, _deliveries) = Intake::new();
    let settings = HttpSettings {
        listen: for_http,
        token_file: dir.path().join("tokens"),
        tls: None,
        till: None,
        currency: None,
    };
    let report = board.reporter("http", "http");
    let feed = Push { settings, defaults: defaults(), till: None, intake, report };
    tokio::spawn(http::listen(feed, cancel.clone()));
    for (name, at) in [("http", for_http), ("printer t", for_printer)] {
        let told = || {
            let state = board.states().get(name).cloned().unwrap_or_default();
            let wanted = [format!("cannot listen on {at}"), "in use by another program".into()];
            !state.up && state.problem.is_some_and(|p| wanted.iter().all(|w| p.contains(w)))
        };
        until("what is wrong is in the health", told).await;
    }
    drop(taken);
    for (name, at) in [("http", for_http), ("printer t", for_printer)] {
        until("it listens", || board.states()[name].up && board.states()[name].problem.is_none()).await;
        connect(at).await;
    }
    cancel.cancel();
}

#[tokio::test]
async fn http_says_200_only_when_it_is_durable_and_503_when_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (at, mut deliveries, _cancel) = http_feed(dir.path()).await;
    let token = "0123456789abcdef";
    // The pipeline drops it: nothing was kept.
    let answer = tokio::spawn(async move { request(at, &post(token, RECEIPT)).await });
    drop(deliveries.recv().await.unwrap());
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.to_lowercase().contains("retry-after"), "{answer}");
    // It takes its time: the answer does, too.
    let mut answer = tokio::spawn(async move { request(at, &post(token, RECEIPT)).await });
    let delivery = deliveries.recv().await.unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(200), &mut answer).await.is_err(),
        "answered too soon"
    );
    assert_eq!(keep(delivery).len(), 1);
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
    // Tokens: a short one is none; one that is added counts at once.
    assert!(request(at, &post("short", RECEIPT)).await.starts_with("HTTP/1.1 401"));
    assert!(request(at, &post("fedcba9876543210", RECEIPT)).await.starts_with("HTTP/1.1 401"));
    std::fs::write(dir.path().join("tokens"), "fedcba9876543210").unwrap();
    let answer = tokio::spawn(async move { request(at, &post("fedcba9876543210", RECEIPT)).await });
    keep(deliveries.recv().await.unwrap());
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn http_survives_whatever_a_socket_may_bring() {
    let dir = tempfile::tempdir().unwrap();
    let (at, mut deliveries, _cancel) = http_feed(dir.path()).await;
    let twice = "POST /v1/receipts HTTP/1.1\r\nHost: g\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab";
    for garbage in
        [&b"\x00\xff\xfe"[..], b"GET", b"GET / HTTP/9.9\r\n\r\n", twice.as_bytes(), &[b'a'; 100_000]]
    {
        let mut stream = TcpStream::connect(at).await.unwrap();
        let _ = stream.write_all(garbage).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{garbage:?}");
    }
    // A body that is cut off is never taken for a whole one.
    let mut cut = post("0123456789abcdef", RECEIPT);
    cut.truncate(cut.len() - 5);
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(&cut).await.unwrap();
    drop(stream);
    let answer = tokio::spawn(async move { request(at, &post("0123456789abcdef", RECEIPT)).await });
    assert_eq!(keep(deliveries.recv().await.unwrap()).len(), 1);
    assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(deliveries.try_recv().is_err());
}

#[tokio::test]
async fn a_file_stays_until_all_of_it_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (intake, mut deliveries) = Intake::new();
    let settings = FolderSettings {
        path: dir.path().to_owned(),
        poll: Duration::from_millis(20),
        settle: Duration::from_millis(60),
        keep_days: 1,
        till: None,
        currency: None,
        encoding: None,
        columns: Vec::new(),
    };
    let report = Board::default().reporter("folder", "folder");
    let feed = Folder { settings, defaults: defaults(), till: Some(TillIx(0)), intake, report };
    let cancel = CancellationToken::new();
    let at = |name: &str| dir.path().join(name);
    // Under way, hidden, a link out of the folder, a folder: left alone.
    for name in ["a.jsonl.tmp", ".b.jsonl", "c.part"] {
        std::fs::write(at(name), RECEIPT).unwrap();
    }
    std::os::unix::fs::symlink("/etc/hostname", at("link.jsonl")).unwrap();
    std::fs::create_dir(at("deep.jsonl")).unwrap();
    std::fs::write(at("day.jsonl"), format!("{RECEIPT}\n{RECEIPT}\nno json\n")).unwrap();
    tokio::spawn(folder::watch(feed, cancel.clone()));
    let delivery = deliveries.recv().await.unwrap();
    assert_eq!(delivery.arrivals.len(), 2);
    assert!(at("day.jsonl").exists());
    drop(delivery);
    assert_eq!(keep(deliveries.recv().await.unwrap()).len(), 2, "it comes again");
    until("the file is moved", || at("failed/day.jsonl").exists() && !at("day.jsonl").exists()).await;
    let why = std::fs::read_to_string(at("failed/day.jsonl.why.txt")).unwrap();
    assert!(why.contains("\n3: "), "{why}");
    // The same name again, and this time nothing is wrong.
    std::fs::write(at("next"), RECEIPT).unwrap();
    std::fs::rename(at("next"), at("day.jsonl")).unwrap();
    keep(deliveries.recv().await.unwrap());
    until("the file is done", || at("done/day.jsonl").exists()).await;
    // A table of door counts.
    std::fs::write(at(".doors"), "at,zone,entered,left\n2025-11-21T10:00:00Z,F1-E1,3,1\nnoon,F1-E1,1,0\n")
        .unwrap();
    std::fs::rename(at(".doors"), at("doors.csv")).unwrap();
    let counts = keep(deliveries.recv().await.unwrap());
    assert!(matches!(counts[..], [Paper::Door(_)]), "{counts:?}");
    until("what is wrong is told", || at("failed/doors.csv.why.txt").exists()).await;
    assert!(
        std::fs::read_to_string(at("failed/doors.csv.why.txt")).unwrap().contains("\n3: `at` is not a time")
    );
    for name in ["a.jsonl.tmp", ".b.jsonl", "c.part", "link.jsonl", "deep.jsonl"] {
        assert!(at(name).symlink_metadata().is_ok(), "{name}");
    }
    assert!(deliveries.try_recv().is_err());
    cancel.cancel();
}

fn tap(listen: std::net::SocketAddr, forward: Option<String>) -> Tap {
    let settings = PrinterSettings { till: "t".into(), listen, forward, template: None };
    Tap { line: Line::Printer(settings), template: std::sync::Arc::new(Template::none()) }
}

async fn connect(to: std::net::SocketAddr) -> TcpStream {
    for _ in 0..500 {
        if let Ok(stream) = TcpStream::connect(to).await {
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing listens at {to}");
}

#[tokio::test]
async fn every_byte_goes_through_the_proxy_both_ways_and_half_closed_stays_half_closed() {
    let printer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, queue, cancel) = (free(), Queue::default(), CancellationToken::new());
    let forward = printer.local_addr().unwrap().to_string();
    let board = Board::default();
    tokio::spawn(listen(
        vec![tap(at, Some(forward))],
        queue.clone(),
        board.clone(),
        cancel.clone(),
        Beat::default(),
    ));
    let mut till = connect(at).await;
    let (mut paper, _) = printer.accept().await.unwrap();
    let job: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let reply: Vec<u8> = job.iter().rev().copied().collect();
    let sent = {
        let job = job.clone();
        tokio::spawn(async move {
            for chunk in job.chunks(977) {
                till.write_all(chunk).await.unwrap();
            }
            till.shutdown().await.unwrap();
            let mut back = Vec::new();
            till.read_to_end(&mut back).await.unwrap();
            back
        })
    };
    let mut printed = Vec::new();
    paper.read_to_end(&mut printed).await.unwrap();
    assert!(printed == job, "other bytes were printed");
    paper.write_all(&reply).await.unwrap();
    drop(paper);
    assert!(sent.await.unwrap() == reply, "other bytes came back");
    until("all was copied", || board.states()["printer t"].bytes == job.len() as u64).await;
    cancel.cancel();
}

#[tokio::test]
async fn while_the_printer_is_off_the_till_is_told_as_it_would_be_without_us() {
    let (at, cancel, board) = (free(), CancellationToken::new(), Board::default());
    let off = free().to_string();
    tokio::spawn(listen(
        vec![tap(at, Some(off.clone()))],
        Queue::default(),
        board.clone(),
        cancel.clone(),
        Beat::default(),
    ));
    let mut till = connect(at).await;
    let mut nothing = Vec::new();
    let _ = till.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    until("it is told", || board.states()["printer t"].problem.as_ref().is_some_and(|p| p.contains(&off)))
        .await;
    cancel.cancel();
}

#[tokio::test]
async fn in_place_of_a_printer_status_requests_are_answered_and_pictures_are_not_taken_for_them() {
    let (at, queue, cancel, board) = (free(), Queue::default(), CancellationToken::new(), Board::default());
    tokio::spawn(listen(vec![tap(at, None)], queue.clone(), board.clone(), cancel.clone(), Beat::default()));
    let mut till = connect(at).await;
    till.write_all(b"\x10\x04\x01").await.unwrap();
    let mut answer = [0];
    till.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [0x16]);
    // At the end of a receipt, in one packet with it; and what older tills ask.
    till.write_all(&[&[b'x'; 200][..], b"\n\x10\x04\x01\x10\x04\x04\x1dr\x01\x1bv"].concat()).await.unwrap();
    let mut answers = [9; 4];
    till.read_exact(&mut answers).await.unwrap();
    assert_eq!(answers, [0x16, 0x12, 0, 0]);
    let mut picture = b"\x1b@\x1dv0\x00\x0a\x00\x0a\x00".to_vec();
    picture.extend([0x10, 0x04, 0x01].iter().cycle().take(100));
    let (first, second) = picture.split_at(50);
    till.write_all(first).await.unwrap();
    // A request in the middle of a picture, by itself, is one.
    tokio::time::timeout(Duration::from_secs(10), async {
        // By itself: the bytes before it have been read.
        until("they have been read", || board.states()["printer t"].bytes == 3 + 212 + 50).await;
        till.write_all(b"\x10\x04\x01").await.unwrap();
        till.read_exact(&mut answer).await.unwrap();
    })
    .await
    .unwrap();
    assert_eq!(answer, [0x16]);
    till.write_all(second).await.unwrap();
    till.shutdown().await.unwrap();
    let mut more = Vec::new();
    till.read_to_end(&mut more).await.unwrap();
    assert_eq!(more, b"");
    until("text and picture are papers", || queue.len() == 2).await;
    cancel.cancel();
}

#[tokio::test]
async fn the_socket_is_the_owners_alone_survives_garbage_and_sends_again_what_was_not_acknowledged() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tap.sock");
    std::fs::write(&path, "stale").unwrap();
    let (queue, board, cancel) = (Queue::default(), Board::default(), CancellationToken::new());
    let listener = socket::bind(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    tokio::spawn(socket::serve(listener, queue.clone(), board, cancel.clone()));
    assert!(socket::bind(&path).unwrap_err().to_string().contains("another tap"));
    let printed = gateway::pos::escpos::end::Printed { lines: vec!["x".into()], ..Default::default() };
    for _ in 0..3 {
        queue.push(&"printer t".into(), visit_core::time::Timestamp::from_micros(1), printed.clone());
    }
    let session = |path: std::path::PathBuf, last: u64, say: &'static [u8]| async move {
        let mut daemon = UnixStream::connect(path).await.unwrap();
        let mut seen = String::new();
        let mut chunk = [0; 4096];
        while !seen.contains(&format!("\"seq\":{last},")) {
            let n = daemon.read(&mut chunk).await.unwrap();
            assert!(n > 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&chunk[..n]));
        }
        daemon.write_all(say).await.unwrap();
        seen
    };
    let seen = session(path.clone(), 3, b"{\"ack\":1}\n\xff\xff garbage\n").await;
    assert!(seen.starts_with("{\"hello\":1}\n") && seen.contains("\"seq\":1,"), "{seen}");
    until("the first is acknowledged", || queue.len() == 2).await;
    let seen = session(path.clone(), 3, b"{\"ack\":3}\n").await;
    assert!(!seen.contains("\"seq\":1,") && seen.contains("\"seq\":2,"), "{seen}");
    until("all are", || queue.is_empty()).await;
    cancel.cancel();
}
