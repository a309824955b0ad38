//! The published contract: schemas, samples, AsyncAPI. `UPDATE_GOLDEN=1` rewrites `docs/schema/v1`.
#![allow(missing_docs, clippy::unwrap_used)]

use edge_agent::cli::schema::drift;
use edge_agent::publish::asyncapi::documents;
use edge_agent::publish::contract;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/v1")
}

fn by_path() -> BTreeMap<String, Value> {
    documents().into_iter().map(|d| (d.path, serde_json::from_str(&d.text).unwrap())).collect()
}

#[test]
fn the_committed_contract_is_what_the_types_say() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        for document in documents() {
            std::fs::write(folder().join(document.path), document.text).unwrap();
        }
    }
    let problems = drift(&documents(), &folder()).unwrap();
    assert!(problems.is_empty(), "run with UPDATE_GOLDEN=1 and look at the diff: {problems:#?}");
}

#[test]
fn the_program_carries_what_the_types_say() {
    assert_eq!(contract::documents(), documents());
}

#[test]
fn every_sample_satisfies_its_schema_and_a_broken_one_does_not() {
    let contract = by_path();
    let mut checked = 0;
    for (path, sample) in contract.iter().filter(|(path, _)| path.starts_with("samples/")) {
        let name = path.trim_start_matches("samples/").trim_end_matches(".json");
        let name = if name.starts_with("gateway.status") { "gateway.status" } else { name };
        let schema = &contract[&format!("{name}.schema.json")];
        let validator = jsonschema::options().should_validate_formats(true).build(schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(sample).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{path}: {errors:#?}");
        let mut more = sample.clone();
        more["a_field_of_tomorrow"] = 1.into();
        assert!(validator.is_valid(&more), "{path}: additions within v1 are allowed");
        let keys: Vec<String> = sample.as_object().unwrap().keys().cloned().collect();
        for key in keys.iter().filter(|key| *key != "reason") {
            let mut broken = sample.clone();
            broken.as_object_mut().unwrap().remove(key);
            assert!(!validator.is_valid(&broken), "{path} without {key}");
        }
        checked += 1;
    }
    assert_eq!(checked, 21);
}

#[test]
fn the_envelope_is_cloudevents_1_0() {
    for (path, sample) in by_path().iter().filter(|(path, _)| path.starts_with("samples/mall.")) {
        let event = sample.as_object().unwrap();
        assert_eq!(event["specversion"], "1.0");
        for (key, value) in event.iter().filter(|(key, _)| *key != "data") {
            let lower = key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            assert!(lower && key.len() <= 20, "{path}: {key} is no attribute name");
            assert!(value.as_str().is_some_and(|v| !v.is_empty()), "{path}: {key} is empty");
        }
        for key in ["detected_at", "privacy_mode", "config_version", "resent"] {
            assert!(event["data"].get(key).is_some(), "{path}: data.{key}");
        }
        if path.contains("visit") {
            assert_eq!(event["subject"], event["data"]["visit_id"], "{path}");
            assert!(event["data"]["seq"].as_u64().unwrap() >= 1);
        }
    }
}

#[test]
fn every_reference_of_the_asyncapi_document_resolves() {
    let document = &by_path()["asyncapi.json"];
    let mut references = vec![];
    collect(document, &mut references);
    assert!(references.len() >= 45, "{}", references.len());
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                found.push(reference.clone());
            }
            map.values().for_each(|v| collect(v, found));
        }
        Value::Array(list) => list.iter().for_each(|v| collect(v, found)),
        _ => {}
    }
}
