//! Does the SQuAD scoring agree with the hand?

use proptest::prelude::*;

use super::*;

/// Two articles: numbers as ids, extra fields, text beyond ASCII, and a question that the text does not answer.
const FILE: &str = r#"{"version": "v2.0", "data": [
  {"title": "Heart", "paragraphs": [{"document_id": 630, "context": "Über 65 — the risk of AF doubles.", "qas": [
    {"id": 913, "question": "What doubles?", "answers": [
      {"text": "the risk", "answer_start": 10}, {"text": "the risk of AF", "answer_start": 10}], "is_impossible": false},
    {"id": "b", "question": "Who?", "answers": [], "plausible_answers": [{"text": "AF", "answer_start": 22}],
     "is_impossible": true}]}]},
  {"paragraphs": [{"context": "Aspirin.", "qas": [
    {"id": "c", "question": "Which drug?", "answers": [{"text": "Aspirin", "answer_start": 0}]}]}]}]}"#;

fn paragraphs() -> Vec<SquadParagraph> {
    read_squad(FILE.as_bytes()).expect("the sample")
}

fn predictions(answers: &[(&str, &str, f64)]) -> BTreeMap<String, SquadPrediction> {
    let prediction = |text: &str, score| SquadPrediction { text: text.to_owned(), null_score: Some(score) };
    answers.iter().map(|(id, text, score)| ((*id).to_owned(), prediction(text, *score))).collect()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
}

#[test]
fn a_file_of_either_version_is_read_with_numbers_as_ids() {
    let read = paragraphs();
    let ids: Vec<&str> = read.iter().flat_map(|p| &p.questions).map(|q| q.id.as_str()).collect();
    assert_eq!(ids, ["913", "b", "c"]);
    assert_eq!((read[0].title.as_deref(), read[1].title.as_deref()), (Some("Heart"), None));
    assert!(read[0].questions[1].is_impossible && read[0].questions[1].answers.is_empty());
}

#[test]
fn offsets_count_characters_and_not_bytes() {
    let read = paragraphs();
    let answer = &read[0].questions[0].answers[0];
    let bytes = read[0].answer_bytes(answer).expect("in its place");
    // "Ü" takes two bytes and "—" three, so character 10 is byte 13.
    assert_eq!((bytes.clone(), &read[0].context[bytes]), (13..21, "the risk"));
    for start in [9, 11, 10_000, usize::MAX] {
        assert_eq!(read[0].answer_bytes(&SquadAnswer { text: answer.text.clone(), start }), None);
    }
}

#[test]
fn a_file_of_another_shape_is_refused_with_its_place() {
    let check = |text: &str, part: &str| {
        let error = read_squad(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(part), "{text:?}: {error}");
    };
    check("", "found nothing");
    check("[]", "another type");
    check("{\"data\": [", "ends too early");
    check("{\"data\": x}", "line 1, column 10: this is not JSON");
    check(&FILE.replace("\"b\"", "\"c\""), "\"c\" is there twice");
    check(&FILE.replace("\"answer_start\": 0", "\"answer_start\": -1"), "line 8");
}

#[test]
fn answers_are_normalised_as_officially() {
    let check = |text: &str, expected: &str| assert_eq!(normalise_answer(text), expected, "{text:?}");
    check("The  Risk, of\tAF!", "risk of af");
    check("a an the", "");
    check("theatre an anthem", "theatre anthem");
    // Punctuation goes before articles do: "a.b" becomes "ab", and "vitamin-a" one word.
    check("A.B. vitamin-A u.s.a", "ab vitamina usa");
    // Punctuation beyond ASCII stays, and bounds a word.
    check("the–risk ‘a’", "–risk ‘ ’");
    check("ÀÉ the ß", "àé ß");
    check("x\u{1f}y\u{a0}z", "x y z");
    check("a_b", "ab");
}

#[test]
fn f1_is_what_the_hand_computes() {
    // Two of three predicted words, two of two gold words: P = 2/3, R = 1, F1 = 0.8.
    close(token_f1("atrial fibrillation", "the chronic atrial fibrillation"), 0.8);
    // A repeated word counts as often as both have it: one of three, one of one: P = 1/3, R = 1, F1 = 1/2.
    close(token_f1("pain", "pain pain pain"), 0.5);
    close(token_f1("pain", "fever"), 0.0);
    // Words gone after normalisation: equal if neither has any left.
    close(token_f1("", "the"), 1.0);
    close(token_f1("", "pain"), 0.0);
    close(token_f1("pain", ""), 0.0);
}

