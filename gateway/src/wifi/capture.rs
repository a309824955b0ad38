//! Listening to a monitor interface: a packet socket, the kernel's filter, and a ring of blocks shared with the kernel.
//!
//! The kernel copies what passes the [`filter`] into a block, with the time of arrival; a full block, or one that is
//! [`RETIRE`] old, becomes ours, and goes back when it was read. While all blocks are ours the kernel drops, and
//! counts: [`Capture::stats`].
//!
//! Needs `CAP_NET_RAW`. The interface has to be one in monitor mode: its packets begin with a radiotap header.
#![allow(unsafe_code)] // socket options and shared memory; each use says why it is sound

pub mod block;
pub mod filter;

use crate::capture::Packet;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket, sockopt};
use std::ffi::{CString, c_int, c_void};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A block is ours after this long at the latest, full or not.
pub const RETIRE: Duration = Duration::from_millis(20);
/// Room for some 200 probe requests each …
const BLOCK: usize = 64 << 10;
/// … and 2 MiB in all: at 20,000 frames/s a third of a second in which we may be busy otherwise.
const BLOCKS: usize = 32;
/// Slots of a block exist by name only in this version of the ring; the kernel wants a size that divides the block.
const SLOT: u32 = 4096;

/// `PACKET_IGNORE_OUTGOING` of `linux/if_packet.h` (Linux 4.20): what this machine sends is not heard.
const IGNORE_OUTGOING: c_int = 23;
/// `ARPHRD_IEEE80211_RADIOTAP` of `linux/if_arp.h`.
const RADIOTAP: u16 = 803;
/// Where the status of a block stands.
const STATUS: usize = 8;

/// Why there is no capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The interface does not exist, or no longer.
    #[error("there is no interface {0:?}; `ip link` shows those there are")]
    NoInterface(String),
    /// It is not in monitor mode.
    #[error(
        "{interface:?} is not in monitor mode (its link type is {link_type}, wanted {RADIOTAP}, radiotap)"
    )]
    NotMonitor {
        /// The interface.
        interface: String,
        /// Its `ARPHRD_` number.
        link_type: u16,
    },
    /// A capability is missing.
    #[error("listening to {0:?} needs CAP_NET_RAW: run as the service does, or as root")]
    NoPermission(String),
    /// The interface went down, or was removed.
    #[error("{0:?} went down")]
    Down(String),
    /// The kernel refused.
    #[error("{interface:?}: {doing}: {source}")]
    Io {
        /// The interface.
        interface: String,
        /// What was done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
}

/// What the kernel counted since the capture began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames that passed the filter, dropped ones included.
    pub passed: u64,
    /// Of these, dropped: no block was free.
    pub dropped: u64,
}

/// A capture of one interface.
pub struct Capture {
    interface: String,
    socket: OwnedFd,
    ring: Ring,
    stats: Stats,
}

impl Capture {
    /// Listens to `interface`, which is up.
    pub fn open(interface: &str) -> Result<Self, CaptureError> {
        let fail = |doing| {
            move |source: io::Error| CaptureError::Io { interface: interface.to_owned(), doing, source }
        };
        // Protocol 0: nothing is delivered before the filter is in place.
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map_err(
            |e| match e {
                Errno::EPERM | Errno::EACCES => CaptureError::NoPermission(interface.to_owned()),
                e => fail("opening a packet socket")(e.into()),
            },
        )?;
        let index = index_of(interface).ok_or_else(|| CaptureError::NoInterface(interface.to_owned()))?;
        let program = filter::PROGRAM;
        let attach = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
        set(&socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &attach)
            .map_err(fail("setting the filter"))?;
        // Older kernels hear themselves; the access points of a mall do not send from here.
        let _ = set(&socket, libc::SOL_PACKET, IGNORE_OUTGOING, &1_i32);
        let ring = Ring::new(&socket).map_err(fail("setting up the ring"))?;
        let link_type = bind(&socket, index).map_err(|e| match e.raw_os_error() {
            Some(libc::ENODEV) => CaptureError::NoInterface(interface.to_owned()),
            Some(libc::ENETDOWN) => CaptureError::Down(interface.to_owned()),
            _ => fail("listening")(e),
        })?;
        // An interface that is down can be bound to; the socket then has an error waiting.
        if let Ok(libc::ENETDOWN) = getsockopt(&socket, sockopt::SocketError) {
            return Err(CaptureError::Down(interface.to_owned()));
        }
        if link_type != RADIOTAP {
            return Err(CaptureError::NotMonitor { interface: interface.to_owned(), link_type });
        }
        Ok(Self { interface: interface.to_owned(), socket, ring, stats: Stats::default() })
    }

