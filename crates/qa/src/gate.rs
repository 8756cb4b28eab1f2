//! Is a new generation as good as its corpus demands (pure but for the questions it asks)?

use clinqa_eval::JudgedQuestion;
use clinqa_retrieval::Retriever;
use clinqa_schema::{Filters, Observer, Progress, Question, Scores, Stage};

use crate::Error;

/// What a corpus demands of an index made from it.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// Questions whose document is known.
    pub questions: Vec<JudgedQuestion>,
    /// The share of them whose document must stand among the first three, 0 to 1.
    pub document_at_3: f64,
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
}

impl Gate {
    /// Asks every judged question that names a document; an empty gate lets everything pass.
    pub(crate) fn check(&self, retriever: Retriever<'_>, observer: &mut dyn Observer) -> Result<Option<Scores>, Error> {
        let total = self.questions.len() as u64;
        let (mut right, mut asked) = (0_u32, 0_u32);
        for (done, judged) in (1..).zip(&self.questions) {
            observer.observe(&Progress { stage: Stage::Evaluate, done, total: Some(total) });
            if judged.document.is_none() {
                continue;
            }
            let question = Question::new(&judged.question)?;
            let ranking = retriever.retrieve(&question, &judged.turns(), &Filters::default(), 0)?.ranking;
            asked += 1;
            right += u32::from(first_documents(&ranking, 3).iter().any(|found| judged.is_right(found)));
        }
        let found = f64::from(right) / f64::from(asked.max(1));
        if asked == 0 {
            return Ok(None);
        }
        if found >= self.document_at_3 {
            return Ok(Some(Scores { questions: asked, document_at_3: found, demanded: self.document_at_3 }));
        }
        Err(GateError::DocumentAt3 { found, expected: self.document_at_3 }.into())
    }
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
