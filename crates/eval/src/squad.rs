//! Did the reader find the span?
//!
//! Files and scores of SQuAD v1.1 (Rajpurkar et al. 2016) and v2.0 (Rajpurkar et al. 2018), scored as the evaluation
//! script of 2.0 does. One difference: a question without a prediction counts 0 (as in the script of 1.1) instead of
//! leaving the mean.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{ReadError, id_text, note_id, read_json};

const FORMAT: &str = "the questions (SQuAD JSON)";
const EXPECTED: &str = "`data` of `paragraphs` of `context` and `qas`, each with `id`, `question` and `answers`";

/// A text and what is asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SquadParagraph {
    /// The article's title, if the file names it.
    pub title: Option<String>,
    /// The text that holds the answers.
    pub context: String,
    /// The questions.
    pub questions: Vec<SquadQuestion>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SquadQuestion {
    /// Unique in its file; numbers are read as their digits.
    #[serde(deserialize_with = "id_text")]
    pub id: String,
    /// The question.
    pub question: String,
    /// The accepted answers; empty if the text answers nothing.
    #[serde(default)]
    pub answers: Vec<SquadAnswer>,
    /// What v2.0 says about it. Scoring looks at `answers`, as the official script does.
    #[serde(default)]
    pub is_impossible: bool,
}

/// One accepted answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SquadAnswer {
    /// The words.
    pub text: String,
    /// Where they begin in the context, in Unicode scalar values.
    #[serde(rename = "answer_start")]
    pub start: usize,
}

/// What a reader said to one question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SquadPrediction {
    /// The answer; empty says that there is none.
    pub text: String,
    /// Score of "no answer" minus the score of the best span: higher is less answerable. Needed for best thresholds.
    pub null_score: Option<f64>,
}

/// The mean over some of the questions, as fractions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SquadPart {
    /// The share of exact matches.
    pub exact: f64,
    /// The mean F1 of words.
    pub f1: f64,
    /// How many questions.
    pub total: usize,
}

/// The null-score thresholds that would have scored best: a question whose null score is **above** its threshold is left
/// unanswered. Chosen on the questions they are measured on, so an upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BestThresholds {
    /// The best share of exact matches.
    pub exact: f64,
    /// Where it is reached.
    pub exact_threshold: f64,
    /// The best mean F1.
    pub f1: f64,
    /// Where it is reached.
    pub f1_threshold: f64,
}

/// What [`score_squad`] measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SquadScores {
    /// Over all questions.
    pub overall: SquadPart,
    /// Over the questions with an answer, if there are any.
    pub has_answer: Option<SquadPart>,
    /// Over the questions without one, if there are any.
    pub no_answer: Option<SquadPart>,
    /// There if every question has a prediction with a null score.
    pub best: Option<BestThresholds>,
    /// Question id → 1 if it matched exactly, else 0.
    pub exact_per_question: BTreeMap<String, f64>,
    /// Question id → F1.
    pub f1_per_question: BTreeMap<String, f64>,
}

/// Reads SQuAD JSON of either version; unknown fields are passed over.
pub fn read_squad(input: impl BufRead) -> Result<Vec<SquadParagraph>, ReadError> {
    let file: File = read_json(FORMAT, EXPECTED, input)?;
    let mut seen = BTreeSet::new();
    let mut paragraphs = Vec::new();
    for article in file.data {
        for Paragraph { context, qas } in article.paragraphs {
            qas.iter().try_for_each(|question| note_id(FORMAT, &mut seen, &question.id))?;
            paragraphs.push(SquadParagraph { title: article.title.clone(), context, questions: qas });
        }
    }
    Ok(paragraphs)
}

