//! Which titles and synonyms begin like the end of what is typed (pure)?

/// Letters that must be typed before a name is offered.
const LEAST_TYPED: usize = 3;

/// Words at the end of the line that are taken for the beginning of a name.
const MOST_WORDS: usize = 5;

/// Names that are compared for one completion.
const MOST_COMPARED: usize = 500;

/// Names of documents, sorted by their lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    /// Sorts `names`; a name that comes twice in any case is kept once.
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut sorted: Vec<(String, String)> =
            names.into_iter().map(|name| (name.to_lowercase(), name)).filter(|(lower, _)| !lower.is_empty()).collect();
        sorted.sort();
        sorted.dedup_by(|a, b| a.0 == b.0);
        Self(sorted)
    }

    /// The rest of the shortest name that begins with the last words of `typed`; the longest such beginning counts.
    pub(crate) fn complete(&self, typed: &str) -> Option<&str> {
        let starts = typed.char_indices().filter(|(at, c)| {
            let follows = typed[..*at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
            c.is_alphanumeric() && follows
        });
        let mut starts: Vec<usize> = starts.map(|(at, _)| at).collect();
        let surplus = starts.len().saturating_sub(MOST_WORDS);
        starts.drain(..surplus);
        starts.into_iter().find_map(|start| self.rest_of(&typed[start..].to_lowercase()))
    }

    fn rest_of(&self, beginning: &str) -> Option<&str> {
        if beginning.chars().count() < LEAST_TYPED {
            return None;
        }
        let first = self.0.partition_point(|(lower, _)| lower.as_str() < beginning);
        let alike = self.0[first..].iter().take(MOST_COMPARED).take_while(|(lower, _)| lower.starts_with(beginning));
        let longer = alike.filter(|(lower, _)| lower.len() > beginning.len());
        let (_, name) = longer.min_by_key(|(lower, _)| lower.len())?;
        // Lower case may be longer or shorter than the name: the rest is counted in letters.
        let skipped = beginning.chars().count();
        name.char_indices().nth(skipped).map(|(at, _)| &name[at..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_name_that_fits_the_last_words_is_offered() {
        let names = ["Type 2 diabetes", "Type 1 diabetes", "Sepsis", "Sepsis in adults", "İnsulin", "type 2 diabetes"];
        let names = Names::new(names.map(str::to_owned));
        let check = |typed: &str, expected: Option<&str>| assert_eq!(names.complete(typed), expected, "{typed}");
        check("sep", Some("sis"));
        check("se", None);
        check("What is TYPE 2 d", Some("iabetes"));
        check("sepsis", Some(" in adults"));
        check("sepsis in adults", None);
        check("asep", None);
        check("", None);
        check("sepsis?", None);
    }
}
