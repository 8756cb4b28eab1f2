//! Does a rebuild take in what is there, publish only what is good enough, and keep the old index otherwise?

use std::fs;

use serde_json::{Value, json};

use crate::support::{Project, five, list};

const QUESTION: &str = "What are the symptoms of asthma?";

/// Judged questions on the five documents, and one about a document that is not there.
fn questions(project: &Project) {
    let lines = [
        ("q1", QUESTION, "asthma"),
        ("q2", "how soon must shingles tablets be started", "shingles"),
        ("q3", "what is a migraine aura", "migraine"),
    ]
    .map(|(id, question, document)| {
        let judged = json!({"id": id, "split": "test", "question": question, "document": document, "accepted": [], "group": "g"});
        judged.to_string()
    });
    project.write("corpora/own/questions.jsonl", lines.join("\n"));
}

fn demand(project: &Project, document_at_3: f64) {
    let expected =
        format!("[retrieval]\nquestions = \"questions.jsonl\"\nsplit = \"test\"\ndocument_at_3 = {document_at_3}\n");
    project.write("corpora/own/expected.toml", expected);
}

fn rebuilt(project: &Project, args: &[&str]) -> Value {
    project.run(&[&["rebuild", "--json"], args].concat()).expect(0).json()
}

#[test]
fn two_corpora_of_one_name_are_refused_before_one_hides_the_other() {
    let project = Project::new();
    for folder in ["one", "two"] {
        project.write(
            &format!("corpora/{folder}/corpus.toml"),
            "name = \"ward\"\nlicence = \"CC0-1.0\"\norigin = \"house tests\"\n",
        );
        project.write(&format!("corpora/{folder}/{folder}.md"), format!("# Gout\n\nGout of {folder} hurts.\n"));
    }
    for more in [&[][..], &["--dry-run"]] {
        let refused = project.run(&[&["rebuild", "--lexical-only"], more].concat());
        refused.refused(2, &["`ward`", "corpora/one", "corpora/two", "another `name`"]);
    }
    project.write("corpora/two/corpus.toml", "name = \"home\"\nlicence = \"CC0-1.0\"\norigin = \"house tests\"\n");
    project.run(&["rebuild", "--lexical-only"]).expect(0);
}

#[test]
fn the_same_corpus_gives_the_same_content_and_no_vector_is_computed_twice() {
    let project = Project::indexed();
    let first = five().run(&["inspect", "--json"]).expect(0).json();
    let again = rebuilt(&project, &[]);
    assert_eq!(again["content_hash"], first["manifest"]["content_hash"]);
    assert_eq!((&again["passages"], &again["encoded"], &again["reused"]), (&json!(12), &json!(0), &json!(12)));
    assert!(again["generation"].as_str().is_some_and(|id| id.starts_with("g000002-")), "{again}");
    let elsewhere = Project::with_five_documents();
    assert_eq!(rebuilt(&elsewhere, &[])["content_hash"], again["content_hash"], "whatever the folder and the threads");
}

#[test]
fn only_what_changed_is_encoded_again() {
    let project = Project::indexed();
    let file = project.path("corpora/own/migraine.md");
    let changed = fs::read_to_string(&file).expect("a document").replace("zigzag lines", "jagged lines");
    fs::write(&file, changed).expect("written");
    fs::remove_file(project.path("corpora/own/shingles.md")).expect("removed");
    let before = five().run(&["inspect", "--json"]).expect(0).json();
    let report = rebuilt(&project, &["--force"]);
    assert_eq!((&report["encoded"], &report["reused"]), (&json!(1), &json!(9)));
    let differ = &report["changes"];
    assert_eq!(differ["removed"], json!({"count": 1, "first": ["shingles"]}));
    assert_eq!(differ["changed"], json!({"count": 1, "first": ["migraine"]}));
    assert_eq!((&differ["added"]["count"], &differ["unchanged"]), (&json!(0), &json!(3)));
    assert_ne!(report["content_hash"], before["manifest"]["content_hash"]);
    assert_eq!(project.ask(&["How is shingles treated?"])["outcome"], "abstained", "what is gone is gone");
}

