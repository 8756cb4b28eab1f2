//! Must somebody be called before anything is looked up? No emergency waits for an index or a model.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use clinqa_index::PassageIndex;
use clinqa_retrieval::Retriever;
use clinqa_safety::{Rules, Screening, Verdict, screen};
use clinqa_schema::{Abstention, Outcome, Reading, Reply};

use crate::answer::{AnswerConfig, Ask, elapsed_ms, ranked, sources};
use crate::{Error, compose, firewall};

/// What the rules said of a question, and how long that took.
#[derive(Debug)]
pub struct Screened {
    pub(crate) screening: Screening,
    pub(crate) ms: f64,
}

impl Screened {
    /// Asks the rules alone, and no index: it takes as long as the question and its history are.
    pub(crate) fn of(rules: &Rules, ask: &Ask) -> Self {
        let start = Instant::now();
        let screening = screen(rules, &ask.question, &ask.history, ask.region.as_ref());
        Self { screening, ms: elapsed_ms(start) }
    }
}

/// What is known of a question before any model is asked.
#[derive(Debug)]
pub enum Triage {
    /// It, or a turn before it, tells of an emergency: the reply with its notices, without further reading.
    Emergency(Box<Reply>),
    /// It may be answered, from what the rules said on.
    Other(Screened),
}

/// Tells an emergency from anything else by the rules alone.
pub fn triage(rules: &Rules, ask: &Ask) -> Triage {
    let screened = Screened::of(rules, ask);
    if screened.screening.verdict != Verdict::Redirect {
        return Triage::Other(screened);
    }
    Triage::Emergency(Box::new(Reply {
        outcome: Outcome::Redirected,
        reason: Some(Abstention::Emergency),
        notices: screened.screening.notices,
        answer: None,
        reading: Vec::new(),
        generation: String::new(),
        encoder: String::new(),
        reader: String::new(),
        took_ms: screened.ms,
        trace: None,
    }))
}

/// The reply to an emergency with reading by words alone; whatever the index does, the notices stay.
pub fn with_reading(mut reply: Reply, index: &dyn PassageIndex, ask: &Ask, config: &AnswerConfig) -> Reply {
    let start = Instant::now();
    reply.reading = found(|| lexical_reading(index, ask, config));
    reply.notices.extend(firewall::notices(None, &reply.reading));
    reply.generation = index.manifest().id.to_string();
    reply.took_ms += elapsed_ms(start);
    reply
}

/// What was found, unless looking for it fails or panics: then nothing.
fn found(look: impl FnOnce() -> Result<Vec<Reading>, Error>) -> Vec<Reading> {
    // An index is never written to, so that a panic leaves it as it was.
    catch_unwind(AssertUnwindSafe(look)).ok().and_then(Result::ok).unwrap_or_default()
}

/// What the question finds after the last few turns: of a long history no more is read.
fn lexical_reading(index: &dyn PassageIndex, ask: &Ask, config: &AnswerConfig) -> Result<Vec<Reading>, Error> {
    let retriever = Retriever { index, encoder: None, config: config.retrieval };
    let found = retriever.retrieve(&ask.question, &ask.history, &ask.filters, ask.top_k)?;
    let sources = sources(index, &found.passages)?;
    let ranked = ranked(&found.ranking);
    Ok(compose::reading(&ranked, &BTreeMap::new(), None, &sources, ask.top_k))
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Filters, Question};

    use super::*;
    use crate::{Explain, Search};

    fn ask(question: &str) -> Ask {
        Ask {
            question: Question::new(question).expect("a question"),
            history: Vec::new(),
            filters: Filters::default(),
            region: None,
            top_k: 3,
            search: Search::Fused,
            explain: Explain::No,
        }
    }

    #[test]
    fn an_emergency_is_told_without_an_index_and_anything_else_goes_on() {
        let rules = Rules::embedded().expect("rules");
        let Triage::Emergency(reply) = triage(&rules, &ask("I have crushing chest pain and my left arm is numb"))
        else {
            panic!("an emergency");
        };
        assert_eq!((reply.outcome, reply.reason), (Outcome::Redirected, Some(Abstention::Emergency)));
        assert!(!reply.notices.is_empty() && reply.reading.is_empty());
        let Triage::Other(screened) = triage(&rules, &ask("What is asthma?")) else { panic!("no emergency") };
        assert_eq!(screened.screening.verdict, Verdict::Proceed);
    }

    #[test]
    fn reading_that_cannot_be_had_is_none() {
        assert!(found(|| Err(Error::Lost { document: "asthma".to_owned() })).is_empty());
        assert!(found(|| panic!("planted")).is_empty());
    }
}
