//! Which documents a question may be answered from.

use serde::{Deserialize, Serialize};

use crate::{Date, Metadata};

/// Conditions on a document's metadata; a condition left out lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Filters {
    /// The kind must be this one.
    pub kind: Option<String>,
    /// The publisher must be this one.
    pub publisher: Option<String>,
    /// The specialty must be this one.
    pub specialty: Option<String>,
    /// The audience must be this one; documents that name none pass.
    pub audience: Option<String>,
    /// The language must be this one; documents that name none pass.
    pub language: Option<String>,
    /// The grade, in the source's own words, must be this one.
    pub grade: Option<String>,
    /// It must hold here (an ISO 3166-1 code); documents that name no place pass.
    pub jurisdiction: Option<String>,
    /// Published on or after this date; undated documents do not pass.
    pub since: Option<Date>,
    /// Published on or before this date; undated documents do not pass.
    pub until: Option<Date>,
}

impl Filters {
    /// Whether every document passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a document with this metadata passes. Words are compared without regard to case.
    pub fn admits(&self, metadata: &Metadata) -> bool {
        let equal = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        let equal_or_unsaid =
            |wanted: &Option<String>, found: &Option<String>| found.as_ref().is_none_or(|found| equal(wanted, found));
        equal(&self.kind, &metadata.kind)
            && equal(&self.publisher, &metadata.publisher)
            && equal(&self.specialty, metadata.specialty.as_deref().unwrap_or_default())
            && equal_or_unsaid(&self.audience, &metadata.audience)
            && equal_or_unsaid(&self.language, &metadata.language)
            && equal(&self.grade, metadata.grade.as_deref().unwrap_or_default())
            && equal_or_unsaid(&self.jurisdiction, &metadata.jurisdiction)
            && self.dated(metadata.published.as_ref())
    }

    fn dated(&self, published: Option<&Date>) -> bool {
        let since = self.since.as_ref().is_none_or(|since| published.is_some_and(|date| date.is_since(since)));
        let until = self.until.as_ref().is_none_or(|until| published.is_some_and(|date| date.is_until(until)));
        since && until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_lets_pass_what_it_names_and_nothing_else() {
        let guideline = Metadata {
            kind: "guideline".into(),
            publisher: "X".into(),
            published: Date::new("2023-06-01").ok(),
            ..Metadata::default()
        };
        let check = |filters: Filters, passes: bool| assert_eq!(filters.admits(&guideline), passes, "{filters:?}");
        check(Filters::default(), true);
        check(Filters { kind: Some("Guideline".into()), ..Filters::default() }, true);
        check(Filters { kind: Some("leaflet".into()), ..Filters::default() }, false);
        check(Filters { specialty: Some("cardiology".into()), ..Filters::default() }, false);
        check(Filters { audience: Some("clinician".into()), ..Filters::default() }, true);
        check(Filters { grade: Some("strong".into()), ..Filters::default() }, false);
        check(Filters { jurisdiction: Some("GB".into()), ..Filters::default() }, true);
        check(Filters { since: Date::new("2023").ok(), ..Filters::default() }, true);
        check(Filters { until: Date::new("2022").ok(), ..Filters::default() }, false);
        let undated = Metadata::default();
        assert!(!Filters { since: Date::new("2023").ok(), ..Filters::default() }.admits(&undated));
    }
}
