use super::ladder::Step;
use super::{Watch, watch};
use crate::config::{BleSettings, parse_site};
use crate::ears::{Ears, Hearing, UsualRates};
use gateway::observation::Frame;
use jiff::tz::TimeZone;
use std::time::Duration;
use visit_core::site::SensorIx;

const MAP: &str = r#"
site = { id = "s", timezone = "UTC" }
floor = [{ id = "F1", level = 0 }]
zone = [{ id = "door", floor = "F1", kind = "entrance", position = [0, 0] }]
sensor = [{ id = "S1", zone = "door" }]
[[beacon]]
id = "left"
zone = "door"
uuid = "e2c56db5-dffb-48d2-b060-d0f5a71096e0"
major = 1
minor = 0
[[beacon]]
id = "right"
zone = "door"
uuid = "e2c56db5-dffb-48d2-b060-d0f5a71096e0"
major = 1
minor = 1
"#;
const UUID: [u8; 16] = 0xe2c5_6db5_dffb_48d2_b060_d0f5_a710_96e0_u128.to_be_bytes();
const LOOK: Duration = Duration::from_secs(5);

fn radio() -> (Watch, Hearing) {
    let site = parse_site("site.toml", MAP).unwrap().value;
    let (ears, hearing) = Ears::new(&site);
    let ear = ears.ear("ble hci0", "ble", &site, SensorIx(0));
    let settings = BleSettings { sensor: "S1".into(), adapter: None, monitor: true };
    ear.up();
    (watch(settings, ear, UsualRates::default(), &site, TimeZone::UTC), hearing)
}

/// Seconds of phones, and of those beacons; the steps that were due, and when.
async fn hear(radio: &mut Watch, seconds: u64, beacons: &[u16], phones: u64) -> Vec<(u64, Step)> {
    let mut steps = Vec::new();
    for look in 1..=seconds / 5 {
        tokio::time::advance(LOOK).await;
        for minor in beacons {
            for _ in 0..50 {
                radio.scan.beacons.heard(Frame::IBeacon { uuid: UUID, major: 1, minor: *minor });
            }
        }
        for _ in 0..phones {
            radio.scan.beacons.heard(Frame::Advertisement);
        }
        let _ = radio.judge(phones + 50 * beacons.len() as u64, LOOK);
        steps.extend(radio.step.take().map(|step| (look * 5, step)));
    }
    steps
}

#[tokio::test(start_paused = true)]
async fn a_radio_that_hears_phones_but_not_its_beacons_is_down_and_reset_step_by_step() {
    let (mut radio, hearing) = radio();
    assert_eq!(hear(&mut radio, 300, &[0, 1], 3).await, []);
    let steps = hear(&mut radio, 60, &[], 3).await;
    assert_eq!(steps, [(20, Step::Scan), (40, Step::Power), (60, Step::Usb)]);
    let state = hearing.states()["ble hci0"].clone();
    assert!(!state.up && state.missing_beacons.is_empty(), "{state:?}");
    let why = state.problem.unwrap_or_default();
    assert!(why.contains("none of the 2 beacons that are usually heard"), "{why}");
    assert_eq!(hear(&mut radio, 5, &[1], 3).await, []);
    assert!(hearing.states()["ble hci0"].up);
}

#[tokio::test(start_paused = true)]
async fn a_beacon_with_an_empty_battery_is_named_and_the_radio_hears_on() {
    let (mut radio, hearing) = radio();
    hear(&mut radio, 300, &[0, 1], 3).await;
    assert_eq!(hear(&mut radio, 600, &[0], 3).await, []);
    let state = hearing.states()["ble hci0"].clone();
    assert_eq!((state.up, state.missing_beacons), (true, vec!["right".to_owned()]));
    hear(&mut radio, 5, &[0, 1], 3).await;
    assert!(hearing.states()["ble hci0"].missing_beacons.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_stays_silent_is_reset_by_every_step() {
    let (mut radio, hearing) = radio();
    hear(&mut radio, 300, &[0, 1], 3).await;
    let steps = hear(&mut radio, 120, &[], 0).await;
    assert_eq!(steps, [(20, Step::Scan), (40, Step::Power), (60, Step::Usb)]);
    assert!(!hearing.states()["ble hci0"].up);
}
