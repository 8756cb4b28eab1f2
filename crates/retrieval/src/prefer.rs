//! What comes first of what was found (pure)? Documents that the question names, sections under the heading it asks for,
//! and not one document alone.

use std::collections::BTreeMap;

use clinqa_index::FaqHit;
use clinqa_schema::{DocumentId, Hit, Passage, PassageId, Ranking, Standing, StandingState};

/// The cosine from which on a question is like another that people ask.
pub const ALIKE: f32 = 0.6;

/// What a name and a heading are worth, in fused scores (0 to 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preference {
    /// Of a document whose name stands in the question.
    pub topic: f32,
    /// Of a section under the heading that is asked for.
    pub heading: f32,
    /// Of a passage that answers what people ask in the very same words; of less like questions less.
    pub asked: f32,
    /// Taken from a document that was superseded or withdrawn: half of what the best and the worst hit differ by.
    pub fallen: f32,
    /// Passages of one document among those that are read.
    pub per_document: usize,
}

impl Default for Preference {
    /// Chosen on the dev half of the starter questions; see `crates/README.md`.
    fn default() -> Self {
        Self { topic: 0.3, heading: 0.15, asked: 0.5, fallen: 0.5, per_document: 5 }
    }
}

/// `ranking` with the documents in `named` (each with the share of its name, 0 to 1) moved up.
pub(crate) fn by_topic(ranking: &Ranking, named: &BTreeMap<DocumentId, f32>, preference: Preference) -> Ranking {
    if named.is_empty() {
        return ranking.clone();
    }
    let bonus = |hit: &Hit| preference.topic * named.get(&hit.passage_id.document).copied().unwrap_or(0.0);
    let hit = |hit: &Hit| Hit { passage_id: hit.passage_id.clone(), score: hit.score + bonus(hit) };
    Ranking::new(ranking.hits().iter().map(hit).collect())
}

/// `ranking` with the passages moved up that answer what people ask in words like the question's; those that were not found
/// are put in.
pub(crate) fn by_asked(ranking: &Ranking, faq: &[FaqHit], preference: Preference) -> Ranking {
    let mut bonus: BTreeMap<&PassageId, f32> = BTreeMap::new();
    for hit in faq.iter().filter(|hit| hit.score > ALIKE) {
        let worth = preference.asked * (hit.score - ALIKE) / (1.0 - ALIKE);
        for (passage, _) in &hit.entry.answers {
            let most = bonus.entry(passage).or_default();
            *most = most.max(worth);
        }
    }
    if bonus.is_empty() {
        return ranking.clone();
    }
    let mut hits: Vec<Hit> = ranking.hits().to_vec();
    for hit in &mut hits {
        hit.score += bonus.remove(&hit.passage_id).unwrap_or(0.0);
    }
    hits.extend(bonus.into_iter().map(|(passage, score)| Hit { passage_id: passage.clone(), score }));
    Ranking::new(hits)
}

/// `ranking` with documents moved down that a notice withdrew or another document has superseded, the latter below what took
/// its place; they are still found.
pub(crate) fn by_standing<'a>(
    ranking: &Ranking,
    standing: impl Fn(&DocumentId) -> Option<&'a Standing>,
    preference: Preference,
) -> Ranking {
    let fallen =
        |hit: &Hit| standing(&hit.passage_id.document).filter(|found| found.state >= StandingState::Superseded);
    if !ranking.hits().iter().any(|hit| fallen(hit).is_some()) {
        return ranking.clone();
    }
    let best_of = |document: &str| {
        let hit = ranking.hits().iter().find(|hit| hit.passage_id.document.as_str() == document);
        hit.map_or(f32::INFINITY, |hit| hit.score.next_down())
    };
    let score = |hit: &Hit| match fallen(hit) {
        Some(found) => (hit.score - preference.fallen).min(best_of(found.notice.as_deref().unwrap_or_default())),
        None => hit.score,
    };
    Ranking::new(
        ranking.hits().iter().map(|hit| Hit { passage_id: hit.passage_id.clone(), score: score(hit) }).collect(),
    )
}

