//! Does the medical text keep its form, and does it say what it is?

use std::collections::{BTreeMap, BTreeSet};

use super::{committed, demand, folders, read, root, stems, toml};

const STARTER: &str = "corpora/starter";

/// Every key, in the order of `corpora/starter/README.md`.
const KEYS: [&str; 12] = [
    "id",
    "title",
    "lay_synonyms",
    "clinical_synonyms",
    "abbreviations",
    "specialty",
    "kind",
    "date",
    "publisher",
    "audience",
    "language",
    "see_also",
];

/// A key with one value.
const PUBLISHER: (&str, &str) = ("publisher", "clinqa starter corpus");

/// The form of an article of one kind: for whom it is, its headings in their order, and those it cannot do without.
struct Form {
    kind: &'static str,
    audience: &'static str,
    headings: &'static str,
    needed: &'static str,
}

/// The forms of `corpora/starter/README.md`.
const FORMS: [Form; 6] = [
    Form {
        kind: "leaflet",
        audience: "patient",
        headings: "What it is, Symptoms, First aid, Causes, Who is at risk, Diagnosis, Treatment, Self-care, \
                   Living with it, Complications, Prevention, When to seek help",
        needed: "What it is, Treatment, When to seek help",
    },
    Form {
        kind: "medicine",
        audience: "patient",
        headings: "What it is, What it is for, How it works, How to take it, Side effects, Serious side effects, \
                   Interactions, Who should not take it, Pregnancy and breastfeeding, When to seek help",
        needed: "What it is, What it is for, How it works, How to take it, Side effects, Serious side effects, \
                 Interactions, Who should not take it, Pregnancy and breastfeeding, When to seek help",
    },
    Form {
        kind: "test",
        audience: "patient",
        headings: "What it is, Why it is done, Before the test, How it is done, Results, Risks, When to seek help",
        needed: "What it is, Why it is done, How it is done, Results, When to seek help",
    },
    Form {
        kind: "vaccine",
        audience: "patient",
        headings: "What it is, Who should have it, When it is given, How well it works, Side effects, \
                   Who should not have it, When to seek help",
        needed: "What it is, Who should have it, When it is given, Side effects, Who should not have it, \
                 When to seek help",
    },
    Form {
        kind: "advice",
        audience: "patient",
        headings: "What it is, Why it matters, What to expect, What to do, What to avoid, Common problems, \
                   When to seek help",
        needed: "What it is, What to do, When to seek help",
    },
    Form {
        kind: "guideline-summary",
        audience: "clinician",
        headings: "What it covers, Recognition, Assessment, Immediate actions, Treatment, Targets, Monitoring, \
                   Special groups, When to escalate, Cautions",
        needed: "What it covers, Recognition, Assessment, Immediate actions, Treatment, Monitoring, \
                 When to escalate, Cautions",
    },
];

/// Words of the longest accepted text: a longer one would ask for a quote that is cut in one way only.
const MAX_ACCEPTED_WORDS: usize = 12;

const WORDS: std::ops::RangeInclusive<usize> = 400..=1000;

/// Beginnings of words that are spelt the American way.
const AMERICAN: [&str; 20] = [
    "anemi",
    "anesthe",
    "apnea",
    "behavior",
    "cesarean",
    "discolor",
    "diarrhea",
    "dyspnea",
    "edema",
    "esophag",
    "estrogen",
    "fetus",
    "fiber",
    "gynecolog",
    "hemo",
    "hemorrhag",
    "leukemia",
    "orthopedic",
    "pediatri",
    "tumor",
];

/// A starter document cut into its parts.
struct Article {
    path: String,
    keys: BTreeMap<String, String>,
    body: String,
}

fn articles() -> Vec<Article> {
    let topics = stems(STARTER, ".md").into_iter().filter(|stem| stem != "README");
    let articles: Vec<Article> = topics.map(|stem| article(&format!("{STARTER}/{stem}.md"))).collect();
    assert!(
        articles.len() >= 320,
        "the starter corpus has {} documents; it covers 320 topics at least",
        articles.len()
    );
    articles
}

