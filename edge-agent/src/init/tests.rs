use super::machine::{Machine, Wifi};
use super::{floors, id, timezone};
use crate::cli::check::{CheckArgs, Report, examine};
use crate::cli::exit::{Exit, Failure};
use crate::cli::init::{InitArgs, write_all};
use clap::Parser;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    init: InitArgs,
}

fn args(dir: &Path, more: &[&str]) -> InitArgs {
    let line = ["init", "--dir", dir.to_str().unwrap()].into_iter().chain(more.iter().copied());
    Line::try_parse_from(line).unwrap().init
}

const RIGHT: [&str; 8] =
    ["--site-id", "joy", "--timezone", "Asia/Shanghai", "--gateway", "gw-01", "--broker", "broker.example"];

fn init(
    dir: &Path,
    machine: &Machine,
    more: &[&str],
    typed: Option<&str>,
) -> (Result<Exit, Failure>, String) {
    let mut said = Vec::new();
    let mut input = typed.unwrap_or("").as_bytes();
    let done = write_all(&args(dir, more), machine, typed.is_some(), &mut input, &mut said);
    (done, String::from_utf8(said).unwrap())
}

fn check(dir: &Path) -> Report {
    examine(&CheckArgs { config: dir.join("agent.toml"), site: None, offline: true })
}

/// Errors of the files, and not of the radios that this test made up.
fn errors(report: &Report) -> Vec<&str> {
    let of_radios =
        |what: &str| what.contains("interface") || what.contains("adapter") || what.contains("bus");
    report
        .errors
        .iter()
        .map(|f| f.what.as_str())
        .filter(|w| !of_radios(w) && !w.contains("/dev/serial"))
        .collect()
}

fn everything() -> Machine {
    let wifi = |interface: &str, driver: &str, can_monitor, in_use| Wifi {
        interface: interface.into(),
        driver: driver.into(),
        can_monitor,
        in_use,
    };
    Machine {
        hostname: Some("pi-7".into()),
        timezone: Some("Europe/Berlin".into()),
        wifi: vec![
            wifi("wlan0", "brcmfmac", Some(true), true),
            wifi("wlan1", "mt76x2u", Some(true), false),
            wifi("wlan2", "dull", Some(false), false),
        ],
        bluetooth: vec!["hci0".into()],
        serial: vec!["/dev/serial/by-id/usb-Espressif_a".into(), "/dev/serial/by-id/usb-Espressif_b".into()],
    }
}

#[test]
fn a_machine_that_hears_nothing_gets_files_that_pass_check() {
    let dir = tempfile::tempdir().unwrap();
    let (done, said) = init(dir.path(), &Machine::default(), &RIGHT, None);
    assert_eq!(done.unwrap(), Exit::Ok);
    let report = check(dir.path());
    assert_eq!(errors(&report), [""; 0], "{report}");
    assert!(report.warnings.iter().any(|w| w.what.contains("positions were made up")), "{report}");
    assert!(said.contains("1. measure:") && said.contains("edge-agent check --config"), "{said}");
    for file in ["agent.toml", "site.toml"] {
        let mode = fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }
    // Nothing half-written is left behind.
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["agent.toml", "receipts", "site.toml"]);
}

