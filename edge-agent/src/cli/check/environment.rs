//! What the configuration finds around it on this machine. Nothing is written.

use super::Report;
use super::host::{file_system, is_synchronised, readable_by_service};
use crate::config::{
    AgentConfig, MqttSettings, MqttTlsSettings, PrivacySettings, SourceSettings, StoreSettings, WebSettings,
};
use crate::privacy::lists::{self, Which};
use crate::privacy::{BusinessCalendar, SEED_DAY, STAFF_FILE, fixtures, inspect_key_file};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::fs::{self, File};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use visit_core::event::PrivacyMode;
use visit_core::site::Site;
use visit_core::time::Timestamp;

/// Looks at inputs, store, keys, lists, broker and clock.
pub(super) fn examine(agent: &AgentConfig, site: Option<&Site>, offline: bool, report: &mut Report) {
    inputs(agent, report);
    super::feeds::examine(agent, offline, report);
    super::radios::examine(agent, report);
    store(&agent.store, report);
    let now = clock(report);
    let today = site.and_then(BusinessCalendar::new).map(|mut calendar| calendar.day(now));
    key_file(&agent.privacy, today, report);
    people(&agent.privacy, report);
    password(&agent.mqtt, report);
    web(&agent.web, report);
    if let Some(tls) = &agent.mqtt.tls {
        tls_files("mqtt.tls", tls, report);
    }
    if !offline {
        super::broker::examine(agent, site, report);
    }
    if my_uid() == Some(0) {
        report.right("checked as root: the daemon may see less; sudo -u edge-agent edge-agent check tells");
    }
}

fn inputs(agent: &AgentConfig, report: &mut Report) {
    for (i, source) in agent.sources.iter().enumerate() {
        let SourceSettings::Replay(replay) = source else { continue };
        for path in &replay.paths {
            let shown = path.display();
            match File::open(path).and_then(|f| f.metadata()) {
                Ok(m) if m.is_dir() => {
                    report.error(
                        format!("source[{i}]: {shown} is a folder"),
                        "name the recordings in it, one by one",
                    );
                }
                Ok(m) => report.right(format!("input {shown}: {} bytes", m.len())),
                Err(e) => {
                    report.error(format!("source[{i}]: cannot open {shown}: {e}"), format!("ls -l {shown}"));
                }
            }
        }
    }
}

fn store(store: &StoreSettings, report: &mut Report) {
    let dir = &store.dir;
    let shown = dir.display();
    // The daemon makes the folder; here it is enough that it could.
    // Below the current folder the last ancestor is the empty path.
    let here = |p: &'_ Path| if p.as_os_str().is_empty() { Path::new(".").to_owned() } else { p.to_owned() };
    let Some(existing) = dir.ancestors().map(here).find(|p| p.exists()) else {
        report.error(
            format!("store {shown}: no such folder"),
            format!("sudo install -d -o edge-agent {shown}"),
        );
        return;
    };
    if !existing.is_dir() {
        let what = format!("store {shown}: {} is a file", existing.display());
        report.error(what, "set store.dir to a folder");
        return;
    }
    let existing = existing.as_path();
    if let Err(e) = access(existing, AccessFlags::W_OK | AccessFlags::X_OK) {
        let what = format!("store {shown}: cannot write in {}: {}", existing.display(), e.desc());
        report.error(what, format!("sudo install -d -o edge-agent {shown}"));
    }
    file_system(existing, &shown.to_string(), report);
    #[allow(clippy::unnecessary_cast)] // on 32-bit machines both are narrower
    let free = statvfs(existing).map(|s| s.blocks_available() as u64 * s.fragment_size() as u64);
    match free {
        Err(e) => {
            report.warn(format!("store {shown}: free space is unknown: {}", e.desc()), format!("df {shown}"));
        }
        Ok(free) if free < store.max_bytes => {
            let what = format!(
                "store {shown}: {} MiB free, less than store.max_bytes ({} MiB)",
                free >> 20,
                store.max_bytes >> 20
            );
            report.warn(what, format!("free some space, or write max_bytes = {}", (free / 2).max(1 << 20)));
        }
        Ok(free) => report.right(format!("store {shown}: {} MiB free", free >> 20)),
    }
}

fn clock(report: &mut Report) -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    if now < Timestamp::from_micros(i64::from(SEED_DAY) * 86_400_000_000) {
        report.error(format!("the clock says {now}, which is past"), "sudo timedatectl set-ntp true");
        return now;
    }
    match is_synchronised() {
        Some(true) => report.right(format!("clock: {now}, synchronised")),
        Some(false) => report.warn(
            format!("clock: {now}, not synchronised: times of events may be wrong, and TLS may fail"),
            "sudo timedatectl set-ntp true; timedatectl timesync-status",
        ),
        None => report.warn(
            format!("clock: {now}; whether it is synchronised cannot be told from here"),
            "timedatectl show -p NTPSynchronized; chronyc tracking",
        ),
    }
    now
}

