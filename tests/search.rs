//! Are passages listed without being read, in order, each from where it says?

use serde_json::{Value, json};

use crate::support::{Project, arg, bounds, check_citation, data, five, five_markdown, list};

const RASH: &str = "shingles rash";

fn found(project: &Project, args: &[&str]) -> Value {
    project.run(&[&["search", "--json"], args].concat()).expect(0).json()
}

fn ids(found: &Value) -> Vec<&str> {
    list(&found["results"]).iter().filter_map(|passage| passage["passage_id"].as_str()).collect()
}

#[test]
fn passages_are_listed_best_first_and_ties_by_name() {
    let found = found(five(), &["--top-k", "12", RASH]);
    let results = list(&found["results"]);
    assert_eq!(results.len(), 12, "the five documents make twelve passages");
    assert_eq!(results[0]["document_id"], "shingles");
    let keys: Vec<(f64, &str)> = results
        .iter()
        .map(|passage| (-passage["score"].as_f64().expect("a score"), passage["passage_id"].as_str().expect("an id")))
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    assert!(found["generation"].as_str().is_some_and(|id| id.starts_with("g000001-")), "{found}");
}

#[test]
fn a_listed_passage_is_the_text_between_its_bounds() {
    let markdown = five_markdown("shingles");
    let body: Vec<char> = markdown.rsplit("---\n").next().expect("a body").trim().chars().collect();
    let found = found(five(), &[RASH]);
    let mut compared = 0;
    for passage in list(&found["results"]) {
        check_citation(passage);
        if passage["document_id"] == "shingles" {
            let [start, end, ..] = bounds(passage);
            assert_eq!(passage["quote"], body[start..end].iter().collect::<String>());
            compared += 1;
        }
    }
    assert_eq!(compared, 2);
}

#[test]
fn top_k_filters_and_dates_are_obeyed() {
    assert_eq!(ids(&found(five(), &["--top-k", "1", RASH])).len(), 1);
    assert_eq!(ids(&found(five(), &[RASH])).len(), 10, "ten unless asked otherwise");
    let guidelines = found(five(), &["--filter", "kind=guideline", RASH]);
    assert!(list(&guidelines["results"]).iter().all(|passage| passage["kind"] == "guideline"), "{guidelines}");
    assert_eq!(ids(&found(five(), &["--filter", "kind=poem", RASH])), [""; 0]);
    let nothing = five().run(&["search", "--filter", "kind=poem", RASH]).expect(0).stdout;
    assert!(nothing.starts_with("Nothing found"), "{nothing}");
    five().run(&["search", "--filter", "colour=red", RASH]).refused(2, &["kind"]);
    five().run(&["search", "--top-k", "0", RASH]).expect(2);
}

#[test]
fn words_alone_find_only_passages_that_hold_one() {
    let found = found(five(), &["--lexical-only", "--explain", "preventer"]);
    assert_eq!(ids(&found), ["asthma#2"]);
    assert_eq!(found["trace"]["dense"], json!([]));
}

#[test]
fn lay_words_of_the_front_matter_find_a_document_that_does_not_use_them() {
    let found = found(five(), &["--lexical-only", "herpes zoster"]);
    assert!(ids(&found).iter().all(|id| id.starts_with("shingles#")) && !ids(&found).is_empty(), "{found}");
}

#[test]
fn words_are_found_whatever_their_ending() {
    for query in ["inhalers", "inhaler", "INHALER's"] {
        let found = found(five(), &["--lexical-only", query]);
        assert_eq!(ids(&found)[0], "asthma#2", "{query}");
    }
}

#[test]
fn what_looks_like_a_query_language_is_plain_text() {
    let nested = "(".repeat(1_500);
    let deep = format!("{nested} asthma");
    for query in ["title:asthma", "asthma AND (NOT", "\"asthma", "asthma~2^9 [a TO z]", "glucose: >7 asthma", &deep] {
        let found = found(five(), &["--lexical-only", query]);
        assert!(ids(&found).iter().any(|id| id.starts_with("asthma#")), "{query}: {found}");
    }
}

#[test]
fn the_list_for_people_names_passage_publisher_and_score() {
    let human = five().run(&["search", "--top-k", "2", "--explain", RASH]).expect(0).stdout;
    for part in [" 1. Shingles", " 2. ", "shingles#", "house tests, leaflet, 2022, score ", "Times (ms)"] {
        assert!(human.contains(part), "{part} in {human}");
    }
}

#[test]
fn an_encoder_that_did_not_make_the_index_is_refused() {
    let other = data("checkpoints/tiny-safetensors");
    let refused = five().run(&["search", RASH, "--encoder", arg(&other)]);
    refused.refused(3, &["clinqa-mini-encoder", "tiny-safetensors", "clinqa rebuild"]);
    let words = found(five(), &["--lexical-only", "--encoder", arg(&other), RASH]);
    assert!(!ids(&words).is_empty(), "words need no encoder");
}
