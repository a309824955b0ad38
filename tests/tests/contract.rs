//! The documents of the contract, looked at by programs that are not ours: a JSON Schema validator in Python, ajv in its
//! strict mode, and the parser of AsyncAPI.

use anyhow::{Context, Result, ensure};
use std::process::Command;
use system_tests::{has_program, skipped};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn json_schema_validators_accept_the_schemas_and_every_sample() -> Result<()> {
    let Some(said) = validated("python3", "jsonschema")? else { return Ok(()) };
    let n: usize = said.trim().trim_start_matches("valid: ").parse().with_context(|| said.clone())?;
    ensure!(n >= 19, "only {n} samples were looked at");
    Ok(())
}

#[test]
fn ajv_and_the_asyncapi_parser_accept_the_documents() -> Result<()> {
    let Some(said) = validated("npm", "asyncapi")? else { return Ok(()) };
    ensure!(said.contains("asyncapi: accepted") && said.contains("ajv: accepted"), "{said}");
    Ok(())
}

/// What `tests/schema/validate KIND` prints; `None`, said aloud, where its programs cannot be had.
fn validated(program: &str, kind: &str) -> Result<Option<String>> {
    if !has_program(program) {
        skipped(&format!(
            "{program} is not installed: the documents of the contract are not validated by {kind}"
        ));
        return Ok(None);
    }
    let me = std::env::current_exe()?;
    let target = me.ancestors().nth(3).context("the test binary lies in <target>/<profile>/deps")?;
    let script = format!("{ROOT}/tests/schema/validate");
    let out = Command::new(script).arg(kind).arg(target.join("schema-validators")).output()?;
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    if out.status.code() == Some(75) {
        skipped(&format!("the documents of the contract are not validated by {kind}: {}", wrong.trim()));
        return Ok(None);
    }
    ensure!(out.status.success(), "{said}{wrong}");
    Ok(Some(said.into_owned()))
}

/// Where the alerts are named, and where each is explained.
#[test]
fn every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() -> Result<()> {
    let Ok(monitoring) = std::fs::read_to_string(format!("{ROOT}/docs/monitoring/README.md")) else {
        skipped("there is no docs/monitoring/README.md: the runbook is not compared with the alerts");
        return Ok(());
    };
    let runbook = std::fs::read_to_string(format!("{ROOT}/docs/operations.md"))?;
    let rows = monitoring.lines().filter_map(|line| line.strip_prefix("| `"));
    let alerts: Vec<&str> = rows
        .filter_map(|row| row.split('`').nth(2))
        .filter(|anchor| anchor.contains('-') && !anchor.contains(' '))
        .collect();
    ensure!(alerts.len() >= 15, "only {} alerts were found", alerts.len());
    let others = ["What the log says", "What health says"];
    let sections: Vec<&str> =
        runbook.lines().filter_map(|l| l.strip_prefix("## ")).filter(|s| !others.contains(s)).collect();
    for alert in &alerts {
        ensure!(sections.contains(alert), "docs/operations.md explains no {alert}");
    }
    for section in &sections {
        ensure!(alerts.contains(section), "docs/operations.md explains {section}, which is no alert");
    }
    // Links within the page lead somewhere.
    for link in runbook.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        let anchors = sections.iter().chain(&others).map(|s| s.to_lowercase().replace(' ', "-"));
        ensure!(anchors.into_iter().any(|a| a == link), "docs/operations.md links to #{link}");
    }
    Ok(())
}