fn key_file(privacy: &PrivacySettings, today: Option<i32>, report: &mut Report) {
    let path = &privacy.key_file;
    let shown = path.display();
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let existing = folder.ancestors().find(|p| p.is_dir()).unwrap_or(Path::new("/"));
    // The key changes daily, by a new file that takes the old one's place.
    if let Err(e) = access(existing, AccessFlags::W_OK | AccessFlags::X_OK) {
        let what = format!("key file {shown}: cannot write in {}: {}", existing.display(), e.desc());
        report.error(what, format!("sudo install -d -m 0700 -o edge-agent {}", folder.display()));
    }
    let Ok(metadata) = fs::metadata(path) else {
        report.right(format!("key file {shown}: none yet; the daemon makes one"));
        return;
    };
    if my_uid().is_some_and(|me| me != 0 && me != metadata.uid()) {
        let what =
            format!("key file {shown} belongs to user {}, not to the one who runs this", metadata.uid());
        report.error(what, format!("sudo chown edge-agent {shown}"));
    }
    match (inspect_key_file(path), today) {
        (Err(e), _) => report.error(e.to_string(), format!("ls -l {shown}")),
        (Ok(None), _) => {
            report.right(format!("key file {shown}: a seed; the daemon replaces it by a key of today"));
        }
        (Ok(Some(day)), Some(today)) if day > today => {
            let what = format!(
                "key file {shown} is {} days ahead of the clock: until then nothing is kept",
                day - today
            );
            report
                .error(what, "date; if the clock is right, copy the file from another gateway of this group");
        }
        (Ok(Some(day)), Some(today)) if today - day > 400 => {
            let what = format!("key file {shown} is {} days behind the clock", today - day);
            report
                .error(what, "date; if the clock is right, copy the file from another gateway of this group");
        }
        (Ok(Some(day)), _) => report.right(format!("key file {shown}: key of business day {day}")),
    }
}

/// The lists of people, and what is remembered of staff.
fn people(privacy: &PrivacySettings, report: &mut Report) {
    let consent = privacy.consent_list.as_deref().filter(|_| privacy.mode == PrivacyMode::Consented);
    if let Some(path) = consent {
        list("consent list", "members", "one member number a line", Which::Consent, path, report);
    }
    if let Some(path) = &privacy.opt_out_list {
        let next = "one address or hash a line; edge-agent privacy opt-out makes hashes";
        list("opt-out list", "addresses", next, Which::OptOut, path, report);
    }
    let path = privacy.key_file.with_file_name(STAFF_FILE);
    match fixtures::inspect(&path) {
        Ok(Some(n)) => {
            report.right(format!("staff and equipment of earlier days: {n}, in {}", path.display()));
        }
        Ok(None) => report.warn(
            format!("{} is damaged: staff of earlier days are learnt anew", path.display()),
            format!("rm {}", path.display()),
        ),
        // None yet.
        Err(_) => {}
    }
}

fn list(what: &str, of: &str, next: &str, which: Which, path: &Path, report: &mut Report) {
    let shown = path.display();
    match lists::inspect(which, path) {
        Err(e) => report.error(format!("{what} {shown}: {e}"), format!("ls -l {shown}")),
        Ok(list) if list.bad > 0 => {
            let lines: Vec<_> = list.first_bad.iter().map(ToString::to_string).collect();
            let found = format!("{what} {shown}: {} lines are no entries: {}", list.bad, lines.join(", "));
            report.warn(format!("{found} …"), next);
        }
        Ok(list) if list.entries.len() == 0 && which == Which::Consent => {
            report.warn(format!("{what} {shown} is empty: nobody is linked"), next);
        }
        Ok(list) => {
            report.right(format!("{what} {shown}: {} {of}", list.entries.len()));
            private(path, what, report);
        }
    }
}

/// The operators' page. What is wrong with its address and token the configuration has said.
fn web(web: &WebSettings, report: &mut Report) {
    if !web.enabled {
        report.right("web page: switched off");
        return;
    }
    if let Some(path) = &web.token_file {
        let shown = path.display();
        let next = format!("(umask 077; openssl rand -hex 32 > {shown})");
        match fs::read_to_string(path) {
            Err(e) => report.error(format!("web.token_file {shown}: {e}"), next),
            Ok(text) if !text.lines().any(|line| line.trim().len() >= 16) => {
                report.error(format!("web.token_file {shown} holds no token of 16 characters or more"), next);
            }
            Ok(_) => private(path, "web.token_file", report),
        }
    }
    let tls = if web.listen.ip().is_loopback() { "from this machine only" } else { "without TLS of its own" };
    report.right(format!("web page: http://{}/, {tls}", web.listen));
}

