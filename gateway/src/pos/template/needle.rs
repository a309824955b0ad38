//! Which rules a line can fit at all, told without running one.
//!
//! Regular expressions are slow (a small library, a simulation of an automaton), and of the two hundred of a template a
//! line fits two or three. Most need a certain word: a line without 合 or 计 has no 合计. So of each rule the words are
//! taken of which one must be there ([`needs`]), all words are looked for at once, and only those rules are run whose
//! word was found. A rule of which nothing is known is always run: [`Needles`] may only be wrong in that direction.

/// Words of which a text that fits has at least one, in lower case; `None` where nothing can be said.
pub(super) fn needs(expression: &str) -> Option<Vec<String>> {
    let mut parser = Parser { rest: expression.chars().collect::<Vec<_>>(), at: 0, depth: 0 };
    let found = parser.alternatives()?;
    // A bracket too many is an error of the expression, which its compiler tells.
    if parser.at < parser.rest.len() { None } else { found.words() }
}

/// More words for one rule than this do not pay.
const MAX_WORDS: usize = 48;
/// Nesting beyond this is not looked at.
const MAX_DEPTH: usize = 32;

/// What is known of a part of an expression.
#[derive(Clone, Debug)]
enum Known {
    /// It may fit anything.
    Nothing,
    /// One of these is in whatever it fits.
    OneOf(Vec<String>),
}

impl Known {
    fn words(self) -> Option<Vec<String>> {
        match self {
            Self::Nothing => None,
            Self::OneOf(words) => Some(words),
        }
    }

    /// The better of two that both hold: longer words are rarer, fewer are sooner found.
    fn better(self, other: Self) -> Self {
        let worth = |known: &Self| match known {
            Self::Nothing => (0, 0),
            Self::OneOf(words) => {
                (words.iter().map(String::len).min().unwrap_or(0), MAX_WORDS.saturating_sub(words.len()))
            }
        };
        if worth(&other) > worth(&self) { other } else { self }
    }
}

/// Walks over an expression as regular expressions are written. What it does not know makes it give up (`None`).
struct Parser {
    rest: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    /// Up to the end or a closing bracket, which is left.
    fn alternatives(&mut self) -> Option<Known> {
        let mut all: Option<Vec<String>> = Some(Vec::new());
        loop {
            let one = self.sequence()?;
            all = all.zip(one.words()).map(|(mut all, words)| {
                all.extend(words);
                all
            });
            if self.peek() != Some('|') {
                break;
            }
            self.at += 1;
        }
        Some(all.filter(|words| (1..=MAX_WORDS).contains(&words.len())).map_or(Known::Nothing, Known::OneOf))
    }

