//! What are the rules, and is each file one?

use std::ops::Range;

use clinqa_schema::NoticeKind;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::context::{ContextFile, Cues, Frame};
use crate::evidence::Evidence;
use crate::matcher::{Builder, Matcher, Slot};
use crate::pattern::{self, Extent, List, Lists, Pattern, PatternError};
use crate::region;
use crate::spelling::SpellingFile;

macro_rules! table {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!(concat!("../rules/", $file)))),*] };
}

/// Every file of `rules/`, by name; a test fails when one is missing.
pub(crate) const RULES: &[(&str, &str)] = table![
    "acute-abdomen.toml",
    "anaphylaxis.toml",
    "aortic.toml",
    "bites-stings.toml",
    "bleeding-after-birth.toml",
    "breathlessness.toml",
    "burns.toml",
    "carbon-monoxide.toml",
    "cauda-equina.toml",
    "chest-pain.toml",
    "choking.toml",
    "cold-limb.toml",
    "danger-signs.toml",
    "dehydrated-infant.toml",
    "diabetic-emergency.toml",
    "ectopic-pregnancy.toml",
    "electric-shock.toml",
    "eye-injury.toml",
    "greeting.toml",
    "head-injury.toml",
    "heat-cold.toml",
    "heavy-bleeding.toml",
    "help-wanted.toml",
    "labour.toml",
    "language.toml",
    "major-injury.toml",
    "meningitis.toml",
    "not-health.toml",
    "overdose-poisoning.toml",
    "own-diagnosis.toml",
    "own-dose.toml",
    "own-medicine.toml",
    "own-results.toml",
    "pre-eclampsia.toml",
    "psychosis.toml",
    "reduced-fetal-movement.toml",
    "seizure.toml",
    "sepsis.toml",
    "sick-baby.toml",
    "stroke.toml",
    "sudden-sight-loss.toml",
    "suicide-self-harm.toml",
    "testicular-torsion.toml",
    "thanks.toml",
    "thunderclap-headache.toml",
    "unconscious.toml",
    "violence-abuse.toml",
    "vomiting-blood.toml",
];

const LISTS: &str = include_str!("../data/lists.toml");
const CONTEXT: &str = include_str!("../data/context.toml");
const SPELLING: &str = include_str!("../data/spelling.toml");

/// Words between two groups of a pattern, unless the rule says otherwise.
const WITHIN: u32 = 8;

/// The safety rules, compiled; build once, share freely.
#[derive(Debug)]
pub struct Rules {
    /// Gravest first: by kind, gravity, id.
    pub(crate) all: Vec<Rule>,
    pub(crate) matcher: Matcher,
    pub(crate) cues: Cues,
    /// The slots of the rules' own patterns.
    pub(crate) symptoms: Range<Slot>,
    /// The slots of the lists, in the order of their file.
    pub(crate) lists: Vec<Slot>,
    pub(crate) evidence: Evidence,
}

/// Why the rules cannot be used; each case names the file and the field.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The file is not TOML, or a field is missing, unknown or of the wrong kind.
    #[error("cannot read the safety rule {file}: {reason}; mend that field (crates/safety/rules/README.md lists all)")]
    File {
        /// The file's name.
        file: String,
        /// What the TOML reader found, with the line and the field.
        reason: Box<toml::de::Error>,
    },
    /// A pattern cannot be read.
    #[error("cannot read the pattern `{pattern}` in `{field}` of the safety rule {file}: {reason}")]
    Pattern {
        /// The file's name.
        file: String,
        /// The field.
        field: &'static str,
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        reason: PatternError,
    },
    /// A field holds something that it must not.
    #[error("the safety rule {file} has `{found}` in `{field}`; expected {expected}")]
    Field {
        /// The file's name.
        file: String,
        /// The field.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
}

impl Rules {
    /// The rules that are part of this build.
    pub fn embedded() -> Result<Self, RulesError> {
        if let Some(reason) = region::damage() {
            return Err(RulesError::File { file: "data/regions.toml".to_owned(), reason: Box::new(reason) });
        }
        Self::compile(RULES)
    }

