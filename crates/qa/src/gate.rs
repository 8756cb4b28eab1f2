//! Is a new generation fit to take the old one's place (pure but for the questions it asks)?

use std::collections::BTreeMap;

use clinqa_corpus::{Allowance, Report};
use clinqa_eval::JudgedQuestion;
use clinqa_index::{CorpusAccount, Manifest};
use clinqa_retrieval::Retriever;
use clinqa_schema::{Filters, Observer, Progress, Question, Scores, Stage};
use serde::Serialize;

use crate::Error;

/// What must be true of a new generation before it is published. An empty gate lets everything pass.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// Questions whose document is known.
    pub questions: Vec<JudgedQuestion>,
    /// The share of them whose document must stand among the first three, 0 to 1.
    pub document_at_3: f64,
    /// What becomes of a generation that finds fewer.
    pub shortfall: Shortfall,
    /// The share that the live generation found of the same questions, below which the new one may not fall by more than
    /// [`MOST_LOST`]; `None` where that was not measured.
    pub found_before: Option<f64>,
    /// How far the corpora may have changed since the generation before; `None` for any distance.
    pub limits: Option<Limits>,
}

/// What becomes of a generation that finds too few of the right documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shortfall {
    /// It is refused.
    #[default]
    Refuse,
    /// It is published all the same, and what was found is told.
    Tell,
}

/// How much of the judged questions' share a new generation may lose to the one before: a point.
pub const MOST_LOST: f64 = 0.01;

/// How far corpora may change from one generation to the next before somebody should look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The share of the documents that may be gone. Those that were withdrawn or that their publisher deleted are not
    /// gone: somebody said so.
    pub fewer_documents: f64,
    /// The share of the records read that may be unusable.
    pub skipped: f64,
    /// Up to this many unusable records are let pass whatever their share: a small corpus has a bad file now and then.
    pub skipped_let_pass: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fewer_documents: 0.02, skipped: 0.01, skipped_let_pass: 2 }
    }
}

/// What was read: all of it, and corpus by corpus.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    pub(crate) records: Report,
    pub(crate) corpora: Vec<Source>,
    /// What came of each corpus, as the new generation is to say.
    pub(crate) accounts: BTreeMap<String, CorpusAccount>,
}

/// What one corpus holds.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// Records read.
    pub(crate) read: u64,
    /// Those of them that cannot be used.
    pub(crate) skipped: u64,
    /// How many of those its manifest allows.
    pub(crate) allowance: Option<Allowance>,
}

/// Records that cannot be used and that their corpus's manifest allows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Allowed {
    /// The corpus.
    pub corpus: String,
    /// How many there are.
    pub skipped: u64,
    /// Records read.
    pub read: u64,
    /// How many there may be: records, or a share of those read.
    pub limit: Allowance,
}

impl Sources {
    /// What manifests allow of what cannot be used, where there is any.
    pub(crate) fn allowed(&self) -> Vec<Allowed> {
        let allowed = |source: &Source| {
            let limit = source.allowance.filter(|_| source.skipped > 0)?;
            let Source { name, read, skipped, .. } = source;
            Some(Allowed { corpus: name.clone(), skipped: *skipped, read: *read, limit })
        };
        self.corpora.iter().filter_map(allowed).collect()
    }
}

/// Why a generation was not published.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// It finds too few of the right documents.
    #[error(
        "the new index finds the right document among the first three for {found:.3} of the judged questions, expected.toml demands {expected:.3}; the old index stays; look at what changed in the corpus, or publish anyway with `--force`"
    )]
    DocumentAt3 {
        /// The share found.
        found: f64,
        /// The share demanded.
        expected: f64,
    },
    /// It finds fewer of the right documents than the generation that is live.
    #[error(
        "the new index finds the right document among the first three for {found:.3} of the judged questions, the one that is live found it for {before:.3}, and a fall of {:.3} is allowed; the old index stays; look at what changed in the corpora (`clinqa rebuild --dry-run`) or the models, or publish anyway with `--force`",
        MOST_LOST
    )]
    Fell {
        /// The share found.
        found: f64,
        /// The share that the live generation found.
        before: f64,
    },
    /// More records cannot be used than the manifest of their corpus allows.
    #[error(
        "{skipped} of {read} records of the corpus `{name}` cannot be used, and its corpus.toml allows {limit}; the old index stays; see which and why with `clinqa rebuild --dry-run`, mend them, raise `skipped` under [allow] there if they cannot be mended, or publish anyway with `--force`"
    )]
    NotAllowed {
        /// The corpus.
        name: String,
        /// Records that cannot be used.
        skipped: u64,
        /// Records read.
        read: u64,
        /// How many may be.
        limit: Allowance,
    },
    /// Too many documents are gone.
    #[error(
        "the corpora hold {now} documents where the index was made from {before}, {:.1}% fewer, and {:.1}% are allowed; the old index stays; see what is gone with `clinqa rebuild --dry-run`, put it back, or publish anyway with `--force`", .fewer * 100.0, .limit * 100.0
    )]
    FewerDocuments {
        /// Documents of the generation before.
        before: u64,
        /// Documents that the corpora hold.
        now: u64,
        /// The share that is gone.
        fewer: f64,
        /// The share that may be.
        limit: f64,
    },
    /// Too many records cannot be used.
    #[error(
        "{skipped} of {read} records cannot be used, {:.1}%, and {:.1}% are allowed; the old index stays; see which and why with `clinqa rebuild --dry-run`, mend them, or publish anyway with `--force`", .share * 100.0, .limit * 100.0
    )]
    Skipped {
        /// Records that cannot be used.
        skipped: u64,
        /// Records read.
        read: u64,
        /// Their share.
        share: f64,
        /// The share that may be.
        limit: f64,
    },
    /// A corpus that was there before is not.
    #[error(
        "the corpus `{name}` went into the index and is not there now; the old index stays; put its folder back or name it with `--corpus`, or publish without it with `--force`"
    )]
    CorpusGone {
        /// Its name.
        name: String,
    },
    /// A corpus that was there before holds nothing.
    #[error(
        "the corpus `{name}` went into the index and holds no usable document now; the old index stays; look at its folder, or publish without it with `--force`"
    )]
    CorpusEmpty {
        /// Its name.
        name: String,
    },
}

