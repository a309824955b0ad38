//! A little of everything: floors, gateways, receipts, and the newest events.

use super::rows::{self, title};
use super::{Mark, Pen};
use crate::lines::text::width;
use crate::watch::flow::{Flow, Worth};
use crate::watch::gateway::{Gateway, State, ago};
use crate::watch::model::Model;
use ratatui::layout::Rect;
use visit_core::time::Timestamp;

/// Columns beside the name of a place.
const FIGURES: u16 = 26;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Timestamp) {
    let wide = area.width >= 120;
    let floors = model.floor_rows();
    let wanted = 2 + u16::try_from(floors.len()).unwrap_or(u16::MAX).saturating_add(1);
    let gateways = 1 + u16::try_from(model.gateways.len()).unwrap_or(u16::MAX).saturating_mul(2);
    // Events get half the height at least.
    let least = if wide { 11.min(area.height / 2) } else { 6.min(area.height / 2).max(4) };
    let height = wanted.max(gateways.saturating_add(if wide { 0 } else { 2 })).clamp(least, area.height / 2);
    let columns: Vec<u16> = if wide {
        let third = area.width / 3;
        vec![third, third, area.width - 2 * third]
    } else {
        let left = (area.width * 11 / 20).clamp(30, 70);
        vec![left, area.width - left]
    };
    let mut x = area.x;
    let mut parts = Vec::new();
    for width in columns {
        parts.push(Rect { x, y: area.y, width, height });
        x += width;
    }
    places(pen, parts[0], model, &floors, now);
    if let Some(third) = parts.get(2) {
        gateway_list(pen, parts[1], model, now);
        business(pen, *third, model, now);
    } else {
        let below = Rect { y: parts[1].bottom() - 2, height: 2, ..parts[1] };
        gateway_list(pen, Rect { height: height - 2, ..parts[1] }, model, now);
        let receipts = receipts_line(model, pen.look.zh);
        pen.put(below.x + 1, below.y, below.width - 2, &receipts, Mark::Plain);
        pen.put(
            below.x + 1,
            below.y + 1,
            below.width - 2,
            &outbox_line(model, pen.look.zh, now),
            Mark::Plain,
        );
    }
    let rest = Rect { y: area.y + height, height: area.height - height, ..area };
    rows::events(pen, rest, model);
}

fn places(pen: &mut Pen<'_>, area: Rect, model: &Model, floors: &[(String, Option<&Flow>)], now: Timestamp) {
    let look = pen.look;
    let newest = model.sites.values().max_by_key(|f| f.until);
    let what = match newest {
        Some(f) if f.index => look.say("devices, not people", "设备数，非人数"),
        Some(_) => look.say("people", "人数"),
        None => "",
    };
    let until = newest.and_then(|f| model.names.hour_and_minute(&f.until_text));
    let what = until.map_or_else(|| what.to_owned(), |until| format!("{what}, {until}"));
    title(pen, area, look.say("FLOORS", "楼层"), &what);
    let mut y = area.y + 1;
    heading(pen, Rect { y, height: 1, ..area });
    y += 1;
    if model.sites.is_empty() && floors.is_empty() {
        let none = look.say("no figures yet; they come by and by", "尚无客流数据，每隔几分钟更新");
        pen.put(area.x + 1, y, area.width - 2, none, Mark::Faint);
        return;
    }
    let several = model.sites.len() > 1;
    for (id, flow) in &model.sites {
        let name = if several { id.as_str() } else { look.say("whole mall", "全场") };
        place_row(pen, Rect { y, height: 1, ..area }, name, Some(flow), now, model);
        y += 1;
    }
    let room = usize::from(area.bottom().saturating_sub(y));
    for (i, (name, flow)) in floors.iter().enumerate().take(room) {
        if i + 1 == room && floors.len() > room {
            let more = format!("+{} {}", floors.len() - i, look.say("more: 3", "更多: 3"));
            pen.put(area.x + 1, y, area.width - 2, &more, Mark::Faint);
            return;
        }
        place_row(pen, Rect { y, height: 1, ..area }, name, *flow, now, model);
        y += 1;
    }
}

