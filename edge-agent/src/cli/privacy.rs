//! `edge-agent privacy`: what is captured, kept and sent; and what people may ask of it.

mod erase;
mod report;
mod signage;
#[cfg(test)]
mod tests;

use super::exit::{Exit, Failure};
use crate::config::{self, Config};
use crate::privacy::{lists, member_key};
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use visit_core::event::VisitId;
use visit_core::observation::MemberToken;

/// Privacy: what this gateway captures, keeps and sends; erase somebody; hashes and keys for lists and CRM.
#[derive(Args, Clone, Debug)]
pub struct PrivacyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Print what this configuration captures, keeps and sends, for how long, and a text for signs.
    Report {
        #[command(flatten)]
        at: At,
        /// Whom visitors can ask, for the signs: a name, a phone number, an address.
        #[arg(long, value_name = "TEXT")]
        contact: Option<String>,
        /// Print the text for signs alone.
        #[arg(long)]
        signage: bool,
    },
    /// Erase somebody from a stopped gateway, and tell the recipients.
    Erase {
        #[command(flatten)]
        at: At,
        #[command(flatten)]
        who: Who,
    },
    /// Hash addresses for an opt-out list: one a line on standard input.
    OptOut(At),
    /// Print the key of member tokens, for the CRM. It is a secret.
    MemberKey(At),
}

#[derive(Args, Clone, Debug)]
struct At {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/edge-agent/agent.toml")]
    config: PathBuf,
}

/// Who is to be erased.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct Who {
    /// A visit, by its `visit_id`.
    #[arg(long, value_name = "ID", value_parser = visit_id)]
    visit: Option<VisitId>,
    /// A member, by token, with the visits that were linked to them.
    #[arg(long, value_name = "TOKEN", value_parser = member_token)]
    member: Option<MemberToken>,
    /// What is remembered of staff and equipment, all of it.
    #[arg(long)]
    staff: bool,
}

/// Runs `privacy`.
pub fn run(args: &PrivacyArgs) -> Result<Exit, Failure> {
    let mut input = io::stdin().lock();
    run_to(args, &mut input, &mut io::stdout().lock())
}

fn run_to(args: &PrivacyArgs, input: &mut impl Read, out: &mut impl Write) -> Result<Exit, Failure> {
    let text = match &args.command {
        Command::Report { at, contact, signage } => {
            let config = load(&at.config)?;
            let signs = signage::text(&config, contact.as_deref());
            if *signage { signs } else { report::text(&config) + &signs }
        }
        Command::Erase { at, who } => erase::run(&load(&at.config)?, who)?,
        Command::OptOut(at) => opt_out(&load(&at.config)?, input)?,
        Command::MemberKey(at) => {
            let path = load(&at.config)?.agent.privacy.key_file;
            let key = member_key(&path).map_err(|e| super::run::privacy_failure(&e))?;
            key.to_string() + "\n"
        }
    };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Io, format!("cannot print: {e}")))
        }
        _ => Ok(Exit::Ok),
    }
}

fn load(path: &Path) -> Result<Config, Failure> {
    config::load(path).map_err(|e| Failure::new(Exit::Config, e.to_string()))
}

fn opt_out(config: &Config, input: &mut impl Read) -> Result<String, Failure> {
    let mut text = zeroize::Zeroizing::new(String::new());
    input
        .take(lists::MAX_LIST)
        .read_to_string(&mut text)
        .map_err(|e| Failure::new(Exit::BadData, format!("standard input is no text: {e}")))?;
    let mut hashes = String::new();
    let mut bad = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match lists::address(line) {
            Some(address) => {
                let hash = lists::opt_out_line(&config.agent.privacy, &config.site.id, address);
                let _ = writeln!(hashes, "{hash}");
            }
            None => bad.push(number.to_string()),
        }
    }
    if bad.is_empty() {
        return Ok(hashes);
    }
    let message = format!(
        "standard input, line {}: no address; write one a line, aa:bb:cc:dd:ee:ff",
        bad[..bad.len().min(10)].join(", ")
    );
    Err(Failure::new(Exit::BadData, message))
}

fn visit_id(text: &str) -> Result<VisitId, String> {
    number(text)
        .map(VisitId)
        .ok_or_else(|| format!("{text:?} is no visit id: {DIGITS}, the visit_id of an event"))
}

fn member_token(text: &str) -> Result<MemberToken, String> {
    // What was given instead may be a member number: it is not repeated.
    number(text)
        .map(MemberToken)
        .ok_or_else(|| format!("this is no member token: {DIGITS}, the member of an event"))
}

fn number(text: &str) -> Option<u128> {
    let right = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    right.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

const DIGITS: &str = "expected 32 hexadecimal digits";
