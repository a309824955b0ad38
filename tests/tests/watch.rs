//! `edge-agent watch` in a real terminal and `edge-agent tail` in a pipe, against a real broker.

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;
use system_tests::{Agent, Broker, Terminal, agent, skipped, wait_until};

/// A gateway that says what it is told to.
struct Gateway {
    port: u16,
    ids: u32,
}

impl Gateway {
    fn new(port: u16) -> Self {
        Self { port, ids: 0 }
    }

    fn say(&self, messages: &[(String, Vec<u8>, bool)]) -> Result<()> {
        let mut options = MqttOptions::new("the-gateway", "127.0.0.1", self.port);
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = Client::new(options, 64);
        for (topic, payload, retain) in messages {
            client.publish(format!("mall/v1/joy/{topic}"), QoS::AtLeastOnce, *retain, payload.clone())?;
        }
        let mut left = messages.len();
        while left > 0 {
            if let Event::Incoming(Packet::PubAck(_)) = received(&mut connection)? {
                left -= 1;
            }
        }
        Ok(())
    }

    fn is_well(&self) -> Result<()> {
        let now = json!({"at": "2026-01-01T00:00:00Z", "outbox": {"depth": 3}, "devices": 17,
            "ears": {"wifi wlan1": {"kind": "wifi", "sensor": "F1-S01", "up": true, "heard": 99}}});
        self.say(&[
            ("gateway/gw-1/status".into(), status("online"), true),
            // Not retained: so that it is fresh, whatever the clock of this test says.
            ("gateway/gw-1/health".into(), now.to_string().into_bytes(), false),
        ])
    }

    fn event(&mut self, kind: &str, data: &Value) -> Result<()> {
        self.ids += 1;
        let event = json!({"specversion": "1.0", "id": format!("{:032x}", self.ids), "type": format!("mall.{kind}"),
            "time": "2026-11-21T02:29:17.250Z", "data": data});
        self.say(&[(kind.replace('.', "/"), event.to_string().into_bytes(), false)])
    }

    fn arrives(&mut self, zone: &str) -> Result<()> {
        self.event(
            "visit.arrived",
            &json!({"zone": zone, "floor": "F1", "identity": "session", "confidence": 0.9,
            "visit_id": "3f9c2a1b00000000000000000000000f", "seq": 1}),
        )
    }
}

fn status(word: &str) -> Vec<u8> {
    json!({"status": word, "reason": if word == "offline" { json!("lost") } else { Value::Null }, "session": 3,
        "version": "0.1.0", "started_at": "2026-11-21T01:00:00Z"})
    .to_string()
    .into_bytes()
}

