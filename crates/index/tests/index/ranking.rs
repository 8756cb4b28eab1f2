//! Are rankings exact, filtered and repeatable?

use std::collections::BTreeMap;

use clinqa_index::{
    Clause, EncoderIdentity, FieldWeights, Generation, GraphParams, LexicalQuery, PassageIndex as _, WriterConfig,
};
use clinqa_schema::{Date, Embedding, Filters, Hit, Metadata, Ranking};

use crate::support::{DIMENSION, Item, Seeded, config, five, ids, item, open, with_graph, words, words_only};

/// Documents of random words from a small vocabulary, so that many passages share many words and scores tie.
fn many(count: usize) -> Vec<Item> {
    let vocabulary = ["pain", "fever", "cough", "rash", "itch", "faint", "chill", "sweat", "cramp", "ache"];
    let mut seeded = Seeded(11);
    (0..count)
        .map(|number| {
            let text = |seeded: &mut Seeded| {
                let words: Vec<&str> = (0..4 + seeded.below(6)).map(|_| vocabulary[seeded.below(10)]).collect();
                words.join(" ")
            };
            let texts: Vec<String> = (0..=number % 3).map(|_| text(&mut seeded)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let metadata = Metadata {
                kind: ["leaflet", "guideline", "abstract"][number % 3].to_owned(),
                published: Date::new(&format!("{}", 2000 + number % 20)).ok(),
                audience: (number % 5 == 0).then(|| "clinician".to_owned()),
                ..Metadata::default()
            };
            item(&format!("d{number}"), &format!("Title {number}"), &texts, metadata, number as u64)
        })
        .collect()
}

fn filters() -> Vec<Filters> {
    let kind = |kind: &str| Filters { kind: Some(kind.to_owned()), ..Filters::default() };
    vec![
        kind("leaflet"),
        kind("nothing"),
        Filters { since: Date::new("2015").ok(), ..kind("guideline") },
        Filters { since: Date::new("2019").ok(), until: Date::new("2019").ok(), ..kind("abstract") },
        Filters { audience: Some("patient".to_owned()), ..Filters::default() },
    ]
}

/// What a filter must show: everything, filtered afterwards.
fn filtered(index: &Generation, everything: &Ranking, filters: &Filters, depth: usize) -> Ranking {
    let admits = |hit: &&Hit| filters.admits(index.metadata(&hit.passage_id.document).expect("metadata"));
    Ranking::new(everything.hits().iter().filter(admits).cloned().collect()).truncated(depth)
}

#[test]
fn filters_show_exactly_what_filtering_everything_would() {
    let folder = tempfile::tempdir().expect("a folder");
    let items = many(120);
    for config in [config(), with_graph()] {
        let index = open(folder.path(), &items, config);
        let query = words("fever cough rash");
        let near = Seeded(3).vector(DIMENSION);
        let all_lexical = index.lexical(&query, 1_000, &Filters::default()).expect("searched");
        let all_dense = index.dense(&near, 1_000, &Filters::default()).expect("searched");
        assert_eq!(all_dense.len(), 240, "every passage has a vector");
        for filters in filters() {
            for depth in [0, 1, 7, 1_000] {
                let lexical = index.lexical(&query, depth, &filters).expect("searched");
                assert_eq!(lexical, filtered(&index, &all_lexical, &filters, depth), "{filters:?} {depth}");
                let dense = index.dense(&near, depth, &filters).expect("searched");
                assert_eq!(dense, filtered(&index, &all_dense, &filters, depth), "{filters:?} {depth}");
            }
        }
    }
}

#[test]
fn two_builds_rank_alike_and_ties_stand_by_id() {
    let items = many(60);
    let rank = |items: &[Item]| {
        let folder = tempfile::tempdir().expect("a folder");
        let index = open(folder.path(), items, with_graph());
        let near = Seeded(5).vector(DIMENSION);
        let lexical = index.lexical(&words("pain itch"), 50, &Filters::default()).expect("searched");
        (lexical, index.dense(&near, 5, &Filters::default()).expect("searched"))
    };
    let first = rank(&items);
    let mut shuffled = items.clone();
    Seeded(8).shuffle(&mut shuffled);
    assert_eq!(rank(&shuffled), first);
    let mut by_score: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for hit in first.0.hits() {
        by_score.entry(hit.score.to_bits()).or_default().push(hit.passage_id.clone());
    }
    assert!(by_score.values().any(|tied| tied.len() > 1), "the test needs ties");
    assert!(by_score.values().all(|tied| tied.is_sorted()));
}

#[test]
fn identical_passages_are_all_found_in_the_order_of_their_ids() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut items: Vec<Item> =
        (0..300).map(|n| item(&format!("d{n:03}"), "Same", &["the very same words"], Metadata::default(), 1)).collect();
    items.extend(five());
    let index = open(folder.path(), &items, with_graph());
    let expected: Vec<String> = (0..10).map(|n| format!("d{n:03}#0")).collect();
    let lexical = index.lexical(&words("same words"), 10, &Filters::default()).expect("searched");
    assert_eq!(ids(&lexical), expected);
    let dense = index.dense(&items[0].2[0], 10, &Filters::default()).expect("searched");
    assert!(dense.hits().iter().all(|hit| (hit.score - 1.0).abs() < 1e-5));
    for (_, passages, embeddings) in five() {
        for (passage, embedding) in passages.iter().zip(&embeddings) {
            let nearest = index.dense(embedding, 1, &Filters::default()).expect("searched");
            assert!(nearest.hits()[0].score > 0.9999, "{}", passage.id());
        }
    }
}

