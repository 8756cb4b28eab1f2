//! What kind of text is this, as a whole?

use clinqa_encoder::{
    Checkpoint, CheckpointError, EncodeError, Pooling, Sequence, Source, TextTokenizer, TokenBudget, Transformer, plan,
};
use clinqa_schema::{Observer, Progress, Stage};

use crate::head::{Linear, are_numbers, largest, sigmoid, softmax};

/// How many labels a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// One: probabilities sum to 1.
    Single,
    /// Any number, none included: each label has a probability of its own.
    Multi,
}

/// A label with its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelScore<'a> {
    /// Its name.
    pub label: &'a str,
    /// From 0 to 1.
    pub probability: f32,
}

/// What was said of one text, a number for each label.
#[derive(Debug, Clone, PartialEq)]
pub struct Classified {
    /// As the head computes them.
    pub logits: Vec<f32>,
    /// As probabilities.
    pub probabilities: Vec<f32>,
    /// Whether the text was longer than the model reads, so that its end was left out.
    pub is_cut: bool,
}

impl Classified {
    /// The place of the most probable label; of equal ones the first.
    pub fn best(&self) -> usize {
        largest(&self.probabilities)
    }

    /// The places of the labels that hold: those of at least this probability, or the best one where there is only one.
    pub fn holding(&self, problem: Problem, threshold: f32) -> Vec<usize> {
        match problem {
            Problem::Single => vec![self.best()],
            Problem::Multi => (0..self.probabilities.len()).filter(|&at| self.probabilities[at] >= threshold).collect(),
        }
    }
}

/// What stands between the trunk's hidden states and the logits.
enum Head {
    /// `[CLS]` through a layer with tanh, then a linear map (`BertForSequenceClassification`).
    Pooler { dense: Linear, classifier: Linear },
    /// The pooled vector through a linear map (`Dense` of sentence-transformers).
    Pooled { pooling: Pooling, normalised: bool, classifier: Linear },
}

/// A loaded classifier: cheap to share behind an `Arc`, safe to use from many threads.
pub struct Classifier {
    name: String,
    labels: Vec<String>,
    problem: Problem,
    max_tokens: usize,
    tokenizer: TextTokenizer,
    transformer: Box<dyn Transformer>,
    head: Head,
    warnings: Vec<String>,
}

impl Classifier {
    /// Opens the checkpoint at `source`.
    pub fn open(source: &Source) -> Result<Self, CheckpointError> {
        Self::from_checkpoint(Checkpoint::open(source)?)
    }

    /// Lays the weights of a `checkpoint` with a classification head out.
    pub fn from_checkpoint(mut checkpoint: Checkpoint) -> Result<Self, CheckpointError> {
        let labels = checkpoint.head_labels()?;
        let problem = problem(&checkpoint, labels.problem.as_deref(), labels.names.len())?;
        let rows = labels.names.len();
        let classifier = Linear::take(&mut checkpoint, "classifier", rows)?;
        let head = if let Some(pooled) = checkpoint.pooled_head() {
            Head::Pooled { pooling: checkpoint.pooling, normalised: pooled.normalised, classifier }
        } else {
            let width = checkpoint.hidden_size();
            Head::Pooler { dense: Linear::take(&mut checkpoint, "pooler.dense", width)?, classifier }
        };
        let transformer = checkpoint.transformer()?;
        Ok(Self {
            name: checkpoint.name,
            labels: labels.names,
            problem,
            max_tokens: checkpoint.max_tokens,
            tokenizer: checkpoint.tokenizer,
            transformer,
            head,
            warnings: checkpoint.warnings,
        })
    }

    /// The checkpoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the labels, in the order of the logits.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How many labels a text has.
    pub fn problem(&self) -> Problem {
        self.problem
    }

