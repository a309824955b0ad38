//! `edge-agent init`: the first hour of a gateway.

use super::check::{self, CheckArgs};
use super::exit::{Exit, Failure};
use super::viewer::host_and_port;
use crate::config;
use crate::init::machine::Machine;
use crate::init::text::{self, Places};
use crate::init::{self, Answers, ask, files};
use clap::Args;
use std::fs;
use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

/// Write a configuration and a site map for this gateway, with comments: asks, or takes flags.
///
/// Looks at what this machine has to listen with, and never overwrites. Without a terminal, or with --yes, nothing is asked.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// Where agent.toml and site.toml go
    #[arg(long, value_name = "FOLDER", default_value = "/etc/edge-agent")]
    dir: PathBuf,
    /// Id of the site, part of every topic
    #[arg(long, value_name = "ID")]
    site_id: Option<String>,
    /// What people call the site
    #[arg(long, value_name = "NAME")]
    site_name: Option<String>,
    /// IANA time zone of the site [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Id of this gateway [default: the name of this machine]
    #[arg(long, value_name = "ID")]
    gateway: Option<String>,
    /// The MQTT broker
    #[arg(long, value_name = "HOST[:PORT]")]
    broker: Option<String>,
    /// How many floors (3), or their names, lowest first (B1,F1,F2), or names and levels (G=0,M=1) [default: 1]
    #[arg(long, value_name = "FLOORS", allow_hyphen_values = true)]
    floors: Option<String>,
    /// User name at the broker
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// File with the password, which you make yourself
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<String>,
    /// Certificates of the authorities to trust, PEM: TLS to the broker
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,
    /// Where a site map is there already: the sensor of it that this gateway is
    #[arg(long, value_name = "ID")]
    sensor: Option<String>,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// Replace agent.toml, and with --floors site.toml too; what was there is kept as .bak
    #[arg(long)]
    force: bool,
}

/// Runs `init`.
pub fn run(args: &InitArgs) -> Result<Exit, Failure> {
    let asks = !args.yes && io::stdin().is_terminal();
    let machine = Machine::look();
    let (mut input, mut output) = (io::stdin().lock(), io::stderr());
    write_all(args, &machine, asks, &mut input, &mut output)
}

/// As [`run`], on the machine and with the answers given.
pub fn write_all(
    args: &InitArgs,
    machine: &Machine,
    asks: bool,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<Exit, Failure> {
    let (agent_path, site_path) = (args.dir.join("agent.toml"), args.dir.join("site.toml"));
    if agent_path.exists() && !args.force {
        let what = format!(
            "{} is there already, and is left as it is; edge-agent check --config {} looks at it; --force replaces it and keeps a .bak",
            agent_path.display(),
            agent_path.display()
        );
        return Err(Failure::new(Exit::CannotCreate, what));
    }
    let said = |e: io::Error| Failure::new(Exit::Io, format!("cannot write to the terminal: {e}"));
    if asks {
        writeln!(output, "This machine has:").map_err(said)?;
        for line in machine.words() {
            writeln!(output, "  {line}").map_err(said)?;
        }
        writeln!(output, "Enter takes what stands in [ ].").map_err(said)?;
    }
    // One map serves all gateways of a site: one that is there is used, not replaced.
    let keeps_map = site_path.exists() && !(args.force && args.floors.is_some());
    let map = keeps_map
        .then(|| config::read_site(&site_path).map_err(|e| Failure::new(Exit::Config, e.to_string())))
        .transpose()?;
    let known = map.as_ref().map(|loaded| &loaded.value);
    let answers = Collect { args, machine, asks, known }.all(input, output)?;
    let (sensor, nodes) = match known {
        None => text::sensors(&answers, machine),
        Some(site) => {
            let ids: Vec<String> = site.sensors.iter().map(|s| s.id.clone()).collect();
            let own = args.sensor.clone().or_else(|| ids.first().cloned()).unwrap_or_default();
            if !ids.contains(&own) {
                let what =
                    format!("--sensor {own:?} is not in {}; it has {}", site_path.display(), ids.join(", "));
                return Err(Failure::new(Exit::Config, what));
            }
            // Which node is which sensor of an existing map nobody here can know.
            (own, Vec::new())
        }
    };
    make_folder(&args.dir)?;
    let places = places(&args.dir);
    if machine.bluetooth.is_empty()
        && nodes.is_empty()
        && !machine.wifi.iter().any(init::machine::Wifi::is_fit)
    {
        make_receipts(&args.dir, &places)?;
    }
    let mut kept = Vec::new();
    if !keeps_map {
        kept.extend(put(&site_path, &text::site(&answers, &sensor, &nodes), args.force)?);
    }
    kept.extend(put(&agent_path, &text::agent(&answers, machine, &places, &sensor, &nodes), args.force)?);
    let mut report = vec![format!("wrote {}", agent_path.display())];
    report.push(format!("{} {}", if keeps_map { "used  " } else { "wrote" }, site_path.display()));
    report.extend(kept.iter().map(|path| format!("kept  {}", path.display())));
    let allow = machine.wifi.iter().any(init::machine::Wifi::is_fit)
        && check::service::may_listen(Path::new("/")) == Some(false);
    report.extend(next(args, &answers, &agent_path, &site_path, keeps_map, allow));
    let found = check::examine(&CheckArgs { config: agent_path, site: None, offline: true });
    for line in &report {
        writeln!(output, "{line}").map_err(said)?;
    }
    if !found.errors.is_empty() {
        writeln!(output, "\ncheck says what is wrong by now:").map_err(said)?;
        for error in &found.errors {
            writeln!(output, "  {}", error.what).map_err(said)?;
        }
    }
    Ok(Exit::Ok)
}

/// Where answers come from: flags, then questions, then this machine.
struct Collect<'a> {
    args: &'a InitArgs,
    machine: &'a Machine,
    asks: bool,
    /// A site map that is there.
    known: Option<&'a visit_core::site::Site>,
}

