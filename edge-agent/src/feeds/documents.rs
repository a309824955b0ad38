//! What a sender sends: one JSON document, a list of them, or one a line; to papers, all or nothing.

use super::Paper;
use gateway::door;
use gateway::pos::push::{self, Document, MAX_DOCUMENT, Problem, Settings};
use serde_json::value::RawValue;

/// Documents of one message.
pub const MAX_DOCUMENTS: usize = 256;

/// The papers of a message, or everything that is wrong with it: which document, from 1, and what.
pub fn read(bytes: &[u8], settings: &Settings) -> Result<Vec<Paper>, Vec<(usize, Problem)>> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    let problem = |what: &str| vec![(1, Problem { path: "document".into(), what: what.to_owned() })];
    if text.is_empty() {
        return Err(problem("is empty"));
    }
    let list: Vec<&[u8]> = match serde_json::from_slice::<Vec<&RawValue>>(text) {
        Ok(list) => list.into_iter().map(|raw| raw.get().as_bytes()).collect(),
        // A document over several lines is one; what is none as a whole may be one a line.
        Err(_) if serde_json::from_slice::<&RawValue>(text).is_ok() => vec![text],
        Err(_) => {
            text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect()
        }
    };
    if list.is_empty() || list.len() > MAX_DOCUMENTS {
        return Err(problem(&format!("holds {} documents; send 1 to {MAX_DOCUMENTS} at once", list.len())));
    }
    let mut papers = Vec::with_capacity(list.len());
    let mut problems = Vec::new();
    for (n, document) in (1..).zip(list) {
        if let Some(message) = door::message(document) {
            papers.push(Paper::Door(Box::new(message)));
            continue;
        }
        let parsed = if document.len() > MAX_DOCUMENT {
            let what = format!("is longer than {MAX_DOCUMENT} bytes");
            Err(vec![Problem { path: "document".into(), what }])
        } else {
            push::parse_any(document, settings)
        };
        match parsed {
            Ok(Document::Receipt(receipt)) => papers.push(Paper::Receipt(receipt)),
            Ok(Document::Totals(totals)) => papers.push(Paper::Totals(totals)),
            Err(wrong) => problems.extend(wrong.into_iter().map(|problem| (n, problem))),
        }
    }
    if problems.is_empty() { Ok(papers) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        r#"{"till":"t","number":"1","at":"2025-11-21T01:00:00Z","amount_minor":100,"currency":"CNY"}"#;

    #[test]
    fn one_a_list_or_one_a_line() {
        let settings = Settings::default();
        let count = |text: &str| read(text.as_bytes(), &settings).map(|papers| papers.len());
        assert_eq!(count(ONE), Ok(1));
        assert_eq!(count(&ONE.replace(',', ",\n")), Ok(1));
        assert_eq!(count(&format!("[{ONE},{ONE}]")), Ok(2));
        assert_eq!(count(&format!("{ONE}\n\n{ONE}\n")), Ok(2));
        let wrong = count(&format!("[{ONE},{{}}]")).unwrap_err();
        assert_eq!(wrong[0].0, 2, "one that is wrong spoils the message, and is named");
        let door = r#"{"kind":"count","zone":"F1-E1","entered":3}"#;
        let both = read(format!("[{ONE},{door}]").as_bytes(), &settings).unwrap();
        assert!(matches!(both[..], [Paper::Receipt(_), Paper::Door(_)]), "{both:?}");
        for none in ["", "  ", "[]", "x", "{", &format!("[{}]", vec![ONE; 257].join(","))] {
            assert!(count(none).is_err(), "{none:.40}");
        }
    }
}