/// `ranking` with those of `passages` moved up that stand under one of `headings`.
pub(crate) fn by_heading(
    ranking: &Ranking,
    passages: &[Passage],
    headings: &[&str],
    preference: Preference,
) -> Ranking {
    let asked_for = |passage: &&Passage| headings.iter().any(|heading| passage.heading().starts_with(heading));
    let asked_for: Vec<&PassageId> = passages.iter().filter(asked_for).map(Passage::id).collect();
    let bonus = |id: &PassageId| if asked_for.contains(&id) { preference.heading } else { 0.0 };
    let hit = |hit: &Hit| Hit { passage_id: hit.passage_id.clone(), score: hit.score + bonus(&hit.passage_id) };
    Ranking::new(ranking.hits().iter().map(hit).collect())
}

/// `ranking` with one document of each group that says nearly the same: the one that ranks best stands for its siblings, of
/// which each names the first few.
pub(crate) fn one_of_each<'a>(ranking: &Ranking, siblings: impl Fn(&DocumentId) -> &'a [DocumentId]) -> Ranking {
    let mut speakers: BTreeMap<&DocumentId, &DocumentId> = BTreeMap::new();
    let mut kept = Vec::new();
    for hit in ranking.hits() {
        let document = &hit.passage_id.document;
        // The least of a document and the first that it names is the same for its whole group.
        let group = siblings(document).first().filter(|first| *first < document).unwrap_or(document);
        if *speakers.entry(group).or_insert(document) == document {
            kept.push(hit.clone());
        }
    }
    Ranking::new(kept)
}

/// The first `count` names of `ranking`, so many of each document at most; what that leaves out fills up at the end.
pub(crate) fn diverse(ranking: &Ranking, count: usize, preference: Preference) -> Vec<PassageId> {
    let mut taken: BTreeMap<&DocumentId, usize> = BTreeMap::new();
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for hit in ranking.hits() {
        let of_document = taken.entry(&hit.passage_id.document).or_default();
        *of_document += 1;
        let list = if *of_document <= preference.per_document { &mut first } else { &mut rest };
        list.push(hit.passage_id.clone());
    }
    first.extend(rest);
    first.truncate(count);
    first
}

#[cfg(test)]
mod tests {
    use clinqa_index::FaqEntry;
    use clinqa_schema::{Document, Metadata, SourceLocator};

    use super::*;

    fn id(name: &str, ordinal: u32) -> PassageId {
        PassageId::new(DocumentId::new(name).expect("an id"), ordinal)
    }

    fn ranking() -> Ranking {
        let hits = [("a", 0, 0.9), ("a", 1, 0.8), ("b", 0, 0.7), ("a", 2, 0.6), ("c", 0, 0.5)];
        Ranking::new(hits.map(|(name, at, score)| Hit { passage_id: id(name, at), score }).into())
    }

    fn names(ids: &[PassageId]) -> Vec<String> {
        ids.iter().map(ToString::to_string).collect()
    }

    const PREFERENCE: Preference = Preference { topic: 0.3, heading: 0.15, asked: 0.5, fallen: 0.5, per_document: 2 };

    #[test]
    fn what_answers_a_question_that_is_like_this_one_comes_first_found_or_not() {
        let asked = |passage: PassageId, score| FaqHit {
            entry: FaqEntry { question: String::new(), title: String::new(), answers: vec![(passage, 0..1)] },
            score,
        };
        let faq = [asked(id("c", 0), 0.96), asked(id("d", 3), 1.0), asked(id("d", 3), 0.9), asked(id("b", 0), 0.6)];
        let found = by_asked(&ranking(), &faq, PREFERENCE);
        let scores: Vec<f32> = found.hits().iter().map(|hit| (hit.score * 100.0).round()).collect();
        assert_eq!(found.hits()[0].passage_id, id("c", 0));
        assert_eq!(scores, [95.0, 90.0, 80.0, 70.0, 60.0, 50.0]);
        assert_eq!(found.score_of(&id("d", 3)), Some(0.5), "no word and no vector found it");
        assert_eq!(by_asked(&ranking(), &[], PREFERENCE), ranking());
    }

