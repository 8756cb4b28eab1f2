//! Is a phrase said of somebody now, or denied, remembered, or only asked about?
//!
//! After `NegEx` and `ConText` (Chapman 2001, Harkema 2009): cues with a reach and words that end it, here for questions
//! of frightened people instead of clinical notes, so that doubt counts as "now". The cues are data:
//! `data/context.toml`, which says what each list means.

use crate::matcher::{Builder, Found, Match, Slot};
use crate::pattern::{Lists, Pattern, PatternError, read};

/// How many words before "if" it still reaches: "what do I do if".
const IMAGINED_BEFORE: usize = 8;

/// How many words of what somebody is known to have are framed behind "history of": "heart problems".
const BACKGROUND_REACH: usize = 2;

/// The cue lists as they stand in `data/context.toml`; each line is a pattern.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContextFile {
    negations: Vec<String>,
    lists: Vec<String>,
    not_negations: Vec<String>,
    stops: Vec<String>,
    reach: usize,
    past: Vec<String>,
    now: Vec<String>,
    breaks: Vec<String>,
    habit: Vec<String>,
    asked: Vec<String>,
    personal: Vec<String>,
    imagined: Vec<String>,
    fiction: Vec<String>,
    idioms: Vec<String>,
    background: Vec<String>,
    qualifiers: Vec<String>,
    awaited: Vec<String>,
    resolved: Vec<String>,
    eased: Vec<String>,
    fillers: Vec<String>,
    follow_ups: Vec<String>,
}

/// What a match may be in spite of: a rule says `even = ["asked"]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Frame {
    /// "What are the signs of …?"
    Asked,
    /// "No chest pain."
    Negated,
    /// "… in 2015."
    Past,
    /// "I often get …", "… for years".
    Habit,
    /// "If someone ever …", "in my novel …".
    Imagined,
    /// "A heart attack when I saw the bill."
    Idiom,
}

/// The cues, compiled.
#[derive(Debug)]
pub(crate) struct Cues {
    negations: Slot,
    lists: Slot,
    not_negations: Slot,
    stops: Slot,
    reach: usize,
    past: Slot,
    now: Slot,
    breaks: Slot,
    habit: Slot,
    asked: Slot,
    personal: Slot,
    imagined: Slot,
    fiction: Slot,
    idioms: Slot,
    background: Slot,
    qualifiers: Slot,
    awaited: Slot,
    resolved: Slot,
    eased: Slot,
    fillers: Slot,
    follow_ups: Slot,
}

