//! How good was it?
//!
//! Nothing is opened here and no model is loaded: files arrive as `impl BufRead`, answers and rankings as values, and
//! scores go back as values. Every score is a fraction between 0 and 1; the places where a field's own habit differs
//! (SQuAD's percentages) say so.

mod beir;
mod bioasq;
mod calibration;
mod compared;
mod error;
mod iob;
mod judged;
mod labelled;
mod labelling;
mod metric;
mod outcome;
mod picture;
mod qrels;
mod run;
mod shares;
mod significance;
mod squad;
mod tagging;

pub use beir::{BeirQuery, read_queries};
pub use bioasq::{
    BioasqKind, BioasqQuestion, BioasqSnippet, FactoidScore, FactoidScores, ListScore, ListScores, MAX_CANDIDATES,
    read_bioasq, score_factoids, score_lists,
};
pub use calibration::{
    CalibrationError, Logistic, Reliability, ReliabilityBin, RiskCoverage, RiskPoint, brier_score, fit_logistic,
    fit_temperature, reliability, risk_coverage,
};
pub use compared::{ResultLine, ScoredQuestion, compare_results, compare_runs, read_results};
pub use error::ReadError;
pub use iob::{IobFault, IobFile, IobProblem, IobSentence, as_bio, read_iob, strays};
pub use judged::{
    AnswerThresholds, AnswerableShares, JudgedOutcome, JudgedQuestion, JudgedReply, JudgedScores, JudgedTurn,
    UnanswerableShares, is_accepted, judged_outcomes, read_judged, score_judged,
};
pub use labelled::{
    LabelledFault, LabelledFields, LabelledFile, LabelledForm, LabelledProblem, LabelledText, read_labelled,
};
pub use labelling::{LabelOutcome, LabelScores, score_labels};
pub use metric::{Metric, MetricError, MetricScores, evaluate, summary};
pub use outcome::{ComparedShare, OutcomeComparison, OutcomeError, Side, compare_outcomes, read_outcomes};
pub use picture::{escaped, reliability_picture, risk_coverage_picture};
pub use qrels::Qrels;
pub use run::{Run, ScoredDocument, WriteError};
pub use shares::{LabelShares, ShareTable};
pub use significance::{Bootstrap, Comparison, Interval, SignificanceError, mean_interval, paired_difference};
pub use squad::{
    BestThresholds, SquadAnswer, SquadParagraph, SquadPart, SquadPrediction, SquadQuestion, SquadScores, exact_match,
    normalise_answer, read_squad, score_squad, token_f1,
};
pub use tagging::{TagOutcome, TagScores, score_tags};
