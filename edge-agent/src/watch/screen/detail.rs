//! The pages for one thing: places with their zones, gateways with their ears, receipts, help.

use super::overview::{heading, place_row, receipts_line, state_words};
use super::rows::{list_of, title};
use super::{Mark, Pen};
use crate::watch::flow::Flow;
use crate::watch::gateway::ago;
use crate::watch::model::{Model, Row};
use ratatui::layout::Rect;
use visit_core::time::Timestamp;

/// Wider than this a table of figures is hard to follow by eye.
const TABLE: u16 = 100;

pub(super) fn places(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Timestamp) {
    let look = pen.look;
    let table = Rect { width: area.width.min(TABLE), ..area };
    title(pen, area, look.say("FLOORS AND ZONES", "楼层与区域"), look.say("f: one floor", "f: 选楼层"));
    heading(pen, Rect { y: area.y + 1, height: 1, ..table });
    let mut rows: Vec<(String, Option<&Flow>)> = Vec::new();
    for (id, flow) in &model.sites {
        let name = if model.sites.len() > 1 { id.as_str() } else { look.say("whole mall", "全场") };
        rows.push((name.to_owned(), Some(flow)));
    }
    let mut told: Vec<&(String, String)> = Vec::new();
    for floor in model.floor_ids() {
        if look.filter.floor.as_ref().is_some_and(|wanted| *wanted != floor) {
            continue;
        }
        let of_floor = model.floors.iter().filter(|((_, id), _)| *id == floor);
        let mut flows: Vec<_> = of_floor.map(|(_, flow)| Some(flow)).collect();
        if flows.is_empty() {
            flows.push(None);
        }
        rows.extend(flows.into_iter().map(|flow| (model.names.floor(&floor), flow)));
        for (key, flow) in &model.zones {
            let on = model.names.floor_of(&key.1).or_else(|| model.learnt.get(&key.1).map(String::as_str));
            if on == Some(floor.as_str()) {
                told.push(key);
                rows.push((format!("  {}", model.names.zone(&key.1)), Some(flow)));
            }
        }
    }
    if look.filter.floor.is_none() {
        let rest = model.zones.iter().filter(|(key, _)| !told.contains(key));
        rows.extend(rest.map(|(key, flow)| (format!("  {}", model.names.zone(&key.1)), Some(flow))));
    }
    let inside = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..table };
    let from = look.scroll.min(rows.len().saturating_sub(usize::from(inside.height)));
    for (y, (name, flow)) in (inside.y..inside.bottom()).zip(&rows[from..]) {
        place_row(pen, Rect { y, height: 1, ..inside }, name, *flow, now, model);
    }
    if rows.is_empty() {
        let none = look.say("no figures yet; they come by and by", "尚无客流数据，每隔几分钟更新");
        pen.put(inside.x + 1, inside.y, inside.width - 2, none, Mark::Faint);
    }
}

pub(super) fn gateways(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Timestamp) {
    let look = pen.look;
    title(pen, area, look.say("GATEWAYS", "网关"), "");
    let mut lines: Vec<(u16, String, Mark)> = Vec::new();
    for ((site, id), gateway) in &model.gateways {
        let (words, mark) = state_words(gateway, gateway.state(now));
        let several = model.site.is_none();
        let name = if several { format!("{site} / {id}") } else { id.clone() };
        lines.push((1, format!("{name}  {words}"), mark));
        let run = model.names.time_of_day(&gateway.started_at).unwrap_or_else(|| "?".into());
        if gateway.online.is_some() {
            let text = format!("version {}, run {} since {run}", gateway.version, gateway.session);
            lines.push((3, text, Mark::Faint));
        }
        let Some(health) = &gateway.health else {
            lines.push((3, look.say("no health report yet", "尚无健康报告").into(), Mark::Faint));
            continue;
        };
        let mut text = format!("said {} ago", ago(health.age(now)));
        let mut add = |label: &str, n: Option<u64>| {
            if let Some(n) = n {
                text += &format!(" · {label} {n}");
            }
        };
        add(look.say("outbox", "待发"), health.outbox);
        add(look.say("devices", "设备"), health.devices);
        add(look.say("receipts waiting", "待定小票"), health.receipts_waiting);
        add(look.say("events given up", "放弃的事件"), Some(health.lost).filter(|n| *n > 0));
        lines.push((3, text, Mark::Plain));
        for ear in &health.ears {
            let state = ear.trouble().unwrap_or_else(|| {
                let sensor = if ear.sensor.is_empty() { String::new() } else { format!(" ({})", ear.sensor) };
                let did = if ear.is_feed { "receipts" } else { "heard" };
                format!("{}{sensor} · {did} {}", ear.name, ear.taken)
            });
            lines.push((3, state, if ear.hears() { Mark::Plain } else { Mark::Alarm }));
        }
        lines.extend(health.alarms.iter().map(|alarm| (3, alarm.clone(), Mark::Alarm)));
    }
    if lines.is_empty() {
        lines.push((1, look.say("none has said that it is there", "没有网关上线").into(), Mark::Faint));
    }
    text_lines(pen, Rect { y: area.y + 1, height: area.height - 1, ..area }, &lines);
}

