//! What of a radio frame goes on: whether it may be captured at all, and under which pseudonym.

use super::daily::hash128;
use super::recent::Standing;
use super::{Dropped, Privacy};
use crate::config::TagMeaning;
use gateway::observation::{self as raw, Frame};
use std::collections::BTreeSet;
use visit_core::event::LinkEvidence;
use visit_core::observation::{Heard, MemberHeard, Pseudonym, Sighting};
use visit_core::time::Span;

impl Privacy {
    /// The premises first, then the owner's wish, then the pseudonym.
    pub(super) fn sighting(&mut self, s: &raw::Sighting) -> Result<Sighting, Dropped> {
        match self.listened.get(usize::from(s.sensor.0)) {
            None => return Err(Dropped::Unknown),
            Some(false) => return Err(Dropped::ExcludedZone),
            Some(true) => {}
        }
        match (self.rssi_floor, s.rssi) {
            (Some(_), None) => return Err(Dropped::NoRssi),
            (Some(floor), Some(rssi)) if rssi < floor => return Err(Dropped::RssiFloor),
            _ => {}
        }
        if self.doors.as_mut().is_some_and(|doors| !doors.are_open(s.at)) {
            return Err(Dropped::Closed);
        }
        let (kind, heard) = match s.frame {
            Frame::ProbeRequest => (WIFI, Heard::Unassociated),
            Frame::Association | Frame::Data => (WIFI, Heard::Associated),
            Frame::Advertisement => (BLE, Heard::Advertisement),
            Frame::IBeacon { uuid, major, minor } if self.beacons.contains(&(uuid, major, minor)) => {
                return Err(Dropped::AssetTag);
            }
            Frame::IBeacon { uuid, .. } => match self.tag(uuid) {
                None => (BLE, Heard::Advertisement),
                Some(TagMeaning::Member) => (TAG, Heard::Tag),
                Some(TagMeaning::Staff) => return Err(Dropped::StaffTag),
                Some(TagMeaning::Asset) => return Err(Dropped::AssetTag),
            },
        };
        let day = self.calendar.day(s.at);
        let (device, standing) = match s.frame {
            Frame::IBeacon { uuid, major, minor } if kind == TAG => {
                self.tag_device(day, s, uuid, [major, minor])?
            }
            _ => self.device(day, s, kind)?,
        };
        if standing == Standing::OptedOut {
            return Err(Dropped::OptedOut);
        }
        if self.refused.contains(device) {
            return Err(Dropped::Erased);
        }
        let heard = if standing == Standing::Fixture {
            self.memory.heard(device, s.at, day);
            Heard::Fixture
        } else {
            heard
        };
        self.newest_day = self.newest_day.max(day);
        Ok(Sighting {
            at: s.at,
            sensor: s.sensor,
            device,
            rssi: s.rssi,
            seq: s.seq,
            fingerprint: s.fingerprint,
            randomised: heard == Heard::Unassociated && s.addr.is_local(),
            heard,
        })
    }

    fn device(&mut self, day: i32, s: &raw::Sighting, kind: u8) -> Result<(Pseudonym, Standing), Dropped> {
        let key = self.keys.of_day(day, s.at <= self.now + AHEAD)?;
        let mut input = [kind; 7];
        input[1..].copy_from_slice(&s.addr.0);
        let (lists, memory, members) = (&self.lists, &mut self.memory, &mut self.heard_members);
        let (device, standing) = self.recent.get_or(day, input, |input| {
            if lists.is_out(s.addr) {
                memory.forget(input);
                return (0, Standing::OptedOut);
            }
            let device = hash128(key, input);
            let known = memory.knows(input, Pseudonym(device), s.at, day);
            if let Some(member) = lists.anything_carried().then(|| lists.owner(s.addr)).flatten() {
                let device = Pseudonym(device);
                members.push(MemberHeard { at: s.at, device, member, by: LinkEvidence::Address });
            }
            (device, if known { Standing::Fixture } else { Standing::Unknown })
        });
        let device = Pseudonym(device);
        if standing != Standing::OptedOut {
            self.memory.learn(device, &input, day);
        }
        Ok((device, standing))
    }

    /// A member's tag is known by its numbers, whatever its address.
    fn tag_device(
        &mut self,
        day: i32,
        s: &raw::Sighting,
        uuid: [u8; 16],
        [major, minor]: [u16; 2],
    ) -> Result<(Pseudonym, Standing), Dropped> {
        if self.lists.is_out(s.addr) {
            return Ok((Pseudonym(0), Standing::OptedOut));
        }
        let key = self.keys.of_day(day, s.at <= self.now + AHEAD)?;
        let mut input = [TAG; 21];
        input[1..17].copy_from_slice(&uuid);
        input[17..19].copy_from_slice(&major.to_be_bytes());
        input[19..].copy_from_slice(&minor.to_be_bytes());
        let device = Pseudonym(hash128(key, &input));
        if self.lists.anything_carried()
            && let Some(member) = self.lists.app_of(uuid, [major, minor])
        {
            // Once an hour: the engine remembers for a day.
            let hour = s.at.floor_to(Span::from_secs(3600));
            if self.apps_heard.0 != hour {
                self.apps_heard = (hour, BTreeSet::new());
            }
            if self.apps_heard.1.insert(device) {
                self.heard_members.push(MemberHeard { at: s.at, device, member, by: LinkEvidence::App });
            }
        }
        Ok((device, Standing::Unknown))
    }

    fn tag(&self, uuid: [u8; 16]) -> Option<TagMeaning> {
        self.tags.binary_search_by_key(&uuid, |t| t.uuid).ok().map(|i| self.tags[i].means)
    }
}

/// So much a source's clock may be ahead and still begin a new day.
const AHEAD: Span = Span::from_secs(3600);
const WIFI: u8 = 1;
const BLE: u8 = 2;
const TAG: u8 = 3;