#[test]
fn a_terminal_shows_the_site_survives_what_may_come_and_is_left_as_it_was() -> Result<()> {
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed: nothing can be watched");
        return Ok(());
    };
    let mut gateway = Gateway::new(broker.port());
    let binary = agent::binary()?;
    let watch = format!("{} watch --broker 127.0.0.1:{} --site joy", binary.display(), broker.port());
    let Some(terminal) = Terminal::start(80, 24, &format!("{watch}; echo left with $?"))? else {
        skipped("tmux is not installed: no terminal to watch in");
        return Ok(());
    };
    // Connected and nobody there: said, and not an empty mall.
    terminal.until("no gateway has said that it is there");
    gateway.is_well()?;
    terminal.until("hears 1/1");
    gateway.arrives("茶与花")?;
    let shown = terminal.until("茶与花");
    assert!(shown.contains("arrived") && !shown.contains("3f9c2a1b"), "{shown}");
    let colours = terminal.colours()?;
    assert!(colours.contains("\x1b[32m") || colours.contains("38;5;2m"), "no colour: {colours:?}");

    // What anybody may publish.
    gateway.say(&[
        ("visit/arrived".into(), b"\x1b[2J\xff".to_vec(), false),
        ("visit/arrived".into(), vec![b'['; 60_000], false),
        ("visit/arrived".into(), vec![b'x'; 900_000], false),
        ("gateway/\u{202e}gw/status".into(), status("online"), false),
    ])?;
    gateway.arrives("after \u{1b}[31mall that")?;
    let shown = terminal.until("after [31mall that");
    assert!(shown.contains("connected to 127.0.0.1"), "{shown}");

    terminal.keys(&["4"])?;
    terminal.until("wifi wlan1 (F1-S01) · heard 99");
    terminal.keys(&["1"])?;
    terminal.resize(130, 40)?;
    terminal.until("SINCE");
    terminal.resize(60, 15)?;
    terminal.until("EVENTS");
    terminal.resize(80, 24)?;

    broker.stop()?;
    terminal.until("NO BROKER for");
    broker.resume()?;
    terminal.until("connected to 127.0.0.1");
    gateway.say(&[("gateway/gw-1/status".into(), status("offline"), true)])?;
    terminal.until("gw-1 OFFLINE: the broker lost it");

    assert!(terminal.is_taken()?);
    terminal.keys(&["q"])?;
    terminal.until("left with 0");
    assert!(!terminal.is_taken()?, "the screen is still taken");
    terminal.keys(&["stty -a", "Enter"])?;
    let shown = terminal.until("icanon");
    assert!(!shown.contains("-icanon") && !shown.contains("-echo "), "{shown}");
    Ok(())
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was_too_and_without_colour_there_is_none() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed: nothing can be watched");
        return Ok(());
    };
    let binary = agent::binary()?;
    let port = broker.port();
    let watch = format!("{} watch --no-color --lang zh --broker 127.0.0.1:{port}", binary.display());
    let Some(terminal) =
        Terminal::start(80, 24, &format!("{watch} & echo pid $! end; fg; echo left with $?"))?
    else {
        skipped("tmux is not installed: no terminal to watch in");
        return Ok(());
    };
    Gateway::new(port).is_well()?;
    terminal.until("网关");
    wait_until("it has drawn a gateway", Duration::from_secs(20), || {
        Gateway::new(port).is_well().is_ok() && terminal.screen().is_ok_and(|s| s.contains("hears 1/1"))
    });
    let coloured = terminal.colours()?;
    for colour in 31..=36 {
        assert!(!coloured.contains(&format!("\x1b[{colour}m")), "{coloured:?}");
    }
    assert!(!coloured.contains("38;5;"), "{coloured:?}");
    let pattern = format!("watch --no-color --lang zh --broker 127.0.0.1:{port}");
    let found = Command::new("pgrep").args(["-n", "-f", &pattern]).output()?;
    let pid: i32 = String::from_utf8(found.stdout)?.trim().parse().context("pgrep")?;
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    terminal.until("left with 0");
    assert!(!terminal.is_taken()?);
    Ok(())
}

#[test]
fn where_nothing_can_be_drawn_it_says_what_can_be_done_instead() -> Result<()> {
    let refused = agent::run(["watch", "--broker", "127.0.0.1:1"], Duration::from_secs(10))?;
    assert_eq!(refused.code, Some(69), "{}", refused.output);
    assert!(
        refused.output.contains("edge-agent tail") && refused.output.contains("--json"),
        "{}",
        refused.output
    );
    if let Some(terminal) = Terminal::start(
        200,
        24,
        &format!("TERM=dumb {} watch --broker 127.0.0.1:1; echo left with $?", agent::binary()?.display()),
    )? {
        let shown = terminal.until("left with 69");
        assert!(shown.contains("edge-agent tail"), "{shown}");
    }
    Ok(())
}

