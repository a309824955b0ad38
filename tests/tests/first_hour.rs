//! The first hour of a gateway, as docs/quickstart.md tells it: init, check, run, watch.

use anyhow::Result;
use serde_json::Value;
use std::fs;
use std::time::Duration;
use system_tests::{Agent, Broker, agent, skipped};

#[test]
fn what_init_writes_passes_check_runs_and_can_be_watched() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed: the first hour is not lived through");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let at = format!("127.0.0.1:{}", broker.port());
    // From within the folder, as people do.
    let run = |args: &[&str], limit: u64| -> Result<system_tests::Finished> {
        let mut command = agent::command(args)?;
        command.current_dir(folder.path());
        Agent::start(&mut command)?.finish(Duration::from_secs(limit))
    };
    let nothing = run(&["check", "--config", "agent.toml"], 30)?;
    assert_eq!(nothing.code, Some(64), "{}", nothing.output);
    assert!(nothing.output.contains("edge-agent init writes one"), "{}", nothing.output);

    // No terminal, nothing said: everything that is missing, at once, and nothing written.
    let lacking = run(&["init", "--dir", "."], 30)?;
    assert_eq!(lacking.code, Some(64), "{}", lacking.output);
    for flag in ["--site-id", "--broker"] {
        assert!(lacking.output.contains(flag), "{}", lacking.output);
    }
    assert!(!folder.path().join("agent.toml").exists());

    let flags = ["--site-id", "first", "--timezone", "Asia/Shanghai", "--gateway", "gw-01", "--broker", &at];
    let init: Vec<&str> = ["init", "--dir", ".", "--floors", "B1,F1,F2"].into_iter().chain(flags).collect();
    let said = run(&init, 30)?.succeeded();
    assert!(said.contains("next:") && said.contains("edge-agent check"), "{said}");
    let again = run(&init, 30)?;
    assert_eq!(again.code, Some(73), "{}", again.output);

    // Whatever radios this machine has: this test does not need them, nor the right to use them.
    let path = folder.path().join("agent.toml");
    let text = fs::read_to_string(&path)?;
    let sources = text.find("# What it hears with").unwrap_or(text.len());
    fs::create_dir_all(folder.path().join("receipts"))?;
    let receipts = "[[source]]\nkind = \"folder\"\npath = \"receipts\"\n";
    fs::write(&path, format!("{}{receipts}", &text[..sources]))?;

    let checked = run(&["check", "--config", "agent.toml"], 60)?.succeeded();
    for right in ["lets us in", "may publish events", "positions were made up"] {
        assert!(checked.contains(right), "{right} in {checked}");
    }

    let mut command = agent::command(["run", "--config", "agent.toml"])?;
    let mut daemon = Agent::start(command.current_dir(folder.path()))?;
    let log = daemon.log();
    daemon.until("it is connected", Duration::from_secs(30), || log().contains("connected to the broker"));
    let state = run(&["watch", "--json", "--once", "--config", "agent.toml"], 30)?.succeeded();
    let state: Value = serde_json::from_str(state.lines().last().unwrap_or(""))?;
    assert_eq!(state["gateways"][0]["id"], "gw-01");
    assert_eq!(state["gateways"][0]["online"], true, "{state}");
    daemon.terminate()?;
    assert_eq!(daemon.finish(Duration::from_secs(30))?.code, Some(0));
    let state = run(&["watch", "--json", "--once", "--config", "agent.toml"], 30)?.succeeded();
    let state: Value = serde_json::from_str(state.lines().last().unwrap_or(""))?;
    assert_eq!(state["gateways"][0]["state"], "offline", "{state}");
    assert_eq!(state["gateways"][0]["reason"], "stopped", "{state}");
    Ok(())
}
