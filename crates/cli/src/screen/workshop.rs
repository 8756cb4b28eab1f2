//! What an index of this machine needs besides its folder: models, corpora, what was measured, what was not answered.

use clinqa_qa::{Delivered, GenerationId, Models, Search};
use clinqa_safety::Rules;
use clinqa_schema::{Gaps, Measured, Observer};
use clinqa_tui::{Refusal, Workshop};

use crate::commands::{delivered, make_anew};
use crate::query_log::{self, Folder};
use crate::settings::Settings;
use crate::{models, scores};

/// What the settings name.
pub(crate) struct Shop {
    settings: Settings,
}

impl Shop {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Workshop for Shop {
    fn models(&self) -> Result<Models, Refusal> {
        Ok(models::open(&self.settings, Search::Fused, Rules::embedded()?)?)
    }

    fn makes_missing_index(&self) -> bool {
        !self.settings.index_named
    }

    fn rebuild(&self, observer: &mut dyn Observer) -> Result<String, Refusal> {
        Ok(make_anew(&self.settings, observer)?)
    }

    fn corpora(&self) -> Result<Vec<Delivered>, Refusal> {
        Ok(delivered(&self.settings)?)
    }

    fn scores(&self, id: &GenerationId) -> Option<Measured> {
        scores::of(&self.settings.index, id)
    }

    fn gaps(&self) -> Result<Option<Gaps>, Refusal> {
        let Some(path) = &self.settings.serve.query_log else { return Ok(None) };
        let told = |error| format!("cannot read the query log: {error}");
        Ok(Some(query_log::gaps(&Folder::at(path)).map_err(told)?))
    }
}
