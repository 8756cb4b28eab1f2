//! Is what people ask found again, with what answers it, and never what is hidden?

use clinqa_index::{ContentKey, FaqEntry, IndexError, PassageIndex as _, Store, WriterConfig};
use clinqa_schema::{Embedding, Filters, Passage, Silent};

use crate::support::{DIMENSION, Seeded, config, five, open, words_only};

/// A question to each passage of the five documents, with its vector.
fn questions() -> Vec<(FaqEntry, Embedding)> {
    let mut seeded = Seeded(77);
    let passages = five().into_iter().flat_map(|(_, passages, _)| passages);
    let entry = |passage: &Passage| FaqEntry {
        question: format!("what of {}?", passage.id()),
        title: passage.title().to_owned(),
        answers: vec![(passage.id().clone(), 0..passage.text().len() - 1)],
    };
    passages.map(|passage| (entry(&passage), seeded.vector(DIMENSION))).collect()
}

fn with_questions(store: &Store, config: WriterConfig, asked: &[(FaqEntry, Embedding)]) -> Result<(), IndexError> {
    let has_vectors = config.encoder.is_some();
    let mut writer = store.writer(config)?;
    for (document, passages, embeddings) in five() {
        writer.add(&document, &passages, has_vectors.then_some(&embeddings))?;
    }
    for (entry, embedding) in asked {
        writer.ask(entry.clone(), embedding.clone())?;
    }
    let sealed = writer.finish(&mut Silent)?;
    store.publish(&sealed)
}

#[test]
fn a_question_is_found_by_its_vector_with_the_place_of_its_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, asked) = (Store::at(folder.path()), questions());
    with_questions(&store, config(), &asked).expect("published");
    let index = store.open_current().expect("open");
    for (entry, embedding) in &asked {
        let found = index.faq(embedding, 3, &Filters::default()).expect("searched");
        assert_eq!((found.len(), &found[0].entry), (3, entry));
        assert!((found[0].score - 1.0).abs() < 1e-3 && found.is_sorted_by(|a, b| a.score >= b.score));
        let kept = index.embedding_of(&ContentKey::of_text(&entry.contextual_text())).expect("a vector");
        assert!(kept.cosine(embedding) > 0.999);
    }
    assert_eq!(index.faq(&asked[0].1, 100, &Filters::default()).expect("searched").len(), asked.len());
    let odd = index.faq(&Seeded(1).vector(DIMENSION + 1), 3, &Filters::default()).expect_err("another dimension");
    assert!(matches!(odd, IndexError::Dimension { expected: DIMENSION, .. }), "{odd}");
}

#[test]
fn a_filter_and_a_withdrawal_leave_out_what_they_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, asked) = (Store::at(folder.path()), questions());
    with_questions(&store, config(), &asked).expect("published");
    let index = store.open_current().expect("open");
    let documents = |index: &dyn clinqa_index::PassageIndex, filters: &Filters| -> Vec<String> {
        let found = index.faq(&asked[0].1, 100, filters).expect("searched");
        let mut ids: Vec<String> = found.iter().map(|hit| hit.entry.answers[0].0.document.to_string()).collect();
        ids.sort();
        ids.dedup();
        ids
    };
    let guidelines = Filters { kind: Some("guideline".into()), ..Filters::default() };
    assert_eq!(documents(&index, &guidelines), ["diabetes", "scurvy"]);
    let has_faq = |index: &dyn clinqa_index::PassageIndex| {
        ["asthma", "gout", "scurvy", "zzz"].map(|id| index.has_faq(&id.parse().expect("an id")))
    };
    assert_eq!(has_faq(&index), [true, true, true, false]);
    store.withdraw(&["gout".parse().expect("an id")], "wrong", clinqa_schema::Moment(1)).expect("withdrawn");
    let without = index.without(&store.withdrawn().expect("readable"));
    assert_eq!(documents(without.as_ref(), &Filters::default()), ["asthma", "diabetes", "migraine", "scurvy"]);
    assert_eq!(has_faq(without.as_ref()), [true, false, true, false], "what is hidden is not known");
}

#[test]
fn questions_belong_to_the_content_and_an_index_may_have_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let hash = |asked: &[(FaqEntry, Embedding)], config: WriterConfig| {
        let root = folder.path().join(asked.len().to_string());
        let store = Store::at(&root);
        with_questions(&store, config, asked).expect("published");
        store.open_current().expect("open").manifest().content_hash.clone()
    };
    let asked = questions();
    let plain = tempfile::tempdir().expect("a folder");
    let without = open(plain.path(), &five(), config());
    assert_eq!(hash(&[], config()), without.manifest().content_hash);
    assert_ne!(hash(&asked[..1], config()), without.manifest().content_hash);
    let one = Store::at(folder.path().join("1")).open_current().expect("open");
    let asthma = asked[0].0.answers[0].0.document.clone();
    assert!(one.has_faq(&asthma) && !one.has_faq(&"gout".parse().expect("an id")) && !without.has_faq(&asthma));
    assert!(without.faq(&asked[0].1, 3, &Filters::default()).expect("searched").is_empty());
    let words = tempfile::tempdir().expect("a folder");
    let store = Store::at(words.path());
    with_questions(&store, words_only(), &asked).expect("an index of words only takes none");
    assert!(store.open_current().expect("open").faq(&asked[0].1, 3, &Filters::default()).expect("none").is_empty());
}

#[test]
fn a_question_about_a_passage_that_is_not_there_is_refused_and_so_is_another_dimension() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::at(folder.path());
    let lost = FaqEntry {
        question: "what?".into(),
        title: "Gout".into(),
        answers: vec![("gout#7".parse().expect("an id"), 0..1)],
    };
    let error = with_questions(&store, config(), &[(lost, Seeded(1).vector(DIMENSION))]).expect_err("nowhere");
    assert!(matches!(error, IndexError::ForeignPassage { .. }), "{error}");
    let (entry, _) = questions().remove(0);
    let error = with_questions(&store, config(), &[(entry, Seeded(1).vector(3))]).expect_err("another dimension");
    assert!(matches!(error, IndexError::Dimension { found: 3, .. }), "{error}");
    assert!(store.current().expect("readable").is_none(), "nothing is published");
}
