//! A question that is fit to be asked.

use unicode_normalization::UnicodeNormalization;

/// Longest question in characters (Unicode scalar values); promise S3.
pub const MAX_QUESTION_CHARS: usize = 2_000;

/// A question: NFC, no control characters, single spaces, 1 to 2,000 characters, at least one letter or digit.
///
/// It is health data. It has no `Display` and its `Debug` hides the text, so that it cannot slip into a log line.
#[derive(Clone, PartialEq, Eq)]
pub struct Question(String);

/// One turn of a conversation: what was asked and what was answered. Health data, as a question is: no `Display`, and its
/// `Debug` hides both.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Turn {
    /// What was asked.
    pub question: String,
    /// What was answered; empty if nothing was.
    #[serde(default)]
    pub answer: String,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Turn({} characters)", self.question.chars().count() + self.answer.chars().count())
    }
}

/// Why a text is not a question. None of these repeats the text.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum QuestionError {
    /// Nothing was asked.
    #[error("the question is empty; type a question, for example \"what is asthma?\"")]
    Empty,
    /// Too much was asked at once.
    #[error("the question has {found} characters; shorten it to {limit}")]
    TooLong {
        /// Characters found.
        found: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// There is nothing but punctuation or symbols.
    #[error("the question holds no words; type it in letters")]
    NoWords,
    /// There are bytes that no keyboard types.
    #[error("the question holds control characters; send it as plain text (UTF-8)")]
    Binary,
}

impl Question {
    /// Normalises and checks `text`; the only way to make a question.
    pub fn new(text: &str) -> Result<Self, QuestionError> {
        let found = text.chars().count();
        if found > MAX_QUESTION_CHARS {
            return Err(QuestionError::TooLong { found, limit: MAX_QUESTION_CHARS });
        }
        if text.chars().any(|c| c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace())) {
            return Err(QuestionError::Binary);
        }
        let visible: String = text.nfc().filter(|c| !is_invisible(*c)).collect();
        let normalised = visible.split_whitespace().collect::<Vec<_>>().join(" ");
        if normalised.is_empty() {
            return Err(QuestionError::Empty);
        }
        if !normalised.chars().any(char::is_alphanumeric) {
            return Err(QuestionError::NoWords);
        }
        Ok(Self(normalised))
    }

    /// The normalised text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Question({} characters)", self.0.chars().count())
    }
}

/// Zero-width and direction marks: they hide words from rules and turn text around on a screen.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_tidied_or_refused_with_a_reason() {
        let check = |text: &str, expected: Result<&str, QuestionError>| {
            assert_eq!(Question::new(text).as_ref().map(Question::text), expected.as_ref().copied());
        };
        check("  What is\n asthma? ", Ok("What is asthma?"));
        check("as\u{200b}th\u{202e}ma", Ok("asthma"));
        check("cafe\u{301}", Ok("café"));
        check("", Err(QuestionError::Empty));
        check(" \t\n\u{200b}", Err(QuestionError::Empty));
        check("?!… —", Err(QuestionError::NoWords));
        check("a\0b", Err(QuestionError::Binary));
        check("\u{1b}[31mred", Err(QuestionError::Binary));
        check("\u{fffd}PNG", Err(QuestionError::Binary));
        check(&"é".repeat(2_000), Ok(&"é".repeat(2_000)));
        check(&"x".repeat(5_000), Err(QuestionError::TooLong { found: 5_000, limit: 2_000 }));
    }

    #[test]
    fn the_text_of_a_question_is_not_in_its_debug_form() {
        let question = Question::new("my name is Ada").expect("a question");
        assert!(!format!("{question:?}").contains("Ada"));
    }

    proptest::proptest! {
        #[test]
        fn what_was_normalised_stays_as_it_is(text in "\\PC{0,60}") {
            if let Ok(question) = Question::new(&text) {
                proptest::prop_assert_eq!(&Question::new(question.text()), &Ok(question.clone()));
            }
        }
    }
}
