//! The CRM samples of docs/examples/crm, each against a real broker and a stream of real events: with duplicates, late and
//! out of order, over a crash of the consumer and a restart of the broker, with retractions, a revision and an erasure. What
//! they make of it is compared with what is worked out here.

use anyhow::{Context, Result, ensure};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};
use system_tests::{Agent, Broker, Random, agent, day, skipped, write_day};

/// The site of the small day.
const SITE: &str = "testmall";

#[test]
fn the_python_sample_counts_every_event_once() -> Result<()> {
    counts_every_event_once("python", &["python3"])
}

#[test]
fn the_node_sample_counts_every_event_once() -> Result<()> {
    counts_every_event_once("node", &["node", "npm"])
}

#[test]
fn the_java_sample_counts_every_event_once() -> Result<()> {
    counts_every_event_once("java", &["java", "javac"])
}

fn counts_every_event_once(language: &str, programs: &[&str]) -> Result<()> {
    if let Some(missing) = programs.iter().find(|p| !system_tests::has_program(p)) {
        skipped(&format!("{missing} is not installed: the CRM sample in {language} is not run"));
        return Ok(());
    }
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed: the CRM samples are not run");
        return Ok(());
    };
    let Some(words) = prepare(language)? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state");
    let port = broker.port().to_string();
    let consumer = |more: &[&str]| {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["--port", &port, "--site", SITE, "--state"]).arg(&state).args(more);
        command
    };

    let facts = real_events(folder.path())?;
    let Stream { while_it_listens, while_it_is_gone, unique } = stream(facts)?;

    let mut running = Agent::start(&mut consumer(&[]))?;
    let log = running.log();
    running.until("it is subscribed", Duration::from_secs(60), || log().contains("listening"));
    publish(broker.port(), &while_it_listens)?;
    // A crash, wherever it is just now: what it has not acknowledged the broker has to send again.
    running.kill()?;
    publish(broker.port(), &while_it_is_gone)?;
    broker.restart()?;

    let finished = Agent::start(&mut consumer(&["--idle", "5"]))?.finish(Duration::from_secs(120))?;
    let printed = finished.succeeded();
    let mut rows = BTreeMap::new();
    let mut totals = Value::Null;
    for line in printed.lines().filter(|line| line.starts_with('{')) {
        let row: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        match row["visit"].as_str() {
            Some(visit) => drop(rows.insert(visit.to_owned(), row)),
            None => totals = row["totals"].clone(),
        }
    }
    let (want_rows, want_totals) = oracle(&unique);
    assert_eq!(totals, want_totals, "{printed}");
    assert_eq!(rows.len(), want_rows.len());
    for (visit, want) in &want_rows {
        assert_eq!(rows.get(visit), Some(want), "{visit}");
    }
    // Later, with the same state and nothing new, it says the same.
    let again = Agent::start(&mut consumer(&["--idle", "2"]))?.finish(Duration::from_secs(60))?.succeeded();
    let last = |text: &str| text.lines().rfind(|l| l.starts_with("{\"totals\"")).map(str::to_owned);
    assert_eq!(last(&again), last(&printed));
    Ok(())
}

/// The command of a sample whose libraries are there; `None`, said aloud, where they cannot be had.
fn prepare(language: &str) -> Result<Option<Vec<String>>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let me = env::current_exe()?;
    let target = me.ancestors().nth(3).context("the test binary lies in <target>/<profile>/deps")?;
    let out =
        Command::new(format!("{root}/tests/crm/prepare")).arg(language).arg(target.join("crm")).output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    if out.status.code() == Some(75) {
        let why = said.lines().last().unwrap_or("its libraries cannot be had").to_owned();
        skipped(&format!("the CRM sample in {language} is not run: {why}"));
        return Ok(None);
    }
    ensure!(out.status.success(), "tests/crm/prepare {language}: {said}");
    Ok(Some(String::from_utf8(out.stdout)?.lines().map(str::to_owned).collect()))
}

