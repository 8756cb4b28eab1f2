//! Does a learned second opinion add notices to those of the rules, and take none away, whatever it says?

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::heads::Head;
use crate::support::http::Server;
use crate::support::{Project, arg, check_reply, copy, data, five, list, run};

const ORDINARY: &str = "What are the symptoms of asthma?";
const EMERGENCY: &str = "crushing chest pain and my left arm is numb";

/// Questions that rules speak on and questions that none does.
const QUESTIONS: [&str; 8] = [
    ORDINARY,
    EMERGENCY,
    "how much ibuprofen can I give my 4 year old?",
    "what is the capital of France",
    "should I stop taking my warfarin",
    "Wie häufig ist Migräne? 🙂",
    "I took 40 paracetamol an hour ago, how much more may I take?",
    "zzzz",
];

/// A classifier of three labels that says the same of every text; logits are the logarithms of what it says.
fn saying(project: &Project, name: &str, labels: &[&str], biases: &[f32]) -> String {
    let head = Head { of: "tiny-classifier", labels, weight: 0.0, biases };
    arg(&head.write(project, name)).to_owned()
}

const LABELS: [&str; 3] = ["emergency", "ordinary", "own-dose"];

fn always(project: &Project) -> String {
    saying(project, "always", &LABELS, &[9.0, 0.0, 0.0])
}

fn never(project: &Project) -> String {
    saying(project, "never", &LABELS, &[0.0, 9.0, 0.0])
}

/// Numbers so large that what comes out of them is none.
fn overflowing(project: &Project) -> String {
    let head = Head { of: "tiny-classifier", labels: &LABELS, weight: f32::MAX, biases: &[0.0; 3] };
    arg(&head.write(project, "overflowing")).to_owned()
}

fn rules(reply: &Value) -> Vec<&str> {
    list(&reply["notices"]).iter().map(|notice| notice["rule"].as_str().expect("a rule")).collect()
}

#[test]
fn one_that_sees_an_emergency_redirects_with_the_number_to_call_and_the_trace_says_so() {
    let project = Project::new();
    let reply = five().ask(&[ORDINARY, "--region", "GB", "--explain", "--second-opinion", &always(&project)]);
    assert_eq!((&reply["outcome"], rules(&reply)), (&json!("redirected"), vec!["danger-signs"]), "{reply}");
    assert_eq!(reply["notices"][0]["call"]["number"], "999", "{reply}");
    let told = &reply["trace"]["second_opinion"];
    assert_eq!(
        (&told["effect"], &told["added"], &told["model"]),
        (&json!("added"), &json!(["danger-signs"]), &json!("always"))
    );
    let labels: Vec<&Value> = list(&told["labels"]).iter().map(|label| &label["label"]).collect();
    assert_eq!(labels, ["emergency", "own-dose"], "only what it may speak by: {told}");
    let stages: Vec<&Value> = list(&reply["trace"]["timings"]).iter().map(|timing| &timing["stage"]).collect();
    assert_eq!(stages[..2], ["screen", "second-opinion"], "the rules come first");
    let human = five().run(&["ask", ORDINARY, "--explain", "--second-opinion", &always(&project)]).expect(0).stdout;
    assert!(human.contains("always: added danger-signs"), "{human}");
}

#[test]
fn one_that_sees_none_changes_nothing() {
    let project = Project::new();
    let plain = |mut reply: Value| {
        let fields = reply.as_object_mut().expect("an object");
        for field in ["took_ms", "trace"] {
            fields.remove(field);
        }
        reply
    };
    let without = five().ask(&[ORDINARY]);
    let with = five().ask(&[ORDINARY, "--explain", "--second-opinion", &never(&project)]);
    assert_eq!(with["trace"]["second_opinion"]["effect"], "silent", "{with}");
    assert_eq!(plain(with), plain(without));
}