#[test]
fn what_people_ask_is_answered_where_a_corpus_says_and_a_broken_line_is_named() {
    const ASKED: &str = "what makes my head hammer";
    let project = Project::indexed();
    assert_ne!(project.ask(&[ASKED])["outcome"], "answered", "these are nobody's words in the documents");
    let answer = "missed meals, bright light and too little sleep are common.";
    let faq = |document: &str, answer: &str, questions: &[&str]| {
        json!({"document": document, "answers": [answer], "questions": questions}).to_string()
    };
    let mut lines = vec![
        faq("migraine", answer, &["what makes my head hammer so", "why is my head hammering, what brings it on"]),
        faq("migraine", "An attack lasts for ever.", &["how long is a migraine"]),
        faq("gout", answer, &["what brings gout on"]),
    ];
    project.write("corpora/own/faq.jsonl", lines.join("\n"));
    let report = rebuilt(&project, &[]);
    let first_unplaced = json!(["migraine", "An attack lasts for ever."]);
    assert_eq!(report["faq"], json!({"questions": 2, "unplaced": 2, "first_unplaced": first_unplaced}));
    assert_eq!(report["records"]["read"], 5, "it is no record");
    let told = project.run(&["rebuild"]).expect(0).stdout;
    assert!(told.contains("2 questions that people ask") && told.contains("An attack lasts for ever."), "{told}");
    let reply = project.ask(&[ASKED]);
    assert!(reply["answer"]["text"].as_str().is_some_and(|text| text.contains(answer)), "{reply}");
    let explained = project.run(&["ask", "--explain", ASKED]).expect(0).stdout;
    assert!(explained.contains("what makes my head hammer so"), "{explained}");
    lines.push("{\"document\": \"migraine\"}".to_owned());
    project.write("corpora/own/faq.jsonl", lines.join("\n"));
    let before = project.index_files();
    for verb in [&["rebuild"][..], &["rebuild", "--lexical-only"], &["rebuild", "--dry-run"]] {
        project.run(verb).refused(2, &["faq.jsonl, line 4", "answers"]);
    }
    assert_eq!(project.index_files(), before, "the old generation stays");
}

#[test]
fn metadata_belongs_to_the_content() {
    let project = Project::indexed();
    let file = project.path("corpora/own/migraine.md");
    let changed = fs::read_to_string(&file).expect("a document").replace("2023-11-02", "2023-11-03");
    fs::write(&file, changed).expect("written");
    let before = five().run(&["inspect", "--json"]).expect(0).json();
    let report = rebuilt(&project, &[]);
    assert_ne!(report["content_hash"], before["manifest"]["content_hash"]);
    assert_eq!(report["encoded"], 0, "a date has no vector");
}

#[test]
fn a_generation_below_what_the_corpus_demands_is_not_published_unless_forced() {
    let project = Project::indexed();
    questions(&project);
    demand(&project, 1.01);
    let before = project.index_files();
    for args in [&["rebuild"][..], &["rebuild", "--lexical-only"]] {
        let parts = ["1.010", "the old index stays", "expected.toml", "--force"];
        project.run(args).refused(1, &parts);
        assert_eq!(project.index_files(), before, "the old generation stays, and nothing beside it");
    }
    assert_eq!(project.ask(&[QUESTION])["outcome"], "answered");
    let forced = rebuilt(&project, &["--force"]);
    assert_eq!(project.ask(&[QUESTION])["generation"], forced["generation"]);
}

#[test]
fn a_generation_that_loses_judged_documents_is_not_published() {
    let project = Project::indexed();
    questions(&project);
    demand(&project, 0.99);
    rebuilt(&project, &[]);
    fs::remove_file(project.path("corpora/own/shingles.md")).expect("removed");
    project.write(
        "corpora/own/gout.md",
        "# Gout\n\nGout is a painful swelling of a joint, caused by crystals of uric acid.\n",
    );
    let before = project.index_files();
    project.run(&["rebuild"]).refused(1, &["0.667", "0.990", "--force"]);
    let mut after = project.index_files();
    after.retain(|(path, _)| !path.ends_with(".encoded"));
    assert!(after == before, "only the vectors that were computed are kept beside the old index");
    let report = rebuilt(&project, &["--force"]);
    assert_eq!(report["encoded"], 0, "what was refused need not be encoded again");
}

