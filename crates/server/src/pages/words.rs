//! What do we say in our own words? One place, so that the page, its script and its errors say the same, plainly.
//!
//! Every sentence is meant for somebody who is ill, tired or afraid; a test holds all of them to the reading age of a
//! child of twelve at most. `{number}` stands for whom to call.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use clinqa_schema::StandingState;
use serde::Serialize;

/// All of them; the script gets the same ones as JSON.
#[derive(Serialize)]
pub(crate) struct Words {
    pub(crate) line: &'static str,
    pub(crate) emergency: &'static str,
    pub(crate) anywhere: &'static str,
    pub(crate) nowhere: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) skip_head: &'static str,
    pub(crate) welcome: &'static str,
    pub(crate) how: &'static str,
    pub(crate) try_one: &'static str,
    pub(crate) private: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) ask: &'static str,
    pub(crate) new: &'static str,
    pub(crate) waiting: &'static str,
    pub(crate) you: &'static str,
    pub(crate) answer: &'static str,
    pub(crate) sure: Sure,
    pub(crate) show: &'static str,
    pub(crate) page: &'static str,
    pub(crate) grade: &'static str,
    pub(crate) also_in: &'static str,
    pub(crate) new_tab: &'static str,
    pub(crate) original: &'static str,
    pub(crate) plain: &'static str,
    pub(crate) also: &'static str,
    pub(crate) differing: &'static str,
    pub(crate) differing_why: &'static str,
    pub(crate) reading: &'static str,
    pub(crate) found: &'static str,
    pub(crate) general: &'static str,
    pub(crate) unsupported: Said,
    pub(crate) personal: Said,
    pub(crate) scope: Said,
    pub(crate) urgent: Said,
    pub(crate) turn: &'static str,
    pub(crate) turn_to: &'static str,
    pub(crate) call: &'static str,
    pub(crate) follows: &'static str,
    pub(crate) tools: Tools,
    pub(crate) problems: Problems,
    pub(crate) source: Source,
    pub(crate) foot: &'static str,
}

/// How sure we are, by label.
#[derive(Serialize)]
pub(crate) struct Sure {
    pub(crate) high: &'static str,
    pub(crate) moderate: &'static str,
    pub(crate) low: &'static str,
}

/// A heading and what stands under it.
#[derive(Serialize)]
pub(crate) struct Said {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

/// What only the script offers.
#[derive(Serialize)]
pub(crate) struct Tools {
    pub(crate) copy: &'static str,
    pub(crate) copied: &'static str,
    pub(crate) uncopied: &'static str,
    pub(crate) print: &'static str,
    pub(crate) helpful: &'static str,
    pub(crate) yes: &'static str,
    pub(crate) no: &'static str,
    pub(crate) thanks: &'static str,
    pub(crate) uncounted: &'static str,
    pub(crate) key: &'static str,
    pub(crate) use_key: &'static str,
}

/// What went wrong and what to do.
#[derive(Serialize)]
pub(crate) struct Problems {
    pub(crate) empty: &'static str,
    pub(crate) long: &'static str,
    pub(crate) unreadable: &'static str,
    pub(crate) offline: &'static str,
    pub(crate) slow: &'static str,
    pub(crate) often: &'static str,
    pub(crate) busy: &'static str,
    pub(crate) heavy: &'static str,
    pub(crate) kept: &'static str,
    pub(crate) typed: &'static str,
    pub(crate) broken: &'static str,
    pub(crate) key: &'static str,
    pub(crate) role: &'static str,
    pub(crate) foreign: &'static str,
    pub(crate) missing: &'static str,
    pub(crate) malformed: &'static str,
    pub(crate) danger: &'static str,
    pub(crate) back: &'static str,
    pub(crate) wait: &'static str,
}

/// What the page of a source says.
#[derive(Serialize)]
pub(crate) struct Source {
    pub(crate) contents: &'static str,
    pub(crate) about: &'static str,
    pub(crate) publisher: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) date: &'static str,
    pub(crate) audience: &'static str,
    pub(crate) specialty: &'static str,
    pub(crate) names: &'static str,
    pub(crate) jurisdiction: &'static str,
    pub(crate) licence: &'static str,
    pub(crate) compare: &'static str,
    pub(crate) ask: &'static str,
    pub(crate) jump: &'static str,
}

