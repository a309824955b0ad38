//! `edge-agent survey`, as mall IT uses it: a walk of the demo's mall, in both forms, and walks that went wrong.
#![allow(missing_docs, clippy::unwrap_used)]

mod mall_support;

use edge_agent::demo::day::{WalkOptions, WalkReading, commissioning_walk, walk_line};
use mall_support::{agent, example, mall, plan, write};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A mall that has saved on sensors; F3 is the worse for it.
const FEW: [&str; 11] = [
    "F1-S01", "F1-S05", "F1-S08", "F1-S09", "F2-S02", "F2-S04", "F3-S01", "F3-S05", "B1-S01", "B1-S04",
    "B1-S05",
];

fn has(id: &str) -> bool {
    FEW.contains(&id)
}

/// What these sensors hear of a walk.
fn readings() -> Vec<WalkReading> {
    let plan = plan();
    let mut all = commissioning_walk(&plan, WalkOptions::default());
    all.retain(|r| has(&plan.sensors[r.sensor].id));
    all
}

fn rows(readings: &[WalkReading]) -> String {
    let plan = plan();
    readings.iter().map(|r| walk_line(r, &plan).unwrap() + "\n").collect()
}

fn walked() -> TempDir {
    let folder = mall(has);
    write(&folder, "survey.jsonl", &rows(&readings()));
    folder
}

const SURVEY: [&str; 4] = ["survey", "--site", "site.toml", "survey.jsonl"];

#[test]
fn the_report_is_the_one_in_the_documentation() {
    let folder = walked();
    let ended = agent(folder.path(), &SURVEY, "");
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    // To renew the example: the text below goes into the document.
    assert_eq!(example("survey.md", "<!-- the report -->"), ended.out, "\n{}", ended.out);
}