#[test]
fn a_generation_that_finds_less_than_the_one_before_is_not_published_whatever_the_corpus_demands() {
    let project = Project::indexed();
    questions(&project);
    demand(&project, 0.3);
    assert_eq!(rebuilt(&project, &[])["scores"]["document_at_3"], 1.0);
    let shingles = project.path("corpora/own/shingles.md");
    let kept = fs::read_to_string(&shingles).expect("a document");
    fs::write(&shingles, "---\nid: other\ntitle: Gout\n---\nA painful swelling of a joint.\n").expect("written");
    project.run(&["rebuild"]).refused(1, &["0.667", "1.000", "the one that is live", "0.010 is allowed", "--force"]);
    fs::write(&shingles, kept).expect("written");
    rebuilt(&project, &[]);
    fs::write(&shingles, "---\nid: other\ntitle: Gout\n---\nA painful swelling of a joint.\n").expect("written");
    // What other questions found is no measure of these.
    let file = project.path("corpora/own/questions.jsonl");
    let asked = fs::read_to_string(&file).expect("questions").replace("how soon must", "how soon should");
    fs::write(&file, asked).expect("written");
    assert_eq!(rebuilt(&project, &[])["scores"]["questions"], 3);
}

#[test]
fn a_corpus_may_be_allowed_records_that_nobody_can_mend() {
    let project = Project::with_five_documents();
    rebuilt(&project, &["--lexical-only"]);
    for number in 0..4 {
        project.write(&format!("corpora/own/broken-{number}.md"), [0, 1]);
    }
    let manifest = fs::read_to_string(project.path("corpora/own/corpus.toml"))
        .unwrap_or_else(|_| "name = \"own\"\nlicence = \"CC0-1.0\"\norigin = \"here\"\n".to_owned());
    let refused = |allowed: &str, parts: &[&str]| {
        project.write("corpora/own/corpus.toml", format!("{manifest}{allowed}"));
        project.run(&["rebuild", "--lexical-only"]).refused(1, parts);
    };
    refused("", &["4 of 9 records", "44.4%", "1.0% are allowed"]);
    refused("\n[allow]\nskipped = 0.2\n", &["4 of 9 records", "`own`", "corpus.toml allows 20.0%", "[allow]"]);
    project.write("corpora/own/corpus.toml", format!("{manifest}\n[allow]\nskipped = 4\n"));
    let report = rebuilt(&project, &["--lexical-only"]);
    assert_eq!(report["allowed"], json!([{"corpus": "own", "skipped": 4, "read": 9, "limit": 4}]));
    let said = project.run(&["rebuild", "--lexical-only"]).expect(0).stdout;
    assert!(said.contains("4 of 9 records of own cannot be used; its corpus.toml allows 4."), "{said}");
    // The other gates stand: documents may not vanish.
    fs::remove_file(project.path("corpora/own/shingles.md")).expect("removed");
    project.run(&["rebuild", "--lexical-only"]).refused(1, &["4 documents", "from 5"]);
}

#[test]
fn demands_that_cannot_be_read_stop_the_rebuild() {
    let project = Project::indexed();
    let before = project.index_files();
    let check = |expected: &str, code: i32, part: &str| {
        project.write("corpora/own/expected.toml", expected);
        let refused = project.run(&["rebuild"]).expect(code);
        assert!(refused.stderr.starts_with("error: ") && refused.stderr.contains(part), "{}", refused.stderr);
        assert_eq!(project.index_files(), before);
    };
    check("[retrieval]\nquestions = \"nowhere.jsonl\"\nsplit = \"test\"\ndocument_at_3 = 0.5\n", 2, "nowhere.jsonl");
    check("[retrieval]\ncolour = \"red\"\n", 2, "expected.toml");
    check("not toml at all", 2, "expected.toml");
}

#[test]
fn the_first_index_is_made_even_if_it_falls_short_since_there_is_no_better_one() {
    let demanding = || {
        let project = Project::with_five_documents();
        questions(&project);
        demand(&project, 1.01);
        project
    };
    assert_eq!(demanding().ask(&[QUESTION])["outcome"], "answered");
    demanding().run(&["rebuild", "--lexical-only"]).expect(0);
}