#[test]
fn for_scripts_there_is_one_json_object_with_what_is_true() -> Result<()> {
    let nobody =
        agent::run(["watch", "--json", "--once", "--broker", "127.0.0.1:1"], Duration::from_secs(30))?;
    assert_eq!(nobody.code, Some(69), "{}", nobody.output);
    let state: Value = serde_json::from_str(nobody.output.trim())?;
    assert_eq!(state["broker"]["state"], "lost");
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed: nothing can be watched");
        return Ok(());
    };
    Gateway::new(broker.port()).is_well()?;
    let at = format!("127.0.0.1:{}", broker.port());
    let args = ["watch", "--json", "--once", "--broker", &at, "--site", "joy"];
    let state: Value = serde_json::from_str(agent::run(args, Duration::from_secs(30))?.succeeded().trim())?;
    assert_eq!(state["broker"]["state"], "connected");
    assert_eq!(state["gateways"][0]["online"], true);
    // Its health was not retained, and nobody knows how it is.
    assert_eq!(state["gateways"][0]["state"], "no_health");
    Ok(())
}

#[test]
fn tail_prints_what_comes_filtered_and_ends_with_its_reader() -> Result<()> {
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed: there is nothing to tail");
        return Ok(());
    };
    let mut gateway = Gateway::new(broker.port());
    let at = format!("127.0.0.1:{}", broker.port());
    let base = ["tail", "--broker", &at, "--site", "joy"];
    let start = |more: &[&str]| -> Result<Agent> {
        let tail = Agent::start(&mut agent::command(base.iter().chain(more))?)?;
        let log = tail.log();
        wait_until("tail listens", Duration::from_secs(20), || log().contains("listening at"));
        Ok(tail)
    };
    let mut all = start(&[])?;
    let zh = start(&["--lang", "zh", "--kind", "visit,gateway", "--count", "2"])?;
    let json = start(&["--json", "--kind", "visit", "--floor", "F1", "--count", "1"])?;
    let refund = start(&["--kind", "提袋", "--count", "1"])?;
    gateway.is_well()?;
    gateway.arrives("F1-north")?;
    gateway.event(
        "visit.bag_carried",
        &json!({"zone": "F1-01", "floor": "F1", "confidence": 0.9, "identity": "stable",
        "receipt": {"amount_minor": 12900, "currency": "CNY"}}),
    )?;
    let log = all.log();
    all.until("all three", Duration::from_secs(20), || log().contains("¥129.00"));
    let text = log();
    assert!(text.contains("gateway                gw-1") || text.contains("gateway        gw-1"), "{text}");
    assert!(text.contains("进场 arrived        F1-north") && !text.contains("3f9c2a1b"), "{text}");
    let zh = zh.finish(Duration::from_secs(20))?.succeeded();
    assert!(
        zh.contains("网关") && zh.contains("进场") && !zh.contains("arrived") && !zh.contains("提袋"),
        "{zh}"
    );
    let refund = refund.finish(Duration::from_secs(20))?.succeeded();
    assert!(refund.contains("提袋") && !refund.contains("进场"), "{refund}");
    let json = json.finish(Duration::from_secs(20))?.succeeded();
    let line = json.lines().find(|l| l.starts_with('{')).context("an object")?;
    assert_eq!(serde_json::from_str::<Value>(line)?["type"], "mall.visit.arrived");

    // The broker goes: it is said, it is called again, and what comes then is printed.
    broker.stop()?;
    all.until("the loss is told", Duration::from_secs(30), || log().contains("no broker at"));
    broker.resume()?;
    all.until("it listens again", Duration::from_secs(40), || log().matches("listening at").count() == 2);
    gateway.arrives("F1-south")?;
    all.until("what comes now", Duration::from_secs(20), || log().contains("F1-south"));
    all.terminate()?;
    assert_eq!(all.finish(Duration::from_secs(10))?.code, Some(0));

    // `| head -1`: the reader goes while nothing comes.
    let mut command = agent::command(base)?;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut log = BufReader::new(child.stderr.take().context("stderr")?);
    let mut said = String::new();
    while !said.contains("listening at") {
        log.read_line(&mut said)?;
    }
    drop(child.stdout.take());
    let mut status = None;
    wait_until("it ends with its reader", Duration::from_secs(10), || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    assert!(status.is_some_and(|s| s.success()), "{status:?}");
    Ok(())
}