fn text_lines(pen: &mut Pen<'_>, area: Rect, lines: &[(u16, String, Mark)]) {
    let from = pen.look.scroll.min(lines.len().saturating_sub(usize::from(area.height)));
    for (y, (indent, text, mark)) in (area.y..area.bottom()).zip(&lines[from..]) {
        pen.put(area.x + indent, y, area.width.saturating_sub(indent + 1), text, *mark);
    }
}

pub(super) fn receipts(pen: &mut Pen<'_>, area: Rect, model: &Model) {
    let look = pen.look;
    let since = model.names.hour_and_minute(&model.began.to_string()).unwrap_or_default();
    title(pen, area, look.say("RECEIPTS", "小票"), &format!("{} {since}", look.say("since", "自")));
    let r = &model.receipts;
    let mut text = receipts_line(model, look.zh);
    if r.unreadable + r.revised > 0 {
        let (a, b) = (look.say("unreadable", "无法读取"), look.say("revised", "修订"));
        text += &format!(" · {a} {} · {b} {}", r.unreadable, r.revised);
    }
    pen.put(area.x + 1, area.y + 1, area.width - 2, &text, Mark::Plain);
    let rows: Vec<&Row> = model.receipt_rows.iter().collect();
    list_of(pen, Rect { y: area.y + 3, height: area.height.saturating_sub(3), ..area }, &rows);
}

pub(super) fn help(pen: &mut Pen<'_>, area: Rect, model: &Model) {
    let look = pen.look;
    title(pen, area, look.say("HELP", "帮助"), look.say("? again: back", "再按 ? 返回"));
    let mut lines: Vec<(u16, String, Mark)> = Vec::new();
    let rows: [(&str, &str, &str); 9] = [
        ("1…5, tab, ← →", "pages", "翻页"),
        ("↑ ↓, PgUp PgDn, Home End", "scroll", "滚动"),
        ("space", "stop the list of events; they are still counted", "暂停事件列表（仍计数）"),
        ("k", "one kind of event after another", "按事件类型筛选"),
        ("f", "one floor after another", "按楼层筛选"),
        ("c", "all kinds, all floors", "清除筛选"),
        ("l", "中文", "English"),
        ("q, ctrl-c", "quit", "退出"),
        ("", "", ""),
    ];
    for (key, en, zh) in rows {
        let text = crate::lines::text::pad(key, 26) + look.say(en, zh);
        lines.push((1, text, Mark::Plain));
    }
    let c = model.counts;
    for (n, en, zh) in [
        (c.messages, "messages", "消息"),
        (c.events, "events, each once", "事件（去重）"),
        (c.again, "events that came again", "重复事件"),
        (c.malformed, "not JSON, or not what the topic promises", "格式错误"),
        (c.too_large, "too large", "过大"),
        (c.not_ours, "of others", "非本系统"),
        (c.too_many, "beyond what is looked at", "超出上限"),
    ] {
        if n > 0 || en == "messages" {
            lines.push((1, format!("{n:>8}  {}", look.say(en, zh)), Mark::Faint));
        }
    }
    let words = look.say(
        "~ before a figure: told to the nearest multiple of k, or not all sensors heard",
        "数字前的 ~：取整到 k 的倍数，或部分传感器未工作",
    );
    lines.push((1, words.into(), Mark::Faint));
    text_lines(pen, Rect { y: area.y + 1, height: area.height - 1, ..area }, &lines);
}
