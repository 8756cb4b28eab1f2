//! Must somebody be called, or turned to, before this question is answered?

use clinqa_schema::{Abstention, Notice, NoticeKind, Question};

use crate::context::Frames;
use crate::matcher::{Found, Match};
use crate::region::{self, Region};
use crate::rules::{Fire, Rule, Rules};

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

/// Screens `question` with `rules`; the notices name the number of `region`. Pure, linear in the question's length.
pub fn screen(rules: &Rules, question: &Question, region: Option<&Region>) -> Screening {
    let found = rules.matcher.find(question.text());
    let frames = rules.cues.read(&found, rules.symptoms.clone());
    let fired: Vec<&Rule> = rules.all.iter().filter(|rule| fires(rule, &found, &frames)).collect();
    let is_emergency = fired.iter().any(|rule| rule.kind == NoticeKind::Emergency);
    let is_personal = fired.iter().any(|rule| rule.kind == NoticeKind::Boundary);
    let verdict = match (is_emergency, is_personal) {
        (true, _) => Verdict::Redirect,
        (false, true) => Verdict::Abstain(Abstention::Personal),
        (false, false) => Verdict::Proceed,
    };
    Screening { notices: fired.into_iter().map(|rule| notice(rule, region)).collect(), verdict }
}

fn fires(rule: &Rule, found: &Found, frames: &Frames) -> bool {
    let exceptions = &found.matches[rule.unless];
    rule.fires.iter().any(|fire| {
        let live = |slot: usize| -> Vec<Match> {
            let is_live = |m: &&Match| frames.is_live(**m, &fire.even) && !exceptions.iter().any(|e| e.overlaps(**m));
            found.matches[slot].iter().filter(is_live).copied().collect()
        };
        // Most texts miss the first group already; then nothing else is looked at.
        fire.all.iter().all(|slot| !found.matches[*slot].is_empty()) && {
            let groups: Vec<Vec<Match>> = fire.all.iter().map(|slot| live(*slot)).collect();
            meet(fire, &groups, found)
        }
    })
}

/// Whether some match of the first group has one of each other group within the window.
fn meet(fire: &Fire, groups: &[Vec<Match>], found: &Found) -> bool {
    let Some((anchors, others)) = groups.split_first() else { return false };
    let place = |i: usize| found.words[i].at;
    anchors.iter().any(|anchor| {
        let (from, to) = (place(anchor.start), place(anchor.end - 1));
        others.iter().all(|group| {
            // Sorted by start: skip what ends too early, stop at what starts too late. Phrases have at most twelve words.
            let first = group.partition_point(|m| place(m.start) + fire.within + 12 < from);
            group[first..]
                .iter()
                .take_while(|m| place(m.start) <= to + fire.within)
                .any(|m| place(m.end - 1) + fire.within >= from)
        })
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
