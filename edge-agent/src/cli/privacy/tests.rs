use super::*;
use clap::Parser;
use std::fs;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: PrivacyArgs,
}

fn privacy(line: &[&str], config: &Path, input: &str) -> Result<String, Failure> {
    let words = [&["privacy"], line, &["--config", config.to_str().unwrap()]].concat();
    let line = Line::try_parse_from(words).unwrap_or_else(|e| panic!("{e}"));
    let mut out = Vec::new();
    run_to(&line.args, &mut input.as_bytes(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// A configuration with these privacy settings, beside its site map.
fn configured(settings: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("site.toml"), include_str!("../../../../docs/examples/site.toml")).unwrap();
    fs::write(dir.path().join("day.jsonl"), "").unwrap();
    fs::write(dir.path().join("consent.txt"), "A-1001\n13800000500\n").unwrap();
    let text = format!(
        "gateway = \"gw-1\"\nsite_map = \"site.toml\"\n[store]\ndir = \"store\"\n[[source]]\nkind = \"replay\"\n\
         paths = [\"day.jsonl\"]\n[mqtt]\nhost = \"127.0.0.1\"\n[privacy]\nkey_file = \"key\"\n{settings}"
    );
    fs::write(dir.path().join("agent.toml"), text).unwrap();
    dir
}

#[test]
fn the_report_says_of_each_mode_what_it_does() {
    let report = |settings: &str| {
        let dir = configured(settings);
        privacy(&["report", "--contact", "desk 1"], &dir.path().join("agent.toml"), "").unwrap()
    };
    let count = report("mode = \"count\"");
    assert!(
        count.contains("nothing about single visits is written") && !count.contains("/visit/#"),
        "{count}"
    );
    assert!(count.contains("不保存任何单个设备") && count.contains("Only totals are kept"));
    let pseudonymous = report("opening_hours = \"10:00-22:00\"\nttl_h = 30\nrssi_floor = -85");
    for part in [
        "at most 30 h",
        "/visit/#",
        "10:00-22:00",
        "-85 dBm",
        "最多保存 30 小时",
        "at most 30 hours",
        "desk 1",
    ] {
        assert!(pseudonymous.contains(part), "{part} in {pseudonymous}");
    }
    assert!(!pseudonymous.contains("visit/linked") && !pseudonymous.contains("会员"));
    let consented = report("mode = \"consented\"\nconsent_list = \"consent.txt\"");
    for part in ["visit/linked", "consent.txt: 2 entries", "会员单独同意", "has agreed", "at most 72 h"]
    {
        assert!(consented.contains(part), "{part} in {consented}");
    }
}

#[test]
fn signs_alone_can_be_printed() {
    let dir = configured("");
    let signs = privacy(&["report", "--signage"], &dir.path().join("agent.toml"), "").unwrap();
    assert!(signs.starts_with("Text for signs") && signs.contains("____"), "{signs}");
}

#[test]
fn hashes_of_an_opt_out_list_are_those_the_daemon_compares_with() {
    let dir = configured("opt_out_salt = \"a word of this mall\"\nopt_out_topic = true");
    let config = dir.path().join("agent.toml");
    let hashes = privacy(&["opt-out"], &config, "# mine\n02:ab:cd:ef:01:9f\n02-AB-CD-EF-01-9F\n\n").unwrap();
    let lines: Vec<_> = hashes.lines().collect();
    assert_eq!((lines.len(), lines[0].len()), (2, 32));
    assert_eq!(lines[0], lines[1], "one address, however it is spelt");
    let wrong = privacy(&["opt-out"], &config, "02:ab:cd:ef:01:9f\nsecret words\n").unwrap_err();
    assert_eq!(wrong.exit, Exit::BadData);
    assert!(wrong.message.contains("line 2") && !wrong.message.contains("secret"), "{wrong}");
}

#[test]
fn the_member_key_is_that_of_the_file() {
    let dir = configured("");
    let (config, key) = (dir.path().join("agent.toml"), dir.path().join("key"));
    assert_eq!(privacy(&["member-key"], &config, "").unwrap_err().exit, Exit::Config);
    fs::write(&key, "5f".repeat(32)).unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let of_seed = privacy(&["member-key"], &config, "").unwrap();
    let loaded = config::load(&config).unwrap();
    let now = crate::pipeline::wall_clock();
    let opened = crate::privacy::Privacy::open(&loaded.agent.privacy, &[], &loaded.site, now).unwrap();
    drop(opened);
    let text = fs::read_to_string(&key).unwrap();
    let line = text.lines().find_map(|l| l.strip_prefix("members ")).unwrap();
    assert_eq!(of_seed.trim_end(), line, "the seed gives the key that the daemon then keeps");
    assert_eq!(privacy(&["member-key"], &config, "").unwrap(), of_seed);
}

#[test]
fn what_cannot_be_erased_is_a_clear_error() {
    let dir = configured("");
    let config = dir.path().join("agent.toml");
    let id = "00112233445566778899aabbccddeeff";
    let none = privacy(&["erase", "--visit", id], &config, "").unwrap_err();
    assert_eq!(none.exit, Exit::NoInput);
    assert!(none.message.contains("there is no store"), "{none}");
    assert!(!dir.path().join("store").exists(), "none is made for it");
    fs::create_dir(dir.path().join("store")).unwrap();
    for what in ["--visit", "--member"] {
        let unknown = privacy(&["erase", what, id], &config, "").unwrap_err();
        assert_eq!(unknown.exit, Exit::NoInput);
        assert!(unknown.message.contains("nothing of it is kept here"), "{unknown}");
    }
    for (wrong, shown) in [(["erase", "--visit", "12"], true), (["erase", "--member", "13800000500"], false)]
    {
        let error = Line::try_parse_from([&["privacy"], &wrong[..]].concat()).err().unwrap().to_string();
        assert!(error.contains("32 hexadecimal digits"), "{error}");
        let _ = shown;
    }
    assert!(Line::try_parse_from(["privacy", "erase"]).is_err());
    assert!(Line::try_parse_from(["privacy", "erase", "--visit", id, "--member", id]).is_err());
    let staff = privacy(&["erase", "--staff"], &config, "").unwrap();
    assert!(staff.starts_with("erased: 0 devices"), "{staff}");
}
