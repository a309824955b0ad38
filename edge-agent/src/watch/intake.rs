//! How what was heard gets into the [`Model`].

use super::flow::Flow;
use super::gateway::{Gateway, Health, State};
use super::listen::{Heard, LARGEST};
use super::model::{Broker, EVENTS, IDS, Model, PLACES, Place, RECEIPTS, Row};
use crate::lines::text::clean;
use crate::lines::{GATEWAY, Told};
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use visit_core::time::Timestamp;

impl Model {
    /// Takes in what was heard; the row that follows from it, if it is something new that happened.
    pub fn take(&mut self, heard: Heard, prefix: &str, now: Timestamp) -> Option<Row> {
        match heard {
            Heard::Listening => {
                if !matches!(self.broker, Broker::Listening(_)) {
                    self.broker = Broker::Listening(now);
                }
                None
            }
            Heard::Lost { why, again, .. } => {
                let since = match self.broker {
                    Broker::Lost { since, .. } => since,
                    _ => now,
                };
                self.broker = Broker::Lost { why, since, again: Self::after(now, again) };
                None
            }
            Heard::Message { topic, payload, retained } => {
                self.counts.messages += 1;
                self.message(&topic, &payload, retained, prefix, now)
            }
        }
    }

    fn message(
        &mut self,
        topic: &str,
        payload: &[u8],
        retained: bool,
        prefix: &str,
        now: Timestamp,
    ) -> Option<Row> {
        let parts: Vec<&str> = match topic.strip_prefix(prefix).and_then(|t| t.strip_prefix('/')) {
            Some(rest) => rest.splitn(6, '/').collect(),
            None => Vec::new(),
        };
        let (site, what) = match parts.as_slice() {
            [site, rest @ ..] if !rest.is_empty() => (clean(site), rest),
            _ => {
                self.counts.not_ours += 1;
                return None;
            }
        };
        if payload.len() > LARGEST {
            self.counts.too_large += 1;
            return None;
        }
        if payload.is_empty() && retained {
            return None;
        }
        let Ok(message) = serde_json::from_slice::<Value>(payload) else {
            self.counts.malformed += 1;
            return None;
        };
        match what {
            ["gateway", id, "status"] => self.status((site, clean(id)), &message, retained, now),
            ["gateway", id, "health"] => self.health((site, clean(id)), &message, retained, now),
            ["visit" | "receipt" | "flow" | "privacy", ..] => self.event(site, &message, retained, now),
            _ => {
                self.counts.not_ours += 1;
                None
            }
        }
    }

    fn status(&mut self, id: Place, message: &Value, retained: bool, now: Timestamp) -> Option<Row> {
        let (site, name) = id.clone();
        let Some(gateway) = place(&mut self.gateways, id) else {
            self.counts.too_many += 1;
            return None;
        };
        let Some(news) = gateway.take_status(message) else {
            self.counts.malformed += 1;
            return None;
        };
        if !news || retained {
            return None;
        }
        let words = match (gateway.online, gateway.reason.as_str()) {
            (Some(true), _) => format!("online, run {}", gateway.session),
            (_, "stopped") => "OFFLINE: it was stopped".to_owned(),
            _ => "OFFLINE: the broker lost it".to_owned(),
        };
        Some(self.tell(site, Told::of_gateway(&name, &words, &now.to_string(), &self.names)))
    }

    fn health(&mut self, id: Place, message: &Value, retained: bool, now: Timestamp) -> Option<Row> {
        let (site, name) = id.clone();
        let Some(health) = Health::of(message, now, retained) else {
            self.counts.malformed += 1;
            return None;
        };
        let Some(gateway) = place(&mut self.gateways, id) else {
            self.counts.too_many += 1;
            return None;
        };
        let before = (gateway.health.is_some(), gateway.state(now), gateway.problems());
        gateway.health = Some(health);
        let after = gateway.state(now);
        if !before.0 || retained || (before.1 == after && before.2 == gateway.problems()) {
            return None;
        }
        let words = match after {
            State::Hears => "hears again".to_owned(),
            state => format!("{}: {}", state.word(), gateway.problems().join(" · ")),
        };
        Some(self.tell(site, Told::of_gateway(&name, &words, &now.to_string(), &self.names)))
    }