impl Cues {
    /// Compiles `file`; an error names the field and its pattern.
    pub(crate) fn compile(
        file: &ContextFile,
        lists: &Lists,
        builder: &mut Builder,
    ) -> Result<Self, (&'static str, String, PatternError)> {
        let mut slot = |field: &'static str, patterns: &[String]| {
            let mut all: Vec<Pattern> = Vec::with_capacity(patterns.len());
            for pattern in patterns {
                all.push(read(pattern, lists).map_err(|why| (field, pattern.clone(), why))?.0);
            }
            Ok(builder.add(&all))
        };
        Ok(Self {
            negations: slot("negations", &file.negations)?,
            lists: slot("lists", &file.lists)?,
            not_negations: slot("not_negations", &file.not_negations)?,
            stops: slot("stops", &file.stops)?,
            reach: file.reach,
            past: slot("past", &file.past)?,
            now: slot("now", &file.now)?,
            breaks: slot("breaks", &file.breaks)?,
            habit: slot("habit", &file.habit)?,
            asked: slot("asked", &file.asked)?,
            personal: slot("personal", &file.personal)?,
            imagined: slot("imagined", &file.imagined)?,
            fiction: slot("fiction", &file.fiction)?,
            idioms: slot("idioms", &file.idioms)?,
            background: slot("background", &file.background)?,
            qualifiers: slot("qualifiers", &file.qualifiers)?,
            awaited: slot("awaited", &file.awaited)?,
            resolved: slot("resolved", &file.resolved)?,
            eased: slot("eased", &file.eased)?,
            fillers: slot("fillers", &file.fillers)?,
            follow_ups: slot("follow_ups", &file.follow_ups)?,
        })
    }

    /// Reads the frames of a text; `symptoms` are the slots whose phrases keep the cues inside them ("not breathing").
    pub(crate) fn read(&self, found: &Found, symptoms: std::ops::Range<Slot>) -> Frames {
        let kept: Vec<Match> =
            symptoms.flat_map(|slot| &found.matches[slot]).filter(|m| m.end - m.start > 1).copied().collect();
        let last = found.turns.last().copied().unwrap_or_default();
        let before = found.turns.iter().rev().nth(1).copied().unwrap_or_default();
        let said = |slot: Slot| found.matches[slot].iter().filter(|m| m.start >= last && self.is_told(found, **m));
        let is_seen_to = said(self.resolved).next().is_some();
        let is_over = is_seen_to || said(self.eased).any(|m| ends_its_clause(found, *m));
        let from = |is_over: bool| if is_over { last } else { 0 };
        let follows = found.matches[self.follow_ups].iter().any(|m| m.start == last);
        Frames {
            negated: self.negated(found, &kept),
            past: self.past(found),
            habit: self.timed(found, self.habit),
            asked: self.asked(found),
            imagined: self.imagined(found),
            idiom: covered(found.words.len(), &found.matches[self.idioms]),
            filler: covered(found.words.len(), &found.matches[self.fillers]),
            emergencies_from: from(is_over),
            lasting_from: from(is_seen_to),
            question_from: if follows { before } else { last },
        }
    }

    fn negated(&self, found: &Found, kept: &[Match]) -> Vec<bool> {
        let words = &found.words;
        let mut blocked = covered(words.len(), kept);
        let harmless = covered(words.len(), &found.matches[self.not_negations]);
        blocked.iter_mut().zip(harmless).for_each(|(b, h)| *b |= h);
        let mut stop = vec![false; words.len()];
        found.matches[self.stops].iter().for_each(|m| stop[m.start] = true);
        let mut negated = vec![false; words.len()];
        let cues = found.matches[self.negations].iter().map(|cue| (cue, false));
        for (cue, is_list) in cues.chain(found.matches[self.lists].iter().map(|cue| (cue, true))) {
            if (cue.start..cue.end).any(|i| blocked[i]) {
                continue;
            }
            let last = &words[cue.end - 1];
            // No cue reaches further, however long its sentence: past the last "or" of a list by its reach.
            let horizon = words.len().min(cue.end + 4 * self.reach);
            let sentence_end = (cue.end..horizon).find(|&i| words[i].sentence != last.sentence || stop[i]);
            let limit = sentence_end.unwrap_or(horizon);
            // "no fever, cough or chest pain": a list runs on over its commas, and only a list does.
            let last_or =
                (cue.end..limit.min(cue.end + 3 * self.reach)).rfind(|&i| matches!(&*words[i].text, "or" | "nor"));
            let clause_end = (cue.end..limit).find(|&i| words[i].clause != last.clause).unwrap_or(limit);
            let end = match last_or {
                Some(or) if is_list => limit.min(or + 1 + self.reach),
                _ => clause_end.min(cue.end + self.reach),
            };
            negated[cue.end..end.max(cue.end)].fill(true);
        }
        negated
    }

    /// Whether that it is over is told, and not asked, denied or awaited: "is he ok now", "no ambulance is here".
    fn is_told(&self, found: &Found, m: Match) -> bool {
        let opens =
            |cue: &Match| cue.end == m.start && found.words[cue.start].sentence == found.words[m.start].sentence;
        !found.matches[self.awaited].iter().any(opens)
    }

    /// What is remembered: clauses that are told of another time, and what somebody is known to have.
    fn past(&self, found: &Found) -> Vec<bool> {
        let mut past = self.timed(found, self.past);
        let qualifiers = covered(found.words.len(), &found.matches[self.qualifiers]);
        for cue in &found.matches[self.background] {
            let last = &found.words[cue.end - 1];
            let clause = (cue.end..found.words.len()).take_while(|&i| found.words[i].clause == last.clause);
            let end = clause.filter(|i| !qualifiers[*i]).take(BACKGROUND_REACH).last().map_or(cue.end, |last| last + 1);
            past[cue.start..end].fill(true);
        }
        past
    }

    /// The words in clauses that `cue` puts at another time than now.
    fn timed(&self, found: &Found, cue: Slot) -> Vec<bool> {
        let words = &found.words;
        let mut starts = vec![false; words.len()];
        found.matches[self.breaks].iter().for_each(|m| starts[m.start] = true);
        let mut segments: Vec<std::ops::Range<usize>> = Vec::new();
        for i in 0..words.len() {
            match segments.last_mut() {
                Some(last) if !starts[i] && words[i].clause == words[i - 1].clause => last.end = i + 1,
                _ => segments.push(i..i + 1),
            }
        }
        let (cued, now) = (covered(words.len(), &found.matches[cue]), covered(words.len(), &found.matches[self.now]));
        let mut is_timed = vec![false; words.len()];
        let mut carried = false;
        for segment in segments {
            let is_cued = segment.clone().any(|i| cued[i]);
            let is_now = segment.clone().any(|i| now[i]);
            is_timed[segment.clone()].fill((is_cued || carried) && !is_now);
            // "Ten years ago, I had a seizure": a short opening sets the time of what follows it.
            let opens = segment.start == 0 || words[segment.start - 1].sentence != words[segment.start].sentence;
            carried = is_cued && opens && segment.len() <= 4 && !is_now;
        }
        is_timed
    }

    fn imagined(&self, found: &Found) -> Vec<bool> {
        let words = &found.words;
        let mut is_imagined = vec![false; words.len()];
        for m in &found.matches[self.imagined] {
            let sentence = words[m.start].sentence;
            let from = words.partition_point(|word| word.sentence < sentence);
            let to = words.partition_point(|word| word.sentence <= sentence);
            // "If someone faints" is imagined, "someone is choking, what do I do if he passes out" is not.
            is_imagined[from.max(m.start.saturating_sub(IMAGINED_BEFORE))..to].fill(true);
        }
        // A story is one to the end of its turn.
        for m in &found.matches[self.fiction] {
            let turn = found.turns.partition_point(|start| *start <= m.start);
            let from = turn.checked_sub(1).map_or(0, |turn| found.turns[turn]);
            let to = found.turns.get(turn).copied().unwrap_or(words.len());
            is_imagined[from..to].fill(true);
        }
        is_imagined
    }

    fn asked(&self, found: &Found) -> Vec<bool> {
        let words = &found.words;
        let asked = &found.matches[self.asked];
        let sentences = words.last().map_or(0, |word| word.sentence as usize + 1);
        let mut is_asked = vec![false; sentences];
        for m in asked {
            is_asked[words[m.start].sentence as usize] = true;
        }
        // The "I" of "how can I tell" is nobody with a symptom.
        let inside = covered(words.len(), asked);
        let mut names = vec![false; words.len()];
        for m in &found.matches[self.personal] {
            names[m.start] |= !(m.start..m.end).any(|i| inside[i]);
        }
        // From the clause that names somebody on, a sentence is about them: "what helps, my dad has chest pain".
        let mut flags = vec![false; words.len()];
        let (mut is_theirs, mut end) = (false, 0);
        for clause in words.chunk_by(|a, b| a.clause == b.clause) {
            let start = end;
            end += clause.len();
            let opens = start == 0 || words[start - 1].sentence != clause[0].sentence;
            is_theirs = (is_theirs && !opens) || names[start..end].contains(&true);
            flags[start..end].fill(is_asked[clause[0].sentence as usize] && !is_theirs);
        }
        flags
    }
}