/// Names of the columns.
pub(super) fn heading(pen: &mut Pen<'_>, area: Rect) {
    let figures = area.right().saturating_sub(FIGURES);
    let look = pen.look;
    pen.put_left_of(figures + 7, area.y, look.say("inside", "在场"), Mark::Faint);
    pen.put_left_of(figures + 17, area.y, look.say("90 %", "90% 区间"), Mark::Faint);
    pen.put_left_of(figures + 25, area.y, look.say("came in", "进入"), Mark::Faint);
}

/// A place with its figures, or why there are none.
pub(super) fn place_row(
    pen: &mut Pen<'_>,
    area: Rect,
    name: &str,
    flow: Option<&Flow>,
    now: Timestamp,
    model: &Model,
) {
    let figures = area.right().saturating_sub(FIGURES);
    let look = pen.look;
    pen.put(area.x + 1, area.y, figures.saturating_sub(area.x + 1), name, Mark::Plain);
    let mut why = |text: &str, mark| pen.put(figures + 1, area.y, FIGURES - 2, text, mark);
    let Some(flow) = flow else {
        return why(look.say("nothing told yet", "尚无数据"), Mark::Faint);
    };
    let old = flow.is_old(now);
    match flow.worth() {
        Worth::Withheld => why(look.say("withheld: too few", "人数过少，不公布"), Mark::Faint),
        Worth::Unobserved => why(look.say("NOT OBSERVED: deaf", "未观测：设备失聪"), Mark::Alarm),
        Worth::Missing => why(look.say("no figures", "无数据"), Mark::Faint),
        Worth::Figure => {
            let mark = if old { Mark::Faint } else { Mark::Plain };
            let about = if flow.rounded || flow.observed < 0.995 { "~" } else { "" };
            if let Some([estimate, low, high]) = flow.inside {
                pen.put_left_of(figures + 7, area.y, &format!("{about}{}", number(estimate)), mark);
                let interval = format!("{}–{}", number(low), number(high));
                pen.put_left_of(figures + 17, area.y, &interval, mark);
            }
            let right = if old {
                let until = model.names.hour_and_minute(&flow.until_text).unwrap_or_default();
                format!("{} {until}", look.say("old", "旧"))
            } else {
                flow.came_in.map_or_else(|| "–".to_owned(), |n| n.min(9_999_999).to_string())
            };
            pen.put_left_of(figures + 25, area.y, &right, mark);
        }
    }
}

fn number(n: f64) -> String {
    format!("{:.0}", n.clamp(0.0, 9_999_999.0))
}

fn gateway_list(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Timestamp) {
    let look = pen.look;
    let online = model.gateways.values().filter(|g| g.online == Some(true)).count();
    let many = format!("{online} {} {}", look.say("online of", "在线 /"), model.gateways.len());
    title(pen, area, look.say("GATEWAYS", "网关"), &many);
    let mut y = area.y + 1;
    if model.gateways.is_empty() {
        let none = look.say("none has said that it is there", "没有网关上线");
        pen.put(area.x + 1, y, area.width - 2, none, Mark::Faint);
        return;
    }
    // Those that are unwell first.
    let mut all: Vec<_> = model.gateways.iter().map(|((_, id), g)| (g.state(now), id, g)).collect();
    all.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
    let rows = usize::from(area.height - 1);
    let roomy = all.len() * 2 <= rows;
    for (i, (state, id, gateway)) in all.iter().enumerate() {
        if y >= area.bottom() {
            return;
        }
        if y + 1 == area.bottom() && i + 1 < all.len() {
            let more = format!("+{} {}", all.len() - i, look.say("more: 4", "更多: 4"));
            return pen.put(area.x + 1, y, area.width - 2, &more, Mark::Faint);
        }
        let name = (area.width / 2).min(24);
        pen.put(area.x + 1, y, name - 1, id, Mark::Plain);
        let (text, mark) = state_words(gateway, *state);
        pen.put(area.x + 1 + name, y, area.width.saturating_sub(name + 2), &text, mark);
        y += 1;
        if roomy {
            pen.put(area.x + 3, y, area.width - 4, &health_line(gateway, look.zh, now), Mark::Faint);
            y += 1;
        }
    }
}