impl Collect<'_> {
    fn all(&self, input: &mut impl BufRead, output: &mut impl Write) -> Result<Answers, Failure> {
        let mut problems = Vec::new();
        let a = self.args;
        let mut one =
            |flag: &str, question: &str, given: Option<&str>, default: Option<&str>, parse: Parse| {
                self.one((flag, question), given, default, parse, &mut problems, input, output)
            };
        let name = |text: &str| Ok(text.trim().to_owned());
        let (site_id, timezone);
        let (mut site_name, mut floors) = (None, None);
        if let Some(site) = self.known {
            (site_id, timezone) = (Some(site.id.clone()), Some(site.timezone.clone()));
        } else {
            site_id = one(
                "--site-id",
                "Id of the site, part of every topic",
                a.site_id.as_deref(),
                None,
                &init::id,
            )?;
            site_name = one("--site-name", "What people call it", a.site_name.as_deref(), Some(""), &name)?;
            let here = self.machine.timezone.as_deref();
            timezone = one("--timezone", "Its time zone", a.timezone.as_deref(), here, &init::timezone)?;
            let checked = |text: &str| init::floors(text).map(|_| text.to_owned());
            floors = one(
                "--floors",
                "Floors: how many, or names, lowest first (B1,F1,F2)",
                a.floors.as_deref(),
                Some("1"),
                &checked,
            )?;
        }
        let here = self.machine.hostname.as_deref();
        let gateway = one("--gateway", "Id of this gateway", a.gateway.as_deref(), here, &init::id)?;
        let checked = |text: &str| host_and_port(text, 1883).map(|_| text.to_owned());
        let broker = one("--broker", "MQTT broker, HOST:PORT", a.broker.as_deref(), None, &checked)?;
        let username = one(
            "--username",
            "User name at the broker (none: empty)",
            a.username.as_deref(),
            Some(""),
            &name,
        )?;
        if !problems.is_empty() {
            return Err(Failure::new(Exit::Config, problems.join("\nedge-agent: ")));
        }
        let full = |text: Option<String>| text.filter(|t| !t.is_empty());
        let floors = floors.as_deref().map_or_else(|| Ok(Vec::new()), init::floors);
        let port = if a.ca.is_some() { 8883 } else { 1883 };
        let wrong = |e: String| Failure::new(Exit::Config, e);
        Ok(Answers {
            site_id: site_id.unwrap_or_default(),
            site_name: full(site_name),
            timezone: timezone.unwrap_or_default(),
            gateway: gateway.unwrap_or_default(),
            broker: host_and_port(&broker.unwrap_or_default(), port).map_err(wrong)?,
            floors: floors.map_err(wrong)?,
            username: full(username),
            password_file: a.password_file.clone(),
            ca: a.ca.clone(),
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn one(
        &self,
        (flag, question): (&str, &str),
        given: Option<&str>,
        default: Option<&str>,
        parse: Parse,
        problems: &mut Vec<String>,
        input: &mut impl BufRead,
        output: &mut impl Write,
    ) -> Result<Option<String>, Failure> {
        if let Some(given) = given {
            return Ok(parse(given).map_err(|why| problems.push(format!("{flag}: {why}"))).ok());
        }
        if self.asks {
            let answer = ask::until_right(input, output, question, default, parse);
            let answer =
                answer.map_err(|e| Failure::new(Exit::Io, format!("cannot read the answer: {e}")))?;
            let ended = || Failure::new(Exit::Config, "no more answers: nothing was written");
            return answer.map(Some).ok_or_else(ended);
        }
        match default.map(parse) {
            Some(Ok(answer)) => Ok(Some(answer)),
            Some(Err(why)) => {
                problems.push(format!("{flag}: {why}"));
                Ok(None)
            }
            None => {
                problems.push(format!("{flag} is needed: {}", question.to_lowercase()));
                Ok(None)
            }
        }
    }
}

type Parse<'a> = &'a dyn Fn(&str) -> Result<String, String>;

fn put(path: &Path, text: &str, force: bool) -> Result<Option<PathBuf>, Failure> {
    let done = if force { files::replace(path, text) } else { files::create(path, text).map(|()| None) };
    done.map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            Exit::CannotCreate,
            format!("{} is there already, and is left as it is", path.display()),
        ),
        io::ErrorKind::PermissionDenied => {
            Failure::new(Exit::NoPermission, format!("cannot write {}: {e}; sudo?", path.display()))
        }
        _ => Failure::new(Exit::CannotCreate, format!("cannot write {}: {e}", path.display())),
    })
}

