//! Lines of events.

use super::{Mark, Pen};
use crate::lines::GATEWAY;
use crate::watch::model::{Broker, Model, Row};
use ratatui::layout::Rect;

/// A title over the whole width, with something at its right end.
pub(super) fn title(pen: &mut Pen<'_>, area: Rect, text: &str, right: &str) {
    for x in area.x..area.right() {
        pen.put(x, area.y, 1, "─", Mark::Faint);
    }
    pen.put(area.x + 1, area.y, area.width.saturating_sub(2), &format!(" {text} "), Mark::Title);
    if !right.is_empty() {
        pen.put_left_of(area.right().saturating_sub(1), area.y, &format!(" {right} "), Mark::Faint);
    }
}

/// Events, newest first, under a title.
pub(super) fn events(pen: &mut Pen<'_>, area: Rect, model: &Model) {
    let look = pen.look;
    let shown = if look.filter_name.is_empty() {
        look.say("newest first", "最新在上").to_owned()
    } else {
        format!("{} {} (c: {})", look.say("only", "仅"), look.filter_name, look.say("all", "全部"))
    };
    title(pen, area, look.say("EVENTS", "事件"), &shown);
    let list = look.events(model);
    let rows: Vec<&Row> = list.iter().filter(|row| look.filter.shows(&row.told)).collect();
    let inside = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if rows.is_empty() {
        let why = match (&model.broker, list.is_empty()) {
            (Broker::Listening(_), true) => {
                look.say("listening; no event has come since you look", "正在监听，尚无事件")
            }
            (Broker::Listening(_), false) => {
                look.say("none of these among the events that came", "没有符合条件的事件")
            }
            _ => look.say("no broker: nothing can come", "未连接到 MQTT 服务器，收不到事件"),
        };
        pen.put(inside.x + 1, inside.y, inside.width.saturating_sub(2), why, Mark::Faint);
        return;
    }
    list_of(pen, inside, &rows);
}

/// Rows from the one scrolled to.
pub(super) fn list_of(pen: &mut Pen<'_>, area: Rect, rows: &[&Row]) {
    let height = usize::from(area.height);
    let from = pen.look.scroll.min(rows.len().saturating_sub(height));
    for (y, row) in (area.y..area.bottom()).zip(&rows[from..]) {
        one(pen, Rect { y, height: 1, ..area }, row);
    }
}

/// Columns: time, kind, place, detail, whose.
fn one(pen: &mut Pen<'_>, area: Rect, row: &Row) {
    let told = &row.told;
    let zh = pen.look.zh;
    let (kind, kind_width) = if zh { (told.kind.chinese, 5) } else { (told.kind.name, 14) };
    let mut x = area.x + 1;
    let end = area.right().saturating_sub(1);
    pen.put(x, area.y, 8, &told.time, Mark::Faint);
    x += 10;
    pen.put(x, area.y, kind_width - 1, kind, Mark::Sgr(told.kind.colour));
    x += kind_width;
    let rest = end.saturating_sub(x);
    if *told.kind == GATEWAY || told.scope.is_some() {
        let text = format!("{}  {}", told.place, told.detail);
        let alarm = told.detail.starts_with("OFFLINE") || told.detail.starts_with("DEAF");
        pen.put(x, area.y, rest, &text, if alarm { Mark::Alarm } else { Mark::Plain });
        return;
    }
    let whose = if rest > 90 { 40 } else { 16.min(rest / 3) };
    let detail = (rest.saturating_sub(whose) * 2 / 5).min(24);
    // Wide screens keep together what belongs together.
    let place = rest.saturating_sub(whose + detail).min(48);
    pen.put(x, area.y, place.saturating_sub(1), &told.place, Mark::Plain);
    pen.put(x + place, area.y, detail.saturating_sub(1), &told.detail, Mark::Plain);
    let late = if told.resent { " late" } else { "" };
    pen.put(x + place + detail, area.y, whose, &format!("{}{late}", told.whose), Mark::Faint);
}