    fn sequence(&mut self) -> Option<Known> {
        let mut best = Known::Nothing;
        let mut run = String::new();
        while let Some(c) = self.peek() {
            if matches!(c, '|' | ')') {
                break;
            }
            self.at += 1;
            // A letter; or what a bracket, a class or a group says; or nothing (an anchor).
            let (letter, known) = match c {
                '(' => (None, Some(self.group()?)),
                '[' => (None, Some(self.class()?)),
                '.' => (None, Some(Known::Nothing)),
                '^' | '$' => (None, None),
                '\\' => match self.next()? {
                    'b' | 'B' | 'A' | 'z' => (None, None),
                    'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'n' | 'r' | 't' | 'f' | 'v' => {
                        (None, Some(Known::Nothing))
                    }
                    // Numbers of characters, and whatever else goes on behind its letter.
                    c if c.is_ascii_alphanumeric() => return None,
                    c => (Some(c), None),
                },
                '*' | '+' | '?' | '{' => return None,
                c => (Some(c), None),
            };
            let times = self.times()?;
            match (letter, known, times) {
                (Some(c), _, Times::Once) => run.push(c.to_ascii_lowercase()),
                (Some(c), _, Times::More) => {
                    // It is there, but what follows it may be itself.
                    run.push(c.to_ascii_lowercase());
                    best = take(&mut run, best);
                }
                (Some(_), _, Times::Perhaps) | (None, Some(_), Times::Perhaps) => best = take(&mut run, best),
                (None, Some(known), _) => best = take(&mut run, best).better(known),
                (None, None, _) => {}
            }
        }
        Some(take(&mut run, best))
    }

    /// After `(`.
    fn group(&mut self) -> Option<Known> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        if self.peek() == Some('?') {
            self.at += 1;
            match self.next()? {
                ':' => {}
                'P' | '<' => while self.next()? != '>' {},
                // Flags may change what letters mean.
                _ => return None,
            }
        }
        let known = self.alternatives()?;
        self.depth -= 1;
        (self.next()? == ')').then_some(known)
    }

    /// After `[`: a few plain characters are words; anything else may be anything.
    fn class(&mut self) -> Option<Known> {
        let mut plain = self.peek() != Some('^');
        let mut words = Vec::new();
        let mut first = true;
        loop {
            let mut c = self.next()?;
            match c {
                ']' if !first => break,
                // [[:alpha:]], and sets of sets
                '[' => return None,
                '\\' => {
                    c = self.next()?;
                    plain &= !c.is_ascii_alphanumeric();
                }
                _ => {}
            }
            // A range, where the hyphen is not the last character.
            if self.peek() == Some('-') && self.rest.get(self.at + 1).is_some_and(|c| *c != ']') {
                plain = false;
            }
            first = false;
            words.push(c.to_ascii_lowercase().to_string());
        }
        Some(if plain && words.len() <= 8 { Known::OneOf(words) } else { Known::Nothing })
    }

    /// The quantifier after a piece, if there is one.
    fn times(&mut self) -> Option<Times> {
        let times = match self.peek() {
            Some('*' | '?') => Times::Perhaps,
            Some('+') => Times::More,
            Some('{') => {
                self.at += 1;
                let from: String = std::iter::from_fn(|| self.digit()).collect();
                while self.peek()? != '}' {
                    self.at += 1;
                }
                if from.parse().unwrap_or(0u32) == 0 { Times::Perhaps } else { Times::More }
            }
            _ => return Some(Times::Once),
        };
        self.at += 1;
        if self.peek() == Some('?') {
            self.at += 1;
        }
        Some(times)
    }

    fn digit(&mut self) -> Option<char> {
        let c = self.peek().filter(char::is_ascii_digit)?;
        self.at += 1;
        Some(c)
    }
}

#[derive(Clone, Copy)]
enum Times {
    Once,
    /// At least once.
    More,
    /// Maybe not at all.
    Perhaps,
}

/// Ends a run of letters: it is a word that must be there.
fn take(run: &mut String, best: Known) -> Known {
    let word = std::mem::take(run);
    if word.is_empty() { best } else { best.better(Known::OneOf(vec![word])) }
}

/// The words of many rules, looked for at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Needles {
    /// By the hash of their first two bytes: the words that begin so, and whose they are.
    buckets: Vec<Vec<(Box<str>, u32)>>,
    /// By the only byte of words that have one.
    single: Vec<(u8, u32)>,
    /// Rules of which nothing is known.
    always: Vec<u32>,
    rules: u32,
}

/// A power of two, for speed; a template has some hundreds of words.
const BUCKETS: usize = 1024;

/// Which rules may fit a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Hits(Vec<u64>);

impl Needles {
    /// Adds a rule; gives back the number to ask [`Hits`] for.
    pub(super) fn add(&mut self, expression: &str) -> u32 {
        let rule = self.rules;
        self.rules += 1;
        self.buckets.resize_with(BUCKETS, Vec::new);
        match needs(expression) {
            None => self.always.push(rule),
            Some(words) => {
                for word in words {
                    match *word.as_bytes() {
                        [only] => self.single.push((only, rule)),
                        [a, b, ..] => self.buckets[bucket(a, b)].push((word.into(), rule)),
                        [] => self.always.push(rule),
                    }
                }
            }
        }
        rule
    }