/// Scores predictions (by question id) against every question of `paragraphs`.
pub fn score_squad(paragraphs: &[SquadParagraph], predictions: &BTreeMap<String, SquadPrediction>) -> SquadScores {
    let questions: Vec<&SquadQuestion> = paragraphs.iter().flat_map(|paragraph| &paragraph.questions).collect();
    let judged: Vec<Judged> = questions.iter().map(|question| judge(question, predictions.get(&question.id))).collect();
    let part = |keep: fn(&Judged) -> bool| SquadPart::over(judged.iter().filter(|&judged| keep(judged)));
    SquadScores {
        overall: part(|_| true).unwrap_or(SquadPart { exact: 0.0, f1: 0.0, total: 0 }),
        has_answer: part(|judged| judged.has_answer),
        no_answer: part(|judged| !judged.has_answer),
        best: best_thresholds(&judged),
        exact_per_question: judged.iter().map(|judged| (judged.id.to_owned(), judged.exact)).collect(),
        f1_per_question: judged.iter().map(|judged| (judged.id.to_owned(), judged.f1)).collect(),
    }
}

/// Lower case, without ASCII punctuation, without the words a, an and the, with single spaces: the official
/// normalisation, whose steps follow one another in this order.
pub fn normalise_answer(text: &str) -> String {
    let kept: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    let mut without_articles = String::with_capacity(kept.len());
    let mut rest = kept.as_str();
    while !rest.is_empty() {
        let word_end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        without_articles.push_str(if matches!(word, "a" | "an" | "the") { " " } else { word });
        let gap_end = after.find(char::is_alphanumeric).unwrap_or(after.len());
        let (gap, next) = after.split_at(gap_end);
        without_articles.push_str(gap);
        rest = next;
    }
    let words: Vec<&str> = without_articles.split(is_python_space).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Whether the two are the same after [`normalise_answer`].
pub fn exact_match(gold: &str, predicted: &str) -> bool {
    normalise_answer(gold) == normalise_answer(predicted)
}

/// F1 of the words that both hold, after [`normalise_answer`]. If either has no words: 1 if neither has, else 0.
pub fn token_f1(gold: &str, predicted: &str) -> f64 {
    let (gold, predicted) = (normalise_answer(gold), normalise_answer(predicted));
    let count = |text: &str| text.split(' ').filter(|word| !word.is_empty()).count();
    let (gold_words, predicted_words) = (count(&gold), count(&predicted));
    if gold_words == 0 || predicted_words == 0 {
        return truth(gold_words == predicted_words);
    }
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    gold.split(' ').for_each(|word| *left.entry(word).or_default() += 1);
    let take = |word: &&str| left.get_mut(*word).filter(|count| **count > 0).map(|count| *count -= 1).is_some();
    let shared = predicted.split(' ').filter(take).count();
    // 2PR / (P + R) with P = shared / predicted and R = shared / gold.
    2.0 * shared as f64 / (predicted_words + gold_words) as f64
}

impl SquadParagraph {
    /// Where in `context` (bytes) an answer stands, if its characters really stand where it says.
    pub fn answer_bytes(&self, answer: &SquadAnswer) -> Option<Range<usize>> {
        let mut starts = self.context.char_indices().map(|(byte, _)| byte).chain([self.context.len()]);
        let start = starts.nth(answer.start)?;
        self.context[start..].starts_with(&answer.text).then(|| start..start + answer.text.len())
    }
}

impl SquadPrediction {
    /// The same prediction, left unanswered if its null score is above `threshold`.
    #[must_use]
    pub fn abstaining_above(&self, threshold: f64) -> Self {
        let unanswered = self.null_score.is_some_and(|score| score > threshold);
        let text = if unanswered { String::new() } else { self.text.clone() };
        Self { text, null_score: self.null_score }
    }
}

impl SquadScores {
    /// The report under the official names: shares in percent, `HasAns_*`, `NoAns_*` and `best_*` where they exist.
    pub fn official(&self) -> Map<String, Value> {
        let mut report = Map::new();
        let parts = [("", Some(self.overall)), ("HasAns_", self.has_answer), ("NoAns_", self.no_answer)];
        for (prefix, part) in parts {
            let Some(part) = part else { continue };
            report.insert(format!("{prefix}exact"), json!(100.0 * part.exact));
            report.insert(format!("{prefix}f1"), json!(100.0 * part.f1));
            report.insert(format!("{prefix}total"), json!(part.total));
        }
        if let Some(best) = self.best {
            report.insert("best_exact".to_owned(), json!(100.0 * best.exact));
            report.insert("best_exact_thresh".to_owned(), json!(best.exact_threshold));
            report.insert("best_f1".to_owned(), json!(100.0 * best.f1));
            report.insert("best_f1_thresh".to_owned(), json!(best.f1_threshold));
        }
        report
    }
}

impl SquadPart {
    fn over<'a>(judged: impl Iterator<Item = &'a Judged<'a>>) -> Option<Self> {
        let (mut exact, mut f1, mut total) = (0.0, 0.0, 0usize);
        for one in judged {
            exact += one.exact;
            f1 += one.f1;
            total += 1;
        }
        (total > 0).then(|| Self { exact: exact / total as f64, f1: f1 / total as f64, total })
    }
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    #[serde(default)]
    title: Option<String>,
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<SquadQuestion>,
}