#[test]
fn every_generation_is_measured_or_says_why_it_is_not() {
    let project = Project::with_five_documents();
    questions(&project);
    demand(&project, 1.01);
    let first = project.run(&["rebuild", "--lexical-only"]).expect(0).stdout;
    assert!(first.contains("of 3 questions, BELOW the 101.0% demanded"), "{first}");
    let forced = rebuilt(&project, &["--lexical-only", "--force"]);
    fs::remove_file(project.path("corpora/own/expected.toml")).expect("removed");
    let without = rebuilt(&project, &["--lexical-only"]);
    project.write("corpora/own/expected.toml", "not toml at all");
    let unreadable = rebuilt(&project, &["--lexical-only", "--force"]);
    let kept = fs::read_to_string(project.path("index/scores.jsonl")).expect("scores");
    let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    assert_eq!(kept.len(), 4, "{kept:?}");
    for (line, report) in kept[1..].iter().zip([&forced, &without, &unreadable]) {
        assert_eq!(line["generation"], report["generation"]);
    }
    for line in &kept[..2] {
        assert_eq!((&line["questions"], &line["demanded"]), (&json!(3), &json!(1.01)));
        assert_eq!(line["document_at_3"], forced["scores"]["document_at_3"], "the same documents, the same words");
    }
    assert_eq!(kept[2]["not_measured"], "no_questions");
    assert_eq!(kept[3]["not_measured"], "unreadable");
}

#[test]
fn corpora_without_documents_are_named_and_the_old_index_stays() {
    let project = Project::indexed();
    let before = project.index_files();
    fs::create_dir(project.path("corpora/bare")).expect("a folder");
    project.run(&["rebuild"]).refused(2, &["bare", "no file of a known format", "add documents"]);
    project.run(&["rebuild", "--corpus", "nowhere"]).refused(2, &["nowhere", "no such folder"]);
    project.write("one.md", "A file.");
    project.run(&["rebuild", "--corpus", "one.md"]).refused(2, &["one.md", "it is a file"]);
    project.write("blank/a.md", "---\nid: a\n---\n");
    let blank = project.run(&["rebuild", "--corpus", "blank"]);
    assert!([2, 3].contains(&blank.code), "{}", blank.code);
    assert!(blank.one_error().contains("hold no passage; put documents into `corpora/`"), "{}", blank.stderr);
    assert_eq!(project.index_files(), before);
}

#[test]
fn several_corpora_go_into_one_index_and_each_is_named() {
    let project = Project::with_five_documents();
    project.write(
        "more/gout.md",
        "# Gout\n\nGout is a painful swelling of a joint, often of the big toe, caused by crystals of uric acid.\n",
    );
    project.write("more/corpus.toml", "name = \"more\"\nlicence = \"CC0-1.0\"\norigin = \"here\"\n");
    let report = rebuilt(&project, &["--lexical-only", "--corpus", "corpora/own", "--corpus", "more"]);
    assert_eq!((&report["records"]["indexed"], &report["encoder"]), (&json!(6), &Value::Null));
    let human = project.run(&["inspect"]).expect(0).stdout;
    assert!(human.contains("corpus      own") && human.contains("corpus      more (CC0-1.0, "), "{human}");
}

#[test]
fn an_index_of_words_answers_without_being_told_so() {
    let project = Project::with_five_documents();
    rebuilt(&project, &["--lexical-only"]);
    let reply = project.ask(&["--explain", QUESTION]);
    assert_eq!((&reply["encoder"], &reply["trace"]["dense"]), (&json!(""), &json!([])));
    assert_eq!(list(&reply["trace"]["lexical"])[0]["passage_id"], "asthma#1");
    project.run(&["search", QUESTION]).expect(0);
}

#[test]
fn the_last_two_generations_are_kept_and_nobody_may_write_to_them() {
    let project = Project::with_five_documents();
    for _ in 0..3 {
        rebuilt(&project, &["--lexical-only"]);
    }
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(project.path(folder)).expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names.iter().map(|name| name.split('-').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names("index/generations"), ["g000002", "g000003"]);
    for (path, _) in crate::support::files_below(&project.path("index/generations")) {
        assert!(path.metadata().expect("rights").permissions().readonly(), "{}", path.display());
    }
}

#[test]
fn the_report_for_people_fits_the_report_for_programs() {
    let project = Project::with_five_documents();
    let human = project.run(&["rebuild"]).expect(0);
    assert!(
        human.stdout.contains("with 12 passages (12 encoded now with clinqa-mini-encoder, 0 kept"),
        "{}",
        human.stdout
    );
    assert!(human.stdout.contains("5 read = 5 indexed + 0 skipped + 0 duplicate"), "{}", human.stdout);
    assert_eq!(human.stderr, "", "no bar without a terminal");
}
