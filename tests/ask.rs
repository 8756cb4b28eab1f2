//! Is a question answered with its source, or honestly not?

use std::fs;

use serde_json::{Value, json};

use crate::support::{Project, bounds, check_reply, five, five_markdown, list, run, skipped, span_in_quote};

const SIGNS: &str = "What are the early signs of type 2 diabetes?";
const TABLETS: &str = "How soon should antiviral tablets be started for shingles?";
const CHEST_PAIN: &str = "I have crushing chest pain and my left arm hurts";
const OWN_RESULT: &str = "My HbA1c is 8.2, what does it mean?";
const WITHIN: &str = "Antiviral tablets work best if they are begun within 72 hours of the first blisters.";
const NOT_HELD: &str = "How is leprosy treated?";

#[test]
fn the_first_question_makes_the_index_and_the_second_finds_it() {
    let project = Project::with_five_documents();
    let first = project.run(&["ask", "--json", SIGNS]).expect(0);
    assert!(first.stderr.contains("No index yet: making one"), "{}", first.stderr);
    assert!(first.stderr.contains("5 read = 5 indexed + 0 skipped + 0 duplicate"), "{}", first.stderr);
    let reply = first.json();
    check_reply(&reply);
    assert_eq!(reply["outcome"], "answered");
    assert_eq!(reply["answer"]["citations"][0]["document_id"], "type-2-diabetes");
    let second = project.run(&["ask", "--json", SIGNS]).expect(0);
    assert_eq!(second.stderr, "", "nothing is made a second time");
    assert_eq!(without_times(second.json()), without_times(reply));
}

#[test]
fn without_a_project_the_corpus_in_the_binary_answers_from_the_users_data_folder() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let project = Project::new();
    let bare = |args: &[&str]| {
        let mut command = project.command(args);
        command.current_dir(home.path()).env("HOME", home.path());
        run(&mut command)
    };
    // Words only: vectors of forty documents would take this test ten seconds. What the corpus demands of an index is
    // meant for one with vectors.
    bare(&["rebuild", "--lexical-only", "--force"]).expect(0);
    let data = home.path().join(".local/share/clinqa");
    assert!(data.join("corpora/starter/asthma.md").is_file() && data.join("index/CURRENT").is_file());
    let reply = bare(&["ask", "--json", "What is asthma?"]).expect(0).json();
    check_reply(&reply);
    assert_eq!(reply["reading"][0]["publisher"], "clinqa starter corpus");
}

#[test]
fn a_citation_stands_where_it_says_to_the_character() {
    // Plain paragraphs: the stored text is the file's body. Its first line holds é, – and a character of two UTF-16
    // units, so bytes and UTF-16 units would give other places.
    let markdown = five_markdown("shingles");
    let body = markdown.rsplit("---\n").next().expect("a body").trim();
    let text: Vec<char> = body.chars().collect();
    let at = |start: usize, end: usize| text[start..end].iter().collect::<String>();
    let mut checked = 0;
    for question in [TABLETS, "Where does the shingles rash appear?", "Who is offered a vaccine against shingles?"] {
        let reply = five().ask(&[question]);
        assert_eq!(reply["outcome"], "answered", "{question}");
        let citations = list(&reply["answer"]["citations"]).iter().chain(list(&reply["reading"]));
        for citation in citations.filter(|citation| citation["document_id"] == "shingles") {
            let [start, end, answer_start, answer_end] = bounds(citation);
            assert_eq!(citation["quote"], at(start, end));
            assert_eq!(span_in_quote(citation), at(answer_start, answer_end));
            checked += 1;
        }
        let [_, _, answer_start, answer_end] = bounds(&reply["answer"]["citations"][0]);
        assert_eq!(reply["answer"]["text"], at(answer_start, answer_end));
        assert!(body.get(answer_start..answer_end) != reply["answer"]["text"].as_str(), "bytes would not do");
    }
    assert!(checked >= 5, "{checked} places were compared");
    let tablets = five().ask(&[TABLETS]);
    assert_eq!(tablets["answer"]["text"], WITHIN);
}