/// One question with its prediction's scores.
struct Judged<'a> {
    id: &'a str,
    has_answer: bool,
    exact: f64,
    f1: f64,
    predicts_answer: bool,
    null_score: Option<f64>,
}

fn judge<'a>(question: &'a SquadQuestion, prediction: Option<&SquadPrediction>) -> Judged<'a> {
    let mut judged = Judged {
        id: &question.id,
        has_answer: !question.answers.is_empty(),
        exact: 0.0,
        f1: 0.0,
        predicts_answer: false,
        null_score: None,
    };
    let Some(prediction) = prediction else { return judged };
    let mut golds: Vec<&str> = question.answers.iter().map(|answer| answer.text.as_str()).collect();
    golds.retain(|gold| !normalise_answer(gold).is_empty());
    if golds.is_empty() {
        golds.push("");
    }
    judged.exact = truth(golds.iter().any(|gold| exact_match(gold, &prediction.text)));
    judged.f1 = golds.iter().map(|gold| token_f1(gold, &prediction.text)).fold(0.0, f64::max);
    judged.predicts_answer = !prediction.text.is_empty();
    judged.null_score = prediction.null_score;
    judged
}

/// The official walk: begin with every question unanswered, then answer them one by one by ascending null score (ties by
/// id), and keep the null score at which the sum was highest.
fn best_thresholds(judged: &[Judged]) -> Option<BestThresholds> {
    let mut walk: Vec<(f64, &Judged)> =
        judged.iter().map(|judged| judged.null_score.map(|score| (score, judged))).collect::<Option<_>>()?;
    if walk.is_empty() {
        return None;
    }
    walk.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.id.cmp(b.1.id)));
    let best = |score: fn(&Judged) -> f64| {
        let mut sum = judged.iter().filter(|judged| !judged.has_answer).count() as f64;
        let (mut highest, mut threshold) = (sum, 0.0);
        for (null_score, judged) in &walk {
            sum += match (judged.has_answer, judged.predicts_answer) {
                (true, _) => score(judged),
                (false, true) => -1.0,
                (false, false) => 0.0,
            };
            if sum > highest {
                (highest, threshold) = (sum, *null_score);
            }
        }
        (highest / judged.len() as f64, threshold)
    };
    let ((exact, exact_threshold), (f1, f1_threshold)) = (best(|judged| judged.exact), best(|judged| judged.f1));
    Some(BestThresholds { exact, exact_threshold, f1, f1_threshold })
}

/// White space as Python's `str.split` sees it: Unicode's, and four separators that Unicode calls controls.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn truth(is_true: bool) -> f64 {
    f64::from(u8::from(is_true))
}

#[cfg(test)]
mod tests;