#[test]
fn it_speaks_from_the_threshold_on_that_flag_variable_or_file_set() {
    let project = Project::indexed();
    // One of three labels that exclude one another: 0.80 for an emergency.
    let model = saying(&project, "unsure", &LABELS, &[8.0_f32.ln(), 0.0, 0.0]);
    let outcome =
        |args: &[&str]| project.ask(&[&[ORDINARY, "--second-opinion", &model], args].concat())["outcome"].clone();
    assert_ne!(outcome(&[]), "redirected", "0.9 unless told otherwise");
    assert_eq!(outcome(&["--second-opinion-threshold", "0.79"]), "redirected");
    assert_ne!(outcome(&["--second-opinion-threshold", "0.81"]), "redirected");
    project.write("clinqa.toml", format!("second_opinion = {model:?}\nsecond_opinion_threshold = 0.5\n"));
    assert_eq!(project.ask(&[ORDINARY])["outcome"], "redirected");
    let mut command = project.command(&["ask", "--json", ORDINARY]);
    command.env("CLINQA_SECOND_OPINION", never(&project)).env("CLINQA_SECOND_OPINION_THRESHOLD", "0.1");
    assert_ne!(run(&mut command).expect(0).json()["outcome"], "redirected", "a variable comes before a file");
    project.write("clinqa.toml", "second_opinion_threshold = 1.5\n");
    project.run(&["ask", ORDINARY]).refused(2, &["clinqa.toml", "1.5", "from 0 to 1"]);
    assert!(
        project.run(&["ask", ORDINARY, "--second-opinion-threshold", "2"]).expect(2).stderr.contains("from 0 to 1")
    );
}

/// The replies to all questions, in order.
fn replies(args: &[&str]) -> Vec<Value> {
    let lines: String = QUESTIONS.iter().map(|question| json!({ "question": question }).to_string() + "\n").collect();
    let ran = five().run_with_input(&[&["ask", "--batch", "-"], args].concat(), lines.as_bytes()).expect(0);
    let replies = ran.json_lines();
    replies.iter().for_each(check_reply);
    assert_eq!(replies.len(), QUESTIONS.len());
    replies
}

#[test]
fn whatever_it_says_no_notice_of_the_rules_is_lost() {
    let project = Project::new();
    let without = replies(&[]);
    assert!(without.iter().any(|reply| reply["outcome"] == "redirected"), "the rules speak on some");
    let personal = saying(&project, "personal", &LABELS, &[0.0, 0.0, 9.0]);
    let several =
        Head { of: "tiny-multi", labels: &["stroke", "not-health", "Own Dose"], weight: 0.0, biases: &[9.0; 3] };
    let several = arg(&several.write(&project, "several")).to_owned();
    for model in [always(&project), never(&project), overflowing(&project), personal, several] {
        let with = replies(&["--second-opinion", &model]);
        for (before, after) in without.iter().zip(&with) {
            let lost: Vec<&Value> =
                list(&before["notices"]).iter().filter(|notice| !list(&after["notices"]).contains(notice)).collect();
            assert!(lost.is_empty(), "{model}: {lost:?}");
            assert!(before["outcome"] != "redirected" || after["outcome"] == "redirected", "{model}: {after}");
            assert!(before["outcome"] == "answered" || after["outcome"] != "answered", "{model}: {after}");
        }
        let seen = with.iter().filter(|reply| reply["outcome"] == "redirected").count();
        let by_rules = without.iter().filter(|reply| reply["outcome"] == "redirected").count();
        let speaks = ["always", "several"].iter().any(|name| model.ends_with(name));
        assert_eq!(seen, if speaks { QUESTIONS.len() } else { by_rules }, "{model}");
    }
}

#[test]
fn one_that_cannot_be_computed_leaves_what_the_rules_said_and_says_so_without_the_question() {
    let project = Project::new();
    let model = overflowing(&project);
    let ran = five().run(&["ask", "--json", "--explain", ORDINARY, "--second-opinion", &model]).expect(0);
    assert_eq!(ran.json()["trace"]["second_opinion"]["effect"], "failed", "{}", ran.stdout);
    assert_ne!(ran.json()["outcome"], "redirected");
    assert!(ran.stderr.contains("could not be computed") && !ran.stderr.contains("asthma"), "{}", ran.stderr);
}

#[test]
fn a_model_that_could_never_speak_or_is_damaged_is_refused_but_an_emergency_is_told_all_the_same() {
    let project = Project::new();
    let causes = data("checkpoints/tiny-classifier");
    let damaged = project.path("damaged");
    copy(Path::new(&always(&project)), &damaged);
    let weights = std::fs::read(damaged.join("model.safetensors")).expect("weights");
    std::fs::write(damaged.join("model.safetensors"), &weights[..weights.len() / 2]).expect("half of them");
    let nan =
        Head { of: "tiny-classifier", labels: &LABELS, weight: 0.0, biases: &[f32::NAN; 3] }.write(&project, "nan");
    let tagger = data("checkpoints/tiny-tagger");
    for (model, parts) in [
        (arg(&causes), &["tiny-classifier", "causes, symptoms, treatment", "`emergency`"][..]),
        (arg(&damaged), &["damaged", "model.safetensors"]),
        (arg(&nan), &["nan", "classifier.bias"]),
        (arg(&tagger), &["tiny-tagger"]),
        ("nowhere", &["nowhere", "no such folder"]),
    ] {
        for verb in [&["ask", ORDINARY][..], &["serve", "--listen", "127.0.0.1:0"]] {
            five().run(&[verb, &["--second-opinion", model]].concat()).refused(2, parts);
        }
        let told = five().run(&["ask", "--json", EMERGENCY, "--second-opinion", model]).expect(0).json();
        assert_eq!(told["outcome"], "redirected", "{model}");
    }
}