/// What the binary makes of a small day.
fn real_events(folder: &std::path::Path) -> Result<Vec<Value>> {
    let (recording, map, events) =
        (folder.join("day.jsonl"), folder.join("site.toml"), folder.join("events.jsonl"));
    write_day(&recording, 60, 7)?;
    fs::write(&map, day::site_map())?;
    let mut command = agent::command(["replay", "--k", "1", "--site"])?;
    command.arg(&map).arg("--events").arg(&events).arg(&recording);
    Agent::start(&mut command)?.finish(Duration::from_secs(120))?.succeeded();
    fs::read_to_string(events)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

struct Stream {
    while_it_listens: Vec<Value>,
    while_it_is_gone: Vec<Value>,
    /// Each event once, without what was erased.
    unique: Vec<Value>,
}

/// Real events as a bad network would bring them, with what a day does not always have: a refund, a revision, an erasure.
fn stream(mut events: Vec<Value>) -> Result<Stream> {
    let of = |kind: &str, events: &[Value]| -> Vec<Value> {
        events.iter().filter(|e| e["type"] == format!("mall.{kind}").as_str()).cloned().collect()
    };
    let bags = of("visit.bag_carried", &events);
    let receipts = of("receipt.recorded", &events);
    ensure!(bags.len() >= 3 && receipts.len() >= 6, "a day with {} bags", bags.len());
    ensure!(!of("visit.exited", &events).is_empty() && !of("flow.interval", &events).is_empty());
    let mut id = 0xfeed_0000_u64;
    let mut again = |event: &Value, change: &dyn Fn(&mut Value)| {
        let mut event = event.clone();
        id += 1;
        event["id"] = json!(format!("{id:032x}"));
        change(&mut event["data"]);
        event
    };
    let sold = |bag: &Value| {
        receipts.iter().find(|r| {
            r["data"]["number"] == bag["data"]["receipt"]["number"]
                && r["data"]["attribution"]["visit_id"] == bag["data"]["visit_id"]
        })
    };
    let sale = sold(&bags[0]).context("the receipt of the first bag")?;
    let refund = again(sale, &|data| {
        data["type"] = json!("refund");
        data["takes_back"] = sale["id"].clone();
        data["retracts"] = bags[0]["id"].clone();
    });
    let other = receipts.iter().find(|r| r["id"] != sale["id"] && r["data"]["amount_minor"].is_i64());
    let other = other.context("another receipt")?;
    let revision = again(other, &|data| {
        data["revision"] = json!(1);
        data["replaces"] = other["id"].clone();
        data["amount_minor"] = json!(data["amount_minor"].as_i64().unwrap_or(0) + 500);
    });
    // An exit that is taken back, and the one that then stands.
    let exit = of("visit.exited", &events).into_iter().find(|e| e["data"]["reason"] != "not_a_visitor");
    let exit = exit.context("an exit")?;
    let last_seq = exit["data"]["seq"].as_u64().context("seq")?;
    let resumed = again(&exit, &|data| {
        data["retracts"] = exit["id"].clone();
        data["seq"] = json!(last_seq + 1000);
    });
    let resumed = Value::Object(
        resumed
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), if k == "type" { json!("mall.visit.resumed") } else { v.clone() }))
            .collect(),
    );
    let gone = bags.last().context("bags")?["data"]["visit_id"].clone();
    ensure!(gone != bags[0]["data"]["visit_id"] && gone != exit["data"]["visit_id"]);
    let mut erased = again(&exit, &|data| {
        *data = json!({"gateway": "gw-1", "visits": [gone], "member": null, "removed": 1, "resent": false});
    });
    erased["type"] = json!("mall.privacy.erased");
    events.extend([refund, revision, resumed]);

    let mut random = Random::new(11);
    let (mut now, mut late) = (Vec::new(), Vec::new());
    for event in &events {
        match random.between(0, 10) {
            0 => late.push(event.clone()),
            1 => {
                now.push(event.clone());
                let mut copy = event.clone();
                copy["data"]["resent"] = json!(true);
                late.push(copy);
            }
            _ => now.push(event.clone()),
        }
    }
    for event in &mut late {
        event["data"]["resent"] = json!(true);
    }
    // Out of order within a window, as several gateways and connections bring it.
    for window in now.chunks_mut(40).chain(late.chunks_mut(40)) {
        for i in (1..window.len()).rev() {
            window.swap(i, usize::try_from(random.between(0, i as u64 + 1)).unwrap_or(0));
        }
    }
    let half = now.len() / 2;
    let while_it_is_gone = [&now[half..], &[erased.clone()], &late[..], &now[..30]].concat();
    let of_the_erased = |e: &&Value| e["data"]["visit_id"] == gone;
    let mut unique: Vec<Value> = events.iter().filter(|e| !of_the_erased(e)).cloned().collect();
    unique.push(erased);
    for event in &mut unique {
        if event["data"]["attribution"]["visit_id"] == gone {
            event["data"]["attribution"]["visit_id"] = Value::Null;
        }
    }
    Ok(Stream { while_it_listens: now[..half].to_vec(), while_it_is_gone, unique })
}

