//! Wi-Fi: from a captured frame to a sighting of its transmitter.

pub mod capture;
pub mod frame;
pub mod nl80211;
pub mod plan;
pub mod radio;
pub mod radiotap;
pub mod reset;

/// Information elements: sensor nodes read them with the same code, so a phone has one fingerprint wherever it is heard.
pub use sensor_wire::ie;

use crate::capture::{Link, Packet};
use crate::counts::Counts;
use crate::observation::{Frame, Sighting};
use flate2::Crc;
use visit_core::site::SensorIx;
use visit_core::time::Timestamp;

/// How far a frame is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Compute the CRC-32 where the frame check sequence is there, beside believing the radio's verdict.
    pub verify_fcs: bool,
    /// Take group addresses for transmitters.
    pub accept_group: bool,
}

impl Rules {
    /// From a radio: a frame with a wrong check sequence or a group transmitter is noise or forged.
    pub const LIVE: Self = Self { verify_fcs: true, accept_group: false };
    /// From a file: those who publish captures replace addresses by random ones, group bit included, and leave
    /// the check sequence as it was. The radio's own verdict still counts.
    pub const RECORDED: Self = Self { verify_fcs: false, accept_group: true };
}

/// Length of a frame check sequence, IEEE 802.11-2020 §9.2.4.8.
const FCS: usize = 4;

/// The sighting a captured frame stands for; anything else is counted by its reason.
///
/// Takes no memory and does not panic, whatever the bytes.
pub fn sighting(
    packet: &Packet<'_>,
    at: Timestamp,
    sensor: SensorIx,
    rules: Rules,
    counts: &mut Counts,
) -> Option<Sighting> {
    let (radio, frame) = match packet.link {
        Link::Radiotap => match radiotap::Repr::parse(packet.data) {
            Ok(radio) => (radio, &packet.data[usize::from(radio.header_len)..]),
            Err(_) => return dropped(&mut counts.malformed_radiotap),
        },
        Link::Ieee80211 { fcs } => {
            (radiotap::Repr { fcs_at_end: fcs, ..radiotap::Repr::default() }, packet.data)
        }
        Link::Other(_) => return dropped(&mut counts.unsupported_link),
    };
    if radio.bad_fcs {
        return dropped(&mut counts.bad_fcs);
    }
    let whole = packet.data.len() as u64 >= u64::from(packet.original_len);
    let frame = if radio.fcs_at_end && whole {
        // Control frames can be shorter than what we want, but none is shorter than its check sequence.
        let Some((frame, fcs)) = frame.split_last_chunk::<FCS>() else {
            return dropped(&mut counts.truncated);
        };
        if rules.verify_fcs && crc32(frame) != u32::from_le_bytes(*fcs) {
            return dropped(&mut counts.bad_fcs);
        }
        frame
    } else {
        frame
    };
    let frame = match frame::Repr::parse(frame) {
        Ok(frame) => frame,
        Err(skip) => return dropped(reason(skip, counts)),
    };
    if frame.transmitter.is_group() {
        if !rules.accept_group {
            return dropped(&mut counts.group_address);
        }
        counts.group_address_kept += 1;
    }
    counts.no_rssi += u64::from(radio.rssi.is_none());
    counts.undefined_radiotap += u64::from(radio.undefined);
    counts.cut_by_snaplen += u64::from(!whole);
    Some(Sighting {
        at,
        sensor,
        addr: frame.transmitter,
        rssi: radio.rssi,
        channel: radio.frequency.and_then(radiotap::channel),
        seq: (!frame.qos).then_some(frame.sequence),
        fingerprint: fingerprint(&frame, whole, counts),
        frame: observed(frame.kind),
    })
}

/// Only probe requests have one: the elements of an association are those of its network, too, and one phone
/// is not to look like two models.
fn fingerprint(frame: &frame::Repr<'_>, whole: bool, counts: &mut Counts) -> Option<u64> {
    if frame.kind != frame::Kind::ProbeRequest || !whole {
        return None;
    }
    let print = ie::fingerprint(frame.elements?);
    counts.malformed_elements += u64::from(print.malformed);
    print.hash
}

fn observed(kind: frame::Kind) -> Frame {
    match kind {
        frame::Kind::ProbeRequest => Frame::ProbeRequest,
        frame::Kind::Association | frame::Kind::Reassociation | frame::Kind::Authentication => {
            Frame::Association
        }
        frame::Kind::Data | frame::Kind::Null => Frame::Data,
    }
}

fn reason(skip: frame::Skip, counts: &mut Counts) -> &mut u64 {
    match skip {
        frame::Skip::Truncated => &mut counts.truncated,
        frame::Skip::Unsupported => &mut counts.unsupported,
        frame::Skip::Control => &mut counts.control,
        frame::Skip::OtherManagement => &mut counts.other_management,
        frame::Skip::FromAp => &mut counts.ap_frames,
        frame::Skip::AdHoc => &mut counts.ad_hoc,
        frame::Skip::Wds => &mut counts.wds,
    }
}

fn dropped(counter: &mut u64) -> Option<Sighting> {
    *counter += 1;
    None
}