fn password(mqtt: &MqttSettings, report: &mut Report) {
    let Some(path) = &mqtt.password_file else { return };
    let shown = path.display();
    match fs::read(path) {
        Err(e) => report.error(format!("password file {shown}: {e}"), format!("ls -l {shown}")),
        Ok(bytes) if bytes.trim_ascii().is_empty() => {
            report.error(format!("password file {shown} is empty"), "put the password on its first line");
        }
        Ok(_) => private(path, "password file", report),
    }
}

pub(super) fn private(path: &Path, what: &str, report: &mut Report) {
    readable_by_service(path, report);
    let mode = fs::metadata(path).map_or(0, |m| m.permissions().mode());
    let shown = path.display();
    if mode & 0o007 != 0 {
        report.warn(format!("{what} {shown} can be read by everybody"), format!("chmod o= {shown}"));
    } else {
        report.right(format!("{what} {shown}"));
    }
}

/// The files of `[mqtt.tls]`, or of a table of its kind called `name`.
pub(super) fn tls_files(name: &str, tls: &MqttTlsSettings, report: &mut Report) {
    let mut roots = RootCertStore::empty();
    let ca = tls.ca.display();
    match certificates(&tls.ca) {
        Err(e) => {
            report.error(format!("{name}.ca {ca}: {e}"), format!("openssl x509 -in {ca} -noout -text"));
        }
        Ok(found) => {
            let n = found.len();
            match found.into_iter().try_for_each(|c| roots.add(c)) {
                Err(e) => report
                    .error(format!("{name}.ca {ca}: {e}"), format!("openssl x509 -in {ca} -noout -text")),
                Ok(()) => report.right(format!("{name}.ca {ca}: {n} certificates")),
            }
        }
    }
    let Some((cert, key)) = &tls.client else { return };
    let (cert_shown, key_shown) = (cert.display(), key.display());
    let chain = certificates(cert).map_err(|e| {
        report.error(
            format!("{name}.cert {cert_shown}: {e}"),
            format!("openssl x509 -in {cert_shown} -noout -text"),
        );
    });
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| {
        let what = format!("{name}.key {key_shown}: no private key in PEM: {e}");
        report.error(what, format!("openssl pkey -in {key_shown} -noout"));
    });
    let (Ok(chain), Ok(secret)) = (chain, secret) else { return };
    private(key, &format!("{name}.key"), report);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|b| b.with_root_certificates(roots).with_client_auth_cert(chain, secret));
    match config {
        Ok(_) => report.right(format!("{name}.cert {cert_shown}: fits its key")),
        Err(e) => report.error(
            format!("{name}.cert {cert_shown} and key {key_shown} do not go together: {e}"),
            format!("openssl x509 -in {cert_shown} -noout -pubkey; openssl pkey -in {key_shown} -pubout"),
        ),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| format!("cannot be read as PEM: {e}"))?;
    if found.is_empty() { Err("holds no certificate in PEM".into()) } else { Ok(found) }
}

/// Whether somebody listens there.
pub(super) fn reach(what: &str, host: &str, port: u16, report: &mut Report) {
    // What it answers is not asked.
    drop(open(what, host, port, report));
}

/// A connection to whoever listens there.
pub(super) fn open(what: &str, host: &str, port: u16, report: &mut Report) -> Option<TcpStream> {
    let next = format!("is the {what} up, and does the firewall let us through? nc -vz {host} {port}");
    let host = host.to_owned();
    let name = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    // The resolver of the system cannot be told to hurry; it is left behind when it takes too long.
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let connect = || {
            let mut last = std::io::Error::other("the name has no address");
            for address in (host.as_str(), port).to_socket_addrs()?.take(MAX_ADDRESSES) {
                match TcpStream::connect_timeout(&address, CONNECT) {
                    Ok(stream) => return Ok((address, stream)),
                    Err(e) => last = e,
                }
            }
            Err(last)
        };
        // Nobody listens any more when it took too long.
        let _ = tell.send(connect());
    });
    match told.recv_timeout(CONNECT * (MAX_ADDRESSES as u32 + 1)) {
        Ok(Ok((address, stream))) => {
            report.right(format!("{what} {name}: answers at {address}"));
            return Some(stream);
        }
        Ok(Err(e)) => report.error(format!("{what} {name}: {e}"), next),
        Err(_) => report.error(format!("{what} {name}: no answer in time"), next),
    }
    None
}

/// Whose process this is.
fn my_uid() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|m| m.uid())
}

const CONNECT: Duration = Duration::from_secs(2);
const MAX_ADDRESSES: usize = 3;
