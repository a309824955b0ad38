//! Writes observations as lines of an observation log, the format that `edge-agent replay` reads.

use super::plan::Plan;
use gateway::observation::{Frame, Observation, Receipt, Sighting};
use serde::Serialize;
use visit_core::observation::Currency;
use visit_core::time::Timestamp;

/// An observation as one line of an observation log, without line end; reading it gives the observation back,
/// but for the fingerprint.
///
/// `None` for what the log has no form for: the state of a sensor, totals of a day, and sensors and tills that `plan` does not
/// have. Carries the raw address: for invented phones only.
///
/// A fingerprint is written as 16 hexadecimal digits, which a log takes for the name of a model: read back it is
/// another number, the same for the same one. Times are written to the ms, to the µs where they have it.
pub fn to_log_line(observation: &Observation, plan: &Plan) -> Option<String> {
    match observation {
        Observation::Sighting(s) => sighting(s, plan),
        Observation::Receipt(r) => receipt(r, plan),
        Observation::SensorHealth(_) | Observation::DayTotals(_) | Observation::DoorCount(_) => None,
    }
}

#[derive(Serialize)]
struct SightingLine<'a> {
    at: String,
    kind: &'static str,
    sensor: &'a str,
    addr: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rssi: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adv: Option<String>,
}

#[derive(Serialize)]
struct ReceiptLine<'a> {
    at: String,
    kind: &'static str,
    till: &'a str,
    store: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refers_to: Option<&'a str>,
}

fn sighting(s: &Sighting, plan: &Plan) -> Option<String> {
    let (kind, frame, adv) = match s.frame {
        Frame::ProbeRequest => ("wifi", Some("probe_request"), None),
        Frame::Association => ("wifi", Some("association"), None),
        Frame::Data => ("wifi", Some("data"), None),
        // Flags, and a complete list of one 16-bit service: the battery service.
        Frame::Advertisement => ("ble", None, Some("02010603030f18".to_owned())),
        Frame::IBeacon { uuid, major, minor } => ("ble", None, Some(ibeacon(uuid, major, minor))),
    };
    let line = SightingLine {
        at: instant(s.at),
        kind,
        sensor: &plan.sensors.get(usize::from(s.sensor.0))?.id,
        addr: s.addr.reveal(),
        rssi: s.rssi,
        channel: s.channel,
        seq: s.seq,
        frame,
        fingerprint: s.fingerprint.map(|f| format!("{f:016x}")),
        adv,
    };
    serde_json::to_string(&line).ok()
}

fn receipt(r: &Receipt, plan: &Plan) -> Option<String> {
    let line = ReceiptLine {
        at: instant(r.at),
        kind: "receipt",
        till: &plan.tills.get(usize::from(r.till.0))?.id,
        store: &r.store,
        number: r.number.as_deref(),
        r#type: r.kind.as_str(),
        amount_minor: r.amount_minor,
        currency: r.currency.as_ref().map(Currency::as_str),
        member: r.member.as_deref(),
        refers_to: r.refers_to.as_ref().map(|sale| sale.number.as_str()),
    };
    serde_json::to_string(&line).ok()
}

/// Flags, then Apple's manufacturer data of type 0x02, length 0x15, with a measured power of −59 dBm.
fn ibeacon(uuid: [u8; 16], major: u16, minor: u16) -> String {
    format!("0201061aff4c000215{:032x}{major:04x}{minor:04x}c5", u128::from_be_bytes(uuid))
}

fn instant(at: Timestamp) -> String {
    let mut text = at.to_string();
    let below_ms = at.as_micros().rem_euclid(1000);
    if below_ms != 0 {
        text.truncate(text.len() - 1);
        text.push_str(&format!("{below_ms:03}Z"));
    }
    text
}
