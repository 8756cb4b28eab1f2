//! What can be chosen in front of the screen: conditions on documents, ways to export, reasons, a confirmation (pure)?

use std::collections::{BTreeMap, BTreeSet};

use clinqa_qa::{Facet, GenerationId};
use clinqa_schema::{Date, DocumentId, Filters};

use crate::export::Form;
use crate::state::{Scroll, State};

/// The list of conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FilterList {
    pub(crate) list: Scroll,
    /// What is typed for a date that is not set yet.
    pub(crate) typed: String,
}

/// One line of the list of conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Lets everything pass again.
    Clear,
    Since,
    Until,
    /// A value with the number of documents that have it, in the list and in the index.
    Value {
        facet: Facet,
        value: String,
        listed: Option<usize>,
        documents: u64,
        on: On,
    },
}

/// Whether a condition is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Yes,
    No,
}

/// The facets that are filtered by value; years are filtered by dates.
const LISTED: [Facet; 6] =
    [Facet::Kind, Facet::Grade, Facet::Audience, Facet::Specialty, Facet::Jurisdiction, Facet::Publisher];

/// The value of `facet` that `filters` demand.
fn demanded(facet: Facet, filters: &mut Filters) -> Option<&mut Option<String>> {
    match facet {
        Facet::Kind => Some(&mut filters.kind),
        Facet::Audience => Some(&mut filters.audience),
        Facet::Specialty => Some(&mut filters.specialty),
        Facet::Grade => Some(&mut filters.grade),
        Facet::Jurisdiction => Some(&mut filters.jurisdiction),
        Facet::Publisher => Some(&mut filters.publisher),
        Facet::Year => None,
    }
}

/// The lines of the list of conditions: dates first, then the values of each facet, the most frequent in the list first.
pub(crate) fn conditions(state: &State) -> Vec<Condition> {
    let mut lines = vec![Condition::Since, Condition::Until];
    if !state.filters.is_empty() {
        lines.insert(0, Condition::Clear);
    }
    let rows = state.found.as_ref().map(|found| found.rows.as_slice()).unwrap_or_default();
    for facet in LISTED {
        let mut filters = state.filters.clone();
        let demand = demanded(facet, &mut filters).and_then(|slot| slot.clone());
        let mut listed: BTreeMap<String, BTreeSet<&DocumentId>> = BTreeMap::new();
        for row in rows {
            listed.entry(facet.of(&row.metadata)).or_default().insert(&row.reading.citation.document_id);
        }
        let counts = state.counts.get(&facet).into_iter().flatten().filter(|(value, _)| !value.is_empty());
        let mut values: Vec<Condition> = counts
            .map(|(value, documents)| {
                let on = demand.as_ref().is_some_and(|wanted| wanted.eq_ignore_ascii_case(value));
                let known = demand.is_none() || on;
                Condition::Value {
                    facet,
                    value: value.clone(),
                    listed: known.then(|| listed.get(value).map_or(0, BTreeSet::len)),
                    documents: *documents,
                    on: if on { On::Yes } else { On::No },
                }
            })
            .collect();
        values.sort_by_key(|line| match line {
            Condition::Value { listed, documents, .. } => {
                (std::cmp::Reverse(listed.unwrap_or(0)), std::cmp::Reverse(*documents))
            }
            _ => (std::cmp::Reverse(usize::MAX), std::cmp::Reverse(0)),
        });
        lines.extend(values);
    }
    lines
}

/// `filters` with the condition put in force, or lifted if it was; dates are read from `typed`.
pub(crate) fn toggled(filters: &Filters, condition: &Condition, typed: &str) -> Result<Filters, String> {
    let mut filters = filters.clone();
    let date =
        || if typed.is_empty() { Ok(None) } else { Date::new(typed).map(Some).map_err(|error| error.to_string()) };
    match condition {
        Condition::Clear => filters = Filters::default(),
        Condition::Since => filters.since = date()?,
        Condition::Until => filters.until = date()?,
        Condition::Value { facet, value, on, .. } => {
            if let Some(slot) = demanded(*facet, &mut filters) {
                *slot = if *on == On::Yes { None } else { Some(value.clone()) };
            }
        }
    }
    Ok(filters)
}

/// What `filters` say, in words; empty if nothing.
pub(crate) fn in_words(filters: &Filters) -> Vec<String> {
    let date = |name: &str, date: &Option<Date>| date.as_ref().map(|date| format!("{name} {date}"));
    let value = |value: &Option<String>| value.clone();
    [
        value(&filters.kind),
        filters.grade.as_ref().map(|grade| format!("grade {grade}")),
        filters.jurisdiction.as_ref().map(|place| format!("in {place}")),
        value(&filters.audience),
        value(&filters.specialty),
        value(&filters.publisher),
        value(&filters.language),
        date("since", &filters.since),
        date("until", &filters.until),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Something to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Menu {
    pub(crate) kind: MenuKind,
    pub(crate) chosen: usize,
}

/// What is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MenuKind {
    /// In which form pins are written.
    Export,
    /// What is wrong with an answer.
    Report,
    /// Whether the index is rebuilt.
    Rebuild,
    /// Whether an older generation becomes the current one.
    Activate(GenerationId),
}

/// What may be wrong with an answer.
pub(crate) const FAULTS: [&str; 4] = ["wrong", "dangerous", "out of date", "incomplete"];

impl Menu {
    pub(crate) fn new(kind: MenuKind) -> Self {
        Self { kind, chosen: 0 }
    }

    /// The line above the items.
    pub(crate) fn title(&self) -> String {
        match &self.kind {
            MenuKind::Export => "Write pinned passages as".to_owned(),
            MenuKind::Report => "This answer is".to_owned(),
            MenuKind::Rebuild => "Rebuild the index from its corpora?".to_owned(),
            MenuKind::Activate(id) => format!("Make {id} the current generation?"),
        }
    }

    /// The items.
    pub(crate) fn items(&self) -> Vec<&'static str> {
        match &self.kind {
            MenuKind::Export => Form::ALL.map(Form::name).to_vec(),
            MenuKind::Report => FAULTS.to_vec(),
            MenuKind::Rebuild | MenuKind::Activate(_) => vec!["No", "Yes"],
        }
    }
}
