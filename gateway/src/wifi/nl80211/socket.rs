//! A netlink socket that asks and waits for the answer.

use super::message::{Builder, HEADER, Messages};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
const ACK: u16 = libc::NLM_F_ACK as u16;
const DUMP: u16 = libc::NLM_F_DUMP as u16;
const ERROR: u16 = libc::NLMSG_ERROR as u16;
const DONE: u16 = libc::NLMSG_DONE as u16;
/// The kernel answers at once; a driver that tunes may take some hundred milliseconds.
const PATIENCE: TimeVal = TimeVal::new(5, 0);
/// A dump of a radio is split into messages of a page or two.
const BUFFER: usize = 32 << 10;
/// A dump that does not end is no dump.
const MAX_MESSAGES: usize = 4_096;

/// A connection to the kernel.
pub(super) struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

impl Socket {
    pub(super) fn open(protocol: SockProtocol) -> io::Result<Self> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &PATIENCE)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self { fd, sequence: 0 })
    }

    /// Asks for something to be done.
    pub(super) fn ask(
        &mut self,
        kind: u16,
        fixed: &[u8],
        fill: impl FnOnce(Builder) -> Builder,
    ) -> io::Result<Vec<Vec<u8>>> {
        self.exchange(kind, REQUEST | ACK, fixed, fill)
    }

    /// Asks for all there are of something: the body of each answer.
    pub(super) fn dump(
        &mut self,
        kind: u16,
        fixed: &[u8],
        fill: impl FnOnce(Builder) -> Builder,
    ) -> io::Result<Vec<Vec<u8>>> {
        self.exchange(kind, REQUEST | DUMP, fixed, fill)
    }

    fn exchange(
        &mut self,
        kind: u16,
        flags: u16,
        fixed: &[u8],
        fill: impl FnOnce(Builder) -> Builder,
    ) -> io::Result<Vec<Vec<u8>>> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = fill(Builder::new(kind, flags, self.sequence, fixed)).finish();
        send(self.fd.as_raw_fd(), &request, MsgFlags::empty())?;
        let mut bodies = Vec::new();
        let mut buffer = vec![0; BUFFER];
        while bodies.len() < MAX_MESSAGES {
            let received = match recv(self.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => return Err(io::ErrorKind::TimedOut.into()),
                other => other?,
            };
            if received < HEADER {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            for message in Messages(&buffer[..received]).filter(|m| m.sequence == self.sequence) {
                match message.kind {
                    DONE => return Ok(bodies),
                    ERROR => return code(message.body).map(|()| bodies),
                    _ => bodies.push(message.body.to_vec()),
                }
            }
        }
        Err(io::Error::other("the kernel's answer does not end"))
    }
}

/// An error message without an error is an acknowledgement.
fn code(body: &[u8]) -> io::Result<()> {
    match body.first_chunk().map(|b| i32::from_ne_bytes(*b)) {
        Some(0) => Ok(()),
        Some(negative) => Err(io::Error::from_raw_os_error(negative.saturating_neg())),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
