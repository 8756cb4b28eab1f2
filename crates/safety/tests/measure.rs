//! How many emergencies are seen, and how many alarms are false, by group and form?
//!
//! The committed sets hold the reached figures; a set of one's own is measured by naming its file:
//! `CLINQA_SAFETY_SET=my.jsonl cargo test -p clinqa-safety --test measure -- --ignored --nocapture`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Instant;

use clinqa_safety::{Rules, Verdict, screen};
use clinqa_schema::{Abstention, NoticeKind, Question};

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::embedded().expect("the embedded rules"));

/// A line of a set.
#[derive(serde::Deserialize)]
struct Message {
    text: String,
    label: String,
    group: String,
    form: String,
}

/// What screening made of a set.
#[derive(Default)]
struct Measured {
    /// By label: how many there are, and how many were redirected.
    labels: BTreeMap<String, (usize, usize)>,
    /// By group or form of emergencies and of hard negatives: the same.
    parts: BTreeMap<String, (usize, usize)>,
    /// Emergencies that met another group's notice only.
    misnamed: usize,
    /// What went wrong, a line each.
    wrong: Vec<String>,
    /// Milliseconds each, sorted.
    times: Vec<f64>,
}

fn measure(set: &str) -> Measured {
    let mut measured = Measured::default();
    // Loading the rules is not screening.
    LazyLock::force(&RULES);
    for line in set.lines().filter(|line| !line.trim().is_empty()) {
        let message: Message = serde_json::from_str(line).expect("a message");
        let question = Question::new(&message.text).expect("a question");
        let start = Instant::now();
        let screening = screen(&RULES, &question, &[], None);
        measured.times.push(start.elapsed().as_secs_f64() * 1e3);
        let redirected = screening.verdict == Verdict::Redirect;
        let Message { text, label, group, form } = message;
        let count = |table: &mut BTreeMap<String, (usize, usize)>, key: String| {
            let entry = table.entry(key).or_default();
            entry.0 += 1;
            entry.1 += usize::from(redirected);
        };
        count(&mut measured.labels, label.clone());
        if label != "ordinary" {
            count(&mut measured.parts, format!("{label} group {group}"));
            count(&mut measured.parts, format!("{label} form {form}"));
        }
        let is_emergency = label == "emergency";
        let rules: Vec<&str> = screening.notices.iter().map(|notice| notice.rule.as_str()).collect();
        measured.misnamed += usize::from(is_emergency && redirected && !rules.contains(&group.as_str()));
        if redirected != is_emergency {
            measured.wrong.push(format!("{label}\t{group}\t{form}\t{}\t{text}", rules.join(",")));
        }
    }
    measured.times.sort_by(f64::total_cmp);
    measured
}

impl Measured {
    /// The share of a label's messages that were redirected.
    fn share(&self, label: &str) -> f64 {
        let (all, redirected) = self.labels.get(label).copied().unwrap_or_default();
        redirected as f64 / all.max(1) as f64
    }

    fn report(&self) -> String {
        let mut report = String::new();
        for (key, (all, redirected)) in self.parts.iter().chain(&self.labels) {
            let _ = writeln!(report, "{redirected:4} of {all:4} redirected  {key}");
        }
        let _ = writeln!(report, "{} emergencies met only another group's notice", self.misnamed);
        if let (Some(median), Some(most)) = (self.times.get(self.times.len() / 2), self.times.last()) {
            let _ = writeln!(report, "screening took {median:.3} ms in the median, {most:.3} ms at most");
        }
        let _ = writeln!(report, "\n{}", self.wrong.join("\n"));
        report
    }
}

#[test]
#[ignore = "measures the set that CLINQA_SAFETY_SET names"]
fn a_set_of_ones_own() {
    let path = std::env::var("CLINQA_SAFETY_SET").expect("CLINQA_SAFETY_SET names a JSON Lines file");
    let set = std::fs::read_to_string(path).expect("a readable set");
    let report = measure(&set).report();
    std::io::Write::write_all(&mut std::io::stderr(), report.as_bytes()).expect("a written report");
}

/// What the rules reach on the sets that they were mended on; `README.md` of `rules/` says what they reached before.
#[test]
fn the_committed_sets_keep_their_figures() {
    keeps("dev-1", include_str!("data/safety/dev-1.jsonl"), [0.99, 0.01, 0.015]);
    keeps("dev-2", include_str!("data/safety/dev-2.jsonl"), [0.985, 0.01, 0.01]);
    keeps("dev-3", include_str!("data/safety/dev-3.jsonl"), [0.985, 0.01, 0.03]);
    keeps("dev-4", include_str!("data/safety/dev-4.jsonl"), [0.99, 0.01, 0.03]);
    keeps("dev-5", include_str!("data/safety/dev-5.jsonl"), [0.95, 0.025, 0.0]);
    keeps("dev-6 to dev-27", &DEV_6_TO_27.concat(), [0.985, 0.01, 0.03]);
    keeps("short-1 to short-17", &SHORT.concat(), [0.97, 0.004, 0.015]);
}

