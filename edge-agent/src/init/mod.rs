//! The first hour: `edge-agent init` writes an `agent.toml` and a `site.toml` that pass `check`, from answers and from what
//! this machine has.
//!
//! - [`Answers`]: what has to be known, and what is a right answer; [`ask`] asks it of a person.
//! - [`machine`]: radios, adapters, serial lines and time zone of this machine.
//! - [`text`]: the two files, with comments.
//! - [`files`]: how they are written: whole, and never over what is there.

pub mod ask;
pub mod files;
pub mod machine;
pub mod text;

use jiff::tz::TimeZone;
use visit_core::site::id_problem;

/// A floor, by its id and its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Its id.
    pub id: String,
    /// Storeys above the ground floor, which is 0.
    pub level: i16,
}

/// What is needed to write the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Site id.
    pub site_id: String,
    /// What people call the site.
    pub site_name: Option<String>,
    /// IANA time zone.
    pub timezone: String,
    /// Gateway id.
    pub gateway: String,
    /// Host and port of the broker.
    pub broker: (String, u16),
    /// Floors, lowest first.
    pub floors: Vec<Floor>,
    /// User name at the broker.
    pub username: Option<String>,
    /// File with the password.
    pub password_file: Option<String>,
    /// CA file: TLS.
    pub ca: Option<String>,
}

/// Whether an id can be one, or what would be right.
pub fn id(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is needed; write a short name without blanks, such as mall-1".into());
    }
    match id_problem(text) {
        None => Ok(text.to_owned()),
        Some(problem) => Err(format!("{text:?} {problem}; write a short name such as mall-1")),
    }
}

/// A time zone of the IANA data base.
pub fn timezone(text: &str) -> Result<String, String> {
    let text = text.trim();
    match TimeZone::get(text) {
        Ok(_) if text.contains('/') || text == "UTC" => Ok(text.to_owned()),
        _ => Err(format!(
            "{text:?} is no IANA time zone; write one such as Asia/Shanghai (timedatectl list-timezones)"
        )),
    }
}

/// Floors: how many there are, or their names, lowest first, with a level where it does not follow from the name.
pub fn floors(text: &str) -> Result<Vec<Floor>, String> {
    let hint = "write how many there are (3), or their names (B1,F1,F2), or names and levels (P=-1,G=0,1=1)";
    let text = text.trim();
    if let Ok(n) = text.parse::<i16>() {
        if !(1..=100).contains(&n) {
            return Err(format!("{n} floors; {hint}"));
        }
        return Ok((0..n).map(|level| Floor { id: format!("F{}", level + 1), level }).collect());
    }
    let mut floors: Vec<Floor> = Vec::new();
    for part in text.split(',') {
        let (name, level) = match part.split_once('=') {
            Some((name, level)) => {
                let level = level.trim().parse().ok().filter(|l| (-30..=200).contains(l));
                (name, level.ok_or_else(|| format!("{part:?} names no level; {hint}"))?)
            }
            None => (part, level_of(part.trim()).ok_or_else(|| format!("which level is {part:?}? {hint}"))?),
        };
        let id = id(name)?;
        if let Some(twice) = floors.iter().find(|f| f.id == id || f.level == level) {
            return Err(format!("{part:?} and {:?} are one floor; {hint}", twice.id));
        }
        floors.push(Floor { id, level });
    }
    floors.sort_by_key(|f| f.level);
    Ok(floors)
}

/// F1, L1, 1F: the ground floor; G: the same; B1: the first below.
fn level_of(name: &str) -> Option<i16> {
    let upper = name.to_uppercase();
    if ["G", "GF", "EG", "0"].contains(&upper.as_str()) {
        return Some(0);
    }
    let below = ["B", "UG", "P"].iter().find_map(|p| upper.strip_prefix(p));
    let above = ["F", "L", "OG"].iter().find_map(|p| upper.strip_prefix(p)).or(upper.strip_suffix('F'));
    let number = |digits: &str| digits.parse::<i16>().ok().filter(|n| (1..=30).contains(n));
    match (below.and_then(number), above.and_then(number)) {
        (Some(n), _) => Some(-n),
        // An "OG" is a storey above the ground floor, an "F1" is the ground floor.
        (None, Some(n)) if upper.contains("OG") => Some(n),
        (None, Some(n)) => Some(n - 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
