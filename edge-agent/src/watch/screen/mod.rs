//! The view, drawn into a buffer: no terminal is needed for it, so tests look at what a person would see.
//!
//! Eighty columns and 24 lines are enough; more space shows more. Without colour nothing is lost: what must be seen is
//! bold, reversed, or in capitals. Text is placed by columns, so that wide characters do not shift what follows.

mod detail;
mod overview;
mod rows;

use super::model::{Filter, Model, Row};
use crate::lines::text::width;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use std::collections::VecDeque;
use visit_core::time::Timestamp;

/// Less than this shows nothing useful.
const SMALLEST: (u16, u16) = (40, 10);

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// A little of everything.
    #[default]
    Overview,
    /// Events only.
    Events,
    /// Floors and their zones.
    Places,
    /// Gateways and their ears.
    Gateways,
    /// Receipts.
    Receipts,
}

/// All pages, in order.
pub const PAGES: [Page; 5] = [Page::Overview, Page::Events, Page::Places, Page::Gateways, Page::Receipts];

/// How it is looked at.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Which page.
    pub page: Page,
    /// Which events.
    pub filter: Filter,
    /// Words of the filter, for the title.
    pub filter_name: String,
    /// In Chinese.
    pub zh: bool,
    /// With colours.
    pub colour: bool,
    /// Help is shown.
    pub help: bool,
    /// Lines scrolled down.
    pub scroll: usize,
    /// The events as they were when the view was stopped, and how many had come by then.
    pub frozen: Option<(VecDeque<Row>, u64)>,
}

impl Look {
    /// One of two languages.
    pub(crate) fn say(&self, en: &'static str, zh: &'static str) -> &'static str {
        if self.zh { zh } else { en }
    }

    /// The events to be shown.
    fn events<'a>(&'a self, model: &'a Model) -> &'a VecDeque<Row> {
        self.frozen.as_ref().map_or(&model.events, |(rows, _)| rows)
    }
}

/// Where to write, and how.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    look: &'a Look,
}

/// How a text stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    Faint,
    Title,
    Bar,
    Alarm,
    Good,
    /// SGR parameters of a kind of event.
    Sgr(&'static str),
}

impl Pen<'_> {
    /// Writes `text` at (x, y), at most `most` columns; what is written without control characters is up to the caller.
    pub(super) fn put(&mut self, x: u16, y: u16, most: u16, text: &str, mark: Mark) {
        let inside = self.buffer.area;
        if x < inside.right() && y < inside.bottom() && most > 0 {
            let room = most.min(inside.right() - x);
            let text = crate::lines::text::cut(text, room.into());
            self.buffer.set_stringn(x, y, text, room.into(), self.style(mark));
        }
    }

    /// Writes `text` so that it ends before `x`.
    pub(super) fn put_left_of(&mut self, x: u16, y: u16, text: &str, mark: Mark) {
        let wide = u16::try_from(width(text)).unwrap_or(u16::MAX);
        self.put(x.saturating_sub(wide), y, wide, text, mark);
    }

    /// Fills a line.
    pub(super) fn fill(&mut self, area: Rect, y: u16, mark: Mark) {
        let style = self.style(mark);
        self.buffer.set_style(Rect { y, height: 1, ..area }, style);
    }

    fn style(&self, mark: Mark) -> Style {
        let plain = Style::default();
        let colour = |style: Style, c: Color| if self.look.colour { style.fg(c) } else { style };
        match mark {
            Mark::Plain => plain,
            Mark::Faint => plain.add_modifier(Modifier::DIM),
            Mark::Title => plain.add_modifier(Modifier::BOLD),
            Mark::Bar => plain.add_modifier(Modifier::REVERSED),
            Mark::Alarm => colour(plain.add_modifier(Modifier::BOLD), Color::Red),
            Mark::Good => colour(plain, Color::Green),
            Mark::Sgr(codes) => codes.split(';').fold(plain, |style, code| match code {
                "1" => style.add_modifier(Modifier::BOLD),
                "2" => style.add_modifier(Modifier::DIM),
                "31" => colour(style, Color::Red),
                "32" => colour(style, Color::Green),
                "33" => colour(style, Color::Yellow),
                "34" => colour(style, Color::Blue),
                "35" => colour(style, Color::Magenta),
                "36" => colour(style, Color::Cyan),
                _ => style,
            }),
        }
    }
}

