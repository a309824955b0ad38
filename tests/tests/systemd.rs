//! What systemd is told, by the real binary: ready, stopping, how it is, and that it gets on. A thread that hangs is
//! noticed, whichever it is.

use anyhow::{Context, Result};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;
use system_tests::tills::feeds;
use system_tests::{Agent, Broker, Manager, Tills, free_port, holds_for, skipped, wait_until};

/// A watchdog as short as a busy machine that runs tests allows; the unit's is 60 s.
const WATCHDOG: Duration = Duration::from_secs(6);
const SOON: Duration = Duration::from_secs(30);
const ALIVE: &str = "WATCHDOG=1";

/// One thread of the agent, held by the debugger's interface: it does nothing while all others run.
struct Held(Pid);

impl Held {
    /// The thread of this name; `None` where nobody may hold threads.
    fn thread(agent: &Agent, name: &str) -> Result<Option<Self>> {
        for task in fs::read_dir(format!("/proc/{}/task", agent.id()))? {
            let task = task?;
            if fs::read_to_string(task.path().join("comm"))?.trim_end() == name {
                let thread = Pid::from_raw(task.file_name().to_string_lossy().parse()?);
                if ptrace::seize(thread, ptrace::Options::empty()).is_err() {
                    return Ok(None);
                }
                ptrace::interrupt(thread)?;
                waitpid(thread, Some(WaitPidFlag::__WALL)).context("the thread does not stop")?;
                return Ok(Some(Self(thread)));
            }
        }
        anyhow::bail!("no thread {name:?}")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = ptrace::detach(self.0, None);
    }
}

/// Hears `ALIVE` `more` times from now on.
fn hears_more(manager: &Manager, agent: &mut Agent, more: usize) {
    let before = manager.count(ALIVE);
    agent.until("the watchdog is fed", SOON, || manager.count(ALIVE) >= before + more);
}

fn start(manager: &Manager, tills: &Tills, verb: &str) -> Result<Agent> {
    Agent::start(manager.adopts(&mut tills.command(verb)?))
}

#[test]
fn systemd_is_told_when_the_daemon_is_ready_how_it_is_and_when_it_stops() -> Result<()> {
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let manager = Manager::new(WATCHDOG)?;
    let tills = Tills::new(broker.port(), 2, "", &feeds(free_port()?))?;
    let mut agent = start(&manager, &tills, "run")?;
    agent.until("it is ready", SOON, || !manager.heard().is_empty());
    assert_eq!(manager.heard()[0], "READY=1", "before anything else");
    agent.until("it says how it is", SOON, || {
        manager.status() == "0 devices, 0 events waiting, broker connected"
    });
    // Nothing happens at all: quiet is not hung.
    hears_more(&manager, &mut agent, 4);

    broker.stop()?;
    agent.until("it says that the broker is away", SOON, || manager.status().contains("broker away"));
    // Without a broker it waits, longer and longer, and is well.
    hears_more(&manager, &mut agent, 4);

    agent.terminate()?;
    let end = agent.finish(SOON)?;
    assert_eq!(end.code, Some(0), "{}", end.output);
    assert_eq!(manager.count("STOPPING=1"), 1);
    assert_eq!(manager.count("READY=1"), 1);
    Ok(())
}

/// With the unit's allocator settings. Of empty tables that a compiler's setting had touched at the start, 21 MiB once were in it.
#[test]
fn a_daemon_that_waits_holds_little_memory_of_its_own() -> Result<()> {
    let (manager, tills) = (Manager::new(WATCHDOG)?, Tills::new(free_port()?, 2, "", &feeds(free_port()?))?);
    let mut command = tills.command("run")?;
    let unit = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd/edge-agent.service"))?;
    let settings: Vec<_> = unit
        .split_whitespace()
        .filter_map(|w| w.strip_prefix("Environment=").unwrap_or(w).split_once('='))
        .collect();
    command.envs(settings.into_iter().filter(|(name, _)| name.starts_with("MALLOC_")));
    let mut agent = Agent::start(manager.adopts(&mut command))?;
    agent.until("it is ready", SOON, || manager.count("READY=1") == 1);
    if fs::read_link(format!("/proc/{}/exe", agent.id()))?.components().any(|c| c.as_os_str() == "debug") {
        skipped("this is a debug build: it touches what a release build does not");
        return Ok(());
    }
    let status = fs::read_to_string(format!("/proc/{}/status", agent.id()))?;
    let own = status.lines().find_map(|l| l.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"));
    let kb: u64 = own.context("no RssAnon")?.parse()?;
    println!("{kb} kB");
    assert!(kb <= 16 * 1024, "{kb} kB");
    Ok(())
}

#[test]
fn a_thread_that_hangs_starves_the_watchdog_and_one_that_goes_on_feeds_it_again() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let manager = Manager::new(WATCHDOG)?;
    let tills = Tills::new(broker.port(), 2, "", &feeds(free_port()?))?;
    let mut agent = start(&manager, &tills, "run")?;
    hears_more(&manager, &mut agent, 2);
    // The pipeline has the main thread; the name is the program's.
    let main = fs::read_to_string(format!("/proc/{}/comm", agent.id()))?;
    for (thread, part) in [("store", "store"), (main.trim_end(), "pipeline")] {
        let Some(held) = Held::thread(&agent, thread)? else {
            skipped("threads cannot be held here: no ptrace");
            return Ok(());
        };
        // One word more may be on its way.
        wait_until("the hang is told", SOON, || manager.status() == format!("the {part} hangs"));
        let fed = manager.count(ALIVE);
        holds_for("the watchdog starves", WATCHDOG + WATCHDOG / 2, || manager.count(ALIVE) == fed);
        let log = agent.output()?;
        assert!(log.contains("the service manager will restart us"), "{log}");
        drop(held);
        hears_more(&manager, &mut agent, 2);
    }
    Ok(())
}

#[test]
fn the_tap_is_ready_gets_on_and_stops() -> Result<()> {
    let manager = Manager::new(WATCHDOG)?;
    let receipts = "tap_socket = \"tap.sock\"";
    let printer = format!(
        "[[source]]\nkind = \"printer\"\ntill = \"t0\"\nlisten = \"127.0.0.1:{}\"\ntemplate = \"TEMPLATE\"\n",
        free_port()?
    );
    let tills = Tills::new(free_port()?, 1, receipts, &printer)?;
    let mut tap = start(&manager, &tills, "tap")?;
    tap.until("it is ready", SOON, || manager.count("READY=1") == 1);
    tap.until("it says how it is", SOON, || manager.status() == "1 lines, 0 papers waiting for the daemon");
    hears_more(&manager, &mut tap, 3);
    tap.terminate()?;
    tap.finish(SOON)?.succeeded();
    assert_eq!(manager.count("STOPPING=1"), 1);
    Ok(())
}
