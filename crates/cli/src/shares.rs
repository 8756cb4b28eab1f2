//! Precision, recall and F1 of labels as a table for people.

use clinqa_eval::{LabelShares, ShareTable};

use crate::output;

/// A line a label, by name, and the three averages.
pub(crate) fn table(shares: &ShareTable) -> String {
    let width = shares.labels.keys().map(|label| label.chars().count()).max().unwrap_or(0).clamp(12, 48);
    let head = format!("{:<width$} {:>9} {:>7} {:>7} {:>8}", "", "precision", "recall", "f1", "support");
    let labels = shares.labels.iter().map(|(label, shares)| (output::plain(label), shares));
    let averages = [("micro", &shares.micro), ("macro", &shares.r#macro), ("weighted", &shares.weighted)];
    let averages = averages.map(|(name, shares)| (name.to_owned(), shares));
    let row = |(label, shares): (String, &LabelShares)| {
        let LabelShares { precision, recall, f1, support } = shares;
        format!("{label:<width$} {precision:>9.4} {recall:>7.4} {f1:>7.4} {support:>8}")
    };
    let rows = labels.map(row).chain([String::new()]).chain(averages.map(row));
    std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
}