#[test]
fn a_walk_gives_a_calibration_a_picture_and_a_report_for_machines() {
    let folder = walked();
    let words = [&SURVEY[..], &["--out", "calibration.json", "--picture", "survey.svg", "--json"]].concat();
    let ended = agent(folder.path(), &words, "");
    assert_eq!(ended.code, 0, "{}", ended.err);
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(report["verdict"], "good");
    assert_eq!(report["alike"][0]["zones"], json!(["F3-02", "F3-office"]));
    let first = &report["next"][0];
    assert_eq!((&first["kind"], &first["zones"]), (&json!("one_more_sensor"), &json!(["F3-office"])));
    assert_eq!(report["zones"].as_array().unwrap().len(), plan().zones.len());
    assert_eq!(report["sensors"].as_array().unwrap().len(), FEW.len());

    let picture = std::fs::read_to_string(folder.path().join("survey.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    let drawn = |class: &str| picture.matches(class).count();
    assert_eq!(drawn("<polygon class=\"cell "), plan().zones.len());
    for zone in &plan().zones {
        assert!(picture.contains(&format!(">{}</text>", zone.id)), "{}", zone.id);
    }
    assert!(picture.contains("F3-office is taken for F3-02"));

    // What was made is what `replay` takes.
    write(&folder, "nothing.jsonl", "");
    let replay = ["replay", "--site", "site.toml", "--calibration", "calibration.json", "nothing.jsonl"];
    let ended = agent(folder.path(), &replay, "");
    assert_eq!(ended.code, 0, "{}", ended.err);
}

#[test]
fn the_sensor_that_is_advised_helps_as_much_as_was_foreseen() {
    let plan = plan();
    let right = |wanted: &dyn Fn(&str) -> bool| -> f64 {
        let folder = mall(wanted);
        let mut all = commissioning_walk(&plan, WalkOptions::default());
        all.retain(|r| wanted(&plan.sensors[r.sensor].id));
        write(&folder, "survey.jsonl", &rows(&all));
        let ended = agent(folder.path(), &[&SURVEY[..], &["--json"]].concat(), "");
        let report: Value = serde_json::from_str(&ended.out).unwrap();
        report["right_zone"]["stays"].as_f64().unwrap()
    };
    let before = right(&has);
    // The demo has a sensor in the office: F3-S06.
    let after = right(&|id| has(id) || id == "F3-S06");
    // 2.9 of 100 stays, says the report.
    assert!(after - before > 0.015, "{before} to {after}");
}

#[test]
fn a_recording_with_marks_is_the_same_walk() {
    let plan = plan();
    let folder = walked();
    let all = readings();
    let (mut log, mut marks, mut zone) = (String::new(), String::new(), None);
    for r in &all {
        if zone != Some(r.zone) {
            zone = Some(r.zone);
            let mark = json!({ "at": r.at.to_string(), "zone": plan.zones[r.zone].id });
            marks += &format!("{mark}\n");
        }
        let mut line = json!({ "at": r.at.to_string(), "kind": "wifi", "sensor": plan.sensors[r.sensor].id,
            "addr": "02:00:5e:00:53:01", "rssi": r.rssi, "frame": "probe_request" });
        log += &format!("{line}\n");
        // Other people's phones are no part of the walk.
        line["addr"] = json!("02:00:5e:00:53:02");
        log += &format!("{line}\n");
    }
    write(&folder, "day.jsonl", &log);
    write(&folder, "marks.jsonl", &marks);
    let words = [
        "survey",
        "--site",
        "site.toml",
        "day.jsonl",
        "--marks",
        "marks.jsonl",
        "--phone",
        "02:00:5e:00:53:01",
    ];
    let recorded = agent(folder.path(), &words, "");
    assert_eq!((recorded.code, recorded.err.as_str()), (0, ""));
    assert_eq!(recorded.out, agent(folder.path(), &SURVEY, "").out);

    let words = [&words[..7], &["02:00:5e:00:53:03"]].concat();
    let nobody = agent(folder.path(), &words, "");
    assert_eq!(nobody.code, 65);
    assert!(nobody.err.contains("the recordings do not hold the phone"), "{}", nobody.err);
}

#[test]
fn marks_are_typed_while_walking_and_slips_are_not_marked() {
    let folder = mall(has);
    let words = ["survey", "--site", "site.toml", "--mark", "marks.jsonl"];
    let ended = agent(folder.path(), &words, "F1-01\nF1-O1\n-\nF3-02\n");
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(
        ended.err.contains("no zone \"F1-O1\"; did you mean \"F1-01\"?; nothing marked"),
        "{}",
        ended.err
    );
    let marks = std::fs::read_to_string(folder.path().join("marks.jsonl")).unwrap();
    let zones: Vec<Value> =
        marks.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["zone"].clone()).collect();
    assert_eq!(zones, [json!("F1-01"), json!(null), json!("F3-02"), json!(null)]);
}

#[test]
fn rows_that_cannot_be_used_are_named_with_what_would_be_right_and_the_rest_is() {
    let folder = mall(has);
    let row = |change: &[(&str, Value)]| {
        let mut row =
            json!({ "at": "2026-11-19T23:00:02Z", "sensor": "F1-S01", "rssi": -60, "zone": "F1-plaza" });
        change.iter().for_each(|(key, value)| row[*key] = value.clone());
        row.to_string()
    };
    let lines = [
        row(&[]),
        row(&[("sensor", json!("F1-S0l"))]),
        row(&[("zone", json!("F1-plazza"))]),
        row(&[("floor", json!("F2"))]),
        row(&[("at", json!("yesterday"))]),
        row(&[("rssi", json!(60))]),
        row(&[("zome", json!("F1-01"))]),
        "{\"at\":".to_owned(),
        json!({ "at": "2026-11-19T23:00:02Z", "kind": "wifi", "addr": "02:00:5e:00:53:01" }).to_string(),
        "x".repeat(70_000),
    ];
    write(&folder, "survey.jsonl", &lines.join("\n"));
    let ended = agent(folder.path(), &SURVEY, "");
    assert_eq!(ended.code, 65);
    for wanted in [
        "survey.jsonl:2: the site map has no sensor \"F1-S0l\"; did you mean \"F1-S01\"?",
        "survey.jsonl:3: the site map has no zone \"F1-plazza\"; did you mean \"F1-plaza\"?",
        "survey.jsonl:4: zone \"F1-plaza\" lies on floor \"F1\", not on \"F2\"",
        "survey.jsonl:5: at \"yesterday\" is no time; write RFC 3339",
        "survey.jsonl:6: rssi 60 is no RSSI in dBm",
        "survey.jsonl:7: unknown field `zome`",
        "survey.jsonl:8: EOF while parsing",
        "survey.jsonl:9: this is a line of an observation log; say which phone was carried",
        "survey.jsonl:10: longer than 64 KiB",
    ] {
        assert!(ended.err.contains(wanted), "{wanted:?} is not in\n{}", ended.err);
    }
    assert!(
        ended.out.contains("1 scan, 1 reading") && ended.out.contains("9 lines skipped"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("Verdict: cannot tell"), "{}", ended.out);
}

#[test]
fn a_walk_that_left_out_a_zone_says_so_and_one_of_nothing_makes_no_calibration() {
    let folder = mall(has);
    let plan = plan();
    let mut all = readings();
    all.retain(|r| plan.zones[r.zone].id != "F2-03");
    write(&folder, "survey.jsonl", &rows(&all));
    let ended = agent(folder.path(), &SURVEY, "");
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(
        ended.out.contains("not walked: F2-03") && ended.out.contains("Walk F2-03: nobody"),
        "{}",
        ended.out
    );

    write(&folder, "survey.jsonl", "\n\n");
    let ended = agent(folder.path(), &[&SURVEY[..], &["--out", "calibration.json"]].concat(), "");
    assert_eq!((ended.code, ended.out.as_str()), (65, ""));
    assert!(ended.err.contains("the walk has no usable rows: nothing to calibrate with"), "{}", ended.err);
    assert!(!folder.path().join("calibration.json").exists());
}
