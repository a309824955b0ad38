//! What is wrong is said: exit code, the file or key, and never a panic.
//!
//! Exit codes are those of `edge_agent::cli::exit`, after sysexits.h: 64 configuration or command line, 65
//! bad data, 66 no input, 69 unavailable, 73 cannot create, 74 I/O, 77 permission.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use system_tests::{
    Agent, Broker, Finished, Installation, Settings, Subscriber, agent, day, free_port, is_root, skipped,
    wait_until,
};

const SOON: Duration = Duration::from_secs(30);

/// A bad invocation and what must come of it.
struct Case {
    name: &'static str,
    args: Vec<OsString>,
    exit: i32,
    /// All of these stand in the message.
    says: Vec<String>,
}

fn case<A: Into<OsString>>(
    name: &'static str,
    args: impl IntoIterator<Item = A>,
    exit: i32,
    says: &[&str],
) -> Case {
    let says = says.iter().map(|&s| s.to_owned()).collect();
    Case { name, args: args.into_iter().map(Into::into).collect(), exit, says }
}

/// Runs all cases and reports all that went wrong, not only the first.
fn check(cases: Vec<Case>) -> Result<()> {
    let mut wrong = Vec::new();
    for Case { name, args, exit, says } in cases {
        let end = match agent::run(&args, SOON) {
            Ok(end) => end,
            Err(e) => {
                wrong.push(format!("{name}: {e}"));
                continue;
            }
        };
        let mut faults = faults(&end, exit);
        faults
            .extend(says.iter().filter(|s| !end.output.contains(*s)).map(|s| format!("does not say {s:?}")));
        if !faults.is_empty() {
            wrong.push(format!("{name}: {}\n  {args:?}\n  {}", faults.join("; "), end.output.trim()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n\n{}", wrong.len(), wrong.join("\n\n"));
    Ok(())
}

fn faults(end: &Finished, exit: i32) -> Vec<String> {
    let mut faults = Vec::new();
    if end.code != Some(exit) {
        faults.push(format!("exit {:?}, not {exit}", end.code));
    }
    if end.output.contains("panicked") || end.output.contains("RUST_BACKTRACE") {
        faults.push("panicked".into());
    }
    faults
}

fn arguments(words: &[&str], files: &[&Path]) -> Vec<OsString> {
    words.iter().map(OsString::from).chain(files.iter().map(OsString::from)).collect()
}

/// An `agent.toml` that is right but for what `change` does to it.
fn spoilt(installation: &Installation, name: &str, change: impl Fn(&str) -> String) -> Result<PathBuf> {
    let right = fs::read_to_string(installation.config())?;
    let text = change(&right);
    assert_ne!(text, right, "{name}: the change changes nothing");
    let path = installation.path(name);
    fs::write(&path, text)?;
    Ok(path)
}

#[test]
fn a_bad_command_line_or_configuration_exits_64_and_names_the_key() -> Result<()> {
    let there = Installation::new(2, 1, &Settings::new(free_port()?))?;
    let run = |path: &Path| arguments(&["run", "--config"], &[path]);
    let unknown_key = spoilt(&there, "unknown-key.toml", |t| t.replace("checkpoint_s", "checkpoints"))?;
    let bad_value = spoilt(&there, "bad-value.toml", |t| t.replace("\"pseudonymous\"", "\"pseudonym\""))?;
    let bad_source = spoilt(&there, "bad-source.toml", |t| t.replace("\"replay\"", "\"telepathy\""))?;
    let two_faults = spoilt(&there, "two-faults.toml", |t| {
        t.replace("port = ", "port = 1234567 # ").replace("\"pseudonymous\"", "7")
    })?;
    let two_speeds = spoilt(&there, "two-speeds.toml", |t| {
        format!("{t}\n[[source]]\nkind = \"replay\"\npaths = [\"day.jsonl\"]\nspeed = 3.5\n")
    })?;
    let no_syntax = spoilt(&there, "no-syntax.toml", |t| t.replacen('=', "==", 1))?;
    let other_site = spoilt(&there, "other-site.toml", |t| t.replace("site.toml", "bad-site.toml"))?;
    fs::write(
        there.path("bad-site.toml"),
        fs::read_to_string(there.path("site.toml"))?.replacen("\"F2-LIFT\"", "\"F9-LIFT\"", 1),
    )?;
    let junk = there.path("junk.toml");
    fs::write(&junk, [0xFF, 0x00, 0xFE, 0x80, b'\n'].repeat(500))?;
    check(vec![
        case("unknown command", ["frobnicate"], 64, &["frobnicate"]),
        case("unknown option", ["run", "--no-such-option"], 64, &["--no-such-option"]),
        case("missing argument", ["run"], 64, &["--config"]),
        case("unknown key", run(&unknown_key), 64, &["unknown-key.toml", "checkpoints"]),
        case("bad value", run(&bad_value), 64, &["bad-value.toml", "privacy.mode", "pseudonymous"]),
        case("unknown source", run(&bad_source), 64, &["bad-source.toml", "telepathy", "replay"]),
        case("two faults at once", run(&two_faults), 64, &["two-faults.toml", "mqtt.port", "privacy.mode"]),
        case("sources at two speeds", run(&two_speeds), 64, &["source.speed", "3.5"]),
        case("no TOML", run(&no_syntax), 64, &["no-syntax.toml"]),
        case("binary junk as configuration", run(&junk), 64, &["junk.toml"]),
        case("broken site map", run(&other_site), 64, &["bad-site.toml", "F9-LIFT"]),
        case("check finds the same", arguments(&["check", "--config"], &[&other_site]), 64, &["F9-LIFT"]),
        case(
            "check finds no broker",
            arguments(&["check", "--config"], &[&there.config()]),
            64,
            &["127.0.0.1"],
        ),
    ])
}

#[test]
fn bad_data_exits_65_and_missing_recordings_66() -> Result<()> {
    let there = Installation::new(2, 1, &Settings::new(1))?;
    let site = there.path("site.toml");
    let file = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
        let path = there.path(name);
        fs::write(&path, bytes)?;
        Ok(path)
    };
    let replay = |path: &Path, more: &[&str]| {
        let mut args = arguments(&["replay", "--site"], &[&site, path]);
        args.extend(more.iter().map(OsString::from));
        args
    };
    let sensor = ["--sensor", "F1-HALL-S"];
    let gzip_header: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let truncated_gzip = file("cut.jsonl.gz", &[gzip_header, &[0xAB; 40][..]].concat())?;
    let junk = file("junk.jsonl", &[0x00, 0xFF, 0x13, 0x80, b'\n'].repeat(4_000))?;
    // Little-endian pcap 2.4, radiotap; then one record header that claims 4 GiB.
    let pcap_header = |link: u8| {
        [&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0][..], &[link, 0, 0, 0]]
            .concat()
    };
    let huge_record = file("huge.pcap", &[&pcap_header(127)[..], &[0xFF; 64][..]].concat())?;
    let ethernet = file("ethernet.pcap", &pcap_header(1))?;
    let radiotap = file("empty.pcap", &pcap_header(127))?;
    let half_good = file("half-good.jsonl", &{
        let mut text = fs::read(there.path("day.jsonl"))?;
        text.splice(0..0, *b"{\"at\":\"yesterday\",\"kind\":\"wifi\"}\n");
        text
    })?;
    let nowhere = there.path("nowhere.jsonl");
    check(vec![
        case("missing log", replay(&nowhere, &[]), 66, &["nowhere.jsonl"]),
        case(
            "missing site map",
            arguments(&["replay", "--site"], &[&there.path("no-site.toml"), &half_good]),
            64,
            &["no-site.toml"],
        ),
        case(
            "missing configuration",
            arguments(&["run", "--config"], &[&there.path("no-agent.toml")]),
            64,
            &["no-agent.toml"],
        ),
        case(
            "missing store",
            arguments(&["outbox", "stats", "--store"], &[&there.path("no-store")]),
            66,
            &["no-store"],
        ),
        case("binary junk as log", replay(&junk, &[]), 65, &["junk.jsonl"]),
        case("cut gzip", replay(&truncated_gzip, &[]), 65, &["cut.jsonl.gz"]),
        case("one bad line", replay(&half_good, &[]), 65, &["half-good.jsonl", "1"]),
        case("pcap record without end", replay(&huge_record, &sensor), 65, &["huge.pcap"]),
        case("pcap of a wired network", replay(&ethernet, &sensor), 65, &["ethernet.pcap"]),
        case("pcap nobody has heard", replay(&radiotap, &[]), 64, &["--sensor"]),
        case("unknown sensor", replay(&radiotap, &["--sensor", "F7-S99"]), 64, &["F7-S99"]),
        case(
            "output in no folder",
            replay(&there.path("day.jsonl"), &["--events", "/nowhere/at/all"]),
            73,
            &["/nowhere/at/all"],
        ),
        case(
            "output to a full device",
            replay(&there.path("day.jsonl"), &["--events", "/dev/full"]),
            74,
            &["/dev/full"],
        ),
    ])
}

#[test]
fn bad_lines_cost_only_themselves() -> Result<()> {
    let there = Installation::new(20, 4, &Settings::new(1))?;
    let (good, bad) = (there.path("good-events.jsonl"), there.path("bad-events.jsonl"));
    let mut text = fs::read_to_string(there.path("day.jsonl"))?;
    text.push_str("not json\n{\"kind\":\"wifi\"}\n\n{\"at\":1}\n");
    fs::write(there.path("spoilt.jsonl"), text)?;
    for (day, events, exit) in [("day.jsonl", &good, 0), ("spoilt.jsonl", &bad, 65)] {
        let mut args = arguments(&["replay", "--site"], &[&there.path("site.toml"), &there.path(day)]);
        args.extend([OsString::from("--events"), events.into()]);
        let end = agent::run(&args, SOON)?;
        assert_eq!(end.code, Some(exit), "{day}: {}", end.output);
    }
    let good = fs::read_to_string(good)?;
    assert!(!good.is_empty());
    assert_eq!(good, fs::read_to_string(bad)?, "bad lines changed the events");
    Ok(())
}

#[test]
fn a_taken_port_is_named_with_the_option_that_changes_it() -> Result<()> {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = taken.local_addr()?.port().to_string();
    check(vec![case("port taken", ["demo", "--seconds", "1", "--port", &port], 69, &[&port, "--port"])])
}

#[test]
fn a_store_that_another_agent_holds_is_left_alone() -> Result<()> {
    // Nobody listens on this port: the first agent waits for its broker and holds its store.
    let settings = Settings { speed: 1.0, ..Settings::new(free_port()?) };
    let there = Installation::new(5, 1, &settings)?;
    let mut first = there.start()?;
    let broker = format!("127.0.0.1:{}", settings.broker_port);
    // It speaks of its broker only after it has opened its store.
    wait_until("the first agent looks for its broker", SOON, || {
        first.output().is_ok_and(|o| o.contains(&broker)) || !first.is_running().unwrap_or(false)
    });
    assert!(first.is_running()?, "the first agent ended:\n{}", first.output()?);
    let store = there.store().display().to_string();
    check(vec![
        case("second run", arguments(&["run", "--config"], &[&there.config()]), 69, &[&store]),
        case(
            "outbox beside a run",
            arguments(&["outbox", "stats", "--store"], &[&there.store()]),
            69,
            &[&store],
        ),
    ])?;
    assert!(first.is_running()?, "the first agent did not survive:\n{}", first.output()?);
    first.terminate()?;
    first.finish(SOON)?.succeeded();
    Ok(())
}

#[test]
fn a_broker_that_refuses_costs_no_event() -> Result<()> {
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    broker.stop()?;
    let settings = Settings { speed: day::DAY_SECONDS / 5.0, ..Settings::new(broker.port()) };
    let there = Installation::new(20, 6, &settings)?;
    let mut agent = there.start()?;
    assert!(agent.wait(Duration::from_secs(8))?.is_none(), "it gave up:\n{}", agent.output()?);
    agent.terminate()?;
    let log = agent.finish(SOON)?.succeeded();
    let address = format!("127.0.0.1:{}", broker.port());
    assert!(log.contains(&address), "the log does not say which broker ({address}) is away:\n{log}");

    broker.resume()?;
    let subscriber = Subscriber::start(broker.port(), "mall/#")?;
    there.configure(&Settings::new(broker.port()))?;
    there.run_to_end(Duration::from_secs(120))?.succeeded();
    wait_until("what waited has arrived", SOON, || subscriber.record().of_kind("visit.exited") > 0);
    let record = subscriber.record();
    let resent =
        record.messages.iter().filter(|(_, p)| String::from_utf8_lossy(p).contains("\"resent\":true"));
    assert!(resent.count() > 0, "what was queued by the first run is not marked as resent");
    Ok(())
}

#[test]
fn a_store_that_may_not_be_written_is_named() -> Result<()> {
    let there = Installation::new(2, 1, &Settings::new(free_port()?))?;
    let in_a_file = Settings { store: Some(there.path("site.toml").join("store")), ..Settings::new(1) };
    there.configure(&in_a_file)?;
    check(vec![case(
        "store below a file",
        arguments(&["run", "--config"], &[&there.config()]),
        73,
        &["site.toml/store"],
    )])?;

    there.configure(&Settings::new(free_port()?))?;
    fs::create_dir(there.store())?;
    let end = as_nobody(&there)?;
    let faults = faults(&end, 77);
    assert!(faults.is_empty(), "{faults:?}\n{}", end.output);
    assert!(end.output.contains(&there.store().display().to_string()), "{}", end.output);
    Ok(())
}

/// Runs the installation as somebody who may read it all and write nothing in its store.
fn as_nobody(there: &Installation) -> Result<Finished> {
    let folder = there.path("");
    if !is_root() {
        fs::set_permissions(there.store(), Permissions::from_mode(0o555))?;
        return there.run_to_end(SOON);
    }
    // Root may write everywhere: become nobody, with a binary that nobody can reach. The folder around the
    // store is nobody's, so that a key can be made there; the store is not.
    let _ = fs::remove_file(there.path("key"));
    let binary = there.path("edge-agent");
    fs::copy(agent::binary()?, &binary).context("copying the binary")?;
    fs::set_permissions(&binary, Permissions::from_mode(0o755))?;
    const NOBODY: u32 = 65_534;
    std::os::unix::fs::chown(&folder, Some(NOBODY), None)?;
    let mut command = std::process::Command::new(binary);
    command.args(["run", "--config"]).arg(there.config()).uid(NOBODY).gid(NOBODY).current_dir(folder);
    Agent::start(&mut command)?.finish(SOON)
}
