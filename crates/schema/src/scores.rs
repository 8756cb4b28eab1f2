//! How good was a generation when it was made?

use serde::{Deserialize, Serialize};

/// What the gate of a rebuild measured, and what the corpora demanded.
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