/// For each word, in which frame it stands, and from which word on the turns count.
#[derive(Debug)]
pub(crate) struct Frames {
    negated: Vec<bool>,
    past: Vec<bool>,
    habit: Vec<bool>,
    asked: Vec<bool>,
    imagined: Vec<bool>,
    idiom: Vec<bool>,
    /// What may stand around a plain statement without changing it.
    filler: Vec<bool>,
    /// Where what may be an emergency begins: with the first turn, or with the last if that says that all is over.
    pub(crate) emergencies_from: usize,
    /// The same for what is not over because it has eased, or because somebody says so.
    pub(crate) lasting_from: usize,
    /// Where the question begins: with the last turn, or the one before if the last goes on from it.
    pub(crate) question_from: usize,
}

impl Frames {
    /// The frames that the words of `piece` stand in, by name.
    pub(crate) fn names(&self, piece: std::ops::Range<usize>) -> impl Iterator<Item = &'static str> {
        let all = [
            ("negated", &self.negated),
            ("past", &self.past),
            ("habit", &self.habit),
            ("asked", &self.asked),
            ("imagined", &self.imagined),
            ("idiom", &self.idiom),
        ];
        all.into_iter().filter_map(move |(name, flags)| flags[piece.clone()].contains(&true).then_some(name))
    }

    /// Whether the sentence of `m` says nothing else.
    pub(crate) fn is_alone(&self, m: Match, found: &Found) -> bool {
        let sentence = found.words[m.start].sentence;
        let from = found.words.partition_point(|word| word.sentence < sentence);
        let to = found.words.partition_point(|word| word.sentence <= sentence);
        m.end <= to && (from..m.start).chain(m.end..to).all(|i| self.filler[i])
    }

    /// Whether nothing is asked beside `m`.
    pub(crate) fn is_all_that_is_asked(&self, m: Match, found: &Found) -> bool {
        (self.question_from..m.start).chain(m.end..found.words.len()).all(|i| self.filler[i])
    }

    /// Whether `m` counts as present, given the frames that do not matter to its rule.
    pub(crate) fn is_live(&self, m: Match, even: &[Frame]) -> bool {
        let stands = |frame: Frame, flags: &[bool]| flags[m.start] && !even.contains(&frame);
        !stands(Frame::Negated, &self.negated)
            && !stands(Frame::Past, &self.past)
            && !stands(Frame::Habit, &self.habit)
            && !stands(Frame::Asked, &self.asked)
            && !stands(Frame::Imagined, &self.imagined)
            && (even.contains(&Frame::Idiom) || !(m.start..m.end).any(|i| self.idiom[i]))
    }
}

