//! The two files, with comments for whoever opens them next.

use super::machine::Machine;
use super::{Answers, Floor};
use std::fmt::Write as _;

/// Stands behind every position that somebody has to measure; `check` counts them.
pub const TO_MEASURE: &str = "# to be measured";

/// Where the daemon keeps its things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// `store.dir`, where it is not the default.
    pub store: Option<String>,
    /// A folder for receipts, the source of a gateway that has no ear yet.
    pub receipts: String,
}

/// `agent.toml`: `sensor` is what this gateway's own radios are called in the site map, `nodes` those of the serial lines.
pub fn agent(a: &Answers, machine: &Machine, places: &Places, sensor: &str, nodes: &[String]) -> String {
    let mut t = String::new();
    let (host, port) = (quote(&a.broker.0), a.broker.1);
    // Writing to a String cannot fail.
    let _ = write!(
        t,
        "# What this gateway does. Every key: docs/configuration.md. After a change: edge-agent check --config FILE\n\
         gateway = {}\nsite_map = \"site.toml\"\n\n\
         # Events wait here until the broker has acknowledged them.\n[store]\n",
        quote(&a.gateway)
    );
    match &places.store {
        Some(dir) => _ = writeln!(t, "dir = {}", quote(dir)),
        None => t += "# dir = \"/var/lib/edge-agent/store\"\n",
    }
    t += "# max_bytes = 536870912\n\n";
    let _ = write!(t, "[mqtt]\nhost = {host}\nport = {port}\n");
    match &a.username {
        Some(user) => {
            let file = a.password_file.as_deref().unwrap_or("mqtt-password");
            let _ = write!(
                t,
                "username = {}\n# The password is the first line of this file; chmod 640, group edge-agent.\n\
                password_file = {}\n",
                quote(user),
                quote(file)
            );
        }
        None => t += "# username = \"gw-01\"\n# password_file = \"/etc/edge-agent/mqtt-password\"\n",
    }
    match &a.ca {
        Some(ca) => _ = write!(t, "\n[mqtt.tls]\nca = {}\n", quote(ca)),
        None => {
            t += "\n# Without this table everything travels in the clear.\n# [mqtt.tls]\n# ca = \"/etc/edge-agent/ca.pem\"\n";
        }
    }
    t += "\n# What may be said of people: \"count\" (numbers only), \"pseudonymous\", \"consented\". Read docs/privacy.md first.\n\
         [privacy]\nmode = \"pseudonymous\"\n# opening_hours = \"10:00-22:00\"\n# rssi_floor = -90\n\n";
    t += "# What it hears with. Found on this machine:\n";
    for line in machine.words() {
        let _ = writeln!(t, "#   {line}");
    }
    sources(&mut t, machine, places, sensor, nodes);
    t
}

fn sources(t: &mut String, machine: &Machine, places: &Places, sensor: &str, nodes: &[String]) {
    let mut none = true;
    for wifi in &machine.wifi {
        let (off, why) =
            if wifi.is_fit() { ("", String::new()) } else { ("# ", format!(" # {}", wifi.why_not())) };
        none &= !wifi.is_fit();
        let _ = write!(
            t,
            "\n{off}[[source]]{why}\n{off}kind = \"wifi\"\n{off}interface = {}\n{off}sensor = {}\n",
            quote(&wifi.interface),
            quote(sensor)
        );
    }
    if machine.wifi.is_empty() {
        let _ = write!(
            t,
            "\n# A USB adapter with monitor mode (docs/hardware.md):\n# [[source]]\n# kind = \"wifi\"\n\
             # interface = \"wlan1\"\n# sensor = {}\n",
            quote(sensor)
        );
    }
    if let Some(adapter) = machine.bluetooth.first() {
        none = false;
        let (adapter, sensor) = (quote(adapter), quote(sensor));
        let _ = write!(t, "\n[[source]]\nkind = \"ble\"\nadapter = {adapter}\nsensor = {sensor}\n");
    }
    for (device, sensor) in machine.serial.iter().zip(nodes) {
        none = false;
        let _ = write!(
            t,
            "\n# A sensor node (docs/nodes.md). If another thing is on this line, take these four lines out.\n\
             [[source]]\nkind = \"node\"\ndevice = {}\nsensor = {}\n",
            quote(device),
            quote(sensor)
        );
    }
    if machine.serial.is_empty() {
        t.push_str(
            "\n# A sensor node on a serial line (docs/nodes.md); its sensor has to be in site.toml:\n# [[source]]\n\
             # kind = \"node\"\n# device = \"/dev/serial/by-id/usb-…\"\n# sensor = \"F1-S02\"\n",
        );
    }
    if none {
        let _ = write!(
            t,
            "\n# Nothing on this machine can listen yet, and a gateway needs one source at least: a folder for receipts.\n\
             # Once there is a radio or a node, this may go.\n[[source]]\nkind = \"folder\"\npath = {}\n",
            quote(&places.receipts)
        );
    }
    t.push_str(
        "\n# Receipts (docs/feeds.md): \"serial\", \"printer\", \"http\", \"mqtt\" or \"folder\".\n# [[source]]\n\
         # kind = \"printer\"\n# listen = \"0.0.0.0:9100\"\n# till = \"till-1\"\n# template = \"zh-generic.toml\"\n",
    );
}

