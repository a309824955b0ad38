//! `edge-agent site-map`: publish the map that a person signed off, and see which is in force where.

mod client;
mod show;

use super::exit::{Exit, Failure};
use crate::config::published::MAX_MAP;
use crate::config::{self, Config, SiteMapMessage};
use crate::pipeline::wall_clock;
use clap::{Args, Subcommand};
use client::Client;
use std::path::PathBuf;

/// The site map as a retained topic: one place from which all gateways of a site take it.
#[derive(Args, Clone, Debug)]
pub struct SiteMapArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Clone, Debug)]
enum Verb {
    /// Check a site map and publish it under the next version.
    ///
    /// Gateways with `site_map_topic = true` take it over at once, each after its own check.
    Publish(PublishArgs),
    /// Show the published map, this gateway's copy of it, and what is in force on each gateway of the site.
    Show(ShowArgs),
}

#[derive(Args, Clone, Debug)]
struct PublishArgs {
    /// The configuration of a gateway of the site: broker, site, and what its sources need of the map.
    #[arg(long, value_name = "FILE", default_value = "/etc/edge-agent/agent.toml")]
    config: PathBuf,
    /// Who signed it off.
    #[arg(long, value_name = "NAME", value_parser = signer)]
    signed_off_by: String,
    /// The version, instead of the one after what is published; for a broker that has lost what it retained.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    map_version: Option<u64>,
    /// The site map.
    site: PathBuf,
}

#[derive(Args, Clone, Debug)]
struct ShowArgs {
    /// The configuration of a gateway of the site.
    #[arg(long, value_name = "FILE", default_value = "/etc/edge-agent/agent.toml")]
    config: PathBuf,
}

fn signer(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("who signed it off? Give a name".into()),
        name => Ok(name.to_owned()),
    }
}

/// Runs `site-map`.
pub fn run(args: &SiteMapArgs) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    match &args.verb {
        Verb::Publish(args) => runtime.block_on(publish(args)),
        Verb::Show(args) => runtime.block_on(show::show(&load(&args.config)?)),
    }
}

fn load(path: &std::path::Path) -> Result<Config, Failure> {
    config::load(path).map_err(|e| Failure::new(Exit::Config, e.to_string()))
}

async fn publish(args: &PublishArgs) -> Result<Exit, Failure> {
    let wrong = |what: String| Failure::new(Exit::Config, what);
    let now = load(&args.config)?;
    let new = config::read_site(&args.site).map_err(|e| wrong(e.to_string()))?;
    for warning in &new.warnings {
        eprintln!("to look at: {warning}");
    }
    let shown = args.site.display();
    if new.value.id != now.site.id {
        return Err(wrong(format!(
            "{shown}: it is of site {:?}, {} is of {:?}",
            new.value.id,
            args.config.display(),
            now.site.id
        )));
    }
    if new.text.len() > MAX_MAP {
        return Err(wrong(format!("{shown} has {} bytes; gateways take {MAX_MAP} at most", new.text.len())));
    }
    let problems = now.agent.problems_with(&new.value);
    if !problems.is_empty() {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(wrong(all.join("\n")));
    }
    let mut client = Client::connect(&now, "publish").await?;
    let topic = client.map_topic(&now);
    let found = client.retained(&topic).await?.pop();
    let retained = found.map(|(_, payload)| {
        SiteMapMessage::parse(&payload).map_err(|refused| {
            wrong(format!(
                "what is published now cannot be read, so its version is not known: {refused}\n\
                 look at it (mosquitto_sub), and give --map-version"
            ))
        })
    });
    let version = match (args.map_version, retained) {
        (Some(version), _) => version,
        (None, None) => 1,
        (None, Some(retained)) => {
            let retained = retained?;
            if retained.site_map == new.text {
                println!(
                    "this map is published already: version {}, signed off by {}",
                    retained.version, retained.signed_off_by
                );
                return Ok(Exit::Ok);
            }
            retained.version + 1
        }
    };
    let message = SiteMapMessage::new(version, new.text, &args.signed_off_by, wall_clock().to_string());
    // What goes out is what a gateway takes in.
    SiteMapMessage::parse(&message.to_json()).map_err(|refused| wrong(refused.why))?;
    client.publish(&topic, message.to_json()).await?;
    println!(
        "published {shown} as version {version} on {topic}\nsha256 {}\nsigned off by {} at {}\n\
         see what gateways made of it: edge-agent site-map show --config {}",
        message.sha256,
        message.signed_off_by,
        message.signed_off_at,
        args.config.display()
    );
    Ok(Exit::Ok)
}