#[test]
fn not_answering_is_a_result_with_a_reason() {
    let check = |question: &str, outcome: &str, reason: Option<&str>| {
        let reply = five().ask(&[question]);
        assert_eq!((&reply["outcome"], reply["reason"].as_str()), (&json!(outcome), reason), "{question}");
        let code = if outcome == "answered" { 0 } else { 4 };
        five().run(&["ask", "--strict", question]).expect(code);
    };
    check(SIGNS, "answered", None);
    check(NOT_HELD, "abstained", Some("unsupported"));
    check("What is the capital of France?", "abstained", Some("scope"));
    check(OWN_RESULT, "abstained", Some("personal"));
    check(CHEST_PAIN, "redirected", Some("emergency"));
}

#[test]
fn who_greets_or_calls_for_help_is_told_how_to_go_on_and_gets_nothing_to_read() {
    for (text, rule) in [("hello", "greeting"), ("thank you so much", "thanks"), ("help me please", "help-wanted")] {
        let reply = five().ask(&[text]);
        assert_eq!((&reply["reason"], &reply["notices"][0]["rule"]), (&json!("scope"), &json!(rule)), "{text}");
        assert!(list(&reply["reading"]).is_empty(), "{text}: {reply}");
    }
    assert_eq!(five().ask(&["Hello. What are the symptoms of asthma?"])["outcome"], "answered");
}

#[test]
fn a_question_about_ones_own_case_gets_a_boundary_and_reading_but_no_answer() {
    let reply = five().ask(&[OWN_RESULT]);
    assert_eq!(reply["notices"][0]["kind"], "boundary");
    assert_eq!(reply["notices"][0].get("call"), None);
    assert!(!list(&reply["reading"]).is_empty(), "there is something to read");
}

#[test]
fn an_emergency_is_named_before_anything_else_and_says_whom_to_call() {
    let anywhere = "your local emergency number (112, 911, 999 …)";
    let check = |args: &[&str], region: &str, number: &str| {
        let reply = five().ask(&[args, &[CHEST_PAIN]].concat());
        let first = &reply["notices"][0];
        assert_eq!(first["kind"], "emergency");
        assert_eq!(first["call"], json!({"region": region, "number": number}));
        assert!(first["text"].as_str().is_some_and(|text| text.contains(&format!("Call {number}"))), "{first}");
        assert!(first["source"].as_str().is_some_and(|source| !source.is_empty()), "{first}");
    };
    check(&[], "", anywhere);
    check(&["--region", "GB"], "GB", "999");
    let mut by_variable = five().command(&["ask", "--json", CHEST_PAIN]);
    by_variable.env("CLINQA_REGION", "GB");
    assert_eq!(run(&mut by_variable).json()["notices"][0]["call"]["number"], "999");

    let human = five().run(&["ask", "--region", "GB", CHEST_PAIN]).expect(0);
    assert!(human.stdout.starts_with("CHEST PAIN CAN BE A HEART ATTACK\nCall 999\n"), "{}", human.stdout);
    five().run(&["ask", "--region", "Atlantis", CHEST_PAIN]).expect(2);
    five().run(&["ask", "--region", "ZZ", CHEST_PAIN]).expect(2);
}

#[test]
fn an_emergency_is_named_even_if_the_index_is_damaged() {
    let project = Project::indexed();
    fs::remove_file(project.generation().join("passages.bin")).expect("removed");
    let ran = project.run(&["ask", "--region", "GB", CHEST_PAIN]);
    assert!(ran.stdout.contains("Call 999"), "whom to call matters more than the index: {}", ran.stderr);
}

