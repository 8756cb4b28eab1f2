//! Must somebody be called, or turned to, before this question is answered?

use std::ops::Range;

use clinqa_schema::{Abstention, Notice, NoticeKind, Question, Turn};

use crate::context::Frames;
use crate::evidence::{Length, Signs};
use crate::matcher::{Found, Match};
use crate::normalise;
use crate::own;
use crate::pattern::MOST_WORDS;
use crate::region::{self, Region};
use crate::rules::{Fire, Rule, Rules};

/// More than this of a conversation is not read; a body or a line that is let in holds less.
const MOST_TOLD_BYTES: usize = 64 << 10;

/// How many words away a phrase of `but` still speaks of the same thing.
const HARMLESS_WITHIN: u32 = 12;

/// A message of so many words at most is short.
const SHORT: usize = 10;

/// How many points more there must be in a short message that no rule is met by: a word or two weigh too much alone. What is plain
/// has certain ways.
const DOUBT_OF_FEW_WORDS: f32 = 50.0;

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
    let (met, frames) = all_met(rules, &found);
    let all = || rules.all.iter().zip(&met);
    let is_certain = all().any(|(rule, met)| rule.kind == NoticeKind::Emergency && *met == Some(Met::Certain));
    let in_other_script = normalise::is_in_another_script(question.text());
    let signs = signs(all());
    let total = if is_certain { f32::INFINITY } else { rules.evidence.total(&found, &frames, &rules.lists, &signs) };
    let doubt = if found.words.len() <= SHORT { DOUBT_OF_FEW_WORDS } else { 0.0 };
    let is_likely = is_certain || rules.all.iter().any(|rule| weighs(rule, total));
    let speaks = |rule: &Rule, met: &Option<Met>| match met {
        Some(Met::Certain) => true,
        Some(Met::Doubtful(_)) => is_likely,
        None if rule.other_script && in_other_script => true,
        // Where nothing was met that could name it, the words as a whole do.
        None => !is_certain && signs.met.is_empty() && weighs(rule, total - doubt),
    };
    let mut fired: Vec<&Rule> = all().filter(|(rule, met)| speaks(rule, met)).map(|(rule, _)| rule).collect();
    if fired.iter().all(|rule| rule.kind == NoticeKind::Scope) {
        let own = own::rule(&found);
        // Who tells of themselves and may mean to die is not told to ask a pharmacist.
        let grave = all().filter(|(rule, met)| own.is_some() && rule.own_case && met.is_some()).map(|(rule, _)| rule);
        let mild = rules.all.iter().filter(|rule| own == Some(&*rule.id));
        fired.extend(grave.chain(mild).take(1));
    }
    let verdict = verdict(|kind| fired.iter().any(|rule| rule.kind == kind));
    let is_shown = |rule: &&Rule| is_shown(rule, verdict);
    Screening { notices: fired.into_iter().filter(is_shown).map(|rule| notice(rule, region)).collect(), verdict }
}

/// How each rule is met, and how what was found is framed.
fn all_met(rules: &Rules, found: &Found) -> (Vec<Option<Met>>, Frames) {
    let mut frames = rules.cues.read(found, rules.symptoms.clone());
    let met: Vec<Option<Met>> = rules.all.iter().map(|rule| met(rule, found, &frames)).collect();
    if rules.all.iter().zip(&met).any(|(rule, met)| rule.lasting && met.is_some()) {
        frames.emergencies_from = frames.lasting_from;
    }
    (met, frames)
}

/// What a message weighs, whatever is decided about it.
pub(crate) struct Weighed<'r> {
    /// Its points for an emergency.
    pub(crate) points: f32,
    /// The emergencies that are met without being certain.
    pub(crate) doubtful: Vec<&'r str>,
}

/// Weighs the words of a message.
pub(crate) fn weigh<'r>(rules: &'r Rules, found: &Found) -> Weighed<'r> {
    let (met, frames) = all_met(rules, found);
    let signs = signs(rules.all.iter().zip(&met));
    let points = rules.evidence.total(found, &frames, &rules.lists, &signs);
    let mut doubtful: Vec<&str> = signs.met.iter().map(|(rule, _)| *rule).collect();
    doubtful.dedup();
    Weighed { points, doubtful }
}

/// How to go on where notices of these kinds are to be given.
pub(crate) fn verdict(is: impl Fn(NoticeKind) -> bool) -> Verdict {
    if is(NoticeKind::Emergency) {
        Verdict::Redirect
    } else if is(NoticeKind::Boundary) {
        Verdict::Abstain(Abstention::Personal)
    } else if is(NoticeKind::Scope) {
        Verdict::Abstain(Abstention::Scope)
    } else {
        Verdict::Proceed
    }
}

/// Whether the notice of a rule is given: what is about one's own health is never called out of scope.
pub(crate) fn is_shown(rule: &Rule, verdict: Verdict) -> bool {
    rule.kind != NoticeKind::Scope || verdict == Verdict::Abstain(Abstention::Scope)
}