    /// Compiles `files`, pairs of name and TOML text.
    pub(crate) fn compile(files: &[(&str, &str)]) -> Result<Self, RulesError> {
        let mut builder = Builder::default();
        let lists = compile_lists(LISTS, &mut builder)?;
        let mut rules = Vec::with_capacity(files.len());
        let first = builder.add(&[]);
        for (name, text) in files {
            rules.push(compile_rule(name, text, &lists, &mut builder)?);
        }
        let symptoms = first + 1..builder.add(&[]);
        rules.sort_by(|a: &Rule, b| (a.kind, a.gravity, &a.id).cmp(&(b.kind, b.gravity, &b.id)));
        let context: ContextFile = read("data/context.toml", CONTEXT)?;
        let cues = Cues::compile(&context, &lists, &mut builder).map_err(|(field, pattern, reason)| {
            RulesError::Pattern { file: "data/context.toml".to_owned(), field, pattern, reason }
        })?;
        let spelling: SpellingFile = read("data/spelling.toml", SPELLING)?;
        let lists = (0..lists.len()).map(|number| builder.add(&[Pattern::List(number)])).collect();
        let evidence = Evidence::embedded();
        Ok(Self { all: rules, matcher: builder.build(spelling), cues, symptoms, lists, evidence })
    }
}

/// One rule, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) kind: NoticeKind,
    /// 1 is the gravest.
    pub(crate) gravity: u32,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) source: String,
    pub(crate) fires: Vec<Fire>,
    /// From how many points of evidence on there is an emergency though none is certain.
    pub(crate) evidence: Option<f32>,
    pub(crate) unless: Slot,
    /// Whether it is not over because it has eased, or because somebody says so.
    pub(crate) lasting: bool,
    /// Whether it speaks, however little it weighs, where points say that somebody tells of their own case.
    pub(crate) own_case: bool,
    /// Whether it speaks of a question in another script than Latin.
    pub(crate) other_script: bool,
}

/// One way for a rule to fire: a match of every group, close together.
#[derive(Debug)]
pub(crate) struct Fire {
    pub(crate) all: Vec<Slot>,
    pub(crate) within: u32,
    pub(crate) even: Vec<Frame>,
    /// What makes it harmless where it stands near.
    pub(crate) but: Option<Slot>,
    /// Whether it is enough by itself; what is not fires with enough evidence.
    pub(crate) certain: bool,
    /// Whether it counts in brief turns only.
    pub(crate) brief: bool,
    /// Whether it must be all that its sentence says, or all that is asked in a rule of scope; then no frame and no exception
    /// counts.
    pub(crate) alone: bool,
}

