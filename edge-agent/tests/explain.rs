//! `edge-agent replay --explain`: the story of a visit of the demo's mall.
#![allow(missing_docs, clippy::unwrap_used)]

mod mall_support;

use edge_agent::demo::day::{Day, DayOptions, Entry, to_log_line};
use mall_support::{Ended, agent, example, mall, plan, write};
use serde_json::Value;
use std::collections::BTreeSet;
use tempfile::TempDir;
use visit_core::time::Span;

/// The first hour and a half of a day.
fn morning() -> (TempDir, String) {
    let folder = mall(|_| true);
    let plan = plan();
    let options = DayOptions { length: Span::from_secs(5400), ..DayOptions::default() };
    let mut day = Day::new(&plan, options).unwrap();
    let mut log = String::new();
    while let Some(entry) = day.next_entry() {
        if let Entry::Observed(o) = entry
            && let Some(line) = to_log_line(&o, &plan)
        {
            log += &line;
            log.push('\n');
        }
    }
    write(&folder, "day.jsonl", &log);
    (folder, log)
}

fn replay(folder: &TempDir, more: &[&str]) -> Ended {
    let words = [&["replay", "--site", "site.toml", "day.jsonl"], more].concat();
    agent(folder.path(), &words, "")
}

fn read(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

/// A line without its figures and ids, and of what was heard not by whom.
fn shape(line: &str) -> String {
    let line = line.split_once("  heard ").map_or(line, |(head, _)| head);
    let word = |word: &str| {
        let is_id = word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
        if is_id { "#".to_owned() } else { word.replace(|c: char| c.is_ascii_digit(), "#") }
    };
    let mut words: Vec<String> = line.split_whitespace().map(word).collect();
    words.iter_mut().for_each(|w| {
        while w.contains("##") {
            *w = w.replace("##", "#");
        }
    });
    words.join(" ")
}

#[test]
fn the_story_holds_all_events_of_the_visit_changes_none_and_names_no_address() {
    let (folder, log) = morning();
    let plain = replay(&folder, &["--events", "plain.jsonl"]);
    assert_eq!(plain.code, 0, "{}", plain.err);
    let plain = read(&folder, "plain.jsonl");
    let events: Vec<Value> = plain.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let bag = events.iter().find(|e| e["type"] == "mall.visit.bag_carried").unwrap();
    let visit = bag["data"]["visit_id"].as_str().unwrap();

    let told = replay(&folder, &["--explain", visit, "--events", "told.jsonl"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(plain, read(&folder, "told.jsonl"), "events are the same, byte for byte");
    let story = told.out;
    for event in events.iter().filter(|e| e["data"]["visit_id"] == visit) {
        let kind = event["type"].as_str().unwrap().strip_prefix("mall.").unwrap();
        let number = format!("number {}, ", event["data"]["seq"]);
        let line = story.lines().find(|l| l.contains(&format!("  > {kind}")) && l.contains(&number));
        assert!(line.is_some(), "{kind} {number} is not in\n{story}");
    }
    let shares =
        story.lines().skip_while(|l| !l.contains("receipt")).skip(1).find(|l| l.ends_with("this one"));
    assert!(shares.is_some(), "{story}");
    let addresses: BTreeSet<&str> =
        log.lines().filter_map(|l| l.split("\"addr\":\"").nth(1)?.split('"').next()).collect();
    assert!(addresses.len() > 50);
    for address in addresses {
        assert!(!story.contains(address) && !story.contains(&address.replace(':', "")), "{address}");
    }
    // As the documentation shows it, but for the figures: those go with the inference.
    let shapes: BTreeSet<String> = story.lines().map(shape).collect();
    for line in example("explain.md", "<!-- the story -->").lines().filter(|l| *l != "…") {
        assert!(shapes.contains(&shape(line)), "nothing is like {line:?} in\n{story}");
    }

    let again = replay(&folder, &["--explain", visit, "--story", "story.txt"]);
    assert_eq!((read(&folder, "story.txt"), again.out), (story, plain), "each where it belongs");
}

#[test]
fn a_visit_that_is_not_there_is_an_error_that_says_where_ids_are() {
    let folder = mall(|_| true);
    write(&folder, "day.jsonl", "");
    let nobody = replay(&folder, &["--explain", &"0".repeat(32)]);
    assert_eq!((nobody.code, nobody.out.as_str()), (65, ""));
    for wanted in ["no visit 00000000000000000000000000000000", "no visits at all", "`visit_id`"] {
        assert!(nobody.err.contains(wanted), "{wanted:?} is not in {}", nobody.err);
    }
    for id in ["", "7", "+0000000000000000000000000000000", "g0000000000000000000000000000000"] {
        let wrong = replay(&folder, &[&format!("--explain={id}")]);
        assert_eq!(wrong.code, 64, "{id:?}");
        assert!(wrong.err.contains("32 hexadecimal digits"), "{}", wrong.err);
    }
}