/// The check sequence is the CRC-32 of gzip and Ethernet.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::MacAddr;
    use proptest::prelude::*;

    const AT: Timestamp = Timestamp::from_micros(1);
    const SENSOR: SensorIx = SensorIx(3);
    const PHONE: MacAddr = MacAddr([2, 1, 2, 3, 4, 5]);

    fn probe(addr: MacAddr, fcs: Option<bool>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let fcs_at_end = fcs.is_some();
        let radio =
            radiotap::Repr { rssi: Some(-50), frequency: Some(5180), fcs_at_end, ..Default::default() };
        radio.emit(&mut bytes);
        let start = bytes.len();
        let frame = frame::Repr {
            kind: frame::Kind::ProbeRequest,
            transmitter: addr,
            sequence: 77,
            fragment: 0,
            retry: false,
            protected: false,
            qos: false,
            elements: Some(&[0, 1, b'x', 1, 1, 2]),
        };
        frame.emit(MacAddr([255; 6]), &mut bytes);
        if let Some(right) = fcs {
            let crc = crc32(&bytes[start..]) ^ u32::from(!right);
            bytes.extend_from_slice(&crc.to_le_bytes());
        }
        bytes
    }

    fn hear(data: &[u8], rules: Rules) -> (Option<Sighting>, Counts) {
        let mut counts = Counts::default();
        let packet = Packet { at: Some(AT), link: Link::Radiotap, data, original_len: data.len() as u32 };
        (sighting(&packet, AT, SENSOR, rules, &mut counts), counts)
    }

    #[test]
    fn a_probe_request_becomes_a_sighting() {
        let (heard, counts) = hear(&probe(PHONE, Some(true)), Rules::LIVE);
        let heard = heard.unwrap();
        assert_eq!(
            (heard.addr, heard.rssi, heard.channel, heard.seq),
            (PHONE, Some(-50), Some(36), Some(77))
        );
        assert_eq!(heard.fingerprint, ie::fingerprint(&[1, 1, 2]).hash);
        assert_eq!((heard.frame, heard.at, heard.sensor), (Frame::ProbeRequest, AT, SENSOR));
        assert_eq!(counts, Counts::default());
    }

    #[test]
    fn a_wrong_check_sequence_is_noise_on_the_air_but_not_in_an_anonymised_file() {
        let bytes = probe(PHONE, Some(false));
        let (heard, counts) = hear(&bytes, Rules::LIVE);
        assert_eq!((heard, counts.bad_fcs), (None, 1));
        assert!(hear(&bytes, Rules::RECORDED).0.is_some());
    }

    #[test]
    fn the_radios_verdict_always_counts() {
        let mut bytes = probe(PHONE, Some(true));
        bytes[8] |= 0x40;
        for rules in [Rules::LIVE, Rules::RECORDED] {
            let (heard, counts) = hear(&bytes, rules);
            assert_eq!((heard, counts.bad_fcs), (None, 1));
        }
    }

    #[test]
    fn group_transmitters_are_refused_on_the_air_and_counted_in_files() {
        let bytes = probe(MacAddr([0x33, 0x25, 5, 4, 3, 2]), None);
        assert_eq!(hear(&bytes, Rules::LIVE).1.group_address, 1);
        let (heard, counts) = hear(&bytes, Rules::RECORDED);
        assert_eq!((heard.is_some(), counts.group_address_kept), (true, 1));
    }

    #[test]
    fn what_the_recorder_cut_off_is_not_guessed_at() {
        let whole = probe(PHONE, Some(true));
        let mut counts = Counts::default();
        let data = &whole[..whole.len() - 6];
        let packet = Packet { at: None, link: Link::Radiotap, data, original_len: whole.len() as u32 };
        let heard = sighting(&packet, AT, SENSOR, Rules::LIVE, &mut counts).unwrap();
        assert_eq!((heard.addr, heard.fingerprint), (PHONE, None));
        assert_eq!((counts.cut_by_snaplen, counts.bad_fcs), (1, 0));
    }

    #[test]
    fn without_radiotap_there_is_no_signal_strength() {
        let bytes = probe(PHONE, None);
        let start = usize::from(radiotap::Repr::parse(&bytes).unwrap().header_len);
        let data = &bytes[start..];
        let mut counts = Counts::default();
        let packet =
            Packet { at: None, link: Link::Ieee80211 { fcs: false }, data, original_len: data.len() as u32 };
        let heard = sighting(&packet, AT, SENSOR, Rules::LIVE, &mut counts).unwrap();
        assert_eq!((heard.rssi, heard.channel, counts.no_rssi), (None, None, 1));
    }

    proptest! {
        #[test]
        fn every_frame_is_yielded_or_counted_once(
            data in proptest::collection::vec(any::<u8>(), 0..120), radiotap: bool, len in 0u32..200,
        ) {
            let mut counts = Counts::default();
            let link = if radiotap { Link::Radiotap } else { Link::Ieee80211 { fcs: true } };
            let packet = Packet { at: None, link, data: &data, original_len: len };
            let heard = sighting(&packet, AT, SENSOR, Rules::LIVE, &mut counts);
            let noticed = counts.no_rssi + counts.cut_by_snaplen + counts.malformed_elements
                + counts.undefined_radiotap + counts.group_address_kept;
            let drops: u64 = counts.iter().map(|(_, n)| n).sum::<u64>() - noticed;
            prop_assert_eq!(drops, u64::from(heard.is_none()));
        }
    }
}