impl Gate {
    /// Compares what was read with the generation `before`; there is nothing to compare with before the first one.
    pub(crate) fn check_sources(&self, before: Option<&Manifest>, now: &Sources) -> Result<(), GateError> {
        let (Some(limits), Some(before)) = (self.limits, before) else { return Ok(()) };
        for name in before.corpora.iter().map(|corpus| &corpus.name) {
            match now.corpora.iter().find(|source| source.name == *name) {
                None => return Err(GateError::CorpusGone { name: name.clone() }),
                Some(source) if source.read == source.skipped => {
                    return Err(GateError::CorpusEmpty { name: name.clone() });
                }
                Some(_) => {}
            }
        }
        // A corpus whose keeper said how many may be unusable is held to that, and the others to what holds for all.
        let (mut read, mut skipped) = (0, 0);
        for source in &now.corpora {
            match source.allowance {
                Some(limit) if !limit.holds(source.skipped, source.read) => {
                    let Source { name, read, skipped, .. } = source.clone();
                    return Err(GateError::NotAllowed { name, skipped, read, limit });
                }
                Some(_) => {}
                None => (read, skipped) = (read + source.read, skipped + source.skipped),
            }
        }
        let Report { indexed, retracted, .. } = now.records;
        let share = share(skipped, read);
        if share > limits.skipped && skipped > limits.skipped_let_pass {
            return Err(GateError::Skipped { skipped, read, share, limit: limits.skipped });
        }
        let (before, now) = (before.counts.documents, indexed + retracted);
        let fewer = self::share(before.saturating_sub(now), before);
        if fewer > limits.fewer_documents {
            return Err(GateError::FewerDocuments { before, now, fewer, limit: limits.fewer_documents });
        }
        Ok(())
    }

