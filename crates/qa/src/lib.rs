//! The two verbs: answer, rebuild.
//!
//! [`answer`] takes a question through the house and comes back with a reply; [`rebuild`] takes corpora through it and
//! comes back with a generation. Each is one file that reads from top to bottom; what decides is pure.

mod agreement;
mod answer;
mod browse;
mod compose;
mod concepts;
mod engine;
mod error;
mod evidence;
mod faq;
mod faq_places;
mod firewall;
mod forecast;
mod gate;
mod intake;
mod library;
mod opinion;
mod opposed;
mod quote;
mod rebuild;
mod search;
mod triage;
mod trust;

pub use answer::{AnswerConfig, Ask, Explain, Search, Weights, answer, answer_screened};
pub use browse::{Facet, FacetCounts, facets, matching, names, search_words, similar};
pub use compose::cite;
pub use engine::{Engine, Models, identity};
pub use error::{Error, Fault};
pub use evidence::{EvidenceWeights, Feature, Measured};
pub use faq_places::FaqAccount;
pub use gate::{Allowed, Gate, GateError, Limits, MOST_LOST, Shortfall};
pub use library::{Library, activate};
pub use opinion::SecondOpinion;
pub use quote::{Place, quote_around};
// What a room at the edge needs to say and to hold, since it knows no room between.
pub use clinqa_index::{
    Changes, CorpusAccount, CorpusEntry, Damage, FileCheck, FileEntry, Generation, GenerationId, IndexError,
    Inspection, Listed, Manifest, PassageIndex, Patience, Store, Withdrawn, WithdrawnStamp,
};
pub use clinqa_retrieval::glossary;
pub use clinqa_safety::{Redacted, Redaction, Region, RegionError, Rules, redact};
pub use forecast::{Forecast, forecast};
pub use rebuild::{Copies, Delivered, RebuildConfig, RebuildReport, Reuse, entry, rebuild};
pub use search::{Found, Lookup, listed, search};
pub use triage::{Screened, Triage, triage, with_reading};
pub use trust::{Ground, TrustWeights, Worth};
