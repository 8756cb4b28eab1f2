//! Which steps of understanding are taken? All, except where their worth is measured.

/// One step of understanding a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A follow-up is completed from the turns before it.
    FollowUp,
    /// Slips of the pen are mended.
    Spelling,
    /// Abbreviations are written out.
    Abbreviations,
    /// Everyday words are joined by the clinical term.
    LayWords,
    /// Brand names are joined by the generic name.
    Medicines,
    /// Documents whose name stands in the question come first.
    Topics,
    /// Sections under the heading that is asked for come first.
    Headings,
}

impl Step {
    /// Every step, in the order they are taken.
    pub const ALL: [Self; 7] = [
        Self::FollowUp,
        Self::Spelling,
        Self::Abbreviations,
        Self::LayWords,
        Self::Medicines,
        Self::Topics,
        Self::Headings,
    ];

    /// Its name, for `--without` and for `--explain`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FollowUp => "follow-up",
            Self::Spelling => "spelling",
            Self::Abbreviations => "abbreviations",
            Self::LayWords => "lay-words",
            Self::Medicines => "medicines",
            Self::Topics => "topics",
            Self::Headings => "headings",
        }
    }
}

/// A set of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps(u8);

impl Default for Steps {
    /// All of them.
    fn default() -> Self {
        Self(u8::MAX)
    }
}

impl Steps {
    /// No step: the words as they were typed.
    pub fn none() -> Self {
        Self(0)
    }

    /// These without `step`.
    #[must_use]
    pub fn without(self, step: Step) -> Self {
        Self(self.0 & !(1 << step as u8))
    }

    /// Whether `step` is among them.
    pub fn has(self, step: Step) -> bool {
        self.0 & (1 << step as u8) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_is_left_out_is_the_only_one_missing() {
        for left_out in Step::ALL {
            let steps = Steps::default().without(left_out);
            let taken: Vec<Step> = Step::ALL.into_iter().filter(|step| steps.has(*step)).collect();
            assert_eq!(taken.len(), Step::ALL.len() - 1);
            assert!(!steps.has(left_out));
        }
        assert!(!Step::ALL.into_iter().any(|step| Steps::none().has(step)));
    }
}