fn make_folder(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|e| {
        let exit =
            if e.kind() == io::ErrorKind::PermissionDenied { Exit::NoPermission } else { Exit::CannotCreate };
        Failure::new(exit, format!("cannot make {}: {e}; sudo?", dir.display()))
    })
}

/// `/etc/edge-agent` is read by the service, which keeps its things in `/var/lib`; any other folder is a trial, and keeps
/// everything together.
fn places(dir: &Path) -> Places {
    if dir == Path::new("/etc/edge-agent") {
        Places { store: None, receipts: "/var/lib/edge-agent/receipts".into() }
    } else {
        Places { store: Some("store".into()), receipts: "receipts".into() }
    }
}

fn make_receipts(dir: &Path, places: &Places) -> Result<(), Failure> {
    let folder = dir.join(&places.receipts);
    if folder.exists() {
        return Ok(());
    }
    make_folder(&folder)?;
    // The service's user, where the package has made it.
    if let Ok(Some(user)) = nix::unistd::User::from_name("edge-agent") {
        let _ = nix::unistd::chown(&folder, Some(user.uid), Some(user.gid));
    }
    Ok(())
}

/// What to type next; `allow`: the service may not listen to the radio yet.
fn next(
    args: &InitArgs,
    a: &Answers,
    agent: &Path,
    site: &Path,
    keeps_map: bool,
    allow: bool,
) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(user) = &a.username {
        let file = a.password_file.as_deref().unwrap_or("mqtt-password");
        let file = args.dir.join(file);
        if !file.exists() {
            steps.push(format!("put the broker's password of {user} into {}, chmod 640", file.display()));
        }
    }
    if !keeps_map {
        steps.push(format!("measure: open {}, every line {:?}", site.display(), text::TO_MEASURE));
    }
    let serves = args.dir == Path::new("/etc/edge-agent");
    if allow && serves {
        steps.push(check::service::ALLOW.into());
    }
    steps.push(format!("edge-agent check --config {}", agent.display()));
    if serves {
        steps.push("sudo systemctl enable --now edge-agent".into());
        steps.push("sudo edge-agent watch".into());
    } else {
        steps.push(format!("edge-agent run --config {}", agent.display()));
        steps.push(format!("edge-agent watch --config {}", agent.display()));
    }
    let mut lines = vec![String::new(), "next:".into()];
    lines.extend(steps.iter().enumerate().map(|(i, step)| format!("  {}. {step}", i + 1)));
    lines
}
