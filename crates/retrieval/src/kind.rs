//! What kind of answer does a question want, about whom, and is it asked in the negative (pure)?

/// What an answer should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// What something is.
    Definition,
    /// Several things: symptoms, causes, side effects, foods.
    List,
    /// How long, how soon.
    Duration,
    /// A number: a dose, a level, a share, an age.
    Amount,
    /// Yes or no, with the reason.
    YesNo,
    /// Why.
    Reason,
    /// How it is done.
    Procedure,
    /// Anything else.
    Other,
}

impl Kind {
    /// Its name for people and for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::List => "list",
            Self::Duration => "duration",
            Self::Amount => "amount",
            Self::YesNo => "yes-no",
            Self::Reason => "reason",
            Self::Procedure => "procedure",
            Self::Other => "other",
        }
    }
}

/// The kind of `question`, by its opening words and the thing it asks for.
pub fn kind(question: &str) -> Kind {
    let text = padded(question);
    let has = |cues: &[&str]| has_any(&text, cues);
    let starts = |cues: &[&str]| cues.iter().any(|cue| text.starts_with(&format!(" {cue} ")));
    if has(&[
        "how long",
        "how soon",
        "how quickly",
        "how fast",
        "how many days",
        "how many weeks",
        "how many hours",
        "when does",
        "when do",
        "when will",
        "how often",
        "duration",
    ]) {
        return Kind::Duration;
    }
    if has(&[
        "how much",
        "how many",
        "what level",
        "normal range",
        "normal level",
        "normal value",
        "threshold",
        "target",
        "cut off",
        "cutoff",
        "dose",
        "what age",
        "how old",
        "how high",
        "how low",
        "how common",
        "percentage",
        "reading",
    ]) {
        return Kind::Amount;
    }
    if has(&[
        "symptoms",
        "signs",
        "side effects",
        "causes",
        "risk factors",
        "triggers",
        "complications",
        "foods",
        "examples",
        "types",
        "treatments",
        "options",
        "features",
        "interactions",
        "who should not",
        "who cannot",
        "who can t",
        "red flags",
        "warning signs",
    ]) {
        return Kind::List;
    }
    if starts(&["why"]) || has(&["why", "what causes", "reason"]) {
        return Kind::Reason;
    }
    if starts(&[
        "can", "could", "is", "are", "does", "do", "did", "will", "would", "should", "has", "have", "may", "must", "if",
    ]) {
        return Kind::YesNo;
    }
    if starts(&["what is", "what s", "whats", "what are", "define", "what does"])
        && text.split_whitespace().count() <= 6
    {
        return Kind::Definition;
    }
    if has(&["how is", "how are", "how do", "how to", "how can", "how should", "what happens", "how does"]) {
        return Kind::Procedure;
    }
    Kind::Other
}

/// A group of people that guidance treats apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum People {
    /// Babies and children.
    Children,
    /// Pregnant or breastfeeding women.
    Pregnant,
    /// Older people.
    Older,
}

const PEOPLE: [(People, &[&str]); 3] = [
    (
        People::Children,
        &[
            "child",
            "children",
            "childs",
            "kid",
            "kids",
            "baby",
            "babies",
            "toddler",
            "toddlers",
            "infant",
            "infants",
            "newborn",
            "son",
            "daughter",
            "teenager",
            "teenagers",
            "under 5",
            "under fives",
            "paediatric",
        ],
    ),
    (
        People::Pregnant,
        &[
            "pregnant",
            "pregnancy",
            "expecting",
            "breastfeeding",
            "breastfeed",
            "breast feeding",
            "nursing",
            "unborn",
            "trimester",
            "antenatal",
            "gestational",
        ],
    ),
    (
        People::Older,
        &[
            "elderly",
            "older people",
            "older person",
            "old people",
            "over 65",
            "over 70",
            "over 75",
            "over 80",
            "80 or over",
            "aged 80",
            "frail",
            "frailty",
            "nan",
            "gran",
            "grandmother",
            "grandfather",
        ],
    ),
];

/// The groups of people that `text` speaks of, in a fixed order.
pub fn people(text: &str) -> Vec<People> {
    let text = padded(text);
    let speaks = |words: &[&str]| has_any(&text, words);
    let is_meant = |(people, words): &&(People, &[&str])| {
        speaks(words) || *people == People::Children && tells_of_a_young_age(&text)
    };
    PEOPLE.iter().filter(is_meant).map(|(people, _)| *people).collect()
}

/// Whether `text`, padded, says "5 year old" or "6 weeks old" of somebody who is no adult yet.
fn tells_of_a_young_age(text: &str) -> bool {
    /// Years of the oldest child.
    const OLDEST: u32 = 15;
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(3).any(|three| match (three[0].parse::<u32>(), three[1], three[2]) {
        (Ok(age), "year" | "years" | "yr", "old") => age <= OLDEST,
        (Ok(_), "month" | "months" | "week" | "weeks" | "day" | "days", "old") => true,
        _ => false,
    })
}

const NEGATIONS: [&str; 30] = [
    "not",
    "no",
    "never",
    "without",
    "avoid",
    "avoided",
    "avoiding",
    "cannot",
    "can t",
    "cant",
    "don t",
    "dont",
    "doesn t",
    "doesnt",
    "shouldn t",
    "shouldnt",
    "isn t",
    "isnt",
    "aren t",
    "arent",
    "won t",
    "wont",
    "stop",
    "unsafe",
    "nor",
    "neither",
    "none",
    "rather than",
    "unlikely",
    "unless",
];

