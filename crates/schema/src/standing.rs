//! Does a document still stand: was it corrected, doubted, superseded, withdrawn?

use serde::{Deserialize, Serialize};

use crate::Date;

/// What became of a document after it was published, and who says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Standing {
    /// What became of it.
    pub state: StandingState,
    /// The document or notice that says so, as its source cites it: an id, a DOI, a line of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The day of that notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
}

/// What became of a document, the gravest last; of two statements about one document the graver holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum StandingState {
    /// Nothing: it stands as published.
    #[default]
    Current,
    /// A correction was published; the document must be read with it.
    Corrected,
    /// Its publisher expressed concern and has not decided yet.
    Concern,
    /// A newer version has taken its place.
    Superseded,
    /// It was withdrawn and must not be relied on.
    Retracted,
}

impl Standing {
    /// Whether the document stands as published.
    pub fn is_current(&self) -> bool {
        self.state == StandingState::Current
    }

    /// Whether nothing may be answered from the document.
    pub fn is_withdrawn(&self) -> bool {
        self.state == StandingState::Retracted
    }

    /// The mark that every mention of the document carries, with the notice and its day; `None` while it stands.
    pub fn mark(&self) -> Option<String> {
        let state = self.state.mark()?;
        let since = self.since.as_ref().map(Date::as_str);
        let told: Vec<&str> = self.notice.as_deref().into_iter().chain(since).collect();
        Some(if told.is_empty() { state.to_owned() } else { format!("{state} ({})", told.join(", ")) })
    }
}

impl StandingState {
    /// Every state, the gravest last.
    pub const ALL: [Self; 5] = [Self::Current, Self::Corrected, Self::Concern, Self::Superseded, Self::Retracted];

    /// What a reader sees of it, on every page, screen, line and export: plain words, in letters that are seen without
    /// any colour. `None` while the document stands.
    pub fn mark(self) -> Option<&'static str> {
        match self {
            Self::Current => None,
            Self::Corrected => Some("CORRECTED"),
            Self::Concern => Some("IN DOUBT"),
            Self::Superseded => Some("REPLACED"),
            Self::Retracted => Some("WITHDRAWN"),
        }
    }

    /// The word that replies and files have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Corrected => "corrected",
            Self::Concern => "concern",
            Self::Superseded => "superseded",
            Self::Retracted => "retracted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retraction_is_graver_than_all_else() {
        let grave =
            [StandingState::Current, StandingState::Corrected, StandingState::Concern, StandingState::Superseded];
        assert!(grave.iter().all(|state| *state < StandingState::Retracted));
        assert_eq!(serde_json::to_string(&StandingState::Retracted).expect("a word"), "\"retracted\"");
    }

    #[test]
    fn every_state_stands_in_the_list_once_and_each_but_the_first_has_its_own_mark() {
        assert!(StandingState::ALL.is_sorted_by(|one, next| one < next));
        let marks: std::collections::BTreeSet<_> = StandingState::ALL.into_iter().map(StandingState::mark).collect();
        assert_eq!((marks.len(), StandingState::Current.mark()), (StandingState::ALL.len(), None));
    }

    #[test]
    fn a_mark_names_the_notice_and_its_day() {
        let standing = |state, notice: Option<&str>, since: Option<&str>| Standing {
            state,
            notice: notice.map(str::to_owned),
            since: since.and_then(|day| Date::new(day).ok()),
        };
        let check = |standing: Standing, expected: Option<&str>| assert_eq!(standing.mark().as_deref(), expected);
        check(Standing::default(), None);
        check(standing(StandingState::Retracted, None, None), Some("WITHDRAWN"));
        let both = standing(StandingState::Corrected, Some("PMID 12"), Some("2025-03"));
        check(both, Some("CORRECTED (PMID 12, 2025-03)"));
        check(standing(StandingState::Superseded, Some("asthma-2026"), None), Some("REPLACED (asthma-2026)"));
    }

    #[test]
    fn what_stands_as_published_says_so_and_no_more() {
        assert!(Standing::default().is_current());
        assert_eq!(serde_json::to_string(&Standing::default()).expect("an object"), "{\"state\":\"current\"}");
    }
}
