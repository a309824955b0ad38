//! The notification protocol of systemd: `sd_notify(3)`, one datagram for each state, `KEY=value`.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A manager whose queue is full is waited for so long; then the word is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Started up.
    Ready,
    /// Taking up another configuration since this moment of the monotonic clock, µs; over with `Ready`.
    Reloading(i64),
    /// Shutting down: from now on `TimeoutStopSec=` counts.
    Stopping,
    /// Everything that must go on goes on.
    Alive,
    /// How we are, in one line.
    Status(String),
}

impl State {
    fn words(&self) -> String {
        match self {
            Self::Ready => "READY=1".into(),
            Self::Reloading(since) => format!("RELOADING=1\nMONOTONIC_USEC={since}"),
            Self::Stopping => "STOPPING=1".into(),
            Self::Alive => "WATCHDOG=1".into(),
            // A line break would begin another assignment.
            Self::Status(line) => format!("STATUS={}", line.replace(['\n', '\r'], " ")),
        }
    }
}

/// The way to the service manager.
#[derive(Debug)]
pub struct Notifier(UnixDatagram);

impl Notifier {
    /// That of `$NOTIFY_SOCKET`; nothing where no service manager wants to hear from us.
    pub fn from_env() -> io::Result<Option<Self>> {
        match std::env::var_os("NOTIFY_SOCKET") {
            Some(address) if !address.is_empty() => Self::connect(&address).map(Some),
            _ => Ok(None),
        }
    }

    /// To the socket at `address`: a path, or the name of an abstract socket behind an `@`.
    pub fn connect(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            _ => {
                let what = format!("NOTIFY_SOCKET: {address:?} is neither a path nor an abstract socket");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(socket))
    }

    /// Tells a state.
    pub fn tell(&self, state: &State) -> io::Result<()> {
        self.0.send(state.words().as_bytes()).map(drop)
    }
}

/// How often the service manager wants to hear from us; nothing where it does not.
pub(super) fn watchdog_from_env() -> Result<Option<Duration>, String> {
    let var = |name| std::env::var(name).ok();
    watchdog(var("WATCHDOG_USEC").as_deref(), var("WATCHDOG_PID").as_deref(), std::process::id())
}

/// As `sd_watchdog_enabled(3)` reads it: a time for another process is none for us.
fn watchdog(usec: Option<&str>, pid: Option<&str>, me: u32) -> Result<Option<Duration>, String> {
    let Some(usec) = usec.filter(|_| pid.is_none_or(|pid| pid.parse() == Ok(me))) else { return Ok(None) };
    match usec.parse() {
        Ok(0) | Err(_) => Err(format!("WATCHDOG_USEC: {usec:?} is no time in microseconds")),
        Ok(usec) => Ok(Some(Duration::from_micros(usec))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let n = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..n].to_vec()).unwrap()
    }

    #[test]
    fn every_state_is_one_assignment_at_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::connect(path.as_os_str()).unwrap();
        for (state, words) in [
            (State::Ready, "READY=1"),
            (State::Stopping, "STOPPING=1"),
            (State::Alive, "WATCHDOG=1"),
            (State::Status("3 devices\nREADY=1".into()), "STATUS=3 devices READY=1"),
        ] {
            notifier.tell(&state).unwrap();
            assert_eq!(heard(&manager), words);
        }
    }

    #[test]
    fn an_abstract_socket_is_found_by_its_at_sign() {
        let name = format!("edge-agent-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Notifier::connect(OsStr::new(&format!("@{name}"))).unwrap().tell(&State::Ready).unwrap();
        assert_eq!(heard(&manager), "READY=1");
        let wrong = Notifier::connect(OsStr::new("vsock:2:1")).unwrap_err();
        assert!(wrong.to_string().contains("neither a path"), "{wrong}");
    }

    #[test]
    fn a_watchdog_of_another_process_is_not_ours() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog(Some("1000000"), None, 7), Ok(second));
        assert_eq!(watchdog(Some("1000000"), Some("7"), 7), Ok(second));
        assert_eq!(watchdog(Some("1000000"), Some("8"), 7), Ok(None));
        assert_eq!(watchdog(None, Some("7"), 7), Ok(None));
        assert!(watchdog(Some("soon"), None, 7).unwrap_err().contains("soon"));
        assert!(watchdog(Some("0"), None, 7).is_err());
    }
}
