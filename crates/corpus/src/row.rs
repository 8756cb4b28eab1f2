//! How is a row of a table said in words?

/// How much the names of columns may add to a document: they stand again before every cell, and a long name before a
/// million short cells would fill any memory.
const MOST_NAMES_BYTES: usize = 2 << 20;

/// Rows as lines, each cell behind the name of its column, until the names have said enough.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    named: usize,
}

impl Rows {
    /// `Dose: 5 g; Days: 3`; a cell that repeats the name of its column stands alone, and an empty one is left out.
    pub(crate) fn line(&mut self, header: &[String], cells: &[String]) -> String {
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            if !line.is_empty() {
                line.push_str("; ");
            }
            let name = header.get(column).filter(|name| !name.is_empty() && *name != cell);
            if let Some(name) = name.filter(|name| self.named + name.len() <= MOST_NAMES_BYTES) {
                self.named += name.len();
                line.push_str(name);
                line.push_str(": ");
            }
            line.push_str(cell);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn cells_stand_behind_the_names_of_their_columns() {
        let mut rows = Rows::default();
        let header = words(&["Dose", "", "Days"]);
        assert_eq!(rows.line(&header, &words(&["5 g", "x", "3", "more"])), "Dose: 5 g; x; Days: 3; more");
        assert_eq!(rows.line(&header, &words(&["Dose", "", ""])), "Dose");
        assert_eq!(rows.line(&[], &[]), "");
    }

    #[test]
    fn long_names_are_not_repeated_without_end() {
        let mut rows = Rows::default();
        let header = vec!["n".repeat(1 << 20)];
        let said: usize = (0..1_000).map(|_| rows.line(&header, &words(&["x"])).len()).sum();
        assert!(said < 3 << 20, "{said} bytes");
    }
}
