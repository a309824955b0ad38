//! What receipt feeds and sensor nodes find around them on this machine. Nothing is bound, opened for writing or sent.

use super::Report;
use super::environment::{private, reach, tls_files};
use crate::config::{
    AgentConfig, FeedSettings, FolderSettings, HttpSettings, MqttFeedSettings, SourceSettings,
};
use gateway::pos::template::Template;
use nix::unistd::{AccessFlags, access};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// Looks at lines, ports, templates, tokens, brokers and folders.
pub(super) fn examine(agent: &AgentConfig, offline: bool, report: &mut Report) {
    for (i, source) in agent.sources.iter().enumerate() {
        let name = format!("source[{i}]");
        let feed = match source {
            SourceSettings::Feed(feed) => feed,
            SourceSettings::Node(s) => {
                line(&name, &s.device, report);
                continue;
            }
            SourceSettings::Replay(_) | SourceSettings::Radio(_) => continue,
        };
        match feed {
            FeedSettings::Serial(s) => {
                line(&name, &s.device, report);
                template(&name, s.template.as_deref(), report);
            }
            FeedSettings::Printer(s) => {
                port(&name, s.listen, agent.receipts.tap_socket.is_some(), report);
                template(&name, s.template.as_deref(), report);
                let printer = s.forward.as_deref().and_then(|to| to.rsplit_once(':'));
                if let (Some((host, Ok(port))), false) = (printer.map(|(h, p)| (h, p.parse())), offline) {
                    reach("printer", host, port, report);
                }
            }
            FeedSettings::Http(s) => http(&name, s, report),
            FeedSettings::Mqtt(s) => mqtt(&name, s, offline, report),
            FeedSettings::Folder(s) => folder(&name, s, report),
        }
    }
    let taps = |s: &SourceSettings| {
        matches!(s, SourceSettings::Feed(FeedSettings::Serial(_) | FeedSettings::Printer(_)))
    };
    if let Some(socket) = agent.receipts.tap_socket.as_ref().filter(|_| agent.sources.iter().any(taps)) {
        let shown = socket.display();
        match std::os::unix::net::UnixStream::connect(socket) {
            Ok(_) => report.right(format!("tap {shown}: answers")),
            Err(e) => report.error(format!("tap {shown}: {e}"), "systemctl status edge-agent-tap"),
        }
    }
}

fn line(name: &str, device: &Path, report: &mut Report) {
    let shown = device.display();
    match access(device, AccessFlags::R_OK | AccessFlags::W_OK) {
        Ok(()) => report.right(format!("{name}: line {shown}")),
        Err(nix::errno::Errno::EACCES) => {
            report.error(format!("{name}: {shown} may not be opened"), "sudo usermod -aG dialout edge-agent");
        }
        Err(e) => report.error(format!("{name}: {shown}: {}", e.desc()), "ls -l /dev/serial/by-id"),
    }
}

fn template(name: &str, path: Option<&Path>, report: &mut Report) {
    let Some(path) = path else {
        let what = format!("{name}: no template: its receipts are counted, but nothing on them is read");
        report.warn(what, "edge-agent check-template templates/zh-generic.toml SAMPLE");
        return;
    };
    let shown = path.display();
    match Template::load(path) {
        Ok(_) => report.right(format!("{name}: template {shown}")),
        Err(e) => report.error(format!("{name}: {e}"), format!("edge-agent check-template {shown}")),
    }
}

/// Whether the port is ours to take. In use is as it should be when the daemon or the tap runs.
fn port(name: &str, listen: SocketAddr, by_tap: bool, report: &mut Report) {
    match TcpListener::bind(listen) {
        Ok(_) => report.right(format!("{name}: {listen} is free")),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {
            let who = if by_tap { "the tap" } else { "the daemon" };
            report.warn(
                format!("{name}: {listen} is in use; right if {who} is running"),
                format!("ss -ltnp 'sport = :{}'", listen.port()),
            );
        }
        Err(e) => {
            let why = crate::feeds::port::why(&e, listen);
            report.error(format!("{name}: cannot listen on {listen}: {why}"), "ip -brief address");
        }
    }
}

fn http(name: &str, s: &HttpSettings, report: &mut Report) {
    port(name, s.listen, false, report);
    let shown = s.token_file.display();
    match std::fs::read(&s.token_file) {
        Err(e) => report.error(
            format!("{name}: token file {shown}: {e}"),
            format!("(umask 077; openssl rand -hex 32 > {shown})"),
        ),
        Ok(bytes) if bytes.trim_ascii().is_empty() => {
            report.error(
                format!("{name}: token file {shown} is empty: nobody may post"),
                format!("openssl rand -hex 32 >> {shown}"),
            );
        }
        Ok(_) => private(&s.token_file, "token file", report),
    }
    if let Some((cert, key)) = &s.tls {
        // The certificate is what a client of ours would trust: both are read, and fit each other.
        let tls =
            crate::config::MqttTlsSettings { ca: cert.clone(), client: Some((cert.clone(), key.clone())) };
        tls_files(name, &tls, report);
    }
}

fn mqtt(name: &str, s: &MqttFeedSettings, offline: bool, report: &mut Report) {
    if let Some(path) = &s.password_file {
        match std::fs::read(path) {
            Err(e) => report.error(
                format!("{name}: password file {}: {e}", path.display()),
                format!("ls -l {}", path.display()),
            ),
            Ok(_) => private(path, "password file", report),
        }
    }
    if let Some(tls) = &s.tls {
        tls_files(&format!("{name}.tls"), tls, report);
    }
    if let (Some((host, port)), false) = (&s.broker, offline) {
        reach("broker of receipts", host, *port, report);
    }
}

fn folder(name: &str, s: &FolderSettings, report: &mut Report) {
    let shown = s.path.display();
    if !s.path.is_dir() {
        let next = format!("sudo install -d -o edge-agent {shown}");
        report.error(format!("{name}: {shown} is no folder"), next);
    } else if let Err(e) = access(&s.path, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK) {
        let what = format!("{name}: {shown}: {}; files that were taken in are moved in it", e.desc());
        report.error(what, format!("sudo chown edge-agent {shown}"));
    } else {
        report.right(format!("{name}: folder {shown}"));
    }
}