/// "It's gone now", and not "it's gone down to my jaw".
fn ends_its_clause(found: &Found, m: Match) -> bool {
    found.words.get(m.end).is_none_or(|next| next.clause != found.words[m.end - 1].clause)
}

fn covered(len: usize, matches: &[Match]) -> Vec<bool> {
    let mut flags = vec![false; len];
    for m in matches {
        flags[m.start..m.end].fill(true);
    }
    flags
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::Rules;

    const PIECES: [&str; 11] =
        ["no", "without", "fever", "or", "nor", "a cough", "dont have", "wheels", ",", ".", "but"];

    static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::embedded().expect("rules"));

    /// The same as [`Cues::negated`], however far each sentence goes.
    fn plainly_negated(cues: &Cues, found: &Found) -> Vec<bool> {
        let words = &found.words;
        let harmless = covered(words.len(), &found.matches[cues.not_negations]);
        let mut negated = vec![false; words.len()];
        for (slot, is_list) in [(cues.negations, false), (cues.lists, true)] {
            for cue in found.matches[slot].iter().filter(|cue| !(cue.start..cue.end).any(|i| harmless[i])) {
                let last = &words[cue.end - 1];
                let stops = |i: usize| found.matches[cues.stops].iter().any(|stop| stop.start == i);
                let ends = |i: &usize| words[*i].sentence != last.sentence || stops(*i);
                let limit = (cue.end..words.len()).find(ends).unwrap_or(words.len());
                let joins = |i: &usize| matches!(&*words[*i].text, "or" | "nor");
                let or = (cue.end..limit).take(3 * cues.reach).rfind(joins).filter(|_| is_list);
                let clause = (cue.end..limit).take_while(|i| words[*i].clause == last.clause).count();
                let end = or.map_or(cue.end + clause.min(cues.reach), |or| limit.min(or + 1 + cues.reach));
                negated[cue.end..end].fill(true);
            }
        }
        negated
    }

    proptest! {
        #[test]
        fn a_cue_reaches_as_far_in_a_long_sentence_as_its_words_say(
            pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..80),
        ) {
            let text = pieces.join(" ");
            let found = RULES.matcher.find(&[&text]);
            let cues = &RULES.cues;
            prop_assert_eq!(cues.negated(&found, &[]), plainly_negated(cues, &found), "{}", text);
        }
    }
}
