//! What became of what was asked, now and in this session (pure)?

use std::collections::BTreeMap;

use clinqa_schema::{Abstention, Outcome, Reply};

/// The answer pane.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answered {
    pub(crate) stage: Stage,
    pub(crate) reply: Option<Box<Reply>>,
    /// What the reply is to.
    pub(crate) question: String,
    /// The first line that is shown.
    pub(crate) top: usize,
    pub(crate) tally: Tally,
    /// The lookup that was asked with Enter last, and the one that the reply is to.
    pub(crate) asked: u64,
    pub(crate) replied: u64,
    /// The lookup that was counted last.
    pub(crate) counted: u64,
}

/// How far the answer has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was asked.
    #[default]
    Nothing,
    /// The reply is to a text that was typed on since.
    Old,
    /// It is being read for; it was asked with Enter.
    Asked,
    /// The reply is to what stands in the line.
    Here,
}

impl Answered {
    /// Whether the pane is there. That a text which is still being typed has no answer is no news.
    pub(crate) fn is_shown(&self) -> bool {
        let tells = |reply: &Reply| reply.outcome != Outcome::Abstained || self.asked == self.replied;
        self.stage == Stage::Asked || self.reply.as_ref().is_some_and(|reply| tells(reply))
    }

    /// Leaves nothing of an answer to another question.
    pub(crate) fn clear(&mut self) {
        self.reply = None;
        self.question.clear();
        self.stage = Stage::Nothing;
        self.top = 0;
    }
}

/// What was asked in this session, without a word of it: reasons, and the topics that the index itself names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) answered: usize,
    pub(crate) redirected: usize,
    pub(crate) abstained: BTreeMap<&'static str, usize>,
    /// Names of documents that stood in questions without an answer.
    pub(crate) topics: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn count(&mut self, reply: &Reply) {
        match reply.outcome {
            Outcome::Answered => self.answered += 1,
            Outcome::Redirected => self.redirected += 1,
            Outcome::Abstained => {
                let reason = reply.reason.map_or("unsupported", reason_name);
                *self.abstained.entry(reason).or_default() += 1;
                for topic in reply.trace.iter().flat_map(|trace| &trace.topics) {
                    *self.topics.entry(topic.clone()).or_default() += 1;
                }
            }
        }
    }
}

/// A reason in one word.
pub(crate) fn reason_name(reason: Abstention) -> &'static str {
    match reason {
        Abstention::Unsupported => "unsupported",
        Abstention::Personal => "personal",
        Abstention::Scope => "out of scope",
        Abstention::Emergency => "emergency",
    }
}
