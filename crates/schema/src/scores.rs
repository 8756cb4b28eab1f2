//! How good was a generation when it was made?

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was measured when a generation was made, and what the corpora demanded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scores {
    /// Judged questions that were asked.
    pub questions: u32,
    /// The share of them whose document stood among the first three, 0 to 1.
    pub document_at_3: f64,
    /// The share that was demanded.
    pub demanded: f64,
}

/// Scores, or why there are none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum Measured {
    /// They were measured.
    Scores(Scores),
    /// They were not.
    Not {
        /// Why.
        not_measured: Unmeasured,
    },
}

/// Why a generation was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unmeasured {
    /// No corpus names questions to measure by.
    NoQuestions,
    /// A corpus names some, and they cannot be read; it was published by force.
    Unreadable,
}

impl Scores {
    /// Whether they are what was demanded.
    pub fn suffice(&self) -> bool {
        self.document_at_3 >= self.demanded
    }
}

impl Measured {
    /// The scores, if there are some.
    pub fn scores(&self) -> Option<Scores> {
        match self {
            Self::Scores(scores) => Some(*scores),
            Self::Not { .. } => None,
        }
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (share, demanded) = (self.document_at_3 * 100.0, self.demanded * 100.0);
        write!(f, "right document among the first three for {share:.1}% of {} questions, ", self.questions)?;
        if self.suffice() {
            write!(f, "{demanded:.1}% demanded")
        } else {
            write!(f, "BELOW the {demanded:.1}% demanded")
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scores(scores) => scores.fmt(f),
            Self::Not { not_measured: Unmeasured::NoQuestions } => {
                f.write_str("not measured: no corpus names questions in an expected.toml")
            }
            Self::Not { not_measured: Unmeasured::Unreadable } => {
                f.write_str("not measured: the questions of expected.toml could not be read")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_and_their_lack_are_read_as_they_were_written_and_said_in_words() {
        let check = |measured: Measured, json: &str, words: &str| {
            assert_eq!(serde_json::to_string(&measured).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Measured>(json).expect("measured"), measured);
            assert_eq!(measured.to_string(), words);
        };
        let scores = |document_at_3| Measured::Scores(Scores { questions: 8, document_at_3, demanded: 0.75 });
        check(
            scores(0.875),
            r#"{"questions":8,"document_at_3":0.875,"demanded":0.75}"#,
            "right document among the first three for 87.5% of 8 questions, 75.0% demanded",
        );
        check(
            scores(0.5),
            r#"{"questions":8,"document_at_3":0.5,"demanded":0.75}"#,
            "right document among the first three for 50.0% of 8 questions, BELOW the 75.0% demanded",
        );
        check(
            Measured::Not { not_measured: Unmeasured::NoQuestions },
            r#"{"not_measured":"no_questions"}"#,
            "not measured: no corpus names questions in an expected.toml",
        );
    }
}