#[test]
fn hostile_queries_are_words_like_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(folder.path(), &five(), words_only());
    let check = |text: &str, found: bool| {
        let clause = Clause { text: text.to_owned(), weight: 1.0 };
        let query = LexicalQuery { clauses: vec![clause], weights: FieldWeights::default() };
        let ranking = index.lexical(&query, 10, &Filters::default()).expect("searched");
        assert_eq!(!ranking.is_empty(), found, "{}", text.chars().take(40).collect::<String>());
    };
    check(&"(".repeat(100_000), false);
    check(&format!("{}gout", "(".repeat(10_000)), true);
    check("metformin: >7 AND NOT [a TO b]^3", true);
    check("body:\"gout\"~2", true);
    check("", false);
    check("\0\u{feff}\u{202e}", false);
    check(&"x".repeat(1_000_000), false);
    let many: Vec<String> = (0..10_000).map(|n| format!("word{n}")).collect();
    check(&many.join(" "), false);
    let weights = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0];
    for weight in weights {
        let clauses = vec![Clause { text: "gout".to_owned(), weight }];
        let query = LexicalQuery { clauses, weights: FieldWeights::default() };
        assert!(index.lexical(&query, 10, &Filters::default()).expect("searched").is_empty(), "{weight}");
    }
    let everywhere = FieldWeights { title: f32::NAN, heading: -1.0, synonyms: 0.0, body: 0.0 };
    let query = LexicalQuery { weights: everywhere, ..words("gout") };
    assert!(index.lexical(&query, 10, &Filters::default()).expect("searched").is_empty());
}

#[test]
fn the_heaviest_words_count_when_there_are_too_many() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(folder.path(), &five(), words_only());
    let mut clauses: Vec<Clause> = (0..500).map(|n| Clause { text: format!("word{n}"), weight: 0.5 }).collect();
    clauses.push(Clause { text: "gout".to_owned(), weight: 1.0 });
    let query = LexicalQuery { clauses, weights: FieldWeights::default() };
    assert_eq!(index.lexical(&query, 10, &Filters::default()).expect("searched").len(), 2);
}

#[test]
fn a_heavier_word_and_a_heavier_field_rank_higher() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = open(folder.path(), &five(), words_only());
    let first = |gout: f32, scurvy: f32| {
        let clause = |text: &str, weight| Clause { text: text.to_owned(), weight };
        let clauses = vec![clause("gout", gout), clause("scurvy", scurvy)];
        let query = LexicalQuery { clauses, weights: FieldWeights::default() };
        ids(&index.lexical(&query, 1, &Filters::default()).expect("searched")).remove(0)
    };
    assert_eq!(first(1.0, 9.0), "scurvy#0");
    assert!(first(9.0, 1.0).starts_with("gout"));
    let synonyms_only = FieldWeights { title: 0.0, heading: 0.0, synonyms: 1.0, body: 0.0 };
    let query = LexicalQuery { weights: synonyms_only, ..words("headache") };
    assert_eq!(ids(&index.lexical(&query, 9, &Filters::default()).expect("searched")), ["migraine#0"]);
}

#[test]
fn a_walk_finds_what_comparing_everything_finds() {
    const POINTS: usize = 5_000;
    const WIDTH: usize = 64;
    let mut seeded = Seeded(21);
    let centres: Vec<Embedding> = (0..50).map(|_| seeded.vector(WIDTH)).collect();
    let near_a_centre = |seeded: &mut Seeded| {
        let centre = &centres[seeded.below(centres.len())];
        let vector = centre.as_slice().iter().map(|x| x + 0.12 * seeded.component()).collect();
        Embedding::normalised(vector).expect("a direction")
    };
    let items: Vec<Item> = (0..POINTS)
        .map(|number| {
            let kind = ["leaflet", "guideline"][number % 2].to_owned();
            let metadata = Metadata { kind, ..Metadata::default() };
            let (document, passages, _) = item(&format!("d{number:05}"), "T", &["words"], metadata, 0);
            let embedding = near_a_centre(&mut seeded);
            (document, passages, vec![embedding])
        })
        .collect();
    let queries: Vec<Embedding> = (0..200).map(|_| near_a_centre(&mut seeded)).collect();
    let encoder = Some(EncoderIdentity { dimension: WIDTH, ..crate::support::encoder("wide") });
    let with = |exact_below| {
        let folder = tempfile::tempdir().expect("a folder");
        let graph = GraphParams { m: 12, ef_construction: 100, ef_search: 96, exact_below };
        let index = open(folder.path(), &items, WriterConfig { encoder: encoder.clone(), graph, ..config() });
        (folder, index)
    };
    let ((_a, walk), (_b, exact)) = (with(100), with(POINTS));
    let has_graph = |index: &Generation| index.manifest().files.iter().any(|entry| entry.file == "graph.u32");
    assert!(has_graph(&walk) && !has_graph(&exact));
    let half = Filters { kind: Some("guideline".to_owned()), ..Filters::default() };
    for filters in [Filters::default(), half] {
        let mut found = 0;
        for query in &queries {
            let wanted = ids(&exact.dense(query, 10, &filters).expect("searched"));
            let got = ids(&walk.dense(query, 10, &filters).expect("searched"));
            found += wanted.iter().filter(|id| got.contains(id)).count();
        }
        let recall = found as f64 / (10 * queries.len()) as f64;
        assert!(recall >= 0.99, "recall@10 is {recall}");
    }
    for (_, passages, embeddings) in &items {
        let nearest = walk.dense(&embeddings[0], 1, &Filters::default()).expect("searched");
        assert_eq!(nearest.hits()[0].passage_id, *passages[0].id());
    }
}
