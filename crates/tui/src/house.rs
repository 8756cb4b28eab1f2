//! What does the screen need of the world outside? The command line gives it; this room opens no file and starts no program.

use clinqa_qa::{GenerationId, Models, Redaction};
use clinqa_schema::{Gaps, Measured, Observer};

use crate::message::{Delivered, Paper};

/// Why something outside could not be done.
pub type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// The world outside of the screen. Its methods are called on threads that nobody waits for.
pub trait House: Send + Sync {
    /// Writes a file that was asked for; says where.
    fn write(&self, paper: &Paper) -> Result<String, Refusal>;

    /// What somebody finds in `text` that could tell who wrote it, beside what the rules find; nobody need be asked.
    fn identifiers(&self, text: &str) -> Result<Vec<Redaction>, Refusal>;

    /// Puts text on the clipboard of the system, if there is one that can be reached.
    fn copy(&self, text: &str) -> bool;

    /// Shows a web address in a browser.
    fn browse(&self, url: &str) -> Result<(), Refusal>;

    /// Questions of earlier sessions, oldest first; none unless somebody wants them kept.
    fn history(&self) -> Result<Vec<String>, Refusal>;

    /// Keeps a question that was asked for later sessions, if somebody wants that.
    fn remember(&self, question: &str) -> Result<(), Refusal>;
}

/// What an index of this machine needs besides its folder.
pub trait Workshop: Send + Sync {
    /// Opens the models.
    fn models(&self) -> Result<Models, Refusal>;

    /// Whether an index is made unasked where none ever was.
    fn makes_missing_index(&self) -> bool;

    /// Makes a new generation from the corpora and publishes it; says what became of every record.
    fn rebuild(&self, observer: &mut dyn Observer) -> Result<String, Refusal>;

    /// Every corpus that a rebuild would read, as its files are now.
    fn corpora(&self) -> Result<Vec<Delivered>, Refusal>;

    /// What was measured when a generation was made, or why nothing was; `None` if neither was kept.
    fn scores(&self, id: &GenerationId) -> Option<Measured>;

    /// What was asked and not answered, if the operator has it kept.
    fn gaps(&self) -> Result<Option<Gaps>, Refusal>;
}
