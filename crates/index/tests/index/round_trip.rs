//! Does what went in come out?

use clinqa_index::{ContentKey, IndexError, PassageIndex as _, Store, WriterConfig};
use clinqa_schema::{Filters, Metadata, Observer, Progress, Silent, Stage};

use crate::support::{
    DIMENSION, Item, Seeded, config, encoder, five, ids, item, open, publish, with_graph, words, words_only,
};

#[test]
fn everything_that_was_added_is_found_and_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let items = five();
    let index = open(folder.path(), &items, config());
    assert_eq!((index.manifest().counts.documents, index.manifest().counts.passages), (5, 9));
    for (document, passages, embeddings) in &items {
        assert_eq!(index.document(&document.id).expect("read").as_ref(), Some(document));
        assert_eq!(index.metadata(&document.id), Some(&document.metadata));
        for (passage, embedding) in passages.iter().zip(embeddings) {
            assert_eq!(index.passage(passage.id()).expect("read").as_ref(), Some(passage));
            assert_eq!(index.embedding_of(&ContentKey::of(passage)).as_ref(), Some(embedding));
            let nearest = index.dense(embedding, 1, &Filters::default()).expect("searched");
            assert_eq!(ids(&nearest), [passage.id().to_string()]);
        }
    }
}

#[test]
fn what_was_not_added_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(folder.path(), &five(), config());
    for id in ["asthma#2", "nothing#0", "a#0", "zzz#0"] {
        assert_eq!(index.passage(&id.parse().expect("an id")).expect("read"), None, "{id}");
    }
    assert!(index.document(&"nothing".parse().expect("an id")).expect("read").is_none());
    assert!(index.metadata(&"nothing".parse().expect("an id")).is_none());
    assert!(index.embedding_of(&ContentKey::of_text("nothing")).is_none());
}

#[test]
fn words_are_found_in_text_title_heading_and_synonyms() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(folder.path(), &five(), words_only());
    let check = |query: &str, expected: &[&str]| {
        let ranking = index.lexical(&words(query), 10, &Filters::default()).expect("searched");
        assert_eq!(ids(&ranking), expected, "{query}");
    };
    check("wheezes", &["asthma#0"]);
    check("CRYSTAL", &["gout#1"]);
    check("scurvy", &["scurvy#0"]);
    check("t2dm metformin", &["diabetes#1", "diabetes#0", "diabetes#2"]);
}

#[test]
fn an_index_of_words_only_says_so_when_asked_for_vectors() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(folder.path(), &five(), words_only());
    let query = Seeded(1).vector(DIMENSION);
    let error = index.dense(&query, 3, &Filters::default()).expect_err("no vectors");
    assert!(matches!(error, IndexError::LexicalOnly { .. }), "{error}");
    assert!(matches!(index.require_encoder(&encoder("tiny")), Err(IndexError::LexicalOnly { .. })));
    assert!(index.embedding_of(&ContentKey::of(&five()[0].1[0])).is_none());
}

#[test]
fn a_query_of_another_dimension_is_an_error_and_not_a_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(folder.path(), &five(), config());
    for dimension in [1, DIMENSION - 1, DIMENSION + 1, 768] {
        let error = index.dense(&Seeded(1).vector(dimension), 3, &Filters::default()).expect_err("another dimension");
        assert!(matches!(error, IndexError::Dimension { expected: DIMENSION, .. }), "{error}");
    }
}

#[test]
fn another_encoder_is_refused_with_both_cures() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(folder.path(), &five(), config());
    index.require_encoder(&encoder("tiny")).expect("the same encoder");
    let message = index.require_encoder(&encoder("other")).expect_err("another encoder").to_string();
    assert_eq!(
        message,
        "the index was made with encoder tiny (fingerprint tiny-0123), but other (fingerprint other-0123) is loaded; \
         run `clinqa rebuild --encoder other` or pass `--encoder tiny`"
    );
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    let build = |items: &[Item]| {
        let folder = tempfile::tempdir().expect("a folder");
        let index = open(folder.path(), items, with_graph());
        let query = Seeded(9).vector(DIMENSION);
        let dense = index.dense(&query, 9, &Filters::default()).expect("searched");
        let lexical = index.lexical(&words("blood sugar headache acid"), 9, &Filters::default()).expect("searched");
        (index.manifest().content_hash.clone(), dense, lexical)
    };
    let mut items = five();
    let first = build(&items);
    for round in 0..3 {
        Seeded(round).shuffle(&mut items);
        assert_eq!(build(&items), first);
    }
}