/// A rule as a clinician writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    pub(crate) id: String,
    pub(crate) kind: RuleKind,
    pub(crate) gravity: u32,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) fires: Vec<FireFile>,
    pub(crate) evidence: Option<f32>,
    #[serde(default)]
    pub(crate) unless: Vec<String>,
    #[serde(default)]
    pub(crate) lasting: bool,
    #[serde(default)]
    pub(crate) own_case: bool,
    #[serde(default)]
    pub(crate) other_script: bool,
    pub(crate) examples: Examples,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RuleKind {
    Emergency,
    Boundary,
    Scope,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FireFile {
    pub(crate) all: Vec<String>,
    pub(crate) within: Option<u32>,
    #[serde(default)]
    pub(crate) even: Vec<Frame>,
    pub(crate) but: Option<String>,
    #[serde(default)]
    pub(crate) certain: bool,
    #[serde(default)]
    pub(crate) brief: bool,
    #[serde(default)]
    pub(crate) alone: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListsFile {
    list: Vec<ListFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFile {
    name: String,
    any: Vec<String>,
}

/// What the rule's own test asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Examples {
    pub(crate) fire: Vec<String>,
    pub(crate) quiet: Vec<String>,
}

/// Fewest examples of each kind.
const EXAMPLES: usize = 10;

fn compile_rule(name: &str, text: &str, lists: &Lists, builder: &mut Builder) -> Result<Rule, RulesError> {
    let file: RuleFile = read(name, text)?;
    check(name, &file)?;
    let mut slot = |field: &'static str, patterns: &[&str]| {
        let read = |pattern| {
            pattern::read(pattern, lists).map(|(read, _)| read).map_err(|reason| RulesError::Pattern {
                file: name.to_owned(),
                field,
                pattern: str::to_owned(pattern),
                reason,
            })
        };
        let patterns: Vec<Pattern> = patterns.iter().copied().map(read).collect::<Result<_, _>>()?;
        Ok::<Slot, RulesError>(builder.add(&patterns))
    };
    let mut fires = Vec::with_capacity(file.fires.len());
    // What points weigh are emergencies; anything else fires as it is written.
    let always = !matches!(file.kind, RuleKind::Emergency);
    for fire in file.fires {
        let all = fire.all.iter().map(|group| slot("fires.all", &[group.as_str()])).collect::<Result<_, _>>()?;
        let but = fire.but.as_deref().map(|phrases| slot("fires.but", &[phrases])).transpose()?;
        fires.push(Fire {
            all,
            within: fire.within.unwrap_or(WITHIN),
            even: fire.even,
            but,
            certain: fire.certain || fire.brief || fire.alone || always,
            brief: fire.brief,
            alone: fire.alone,
        });
    }
    let unless: Vec<&str> = file.unless.iter().map(String::as_str).collect();
    let unless = slot("unless", &unless)?;
    let kind = match file.kind {
        RuleKind::Emergency => NoticeKind::Emergency,
        RuleKind::Boundary => NoticeKind::Boundary,
        RuleKind::Scope => NoticeKind::Scope,
    };
    let RuleFile { id, gravity, title, text, source, evidence, lasting, own_case, other_script, .. } = file;
    Ok(Rule { id, kind, gravity, title, text, source, fires, evidence, unless, lasting, own_case, other_script })
}

fn check(name: &str, file: &RuleFile) -> Result<(), RulesError> {
    let wrong = |field: &'static str, found: &str, expected: &'static str| {
        Err(RulesError::Field { file: name.to_owned(), field, found: found.to_owned(), expected })
    };
    if format!("{}.toml", file.id) != name {
        return wrong("id", &file.id, "the file's name without `.toml`");
    }
    for (field, value) in [("title", &file.title), ("text", &file.text), ("source", &file.source)] {
        if value.trim().is_empty() {
            return wrong(field, value, "words");
        }
    }
    let bare = file.text.replace("{number}", "").replace("{crisis}", "");
    if bare.contains(['{', '}']) {
        return wrong("text", &file.text, "no sign in curly brackets but {number} and {crisis}");
    }
    if matches!(file.kind, RuleKind::Emergency) && !file.text.contains("{number}") {
        return wrong("text", &file.text, "the sign {number} where the emergency number belongs");
    }
    if (file.fires.is_empty() && file.evidence.is_none()) || file.fires.iter().any(|fire| fire.all.is_empty()) {
        return wrong("fires.all", "[]", "at least one group of phrases");
    }
    let set = [
        ("fires.certain", file.fires.iter().any(|fire| fire.certain)),
        ("fires.brief", file.fires.iter().any(|fire| fire.brief)),
    ];
    if let Some((field, _)) = set.into_iter().find(|(_, is_set)| *is_set && !matches!(file.kind, RuleKind::Emergency)) {
        return wrong(field, "true", "it in emergencies only; any other rule fires as it is written");
    }
    if matches!(file.kind, RuleKind::Boundary) && file.fires.iter().any(|fire| fire.alone) {
        return wrong("fires.alone", "true", "it in emergencies and rules of scope only");
    }
    if file.fires.iter().any(|fire| fire.alone && fire.all.len() != 1) {
        return wrong("fires.alone", "true", "it with one group of phrases, which is all that is said");
    }
    for (field, examples) in [("examples.fire", &file.examples.fire), ("examples.quiet", &file.examples.quiet)] {
        if examples.len() < EXAMPLES {
            return wrong(field, &examples.len().to_string(), "at least ten examples");
        }
    }
    Ok(())
}

/// Lists may use lists that stand before them in the file.
fn compile_lists(text: &str, builder: &mut Builder) -> Result<Lists, RulesError> {
    const FILE: &str = "data/lists.toml";
    let mut lists = Lists::new();
    for list in read::<ListsFile>(FILE, text)?.list {
        let (mut patterns, mut extent) = (Vec::with_capacity(list.any.len()), Extent::NOTHING);
        for pattern in &list.any {
            let (read, its) = pattern::read(pattern, &lists).map_err(|reason| RulesError::Pattern {
                file: FILE.to_owned(),
                field: "any",
                pattern: pattern.clone(),
                reason,
            })?;
            patterns.push(read);
            extent = extent.or(its);
        }
        let number = builder.add_list(&patterns);
        lists.insert(list.name, List { number, extent });
    }
    Ok(lists)
}

fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, RulesError> {
    toml::from_str(text).map_err(|reason| RulesError::File { file: file.to_owned(), reason: Box::new(reason) })
}

#[cfg(test)]
mod tests;
