//! The terminal: its keys, its size, and that it is left as it was found.

use super::listen::{WAITING, Wanted, listen};
use super::model::Model;
use super::screen::{self, Look, PAGES, Page};
use crate::lines::{GATEWAY, KINDS, Kind};
use crate::pipeline::wall_clock;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::io;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio_util::sync::CancellationToken;

/// Between two looks at keys and messages.
const LOOK: Duration = Duration::from_millis(50);
/// Between two pictures at least: a broker that floods must not keep a line over ssh busy.
const PICTURE: Duration = Duration::from_millis(150);
/// Between two pictures at most: the clock runs.
const CLOCK: Duration = Duration::from_secs(1);
/// Messages taken in between two looks at the keys.
const TOGETHER: usize = 4096;

/// Shows `model` on the terminal until a key or `cancel` ends it. Has to be called within a runtime.
pub fn run(wanted: Wanted, mut model: Model, mut look: Look, cancel: &CancellationToken) -> io::Result<()> {
    let prefix = wanted.broker.prefix.clone();
    let (sender, mut heard) = mpsc::channel(WAITING);
    let listening = tokio::spawn(listen(wanted, sender));
    // From here on a panic restores the terminal, too.
    let mut terminal = ratatui::try_init()?;
    let _restore = Restore;
    let (mut drawn, mut dirty) = (None::<Instant>, true);
    while !cancel.is_cancelled() {
        for _ in 0..TOGETHER {
            match heard.try_recv() {
                Ok(next) => {
                    model.take(next, &prefix, wall_clock());
                    dirty = true;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    return Err(io::Error::other("the MQTT client ended; this is a defect"));
                }
            }
        }
        let age = drawn.map_or(CLOCK, |at| at.elapsed());
        if age >= CLOCK || (dirty && age >= PICTURE) {
            terminal.draw(|frame| screen::draw(frame.buffer_mut(), &model, &look, wall_clock()))?;
            (drawn, dirty) = (Some(Instant::now()), false);
        }
        if event::poll(LOOK)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    if pressed(key, &mut look, &model) {
                        break;
                    }
                    // A key is answered at once.
                    (drawn, dirty) = (None, true);
                }
                Event::Resize(..) => (drawn, dirty) = (None, true),
                _ => {}
            }
        }
    }
    listening.abort();
    Ok(())
}

/// Leaves the terminal as it was found, whichever way the view ends.
struct Restore;

impl Drop for Restore {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What a key does; `true`: quit.
pub(super) fn pressed(key: KeyEvent, look: &mut Look, model: &Model) -> bool {
    let page = |look: &mut Look, page: Page| {
        (look.page, look.scroll, look.help) = (page, 0, false);
    };
    let here = PAGES.iter().position(|p| *p == look.page).unwrap_or(0);
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return true,
        KeyCode::Char('q') => return true,
        KeyCode::Esc if look.help => look.help = false,
        KeyCode::Char('?' | 'h') => (look.help, look.scroll) = (!look.help, 0),
        KeyCode::Char(digit @ '1'..='5') => {
            let n = digit as usize - '1' as usize;
            page(look, PAGES[n]);
        }
        KeyCode::Tab | KeyCode::Right => page(look, PAGES[(here + 1) % PAGES.len()]),
        KeyCode::BackTab | KeyCode::Left => page(look, PAGES[(here + PAGES.len() - 1) % PAGES.len()]),
        KeyCode::Down => look.scroll = look.scroll.saturating_add(1).min(longest(model)),
        KeyCode::Up => look.scroll = look.scroll.saturating_sub(1),
        KeyCode::PageDown => look.scroll = look.scroll.saturating_add(10).min(longest(model)),
        KeyCode::PageUp => look.scroll = look.scroll.saturating_sub(10),
        KeyCode::Home => look.scroll = 0,
        KeyCode::End => look.scroll = longest(model),
        KeyCode::Char(' ') => {
            look.frozen = match look.frozen.take() {
                Some(_) => None,
                None => Some((model.events.clone(), model.counts.events)),
            };
        }
        KeyCode::Char('l') => look.zh = !look.zh,
        KeyCode::Char('k') => next_kind(look),
        KeyCode::Char('f') => {
            let floors = model.floor_ids();
            let next = match &look.filter.floor {
                None => 0,
                Some(floor) => floors.iter().position(|f| f == floor).map_or(floors.len(), |i| i + 1),
            };
            look.filter.floor = floors.get(next).cloned();
        }
        KeyCode::Char('c') => look.filter = super::Filter::default(),
        _ => {}
    }
    look.filter_name = filter_name(look);
    false
}

/// Lines that any list can have.
fn longest(model: &Model) -> usize {
    model.events.len().max(model.zones.len() + model.floors.len() + 8).max(model.gateways.len() * 70)
}

/// All, visits, and then one kind after another.
fn next_kind(look: &mut Look) {
    let choices: Vec<Vec<&'static Kind>> = ["visit", "receipt", "privacy"]
        .iter()
        .map(|group| KINDS.iter().filter(|k| k.group() == *group).collect())
        .chain(KINDS.iter().chain([&GATEWAY]).map(|k| vec![k]))
        .collect();
    let next = match look.filter.kinds.is_empty() {
        true => 0,
        false => choices.iter().position(|c| *c == look.filter.kinds).map_or(choices.len(), |i| i + 1),
    };
    look.filter.kinds = choices.get(next).cloned().unwrap_or_default();
}

pub(super) fn filter_name(look: &Look) -> String {
    let kinds = &look.filter.kinds;
    let name = |k: &Kind| if look.zh { k.chinese.to_owned() } else { k.name.to_owned() };
    let kinds = match kinds.as_slice() {
        [] => String::new(),
        [one] => name(one),
        [first, .., last] if first.group() == last.group() => first.group().to_owned(),
        many => many.iter().map(|k| name(k)).collect::<Vec<_>>().join(", "),
    };
    match &look.filter.floor {
        None => kinds,
        Some(floor) if kinds.is_empty() => floor.clone(),
        Some(floor) => format!("{kinds}, {floor}"),
    }
}

/// With the words of its filter.
pub fn named(mut look: Look) -> Look {
    look.filter_name = filter_name(&look);
    look
}