#[test]
fn labels_that_are_no_rules_are_told_at_the_start() {
    let project = Project::new();
    let ran = five().run(&["ask", ORDINARY, "--second-opinion", &never(&project)]).expect(0);
    assert!(
        ran.stderr.contains("speaks by emergency, own-dose; its other labels are ignored: ordinary."),
        "{}",
        ran.stderr
    );
}

/// How often a second opinion came to this, as the metrics tell it.
fn counted(server: &Server, effect: &str) -> u32 {
    let metrics = server.get("/metrics").expect(200).body;
    let count = metrics
        .lines()
        .find_map(|line| line.strip_prefix(&format!("clinqa_second_opinions_total{{effect=\"{effect}\"}} ")));
    count.map_or(0, |count| count.parse().expect("a number"))
}

#[test]
fn a_server_redirects_by_it_counts_it_and_asks_none_where_the_rules_have_seen_an_emergency() {
    let project = Project::new();
    let server = Server::start(five(), &["--second-opinion", &always(&project), "--timeout", "30"]);
    let ask =
        |question: &str| server.post("/v1/ask", &json!({ "question": question, "region": "GB" })).expect(200).json();
    let reply = ask(ORDINARY);
    assert_eq!((&reply["outcome"], rules(&reply)), (&json!("redirected"), vec!["danger-signs"]), "{reply}");
    assert!(reply.get("trace").is_none(), "{reply}");
    assert_eq!(counted(&server, "added"), 1);
    let reply = ask(EMERGENCY);
    assert!(!rules(&reply).contains(&"danger-signs"), "an emergency that the rules saw waits for no model: {reply}");
    assert_eq!((counted(&server, "added"), counted(&server, "silent")), (1, 0));
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let page = server.post_with("/", form, "question=What+is+asthma").expect(200).body;
    assert!(page.contains("This sounds like it may be an emergency"), "the page shows it too");
    let messages = json!([{ "role": "user", "content": ORDINARY }]);
    let told =
        server.post("/v1/chat/completions", &json!({ "model": "clinqa", "messages": messages })).expect(200).json();
    assert_eq!(told["clinqa"]["outcome"], "redirected", "{told}");
}

#[test]
fn a_server_whose_second_opinion_fails_goes_on_by_the_rules_and_logs_no_question() {
    let project = Project::new();
    let server = Server::start(five(), &["--second-opinion", &overflowing(&project), "--timeout", "30"]);
    let reply = server.post("/v1/ask", &json!({ "question": ORDINARY })).expect(200).json();
    assert_ne!(reply["outcome"], "redirected", "{reply}");
    assert_eq!((counted(&server, "failed"), counted(&server, "added")), (1, 0));
    std::thread::sleep(Duration::from_millis(200));
    let log = server.log();
    assert!(log.iter().any(|line| line.contains("second opinion") && line.contains("ERROR")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("asthma")), "{log:?}");
}

#[test]
fn what_labelled_messages_taught_is_served() {
    let project = Project::new();
    let mut lines = String::new();
    for (label, words) in [("chest-pain", ["pain", "pressure", "spots"]), ("ordinary", ["water", "glucose", "kidney"])]
    {
        for word in words {
            for frame in ["what is", "when should it be", "how is the", "early days of", "no test for"] {
                lines += &(json!({ "text": format!("{frame} {word} ?"), "label": label }).to_string() + "\n");
            }
        }
    }
    project.write("messages.jsonl", lines);
    let tiny = data("checkpoints/tiny-safetensors");
    let flags = ["--epochs", "60", "--rate", "0.01", "--dropout", "0", "--threads", "1", "--out", "run"];
    let task = ["train", "classifier", "messages.jsonl", "--dev-share", "0.2", "--from", arg(&tiny)];
    project.run(&[&task[..], &flags].concat()).expect(0);
    let model = project.path("run/checkpoint");
    let ask =
        |question: &str| five().ask(&[question, "--second-opinion", arg(&model), "--second-opinion-threshold", "0.5"]);
    assert_eq!(rules(&ask("no test for pressure ?")), ["chest-pain"]);
    assert!(rules(&ask("no test for glucose ?")).is_empty());
}
