//! A text in tokens, and which of them have to go.

use std::ops::Range;

use super::fold::{Gap, Token, tokens};
use super::lexicon::{Lexicon, lexicon};
use super::{Kind, Redaction};

/// How the letters of a text are written: where everything is large, or nothing is, a capital tells nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// As sentences are written.
    Sentence,
    /// Nearly every word with a capital, as in a headline or all in capitals.
    Shouted,
}

/// Whether a word belongs to medicine or to a map larger than what has to go, although it may be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It may be a name.
    No,
    /// It stays unless it is introduced as a name: "Jordan", "Bell" of "Bell's palsy".
    Usually,
    /// It is part of a phrase that is none: "St John's wort".
    Always,
}

/// How far behind an eponym the word may stand that makes it one: "Charcot-Marie-Tooth disease".
const EPONYM_REACH: usize = 8;

/// Tokens and what was claimed of them.
pub(super) struct Page {
    pub(super) tokens: Vec<Token>,
    claims: Vec<Option<Kind>>,
    pub(super) case: Vec<Case>,
    kept: Vec<Kept>,
    pub(super) lexicon: &'static Lexicon,
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let tokens = tokens(text);
        let claims = vec![None; tokens.len()];
        let lexicon = lexicon();
        let case = cases(&tokens, lexicon);
        let kept = kept(&tokens, lexicon);
        Self { tokens, claims, case, kept, lexicon }
    }

    /// Whether a word stays.
    pub(super) fn kept(&self, at: usize) -> Kept {
        self.kept.get(at).copied().unwrap_or(Kept::No)
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The text of a token; empty outside the page.
    pub(super) fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    pub(super) fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    /// The token `back` places before `at`.
    pub(super) fn before(&self, at: usize, back: usize) -> Option<&Token> {
        at.checked_sub(back).and_then(|at| self.tokens.get(at))
    }

    /// Whether the token at `at` reads `text`.
    pub(super) fn is(&self, text: &str, at: usize) -> bool {
        self.text(at) == text
    }

    pub(super) fn gap(&self, at: usize) -> Gap {
        self.tokens.get(at).map_or(Gap::Line, |token| token.gap)
    }

    pub(super) fn is_mark(&self, at: usize, mark: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.mark() == Some(mark))
    }

    pub(super) fn is_free(&self, at: usize) -> bool {
        self.claims.get(at).is_some_and(Option::is_none)
    }

    pub(super) fn claimed(&self, at: usize) -> Option<Kind> {
        self.claims.get(at).copied().flatten()
    }

    /// Claims what nobody claimed yet of `range`.
    pub(super) fn claim(&mut self, range: Range<usize>, kind: Kind) {
        let end = range.end.min(self.claims.len());
        for claim in &mut self.claims[range.start.min(end)..end] {
            claim.get_or_insert(kind);
        }
    }

    /// Whether `word` is in a list of signs.
    pub(super) fn is_sign(&self, head: &str, at: usize) -> bool {
        self.lexicon.is_sign(head, self.text(at))
    }

    /// Where the tokens glued to `at` end.
    pub(super) fn chunk_end(&self, at: usize) -> usize {
        let mut end = at + 1;
        while end < self.len() && self.gap(end) == Gap::None {
            end += 1;
        }
        end
    }

    /// Letters and digits of a range, glued.
    pub(super) fn joined(&self, range: Range<usize>) -> String {
        self.tokens[range].iter().filter(|token| token.mark().is_none()).map(|token| token.text.as_str()).collect()
    }

    /// Whether a sentence, a line or a quotation begins at `at`: a capital tells nothing there.
    pub(super) fn begins_sentence(&self, at: usize) -> bool {
        if at == 0 || self.gap(at) == Gap::Line {
            return true;
        }
        let Some(before) = self.before(at, 1).and_then(Token::mark) else { return false };
        match before {
            '.' => {
                // "Dr. Smith" and "J. Smith" go on; "hepatitis C. The" does not.
                let short = self.before(at, 2).is_some_and(|word| {
                    let initial = word.text.len() == 1 && word.is_capital() && self.begins_name(at - 2);
                    initial || self.lexicon.is_sign("abbreviation", &word.text)
                });
                self.gap(at) != Gap::None && !short
            }
            '-' | '\'' => self.gap(at - 1) != Gap::None || at == 1,
            ',' | '/' | '&' | '@' | '+' | '%' => false,
            _ => true,
        }
    }

    /// Whether a single capital may be an initial: it begins a line, or stands behind another capital.
    fn begins_name(&self, at: usize) -> bool {
        self.gap(at) == Gap::Line
            || self.before(at, 1).is_none_or(|before| {
                before.is_capital() || before.mark() == Some('.') || self.lexicon.is_sign("title", &before.text)
            })
    }

    /// What has to go, in order.
    pub(super) fn spans(&self) -> Vec<Redaction> {
        let mut spans: Vec<Redaction> = Vec::new();
        let mut last = None;
        for (token, claim) in self.tokens.iter().zip(&self.claims) {
            match (spans.last_mut(), claim) {
                (Some(span), Some(kind)) if last == Some(*kind) => span.bytes.end = token.bytes.end,
                (_, Some(kind)) => spans.push(Redaction { bytes: token.bytes.clone(), kind: *kind }),
                (_, None) => {}
            }
            last = *claim;
        }
        spans
    }
}

