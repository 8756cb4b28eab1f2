//! How many emergencies are seen, and how many alarms are false, by group and form?
//!
//! The committed sets hold the reached figures; a set of one's own is measured by naming its file:
//! `CLINQA_SAFETY_SET=my.jsonl cargo test -p clinqa-safety --test measure -- --ignored --nocapture`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Instant;

use clinqa_safety::{Rules, Verdict, screen};
use clinqa_schema::Question;

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
    eprintln!("{}", measure(&set).report());
}
