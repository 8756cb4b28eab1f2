//! Does every rule fire where its examples say, and nowhere else?

use clinqa_schema::Question;

use super::*;
use crate::screen;

#[test]
fn the_table_lists_every_file_of_the_folder() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of rules")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name != "README.md")
        .collect();
    files.sort();
    let table: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
    assert_eq!(files, table);
}

#[test]
fn every_example_of_every_rule_behaves() {
    let rules = Rules::embedded().expect("the embedded rules");
    let mut wrong = Vec::new();
    for (name, text) in RULES {
        let file: RuleFile = toml::from_str(text).expect("a rule");
        let fires = |example: &str| {
            let question = Question::new(example).expect("a question");
            screen(&rules, &question, &[], None).notices.iter().any(|notice| notice.rule == file.id)
        };
        let missed = file.examples.fire.iter().filter(|example| !fires(example)).map(|e| ("missed", e));
        let false_alarms = file.examples.quiet.iter().filter(|example| fires(example)).map(|e| ("false alarm", e));
        wrong.extend(missed.chain(false_alarms).map(|(what, example)| format!("{name}: {what}: {example}")));
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

fn all<'a>(patterns: &'a [String], lists: &Lists) -> Vec<Pattern<'a>> {
    patterns.iter().map(|text| pattern::read(text, lists).expect("a pattern").0).collect()
}

#[test]
fn every_pattern_matches_what_it_means_in_the_examples_of_its_rule() {
    let rules = Rules::embedded().expect("the embedded rules");
    let file: ListsFile = toml::from_str(LISTS).expect("the lists");
    let names = compile_lists(LISTS, &mut Builder::default()).expect("the lists");
    let lists: Vec<Vec<Pattern>> = file.list.iter().map(|list| all(&list.any, &names)).collect();
    let mut total = 0;
    for (name, text) in RULES {
        let file: RuleFile = toml::from_str(text).expect("a rule");
        let rule = rules.all.iter().find(|rule| rule.id == file.id).expect("its rule");
        let groups = file.fires.iter().zip(&rule.fires);
        let mut slots: Vec<(Slot, Vec<Pattern>)> = groups
            .flat_map(|(file, fire)| {
                fire.all.iter().zip(&file.all).map(|(slot, text)| (*slot, all(std::slice::from_ref(text), &names)))
            })
            .collect();
        slots.push((rule.unless, all(&file.unless, &names)));
        for example in file.examples.fire.iter().chain(&file.examples.quiet) {
            let found = rules.matcher.find(&[example]);
            let words: Vec<&str> = found.words.iter().map(|word| &*word.text).collect();
            for (slot, patterns) in &slots {
                let meant = crate::oracle::matches(patterns, &lists, &words);
                assert_eq!(found.matches[*slot], meant, "{name}: slot {slot}: {example}");
                total += meant.len();
            }
        }
    }
    assert!(total > 1_000, "{total}");
}

#[test]
fn notices_stand_in_a_fixed_order_and_no_two_rules_share_a_place() {
    let rules = Rules::embedded().expect("the embedded rules").all;
    assert!(rules.windows(2).all(|pair| (pair[0].kind, pair[0].gravity) < (pair[1].kind, pair[1].gravity)));
    assert_eq!(rules.iter().filter(|rule| rule.kind == NoticeKind::Emergency).count(), 39);
}

#[test]
fn a_broken_rule_is_refused_by_file_and_field() {
    let (name, good) = RULES[0];
    let check = |broken: &str, expected: &[&str]| {
        assert_ne!(broken, good, "the test broke nothing");
        let why = Rules::compile(&[(name, broken)]).expect_err("a broken rule").to_string();
        for part in expected.iter().chain(&[name]) {
            assert!(why.contains(part), "{why} lacks {part}");
        }
    };
    let without = |field: &str| {
        let kept = good.lines().filter(|line| !line.starts_with(&format!("{field} =")));
        kept.collect::<Vec<_>>().join("\n")
    };
    for field in ["id", "kind", "gravity", "title", "text", "source"] {
        check(&without(field), &[&format!("missing field `{field}`")]);
    }
    check(&good.replacen("kind = \"emergency\"", "kind = \"urgent\"", 1), &["urgent", "kind"]);
    check(&good.replacen("id = \"", "id = \"x", 1), &["`id`"]);
    check(&good.replacen("{number}", "999", 1), &["`text`", "{number}"]);
    check(&good.replacen("{number}", "{number} {phone}", 1), &["`text`"]);
    check(&good.replacen("all = [\"", "all = [\"{nobody} ", 1), &["`fires.all`", "no list `nobody`"]);
    check(&good.replacen("unless = [", "unless = [\"(a\", ", 1), &["`unless`", "`(a`", "bracket"]);
    check(&good.replacen("fire = [", "fire = []\nrest = [", 1), &["rest"]);
    check(&good.replacen("[examples]", "[examples", 1), &["line"]);
}

/// Flesch–Kincaid with syllables counted as groups of vowels: rough, but it keeps long words out.
fn grade(text: &str) -> f32 {
    let sentences = text.split(['.', '?', '!', ':', ';']).filter(|s| s.split_whitespace().count() > 1).count() as f32;
    let words: Vec<String> = crate::normalise::words(text).into_iter().map(|word| word.text).collect();
    let is_vowel = |c: char| "aeiouy".contains(c);
    let syllables: usize = words
        .iter()
        .map(|word| {
            let letters: Vec<char> = word.trim_end_matches('e').chars().collect();
            let groups = letters.windows(2).filter(|pair| is_vowel(pair[1]) && !is_vowel(pair[0])).count();
            (groups + usize::from(letters.first().is_some_and(|c| is_vowel(*c)))).max(1)
        })
        .sum();
    let count = words.len() as f32;
    0.39 * count / sentences + 11.8 * syllables as f32 / count - 15.59
}

/// Every sentence of ours that a patient may see: as it reads without a region and with the longest crisis line.
#[test]
fn all_that_a_patient_reads_is_at_grade_six_or_below() {
    let regions: Vec<crate::Region> = ["CH", "US"].map(|code| code.parse().expect("a region")).to_vec();
    let mut wrong = Vec::new();
    for rule in Rules::embedded().expect("the embedded rules").all {
        let crises = regions.iter().map(Some).chain([None]).map(crate::region::crisis);
        let texts = crises.map(|crisis| rule.text.replace("{number}", "112").replace("{crisis}", &crisis));
        // A title is too short for the measure by itself: it is read with the sentence behind it.
        for text in texts.map(|text| format!("{}. {text}", rule.title)) {
            if grade(&text) > 6.0 {
                wrong.push(format!("{}: grade {:.1}: {text}", rule.id, grade(&text)));
            }
        }
        if rule.title.split_whitespace().count() > 16 {
            wrong.push(format!("{}: a long title", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