/// The state, with how many of its ears hear.
pub(super) fn state_words(gateway: &Gateway, state: State) -> (String, Mark) {
    let ears = gateway.health.iter().flat_map(|h| &h.ears).filter(|e| !e.is_feed);
    let (all, hearing) = ears.fold((0, 0), |(all, hear), e| (all + 1, hear + u32::from(e.hears())));
    let mark = match state {
        State::Hears => Mark::Good,
        State::Offline | State::Deaf | State::Impaired => Mark::Alarm,
        State::Unknown | State::Silent => Mark::Title,
    };
    let word = match (state, gateway.reason.as_str()) {
        (State::Offline, "") | (State::Unknown | State::Deaf | State::Silent, _) => state.word().to_owned(),
        (State::Offline, reason) => format!("OFFLINE ({reason})"),
        // Without an ear of its own it plays a recording, or takes receipts only.
        (State::Hears | State::Impaired, _) if all == 0 => "online".to_owned(),
        (State::Hears | State::Impaired, _) => format!("{} {hearing}/{all}", state.word()),
    };
    (word, mark)
}

fn health_line(gateway: &Gateway, zh: bool, now: Timestamp) -> String {
    let Some(health) = &gateway.health else {
        return (if zh { "尚无健康报告" } else { "no health report yet" }).into();
    };
    let outbox = health.outbox.map_or_else(|| "?".to_owned(), |n| n.to_string());
    let age = ago(health.age(now));
    if zh {
        format!("待发 {outbox} · {age} 前报告")
    } else {
        format!("outbox {outbox} · said {age} ago")
    }
}

pub(super) fn receipts_line(model: &Model, zh: bool) -> String {
    let r = &model.receipts;
    if zh {
        format!("小票 {} · 匹配 {} · 退货 {}", r.sales, r.matched, r.taken_back)
    } else {
        format!("receipts {} · matched {} · back {}", r.sales, r.matched, r.taken_back)
    }
}

pub(super) fn outbox_line(model: &Model, zh: bool, now: Timestamp) -> String {
    match model.outbox() {
        None => (if zh { "待发：未知" } else { "outbox: not told" }).into(),
        Some((0, _)) => (if zh { "待发 0" } else { "outbox 0: all is with the broker" }).into(),
        Some((n, oldest)) => {
            let age = oldest.map_or_else(String::new, |t| {
                let age = ago(now.as_micros().saturating_sub(t.as_micros()).max(0));
                if zh { format!("，最早 {age}") } else { format!(", oldest {age}") }
            });
            if zh { format!("待发 {n}{age}") } else { format!("outbox {n}{age}") }
        }
    }
}

/// Visits and receipts since the view was opened.
fn business(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Timestamp) {
    let look = pen.look;
    let since = model.names.hour_and_minute(&model.began.to_string()).unwrap_or_default();
    title(pen, area, look.say("SINCE", "自"), &since);
    let n = |kind: &str| model.count(kind);
    let mut lines = vec![
        (look.say("approached", "临场"), n("mall.visit.approached")),
        (look.say("passed by", "路过"), n("mall.visit.passed_by")),
        (look.say("arrived", "进场"), n("mall.visit.arrived")),
        (look.say("dwelt", "驻留"), n("mall.visit.dwell_started")),
        (look.say("bags", "提袋"), n("mall.visit.bag_carried")),
        (look.say("exited", "离店"), n("mall.visit.exited").saturating_sub(n("mall.visit.resumed"))),
    ];
    if let Some(day) = model.days.values().next().and_then(|d| d.came_in) {
        lines.push((look.say("came in, the day", "当日进入"), day));
    }
    let column = 1 + lines.iter().map(|(name, _)| width(name)).max().unwrap_or(0) as u16 + 8;
    let room = usize::from(area.height.saturating_sub(3));
    for (y, (name, n)) in (area.y + 1..).zip(lines.iter().take(room)) {
        pen.put(area.x + 1, y, column, name, Mark::Plain);
        pen.put_left_of(area.x + 1 + column, y, &n.to_string(), Mark::Plain);
    }
    let y = area.bottom() - 2;
    pen.put(area.x + 1, y, area.width - 2, &receipts_line(model, look.zh), Mark::Plain);
    pen.put(area.x + 1, y + 1, area.width - 2, &outbox_line(model, look.zh, now), Mark::Plain);
}