    #[test]
    fn a_document_that_is_named_comes_first() {
        let named = BTreeMap::from([(DocumentId::new("b").expect("an id"), 1.0)]);
        assert_eq!(by_topic(&ranking(), &named, PREFERENCE).hits()[0].passage_id, id("b", 0));
        assert_eq!(by_topic(&ranking(), &BTreeMap::new(), PREFERENCE), ranking());
    }

    #[test]
    fn what_no_longer_stands_is_found_below_what_does() {
        let fallen = |state, notice: Option<&str>| Standing { state, notice: notice.map(str::to_owned), since: None };
        let (superseded, corrected) =
            (fallen(StandingState::Superseded, Some("c")), fallen(StandingState::Corrected, Some("c")));
        let standing = |id: &DocumentId| match id.as_str() {
            "a" => Some(&superseded),
            "b" => Some(&corrected),
            _ => None,
        };
        let order = |preference: Preference| {
            let moved = by_standing(&ranking(), standing, preference);
            moved.hits().iter().map(|hit| hit.passage_id.document.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(order(PREFERENCE), ["b", "c", "a", "a", "a"], "a correction takes nothing away");
        let mild = Preference { fallen: 0.01, ..PREFERENCE };
        assert_eq!(order(mild), ["b", "c", "a", "a", "a"], "never above what took its place");
        assert_eq!(by_standing(&ranking(), |_| Some(&corrected), PREFERENCE), ranking());
    }

    #[test]
    fn the_heading_that_is_asked_for_moves_up() {
        let document = Document {
            id: DocumentId::new("b").expect("an id"),
            title: "T".into(),
            text: "Rest.".into(),
            sections: Vec::new(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        let passage = Passage::cut(&document, 0, "Treatment", 0..5).expect("a passage");
        let moved = by_heading(&ranking(), &[passage], &["Treatment"], PREFERENCE);
        assert_eq!(moved.hits()[1].passage_id, id("b", 0));
    }

    #[test]
    fn the_best_of_documents_that_say_the_same_stands_for_them_all() {
        let group = ["a", "b"].map(|name| DocumentId::new(name).expect("an id"));
        let siblings = |id: &DocumentId| match id.as_str() {
            "a" => std::slice::from_ref(&group[1]),
            "b" => std::slice::from_ref(&group[0]),
            _ => &[],
        };
        let kept = one_of_each(&ranking(), siblings);
        let kept: Vec<String> = kept.hits().iter().map(|hit| hit.passage_id.to_string()).collect();
        assert_eq!(kept, ["a#0", "a#1", "a#2", "c#0"]);
        assert_eq!(one_of_each(&ranking(), |_| &[]), ranking());
        // Of a large group each names the first few alone.
        let group: Vec<DocumentId> =
            "abcdefgh".chars().map(|c| DocumentId::new(c.to_string()).expect("an id")).collect();
        let others = |id: &DocumentId| group.iter().filter(|other| *other != id).take(5).cloned().collect::<Vec<_>>();
        let named: BTreeMap<&DocumentId, Vec<DocumentId>> = group.iter().map(|id| (id, others(id))).collect();
        for speaker in &group {
            let order = std::iter::once(speaker).chain(group.iter().filter(|other| *other != speaker));
            let score = |document: &DocumentId| if document == speaker { 0.9 } else { 0.5 };
            let hit =
                |document| Hit { passage_id: PassageId::new(DocumentId::clone(document), 0), score: score(document) };
            let hits = order.map(hit);
            let kept = one_of_each(&Ranking::new(hits.collect()), |id| &named[id]);
            assert_eq!(kept.hits().len(), 1, "{speaker}");
        }
    }

    #[test]
    fn one_document_does_not_fill_the_list() {
        assert_eq!(names(&diverse(&ranking(), 4, PREFERENCE)), ["a#0", "a#1", "b#0", "c#0"]);
        assert_eq!(names(&diverse(&ranking(), 9, PREFERENCE)), ["a#0", "a#1", "b#0", "c#0", "a#2"]);
    }
}
