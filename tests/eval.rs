//! Does `clinqa eval` measure what it says, and write what others can read?

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Project, arg, data, list};

/// A BEIR folder of six documents and four queries, three of them judged.
fn beir(project: &Project) {
    let documents = [
        ("d1", "Asthma", "Asthma narrows the airways and makes people wheeze."),
        ("d2", "Migraine", "Migraine is a throbbing headache on one side of the head."),
        ("d3", "Gout", "Gout is a painful swelling of the big toe caused by uric acid."),
        ("d4", "Shingles", "Shingles is a painful rash in the area of one nerve."),
        ("d5", "Measles", "Measles begins with fever and cough, then a rash spreads."),
        ("d6", "", "A copy of nothing, about nothing in particular."),
    ];
    let lines = documents.map(|(id, title, text)| json!({"_id": id, "title": title, "text": text}).to_string());
    project.write("bench/corpus.jsonl", lines.join("\n"));
    let queries = [("1", "wheeze asthma"), ("2", "headache migraine"), ("3", "gout uric acid"), ("4", "measles rash")];
    let lines = queries.map(|(id, text)| json!({"_id": id, "text": text}).to_string());
    project.write("bench/queries.jsonl", lines.join("\n"));
    project.write("bench/qrels/test.tsv", "query-id\tcorpus-id\tscore\n1\td1\t1\n2\td2\t1\n3\td4\t1\n3\td3\t0\n");
}

fn retrieval(project: &Project, args: &[&str]) -> Value {
    project.run(&[&["eval", "retrieval", "bench", "--json"], args].concat()).expect(0).json()
}

