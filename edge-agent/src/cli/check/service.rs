//! What the service may and gets that root, who types `check`, has anyway and would not miss: listening to a Wi-Fi radio, and
//! credentials. Both are drop-ins that the package leaves to the operator.

use super::Report;
use std::fs;
use std::path::{Path, PathBuf};

/// Both are needed: the first listens, the second makes the monitor interface and tunes.
const NEEDED: [&str; 2] = ["CAP_NET_RAW", "CAP_NET_ADMIN"];

/// What lets the service listen, typed once.
pub(in crate::cli) const ALLOW: &str = "sudo mkdir -p /etc/systemd/system/edge-agent.service.d && \
     sudo ln -s /usr/share/edge-agent/systemd/edge-agent-wifi.conf /etc/systemd/system/edge-agent.service.d/wifi.conf && \
     sudo systemctl daemon-reload";

/// Says so when it may not; nothing where there is no such service.
pub(super) fn examine(report: &mut Report) {
    match may_listen(Path::new("/")) {
        Some(true) => report.right("wifi: edge-agent.service may listen (CAP_NET_RAW, CAP_NET_ADMIN)"),
        Some(false) => report.error(
            "wifi: edge-agent.service has no CAP_NET_RAW and CAP_NET_ADMIN: it could not listen to this radio",
            ALLOW,
        ),
        None => {}
    }
}

/// Whether the unit or one of its drop-ins below `root` gives the capabilities; `None` where the package is not installed.
pub(in crate::cli) fn may_listen(root: &Path) -> Option<bool> {
    let given = settings(root, "AmbientCapabilities")?;
    Some(NEEDED.iter().all(|needed| given.iter().any(|set| set.split_whitespace().any(|g| g == *needed))))
}

/// Whether systemd hands this file to the service as a credential, so that its user need not be able to read it.
pub(super) fn is_handed_over(root: &Path, file: &Path) -> bool {
    let loaded = settings(root, "LoadCredential").into_iter().flatten();
    let loaded = loaded.chain(settings(root, "LoadCredentialEncrypted").into_iter().flatten());
    loaded.filter_map(|value| Some(PathBuf::from(value.split_once(':')?.1))).any(|path| path == file)
}

/// All values of one setting in the unit and its drop-ins; `None` without a unit.
fn settings(root: &Path, name: &str) -> Option<Vec<String>> {
    let folders = ["etc", "run", "usr/lib"].map(|place| root.join(place).join("systemd/system"));
    let unit = folders.iter().map(|f| f.join("edge-agent.service")).find(|unit| unit.exists())?;
    let drop_ins = folders.iter().flat_map(|f| files(&f.join("edge-agent.service.d")));
    let texts = std::iter::once(unit).chain(drop_ins).filter_map(|path| fs::read_to_string(path).ok());
    let value = |line: &str| Some(line.trim().strip_prefix(name)?.strip_prefix('=')?.to_owned());
    Some(texts.flat_map(|text| text.lines().filter_map(value).collect::<Vec<_>>()).collect())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "conf")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIFI: &str = include_str!("../../../../systemd/edge-agent-wifi.conf");
    const UNIT: &str = include_str!("../../../../systemd/edge-agent.service");

    #[test]
    fn a_service_without_the_drop_in_may_not_listen_and_with_it_may() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(may_listen(root.path()), None);
        let units = root.path().join("usr/lib/systemd/system");
        fs::create_dir_all(&units).unwrap();
        fs::write(units.join("edge-agent.service"), UNIT).unwrap();
        assert_eq!(may_listen(root.path()), Some(false));
        let drop_ins = root.path().join("etc/systemd/system/edge-agent.service.d");
        fs::create_dir_all(&drop_ins).unwrap();
        fs::write(drop_ins.join("wifi.conf.off"), WIFI).unwrap();
        assert_eq!(may_listen(root.path()), Some(false));
        fs::write(drop_ins.join("wifi.conf"), WIFI).unwrap();
        assert_eq!(may_listen(root.path()), Some(true));
    }

    #[test]
    fn a_unit_of_ones_own_in_etc_counts() {
        let root = tempfile::tempdir().unwrap();
        let units = root.path().join("etc/systemd/system");
        fs::create_dir_all(&units).unwrap();
        let text = format!("{UNIT}AmbientCapabilities=CAP_NET_RAW\nAmbientCapabilities=CAP_NET_ADMIN\n");
        fs::write(units.join("edge-agent.service"), text).unwrap();
        assert_eq!(may_listen(root.path()), Some(true));
    }

    #[test]
    fn a_credential_is_handed_over_by_the_drop_in_that_names_its_file() {
        let root = tempfile::tempdir().unwrap();
        let file = Path::new("/etc/edge-agent/credentials/mqtt-password");
        assert!(!is_handed_over(root.path(), file));
        let units = root.path().join("etc/systemd/system");
        fs::create_dir_all(units.join("edge-agent.service.d")).unwrap();
        fs::write(units.join("edge-agent.service"), UNIT).unwrap();
        assert!(!is_handed_over(root.path(), file));
        let drop_in = include_str!("../../../../systemd/edge-agent-credentials.conf");
        fs::write(units.join("edge-agent.service.d/credentials.conf"), drop_in).unwrap();
        assert!(is_handed_over(root.path(), file));
        assert!(!is_handed_over(root.path(), Path::new("/etc/edge-agent/mqtt-password")));
    }
}
