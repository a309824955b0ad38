//! What is true of a site, as one JSON object, for scripts. No ids of visits in it.

use super::flow::Flow;
use super::model::{Broker, Model};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use visit_core::time::Timestamp;

/// All of it, as of `now`.
pub fn state(model: &Model, now: Timestamp) -> Value {
    let broker = match &model.broker {
        Broker::Calling => json!({"state": "calling", "address": model.address}),
        Broker::Listening(since) => {
            json!({"state": "connected", "address": model.address, "since": since.to_string()})
        }
        Broker::Lost { why, since, .. } => {
            json!({"state": "lost", "address": model.address, "since": since.to_string(), "why": why})
        }
    };
    let place = |(site, id): &(String, String), flow: &Flow| {
        let mut value = flow.to_json(now);
        value["site"] = json!(site);
        value["id"] = json!(id);
        value
    };
    let gateways: Vec<Value> = model
        .gateways
        .iter()
        .map(|((site, id), gateway)| {
            let mut value = gateway.to_json(now);
            value["site"] = json!(site);
            value["id"] = json!(id);
            value
        })
        .collect();
    let sites: Vec<Value> = model
        .sites
        .iter()
        .map(|(id, flow)| {
            let mut value = flow.to_json(now);
            value["id"] = json!(id);
            value["day_came_in"] = json!(model.days.get(id).and_then(|day| day.came_in));
            value
        })
        .collect();
    let (c, r) = (&model.counts, &model.receipts);
    json!({
        "at": now.to_string(),
        "broker": broker,
        "truths": model.truths(now),
        "sites": sites,
        "floors": model.floors.iter().map(|(id, flow)| place(id, flow)).collect::<Vec<_>>(),
        "zones": model.zones.iter().map(|(id, flow)| place(id, flow)).collect::<Vec<_>>(),
        "gateways": gateways,
        "outbox": model.outbox().map(|(depth, oldest)| json!({
            "depth": depth, "oldest_at": oldest.map(|t| t.to_string()),
        })),
        "since": model.began.to_string(),
        "receipts": {
            "sales": r.sales, "matched": r.matched, "taken_back": r.taken_back, "unreadable": r.unreadable,
            "revised": r.revised,
        },
        "events": model.by_kind.iter().map(|(kind, n)| ((*kind).to_owned(), *n)).collect::<BTreeMap<_, _>>(),
        "messages": {
            "all": c.messages, "events": c.events, "again": c.again, "malformed": c.malformed,
            "too_large": c.too_large, "not_ours": c.not_ours, "too_many": c.too_many,
        },
    })
}
