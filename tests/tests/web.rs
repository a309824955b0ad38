//! The operators' page and `/metrics`: the real binary, in a real browser where there is one.
#![allow(missing_docs, clippy::unwrap_used)]

use anyhow::Result;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use system_tests::http::get;
use system_tests::tills::SOON;
use system_tests::{Agent, Installation, Settings, agent, free_port, has_program, skipped, wait_until};

fn now(port: u16) -> Value {
    serde_json::from_str(&get(port, "/api/v1/now", "").1).unwrap_or_default()
}

/// The value of a metric without labels.
fn metric(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

fn web_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web")
}

fn chromium() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| has_program(name))
}

#[test]
fn the_page_works_in_a_browser_for_everybody_and_says_when_the_gateway_is_gone() -> Result<()> {
    let Some(chromium) = chromium() else {
        skipped("chromium is not installed: nobody looks at the web page");
        return Ok(());
    };
    if !has_program("node") || !web_folder().join("node_modules/puppeteer-core").is_dir() {
        skipped(
            "node, or its packages (npm ci --prefix tests/web), are missing: nobody looks at the web page",
        );
        return Ok(());
    }
    let (broker, web) = (free_port()?, free_port()?);
    let (broker, port) = (broker.to_string(), web.to_string());
    let args = ["demo", "--port", &broker, "--web-port", &port, "--speed", "120"];
    let demo = Agent::start(&mut agent::command(args)?)?;
    wait_until("figures of the mall", Duration::from_secs(60), || !now(web)["flow"]["site"].is_null());

    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = std::env::split_paths(&path).map(|dir| dir.join(chromium)).find(|p| p.is_file());
    let mut node = Command::new("node");
    node.arg(web_folder().join("page.mjs")).arg(format!("http://127.0.0.1:{web}/"));
    node.arg(demo.id().to_string()).arg(program.unwrap_or_else(|| chromium.into()));
    node.args(std::env::var_os("EDGE_AGENT_WEB_PICTURES"));
    let said = Agent::start(&mut node)?.finish(Duration::from_secs(240))?.succeeded();
    println!("{said}");
    drop(demo);
    Ok(())
}

/// A gateway with a node that is not there and a broker that is not there.
fn ailing(web: u16, rest: &str) -> Result<Installation> {
    let installation = Installation::new(1, 1, &Settings::new(free_port()?))?;
    let text = std::fs::read_to_string(installation.config())?;
    let text = text.replace(
        "kind = \"replay\"\npaths = [\"day.jsonl\"]\nspeed = 0.000\n",
        "kind = \"node\"\nsensor = \"F1-DOOR-S\"\ndevice = \"/dev/serial/by-id/not-there\"\n",
    );
    std::fs::write(installation.config(), format!("{text}\n[web]\nlisten = \"127.0.0.1:{web}\"\n{rest}"))?;
    Ok(installation)
}

#[test]
fn a_deaf_gateway_without_a_broker_says_so_and_the_same_everywhere() -> Result<()> {
    let web = free_port()?;
    let installation = ailing(web, "")?;
    let mut agent = installation.start()?;
    agent.until("the page tells what is wrong", SOON, || {
        let alarms = now(web)["alarms"].clone();
        let told = |id: &str| {
            alarms
                .as_array()
                .is_some_and(|a| a.iter().any(|alarm| alarm["id"] == id && alarm["detail"].is_string()))
        };
        told("gateway-deaf") && told("broker-gone")
    });
    let now = now(web);
    let deaf: Vec<_> = now["sensors"].as_array().unwrap().iter().filter(|s| s["state"] == "deaf").collect();
    assert!(
        deaf.len() == 1 && deaf[0]["ears"][0]["problem"].as_str().unwrap().contains("not-there"),
        "{now}"
    );
    assert_eq!(now["live"], true);
    let (code, metrics) = get(web, "/metrics", "");
    assert_eq!(code, 200);
    assert!(
        metrics.contains("edge_agent_ear_up{ear=\"node F1-DOOR-S\",sensor=\"F1-DOOR-S\",kind=\"node\"} 0"),
        "{metrics}"
    );
    assert_eq!(metric(&metrics, "edge_agent_broker_connected"), Some(0.0));
    assert!(metric(&metrics, "process_resident_memory_bytes").unwrap() > 1e6);
    Ok(())
}

#[test]
fn with_a_token_nothing_is_told_without_it() -> Result<()> {
    let web = free_port()?;
    let installation = ailing(web, "token_file = \"tokens\"\n")?;
    std::fs::write(installation.path("tokens"), "a-token-that-nobody-guesses\n")?;
    let mut agent = installation.start()?;
    agent.until("the page is there", SOON, || get(web, "/login", "").0 == 200);
    for path in ["/api/v1/now", "/metrics", "/events"] {
        assert_eq!(get(web, path, "").0, 401, "{path}");
    }
    let bearer = "Authorization: Bearer a-token-that-nobody-guesses\r\n";
    assert_eq!(get(web, "/api/v1/now", bearer).0, 200);
    Ok(())
}

#[test]
fn open_to_the_network_without_a_token_does_not_start() -> Result<()> {
    let installation = ailing(free_port()?, "")?;
    let text = std::fs::read_to_string(installation.config())?;
    std::fs::write(installation.config(), text.replace("listen = \"127.0.0.1:", "listen = \"0.0.0.0:"))?;
    let end = installation.start()?.finish(SOON)?;
    assert_eq!(end.code, Some(64), "{}", end.output);
    assert!(
        end.output.contains("web.token_file: is missing") && end.output.contains("open to the network"),
        "{}",
        end.output
    );
    Ok(())
}

#[test]
fn a_port_that_is_taken_keeps_nobody_from_work() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let installation = ailing(taken.local_addr()?.port(), "")?;
    let mut agent = installation.start()?;
    let log = agent.log();
    agent.until("it says so and goes on", SOON, || {
        let log = log();
        log.contains("the web page: cannot listen") && log.contains("is running")
    });
    drop(taken);
    agent.terminate()?;
    assert_eq!(agent.finish(SOON)?.code, Some(0));
    Ok(())
}