    /// Asks every judged question that names a document; an empty gate lets everything pass. Where nothing is refused, a
    /// question that cannot be asked is passed over.
    pub(crate) fn check(&self, retriever: Retriever<'_>, observer: &mut dyn Observer) -> Result<Option<Scores>, Error> {
        let total = self.questions.len() as u64;
        let (mut right, mut asked) = (0_u32, 0_u32);
        for (done, judged) in (1..).zip(&self.questions) {
            observer.observe(&Progress { stage: Stage::Evaluate, done, total: Some(total) });
            if judged.document.is_none() {
                continue;
            }
            let question = match Question::new(&judged.question) {
                Ok(question) => question,
                Err(_) if self.shortfall == Shortfall::Tell => continue,
                Err(error) => return Err(error.into()),
            };
            let ranking = retriever.retrieve(&question, &judged.turns(), &Filters::default(), 0)?.ranking;
            asked += 1;
            right += u32::from(first_documents(&ranking, 3).iter().any(|found| judged.is_right(found)));
        }
        let found = f64::from(right) / f64::from(asked.max(1));
        if asked == 0 {
            return Ok(None);
        }
        let scores = Scores { questions: asked, document_at_3: found, demanded: self.document_at_3 };
        if self.shortfall == Shortfall::Tell {
            return Ok(Some(scores));
        }
        if found < self.document_at_3 {
            return Err(GateError::DocumentAt3 { found, expected: self.document_at_3 }.into());
        }
        // Shares of one set of questions differ by whole questions; what a float adds is none.
        if let Some(before) = self.found_before.filter(|before| before - found > MOST_LOST + f64::EPSILON) {
            return Err(GateError::Fell { found, before }.into());
        }
        Ok(Some(scores))
    }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The first `count` distinct documents of a ranking.
fn first_documents(ranking: &clinqa_schema::Ranking, count: usize) -> Vec<String> {
    let mut documents: Vec<String> = Vec::new();
    for hit in ranking.hits() {
        let id = hit.passage_id.document.as_str();
        if !documents.iter().any(|known| known == id) {
            documents.push(id.to_owned());
        }
        if documents.len() == count {
            break;
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use clinqa_index::{CorpusEntry, Counts, FORMAT_VERSION, GraphParams};

    use super::*;

    fn before(documents: u64) -> Manifest {
        let corpus =
            |name: &str| CorpusEntry { name: name.into(), licence: String::new(), files: Vec::new(), account: None };
        Manifest {
            format_version: FORMAT_VERSION,
            id: "g000001-01234567".parse().expect("a name"),
            created: 0,
            content_hash: String::new(),
            encoder: None,
            counts: Counts { documents, passages: documents },
            graph: GraphParams::default(),
            corpora: vec![corpus("a"), corpus("b")],
            files: Vec::new(),
        }
    }

    fn now(read: u64, skipped: u64, duplicate: u64) -> Sources {
        let mut records = Report::default();
        (records.read, records.skipped, records.duplicate) = (read, skipped, duplicate);
        records.indexed = read - skipped - duplicate;
        let source = |name: &str, read, skipped| Source { name: name.into(), read, skipped, allowance: None };
        let corpora = vec![source("a", read - 1, skipped), source("b", 1, 0)];
        Sources { records, corpora, ..Sources::default() }
    }

    fn check(sources: &Sources, expected: &[&str]) {
        let gate = Gate { limits: Some(Limits::default()), ..Gate::default() };
        let found = gate.check_sources(Some(&before(1_000)), sources).err().map(|error| error.to_string());
        match (&found, expected.is_empty()) {
            (None, true) => {}
            (Some(message), false) => expected.iter().for_each(|part| assert!(message.contains(part), "{message}")),
            _ => panic!("{found:?} where {expected:?} was expected"),
        }
        assert!(Gate::default().check_sources(Some(&before(1_000)), sources).is_ok(), "no limits, no refusal");
        assert!(gate.check_sources(None, sources).is_ok(), "nothing was there before");
    }

    #[test]
    fn documents_may_not_vanish_by_more_than_two_in_a_hundred() {
        check(&now(1_000, 0, 0), &[]);
        check(&now(980, 0, 0), &[]);
        check(&now(979, 0, 0), &["979", "1000", "2.1% fewer", "2.0% are allowed", "--dry-run", "--force"]);
        check(&now(1_050, 0, 71), &["979"]);
        check(&now(5_000, 0, 0), &[]);
    }

    #[test]
    fn unusable_records_may_not_pile_up() {
        check(&now(1_010, 10, 0), &[]);
        check(&now(1_020, 20, 0), &["20 of 1020", "2.0%", "1.0% are allowed", "mend them", "--force"]);
    }

    #[test]
    fn a_corpus_may_be_allowed_more_and_only_that_corpus() {
        let mut sources = now(1_100, 100, 0);
        check(&sources, &["100 of 1100", "9.1%", "1.0% are allowed"]);
        assert!(sources.allowed().is_empty());
        sources.corpora[0].allowance = Some(Allowance::Share(0.1));
        check(&sources, &[]);
        let allowed = Allowed { corpus: "a".into(), skipped: 100, read: 1_099, limit: Allowance::Share(0.1) };
        assert_eq!(sources.allowed(), [allowed]);
        sources.corpora[0].allowance = Some(Allowance::Count(99));
        check(&sources, &["100 of 1099", "`a`", "allows 99", "[allow]", "--force"]);
        sources.corpora[0].allowance = Some(Allowance::Count(100));
        check(&sources, &[]);
        let other = Source { name: "c".into(), read: 100, skipped: 3, allowance: None };
        sources.corpora.push(other);
        check(&sources, &["3 of 101", "1.0% are allowed"]);
    }

    #[test]
    fn a_corpus_may_not_vanish() {
        let mut sources = now(1_000, 0, 0);
        sources.corpora[1].skipped = 1;
        check(&sources, &["`b`", "no usable document", "the old index stays", "--force"]);
        sources.corpora.pop();
        check(&sources, &["`b`", "not there now", "--corpus", "--force"]);
    }

    #[test]
    fn a_bad_file_or_two_in_a_small_corpus_are_let_pass() {
        let gate = Gate { limits: Some(Limits::default()), ..Gate::default() };
        let refused = |skipped: u64| gate.check_sources(Some(&before(10)), &now(10 + skipped, skipped, 0)).is_err();
        assert_eq!([1, 2, 3].map(refused), [false, false, true]);
    }
}
