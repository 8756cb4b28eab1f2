//! Is what was sent a question with its circumstances?

use clinqa_qa::{Ask, Explain, Region, RegionError, Search};
use clinqa_schema::{Filters, Question, Turn};

use crate::app::App;
use crate::body::{REGION, TOP_K};
use crate::error::ApiError;

/// Passages for further reading, unless asked otherwise.
const READING: usize = 3;

/// Most passages that one request gets.
pub(crate) const MOST: usize = 100;

/// What is asked, as a client sent it.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) question: String,
    pub(crate) history: Vec<Turn>,
    pub(crate) filters: Filters,
    pub(crate) top_k: Option<usize>,
    pub(crate) region: Option<String>,
    pub(crate) explain: bool,
}

impl Asked {
    /// Checks what was sent; where no region is named, the server's own counts.
    pub(crate) fn check(self, app: &App) -> Result<Ask, ApiError> {
        let region = match &self.region {
            Some(code) => region(code)?,
            None => app.config.region,
        };
        Ok(Ask {
            question: Question::new(&self.question)?,
            history: self.history,
            filters: self.filters,
            region,
            top_k: at_most(self.top_k.unwrap_or(READING))?,
            search: Search::Fused,
            explain: if self.explain { Explain::Yes } else { Explain::No },
        })
    }
}

/// A country without a number that we know is no mistake: its notices speak of "your local emergency number".
fn region(code: &str) -> Result<Option<Region>, ApiError> {
    match code.parse() {
        Ok(region) => Ok(Some(region)),
        Err(RegionError::Unknown { .. }) => Ok(None),
        Err(RegionError::Form { .. }) => Err(ApiError::Field { param: Some("region".to_owned()), wanted: REGION }),
    }
}

/// `top_k`, if one may ask for so many.
pub(crate) fn at_most(top_k: usize) -> Result<usize, ApiError> {
    let too_many = || ApiError::Field { param: Some("top_k".to_owned()), wanted: TOP_K };
    (top_k <= MOST).then_some(top_k).ok_or_else(too_many)
}