/// `site.toml`, with one sensor for this gateway's own radios and one for each serial line.
pub fn site(a: &Answers, sensor: &str, nodes: &[String]) -> String {
    let mut t = String::new();
    let _ = write!(
        t,
        "# What the mall looks like; one map for all gateways. Every key: docs/site-map.md.\n\
         # After a change: edge-agent check --site site.toml\n\
         #\n# Positions are metres from one origin on the plan, the same for all floors. Those marked \"to be measured\" are made\n\
         # up: measure them, and take the mark away.\n\n\
         [site]\nid = {}\n",
        quote(&a.site_id)
    );
    if let Some(name) = &a.site_name {
        let _ = writeln!(t, "name = {}", quote(name));
    }
    let _ = write!(t, "timezone = {}\nbusiness_day_starts = \"04:00\"\n\n", quote(&a.timezone));
    for Floor { id, level } in &a.floors {
        let _ = write!(t, "[[floor]]\nid = {}\nlevel = {level}\n\n", quote(id));
    }
    let ground = ground(&a.floors);
    let hall = |floor: &str| quote(&format!("{floor}-hall"));
    let lift = |floor: &str| quote(&format!("{floor}-lift"));
    let (outside, entrance) = (quote(&format!("{ground}-outside")), quote(&format!("{ground}-entrance")));
    let zone = |t: &mut String,
                comment: &str,
                id: &str,
                floor: &str,
                kind: &str,
                at: [f32; 2],
                to: &[String]| {
        let (x, y) = (at[0], at[1]);
        let _ = write!(
            t,
            "# {comment}\n[[zone]]\nid = {id}\nfloor = {}\nkind = \"{kind}\"\nposition = [{x:.1}, {y:.1}] {TO_MEASURE}\n\
             neighbours = [{}]\n\n",
            quote(floor),
            to.join(", ")
        );
    };
    zone(
        &mut t,
        "In front of the doors: who is heard here only has passed by.",
        &outside,
        ground,
        "perimeter",
        [0.0, -15.0],
        std::slice::from_ref(&entrance),
    );
    zone(
        &mut t,
        "The doors: whoever comes or goes is heard here.",
        &entrance,
        ground,
        "entrance",
        [0.0, 0.0],
        &[outside.clone(), hall(ground)],
    );
    for (i, Floor { id, .. }) in a.floors.iter().enumerate() {
        let mut near = Vec::new();
        if id == ground {
            near.push(entrance.clone());
        }
        if a.floors.len() > 1 {
            near.push(lift(id));
        }
        zone(&mut t, "The concourse of this floor.", &hall(id), id, "concourse", [0.0, 25.0], &near);
        if a.floors.len() > 1 {
            let mut near = vec![hall(id)];
            // Above and below; both ways.
            near.extend(i.checked_sub(1).and_then(|below| a.floors.get(below)).map(|f| lift(&f.id)));
            near.extend(a.floors.get(i + 1).map(|f| lift(&f.id)));
            zone(
                &mut t,
                "Stairs, lifts, escalators: neighbours on other floors.",
                &lift(id),
                id,
                "vertical",
                [0.0, 45.0],
                &near,
            );
        }
    }
    let _ = write!(
        t,
        "# A shop, with the till in it:\n# [[zone]]\n# id = \"{ground}-01\"\n# floor = {}\n# kind = \"shop\"\n\
         # brand = \"Noodle House\"\n# position = [20.0, 25.0]\n# neighbours = [{}]\n#\n# [[till]]\n# id = \"till-1\"\n\
         # zone = \"{ground}-01\"\n\n",
        quote(ground),
        hall(ground)
    );
    let _ = write!(
        t,
        "# The radios of gateway {}: where do they hang?\n[[sensor]]\nid = {}\nzone = {entrance}\nposition = [2.0, 3.0] {TO_MEASURE}\n",
        a.gateway,
        quote(sensor)
    );
    for (i, node) in nodes.iter().enumerate() {
        let _ = write!(
            t,
            "\n# A sensor node: in which zone does it hang, and where?\n[[sensor]]\nid = {}\nzone = {}\nposition = [{:.1}, 30.0] {TO_MEASURE}\n",
            quote(node),
            hall(ground),
            5.0 + i as f32 * 5.0
        );
    }
    t
}

/// Where people come in: level 0, else the lowest floor above it, else the highest.
fn ground(floors: &[Floor]) -> &str {
    let best = floors.iter().min_by_key(|f| if f.level >= 0 { f.level } else { 1000 - f.level });
    best.map_or("F1", |f| f.id.as_str())
}

/// Ids of sensors: this gateway's own, and one for each serial line.
pub fn sensors(a: &Answers, machine: &Machine) -> (String, Vec<String>) {
    let ground = ground(&a.floors);
    let named = |n: usize| format!("{ground}-S{n:02}");
    (named(1), (0..machine.serial.len()).map(|i| named(i + 2)).collect())
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => _ = write!(out, "\\u{:04X}", c as u32),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