#[test]
fn the_content_hash_follows_text_metadata_and_encoder_and_nothing_else() {
    let hash = |items: &[Item], config: WriterConfig| {
        let folder = tempfile::tempdir().expect("a folder");
        open(folder.path(), items, config).manifest().content_hash.clone()
    };
    let plain = hash(&five(), config());
    assert_eq!(plain, hash(&five(), WriterConfig { created: 5, ..config() }));
    assert_ne!(plain, hash(&five(), words_only()));
    assert_ne!(plain, hash(&five(), WriterConfig { encoder: Some(encoder("other")), ..config() }));
    assert_ne!(plain, hash(&five()[1..], config()));
    let mut other = five();
    other[0].0.metadata.kind = "guideline".to_owned();
    assert_ne!(plain, hash(&other, config()));
}

#[test]
fn progress_is_told_stage_by_stage_up_to_the_end() {
    struct Heard(Vec<Progress>);
    impl Observer for Heard {
        fn observe(&mut self, progress: &Progress) {
            self.0.push(progress.clone());
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = Store::at(folder.path()).writer(with_graph()).expect("a writer");
    for (document, passages, embeddings) in &five() {
        writer.add(document, passages, Some(embeddings)).expect("added");
    }
    let mut heard = Heard(Vec::new());
    writer.finish(&mut heard).expect("sealed");
    for stage in [Stage::Lexical, Stage::Dense, Stage::Seal] {
        let last = heard.0.iter().rfind(|progress| progress.stage == stage).expect("told");
        assert_eq!(Some(last.done), last.total, "{stage:?}");
    }
}

#[test]
fn a_document_that_breaks_the_rules_is_refused_and_the_others_go_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::at(folder.path());
    let mut writer = store.writer(config()).expect("a writer");
    let items = five();
    let (document, passages, embeddings) = &items[1];
    let check = |error: Result<(), IndexError>, part: &str| {
        let message = error.expect_err(part).to_string();
        assert!(message.contains(part), "{message}");
    };
    check(writer.add(document, passages, None), "3 vectors are needed and 0 came");
    check(writer.add(document, passages, Some(&embeddings[1..])), "3 vectors are needed and 2 came");
    let wide: Vec<_> = (0..3).map(|seed| Seeded(seed).vector(DIMENSION + 1)).collect();
    check(writer.add(document, passages, Some(&wide)), "9 components where the index has 8");
    check(writer.add(document, &items[2].1, Some(&embeddings[1..])), "it is not cut from it");
    let reversed: Vec<_> = passages.iter().rev().cloned().collect();
    check(writer.add(document, &reversed, Some(embeddings)), "stands out of order");
    let mut empty = document.clone();
    empty.text = " ".to_owned();
    check(writer.add(&empty, &[], Some(&[])), "holds no text");
    for (document, passages, embeddings) in &items {
        writer.add(document, passages, Some(embeddings)).expect("added");
    }
    check(writer.add(document, passages, Some(embeddings)), "another one has the same id");
    let sealed = writer.finish(&mut Silent).expect("sealed");
    assert_eq!(sealed.manifest().counts.documents, 5);
    assert_eq!(sealed.open().expect("open before it is published").manifest().id, *sealed.id());
}

#[test]
fn an_index_of_nothing_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = Store::at(folder.path()).writer(config()).expect("a writer");
    assert!(matches!(writer.finish(&mut Silent), Err(IndexError::Empty)));
    let parameters = clinqa_index::GraphParams { m: 300, ..Default::default() };
    let refused = Store::at(folder.path()).writer(WriterConfig { graph: parameters, ..config() });
    assert!(matches!(refused.err(), Some(IndexError::Parameter { parameter: "m", .. })));
}

#[test]
fn a_document_without_passages_is_kept_for_reading() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut items = five();
    items.push(item("zero", "Nothing to find", &["Words"], Metadata::default(), 7));
    items[5].1.clear();
    items[5].2.clear();
    let store = publish(folder.path(), &items, config());
    let index = store.open_current().expect("open");
    assert!(index.document(&items[5].0.id).expect("read").is_some());
    assert_eq!(index.manifest().counts.passages, 9);
}
