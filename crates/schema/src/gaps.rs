//! What was asked and not answered, in numbers: no word of a question is in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts over what a query log holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Gaps {
    /// The first day of which something is kept, as `2026-11-29`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Questions that were asked.
    pub asked: u64,
    /// Those that were answered.
    pub answered: u64,
    /// Those that were not, by reason.
    pub unanswered: BTreeMap<String, u64>,
    /// Documents that lay nearest to what was not answered, by id.
    pub topics: BTreeMap<String, u64>,
}
