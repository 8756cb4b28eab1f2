//! Which words are ours? All that the server says by itself to a person; what it quotes is others'.
//!
//! They are plain: a test holds each to a grade of 6 or less by Flesch and Kincaid.

use clinqa_schema::Abstention;

/// Before anything else may be read.
pub(crate) const EMERGENCY: &str = "Get help first. You can read more when you are safe.";

/// Where the sources do not say.
pub(crate) const UNSUPPORTED: &str = "I do not know. I found no clear answer to this in my sources.";

/// Where only somebody who knows the case can tell.
pub(crate) const PERSONAL: &str = "I can not tell you what is right in your own case. Please ask someone who knows you \
                                   and your health, such as your doctor or nurse.";

/// Where health is not the topic, or English not the language; a notice before it says which.
pub(crate) const SCOPE: &str = "I can only help with questions about health, in English.";

/// Before a source that says it too.
pub(crate) const ALSO: &str = "This source says so too:";

/// Before a source that says something else.
pub(crate) const DIFFERING: &str = "This source gives other figures:";

/// Before further reading.
pub(crate) const READING: &str = "You can read more here:";

/// Under every answer.
pub(crate) const STANDING: &str = "This is what the source says. It is not advice for your own case.";

/// Why there is no answer.
pub(crate) fn abstention(reason: Abstention) -> &'static str {
    match reason {
        Abstention::Unsupported => UNSUPPORTED,
        Abstention::Personal => PERSONAL,
        Abstention::Scope => SCOPE,
        Abstention::Emergency => EMERGENCY,
    }
}

/// Every sentence that the server says by itself, for whoever measures how plain they are.
pub fn sentences() -> Vec<String> {
    let said = [EMERGENCY, UNSUPPORTED, PERSONAL, SCOPE, ALSO, DIFFERING, READING, STANDING];
    said.into_iter().map(str::to_owned).chain(crate::error::sentences()).collect()
}