#[test]
fn scores_split_into_answerable_and_unanswerable() {
    // 913: "risk of" against "the risk": P 1/2, R 1, F1 2/3; against "the risk of AF": P 1, R 2/3, F1 4/5; the better counts.
    // b: answered though it has no answer: 0 and 0. c: exact.
    let scores =
        score_squad(&paragraphs(), &predictions(&[("913", "risk of", -1.0), ("b", "AF", 2.0), ("c", "aspirin", 0.5)]));
    close(scores.overall.exact, 1.0 / 3.0);
    close(scores.overall.f1, 0.6);
    let (has, none) = (scores.has_answer.expect("two"), scores.no_answer.expect("one"));
    assert_eq!((scores.overall.total, has.total, none.total), (3, 2, 1));
    close(has.exact, 0.5);
    close(has.f1, 0.9);
    close(none.exact, 0.0);
    // The walk: all unanswered 1; answering 913 at −1: exact 1, F1 1.8; c at 0.5: exact 2, F1 2.8; b at 2: one less.
    let best = scores.best.expect("null scores");
    close(best.exact, 2.0 / 3.0);
    close(best.f1, 2.8 / 3.0);
    close(best.exact_threshold, 0.5);
    close(best.f1_threshold, 0.5);
    let report = scores.official();
    let names: Vec<&str> = report.keys().map(String::as_str).collect();
    assert_eq!(names.len(), 13, "{names:?}");
    close(report["HasAns_f1"].as_f64().expect("a number"), 90.0);
    close(report["best_exact_thresh"].as_f64().expect("a number"), 0.5);
}

#[test]
fn a_threshold_leaves_the_least_answerable_unanswered() {
    let said = predictions(&[("913", "risk of", -1.0), ("b", "AF", 2.0), ("c", "aspirin", 0.5)]);
    let at = |threshold| said.iter().map(|(id, one)| (id.clone(), one.abstaining_above(threshold))).collect();
    // At 0.5 only b (2.0) is left unanswered, which is right; at 0.49 c is lost too; at 2 all are answered.
    for (threshold, expected) in [(0.5, 2.0), (0.49, 1.0), (2.0, 1.0)] {
        close(score_squad(&paragraphs(), &at(threshold)).overall.exact, expected / 3.0);
    }
}

#[test]
fn a_question_without_a_prediction_counts_zero() {
    let scores = score_squad(&paragraphs(), &predictions(&[("c", "Aspirin", 0.0)]));
    close(scores.overall.exact, 1.0 / 3.0);
    assert_eq!(scores.best, None);
    assert_eq!(scores.f1_per_question.len(), 3);
    assert_eq!(score_squad(&[], &BTreeMap::new()).overall.total, 0);
}

proptest! {
    #[test]
    fn f1_is_a_fraction_that_does_not_care_who_is_gold(a in "[ab th.e–é]{0,12}", b in "\\PC{0,12}") {
        let f1 = token_f1(&a, &b);
        prop_assert!((0.0..=1.0).contains(&f1));
        prop_assert!((f1 - token_f1(&b, &a)).abs() < 1e-12);
        prop_assert!((token_f1(&b, &b) - 1.0).abs() < 1e-12);
        prop_assert!(exact_match(&b, &b));
        prop_assert!(!exact_match(&a, &b) || f1 > 0.999);
    }

    #[test]
    fn the_best_threshold_is_never_worse_than_answering_all_or_nothing(
        said in prop::collection::vec(("(risk|AF|aspirin)", -3i8..3), 3),
    ) {
        let ids = ["913", "b", "c"];
        let said: Vec<(&str, &str, f64)> = ids.iter().zip(&said).map(|(id, (text, n))| (*id, text.as_str(), f64::from(*n))).collect();
        let scores = score_squad(&paragraphs(), &predictions(&said));
        let best = scores.best.expect("null scores");
        prop_assert!(best.exact >= scores.overall.exact - 1e-12 && best.exact >= 1.0 / 3.0 - 1e-12);
        prop_assert!(best.f1 >= scores.overall.f1 - 1e-12 && best.f1 <= 1.0);
    }
}