    fn event(&mut self, site: String, message: &Value, retained: bool, now: Timestamp) -> Option<Row> {
        let id = message.get("id").and_then(Value::as_str);
        let id = id.filter(|id| id.len() == 32).and_then(|id| u128::from_str_radix(id, 16).ok());
        let (Some(id), Some(mut told)) = (id, Told::of(message, &self.names, self.ids)) else {
            self.counts.malformed += 1;
            return None;
        };
        if !self.is_new(id) {
            self.counts.again += 1;
            return None;
        }
        self.counts.events += 1;
        let data = message.get("data").unwrap_or(&Value::Null);
        self.learn_floor(data, &mut told);
        if let Some(scope) = told.scope.clone() {
            self.flow(&site, &scope, data, retained, now);
        }
        if retained {
            return None;
        }
        *self.by_kind.entry(told.kind.event_type).or_default() += 1;
        if told.kind.event_type == "mall.receipt.recorded" {
            self.receipt(data);
            self.receipt_rows.push_front(Row { told: told.clone(), site: site.clone() });
            self.receipt_rows.truncate(RECEIPTS);
        }
        Some(self.tell(site, told))
    }

    /// Puts a row on top.
    fn tell(&mut self, site: String, told: Told) -> Row {
        if *told.kind == GATEWAY {
            *self.by_kind.entry(GATEWAY.event_type).or_default() += 1;
        }
        let row = Row { told, site };
        // Figures of floors and zones have a place of their own, and would push everything else away.
        if row.told.scope.as_deref().is_none_or(|scope| scope == "site") {
            self.events.push_front(row.clone());
            self.events.truncate(EVENTS);
        }
        row
    }

    fn is_new(&mut self, id: u128) -> bool {
        if !self.seen.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }

    /// Where no map says on which floor a zone is, events do.
    fn learn_floor(&mut self, data: &Value, told: &mut Told) {
        let Some(zone) = data.get("zone").and_then(Value::as_str) else { return };
        match &told.floor {
            Some(floor) if self.learnt.len() < PLACES => {
                self.learnt.insert(clean(zone), floor.clone());
            }
            Some(_) => {}
            None => told.floor = self.learnt.get(zone).cloned(),
        }
    }

    fn flow(&mut self, site: &str, scope: &str, data: &Value, retained: bool, now: Timestamp) {
        let Some(flow) = Flow::of(data, now, retained) else {
            self.counts.malformed += 1;
            return;
        };
        let id = data.get("id").and_then(Value::as_str).map(clean).unwrap_or_default();
        let period = data.get("period").and_then(Value::as_str).unwrap_or("interval");
        let kept = match (scope, period) {
            ("site", "interval") => keep(&mut self.sites, site.to_owned(), flow),
            ("site", "day") => keep(&mut self.days, site.to_owned(), flow),
            ("floor", "interval") => keep(&mut self.floors, (site.to_owned(), id), flow),
            ("zone", "interval") => keep(&mut self.zones, (site.to_owned(), id), flow),
            _ => true,
        };
        self.counts.too_many += u64::from(!kept);
    }

    fn receipt(&mut self, data: &Value) {
        let flag = |key: &str| data.get(key).and_then(Value::as_bool) == Some(true);
        let receipts = &mut self.receipts;
        receipts.unreadable += u64::from(flag("unreadable"));
        // A revision is the same receipt, better known.
        if data.get("revision").and_then(Value::as_u64).unwrap_or(0) > 0 {
            receipts.revised += 1;
            return;
        }
        match data.get("type").and_then(Value::as_str) {
            Some("refund" | "void") => receipts.taken_back += 1,
            _ => {
                receipts.sales += 1;
                let visit = data.get("attribution").and_then(|a| a.get("visit_id"));
                receipts.matched += u64::from(visit.is_some_and(Value::is_string));
            }
        }
    }
}

/// The gateway of that id, made where there is room.
fn place(gateways: &mut BTreeMap<Place, Gateway>, id: Place) -> Option<&mut Gateway> {
    if gateways.len() >= PLACES && !gateways.contains_key(&id) {
        return None;
    }
    Some(gateways.entry(id).or_default())
}

/// Keeps the newer of two figures; `false` where there is no room.
fn keep<K: Ord>(map: &mut BTreeMap<K, Flow>, key: K, flow: Flow) -> bool {
    let full = map.len() >= PLACES;
    match map.entry(key) {
        Entry::Occupied(mut old) => {
            if flow.replaces(old.get()) {
                old.insert(flow);
            }
            true
        }
        Entry::Vacant(_) if full => false,
        Entry::Vacant(free) => {
            free.insert(flow);
            true
        }
    }
}