/// What was met without being a certain emergency.
fn signs<'r, 'm>(all: impl Iterator<Item = (&'r Rule, &'m Option<Met>)>) -> Signs<'r> {
    let mut signs = Signs::default();
    for (rule, met) in all {
        match met {
            Some(Met::Certain) => signs.asked.push(&rule.id),
            Some(Met::Doubtful(places)) => signs.met.extend(places.iter().map(|place| (&*rule.id, place.clone()))),
            None => {}
        }
    }
    signs
}

/// Whether `rule` says that there is an emergency from so many points on.
fn weighs(rule: &Rule, points: f32) -> bool {
    rule.evidence.is_some_and(|least| points >= least)
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
#[derive(Debug, Clone, PartialEq, Eq)]
enum Met {
    /// In a way that is enough by itself.
    Certain,
    /// Only in ways that count as signs, in the sentences of these words.
    Doubtful(Vec<Range<usize>>),
}

/// How `rule` is met, if it is.
fn met(rule: &Rule, found: &Found, frames: &Frames) -> Option<Met> {
    let ways = |certain: bool| rule.fires.iter().filter(move |fire| fire.certain == certain);
    if ways(true).any(|fire| !places(rule, fire, found, frames).is_empty()) {
        return Some(Met::Certain);
    }
    let mut places: Vec<Range<usize>> = ways(false).flat_map(|fire| places(rule, fire, found, frames)).collect();
    places.sort_by_key(|place| (place.start, place.end));
    places.dedup();
    (!places.is_empty()).then_some(Met::Doubtful(places))
}

/// The sentences in which this way of `rule` to fire is met.
pub(crate) fn places(rule: &Rule, fire: &Fire, found: &Found, frames: &Frames) -> Vec<Range<usize>> {
    // Most texts miss the first group already; then nothing else is looked at.
    if fire.all.iter().any(|slot| found.matches[*slot].is_empty()) {
        return Vec::new();
    }
    let exceptions = &found.matches[rule.unless];
    let from = match rule.kind {
        NoticeKind::Emergency if rule.lasting => frames.lasting_from,
        NoticeKind::Emergency => frames.emergencies_from,
        _ => frames.question_from,
    };
    let live = |slot: usize| -> Vec<Match> {
        let is_live = |m: &&Match| {
            let counts = || frames.is_live(**m, &fire.even) && !exceptions.iter().any(|e| e.overlaps(**m));
            let is_alone = || match rule.kind {
                NoticeKind::Scope => frames.is_all_that_is_asked(**m, found),
                _ => frames.is_alone(**m, found),
            };
            let is_heard =
                m.start >= from && (!fire.brief || Length::of(found.words_of_turn(m.start)) == Length::Brief);
            is_heard && if fire.alone { is_alone() } else { counts() }
        };
        found.matches[slot].iter().filter(is_live).copied().collect()
    };
    let groups: Vec<Vec<Match>> = fire.all.iter().map(|slot| live(*slot)).collect();
    let harmless = fire.but.map_or(&[][..], |slot| &found.matches[slot]);
    let mut places: Vec<Range<usize>> =
        meetings(fire, &groups, harmless, found).map(|words| sentences(&words, found)).collect();
    places.dedup();
    places
}

/// From the first to the last word of each match of the first group that has one of each other group within the window,
/// and nothing `harmless` near; of a group that comes again, the first counts.
fn meetings<'a>(
    fire: &'a Fire,
    groups: &'a [Vec<Match>],
    harmless: &'a [Match],
    found: &'a Found,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let place = |i: usize| found.words[i].at;
    let near = move |group: &[Match], anchor: &Match, within: u32| -> Option<Match> {
        let (from, to) = (place(anchor.start), place(anchor.end - 1));
        // Sorted by start: skip what ends too early, stop at what starts too late.
        let first = group.partition_point(|m| place(m.start) + within + (MOST_WORDS as u32) < from);
        let close = group[first..].iter().take_while(|m| place(m.start) <= to + within);
        close.copied().find(|m| place(m.end - 1) + within >= from)
    };
    let (anchors, others) = groups.split_first().map_or((&[][..], &[][..]), |(first, rest)| (first.as_slice(), rest));
    anchors.iter().filter_map(move |anchor| {
        if near(harmless, anchor, fire.within.max(HARMLESS_WITHIN)).is_some() {
            return None;
        }
        let mut words = anchor.start..anchor.end;
        for group in others {
            let other = near(group, anchor, fire.within)?;
            words = words.start.min(other.start)..words.end.max(other.end);
        }
        Some(words)
    })
}

/// The whole sentences that `words` stand in.
fn sentences(words: &Range<usize>, found: &Found) -> Range<usize> {
    let all = &found.words;
    let (first, last) = (all[words.start].sentence, all[words.end - 1].sentence);
    all.partition_point(|word| word.sentence < first)..all.partition_point(|word| word.sentence <= last)
}

/// The notice of `rule`, with the number of `region`.
pub(crate) fn notice(rule: &Rule, region: Option<&Region>) -> Notice {
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