fn topic(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap_or("").trim_start_matches("mall.").replace('.', "/");
    let data = &event["data"];
    let leaf = match kind.as_str() {
        "flow/interval" => {
            format!("flow/{}/{}", data["scope"].as_str().unwrap_or(""), data["id"].as_str().unwrap_or(""))
        }
        kind => kind.to_owned(),
    };
    format!("mall/v1/{SITE}/{leaf}")
}

/// Publishes in this order and returns when the broker has acknowledged all.
fn publish(port: u16, events: &[Value]) -> Result<()> {
    let mut options = MqttOptions::new("the-gateway", "127.0.0.1", port);
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut connection) = Client::new(options, 10);
    let messages: Vec<(String, String)> = events.iter().map(|e| (topic(e), e.to_string())).collect();
    let sender = std::thread::spawn(move || {
        messages
            .into_iter()
            .try_for_each(|(t, m)| client.publish(t, QoS::AtLeastOnce, false, m))
            .map(|()| client)
    });
    let (mut acknowledged, began) = (0, Instant::now());
    while acknowledged < events.len() {
        ensure!(began.elapsed() < Duration::from_secs(60), "{acknowledged} of {} acknowledged", events.len());
        if let Ok(Event::Incoming(Packet::PubAck(_))) = received(&mut connection) {
            acknowledged += 1;
        }
    }
    drop(sender.join().ok().context("the publisher died")??);
    Ok(())
}