/// 14,500 messages by 22 authors who had not read the rules.
const DEV_6_TO_27: [&str; 22] = [
    include_str!("data/safety/dev-6.jsonl"),
    include_str!("data/safety/dev-7.jsonl"),
    include_str!("data/safety/dev-8.jsonl"),
    include_str!("data/safety/dev-9.jsonl"),
    include_str!("data/safety/dev-10.jsonl"),
    include_str!("data/safety/dev-11.jsonl"),
    include_str!("data/safety/dev-12.jsonl"),
    include_str!("data/safety/dev-13.jsonl"),
    include_str!("data/safety/dev-14.jsonl"),
    include_str!("data/safety/dev-15.jsonl"),
    include_str!("data/safety/dev-16.jsonl"),
    include_str!("data/safety/dev-17.jsonl"),
    include_str!("data/safety/dev-18.jsonl"),
    include_str!("data/safety/dev-19.jsonl"),
    include_str!("data/safety/dev-20.jsonl"),
    include_str!("data/safety/dev-21.jsonl"),
    include_str!("data/safety/dev-22.jsonl"),
    include_str!("data/safety/dev-23.jsonl"),
    include_str!("data/safety/dev-24.jsonl"),
    include_str!("data/safety/dev-25.jsonl"),
    include_str!("data/safety/dev-26.jsonl"),
    include_str!("data/safety/dev-27.jsonl"),
];

/// 11,500 messages of 2 to 14 words by 17 authors who had not read the rules.
const SHORT: [&str; 17] = [
    include_str!("data/safety/short-1.jsonl"),
    include_str!("data/safety/short-2.jsonl"),
    include_str!("data/safety/short-3.jsonl"),
    include_str!("data/safety/short-4.jsonl"),
    include_str!("data/safety/short-5.jsonl"),
    include_str!("data/safety/short-6.jsonl"),
    include_str!("data/safety/short-7.jsonl"),
    include_str!("data/safety/short-8.jsonl"),
    include_str!("data/safety/short-9.jsonl"),
    include_str!("data/safety/short-10.jsonl"),
    include_str!("data/safety/short-11.jsonl"),
    include_str!("data/safety/short-12.jsonl"),
    include_str!("data/safety/short-13.jsonl"),
    include_str!("data/safety/short-14.jsonl"),
    include_str!("data/safety/short-15.jsonl"),
    include_str!("data/safety/short-16.jsonl"),
    include_str!("data/safety/short-17.jsonl"),
];

/// What they reach on the sets that nothing was ever mended on. Leave them apart: mend on the others.
#[test]
fn the_set_apart_keeps_its_figures() {
    keeps("apart", include_str!("data/safety/apart.jsonl"), [0.98, 0.01, 0.02]);
    keeps("apart-3", include_str!("data/safety/apart-3.jsonl"), [0.97, 0.01, 0.04]);
    keeps("apart-4", include_str!("data/safety/apart-4.jsonl"), [0.98, 0.014, 0.06]);
    keeps("apart-5", include_str!("data/safety/apart-5.jsonl"), [0.98, 0.01, 0.08]);
    // Messages of a few words; wanted are 0.98, 0.01 and 0.08 here too, and what they mean adds to what is heard by words.
    keeps("plain-apart", include_str!("data/safety/plain-apart.jsonl"), [0.985, 0.004, 0.06]);
    keeps("plain-apart-2", include_str!("data/safety/plain-apart-2.jsonl"), [0.9, 0.004, 0.02]);
}

/// What people type into a search: the bare name of a topic tells of nobody.
#[test]
fn the_name_of_a_topic_is_no_emergency() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpora/starter");
    let articles = std::fs::read_dir(folder).expect("the starter corpus").flatten().map(|entry| entry.path());
    let title = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.lines().find_map(|line| line.strip_prefix("title: "))?.trim_matches('"').to_lowercase())
    };
    let titles: Vec<String> = articles.filter_map(title).chain(["zorblax fever".to_owned()]).collect();
    assert!(titles.len() > 300, "{}", titles.len());
    let alarms: Vec<&String> = titles.iter().filter(|title| verdict(title) == Verdict::Redirect).collect();
    // Of these three a rule says more than the points of words do: whoever types one may well mean it.
    let meant = ["choking", "newborn jaundice", "paracetamol overdose"];
    assert!(alarms.iter().all(|title| meant.iter().any(|meant| title.starts_with(meant))), "{alarms:?}");
}

