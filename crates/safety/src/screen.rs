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
    let mut fired: Vec<&Rule> = Vec::new();
    let mut likely: Vec<&Rule> = Vec::new();
    for rule in &rules.all {
        match met(rule, &found, &frames) {
            Some(Met::Certain) => fired.push(rule),
            Some(Met::Doubtful) => likely.push(rule),
            None => {}
        }
    }
    let is_emergency = |rule: &&Rule| rule.kind == NoticeKind::Emergency;
    if fired.iter().any(is_emergency) {
        fired.append(&mut likely);
    } else {
        let any = likely.first().map(|_| "");
        let signs: Vec<&str> = fired.iter().chain(&likely).map(|rule| rule.id.as_str()).chain(any).collect();
        let total = rules.evidence.total(&found, &frames, &rules.lists, &signs, frames.emergencies_from);
        let weighed = |rule: &&Rule| rule.evidence.is_some_and(|least| total >= least);
        if let Some(rule) = rules.all.iter().find(weighed) {
            // What was met names it; nothing met, the words as a whole do.
            if likely.is_empty() {
                likely.push(rule);
            }
            fired.append(&mut likely);
        }
    }
    fired.sort_by(|a, b| (a.kind, a.gravity, &a.id).cmp(&(b.kind, b.gravity, &b.id)));
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

/// How a rule is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// In a way that is enough by itself.
    Certain,
    /// Only in ways that count as signs.
    Doubtful,
}

/// How `rule` is met, if it is.
pub(crate) fn met(rule: &Rule, found: &Found, frames: &Frames) -> Option<Met> {
    let (certain, doubtful): (Vec<&Fire>, Vec<&Fire>) = rule.fires.iter().partition(|fire| fire.certain);
    if certain.into_iter().any(|fire| goes_off(rule, fire, found, frames)) {
        return Some(Met::Certain);
    }
    doubtful.into_iter().any(|fire| goes_off(rule, fire, found, frames)).then_some(Met::Doubtful)
}

/// Whether this way of `rule` to fire is met.
pub(crate) fn goes_off(rule: &Rule, fire: &Fire, found: &Found, frames: &Frames) -> bool {
    // Most texts miss the first group already; then nothing else is looked at.
    if fire.all.iter().any(|slot| found.matches[*slot].is_empty()) {
        return false;
    }
    let exceptions = &found.matches[rule.unless];
    let from = match rule.kind {
        NoticeKind::Emergency => frames.emergencies_from,
        _ => frames.question_from,
    };
    let live = |slot: usize| -> Vec<Match> {
        let is_live = |m: &&Match| {
            m.start >= from && frames.is_live(**m, &fire.even) && !exceptions.iter().any(|e| e.overlaps(**m))
        };
        found.matches[slot].iter().filter(is_live).copied().collect()
    };
    let groups: Vec<Vec<Match>> = fire.all.iter().map(|slot| live(*slot)).collect();
    let harmless = fire.but.map_or(&[][..], |slot| &found.matches[slot]);
    meet(fire, &groups, harmless, found)
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