fn article(path: &str) -> Article {
    let text = read(path);
    let cut = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    let (front, body) = cut.unwrap_or_else(|| panic!("{path}:1: no front matter between `---` and `---`"));
    let pair = |line: &str| line.split_once(':').map(|(key, value)| (key.to_owned(), value.trim().to_owned()));
    let pairs = front
        .lines()
        .enumerate()
        .map(|(at, line)| pair(line).unwrap_or_else(|| panic!("{path}:{}: `{line}` is no `key: value`", at + 2)));
    Article { path: path.to_owned(), keys: pairs.collect(), body: body.to_owned() }
}

fn form(article: &Article) -> Option<&'static Form> {
    FORMS.iter().find(|form| article.keys.get("kind").is_some_and(|kind| kind == form.kind))
}

/// `path:line: what` for each complaint about an article.
fn complaints(about: impl Fn(&Article) -> Vec<String>) -> Vec<String> {
    let each = |article: &Article| {
        let path = article.path.clone();
        about(article).into_iter().map(move |what| format!("{path}: {what}")).collect::<Vec<_>>()
    };
    articles().iter().flat_map(each).collect()
}

/// The running text: no marks of lists and headings, one blank between words.
fn plain(body: &str) -> String {
    let unmarked = body.lines().map(|line| line.trim_start_matches(['-', '#', '*', ' ']).replace("**", ""));
    unmarked.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_article_has_its_front_matter() {
    let broken = complaints(|article| {
        let value = |key: &str| article.keys.get(key).map_or("", String::as_str);
        let mut wrong = Vec::new();
        wrong.extend(KEYS.iter().filter(|key| value(key).is_empty()).map(|key| format!("no `{key}`")));
        let known = |key: &&String| KEYS.contains(&key.as_str());
        wrong.extend(article.keys.keys().filter(|key| !known(key)).map(|key| format!("`{key}` is no key")));
        let (key, publisher) = PUBLISHER;
        if value(key) != publisher {
            wrong.push(format!("`{key}: {}`; expected `{publisher}`", value(key)));
        }
        match form(article) {
            None => wrong.push(format!("`kind: {}` is no form of the corpus", value("kind"))),
            Some(form) if form.audience != value("audience") => {
                wrong.push(format!("`audience: {}`; expected `{}`", value("audience"), form.audience));
            }
            Some(_) => {}
        }
        if format!("{STARTER}/{}.md", value("id")) != article.path {
            wrong.push(format!("`id: {}` is not the name of the file", value("id")));
        }
        if !is_a_day(value("date")) {
            wrong.push(format!("`date: {}`; expected the day of writing, YYYY-MM-DD", value("date")));
        }
        if value("see_also").trim_matches(['[', ']', ' ', '"']).is_empty() {
            wrong.push("`see_also` names no public body to compare with".to_owned());
        }
        wrong
    });
    demand("an article says what it is, who wrote it and when, and whom to compare it with", &broken);
}

#[test]
fn headings_are_the_fixed_ones_in_order() {
    let broken = complaints(|article| {
        let headings: Vec<&str> = article.body.lines().filter_map(|line| line.strip_prefix('#')).collect();
        let headings: Vec<&str> = headings.iter().map(|line| line.trim_start_matches('#').trim()).collect();
        let Some(form) = form(article) else { return vec!["no form".to_owned()] };
        let known: Vec<&str> = form.headings.split(", ").collect();
        let places: Vec<Option<usize>> = headings.iter().map(|h| known.iter().position(|known| known == h)).collect();
        let mut wrong = Vec::new();
        let strangers = headings.iter().zip(&places).filter(|(_, place)| place.is_none());
        wrong.extend(strangers.map(|(heading, _)| format!("`{heading}` is no heading of a {}", form.kind)));
        if !places.windows(2).all(|pair| pair[0] < pair[1]) {
            wrong.push(format!("headings out of order: {headings:?}"));
        }
        let needed = form.needed.split(", ").filter(|needed| !headings.contains(needed));
        wrong.extend(needed.map(|needed| format!("no `{needed}`")));
        let deep = article.body.lines().filter(|line| line.starts_with('#') && !line.starts_with("## "));
        wrong.extend(deep.map(|line| format!("`{line}` is not of the second level")));
        wrong
    });
    demand("headings of the second level, from the list of corpora/starter/README.md, in its order", &broken);
}

#[test]
fn every_article_has_four_hundred_to_a_thousand_words() {
    let broken = complaints(|article| {
        let count = article.body.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
        if WORDS.contains(&count) { Vec::new() } else { vec![format!("{count} words")] }
    });
    demand("400 to 1,000 words an article", &broken);
}

#[test]
fn medical_text_is_spelt_the_british_way() {
    let broken = complaints(|article| {
        let words = article.body.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase);
        let american = words.filter(|word| AMERICAN.iter().any(|begin| word.starts_with(begin)));
        american.map(|word| format!("`{word}`")).collect()
    });
    demand("British spelling (anaemia, diarrhoea, oesophagus)", &broken);
}

