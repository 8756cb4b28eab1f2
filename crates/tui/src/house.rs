//! What does the screen need of the world outside? The command line gives it; this room opens no file and starts no program.

use clinqa_qa::{Delivered, GenerationId, Models, Redaction};
use clinqa_schema::{Gaps, Measured, Observer};

use crate::export;
use crate::message::{Complaint, Paper, PaperKind};

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

/// Writes what was asked without whoever asked it; says where.
pub(crate) fn report(house: &dyn House, complaint: &Complaint) -> Result<String, Refusal> {
    let found = house.identifiers(&complaint.question)?;
    house.write(&Paper { kind: PaperKind::Report, ending: "jsonl", text: export::report(complaint, &found) })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use clinqa_qa::{Redaction, redact};

    use super::*;
    use crate::sample;

    /// Takes one word for a name where it can read, and keeps what is written.
    struct Reader {
        word: Option<&'static str>,
        written: Mutex<Vec<Paper>>,
    }

    impl House for Reader {
        fn write(&self, paper: &Paper) -> Result<String, Refusal> {
            self.written.lock().expect("no panic").push(paper.clone());
            Ok("there".to_owned())
        }

        fn identifiers(&self, text: &str) -> Result<Vec<Redaction>, Refusal> {
            let word = self.word.ok_or("it cannot read")?;
            let at = text.find(word).ok_or("the word is not there")?;
            let a_name = redact("my name is Agnes Holloway", &[]).spans.remove(0);
            Ok(vec![Redaction { bytes: at..at + word.len(), ..a_name }])
        }

        fn copy(&self, _: &str) -> bool {
            false
        }

        fn browse(&self, _: &str) -> Result<(), Refusal> {
            Ok(())
        }

        fn history(&self) -> Result<Vec<String>, Refusal> {
            Ok(Vec::new())
        }

        fn remember(&self, _: &str) -> Result<(), Refusal> {
            Ok(())
        }
    }

    #[test]
    fn a_report_leaves_out_what_anybody_finds_and_is_not_written_where_somebody_cannot_read() {
        let question = "é🙂 is sepsis what zorblax has? tel 020 7946 0958".to_owned();
        let complaint = Complaint { question, reply: Box::new(sample::reply("Give oxygen.")), fault: "wrong" };
        let house = |word| Reader { word, written: Mutex::default() };
        let reader = house(Some("zorblax"));
        assert_eq!(report(&reader, &complaint).expect("written"), "there");
        let text = reader.written.lock().expect("no panic")[0].text.clone();
        assert!(text.contains("é🙂 is sepsis what [NAME] has? tel [PHONE]"), "{text}");
        let blind = house(None);
        assert!(report(&blind, &complaint).is_err());
        assert!(blind.written.lock().expect("no panic").is_empty());
    }
}