#[test]
fn two_or_three_further_passages_are_offered_unless_asked_otherwise() {
    let usual = five().ask(&[SIGNS]);
    assert!((2..=3).contains(&list(&usual["reading"]).len()), "{usual}");
    for top_k in ["0", "1", "5"] {
        let reply = five().ask(&["--top-k", top_k, SIGNS]);
        let reading = list(&reply["reading"]);
        assert_eq!(reading.len().to_string(), top_k);
        let own = &reply["answer"]["citations"][0]["passage_id"];
        assert!(
            reading.iter().all(|passage| passage["passage_id"] != *own),
            "the answer's own passage is not repeated"
        );
        let scores: Vec<f64> = reading.iter().filter_map(|passage| passage["score"].as_f64()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
    five().run(&["ask", "--top-k", "-1", SIGNS]).expect(2);
}

#[test]
fn the_trace_holds_both_rankings_the_fused_one_the_spans_and_the_times() {
    let plain = five().ask(&[SIGNS]);
    assert_eq!(plain.get("trace"), None, "only if asked for");
    let reply = five().ask(&["--explain", SIGNS]);
    let trace = &reply["trace"];
    assert!(list(&trace["terms"]).contains(&json!("diabetes")), "{trace}");
    for ranking in ["lexical", "dense", "fused"] {
        let hits = list(&trace[ranking]);
        assert_eq!(hits[0]["passage_id"], "type-2-diabetes#0", "{ranking}");
        let scores: Vec<f64> = hits.iter().filter_map(|hit| hit["score"].as_f64()).collect();
        assert!(scores.len() == hits.len() && scores.is_sorted_by(|a, b| a >= b), "{ranking}: {scores:?}");
    }
    let best = &list(&trace["spans"])[0];
    let said = |key: &str| best[key].as_str().expect("a text");
    assert!(said("quote").contains(said("text")) && said("shown").contains(said("quote")), "{best}");
    assert_eq!(best["shown"], reply["answer"]["citations"][0]["quote"]);
    assert!(best["features"]["likeness"].is_number() && trace["grounds"]["evidence"].is_number(), "{trace}");
    let timings = list(&trace["timings"]);
    let stages: Vec<&str> = timings.iter().filter_map(|timing| timing["stage"].as_str()).collect();
    assert_eq!(stages.first(), Some(&"screen"), "an emergency never waits for a model");
    for stage in ["understand", "lexical", "encode", "dense", "fuse", "choose", "read", "compose", "review"] {
        assert!(stages.contains(&stage), "{stage} in {stages:?}");
    }
    assert!(timings.iter().all(|timing| timing["ms"].as_f64().is_some_and(|ms| ms >= 0.0)), "{trace}");
    let human = five().run(&["ask", "--explain", SIGNS]).expect(0).stdout;
    for part in ["By words (BM25)", "By vectors (cosine)", "Fused", "Candidates", "Times (ms)"] {
        assert!(human.contains(part), "{part} in {human}");
    }
}

#[test]
fn words_alone_are_searched_if_asked_and_then_no_encoder_is_named() {
    let reply = five().ask(&["--lexical-only", "--explain", SIGNS]);
    assert_eq!(reply["encoder"], "");
    assert_eq!(reply["trace"]["dense"], json!([]));
    assert_eq!(reply["reading"][0].get("score").and_then(Value::as_f64).map(f64::is_finite), Some(true));
    assert_eq!(list(&reply["trace"]["lexical"])[0]["passage_id"], "type-2-diabetes#0");
    assert_eq!(five().ask(&[SIGNS])["encoder"], "clinqa-mini-encoder");
}

#[test]
fn a_filter_decides_which_documents_may_answer() {
    let documents = |citations: &Value| -> Vec<String> {
        list(citations).iter().map(|citation| citation["document_id"].as_str().expect("an id").to_owned()).collect()
    };
    // A list is quicker than an answer, and takes the same filters.
    let check = |args: &[&str], allowed: &[&str]| {
        let listed = five().run(&[&["search", "--json", "--top-k", "20"], args, &[SIGNS]].concat()).expect(0).json();
        let found = documents(&listed["results"]);
        assert!(found.iter().all(|id| allowed.contains(&id.as_str())), "{args:?} found {found:?}");
        assert!(allowed.iter().all(|id| found.iter().any(|found| found == id)), "{args:?} found only {found:?}");
    };
    let leaflets = ["asthma", "migraine", "shingles", "type-2-diabetes"];
    check(&["--filter", "kind=guideline"], &["hypertension"]);
    check(&["--filter", "kind=leaflet"], &leaflets);
    check(&["--filter", "publisher=house tests for clinicians"], &["hypertension"]);
    check(&["--filter", "specialty=neurology"], &["migraine"]);
    check(&["--audience", "clinician"], &["hypertension"]);
    check(&["--since", "2024"], &["asthma", "type-2-diabetes"]);
    check(&["--since", "2024-02"], &["asthma"]);
    check(&["--until", "2022"], &["hypertension", "shingles"]);
    check(&["--filter", "kind=leaflet", "--until", "2022-12-31"], &["shingles"]);
    let guideline = five().ask(&["--top-k", "20", "--filter", "kind=guideline", SIGNS]);
    assert!(documents(&guideline["reading"]).iter().all(|id| id == "hypertension"), "{guideline}");
    let cited = guideline.pointer("/answer/citations/0/document_id");
    assert!(cited.is_none_or(|id| id == "hypertension"), "{guideline}");
    let nothing = five().ask(&["--filter", "kind=poem", SIGNS]);
    assert_eq!((&nothing["outcome"], &nothing["reading"]), (&json!("abstained"), &json!([])));
}

#[test]
fn a_filter_that_is_not_understood_is_refused() {
    let keys = ["kind, publisher, specialty, audience, language"];
    five().run(&["ask", "--filter", "colour=red", SIGNS]).refused(2, &keys);
    five().run(&["ask", "--filter", "guideline", SIGNS]).refused(2, &keys);
    five().run(&["ask", "--since", "yesterday", SIGNS]).expect(2);
    five().run(&["ask", "--top-k", "many", SIGNS]).expect(2);
    five().run(&["ask"]).expect(2);
}

/// Lines of a batch: good ones, and every bad one that we could think of.
fn batch() -> Vec<u8> {
    let mut lines = Vec::new();
    let mut push = |line: &[u8]| lines.extend([line, b"\n"].concat());
    push(json!({"id": "a", "question": SIGNS, "history": [], "colour": "red"}).to_string().as_bytes());
    push(b"zebrafever is not JSON");
    push(br#"{"id": 7, "question": "   "}"#);
    push(b"");
    push(json!({"id": "long", "question": "zebrafever ".repeat(140_000)}).to_string().as_bytes());
    push(b"{\"id\": 8, \"question\": \"zebrafever\\u0000\"}");
    push(b"{\"id\": 9, \"question\": \"zebrafever \xff\xfe\"}");
    push(json!({"id": 10, "question": CHEST_PAIN}).to_string().as_bytes());
    push(json!({"question": SIGNS, "filters": {"kind": "guideline"}}).to_string().as_bytes());
    lines
}

#[test]
fn a_batch_gets_one_reply_a_line_in_order_and_a_bad_line_its_error() {
    let (project, lines) = (Project::indexed(), batch());
    let piped = project.run_with_input(&["ask", "--batch", "-"], &lines).expect(0);
    project.write("questions.jsonl", &lines);
    let from_file = project.run(&["ask", "--batch", "questions.jsonl"]).expect(0);
    let replies = piped.json_lines();
    let same = |replies: Vec<Value>| replies.into_iter().map(without_times).collect::<Vec<_>>();
    assert_eq!(same(replies.clone()), same(from_file.json_lines()));
    assert_eq!(replies.len(), 8, "the blank line is no question");

    let codes: Vec<Option<&str>> = replies.iter().map(|reply| reply["error"]["code"].as_str()).collect();
    let (bad, unusable) = (Some("malformed"), Some("unusable"));
    assert_eq!(codes, [None, bad, unusable, bad, unusable, bad, None, None]);
    for failed in replies.iter().filter(|reply| reply.get("error").is_some()) {
        assert!(failed["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{failed}");
        assert!(!failed.to_string().contains("zebrafever"), "a question is not repeated: {failed}");
    }
    for reply in replies.iter().filter(|reply| reply.get("error").is_none()) {
        check_reply(reply);
    }
    assert_eq!((&replies[0]["id"], &replies[2]["id"], &replies[6]["id"]), (&json!("a"), &json!(7), &json!(10)));
    assert_eq!(replies[7].get("id"), None, "no id is made up");
    assert_eq!((&replies[0]["outcome"], &replies[6]["outcome"]), (&json!("answered"), &json!("redirected")));
    assert!(list(&replies[7]["reading"]).iter().all(|passage| passage["kind"] == "guideline"), "{}", replies[7]);
}

#[test]
fn a_bad_line_of_a_batch_keeps_the_id_that_it_has() {
    let check = |line: &str, id: Value| {
        let failed =
            &five().run_with_input(&["ask", "--lexical-only", "--batch", "-"], line.as_bytes()).json_lines()[0];
        assert_eq!((failed.get("id"), failed.get("error").is_some()), (Some(&id), true), "{line}");
    };
    check(r#"{"id": "x", "question": "?"}"#, json!("x"));
    check(r#"{"id": "no-question"}"#, json!("no-question"));
    check(r#"{"id": 3, "question": 4}"#, json!(3));
    check(r#"{"id": "f", "question": "What is asthma?", "filters": {"since": "yesterday"}}"#, json!("f"));
}

#[test]
fn a_batch_fails_only_if_every_line_does() {
    let check = |input: &str, code: i32| {
        five().run_with_input(&["ask", "--lexical-only", "--batch", "-"], input.as_bytes()).expect(code);
    };
    check("not JSON\n{\"question\": \"What is asthma?\"}", 0);
    check("not JSON\n{\"question\": \"\"}\n", 2);
    five().run(&["ask", "--batch", "nowhere.jsonl"]).refused(2, &["nowhere.jsonl"]);
    five().run(&["ask", "--batch", "-", SIGNS]).expect(2);
}

#[test]
fn nothing_is_painted_where_there_is_no_terminal() {
    let check = |args: &[&str]| {
        for (name, value) in [("TERM", "xterm-256color"), ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")] {
            let mut command = five().command(args);
            let ran = run(command.env(name, value));
            assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{args:?} with {name}");
        }
    };
    check(&["ask", "--lexical-only", "--explain", SIGNS]);
    check(&["search", "--lexical-only", "shingles"]);
    check(&["inspect"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_sees_colour_unless_it_refuses() {
    let painted = |variable: Option<&str>| {
        let binary = env!("CARGO_BIN_EXE_clinqa");
        // `script` gives the binary a terminal of its own.
        let on_terminal =
            format!("unset NO_COLOR; {0} '{binary}' search --lexical-only shingles", variable.unwrap_or(""));
        let mut terminal = std::process::Command::new("script");
        terminal
            .args(["-qec", &on_terminal, "/dev/null"])
            .current_dir(five().path(""))
            .stdin(std::process::Stdio::null());
        let output = terminal.output().ok().filter(|output| output.status.success())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("Shingles"), "{text}");
        Some(text.contains('\u{1b}'))
    };
    let Some(usual) = painted(None) else {
        return skipped("colour on a terminal: there is no `script` here to make one");
    };
    assert!(usual, "a terminal is painted");
    assert_eq!(painted(Some("NO_COLOR=1")), Some(false), "NO_COLOR is obeyed");
    assert_eq!(painted(Some("NO_COLOR=")), Some(true), "an empty NO_COLOR says nothing");
}

#[test]
fn a_person_sees_the_span_marked_in_its_sentence_and_where_it_stands() {
    let human = five().run(&["ask", "--top-k", "1", TABLETS]).expect(0);
    let redacted: String = human
        .stdout
        .lines()
        .map(|line| match line.split_once(" (confidence ") {
            Some((answer, _)) => format!("{answer} (confidence WORD, NUMBER)\n"),
            None => format!("{line}\n"),
        })
        .collect();
    insta::assert_snapshot!("answer", redacted);
}

#[test]
fn help_says_what_can_be_typed() {
    let help = |args: &[&str]| five().run(args).expect(0).stdout;
    insta::assert_snapshot!("help", help(&["--help"]));
    insta::assert_snapshot!("help_ask", help(&["ask", "--help"]));
    insta::assert_snapshot!("help_search", help(&["search", "--help"]));
    insta::assert_snapshot!("help_rebuild", help(&["rebuild", "--help"]));
    insta::assert_snapshot!("help_eval", help(&["eval", "--help"]));
    insta::assert_snapshot!("help_model", help(&["model", "--help"]));
}

#[test]
fn completions_and_the_manual_come_from_the_same_definitions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = five().run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("lexical-only") && script.contains("rebuild"), "{shell}");
    }
    let manual = five().run(&["man"]).expect(0).stdout;
    assert!(manual.starts_with(".ie") && manual.contains("clinqa\\-rebuild"), "{manual}");
}

#[test]
fn settings_come_from_the_flag_before_the_variable_before_the_project_file() {
    let project = Project::indexed();
    fs::rename(project.path("index"), project.path("elsewhere")).expect("moved");
    fs::create_dir(project.path("index")).expect("a folder");
    project.write("clinqa.toml", "index = \"elsewhere\"\n");
    let generation = |args: &[&str], variable: Option<&str>| {
        let mut command = project.command(&[&["inspect", "--json"], args].concat());
        run(command.envs(variable.map(|value| ("CLINQA_INDEX", value))))
    };
    generation(&[], None).expect(0);
    generation(&[], Some("nowhere")).refused(3, &["nowhere"]);
    generation(&["--index", "elsewhere"], Some("nowhere")).expect(0);
    project.write("clinqa.toml", "colour = \"red\"\n");
    generation(&[], None).refused(2, &["clinqa.toml"]);
}

/// The reply without what differs from run to run.
fn without_times(mut reply: Value) -> Value {
    if let Some(reply) = reply.as_object_mut() {
        reply.remove("took_ms");
    }
    reply
}

#[test]
fn words_alone_can_answer_too() {
    let reply = five().ask(&["--lexical-only", TABLETS]);
    assert_eq!((&reply["outcome"], &reply["encoder"]), (&json!("answered"), &json!("")));
    assert_eq!(reply["answer"]["text"], WITHIN);
}

#[test]
fn a_follow_up_is_answered_from_the_turns_before_it() {
    let line = json!({
        "id": "follow-up",
        "question": "and what are the side effects of the preventer?",
        "history": [{"question": "How is asthma treated?", "answer": "With inhalers."}],
    });
    let bare = json!({"id": "bare", "question": "how is it diagnosed?"});
    let told = json!({
        "id": "told",
        "question": "how is it diagnosed?",
        "history": [{"question": "What is migraine?", "answer": "A headache with other symptoms."}],
    });
    let input = format!("{line}\n{bare}\n{told}\n");
    let replies = five().run_with_input(&["ask", "--batch", "-", "--explain"], input.as_bytes()).expect(0).json_lines();
    let understood = |at: usize| replies[at]["trace"]["understood"].as_str().expect("a text").to_owned();
    let first = |at: usize| replies[at]["trace"]["fused"][0]["passage_id"].as_str().expect("an id").to_owned();
    assert!(understood(0).contains("asthma"), "{}", understood(0));
    assert!(first(0).starts_with("asthma#"), "{}", first(0));
    assert_eq!(understood(1), "how is it diagnosed?", "without history nothing is made up");
    assert!(first(2).starts_with("migraine#"), "{}", first(2));
}

#[test]
fn slips_short_forms_and_brand_names_are_understood_and_told() {
    let check = |question: &str, step: &str, to: &str| {
        let reply = five().ask(&["--explain", question]);
        let steps = list(&reply["trace"]["steps"]).clone();
        let found = steps.iter().any(|told| told["step"] == step && told["to"] == to);
        assert!(found, "{question}: {steps:?}");
    };
    check("what are the simptoms of asthma", "spelling", "symptoms");
    check("is T2DM serious", "abbreviations", "type 2 diabetes");
    check("can I take Tylenol for migraine", "medicines", "paracetamol");
    let human = five().run(&["ask", "--explain", "simptoms of migrane"]).expect(0).stdout;
    assert!(human.contains("spelling: migrane -> migraine"), "{human}");
}
