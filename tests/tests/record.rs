//! `record --receipts`, end to end: what feeds bring is in the file before they hear of it, without the numbers of people, and
//! is replayed. What radios hear: `radios`.
#![allow(missing_docs, clippy::unwrap_used)]

use anyhow::Result;
use std::fs;
use std::net::TcpStream;
use system_tests::agent::{self, Agent};
use system_tests::tills::{SOON, TOKEN, document, post};
use system_tests::{Tills, free_port, wait_until};

const MEMBER: &str = "13800000500";

#[test]
fn receipts_and_door_counts_are_recorded_before_they_are_acknowledged_and_replayed() -> Result<()> {
    let http = free_port()?;
    let sources = format!(
        "[[source]]\nkind = \"http\"\nlisten = \"127.0.0.1:{http}\"\ntoken_file = \"tokens\"\n\n\
         [[source]]\nkind = \"folder\"\npath = \"drop\"\npoll_s = 1\nsettle_s = 1\ntill = \"t1\"\n"
    );
    // There is no broker: a recording needs none.
    let mall = Tills::new(free_port()?, 2, "", &sources)?;
    let record = |out: &str, more: &[&str]| -> Result<Agent> {
        let mut command = mall.command("record")?;
        command.arg("--out").arg(mall.path(out)).args(more);
        Agent::start(&mut command)
    };
    let refused = record("none.jsonl", &[])?.finish(SOON)?;
    assert_eq!(refused.code, Some(64));
    assert!(refused.output.contains("--receipts records the feeds"), "{}", refused.output);
    assert!(!mall.path("none.jsonl").exists());

    let sale = |number: &str| {
        document("t0", number, 12_900).replace("\"number\"", &format!("\"member\":\"{MEMBER}\",\"number\""))
    };
    for (out, more) in [("own.jsonl", &["--receipts"][..]), ("raw.jsonl", &["--receipts", "--raw"])] {
        let mut recording = record(out, more)?;
        recording.until("the port is open", SOON, || TcpStream::connect(("127.0.0.1", http)).is_ok());
        let text = || fs::read_to_string(mall.path(out)).unwrap();
        for number in ["A1", "A2"] {
            assert_eq!(post(http, "/v1/receipts", TOKEN, sale(number).as_bytes())?.0, 200);
            assert!(
                text().contains(&format!("\"number\":\"{number}\"")),
                "acknowledged, so it is on the disk"
            );
        }
        fs::write(
            mall.path("drop/doors.csv"),
            "at,zone,entered,left\n2026-01-05T03:05:00Z,door,3,1\n2026-01-05T03:10:00Z,shop,2,0\n",
        )?;
        wait_until("the counts are recorded", SOON, || text().matches("\"kind\":\"count\"").count() == 2);
        assert!(text().contains("\"zone\":\"shop\""), "{}", text());
        recording.terminate()?;
        let output = recording.finish(SOON)?.succeeded();
        assert!(output.contains("and nowhere else"), "{output}");
        assert_eq!(text().contains(MEMBER), more.contains(&"--raw"));

        let (site, events) = (mall.path("site.toml"), mall.path("events.jsonl"));
        let file = mall.path(out);
        let args = ["replay".as_ref(), "--site".as_ref(), site.as_os_str(), "--events".as_ref()];
        let args = [&args[..], &[events.as_os_str(), file.as_os_str()]].concat();
        let output = agent::run(args, SOON)?.succeeded();
        assert!(output.contains(&format!("yielded {}", text().lines().count())), "{output}");
        let events = fs::read_to_string(&events)?;
        assert_eq!(events.matches("mall.receipt.recorded").count(), 2, "{events}");
        assert!(events.contains("\"number\":\"A2\"") && !events.contains(MEMBER), "{events}");
        assert!(events.contains("\"business_date\":\"2026-01-05\""), "{events}");
    }
    Ok(())
}