/// Draws everything.
pub fn draw(buffer: &mut Buffer, model: &Model, look: &Look, now: Timestamp) {
    let area = buffer.area;
    let mut pen = Pen { buffer, look };
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!("too small: {} × {} at least", SMALLEST.0, SMALLEST.1);
        pen.put(area.x, area.y, area.width, &text, Mark::Plain);
        return;
    }
    head(&mut pen, area, model, now);
    let truths = model.truths(now);
    // A third of the screen for what is wrong, at most: what still works is worth looking at, too.
    let room = usize::from(area.height / 6).max(2);
    let mut y = area.y + 1;
    for (i, truth) in truths.iter().take(room).enumerate() {
        let more = truths.len() - i - 1;
        pen.put(area.x + 1, y, area.width - 2, truth, Mark::Alarm);
        if i + 1 == room && more > 0 {
            pen.put_left_of(area.right(), y, &format!("  +{more}: 4 "), Mark::Alarm);
        }
        y += 1;
    }
    let body = Rect { y, height: area.bottom() - 1 - y, ..area };
    if look.help {
        detail::help(&mut pen, body, model);
    } else {
        match look.page {
            Page::Overview => overview::draw(&mut pen, body, model, now),
            Page::Events => rows::events(&mut pen, body, model),
            Page::Places => detail::places(&mut pen, body, model, now),
            Page::Gateways => detail::gateways(&mut pen, body, model, now),
            Page::Receipts => detail::receipts(&mut pen, body, model),
        }
    }
    keys(&mut pen, area);
}

/// The bar on top: whose, how the broker is, what time it is there.
fn head(pen: &mut Pen<'_>, area: Rect, model: &Model, now: Timestamp) {
    pen.fill(area, area.y, Mark::Bar);
    let site = model.site.clone().unwrap_or_else(|| {
        let sites: Vec<&str> = model.sites.keys().map(String::as_str).collect();
        if sites.is_empty() { "all sites".to_owned() } else { sites.join(", ") }
    });
    let clock = model.names.time_of_day(&now.to_string()).unwrap_or_default();
    let right = format!("{}  {clock} ", model.broker_words());
    let name = format!(" edge-agent · {}", crate::lines::text::clean(&site));
    let stopped = match &pen.look.frozen {
        Some((_, before)) => format!(
            " · {} (+{})",
            pen.look.say("PAUSED", "已暂停"),
            model.counts.events.saturating_sub(*before)
        ),
        None => String::new(),
    };
    let left = area.width.saturating_sub(u16::try_from(width(&right)).unwrap_or(0) + 1);
    pen.put(area.x, area.y, left, &format!("{name}{stopped}"), Mark::Bar);
    pen.put_left_of(area.right(), area.y, &right, Mark::Bar);
}

/// The line at the bottom.
fn keys(pen: &mut Pen<'_>, area: Rect) {
    let y = area.bottom() - 1;
    pen.fill(area, y, Mark::Bar);
    let look = pen.look;
    let pages = [
        look.say("1 all", "1 总览"),
        look.say("2 events", "2 事件"),
        look.say("3 places", "3 楼层"),
        look.say("4 gateways", "4 网关"),
        look.say("5 receipts", "5 小票"),
    ];
    let mut x = area.x + 1;
    for (page, text) in PAGES.iter().zip(pages) {
        let mark = if *page == look.page && !look.help { Mark::Title } else { Mark::Bar };
        let wide = u16::try_from(width(text)).unwrap_or(0);
        pen.put(x, y, wide, text, mark);
        x += wide + 2;
    }
    let text =
        look.say("space pause  k kind  f floor  ? help  q quit", "空格 暂停  k 类型  f 楼层  ? 帮助  q 退出");
    let short = look.say("? help  q quit", "? 帮助  q 退出");
    let fits = usize::from(area.right().saturating_sub(x)) > width(text);
    pen.put_left_of(area.right() - 1, y, if fits { text } else { short }, Mark::Bar);
}