    /// Which rules may fit this text.
    pub(super) fn look(&self, text: &str) -> Hits {
        let mut hits = Hits(vec![0; (self.rules as usize).div_ceil(64)]);
        self.always.iter().for_each(|rule| hits.set(*rule));
        let lower = text.to_ascii_lowercase();
        let bytes = lower.as_bytes();
        for (byte, rule) in &self.single {
            if bytes.contains(byte) {
                hits.set(*rule);
            }
        }
        for (at, pair) in bytes.windows(2).enumerate() {
            for (word, rule) in self.buckets.get(bucket(pair[0], pair[1])).into_iter().flatten() {
                if bytes[at..].starts_with(word.as_bytes()) {
                    hits.set(*rule);
                }
            }
        }
        hits
    }
}

impl Hits {
    fn set(&mut self, rule: u32) {
        if let Some(word) = self.0.get_mut(rule as usize / 64) {
            *word |= 1 << (rule % 64);
        }
    }

    /// Whether the rule may fit.
    pub(super) fn may(&self, rule: u32) -> bool {
        self.0.get(rule as usize / 64).is_none_or(|word| word >> (rule % 64) & 1 == 1)
    }
}

fn bucket(a: u8, b: u8) -> usize {
    (usize::from(a) << 4 ^ usize::from(b)) % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex_lite::RegexBuilder;

    fn of(expression: &str) -> Option<Vec<String>> {
        needs(expression)
    }

    fn some(words: &[&str]) -> Option<Vec<String>> {
        Some(words.iter().map(|w| (*w).to_owned()).collect())
    }

    #[test]
    fn the_words_that_must_be_there_are_found() {
        assert_eq!(of("Total"), some(&["total"]));
        assert_eq!(of(r"^\s*(?:合\s*计|总额)\s*[:.]?\s*(\d+)"), some(&["合", "总额"]));
        assert_eq!(of(r"\d{1,2}:\d{2}"), some(&[":"]));
        assert_eq!(of(r"(?:^|[^原])小票"), some(&["小票"]));
        assert_eq!(of(r"ab+c"), some(&["ab"]));
        assert_eq!(of(r"ab?cde"), some(&["cde"]));
        assert_eq!(of(r"(abc)?x"), some(&["x"]));
        assert_eq!(of(r"(abc){2}x"), some(&["abc"]));
        assert_eq!(of(r"(abc){0,2}x"), some(&["x"]));
        assert_eq!(of(r"[-/.]\d"), some(&["-", "/", "."]));
        assert_eq!(of(r"R\$ x"), some(&["r$ x"]));
    }

    #[test]
    fn where_nothing_is_sure_nothing_is_said() {
        for expression in [
            r"\d+",
            "a*",
            "a|",
            "(?i:a)",
            "[a-z]",
            ".",
            "(a|b*)",
            "\\x41b",
            "[^a]",
            "a)b",
            "(a",
            "[[:alpha:]]",
        ] {
            assert_eq!(of(expression), None, "{expression}");
        }
    }

    /// Expressions as templates have them, and worse.
    fn expressions() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            "[ab合计:]{1,3}",
            Just(r"\d".to_owned()),
            Just(r"\s*".to_owned()),
            Just("[ab]".to_owned()),
            Just("[^a]".to_owned()),
            Just(".".to_owned()),
            Just("^".to_owned()),
            Just(r"\b".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
                prop::collection::vec(inner.clone(), 1..4)
                    .prop_map(|parts| format!("(?:{})", parts.join("|"))),
                (inner, prop::sample::select(vec!["?", "*", "+", "{2}", "{0,1}", "+?"]))
                    .prop_map(|(part, times)| format!("(?:{part}){times}")),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_rule_that_fits_is_never_left_out(expression in expressions(), text in "[abAB合计: 1]{0,12}") {
            let regex = RegexBuilder::new(&expression).case_insensitive(true).build();
            prop_assume!(regex.is_ok());
            let mut needles = Needles::default();
            let rule = needles.add(&expression);
            if regex.unwrap().is_match(&text) {
                prop_assert!(needles.look(&text).may(rule), "{:?}", of(&expression));
            }
        }

        #[test]
        fn nothing_panics(expression in "\\PC{0,40}") {
            let _ = of(&expression);
        }
    }
}