/// Whether `text` denies or warns.
pub fn is_negative(text: &str) -> bool {
    has_any(&padded(text), &NEGATIONS)
}

/// Whether `text` holds a length of time ("two weeks", "24 hours").
pub fn has_duration(text: &str) -> bool {
    const UNITS: [&str; 16] = [
        "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks", "month", "months",
        "year", "years", "lifelong", "daily",
    ];
    let text = padded(text);
    text.split_whitespace().any(|word| UNITS.contains(&word))
}

/// Whether `question` asks how long something goes on, and not when it begins.
pub fn asks_for_the_end(question: &str) -> bool {
    const END: [&str; 12] = [
        "last",
        "lasts",
        "go away",
        "go on",
        "goes on",
        "clear",
        "clears",
        "gone",
        "get better",
        "recover",
        "recovery",
        "heal",
    ];
    has_any(&padded(question), &END)
}

/// Whether `text` says when something begins, and not how long it goes on.
pub fn tells_of_the_beginning(text: &str) -> bool {
    const BEGINS: [&str; 10] =
        ["begin", "begins", "start", "starts", "appear", "appears", "develop", "develops", "come on", "comes on"];
    const ENDS: [&str; 24] = [
        "last", "lasts", "lasting", "stop", "stops", "clear", "clears", "gone", "better", "goes", "go", "settle",
        "settles", "pass", "passes", "heal", "heals", "recover", "recovery", "ease", "eases", "within", "fade",
        "fades",
    ];
    let text = padded(text);
    has_any(&text, &BEGINS) && has_any(&text, &["after"]) && !has_any(&text, &ENDS)
}

/// Whether `question` asks what helps.
pub fn asks_what_helps(question: &str) -> bool {
    const ASKS: [&str; 8] = [
        "what helps",
        "what else helps",
        "what works",
        "what relieves",
        "what eases",
        "what can help",
        "what soothes",
        "what will help",
    ];
    has_any(&padded(question), &ASKS)
}

/// Whether `text` tells of something that it does not help.
pub fn tells_what_does_not_help(text: &str) -> bool {
    const DENIES: [&str; 6] = ["not help", "not work", "not cure", "no help", "not recommended", "not advised"];
    has_any(&padded(text), &DENIES)
}

/// Whether `text` gives a reason ("because", "so that").
pub fn has_reason(text: &str) -> bool {
    const CUES: [&str; 12] = [
        "because",
        "so that",
        "due to",
        "caused by",
        "this is",
        "reason",
        "reasons",
        "lead to",
        "leads to",
        "otherwise",
        "can harm",
        "can damage",
    ];
    has_any(&padded(text), &CUES)
}

/// Whether `text` holds a number in figures.
pub fn has_number(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
}

/// Whether any of `cues`, words in a row, stands in `text`, padded.
fn has_any(text: &str, cues: &[&str]) -> bool {
    cues.iter().any(|cue| text.contains(&format!(" {cue} ")))
}

/// Lower-case words between single spaces, with a space at both ends; an apostrophe separates.
fn padded(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    format!(" {} ", plain.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opening_words_tell_what_is_wanted() {
        let check = |question: &str, expected: Kind| assert_eq!(kind(question), expected, "{question}");
        check("What is gout?", Kind::Definition);
        check("what are the symptoms of measles", Kind::List);
        check("how long does flu last", Kind::Duration);
        check("How much paracetamol in a day", Kind::Amount);
        check("can i drink on metronidazole", Kind::YesNo);
        check("why do I get migraines", Kind::Reason);
        check("how is asthma treated", Kind::Procedure);
        check("croup at night", Kind::Other);
    }

    #[test]
    fn people_and_negation_are_seen() {
        assert_eq!(people("Is it safe in pregnancy, and for my baby?"), [People::Children, People::Pregnant]);
        assert_eq!(people("Childhood memories"), []);
        assert_eq!(people("dose for a 5-year-old"), [People::Children]);
        assert_eq!(people("he is 60 years old"), []);
        let check = |text: &str, expected| assert_eq!(is_negative(text), expected, "{text}");
        check("Who can't take it", true);
        check("Do not take it", true);
        check("Who can take notes", false);
        let check = |text: &str, expected| assert_eq!(has_duration(text), expected, "{text}");
        check("within 24 hours", true);
        check("two weeks.", true);
        check("minutely", false);
        assert!(asks_for_the_end("How long does norovirus last?") && !asks_for_the_end("how soon does it work"));
        let check = |text: &str, expected| assert_eq!(tells_of_the_beginning(text), expected, "{text}");
        check("Symptoms usually begin 12 to 48 hours after contact.", true);
        check("Symptoms begin after contact and last 3 days.", false);
        check("Rest and drink.", false);
        assert!(asks_what_helps("what helps a cold?") && !asks_what_helps("what does not help a cold"));
        assert!(tells_what_does_not_help("Antibiotics do not help.") && !tells_what_does_not_help("Rest helps."));
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_kind(text in "\\PC{0,60}") {
            let _ = (kind(&text), people(&text), is_negative(&text), has_duration(&text), has_number(&text));
        }
    }
}