    /// Waits for packets, at most so long, and no longer once `stop` can be read or was closed; whether there are any.
    pub fn wait(&self, at_most: Duration, stop: BorrowedFd<'_>) -> Result<bool, CaptureError> {
        let mut fds = [self.socket.as_fd(), stop].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        // Whole milliseconds, and none too few: the rest would be waited for by asking again and again.
        let rounded_up = at_most.saturating_add(Duration::from_micros(999));
        match poll(&mut fds, PollTimeout::try_from(rounded_up).unwrap_or(PollTimeout::MAX)) {
            Ok(0) | Err(Errno::EINTR) => Ok(false),
            Ok(_) => {
                let events = fds[0].revents().unwrap_or(PollFlags::empty());
                if events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL) {
                    return Err(self.failed());
                }
                Ok(events.contains(PollFlags::POLLIN))
            }
            Err(e) => Err(self.io("waiting", e.into())),
        }
    }

    /// Hands over every packet that is there; at most a ring full, so that it ends. How many.
    pub fn read(&mut self, mut each: impl FnMut(&Packet<'_>)) -> u64 {
        let mut packets = 0;
        for _ in 0..BLOCKS {
            let Some(block) = self.ring.block() else { break };
            for packet in block::Packets::new(block) {
                packets += 1;
                each(&packet);
            }
            self.ring.release();
        }
        packets
    }

    /// What the kernel counted since the capture began.
    pub fn stats(&mut self) -> Result<Stats, CaptureError> {
        let mut new = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        let mut len = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
        // SAFETY: pointer and length describe `new`, plain integers that the kernel fills; reading starts them anew.
        let got = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut new).cast::<c_void>(),
                &raw mut len,
            )
        };
        Errno::result(got).map_err(|e| self.io("reading counters", e.into()))?;
        self.stats.passed += u64::from(new.tp_packets);
        self.stats.dropped += u64::from(new.tp_drops);
        Ok(self.stats)
    }

    fn failed(&self) -> CaptureError {
        match getsockopt(&self.socket, sockopt::SocketError) {
            // A removed interface tells once, then only that there is an error.
            Ok(0 | libc::ENETDOWN | libc::ENODEV) => CaptureError::Down(self.interface.clone()),
            Ok(errno) => self.io("listening", io::Error::from_raw_os_error(errno)),
            Err(e) => self.io("listening", e.into()),
        }
    }

    fn io(&self, doing: &'static str, source: io::Error) -> CaptureError {
        CaptureError::Io { interface: self.interface.clone(), doing, source }
    }
}

/// The blocks, mapped.
struct Ring {
    memory: NonNull<u8>,
    next: usize,
}

// SAFETY: the mapping belongs to this value alone, and is shared with the kernel only.
unsafe impl Send for Ring {}

impl Ring {
    fn new(socket: &OwnedFd) -> io::Result<Self> {
        let version = libc::tpacket_versions::TPACKET_V3 as c_int;
        set(socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let wanted = libc::tpacket_req3 {
            tp_block_size: BLOCK as u32,
            tp_block_nr: BLOCKS as u32,
            tp_frame_size: SLOT,
            tp_frame_nr: (BLOCK * BLOCKS) as u32 / SLOT,
            tp_retire_blk_tov: RETIRE.as_millis() as u32,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &wanted)?;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing of ours.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                BLOCK * BLOCKS,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        match NonNull::new(memory.cast::<u8>()) {
            Some(memory) if memory.as_ptr().cast() != libc::MAP_FAILED => Ok(Self { memory, next: 0 }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: within the mapping, aligned (blocks are pages, the status is at 8), and accessed only as an atomic.
        unsafe { AtomicU32::from_ptr(self.memory.add(self.next * BLOCK + STATUS).as_ptr().cast()) }
    }

    /// The next block, if it is ours.
    fn block(&self) -> Option<&[u8]> {
        // Acquire: the kernel wrote the packets before the status.
        if self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        // SAFETY: within the mapping; until `release`, which borrows mutably, the kernel does not write to it.
        Some(unsafe { std::slice::from_raw_parts(self.memory.add(self.next * BLOCK).as_ptr(), BLOCK) })
    }

    /// Gives it back.
    fn release(&mut self) {
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % BLOCKS;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped in `new` with this length, and nothing borrows from it any more.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), BLOCK * BLOCKS) };
    }
}

/// The number of an interface.
pub fn index_of(interface: &str) -> Option<u32> {
    let name = CString::new(interface).ok()?;
    // SAFETY: a string that ends with zero, and lives until the call returns.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

fn set<T>(socket: &OwnedFd, level: c_int, option: c_int, value: &T) -> io::Result<()> {
    // SAFETY: pointer and length describe `value`; the kernel reads and does not keep it.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast::<c_void>(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    Ok(Errno::result(done).map(drop)?)
}

/// Starts delivery of everything on an interface; its link type.
fn bind(socket: &OwnedFd, index: u32) -> io::Result<u16> {
    // SAFETY: plain integers, for which zeros are values.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    let mut len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    let pointer = (&raw mut address).cast::<libc::sockaddr>();
    // SAFETY: pointer and length describe `address` in both calls; the second fills it with what it is bound to.
    unsafe {
        Errno::result(libc::bind(socket.as_raw_fd(), pointer, len))?;
        Errno::result(libc::getsockname(socket.as_raw_fd(), pointer, &raw mut len))?;
    }
    Ok(address.sll_hatype)
}