/// The lines of a file of JSON Lines.
fn rows(path: &str) -> Vec<serde_json::Value> {
    read(path).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn text(row: &serde_json::Value, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_owned()
}

fn texts<'a>(row: &'a serde_json::Value, key: &str) -> impl Iterator<Item = &'a str> {
    row[key].as_array().into_iter().flatten().filter_map(|text| text.as_str())
}

#[test]
fn what_people_ask_is_not_judged_and_its_answers_stand_in_their_articles() {
    let faq = format!("{STARTER}/faq.jsonl");
    let asked: BTreeSet<String> =
        rows(&format!("{STARTER}/questions.jsonl")).iter().map(|row| plain(&text(row, "question"))).collect();
    let bodies: BTreeMap<String, String> =
        articles().into_iter().map(|article| (article.keys["id"].clone(), article.body)).collect();
    let (mut broken, mut seen) = (Vec::new(), BTreeSet::new());
    for (at, row) in rows(&faq).iter().enumerate() {
        let mut wrong = |what: &str| broken.push(format!("{faq}:{}: {what}", at + 1));
        let document = text(row, "document");
        let body = bodies.get(&document).map(String::as_str).unwrap_or_default();
        for answer in texts(row, "answers").filter(|answer| answer.is_empty() || !body.contains(answer)) {
            wrong(&format!("`{answer}` does not stand in {document}"));
        }
        for question in texts(row, "questions") {
            if asked.contains(&plain(question)) {
                wrong("a question that is judged");
            }
            if !seen.insert((document.clone(), question.to_owned())) {
                wrong("a question that stands there twice");
            }
        }
        if texts(row, "answers").next().is_none() || texts(row, "questions").next().is_none() {
            wrong("no answer or no question");
        }
    }
    demand("what people ask is apart from what is judged, and is answered where it says", &broken);
}

#[test]
fn no_question_to_learn_from_is_about_an_article_of_the_test_half() {
    let learned = "crates/train/starter-questions.jsonl";
    let judged = rows(&format!("{STARTER}/questions.jsonl"));
    let tested: BTreeSet<String> =
        judged.iter().filter(|row| row["split"] == "test").map(|row| text(row, "document")).collect();
    let asked: BTreeSet<String> = judged.iter().map(|row| plain(&text(row, "question"))).collect();
    let bodies: BTreeMap<String, String> =
        articles().iter().map(|article| (article.keys["id"].clone(), plain(&article.body))).collect();
    let mut broken = Vec::new();
    for (at, row) in rows(learned).iter().enumerate() {
        let mut wrong = |what: &str| broken.push(format!("{learned}:{}: {what}", at + 1));
        let document = text(row, "document");
        if tested.contains(&document) {
            wrong("a test question is about the same article");
        }
        if asked.contains(&plain(&text(row, "question"))) {
            wrong("this very question is judged");
        }
        let body = bodies.get(&document).map(String::as_str).unwrap_or_default();
        for answer in texts(row, "answers").filter(|answer| !body.contains(plain(answer).as_str())) {
            wrong(&format!("`{answer}` does not stand in {document}"));
        }
    }
    demand("what is learned from is apart from what is tested on, and stands where it says", &broken);
}

