//! Must somebody be called, or turned to, before this question is answered?

use clinqa_schema::{Abstention, Notice, NoticeKind, Question, Turn};

use crate::context::Frames;
use crate::matcher::{Found, Match};
use crate::pattern::MOST_WORDS;
use crate::region::{self, Region};
use crate::rules::{Fire, Rule, Rules};

/// More than this of a conversation is not read; a body or a line that is let in holds less.
const MOST_TOLD_BYTES: usize = 64 << 10;

/// How many words away a phrase of `but` still speaks of the same thing.
const HARMLESS_WITHIN: u32 = 12;

/// What the rules say about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screening {
    /// What the reader must know first, gravest first, in the fixed order of the rules.
    pub notices: Vec<Notice>,
    /// How to go on.
    pub verdict: Verdict,
}

/// How to go on with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Retrieve and answer.
    Proceed,
    /// An emergency: show the notices, answer nothing; reading may follow.
    Redirect,
    /// Answer nothing for this reason; show the notices, reading may follow.
    Abstain(Abstention),
}

/// Screens `question` with `rules`; the notices name the number of `region`. An emergency that an earlier turn of
/// `history` told of leads until the person says that it is over. Pure, linear in the length of the conversation.
pub fn screen(rules: &Rules, question: &Question, history: &[Turn], region: Option<&Region>) -> Screening {
    let found = rules.matcher.find(&told(question, history));
    let frames = rules.cues.read(&found, rules.symptoms.clone());
    let mut fired: Vec<&Rule> = rules.all.iter().filter(|rule| fires(rule, &found, &frames)).collect();
    if !fired.iter().any(|rule| rule.kind == NoticeKind::Emergency) {
        let total = rules.evidence.total(&found, &frames, &rules.lists, frames.emergencies_from);
        let weighed = rules.all.iter().filter(|rule| rule.evidence.is_some_and(|least| total >= least));
        fired.splice(0..0, weighed);
    }
    let is = |kind: NoticeKind| fired.iter().any(|rule| rule.kind == kind);
    let verdict = if is(NoticeKind::Emergency) {
        Verdict::Redirect
    } else if is(NoticeKind::Boundary) {
        Verdict::Abstain(Abstention::Personal)
    } else if is(NoticeKind::Scope) {
        Verdict::Abstain(Abstention::Scope)
    } else {
        Verdict::Proceed
    };
    // What is about one's own health is never called out of scope.
    let is_shown = |rule: &&Rule| rule.kind != NoticeKind::Scope || verdict == Verdict::Abstain(Abstention::Scope);
    Screening { notices: fired.into_iter().filter(is_shown).map(|rule| notice(rule, region)).collect(), verdict }
}

/// What the person said, the question last; of a very long conversation its end.
fn told<'a>(question: &'a Question, history: &'a [Turn]) -> Vec<&'a str> {
    let mut room = MOST_TOLD_BYTES;
    let latest = history.iter().rev().map(|turn| turn.question.as_str()).take_while(|text| {
        let fits = text.len() <= room;
        room = room.saturating_sub(text.len());
        fits
    });
    let mut turns: Vec<&str> = std::iter::once(question.text()).chain(latest).collect();
    turns.reverse();
    turns
}

fn fires(rule: &Rule, found: &Found, frames: &Frames) -> bool {
    let exceptions = &found.matches[rule.unless];
    let from = match rule.kind {
        NoticeKind::Emergency => frames.emergencies_from,
        _ => frames.question_from,
    };
    rule.fires.iter().any(|fire| {
        let live = |slot: usize| -> Vec<Match> {
            let is_live = |m: &&Match| {
                m.start >= from && frames.is_live(**m, &fire.even) && !exceptions.iter().any(|e| e.overlaps(**m))
            };
            found.matches[slot].iter().filter(is_live).copied().collect()
        };
        // Most texts miss the first group already; then nothing else is looked at.
        fire.all.iter().all(|slot| !found.matches[*slot].is_empty()) && {
            let groups: Vec<Vec<Match>> = fire.all.iter().map(|slot| live(*slot)).collect();
            let harmless = fire.but.map_or(&[][..], |slot| &found.matches[slot]);
            meet(fire, &groups, harmless, found)
        }
    })
}

/// Whether some match of the first group has one of each other group within the window, and nothing `harmless` near.
fn meet(fire: &Fire, groups: &[Vec<Match>], harmless: &[Match], found: &Found) -> bool {
    let Some((anchors, others)) = groups.split_first() else { return false };
    let place = |i: usize| found.words[i].at;
    let is_near = |group: &[Match], anchor: &Match, within: u32| {
        let (from, to) = (place(anchor.start), place(anchor.end - 1));
        // Sorted by start: skip what ends too early, stop at what starts too late.
        let first = group.partition_point(|m| place(m.start) + within + (MOST_WORDS as u32) < from);
        group[first..].iter().take_while(|m| place(m.start) <= to + within).any(|m| place(m.end - 1) + within >= from)
    };
    anchors.iter().any(|anchor| {
        others.iter().all(|group| is_near(group, anchor, fire.within))
            && !is_near(harmless, anchor, fire.within.max(HARMLESS_WITHIN))
    })
}

fn notice(rule: &Rule, region: Option<&Region>) -> Notice {
    let call = region::call(region);
    let text = rule.text.replace("{number}", &call.number).replace("{crisis}", &region::crisis(region));
    let call = (rule.kind == NoticeKind::Emergency).then_some(call);
    Notice {
        kind: rule.kind,
        rule: rule.id.clone(),
        title: rule.title.clone(),
        text,
        call,
        source: rule.source.clone(),
    }
}