pub(crate) const WORDS: Words = Words {
    line: "Health answers, word for word from their source. Not a doctor.",
    emergency: "Emergency?",
    anywhere: "Call your local number (112, 911, 999 …)",
    nowhere: "the emergency line where you live (112, 911, 999 …)",
    skip: "Skip to the question box",
    skip_head: "Skip to the text",
    welcome: "What would you like to know?",
    how: "Ask in your own words. You will see the words that answer you, and the page they come from. If no page says \
          it, we will tell you so.",
    try_one: "Or try one of these",
    private: "You need no account here. Close the page and what you typed is gone from it.",
    label: "Your question",
    hint: "Enter sends. Shift and Enter starts a new line.",
    ask: "Ask",
    new: "New conversation",
    waiting: "Looking through the pages we hold …",
    you: "You asked:",
    answer: "Answer",
    sure: Sure { high: "We are quite sure", moderate: "We are fairly sure", low: "We are not so sure" },
    show: "Show in source",
    page: "page",
    grade: "grade",
    also_in: "The same text, nearly, is in",
    new_tab: "(opens a new tab)",
    original: "Where it was first put out",
    plain: "In plain words",
    also: "The same is said in",
    differing: "Some pages give other numbers",
    differing_why: "Ask a nurse or a doctor which of them fits you.",
    reading: "Read more",
    found: "What we did find",
    general: "This is meant for people in general. It does not know you. If you are not sure, ask a nurse or a doctor.",
    unsupported: Said {
        title: "We do not know",
        text: "No page that we hold says this clearly. We would rather tell you so than guess.",
    },
    personal: Said {
        title: "A person should answer this one",
        text: "It is about you and your care. We do not work out doses, say what you have, or read your test results.",
    },
    scope: Said {
        title: "We only know about health",
        text: "Ask us about an illness, a drug, a test, or how to stay well.",
    },
    urgent: Said {
        title: "Get help first",
        text: "Do not wait for an answer here. You can read on once help is on its way.",
    },
    turn: "Where to turn",
    turn_to: "A nurse, a doctor or the staff at your drug store can help. If you feel very ill, or you get worse \
              fast, call {number}.",
    call: "Call",
    follows: "This advice comes from",
    tools: Tools {
        copy: "Copy",
        copied: "Copied",
        uncopied: "Could not copy. Mark the text and copy it by hand.",
        print: "Print",
        helpful: "Did this help?",
        yes: "Yes",
        no: "No",
        thanks: "Thank you. We count yes and no, and keep no more than that.",
        uncounted: "Thank you. It could not be counted this time.",
        key: "Your key",
        use_key: "Use this key",
    },
    problems: Problems {
        empty: "There is no question yet. Type one in the box, then press Ask.",
        long: "That is too long for us. Cut it to 2,000 signs or less, then ask once more.",
        unreadable: "We could not read that. Type it in plain words, then ask once more.",
        offline: "We cannot be reached. Check that you are online, then ask once more.",
        slow: "That took too long. Please ask once more.",
        often: "Too many came from here at once. Wait a bit, then ask once more.",
        busy: "A lot of people ask us just now. Wait a bit, then ask once more.",
        heavy: "Your browser sent too much with this. Clear what it keeps for this site, then ask once more.",
        kept: "Your words are still in the box.",
        typed: "Go back to find the words that you typed.",
        broken: "Something broke on our side. It is not your fault. Please ask once more.",
        key: "You need a key to ask here. Type the key that you were given.",
        role: "This key does not let you do that. Ask the people who gave it to you.",
        foreign: "Some other site sent us this. To keep you safe we did not take it. Please type it here.",
        missing: "There is no such page here. It may have been moved or taken down.",
        malformed: "We could not make sense of that. Go back and ask once more.",
        danger: "If a life may be at risk, do not wait for this site.",
        back: "Ask a question",
        wait: "You can ask once more in {seconds} seconds.",
    },
    source: Source {
        contents: "On this page",
        about: "About this page",
        publisher: "Put out by",
        kind: "Kind",
        date: "Date",
        audience: "Meant for",
        specialty: "Field",
        names: "Also called",
        jurisdiction: "Holds in",
        licence: "Terms of use",
        compare: "See also",
        ask: "Ask a question",
        jump: "Go to the words we quoted",
    },
    foot: "clinqa shows what its pages say. It does not replace a nurse or a doctor.",
};

/// Questions that show what may be asked.
pub(crate) const EXAMPLES: [&str; 4] = [
    "What are the early signs of type 2 diabetes?",
    "How long is chickenpox catching?",
    "Can I drink alcohol while I take metformin?",
    "Is psoriasis contagious?",
];

/// What a page says of a source that no longer stands as published, by the word that a reply has for it.
pub(crate) fn marks() -> BTreeMap<&'static str, &'static str> {
    StandingState::ALL.into_iter().filter_map(|state| Some((state.as_str(), state.mark()?))).collect()
}

/// What to say about a status.
pub(crate) fn problem(status: StatusCode) -> &'static str {
    let problems = &WORDS.problems;
    match status {
        StatusCode::UNAUTHORIZED => problems.key,
        StatusCode::FORBIDDEN => problems.role,
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => problems.missing,
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => problems.slow,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG => problems.long,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => problems.heavy,
        StatusCode::UNPROCESSABLE_ENTITY => problems.unreadable,
        StatusCode::TOO_MANY_REQUESTS => problems.often,
        StatusCode::SERVICE_UNAVAILABLE => problems.busy,
        status if status.is_client_error() => problems.malformed,
        _ => problems.broken,
    }
}