#[test]
fn every_accepted_text_stands_in_its_document() {
    let path = format!("{STARTER}/questions.jsonl");
    let texts: BTreeMap<String, String> =
        articles().iter().map(|article| (article.keys["id"].clone(), plain(&article.body))).collect();
    let mut broken = Vec::new();
    let mut asked = BTreeMap::new();
    for (at, line) in read(&path).lines().enumerate() {
        let mut wrong = |what: String| broken.push(format!("{path}:{}: {what}", at + 1));
        let Ok(question) = serde_json::from_str::<serde_json::Value>(line) else {
            wrong("no JSON".to_owned());
            continue;
        };
        let text = |key: &str| question[key].as_str().unwrap_or_default().to_owned();
        if let Some(before) = asked.insert(text("id"), at + 1) {
            wrong(format!("`{}` is the id of line {before} too", text("id")));
        }
        if text("question").trim().is_empty() || !["dev", "test"].contains(&text("split").as_str()) {
            wrong("no question, or a split other than dev and test".to_owned());
        }
        let accepted: Vec<&str> =
            question["accepted"].as_array().into_iter().flatten().filter_map(|a| a.as_str()).collect();
        if question["document"].is_null() {
            if !accepted.is_empty() {
                wrong("a question without a document has no accepted text".to_owned());
            }
            continue;
        }
        let also = question["also"].as_array().into_iter().flatten().filter_map(|id| id.as_str());
        let named: Vec<String> = also.map(str::to_owned).chain([text("document")]).collect();
        if let Some(absent) = named.iter().find(|id| !texts.contains_key(*id)) {
            wrong(format!("no document `{absent}`"));
            continue;
        }
        if accepted.is_empty() {
            wrong("no accepted text".to_owned());
        }
        let stands = |accepted: &str| named.iter().any(|id| texts[id].contains(&plain(accepted)));
        for absent in accepted.iter().filter(|accepted| !stands(accepted)) {
            wrong(format!("`{absent}` does not stand in {}", named.join(", ")));
        }
        for long in accepted.iter().filter(|accepted| accepted.split_whitespace().count() > MAX_ACCEPTED_WORDS) {
            wrong(format!("`{long}` has more than {MAX_ACCEPTED_WORDS} words"));
        }
    }
    demand("a question names a document, and what is accepted stands in it word for word", &broken);
}

#[test]
fn the_starter_corpus_says_that_no_clinician_reviewed_it() {
    let readme = plain(&read(&format!("{STARTER}/README.md"))).to_lowercase();
    for said in
        ["not medical advice", "no clinician has reviewed it", "emergency number", "use your own corpus instead"]
    {
        assert!(readme.contains(said), "{STARTER}/README.md does not say `{said}`");
    }
}

#[test]
fn every_corpus_names_its_licence_and_origin() {
    let mut broken = Vec::new();
    for corpus in folders("corpora") {
        let path = format!("corpora/{corpus}/corpus.toml");
        if !committed().iter().any(|file| file.starts_with(&format!("corpora/{corpus}/"))) {
            continue;
        }
        if !root().join(&path).is_file() {
            broken.push(format!("{path}: missing"));
            continue;
        }
        let stated = toml(&path);
        let said =
            |key: &&str| stated.get(*key).and_then(|value| value.as_str()).is_some_and(|text| !text.trim().is_empty());
        let unsaid = ["name", "licence", "origin", "format"].into_iter().filter(|key| !said(key));
        broken.extend(unsaid.map(|key| format!("{path}: no `{key}`")));
    }
    demand("a corpus says what it is called, under which licence it stands and where it comes from", &broken);
}

#[test]
fn every_safety_rule_names_its_source_and_carries_its_examples() {
    let folder = "crates/safety/rules";
    let mut broken = Vec::new();
    for stem in stems(folder, ".toml") {
        let path = format!("{folder}/{stem}.toml");
        let rule = toml(&path);
        let text = |key: &str| rule.get(key).and_then(|value| value.as_str()).unwrap_or_default().trim().to_owned();
        broken.extend(
            ["source", "title", "text"]
                .iter()
                .filter(|key| text(key).is_empty())
                .map(|key| format!("{path}: no `{key}`")),
        );
        if text("id") != stem {
            broken.push(format!("{path}: `id = {:?}` is not the name of the file", text("id")));
        }
        let examples = |key: &str| rule.get("examples").and_then(|all| all.get(key)?.as_array()).map_or(0, Vec::len);
        if examples("fire") == 0 || examples("quiet") == 0 {
            broken.push(format!("{path}: examples that fire and examples that do not are both needed"));
        }
    }
    demand("a medical statement names its source, and a rule shows what it does", &broken);
}

fn is_a_day(date: &str) -> bool {
    let parts: Vec<Option<u32>> = date.split('-').map(|part| part.parse().ok()).collect();
    date.len() == 10 && matches!(parts[..], [Some(2000..), Some(1..=12), Some(1..=31)])
}
