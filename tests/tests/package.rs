//! The Debian packages, where `systemd/package` has made some: what is in them, and what they need.
//!
//! That they install, upgrade and purge is seen in a virtual machine: `tests/vm/run`.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use system_tests::{agent, data, has_program, skipped};

/// bullseye's C library.
const GLIBC: (u32, u32) = (2, 31);

/// The packages beside the binary under test; none where `systemd/package` was not run.
fn packages() -> Result<Vec<PathBuf>> {
    let binary = agent::binary()?;
    let target = binary.ancestors().nth(2).context("the binary lies in <target>/<profile>")?;
    let Ok(folder) = fs::read_dir(target.join("packages")) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in folder {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "deb") {
            found.push(path);
        }
    }
    Ok(found)
}

fn output(program: &str, args: &[&str], file: &Path, more: &[&Path]) -> Result<Vec<u8>> {
    let done = Command::new(program).args(args).arg(file).args(more).output()?;
    ensure!(done.status.success(), "{program} {}: {}", file.display(), String::from_utf8_lossy(&done.stderr));
    Ok(done.stdout)
}

fn text(program: &str, args: &[&str], file: &Path) -> Result<String> {
    Ok(String::from_utf8(output(program, args, file, &[])?)?)
}

/// Mode of each path of the package; all are root's.
fn contents(package: &Path) -> Result<BTreeMap<String, String>> {
    let listed = text("dpkg-deb", &["--contents"], package)?;
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let (mode, owner) = (words.next()?, words.next()?);
        let path = words.nth(3)?.strip_prefix("./")?;
        assert!(matches!(owner, "root/root" | "0/0"), "{line}");
        Some((path.to_owned(), mode.to_owned()))
    };
    Ok(listed.lines().filter_map(entry).collect())
}

#[test]
fn a_package_holds_what_a_gateway_needs_and_its_configuration_is_the_operators() -> Result<()> {
    if !has_program("dpkg-deb") || packages()?.is_empty() {
        skipped("no package to look into: systemd/package makes them");
        return Ok(());
    }
    for package in packages()? {
        let name = package.display();
        let control = text("dpkg-deb", &["--field"], &package)?;
        for line in ["Package: edge-agent", "Depends: libc6 (>= 2.31), systemd (>= 247)"] {
            assert!(control.lines().any(|l| l == line), "{name}: no {line:?} in\n{control}");
        }
        let conffiles = output("dpkg-deb", &["--info"], &package, &[Path::new("conffiles")])?;
        assert_eq!(String::from_utf8(conffiles)?.trim(), "/etc/default/edge-agent", "{name}");
        let files = contents(&package)?;
        let in_etc: Vec<_> = files.keys().filter(|f| f.starts_with("etc/") && !f.ends_with('/')).collect();
        assert_eq!(in_etc, ["etc/default/edge-agent"], "{name}: what else is in /etc is the operator's");
        assert_eq!(files["usr/bin/edge-agent"], "-rwxr-xr-x", "{name}");
        for needed in [
            "usr/lib/systemd/system/edge-agent.service",
            "usr/lib/systemd/system/edge-agent-tap.service",
            "usr/lib/sysusers.d/edge-agent.conf",
            "usr/lib/tmpfiles.d/edge-agent.conf",
            "usr/lib/udev/rules.d/70-edge-agent.rules",
            "usr/share/edge-agent/systemd/edge-agent-wifi.conf",
            "usr/share/edge-agent/schema/v1/asyncapi.json",
            "usr/share/doc/edge-agent/examples/site.toml",
            "usr/share/doc/edge-agent/docs/install.md",
            "usr/share/doc/edge-agent/copyright",
            "usr/share/doc/edge-agent/third-party-licences.gz",
        ] {
            assert_eq!(files.get(needed).map(String::as_str), Some("-rw-r--r--"), "{name}: {needed}");
        }
        let shipped: BTreeSet<_> =
            files.keys().filter_map(|f| f.strip_prefix("usr/share/edge-agent/templates/")).collect();
        for template in fs::read_dir(data::repository().join("templates"))? {
            let file = template?.file_name().into_string().unwrap_or_default();
            assert!(
                !file.ends_with(".toml") || shipped.contains(file.as_str()),
                "{name}: no template {file}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_packaged_program_starts_on_bullseye_and_its_bill_of_materials_is_its_own() -> Result<()> {
    if !has_program("dpkg-deb") || !has_program("readelf") || packages()?.is_empty() {
        skipped("no package to look into (systemd/package makes them), or no readelf");
        return Ok(());
    }
    for package in packages()? {
        let dir = tempfile::tempdir()?;
        output("dpkg-deb", &["--extract"], &package, &[dir.path()])?;
        let name = package.display();
        let symbols = text("readelf", &["--wide", "--dyn-syms"], &dir.path().join("usr/bin/edge-agent"))?;
        let versions: BTreeSet<(u32, u32)> = symbols
            .split("@GLIBC_")
            .skip(1)
            .filter_map(|rest| {
                let mut parts = rest.split(|c: char| !c.is_ascii_digit()).map(str::parse);
                Some((parts.next()?.ok()?, parts.next()?.ok()?))
            })
            .collect();
        let newest = versions.last().copied().with_context(|| format!("{name}: needs no glibc at all"))?;
        assert!(newest <= GLIBC, "{name} needs glibc {newest:?}");

        let sbom = fs::read(dir.path().join("usr/share/doc/edge-agent/sbom.cdx.json"))?;
        let sbom: Value = serde_json::from_slice(&sbom)?;
        let crates: BTreeSet<_> =
            sbom["components"].as_array().into_iter().flatten().filter_map(|c| c["name"].as_str()).collect();
        assert_eq!(sbom["metadata"]["component"]["name"], "edge-agent", "{name}");
        for linked in ["sled", "rumqttc", "rustls", "visit-core"] {
            assert!(crates.contains(linked), "{name}: {linked} is not in the bill of materials");
        }
        for not_linked in ["rumqttd", "proptest", "syn"] {
            assert!(!crates.contains(not_linked), "{name}: {not_linked} is not in the program");
        }
    }
    Ok(())
}