#[test]
fn every_flag_and_every_ear_ends_in_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let more = [
        "--site-name",
        "欢乐城 \"Joy\" \\ City",
        "--floors",
        "B1,F1,F2,F3",
        "--username",
        "gw-01",
        "--password-file",
        "pw",
        "--ca",
        "ca.pem",
        "--yes",
    ];
    let all: Vec<&str> = RIGHT.iter().chain(&more).copied().collect();
    let (done, said) = init(dir.path(), &everything(), &all, None);
    assert_eq!(done.unwrap(), Exit::Ok);
    assert!(said.contains("put the broker's password of gw-01 into"), "{said}");
    let agent = fs::read_to_string(dir.path().join("agent.toml")).unwrap();
    for part in [
        "host = \"broker.example\"\nport = 8883",
        "username = \"gw-01\"",
        "password_file = \"pw\"",
        "ca = \"ca.pem\"",
        "\n[[source]]\nkind = \"wifi\"\ninterface = \"wlan1\"\nsensor = \"F1-S01\"",
        "# [[source]] # its firmware delivers nothing in monitor mode\n# kind = \"wifi\"\n# interface = \"wlan0\"",
        "# [[source]] # it has no monitor mode",
        "kind = \"ble\"\nadapter = \"hci0\"",
        "device = \"/dev/serial/by-id/usb-Espressif_b\"\nsensor = \"F1-S03\"",
    ] {
        assert!(agent.contains(part), "{part} in\n{agent}");
    }
    fs::write(dir.path().join("pw"), "secret").unwrap();
    let ca = rcgen::generate_simple_self_signed(["broker.example".to_owned()]).unwrap();
    fs::write(dir.path().join("ca.pem"), ca.cert.pem()).unwrap();
    let report = check(dir.path());
    assert_eq!(errors(&report), [""; 0], "{report}");
    let site = crate::config::read_site(&dir.path().join("site.toml")).unwrap().value;
    assert_eq!(site.name.as_deref(), Some("欢乐城 \"Joy\" \\ City"));
    let levels: Vec<i16> = site.floors.iter().map(|f| f.level).collect();
    assert_eq!(levels, [-1, 0, 1, 2]);
    assert_eq!(site.sensors.len(), 3);
    // One can walk from the street to every floor, so nothing is said to be out of reach.
    assert!(!report.warnings.iter().any(|w| w.what.contains("reached")), "{report}");
}