/// Of 120; the promise wants all of them, so that this figure only ever rises.
const PERSONAL_APART: usize = 110;

/// Of 50.
const GENERAL_APART: usize = 50;

fn lines(data: &str) -> impl Iterator<Item = &str> {
    data.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn verdict(text: &str) -> Verdict {
    screen(&RULES, &Question::new(text).expect("a question"), &[], None).verdict
}

/// Recall, false alarms on ordinary messages and on hard negatives that a set must keep.
fn keeps(name: &str, set: &str, [recall, ordinary, hard]: [f64; 3]) {
    let measured = measure(set);
    let found = [measured.share("emergency"), measured.share("ordinary"), measured.share("hard")];
    let kept = found[0] >= recall && found[1] <= ordinary && found[2] <= hard;
    assert!(kept, "{name}: {found:?}\n{}", measured.report());
}

fn demand(data: &str, expected: Verdict) {
    let wrong: Vec<&str> = lines(data).filter(|text| verdict(text) != expected).collect();
    assert!(wrong.is_empty(), "{} are not {expected:?}: {wrong:#?}", wrong.len());
}

#[test]
fn every_question_on_ones_own_case_abstains_with_a_notice_that_says_where_to_turn() {
    let personal = include_str!("data/safety/personal.txt");
    demand(personal, Verdict::Abstain(Abstention::Personal));
    for text in lines(personal) {
        let notice = &screen(&RULES, &Question::new(text).expect("a question"), &[], None).notices[0];
        assert!(notice.kind == NoticeKind::Boundary && notice.text.contains("lease"), "{text}: {}", notice.text);
    }
}

#[test]
fn a_general_question_is_no_question_on_ones_own_case() {
    demand(include_str!("data/safety/general.txt"), Verdict::Proceed);
}

/// Tells a figure, whether or not it is enough.
fn report(line: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).expect("a written line");
}

/// How many of a set are judged as `expected`, with those that are not.
fn judged(data: &'static str, expected: Verdict) -> (usize, Vec<&'static str>) {
    let all: Vec<&str> = lines(data).collect();
    let wrong: Vec<&str> = all.iter().copied().filter(|text| verdict(text) != expected).collect();
    (all.len() - wrong.len(), wrong)
}

/// What the rules reach on 120 questions on one's own case and 50 general ones near them, on which nothing was mended.
/// Leave them apart: mend on `personal.txt`.
#[test]
fn the_personal_questions_apart_keep_their_figures() {
    let personal = judged(include_str!("data/safety/personal-apart.txt"), Verdict::Abstain(Abstention::Personal));
    let general = judged(include_str!("data/safety/general-apart.txt"), Verdict::Proceed);
    report(&format!(
        "apart: {} of 120 on one's own case abstain, {} of 50 general ones are answered",
        personal.0, general.0
    ));
    assert!(personal.0 >= PERSONAL_APART && general.0 >= GENERAL_APART, "{} and {}", personal.0, general.0);
}

/// Three sets of one more author each: of 200 on one's own case those that must abstain, of 200 general ones those that must not.
const OWN_APART: [(&str, usize, usize); 3] = [
    (include_str!("data/safety/own-apart.tsv"), 189, 192),
    (include_str!("data/safety/own-apart-2.tsv"), 183, 196),
    (include_str!("data/safety/own-apart-3.tsv"), 190, 196),
];

/// What rules and points reach on the questions of authors on whose nothing was mended.
#[test]
fn other_authors_questions_on_ones_own_case_keep_their_figures() {
    for (number, (data, least_own, least_general)) in OWN_APART.into_iter().enumerate() {
        let (mut own, mut general) = (0, 0);
        for (label, text) in lines(data).map(|line| line.split_once('\t').expect("a label, a tab, a question")) {
            let is_own = matches!(verdict(text), Verdict::Abstain(Abstention::Personal) | Verdict::Redirect);
            own += usize::from(label != "general" && is_own);
            general += usize::from(label == "general" && !is_own);
        }
        report(&format!(
            "set {number}: {own} of 200 on one's own case abstain, {general} of 200 general ones are answered"
        ));
        assert!(own >= least_own && general >= least_general, "set {number}: {own} and {general} of 200");
    }
}