/// The case of the line that each token stands in.
fn cases(tokens: &[Token], lexicon: &Lexicon) -> Vec<Case> {
    let mut cases = vec![Case::Sentence; tokens.len()];
    let mut start = 0;
    while start < tokens.len() {
        let mut end = start + 1;
        while end < tokens.len() && tokens[end].gap != Gap::Line {
            end += 1;
        }
        let words = || tokens[start..end].iter().filter(|token| token.is_word() && token.text.len() > 1);
        let capital = words().filter(|token| token.is_capital()).count();
        // Words that nobody is called, so that a line of names does not pass for a headline.
        let plain = words().filter(|token| token.is_capital() && lexicon.is_known(token.stem())).count();
        let count = words().count();
        if count >= 4 && capital * 10 >= count * 6 && plain * 2 > capital && plain >= 3 {
            cases[start..end].fill(Case::Shouted);
        }
        start = end;
    }
    cases
}

/// Which words stay, for each token.
fn kept(tokens: &[Token], lexicon: &Lexicon) -> Vec<Kept> {
    let mut kept = vec![Kept::No; tokens.len()];
    for (at, token) in tokens.iter().enumerate() {
        if !token.is_word() {
            continue;
        }
        let next = |more: usize| tokens.get(at + 1 + more).map(|token| token.text.as_str());
        if let Some(more) = lexicon.stays_with(&token.text, next) {
            kept[at..=at + more].fill(Kept::Always);
        }
        let stem = token.stem();
        let usually = lexicon.stays(stem) || is_eponym(token, lexicon) && is_medical(tokens, at, lexicon);
        if usually && kept[at] == Kept::No {
            kept[at] = Kept::Usually;
        }
    }
    kept
}

/// Whether a word may name a disease: it is known to, or it is no given name and has a capital.
fn is_eponym(token: &Token, lexicon: &Lexicon) -> bool {
    let stem = token.stem();
    lexicon.is_eponym(stem) || token.is_capital() && !lexicon.is_given(stem) && !lexicon.is_known(stem)
}

/// Whether a word such as "disease" makes a name before it a word of medicine.
fn is_medical(tokens: &[Token], at: usize, lexicon: &Lexicon) -> bool {
    for token in tokens.iter().skip(at + 1).take(EPONYM_REACH) {
        let stem = token.stem();
        let listed = lexicon.is_eponym(tokens[at].stem());
        if token.is_word() && lexicon.is_sign(if listed { "condition" } else { "syndrome" }, stem) {
            return true;
        }
        let joins = token.mark().is_some_and(|mark| "-'–/&".contains(mark))
            || matches!(
                stem,
                "and" | "s" | "type" | "like" | "associated" | "related" | "non" | "positive" | "negative"
            )
            || is_eponym(token, lexicon)
            || lexicon.is_clinical(stem) && token.gap != Gap::Line;
        if !joins {
            return false;
        }
    }
    false
}
