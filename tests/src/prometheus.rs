//! A Prometheus server that scrapes agents, and is asked as Grafana asks it.

use crate::ports::free_port;
use crate::wait::wait_until;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A server with a folder of its own, ended with its value.
pub struct Prometheus {
    process: Child,
    port: u16,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes these loopback ports every second as the job `edge-agent`, with these rules.
    pub fn start(targets: &[u16], rules: &Path) -> Result<Self> {
        let (dir, port) = (TempDir::new()?, free_port()?);
        let targets: Vec<String> = targets.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{:?}]\n\
             scrape_configs: [{{ job_name: edge-agent, static_configs: [{{ targets: [{}] }}] }}]\n",
            fs::canonicalize(rules)?,
            targets.join(", ")
        );
        fs::write(dir.path().join("prometheus.yml"), config)?;
        let log = dir.path().join("log");
        let process = Command::new("prometheus")
            .current_dir(dir.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start prometheus")?;
        let server = Self { process, port, _dir: dir };
        wait_until("Prometheus is ready", Duration::from_secs(60), || {
            server.get("/-/ready").is_ok_and(|(code, _)| code == 200)
        });
        Ok(server)
    }

    /// What a panel gets for an expression: the last minute, a second a step; or now.
    pub fn query(&self, expr: &str, instant: bool) -> Result<Vec<Value>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let path = if instant {
            format!("/api/v1/query?time={now}&query={}", encoded(expr))
        } else {
            format!("/api/v1/query_range?start={}&end={now}&step=1&query={}", now - 60, encoded(expr))
        };
        let data = self.api(&path).with_context(|| expr.to_owned())?;
        Ok(data["result"].as_array().context("no result")?.clone())
    }

    /// The values of a label, as `label_values(series, label)` of a variable asks for them.
    pub fn label_values(&self, series: &str, label: &str) -> Result<Value> {
        self.api(&format!("/api/v1/label/{label}/values?match[]={}", encoded(series)))
    }

    /// The `data` of a request that succeeds.
    pub fn api(&self, path: &str) -> Result<Value> {
        let (code, body) = self.get(path)?;
        ensure!(code == 200, "Prometheus says {code}: {body}");
        Ok(serde_json::from_str::<Value>(&body)?["data"].take())
    }

    /// HTTP/1.0: the answer comes in one piece.
    fn get(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
        let code = head.split(' ').nth(1).context("no status")?.parse()?;
        Ok((code, body.to_owned()))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02x}");
        out
    })
}