/// The lines of a run as six columns each.
fn run_lines(project: &Project, path: &str) -> Vec<Vec<String>> {
    let run = fs::read_to_string(project.path(path)).expect("a run");
    run.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

#[test]
fn judged_queries_are_scored_and_the_runs_score_the_same_when_read_again() {
    let project = Project::new();
    beir(&project);
    let result = retrieval(&project, &["--split", "test", "--run-dir", "runs"]);
    assert_eq!((&result["queries"], &result["passages"]), (&json!(3), &json!(6)), "a document is one passage");
    for name in ["lexical", "dense", "fused"] {
        let means = &result["scores"][name]["means"];
        let run = format!("runs/{name}.run");
        let again = project.run(&["eval", "score", "--run", &run, "--qrels", "bench/qrels/test.tsv", "--json"]);
        assert_eq!(again.expect(0).json(), *means, "{name}");
        assert!(means["mrr"].as_f64().is_some_and(|mrr| (0.5..1.0).contains(&mrr)), "query 3 is judged askew: {means}");
    }
}

#[test]
fn a_run_is_what_trec_eval_reads() {
    let project = Project::new();
    beir(&project);
    retrieval(&project, &["--run-dir", "runs"]);
    for name in ["lexical", "dense", "fused"] {
        let lines = run_lines(&project, &format!("runs/{name}.run"));
        let queries: BTreeSet<&str> = lines.iter().map(|line| line[0].as_str()).collect();
        assert_eq!(queries.into_iter().collect::<Vec<_>>(), ["1", "2", "3", "4"], "without judgements all are run");
        for line in &lines {
            assert_eq!((line.len(), line[1].as_str(), line[5].as_str()), (6, "Q0", name), "{line:?}");
        }
        for pair in lines.windows(2).filter(|pair| pair[0][0] == pair[1][0]) {
            let ranks = [0, 1].map(|at: usize| pair[at][3].parse::<u32>().expect("a rank"));
            let scores = [0, 1].map(|at: usize| pair[at][4].parse::<f64>().expect("a score"));
            assert!(ranks[0] + 1 == ranks[1] && scores[0] >= scores[1], "{pair:?}");
        }
    }
    let first = |path: &str| run_lines(&project, path)[0][2].clone();
    assert_eq!([first("runs/lexical.run"), first("runs/dense.run"), first("runs/fused.run")], ["d1", "d1", "d1"]);
}

#[test]
fn with_judgements_only_judged_queries_are_run() {
    let project = Project::new();
    beir(&project);
    let result = retrieval(&project, &["--qrels", "bench/qrels/test.tsv", "--run-dir", "runs"]);
    let lines = run_lines(&project, "runs/fused.run");
    let queries: BTreeSet<&str> = lines.iter().map(|line| line[0].as_str()).collect();
    assert_eq!(queries.into_iter().collect::<Vec<_>>(), ["1", "2", "3"]);
    assert!(result.get("scores").is_some());
    assert!(retrieval(&project, &[]).get("scores").is_none(), "without judgements there are no scores");
}

#[test]
fn vectors_are_kept_while_corpus_and_encoder_stay_what_they_were() {
    let project = Project::new();
    beir(&project);
    let first = retrieval(&project, &["--split", "test"]);
    let cached = project.index_files();
    assert!(cached.iter().any(|(path, _)| path.ends_with("vectors.f32")), "the index lies in the cache");
    assert_eq!(retrieval(&project, &["--split", "test"]), first);
    assert_eq!(project.index_files(), cached, "nothing was made a second time");
    let more = json!({"_id": "d7", "title": "Mumps", "text": "Mumps swells the cheeks."}).to_string();
    let corpus = fs::read_to_string(project.path("bench/corpus.jsonl")).expect("a corpus");
    project.write("bench/corpus.jsonl", format!("{corpus}\n{more}"));
    assert_eq!(retrieval(&project, &[])["passages"], 7);
    let other = data("checkpoints/tiny-safetensors");
    let tiny = retrieval(&project, &["--encoder", arg(&other)]);
    assert_eq!((&tiny["encoder"], &tiny["passages"]), (&json!("tiny-safetensors"), &json!(7)));
    assert!(!project.path("index/CURRENT").exists(), "a measurement publishes nothing");
}

#[test]
fn vectors_of_two_widths_are_never_mixed() {
    let project = Project::new();
    beir(&project);
    let ran = |width: &[&str], runs: &str| {
        let result = retrieval(&project, &[width, &["--run-dir", runs]].concat());
        (result["dimensions"].clone(), fs::read_to_string(project.path(&format!("{runs}/dense.run"))).expect("a run"))
    };
    let whole = ran(&[], "whole");
    let narrow = ran(&["--dimensions", "32"], "narrow");
    assert_eq!((&whole.0, &narrow.0), (&json!(384), &json!(32)));
    assert_ne!(whole.1, narrow.1, "other cosines");
    assert_eq!(ran(&["--dimensions", "384"], "again"), whole, "all components are whole vectors");
    for wrong in ["0", "385"] {
        project.run(&["eval", "retrieval", "bench", "--dimensions", wrong]).refused(2, &["1 to 384"]);
    }
}

#[test]
fn documents_of_a_benchmark_are_kept_even_if_they_say_the_same() {
    let project = Project::new();
    beir(&project);
    let twin =
        json!({"_id": "d1-twin", "title": "Asthma", "text": "Asthma narrows the airways and makes people wheeze."});
    let corpus = fs::read_to_string(project.path("bench/corpus.jsonl")).expect("a corpus");
    project.write("bench/corpus.jsonl", format!("{corpus}\n{twin}"));
    retrieval(&project, &["--run-dir", "runs"]);
    let lines = run_lines(&project, "runs/fused.run");
    // trec_eval reads ties in the reverse order of names, whatever a run says, so that is how they are written.
    assert_eq!([&lines[0][2], &lines[1][2]], ["d1-twin", "d1"], "each is judged, and ties are broken by name");
    assert_eq!(lines[0][4], lines[1][4]);
}

#[test]
fn a_benchmark_that_is_not_there_is_named() {
    let project = Project::new();
    beir(&project);
    project.run(&["eval", "retrieval", "bench", "--split", "train"]).refused(2, &["train.tsv"]);
    project.run(&["eval", "retrieval", "nowhere"]).refused(2, &["nowhere"]);
    project.write("bad.tsv", "one two\n");
    project.run(&["eval", "retrieval", "bench", "--qrels", "bad.tsv"]).refused(2, &["qrels", "query-id"]);
    project.run(&["eval", "score", "--run", "bad.tsv", "--qrels", "bench/qrels/test.tsv"]).refused(2, &["line 1"]);
}

#[test]
fn a_score_is_that_of_trec_eval() {
    let project = Project::new();
    let [run, qrels] = ["run.trec", "qrels.trec"].map(|name| data("metrics").join(name));
    let ran = project.run(&["eval", "score", "--run", arg(&run), "--qrels", arg(&qrels), "--json"]).expect(0).json();
    let json = fs::read(data("metrics/expected.json")).expect("expected.json");
    let expected: Value = serde_json::from_slice(&json).expect("JSON");
    for metric in ["ndcg@10", "recall@100", "mrr", "map"] {
        let per_query: Vec<f64> =
            expected[metric].as_object().expect("scores").values().filter_map(Value::as_f64).collect();
        let mean = per_query.iter().sum::<f64>() / per_query.len() as f64;
        assert!(ran[metric].as_f64().is_some_and(|found| (found - mean).abs() < 1e-6), "{metric}: {ran} and {mean}");
    }
    let human = project.run(&["eval", "score", "--run", arg(&run), "--qrels", arg(&qrels)]).expect(0).stdout;
    assert!(human.contains("ndcg@10"), "{human}");
}

/// Two questions about one text, as SQuAD writes them; offsets count characters.
fn squad(project: &Project) {
    let context =
        "Café owners can get shingles too. Antiviral tablets are begun within 72 hours of the first blisters.";
    let start =
        |answer: &str| context.chars().count() - context[context.find(answer).unwrap_or_default()..].chars().count();
    let question = |id: &str, question: &str, answer: &str| json!({"id": id, "question": question, "answers": [{"text": answer, "answer_start": start(answer)}]});
    let asked = [
        question("s1", "Within how many hours are antiviral tablets begun?", "72 hours"),
        question("s2", "Who can get shingles?", "Café owners"),
    ];
    let file = json!({"version": "1.1", "data": [{"title": "T", "paragraphs": [{"context": context, "qas": asked}]}]});
    project.write("squad.json", file.to_string());
}

#[test]
fn the_reader_is_scored_on_squad_under_the_official_names() {
    let project = Project::new();
    squad(&project);
    let result = project.run(&["eval", "reader", "squad.json", "--json"]).expect(0).json();
    let squad = &result["squad"];
    assert_eq!((&result["reader"], &squad["total"]), (&json!("clinqa-mini-reader"), &json!(2)));
    for key in ["exact", "f1", "HasAns_exact", "HasAns_f1", "HasAns_total", "best_exact", "best_f1", "best_f1_thresh"] {
        assert!(squad[key].is_number(), "{key} in {squad}");
    }
    assert!(squad["f1"].as_f64().is_some_and(|f1| f1 > 60.0), "{squad}");
    let one = project.run(&["eval", "reader", "squad.json", "--limit", "1", "--json"]).expect(0).json();
    assert_eq!((&one["squad"]["total"], &one["squad"]["exact"]), (&json!(1), &json!(100.0)), "{one}");
}

#[test]
fn the_reader_is_scored_on_bioasq_factoids() {
    let project = Project::new();
    let snippet = json!({"text": "Gout is caused by crystals of uric acid in a joint.", "document": "d"});
    let question = json!({"id": "b1", "type": "factoid", "body": "Crystals of what cause gout?",
        "snippets": [snippet], "exact_answer": [["uric acid"]]});
    project.write("bioasq.json", json!({"questions": [question]}).to_string());
    let result = project.run(&["eval", "reader", "bioasq.json", "--json"]).expect(0).json();
    let factoid = &result["bioasq"]["factoid"];
    assert_eq!(factoid["total"], 1);
    let [strict, lenient, mrr] = ["strict", "lenient", "mrr"].map(|key| factoid[key].as_f64().expect("a share"));
    assert!(strict <= mrr && mrr <= lenient && lenient > 0.0, "{factoid}");
}

#[test]
fn a_file_of_questions_in_no_known_format_is_refused() {
    let project = Project::new();
    project.write("other.json", "{\"things\": []}");
    project.write("broken.json", "{\"data\": [");
    for file in ["other.json", "broken.json"] {
        project.run(&["eval", "reader", file]).refused(2, &[file, "SQuAD", "BioASQ"]);
    }
    project.run(&["eval", "reader", "nowhere.json"]).refused(2, &["nowhere.json"]);
    project.run(&["eval", "reader"]).expect(2);
}

/// One answerable and one unanswerable question of the test half, and one of the dev half.
fn judged(project: &Project) {
    let judged = |id: &str, split: &str, question: &str, document: Option<&str>, accepted: &[&str]| {
        let judged = json!({"id": id, "split": split, "question": question, "document": document,
            "accepted": accepted, "group": "g"});
        judged.to_string()
    };
    let lines = [
        judged("q1", "test", "What are the symptoms of asthma?", Some("asthma"), &["wheezing, coughing"]),
        judged("q2", "test", "How is leprosy treated?", None, &[]),
        judged("q3", "dev", "What is a migraine aura?", Some("migraine"), &["zigzag lines"]),
    ];
    project.write("judged.jsonl", lines.join("\n"));
}

fn answers(project: &Project, args: &[&str]) -> Value {
    project.run(&[&["eval", "answers", "judged.jsonl", "--json"], args].concat()).expect(0).json()
}

fn json_lines(project: &Project, path: &str) -> Vec<Value> {
    let text = fs::read_to_string(project.path(path)).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn judged_questions_are_answered_and_the_answers_scored() {
    let project = Project::indexed();
    judged(&project);
    let result = answers(&project, &["--split", "test", "--details", "details.jsonl"]);
    let scores = &result["scores"];
    assert_eq!(
        (&scores["answerable"], &scores["document_at_3"], &scores["accepted"]),
        (&json!(1), &json!(1.0), &json!(1.0))
    );
    assert!(result["ms"]["median"].as_f64().is_some_and(|ms| ms > 0.0), "{result}");
    let details = json_lines(&project, "details.jsonl");
    assert_eq!(details.len(), 2);
    assert_eq!((&details[0]["document"], &details[0]["accepted"]), (&json!("asthma"), &json!(true)));
    assert_eq!((&details[1]["answer"], &details[1]["reason"]), (&Value::Null, &json!("unsupported")));
    assert!(!list(&details[0]["trace"]["spans"]).is_empty());
    project.run(&["eval", "answers", "nowhere.jsonl"]).refused(2, &["nowhere.jsonl"]);
}

#[test]
fn answers_are_counted_by_group_and_kind_and_their_confidence_is_judged() {
    let project = Project::indexed();
    judged(&project);
    let scores = &answers(&project, &["--pictures", "drawn"])["scores"];
    let [group, kind] = [&scores["by_group"]["g"], &scores["by_kind"]["list"]];
    assert_eq!((&group["count"], &group["accepted"]), (&json!(2), &scores["accepted"]));
    assert_eq!((&kind["count"], &kind["accepted"], &kind["wrong"]), (&json!(1), &json!(1.0), &json!(0.0)));
    assert_eq!(scores["unanswerable_by_group"]["g"], json!({"count": 1, "abstained": 1.0}));
    let bins = list(&scores["reliability"]["bins"]);
    let given: u64 = bins.iter().filter_map(|bin| bin["count"].as_u64()).sum();
    let coverage = scores["coverage"].as_f64().expect("a share");
    assert!((given as f64 - coverage * 3.0).abs() < 1e-9, "only answers that are given: {scores}");
    let last = list(&scores["risk_coverage"]["points"]).last().expect("a point");
    assert_eq!(last["coverage"], 1.0, "all questions, answered or not");
    for name in ["ece", "aurc"] {
        assert!(scores[name].as_f64().is_some_and(|share| (0.0..=1.0).contains(&share)), "{name} in {scores}");
    }
    for (name, shows) in [("reliability.svg", "Reliability diagram"), ("risk-coverage.svg", "Risk-coverage curve")] {
        let picture = fs::read_to_string(project.path("drawn").join(name)).expect("a picture");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
        assert!(picture.contains(&format!("{shows}: judged.jsonl, 3 questions</title>")), "{picture}");
    }
    let human = project.run(&["eval", "answers", "judged.jsonl"]).expect(0).stdout;
    assert!(human.contains("aurc") && !human.contains("threshold\":"), "the points are for programs: {human}");
}

#[test]
fn a_calibration_is_fitted_to_every_answer_however_unsure() {
    let project = Project::indexed();
    let judged = |id: usize, question: &str, accepted: &str| {
        let document = (!accepted.is_empty()).then_some("asthma");
        json!({"id": format!("q{id}"), "split": "dev", "question": question, "document": document,
            "accepted": [accepted], "group": "g"})
        .to_string()
    };
    let lines = [
        judged(1, "What are the symptoms of asthma?", "wheezing, coughing"),
        judged(2, "What are the symptoms of asthma in winter?", "frostbite"),
        judged(3, "What is the capital of France?", ""),
        judged(4, "signs of asthma", "wheezing, coughing"),
    ];
    project.write("judged.jsonl", lines.join("\n"));
    let result = answers(&project, &["--fit"]);
    let fit = &result["fit"];
    assert!(fit["temperature"].as_f64().is_some_and(|temperature| temperature > 0.0), "{fit}");
    assert!(fit["bias"].as_f64().is_some_and(f64::is_finite), "{fit}");
    assert!(fit["questions"].as_u64().is_some_and(|questions| (3..=4).contains(&questions)), "{fit}");
    let scores = &result["scores"];
    assert_eq!(scores["wrongly_abstained"], 0.0, "every threshold is open: {scores}");
    assert!(answers(&project, &[]).get("fit").is_none());
}

#[test]
fn a_result_file_compares_with_another_of_the_same_questions() {
    let project = Project::indexed();
    judged(&project);
    let result = answers(&project, &["--out", "all.jsonl"]);
    let without = answers(&project, &["--out", "less.jsonl", "--without", "headings", "--without", "lay-words"]);
    assert_eq!((&result["without"], &without["without"]), (&json!([]), &json!(["headings", "lay-words"])));
    let lines = json_lines(&project, "all.jsonl");
    let state = |line: &Value| ["id", "split", "group", "answerable", "answered"].map(|key| line[key].clone());
    assert_eq!(state(&lines[0]), [json!("q1"), json!("test"), json!("g"), json!(true), json!(true)]);
    assert_eq!(state(&lines[1]), [json!("q2"), json!("test"), json!("g"), json!(false), json!(false)]);
    assert_eq!((&lines[0]["kind"], &lines[0]["accepted"]), (&json!("list"), &json!(true)));
    assert!(lines.iter().all(|line| line["confidence"].is_number()), "{lines:?}");
    let compared = project.run(&["eval", "compare", "all.jsonl", "less.jsonl", "--json"]).expect(0).json();
    assert_eq!((&compared["questions"], &compared["scores"]["accepted"]["questions"]), (&json!(3), &json!(2)));
    for (name, number) in [("accepted", "accepted"), ("wrong", "wrong"), ("abstained", "abstained")] {
        let share = &compared["scores"][name];
        let pair = (&share["first"], &share["second"]);
        assert_eq!(pair, (&result["scores"][number], &without["scores"][number]), "{name}");
        assert!(share["p_value"].is_number() && share["difference"]["lower"].is_number(), "{share}");
    }
    let same = project.run(&["eval", "compare", "all.jsonl", "all.jsonl"]).expect(0).stdout;
    assert!(same.contains("95% interval") && same.contains("+0.000 to +0.000"), "{same}");
}

#[test]
fn a_comparison_names_what_a_file_lacks() {
    let project = Project::new();
    let line = |id: &str| {
        let line = json!({"id": id, "split": "dev", "group": "g", "kind": "list", "answerable": true,
            "accepted": true, "answered": true, "confidence": 0.5});
        line.to_string()
    };
    project.write("two.jsonl", [line("q1"), line("q2")].join("\n"));
    project.write("one.jsonl", line("q1"));
    project.write("other.jsonl", "{\"id\": \"q1\"}");
    project.write("empty.jsonl", "");
    let refused = |first: &str, second: &str, named: &[&str]| {
        project.run(&["eval", "compare", first, second]).refused(2, named);
    };
    refused("two.jsonl", "one.jsonl", &["the second file lacks 1", "q2", "one.jsonl", "eval answers"]);
    refused("one.jsonl", "two.jsonl", &["the first file lacks 1", "q2"]);
    refused("one.jsonl", "other.jsonl", &["other.jsonl", "answerable"]);
    refused("one.jsonl", "empty.jsonl", &["empty.jsonl"]);
    refused("one.jsonl", "nowhere.jsonl", &["nowhere.jsonl"]);
    let unknown = project.run(&["eval", "answers", "judged.jsonl", "--without", "everything"]).expect(2);
    assert!(unknown.stderr.contains("follow-up") && unknown.stderr.contains("headings"), "{}", unknown.stderr);
}