#[test]
fn wrong_answers_are_asked_again_and_told_what_would_be_right() {
    let dir = tempfile::tempdir().unwrap();
    // id, name, time zone, floors, gateway, broker, user
    let typed = "a/b\n\njoy\nJoy City\nPeking\nAsia/Shanghai\nmany\nB1,F1\n\nmqtt://x\nbroker:1884\n\n";
    let (done, said) = init(dir.path(), &everything(), &[], Some(typed));
    assert_eq!(done.unwrap(), Exit::Ok, "{said}");
    for part in [
        "\"a/b\"",
        "is needed; write a short name",
        "\"Peking\" is no IANA time zone; write one such as Asia/Shanghai",
        "which level is \"many\"? write how many there are (3), or their names",
        "Id of this gateway [pi-7]",
        "write HOST:PORT, such as",
        "wlan0 (driver brcmfmac): not used: its firmware",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    let agent = fs::read_to_string(dir.path().join("agent.toml")).unwrap();
    assert!(
        agent.contains("gateway = \"pi-7\"") && agent.contains("host = \"broker\"\nport = 1884"),
        "{agent}"
    );
    let (done, _) = init(tempfile::tempdir().unwrap().path(), &everything(), &[], Some("joy\n"));
    assert!(done.unwrap_err().message.contains("no more answers: nothing was written"));
}

#[test]
fn without_a_terminal_everything_that_is_missing_is_named_at_once_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (done, _) =
        init(dir.path(), &Machine::default(), &["--timezone", "Mars/Dome", "--floors", "F1,F1"], None);
    let failure = done.unwrap_err();
    assert_eq!(failure.exit, Exit::Config);
    for flag in
        ["--site-id is needed", "--timezone: ", "--floors: ", "--gateway is needed", "--broker is needed"]
    {
        assert!(failure.message.contains(flag), "{flag} in {}", failure.message);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_there_is_never_overwritten_and_force_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    fs::write(&path, "mine").unwrap();
    let (done, _) = init(dir.path(), &Machine::default(), &RIGHT, None);
    let failure = done.unwrap_err();
    assert_eq!(failure.exit, Exit::CannotCreate);
    assert!(failure.message.contains("is there already, and is left as it is"), "{}", failure.message);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert!(!dir.path().join("site.toml").exists());
    let forced: Vec<&str> = RIGHT.iter().chain(&["--force"]).copied().collect();
    for kept in ["agent.toml.bak", "agent.toml.bak2"] {
        let before = fs::read_to_string(&path).unwrap();
        let (done, said) = init(dir.path(), &Machine::default(), &forced, None);
        done.unwrap();
        assert!(said.contains(kept), "{said}");
        assert_eq!(fs::read_to_string(dir.path().join(kept)).unwrap(), before);
    }
}

#[test]
fn a_site_map_that_is_there_serves_the_next_gateway_too() {
    let dir = tempfile::tempdir().unwrap();
    let map = dir.path().join("site.toml");
    fs::write(&map, include_str!("../../../docs/examples/site.toml")).unwrap();
    let before = fs::read_to_string(&map).unwrap();
    let gateway = ["--gateway", "gw-02", "--broker", "b", "--sensor"];
    let with = |sensor| gateway.iter().copied().chain([sensor]).collect::<Vec<_>>();
    let machine = Machine { serial: Vec::new(), ..everything() };
    let (done, _) = init(dir.path(), &machine, &with("F9-S01"), None);
    assert!(done.unwrap_err().message.contains("it has F1-S01, F1-S02"));
    let (done, said) = init(dir.path(), &machine, &with("F2-S01"), None);
    done.unwrap();
    assert!(said.contains("used   ") && !said.contains("measure"), "{said}");
    assert_eq!(fs::read_to_string(&map).unwrap(), before);
    let agent = fs::read_to_string(dir.path().join("agent.toml")).unwrap();
    assert!(agent.contains("sensor = \"F2-S01\""), "{agent}");
    assert_eq!(errors(&check(dir.path())), [""; 0]);
}

#[test]
fn floors_are_counted_or_named() {
    let levels =
        |text: &str| floors(text).unwrap().iter().map(|f| (f.id.clone(), f.level)).collect::<Vec<_>>();
    assert_eq!(levels("3"), [("F1".into(), 0), ("F2".into(), 1), ("F3".into(), 2)]);
    assert_eq!(levels("F2, B1 ,F1"), [("B1".into(), -1), ("F1".into(), 0), ("F2".into(), 1)]);
    assert_eq!(levels("G,L2,3F"), [("G".into(), 0), ("L2".into(), 1), ("3F".into(), 2)]);
    assert_eq!(levels("EG,1.OG=1"), [("EG".into(), 0), ("1.OG".into(), 1)]);
    for wrong in ["", "0", "101", "F1,F1", "F1,L1", "roof", "a=b", "F1=999", "F/1=0"] {
        assert!(floors(wrong).is_err(), "{wrong}");
    }
    assert!(id("mall 1").is_ok() && id("a/b").is_err() && id(" ").is_err());
    assert!(timezone("Europe/Berlin").is_ok() && timezone("CET?").is_err());
}

#[test]
fn what_the_machine_has_is_read_from_its_files() {
    let root = tempfile::tempdir().unwrap();
    let make = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    make("etc/hostname", "pi-7\n");
    make("etc/timezone", "Asia/Tokyo\n");
    make("proc/net/route", "Iface Destination\nwlan0 00000000\n");
    make("sys/class/net/eth0/address", "");
    make("sys/class/net/wlan0/phy80211/name", "phy0");
    make("sys/class/net/wlan1/phy80211/name", "phy1");
    make("sys/class/bluetooth/hci0/address", "");
    make("sys/class/bluetooth/hci0:12/address", "");
    make("dev/serial/by-id/usb-Espressif_x", "");
    let machine = Machine::under(root.path());
    let found: Vec<_> = machine.wifi.iter().map(|w| (w.interface.as_str(), w.in_use)).collect();
    assert_eq!(found, [("wlan0", true), ("wlan1", false)]);
    assert_eq!((machine.bluetooth.len(), machine.serial.len()), (1, 1));
    assert_eq!(
        (machine.hostname.as_deref(), machine.timezone.as_deref()),
        (Some("pi-7"), Some("Asia/Tokyo"))
    );
    assert_eq!(Machine::under(Path::new("/nonexistent")), Machine::default());
}
