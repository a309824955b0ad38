//! Capture from the kernel: a real packet socket with its filter and ring, frames from a made-up radio.
#![allow(missing_docs, clippy::unwrap_used)]

use anyhow::Result;
use gateway::capture::Packet;
use gateway::counts::Counts;
use gateway::observation::Sighting;
use gateway::wifi::capture::{Capture, CaptureError};
use gateway::wifi::frame::Kind;
use gateway::wifi::{Rules, sighting};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};
use system_tests::tap::heard;
use system_tests::{Tap, skipped};
use visit_core::site::SensorIx;

const NO_TAP: &str = "no TAP devices here (they need root and /dev/net/tun)";
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads until there are `wanted` sightings, or patience ends.
fn sightings(capture: &mut Capture, wanted: usize) -> Result<(Vec<Sighting>, Counts)> {
    let (mut out, mut counts) = (Vec::new(), Counts::default());
    let start = Instant::now();
    let (stop, _open) = std::io::pipe()?;
    while out.len() < wanted && start.elapsed() < PATIENCE {
        capture.wait(Duration::from_millis(100), stop.as_fd())?;
        capture.read(|p: &Packet<'_>| {
            out.extend(sighting(p, p.at.unwrap(), SensorIx(1), Rules::LIVE, &mut counts));
        });
    }
    Ok((out, counts))
}

#[test]
fn every_frame_of_a_phone_is_heard_once_with_strength_and_time() -> Result<()> {
    let Some(mut tap) = Tap::new()? else {
        skipped(NO_TAP);
        return Ok(());
    };
    let mut capture = Capture::open(tap.name())?;
    let before = now();
    let kinds = [Kind::ProbeRequest, Kind::Association, Kind::Data, Kind::Null];
    for n in 0..400u32 {
        tap.hear(&heard(kinds[n as usize % 4], n, n as u16))?;
    }
    // An access point, a control frame, rubbish: the kernel keeps them to itself.
    let mut beacon = heard(Kind::ProbeRequest, 1, 1);
    let at = beacon.len() - 32;
    assert_eq!(beacon[at], 0x40);
    beacon[at] = 0x80;
    tap.hear(&beacon)?;
    beacon[at] = 0xb4;
    tap.hear(&beacon)?;
    tap.hear(&[0xff; 60])?;
    tap.hear(&heard(Kind::ProbeRequest, 400, 400))?;
    let (seen, counts) = sightings(&mut capture, 401)?;
    assert_eq!(seen.len(), 401);
    for (n, s) in (0u32..).zip(&seen) {
        assert_eq!((s.rssi, s.channel), (Some(-30 - (n % 60) as i8), Some(6)));
        assert_eq!(s.seq, Some(n as u16));
        assert!(s.at.as_micros() >= before && s.at.as_micros() <= now(), "the kernel's time");
        assert_eq!(s.fingerprint.is_some(), n % 4 == 0);
    }
    let dropped: u64 =
        counts.iter().filter(|(n, _)| ["ap_frames", "control"].contains(n)).map(|(_, n)| n).sum();
    assert_eq!(dropped, 0, "what is not used does not leave the kernel");
    let stats = capture.stats()?;
    assert_eq!((stats.passed, stats.dropped), (401, 0));
    Ok(())
}

#[test]
fn a_reader_that_is_too_slow_loses_frames_and_says_how_many() -> Result<()> {
    let Some(mut tap) = Tap::new()? else {
        skipped(NO_TAP);
        return Ok(());
    };
    let mut capture = Capture::open(tap.name())?;
    const SENT: u64 = 30_000;
    for n in 0..SENT {
        tap.hear(&heard(Kind::ProbeRequest, n as u32, n as u16))?;
    }
    let (seen, _) = sightings(&mut capture, usize::MAX)?;
    let stats = capture.stats()?;
    assert_eq!(stats.passed, SENT);
    assert!(stats.dropped > 1_000, "{stats:?}");
    assert_eq!(seen.len() as u64 + stats.dropped, SENT, "none is lost without a word");
    // With the ring free again all is heard.
    tap.hear(&heard(Kind::ProbeRequest, 7, 7))?;
    assert_eq!(sightings(&mut capture, 1)?.0.len(), 1);
    Ok(())
}

#[test]
fn an_interface_that_goes_down_or_away_is_told() -> Result<()> {
    let Some(tap) = Tap::new()? else {
        skipped(NO_TAP);
        return Ok(());
    };
    let name = tap.name().to_owned();
    let capture = Capture::open(&name)?;
    let (stop, _open) = std::io::pipe()?;
    tap.set_up(false)?;
    assert!(matches!(capture.wait(PATIENCE, stop.as_fd()), Err(CaptureError::Down(_))));
    assert!(matches!(Capture::open(&name), Err(CaptureError::Down(_))));
    tap.set_up(true)?;
    let mut capture = Capture::open(&name)?;
    drop(tap);
    assert!(matches!(capture.wait(PATIENCE, stop.as_fd()), Err(CaptureError::Down(_))));
    assert_eq!(capture.read(|_| ()), 0);
    assert!(matches!(Capture::open(&name), Err(CaptureError::NoInterface(_))));
    Ok(())
}

#[test]
fn who_waits_for_frames_is_woken_by_a_stop() -> Result<()> {
    let Some(tap) = Tap::new()? else {
        skipped(NO_TAP);
        return Ok(());
    };
    let capture = Capture::open(tap.name())?;
    let (stop, open) = std::io::pipe()?;
    let started = Instant::now();
    assert!(!capture.wait(Duration::from_micros(300), stop.as_fd())?, "nothing was sent");
    assert!(started.elapsed() >= Duration::from_micros(300), "waited for, not asked again and again");
    let waiting = std::thread::spawn(move || capture.wait(PATIENCE, stop.as_fd()).map(|_| Instant::now()));
    drop(open);
    assert!(waiting.join().unwrap()?.duration_since(started) < PATIENCE);
    Ok(())
}

#[test]
fn an_interface_of_another_kind_is_refused() -> Result<()> {
    match Capture::open("lo") {
        Err(CaptureError::NotMonitor { link_type: 772, .. }) => {}
        Err(CaptureError::NoPermission(_)) => skipped("no CAP_NET_RAW"),
        other => panic!("{:?}", other.err()),
    }
    Ok(())
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since.as_micros() as i64
}