#[test]
fn what_is_not_about_health_is_told_so_and_nothing_else_is() {
    let scope = Verdict::Abstain(Abstention::Scope);
    let all: Vec<&str> = lines(include_str!("data/safety/scope.txt")).collect();
    let missed: Vec<&&str> = all.iter().filter(|text| verdict(text) != scope).collect();
    assert!(missed.len() * 5 <= all.len(), "{missed:#?}");
    let sets = [include_str!("data/safety/dev-1.jsonl"), include_str!("data/safety/dev-2.jsonl")];
    let text = |line: &str| serde_json::from_str::<Message>(line).expect("a message").text;
    let messages = sets.iter().flat_map(|set| set.lines().map(text));
    let questions = starter(|group| group != "out-of-domain");
    let wrong: Vec<String> = messages.chain(questions).filter(|text| verdict(text) == scope).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The questions of the starter corpus in the groups that are `wanted`.
fn starter(wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
    let lines = include_str!("../../../corpora/starter/questions.jsonl").lines();
    lines.filter_map(move |line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a question");
        let text = |field: &str| line[field].as_str().expect("a text").to_owned();
        wanted(&text("group")).then(|| text("question"))
    })
}

#[test]
fn what_the_starter_corpus_can_answer_is_seldom_refused_and_personal_questions_are() {
    let personal: Vec<String> = starter(|group| group == "personal").collect();
    let missed: Vec<&String> =
        personal.iter().filter(|text| verdict(text) != Verdict::Abstain(Abstention::Personal)).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let answerable: Vec<String> =
        starter(|group| !matches!(group, "personal" | "out-of-domain" | "absent-topic" | "invented")).collect();
    let refused: Vec<&String> = answerable.iter().filter(|text| verdict(text) != Verdict::Proceed).collect();
    assert!(refused.len() * 100 <= 4 * answerable.len(), "{} of {}: {refused:#?}", refused.len(), answerable.len());
}

/// Emergencies of the committed sets, every seventh.
fn some_emergencies() -> Vec<String> {
    let sets = [include_str!("data/safety/dev-1.jsonl"), include_str!("data/safety/dev-2.jsonl")];
    let all =
        sets.iter().flat_map(|set| set.lines().map(|line| serde_json::from_str::<Message>(line).expect("a message")));
    let is_seen = |message: &Message| message.label == "emergency" && verdict(&message.text) == Verdict::Redirect;
    let seen = all.filter(is_seen).step_by(7).map(|message| message.text);
    seen.filter(|text| text.chars().count() < 400).collect()
}

#[test]
fn capitals_marks_look_alikes_stretched_letters_and_blanks_change_no_verdict() {
    let spaced = |text: &str, with: &str| text.split_whitespace().collect::<Vec<_>>().join(with);
    let marked = |text: &str| text.chars().flat_map(|c| [c, '\u{200b}']).collect::<String>();
    let alike = |c: char| match c {
        'a' => 'а',
        'c' => 'с',
        'e' => 'е',
        'o' => 'ο',
        'p' => 'р',
        'x' => 'х',
        _ => c,
    };
    // "breeeeathe": the first letter that may be stretched, in words that stay what they are.
    let stretched = |word: &str| {
        let vowel = word.char_indices().skip(1).find(|(i, c)| {
            let rest = &word[i + c.len_utf8()..];
            "aeiou".contains(*c) && !rest.starts_with(*c) && !word[..*i].ends_with(*c)
        });
        match vowel {
            Some((i, c)) if word.len() >= 5 && word.is_ascii() => {
                format!("{}{}{}", &word[..i], c.to_string().repeat(5), &word[i + 1..])
            }
            _ => word.to_owned(),
        }
    };
    let mut wrong = Vec::new();
    for text in some_emergencies() {
        let wide: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c) } else { c })
            .collect();
        let drawn = text.split(' ').map(stretched).collect::<Vec<_>>().join(" ");
        let variants = [
            text.to_uppercase(),
            spaced(&text, "  \t "),
            marked(&text),
            text.chars().map(alike).collect(),
            wide,
            drawn,
        ];
        let changed = |variant: &String| {
            Question::new(variant)
                .is_ok_and(|question| screen(&RULES, &question, &[], None).verdict != Verdict::Redirect)
        };
        wrong.extend(variants.into_iter().filter(changed));
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn a_crisis_is_never_met_without_a_line_to_listen() {
    for text in [
        "i cant do this anymore, i want to die",
        "he beats me and i am scared he will kill me",
        "she says the voices tell her to stab people",
    ] {
        let screening =
            screen(&RULES, &Question::new(text).expect("a question"), &[], Some(&"GB".parse().expect("a region")));
        assert!(screening.notices.iter().any(|notice| notice.text.contains("116 123")), "{text}");
    }
}
