//! The files of the page, in the binary. No build step makes them; `edge-agent/src/status/web/page/` holds what is sent.

use hyper::HeaderMap;
use hyper::header::ACCEPT_LANGUAGE;

/// A file.
pub(super) struct Asset {
    pub(super) content_type: &'static str,
    pub(super) text: &'static str,
}

/// The page, in English until the reader's language is known.
pub(super) const PAGE: &str = include_str!("page/index.html");
/// Where a token is asked for.
pub(super) const LOGIN: &str = include_str!("page/login.html");

/// What the page asks for, by path.
pub(super) fn asset(path: &str) -> Option<Asset> {
    let (content_type, text) = match path {
        "/style.css" => ("text/css; charset=utf-8", include_str!("page/style.css")),
        "/theme.js" => (JAVASCRIPT, include_str!("page/theme.js")),
        "/words.js" => (JAVASCRIPT, include_str!("page/words.js")),
        "/plan.js" => (JAVASCRIPT, include_str!("page/plan.js")),
        "/say.js" => (JAVASCRIPT, include_str!("page/say.js")),
        "/show.js" => (JAVASCRIPT, include_str!("page/show.js")),
        "/login.js" => (JAVASCRIPT, include_str!("page/login.js")),
        "/app.js" => (JAVASCRIPT, include_str!("page/app.js")),
        "/icon.svg" => ("image/svg+xml", include_str!("page/icon.svg")),
        _ => return None,
    };
    Some(Asset { content_type, text })
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The reader's language of the two that there are: the first of them that is wanted (RFC 9110 §12.5.4; of equal weights the
/// first).
pub(super) fn language(headers: &HeaderMap) -> &'static str {
    let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let mut best = ("en", 0.0);
    for part in wanted.split(',').take(20) {
        let (tag, weight) = part.split_once(';').unwrap_or((part, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
        let tag = tag.trim().to_ascii_lowercase();
        let language = match tag.split('-').next() {
            Some("zh") => "zh-Hans",
            Some("en") => "en",
            _ => continue,
        };
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

/// The page for somebody who signed in.
pub(super) fn with_logout() -> String {
    PAGE.replacen("id=\"logout\" hidden", "id=\"logout\"", 1)
}

/// A page in that language: its script finds the words.
pub(super) fn in_language(page: &str, language: &str) -> String {
    page.replacen("<html lang=\"en\"", &format!("<html lang=\"{language}\""), 1)
}
