//! Are pairs read whole, and is what is wrong with them told?

use std::fs;

use super::*;

fn file(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pairs.jsonl");
    fs::write(&path, text).expect("a file");
    (folder, path)
}

#[test]
fn each_bad_line_is_told_by_its_place_and_never_by_its_text() {
    let good = "{\"question\":\"What is gout?\",\"passage\":\"Gout is a SECRET.\",\"document\":\"d\",\"more\":1}\n";
    let lines = [
        "{\"question\":\"SECRET\"}",
        "SECRET",
        "{\"question\":\" \",\"passage\":\"SECRET\"}",
        "{\"question\":\"secret thing\",\"passage\":\"SECRET  thing\"}",
        "{\"question\":\"what is GOUT?\",\"passage\":\"gout is a secret.\"}",
        "{\"question\":\"a\",\"passage\":\"b\",\"negatives\":[\"c\"],\"scores\":[1]}",
        "{\"question\":\"a\",\"passage\":\"b\",\"negatives\":[\" B\"]}",
    ];
    let mut text = format!("\u{feff}{good}\n").into_bytes();
    // Enough that is whole, so that the file is not refused as a whole.
    for number in 0..8 {
        text.extend(format!("{{\"question\":\"q{number}\",\"passage\":\"p\",\"id\":\"i{number}\"}}\n").bytes());
    }
    text.extend(lines.join("\n").bytes());
    text.extend(b"\n{\"question\":\"\xff\"}\n");
    let (_folder, path) = file(&text);
    let set = read_pairs(&path, "train").expect("pairs");
    assert_eq!((set.report.read, set.report.kept, set.pairs.len()), (17, 9, 9));
    let expected = [
        PairFault::Field,
        PairFault::NotJson,
        PairFault::Empty,
        PairFault::Echo,
        PairFault::Repeated,
        PairFault::Scores,
        PairFault::NegativeAnswers,
        PairFault::NotText,
    ];
    for (at, ((place, fault), expected)) in set.report.faults.iter().zip(expected).enumerate() {
        assert_eq!((*fault, place.line), (expected, 11 + at));
        assert!(!format!("{place}: {fault}").contains("SECRET"));
    }
    assert_eq!(set.report.faults.len(), expected.len());
    assert_eq!((set.pairs[0].id.as_str(), set.pairs[0].passage.document.as_str()), ("1", "d"));
}

#[test]
fn a_file_that_is_mostly_something_else_is_refused() {
    let (_folder, path) = file(b"{\"data\": []}\n{\"question\":\"a\",\"passage\":\"b\"}\nnothing\n");
    let error = read_pairs(&path, "train").expect_err("refused").to_string();
    assert!(error.contains("2 of 3") && error.contains("jsonl:1") && error.contains("passage"), "{error}");
    let error = read_pairs(Path::new("nowhere.jsonl"), "train").expect_err("refused").to_string();
    assert!(error.contains("nowhere.jsonl"), "{error}");
}

#[test]
fn a_folder_pairs_each_query_with_what_was_judged_relevant() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    fs::create_dir(folder.path().join("qrels")).expect("a folder");
    write("queries.jsonl", "{\"_id\":\"1\",\"text\":\"What is gout?\"}\n{\"_id\":2,\"text\":\"And acne?\"}\n");
    write(
        "corpus.jsonl",
        "{\"_id\":\"a\",\"title\":\"Gout\",\"text\":\"A joint.\"}\n{\"_id\":\"b\",\"text\":\"Skin.\",\"metadata\":{\"document\":\"acne\"}}\n",
    );
    write("qrels/train.tsv", "query-id\tcorpus-id\tscore\n1\ta\t1\n1\tb\t0\n2\tb\t2\n2\tlost\t1\nlost\ta\t1\n");
    let set = read_pairs(folder.path(), "train").expect("pairs");
    let seen: Vec<_> = set.pairs.iter().map(|p| (p.id.as_str(), p.passage.text.as_str())).collect();
    assert_eq!(seen, [("1", "Gout A joint."), ("2", "Skin.")]);
    assert_eq!([&*set.pairs[0].passage.document, &*set.pairs[1].passage.document], ["a", "acne"]);
    assert_eq!(set.report.counts, BTreeMap::from([(PairFault::NoPassage, 1), (PairFault::NoQuery, 1)]));
    assert!(read_pairs(folder.path(), "dev").expect_err("no dev").to_string().contains("dev.tsv"));
}

#[test]
fn a_document_stands_on_one_side_only() {
    let pair = |at: usize| Pair {
        id: at.to_string(),
        question: format!("q{at}"),
        passage: PairPassage { id: String::new(), document: format!("d{}", at / 4), text: format!("p{at}") },
        negatives: Vec::new(),
        scores: Vec::new(),
    };
    let (learned, held) = hold_out((0..2_000).map(pair).collect(), 0.1, 7);
    let documents = |pairs: &[Pair]| pairs.iter().map(|p| p.passage.document.clone()).collect::<BTreeSet<_>>();
    assert!(documents(&learned).is_disjoint(&documents(&held)));
    assert!((120..280).contains(&held.len()), "{}", held.len());
    let shared = |at: usize| Pair { question: format!("q{}", at % 50), ..pair(at) };
    let (few, asked) = hold_out((0..2_000).map(shared).collect(), 0.02, 7);
    let questions = |pairs: &[Pair]| pairs.iter().map(|p| p.question.clone()).collect::<BTreeSet<_>>();
    assert!(!asked.is_empty() && !few.is_empty() && questions(&few).is_disjoint(&questions(&asked)));
    let (_, other) = hold_out((0..2_000).map(pair).collect(), 0.1, 8);
    assert_ne!(documents(&other), documents(&held), "the seed decides");
    let drawn = sample(learned.clone(), 100, 7);
    assert_eq!(drawn.len(), 100);
    assert_eq!(drawn, sample(learned.clone(), 100, 7));
    assert_ne!(drawn, sample(learned, 100, 8), "the seed decides here too");
    let (_, none) = hold_out((0..2_000).map(pair).collect(), 0.0, 7);
    assert!(none.is_empty());
}

#[test]
fn nothing_that_is_scored_on_is_learned_from() {
    let passage = |document: &str, text: &str| PairPassage {
        id: String::new(),
        document: document.to_owned(),
        text: text.to_owned(),
    };
    let pair = |question: &str, passage: PairPassage, negatives: &[PairPassage]| Pair {
        id: String::new(),
        question: question.to_owned(),
        passage,
        negatives: negatives.to_vec(),
        scores: vec![1.0; 1 + negatives.len()],
    };
    let dev =
        [pair("What is gout?", passage("Gout", "A joint that hurts."), &[]), pair("q", passage("", "No home."), &[])];
    let far = passage("d", "Far.");
    let mut train = vec![
        pair("what  is GOUT?", passage("a", "Another text."), &[]),
        pair("Other words?", passage("b", "a joint that  hurts."), &[]),
        pair("The same article?", passage("gout", "Another sentence of it."), &[]),
        pair("Kept whole?", passage("", "One thing."), std::slice::from_ref(&far)),
        pair(
            "Kept in part?",
            passage("c", "Two things."),
            &[passage("gout", "Rest."), far.clone(), passage("", "no home.")],
        ),
    ];
    assert_eq!(keep_apart(&mut train, &dev), 3);
    assert_eq!(
        train,
        [
            pair("Kept whole?", passage("", "One thing."), std::slice::from_ref(&far)),
            Pair { scores: Vec::new(), ..pair("Kept in part?", passage("c", "Two things."), &[far]) },
        ]
    );
}