    /// What was doubtful about the checkpoint.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The labels of `found` by probability, the likeliest first; equal ones in the order of the logits.
    pub fn ranked(&self, found: &Classified) -> Vec<LabelScore<'_>> {
        let scores = self.labels.iter().zip(&found.probabilities);
        let mut scores: Vec<LabelScore<'_>> =
            scores.map(|(label, probability)| LabelScore { label, probability: *probability }).collect();
        scores.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        scores
    }

    /// One result a text, in order; what is said of a text does not depend on the others beyond rounding. Reports
    /// [`Stage::Evaluate`] progress, counted in texts.
    pub fn classify<T: AsRef<str>>(
        &self,
        texts: &[T],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Classified>, EncodeError> {
        let sequences: Vec<(Sequence, bool)> =
            texts.iter().map(|text| self.sequence(text.as_ref())).collect::<Result<_, _>>()?;
        let lengths: Vec<usize> = sequences.iter().map(|(sequence, _)| sequence.len()).collect();
        let mut found: Vec<Option<Classified>> = vec![None; texts.len()];
        let mut done = 0;
        for batch in plan(&lengths, TokenBudget::default()) {
            let inputs: Vec<Sequence> = batch.iter().map(|&index| sequences[index].0.clone()).collect();
            let hidden = self.transformer.forward(&inputs)?;
            for (row, &index) in batch.iter().enumerate() {
                let logits = self.logits(hidden.rows(row), hidden.width);
                if !are_numbers(&logits) {
                    return Err(EncodeError::NoNumber);
                }
                let probabilities = match self.problem {
                    Problem::Single => softmax(&logits),
                    Problem::Multi => logits.iter().copied().map(sigmoid).collect(),
                };
                found[index] = Some(Classified { logits, probabilities, is_cut: sequences[index].1 });
            }
            done += batch.len() as u64;
            observer.observe(&Progress { stage: Stage::Evaluate, done, total: Some(texts.len() as u64) });
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// `[CLS]`, as many word pieces as fit, `[SEP]`; and whether some did not fit.
    fn sequence(&self, text: &str) -> Result<(Sequence, bool), EncodeError> {
        let pieces = self.tokenizer.ids(text)?;
        let room = self.max_tokens.saturating_sub(2);
        let kept = &pieces[..pieces.len().min(room)];
        Ok((Sequence::of_text(self.tokenizer.special, kept), pieces.len() > room))
    }

    /// Logits of one text from its rows, tokens × width.
    fn logits(&self, rows: &[f32], width: usize) -> Vec<f32> {
        match &self.head {
            Head::Pooler { dense, classifier } => {
                let pooled: Vec<f32> = dense.apply(&rows[..width]).into_iter().map(f32::tanh).collect();
                classifier.apply(&pooled)
            }
            Head::Pooled { pooling, normalised, classifier } => {
                let mut pooled = pooled(*pooling, rows, width);
                if *normalised {
                    // As PyTorch's `normalize` does: no vector is divided by less than 1e-12.
                    let length = pooled.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
                    for x in &mut pooled {
                        *x /= length;
                    }
                }
                classifier.apply(&pooled)
            }
        }
    }
}

/// What `problem_type` means; without it, transformers takes several labels for a single choice among them.
fn problem(checkpoint: &Checkpoint, said: Option<&str>, labels: usize) -> Result<Problem, CheckpointError> {
    match said {
        Some("multi_label_classification") => Ok(Problem::Multi),
        None | Some("single_label_classification") if labels > 1 => Ok(Problem::Single),
        None | Some("single_label_classification") => {
            let expected = "two names or more: with one there is nothing to choose".to_owned();
            Err(checkpoint.refuse("id2label", format!("{labels} name"), expected))
        }
        Some(other) => {
            let expected = "single_label_classification or multi_label_classification".to_owned();
            Err(checkpoint.refuse("problem_type", other.escape_default().to_string(), expected))
        }
    }
}

fn pooled(pooling: Pooling, rows: &[f32], width: usize) -> Vec<f32> {
    match pooling {
        Pooling::Cls => rows[..width].to_vec(),
        Pooling::Mean => {
            let mut mean = vec![0.0; width];
            for row in rows.chunks_exact(width) {
                mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            let count = (rows.len() / width) as f32;
            for sum in &mut mean {
                *sum /= count;
            }
            mean
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_holds_or_all_that_reach_the_threshold() {
        let found = Classified { logits: Vec::new(), probabilities: vec![0.2, 0.6, 0.6], is_cut: false };
        assert_eq!(found.holding(Problem::Single, 0.9), [1]);
        assert_eq!(found.holding(Problem::Multi, 0.5), [1, 2]);
        assert!(found.holding(Problem::Multi, 0.9).is_empty());
    }

    #[test]
    fn the_mean_is_over_all_tokens() {
        assert_eq!(pooled(Pooling::Mean, &[1.0, 2.0, 3.0, 6.0], 2), [2.0, 4.0]);
        assert_eq!(pooled(Pooling::Cls, &[1.0, 2.0, 3.0, 6.0], 2), [1.0, 2.0]);
    }
}