/// What all events together say, worked out from the contract.
fn oracle(events: &[Value]) -> (BTreeMap<String, Value>, Value) {
    let text = |v: &Value| v.as_str().unwrap_or("").to_owned();
    let is = |e: &Value, kind: &str| e["type"] == format!("mall.{kind}").as_str();
    let replaced: BTreeSet<String> =
        events.iter().filter(|e| is(e, "receipt.recorded")).map(|e| text(&e["data"]["replaces"])).collect();
    let standing: Vec<&Value> =
        events.iter().filter(|e| is(e, "receipt.recorded") && !replaced.contains(&text(&e["id"]))).collect();
    let visit_events: Vec<&Value> =
        events.iter().filter(|e| text(&e["type"]).starts_with("mall.visit.")).collect();
    let retracted: BTreeSet<String> = standing
        .iter()
        .chain(&visit_events)
        .map(|e| text(&e["data"]["retracts"]))
        .filter(|id| !id.is_empty())
        .collect();
    let mut joined: HashMap<String, String> = HashMap::new();
    for merged in visit_events.iter().filter(|e| is(e, "visit.merged")) {
        for part in merged["data"]["merged"].as_array().into_iter().flatten() {
            if *part != merged["data"]["into"] {
                joined.insert(text(part), text(&merged["data"]["into"]));
            }
        }
    }
    let root = |visit: String| {
        let mut visit = visit;
        for _ in 0..joined.len() {
            match joined.get(&visit) {
                Some(next) => visit.clone_from(next),
                None => break,
            }
        }
        visit
    };
    let mut parts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for e in &visit_events {
        let visit = text(&e["data"]["visit_id"]);
        parts.entry(root(visit.clone())).or_default().insert(visit);
    }
    let mut rows = BTreeMap::new();
    for (owner, parts) in &parts {
        let all: Vec<&Value> =
            visit_events.iter().filter(|e| parts.contains(&text(&e["data"]["visit_id"]))).copied().collect();
        let valid: Vec<&Value> =
            all.iter().filter(|e| !retracted.contains(&text(&e["id"]))).copied().collect();
        let some = |kind: &str| -> Vec<&Value> { valid.iter().filter(|e| is(e, kind)).copied().collect() };
        let staff = all.iter().any(|e| is(e, "visit.exited") && e["data"]["reason"] == "not_a_visitor");
        let exits: Vec<&Value> =
            some("visit.exited").into_iter().filter(|e| text(&e["data"]["visit_id"]) == *owner).collect();
        let last = exits.iter().max_by_key(|e| e["data"]["seq"].as_u64());
        let state = if staff {
            "withdrawn"
        } else if last.is_some() {
            "left"
        } else if !some("visit.arrived").is_empty() {
            "inside"
        } else if !some("visit.passed_by").is_empty() {
            "passed_by"
        } else {
            "approached"
        };
        let n = |kind: &str| some(kind).len();
        let millis: i64 = some("visit.dwell_ended")
            .iter()
            .map(|e| (e["data"]["duration_s"].as_f64().unwrap_or(0.0) * 1000.0).round() as i64)
            .sum();
        let bag_minor: i64 = some("visit.bag_carried")
            .iter()
            .filter_map(|e| e["data"]["receipt"]["amount_minor"].as_i64())
            .sum();
        let arrived = some("visit.arrived").iter().map(|e| text(&e["time"])).min();
        rows.insert(owner.clone(), json!({
            "visit": owner, "state": state, "arrived_at": arrived, "left_at": last.map(|e| e["time"].clone()),
            "climbs": n("visit.floor_changed"), "dwells": n("visit.dwell_ended"), "dwell_ms": millis,
            "bags": n("visit.bag_carried"), "bag_minor": bag_minor, "members": [], "parts": parts.len(),
        }));
    }
    let amount = |e: &Value| e["data"]["amount_minor"].as_i64().unwrap_or(0);
    let net: i64 =
        standing.iter().map(|e| if e["data"]["type"] == "sale" { amount(e) } else { -amount(e) }).sum();
    let mut flow: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for e in events.iter().filter(|e| is(e, "flow.interval")) {
        let d = &e["data"];
        let key = format!("{}|{}|{}|{}", d["scope"], d["id"], d["period"], d["from"]);
        let told = (d["revision"].as_u64().unwrap_or(0), d["footfall"].as_u64().unwrap_or(0));
        let known = flow.entry(key).or_insert(told);
        if told.0 >= known.0 {
            *known = told;
        }
    }
    let totals = json!({
        "events": events.len(), "visits": rows.len(), "receipts": standing.len(),
        "sales": standing.iter().filter(|e| e["data"]["type"] == "sale").count(), "net_minor": net,
        "flow": flow.len(), "came_in": flow.values().map(|(_, n)| n).sum::<u64>(),
    });
    (rows, totals)
}

/// The next thing that happened on a connection, within ten seconds.
fn received(connection: &mut rumqttc::Connection) -> Result<Event> {
    let event = connection.recv_timeout(Duration::from_secs(10));
    Ok(event.map_err(|e| anyhow::anyhow!("nothing within ten seconds: {e:?}"))??)
}