#[test]
fn check_tells_credentials_and_access_rules_from_a_broker_that_is_away() -> Result<()> {
    if !system_tests::has_program("mosquitto_passwd") {
        skipped("mosquitto_passwd is not installed: the broker's access rules are not tried");
        return Ok(());
    }
    let broker = Broker::start_with(|dir| {
        let (users, rules) = (dir.join("users"), dir.join("rules"));
        for (i, user) in ["gw", "guest"].iter().enumerate() {
            let flags: &[&str] = if i == 0 { &["-c", "-b"] } else { &["-b"] };
            let made =
                Command::new("mosquitto_passwd").args(flags).arg(&users).args([user, "right"]).output()?;
            anyhow::ensure!(made.status.success(), "mosquitto_passwd: {made:?}");
        }
        std::fs::write(
            &rules,
            "user gw\ntopic write mall/v1/testmall/#\nuser guest\ntopic read mall/v1/#\n",
        )?;
        for file in [&users, &rules] {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
        }
        let (users, rules) = (users.display(), rules.display());
        Ok(format!("allow_anonymous false\npassword_file {users}\nacl_file {rules}\n"))
    })?;
    let Some(broker) = broker else {
        skipped("mosquitto is not installed: its access rules are not tried");
        return Ok(());
    };
    let settings = system_tests::Settings::new(broker.port());
    let site = system_tests::Installation::new(3, 1, &settings)?;
    let plain = std::fs::read_to_string(site.config())?;
    std::fs::write(site.path("pw"), "right\n")?;
    std::fs::write(site.path("wrong-pw"), "wrong\n")?;
    let config = site.config();
    let check = |mqtt: &str| -> Result<String> {
        std::fs::write(&config, plain.replace("[mqtt]\n", &format!("[mqtt]\n{mqtt}")))?;
        let args = ["check".as_ref(), "--config".as_ref(), config.as_os_str()];
        Ok(agent::run(args, Duration::from_secs(30))?.output)
    };
    let right = check("username = \"gw\"\npassword_file = \"pw\"\n")?;
    assert!(
        right.contains("lets us in without TLS, as \"gw\"") && right.contains("may publish events"),
        "{right}"
    );
    let wrong = check("username = \"gw\"\npassword_file = \"wrong-pw\"\n")?;
    assert!(
        wrong.contains("it refuses us") && wrong.contains("look at username and password_file"),
        "{wrong}"
    );
    let nobody = check("")?;
    assert!(
        nobody.contains("it refuses us") && nobody.contains("write username and password_file"),
        "{nobody}"
    );
    let guest = check("username = \"guest\"\npassword_file = \"pw\"\n")?;
    assert!(guest.contains("\"guest\" may not publish to mall/v1/testmall/visit/check"), "{guest}");
    assert!(guest.contains("acl_file"), "{guest}");
    let old = check("protocol = \"3.1.1\"\nusername = \"gw\"\npassword_file = \"pw\"\n")?;
    assert!(old.contains("cannot be told with MQTT 3.1.1"), "{old}");

    // Who watches is told as plainly.
    let at = format!("127.0.0.1:{}", broker.port());
    let refused = agent::run(["tail", "--broker", &at, "--site", "testmall"], Duration::from_secs(20))?;
    assert_eq!(refused.code, Some(77), "{}", refused.output);
    assert!(refused.output.contains("--username"), "{}", refused.output);
    Ok(())
}

/// The next thing that happened on a connection, within ten seconds.
fn received(connection: &mut rumqttc::Connection) -> Result<Event> {
    let event = connection.recv_timeout(Duration::from_secs(10));
    Ok(event.map_err(|e| anyhow::anyhow!("nothing within ten seconds: {e:?}"))??)
}
