use super::*;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const SITE: &str = "site = { id = \"mall\", timezone = \"Asia/Shanghai\" }\n\
    floor = [{ id = \"F1\", level = 0 }]\n\
    zone = [{ id = \"door\", floor = \"F1\", kind = \"entrance\", position = [0, 0] }]\n\
    sensor = [{ id = \"s1\", zone = \"door\" }]\n";

/// A folder in which everything is right, with `more` in the configuration.
fn folder(port: u16, more: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let agent = format!(
        "gateway = \"gw-01\"\nmqtt.host = \"127.0.0.1\"\nmqtt.port = {port}\nstore.dir = \"store\"\n\
         source = [{{ kind = \"replay\", paths = [\"day.jsonl\"] }}]\n{more}\n"
    );
    fs::write(dir.path().join("agent.toml"), agent).unwrap();
    fs::write(dir.path().join("site.toml"), SITE).unwrap();
    fs::write(dir.path().join("day.jsonl"), "").unwrap();
    dir
}

/// Answers one connection as a broker that takes everything would: CONNACK, then PUBREC for each PUBLISH.
fn broker() -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut packet = [0; 512];
            while let Ok(n) = stream.read(&mut packet) {
                let answer: &[u8] = match packet[0] & 0xf0 {
                    _ if n == 0 => break,
                    0x10 => &[0x20, 3, 0, 0, 0],
                    0x30 => &[0x50, 2, 0, 1],
                    _ => break,
                };
                let _ = stream.write_all(answer);
            }
        }
    });
    port
}

fn check(dir: &Path, offline: bool) -> Report {
    examine(&CheckArgs { config: dir.join("agent.toml"), site: None, offline })
}

fn errors(report: &Report) -> Vec<&str> {
    report.errors.iter().map(|f| f.what.as_str()).collect()
}

#[test]
fn a_gateway_where_all_is_right_passes_and_nothing_was_made() {
    let dir = folder(broker(), "store.max_bytes = 1048576");
    let report = check(dir.path(), false);
    assert_eq!(errors(&report), [""; 0]);
    assert_eq!(report.exit(), Exit::Ok);
    let text = report.to_string();
    for right in [
        "floors 1, zones 1, sensors 1, tills 0",
        "answers at 127.0.0.1",
        "lets us in without TLS",
        "may publish events",
        "none yet",
        "MiB free",
    ] {
        assert!(text.contains(right), "{right} in {text}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn everything_wrong_around_it_is_reported_at_once_with_what_to_type() {
    // tcpmux: a port that nobody listens on, and that no test gets
    let closed = 1;
    let more = "mqtt.username = \"u\"\nmqtt.password_file = \"pw\"\nmqtt.tls = { ca = \"ca.pem\" }\n\
                privacy = { mode = \"consented\", consent_list = \"consent.txt\", key_file = \"key\" }";
    let dir = folder(closed, more);
    fs::remove_file(dir.path().join("day.jsonl")).unwrap();
    fs::write(dir.path().join("ca.pem"), "no certificate").unwrap();
    fs::write(dir.path().join("store"), "a file").unwrap();
    fs::write(dir.path().join("key"), "edge-agent privacy key v1\nday 2").unwrap();
    fs::set_permissions(dir.path().join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let report = check(dir.path(), false);
    assert_eq!(report.exit(), Exit::Config);
    let starts = [
        "source[0]: cannot open",
        "store ",
        "key file ",
        "consent list ",
        "password file ",
        "mqtt.tls.ca ",
        "broker 127.0.0.1:",
    ];
    assert_eq!(report.errors.len(), starts.len(), "{report}");
    for (finding, start) in report.errors.iter().zip(starts) {
        assert!(finding.what.starts_with(start), "{finding:?}");
        assert!(finding.next.is_some(), "{finding:?}");
    }
}

#[test]
fn offline_does_not_call_the_broker() {
    let dir = folder(1, "");
    assert_eq!(errors(&check(dir.path(), true)), [""; 0]);
}

#[test]
fn problems_of_both_files_come_in_one_report() {
    let dir = folder(1, "privacy.excluded_zones = [\"dor\"]");
    fs::write(dir.path().join("site.toml"), SITE.replace("zone = \"door\"", "zone = \"lift\"")).unwrap();
    let report = check(dir.path(), true);
    assert!(report.errors.len() == 1 && report.errors[0].what.contains("sensor[0].zone: no zone \"lift\""));
    let agent = fs::read_to_string(dir.path().join("agent.toml")).unwrap();
    fs::write(dir.path().join("agent.toml"), format!("rol = 1\n{agent}")).unwrap();
    let report = check(dir.path(), true);
    assert!(
        report.errors.len() == 2 && report.errors[0].what.contains("agent.toml:1: rol: unknown key"),
        "{report}"
    );
    fs::write(dir.path().join("agent.toml"), agent).unwrap();
    fs::write(dir.path().join("site.toml"), SITE).unwrap();
    let report = check(dir.path(), true);
    assert!(report.errors[0].what.ends_with("no zone \"dor\"; did you mean \"door\"?"), "{report}");
    assert!(report.errors[0].what.contains("agent.toml:6: privacy.excluded_zones[0]"), "{report}");
}

#[test]
fn a_key_others_can_read_is_wrong_and_chmod_is_suggested() {
    let dir = folder(1, "privacy.key_file = \"key\"");
    fs::write(dir.path().join("key"), "5a".repeat(32)).unwrap();
    fs::set_permissions(dir.path().join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let report = check(dir.path(), true);
    assert!(report.errors.len() == 1 && report.errors[0].what.contains("chmod 600"), "{report}");
}

#[test]
fn a_site_map_can_be_checked_alone() {
    let dir = folder(1, "");
    let path = dir.path().join("site.toml");
    let args = CheckArgs { config: "/nonexistent".into(), site: Some(path.clone()), offline: false };
    assert_eq!(examine(&args).right.len(), 1);
    fs::write(&path, "").unwrap();
    assert_eq!(examine(&args).exit(), Exit::Config);
}

#[test]
fn a_client_certificate_has_to_fit_its_key() {
    let dir = folder(1, "mqtt.tls = { ca = \"a.pem\", cert = \"a.pem\", key = \"b.key\" }");
    let pair = || rcgen::generate_simple_self_signed(["gw-01".to_owned()]).unwrap();
    let (a, b) = (pair(), pair());
    fs::write(dir.path().join("a.pem"), a.cert.pem()).unwrap();
    fs::write(dir.path().join("b.key"), b.signing_key.serialize_pem()).unwrap();
    let report = check(dir.path(), true);
    assert!(report.errors.len() == 1 && report.errors[0].what.contains("do not go together"), "{report}");
    fs::write(dir.path().join("b.key"), a.signing_key.serialize_pem()).unwrap();
    assert_eq!(errors(&check(dir.path(), true)), [""; 0]);
}

#[test]
fn somebody_who_listens_and_is_no_broker_is_told_from_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = folder(listener.local_addr().unwrap().port(), "");
    std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n");
        // Until the other side hangs up.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let report = check(dir.path(), false);
    assert!(
        report.errors.len() == 1 && report.errors[0].what.contains("does not answer in MQTT"),
        "{report}"
    );
}

#[test]
fn positions_that_nobody_measured_are_counted() {
    let dir = folder(1, "");
    let text = SITE.replace("sensor = [", "# position to be measured\nsensor = [ # to be measured\n");
    fs::write(dir.path().join("site.toml"), text).unwrap();
    let report = check(dir.path(), true);
    assert!(report.warnings.iter().any(|w| w.what.contains("1 positions were made up")), "{report}");
}
