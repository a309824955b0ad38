//! `edge-agent site-map show`.

use super::client::Client;
use crate::cli::exit::{Exit, Failure};
use crate::config::published::{kept, sha256};
use crate::config::{Config, SiteMapMessage};
use serde_json::Value;

/// Prints what is published, what this gateway has, and what is in force on each gateway.
pub(super) async fn show(config: &Config) -> Result<Exit, Failure> {
    let file = config.agent.site_map.display();
    match std::fs::read_to_string(&config.agent.site_map) {
        Ok(text) => println!("file      {file}: sha256 {}", short(&sha256(&text))),
        Err(e) => println!("file      {file}: {e}"),
    }
    match kept(&config.agent.store.dir) {
        Ok(Some(map)) => println!("copy      {}", line(&map)),
        Ok(None) => println!("copy      none in {}", config.agent.store.dir.display()),
        Err(e) => println!("copy      {e}"),
    }
    if !config.agent.site_map_topic {
        println!("          not followed: site_map_topic is not true in this configuration");
    }
    let mut client = Client::connect(config, "show").await?;
    let topic = client.map_topic(config);
    match client.retained(&topic).await?.pop() {
        None => println!("published nothing on {topic}"),
        Some((_, payload)) => match SiteMapMessage::parse(&payload) {
            Ok(map) => println!("published {}", line(&map)),
            Err(refused) => println!("published what no gateway takes: {refused}"),
        },
    }
    let base = format!("{}/{}/gateway/", client.prefix(), config.site.id);
    let mut gateways = client.retained(&format!("{base}+/health")).await?;
    gateways.sort();
    for (topic, payload) in gateways {
        let gateway = topic.strip_prefix(&base).and_then(|t| t.strip_suffix("/health")).unwrap_or(&topic);
        println!("gateway   {gateway}: {}", in_force(&payload));
    }
    Ok(Exit::Ok)
}

fn line(map: &SiteMapMessage) -> String {
    format!(
        "version {}, sha256 {}, signed off by {} at {}",
        map.version,
        short(&map.sha256),
        map.signed_off_by,
        map.signed_off_at
    )
}

/// What a gateway says of its map.
fn in_force(health: &[u8]) -> String {
    let Ok(health) = serde_json::from_slice::<Value>(health) else {
        return "its health cannot be read".into();
    };
    let map = &health["config"]["site_map"];
    let text = |key: &str| map[key].as_str().unwrap_or_default();
    let mut line = match (text("from"), map["version"].as_u64()) {
        ("topic", Some(version)) => format!("version {version}"),
        ("file", _) => "its file".to_owned(),
        _ => return "does not say".into(),
    };
    line += &format!(", sha256 {}", short(text("sha256")));
    if let Some(at) = health["at"].as_str() {
        line += &format!(", as of {at}");
    }
    if let Some(problem) = map["problem"].as_str() {
        line += &format!("; refused: {problem}");
    }
    line
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

#[cfg(test)]
mod tests {
    use super::in_force;

    #[test]
    fn what_a_gateway_says_is_told_in_a_line() {
        let health = br#"{"at":"T","config":{"site_map":{"from":"topic","version":3,"sha256":"0123456789abcdef","problem":"older"}}}"#;
        assert_eq!(in_force(health), "version 3, sha256 0123456789ab, as of T; refused: older");
        assert_eq!(in_force(b"{}"), "does not say");
        assert_eq!(in_force(b"{"), "its health cannot be read");
        let health = br#"{"config":{"site_map":{"from":"file","sha256":"ab"}}}"#;
        assert_eq!(in_force(health), "its file, sha256 ab");
    }
}
