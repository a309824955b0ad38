//! A mall full of tills: its site map, an agent that listens to them, and what tills send.

use crate::agent::{self, Agent};
use crate::subscriber::Subscriber;
use crate::wait::wait_until;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// A deadline for what takes a moment on a machine that has nothing else to do.
pub const SOON: Duration = Duration::from_secs(60);

/// An HTTP push, a drop folder and an MQTT subscription as `[[source]]`s.
pub fn feeds(port: u16) -> String {
    format!(
        "[[source]]\nkind = \"http\"\nlisten = \"127.0.0.1:{port}\"\ntoken_file = \"tokens\"\n\n\
         [[source]]\nkind = \"folder\"\npath = \"drop\"\npoll_s = 1\nsettle_s = 1\ntill = \"t1\"\n\n\
         [[source]]\nkind = \"mqtt\"\ntopics = [\"pos/+/receipts\"]\n"
    )
}

/// The records of receipts by number, in the order they came; and the comparisons.
pub fn recorded(subscriber: &Subscriber) -> (BTreeMap<String, Vec<Value>>, Vec<Value>) {
    let record = subscriber.record();
    assert_eq!(record.malformed, [""; 0]);
    assert!(record.contradictions.is_empty(), "{:?}", record.contradictions);
    let (mut receipts, mut compared) = (BTreeMap::<String, Vec<Value>>::new(), Vec::new());
    for event in record.events.values() {
        let data = event["data"].clone();
        match event["type"].as_str() {
            Some("mall.receipt.recorded") => {
                let number = data["number"].as_str().unwrap_or("none").to_owned();
                receipts.entry(number).or_default().push(data);
            }
            Some("mall.receipt.reconciled") => compared.push(data),
            _ => {}
        }
    }
    receipts.values_mut().for_each(|of| of.sort_by_key(|r| r["revision"].as_u64()));
    (receipts, compared)
}

/// Waits until receipts with these numbers are recorded.
pub fn wait_for(subscriber: &Subscriber, numbers: &[&str]) {
    wait_until(&format!("{numbers:?} are recorded"), SOON, || {
        let (receipts, _) = recorded(subscriber);
        numbers.iter().all(|n| receipts.contains_key(*n))
    });
}

/// A bearer token.
pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// An installation that listens to tills.
pub struct Tills {
    dir: TempDir,
}

impl Tills {
    /// With this many tills, and these sources and `[receipts]` keys.
    pub fn new(broker_port: u16, tills: usize, receipts: &str, sources: &str) -> Result<Self> {
        let dir = TempDir::new()?;
        let mut site = String::from(
            "[site]\nid = \"mall\"\ntimezone = \"Asia/Shanghai\"\n\n[[floor]]\nid = \"F1\"\nlevel = 0\n\n\
             [[zone]]\nid = \"door\"\nfloor = \"F1\"\nkind = \"entrance\"\nposition = [0.0, 0.0]\n\
             neighbours = [\"shop\"]\n\n[[zone]]\nid = \"shop\"\nfloor = \"F1\"\nkind = \"shop\"\n\
             position = [10.0, 0.0]\nneighbours = [\"door\"]\n\n[[sensor]]\nid = \"S1\"\nzone = \"shop\"\n\
             position = [10.0, 0.0]\n",
        );
        for n in 0..tills {
            let _ = write!(site, "\n[[till]]\nid = \"t{n}\"\nzone = \"shop\"\nstore = \"s{n}\"\n");
        }
        fs::write(dir.path().join("site.toml"), site)?;
        fs::write(dir.path().join("tokens"), TOKEN)?;
        fs::create_dir(dir.path().join("drop"))?;
        let template = crate::data::repository().join("templates/zh-generic.toml");
        let sources = sources.replace("TEMPLATE", &template.display().to_string());
        let toml = format!(
            "gateway = \"gw-1\"\n\n[store]\ndir = \"store\"\n\n[mqtt]\nhost = \"127.0.0.1\"\nport = {broker_port}\n\n\
             [privacy]\nkey_file = \"key\"\n\n[receipts]\ncurrency = \"CNY\"\n{receipts}\n\n{sources}\n"
        );
        fs::write(dir.path().join("agent.toml"), toml)?;
        Ok(Self { dir })
    }

    /// A file of the installation.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts `edge-agent run`.
    pub fn run(&self) -> Result<Agent> {
        self.start("run")
    }

    /// Starts `edge-agent tap`.
    pub fn tap(&self) -> Result<Agent> {
        self.start("tap")
    }

    /// The command `edge-agent run` or `tap` of this installation.
    pub fn command(&self, verb: &str) -> Result<std::process::Command> {
        let mut command = agent::command([verb, "--config"])?;
        command.arg(self.path("agent.toml"));
        Ok(command)
    }

    fn start(&self, verb: &str) -> Result<Agent> {
        Agent::start(&mut self.command(verb)?)
    }
}

/// A receipt as our JSON, sold long enough ago that it is decided at once.
pub fn document(till: &str, number: &str, amount_minor: i64) -> String {
    format!(
        r#"{{"till":"{till}","number":"{number}","at":"2026-01-05T03:00:00Z","business_date":"2026-01-05","amount_minor":{amount_minor}}}"#
    )
}

/// A printed Chinese receipt in GBK; ASCII apart from the words that count.
pub fn print(number: &str, yuan: &str) -> Vec<u8> {
    let mut bytes = b"\x1b@".to_vec();
    let words: [&[u8]; 3] = [b"\xb5\xa5\xba\xc5:", b"\xc8\xd5\xc6\xda:", b"\xd3\xa6\xca\xd5:"];
    for (word, value) in words.into_iter().zip([number, "2026-01-05 11:00:00", yuan]) {
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"\n\n\x1dV\x42\x00");
    bytes
}

/// Posts a body; status and answer.
pub fn post(port: u16, path: &str, token: &str, body: &[u8]) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    Ok((status, body))
}
