//! CSV and TSV: one record a row, its columns named by the first row.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;
use std::path::Path;

use clinqa_schema::Document;
use csv::{ByteRecord, ReaderBuilder};

use super::{Context, Format, Record};
use crate::clean::{clean_line, clean_message};
use crate::decode::decode;
use crate::report::{SkipReason, Skipped};
use crate::whole::ends_in;

/// Longest row: a quote that is never closed makes a row of all that follows.
const MAX_ROW_BYTES: usize = 4 << 20;

/// Columns that a report names.
const NAMED_COLUMNS: usize = 100;

/// Files that end in `.csv`, `.tsv` or `.tab`.
pub(super) struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn recognises(&self, file: &Path, head: &[u8]) -> bool {
        ends_in(file, &["csv", "tsv", "tab"]) && self.may_be(file, head)
    }

    fn may_be(&self, _: &Path, head: &[u8]) -> bool {
        !head.contains(&0)
    }

    fn about(&self, lines: u64) -> u64 {
        lines.saturating_sub(1)
    }

    fn read(
        &self,
        input: &mut dyn BufRead,
        context: &Context<'_>,
        sink: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> io::Result<ControlFlow<()>> {
        let delimiter = delimiter(input.fill_buf()?);
        let taken = Cell::new(0);
        let capped = Capped { input, taken: &taken };
        let mut reader =
            ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(capped);
        let mut row = ByteRecord::new();
        let mut columns: Option<HashMap<String, usize>> = None;
        let mut width = 0;
        for number in 0.. {
            taken.set(0);
            let mut id = None;
            let found = match reader.read_byte_record(&mut row) {
                Ok(false) => break,
                Ok(true) => match &columns {
                    None => {
                        let named = columns.insert(named(&row));
                        if context.fields.may_have_text(&|name| column(named, name).is_some()) {
                            width = row.len();
                            continue;
                        }
                        // One fault of the file, not one of each row.
                        let first: Vec<_> = row.iter().take(NAMED_COLUMNS).map(String::from_utf8_lossy).collect();
                        let found = clean_line(&first.join(", "));
                        return Ok(sink(SkipReason::Columns { found }.at(context.locator(None), None).into()));
                    }
                    Some(_) if !fits(&row, width) => {
                        let lines = reader.position().line() - row.position().map_or(0, csv::Position::line);
                        Err(misfit(row.len(), width, lines))
                    }
                    Some(columns) => document(&row, columns, context, number, &mut id),
                },
                Err(error) => match error.into_kind() {
                    csv::ErrorKind::Io(error)
                        if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<TooLong>) =>
                    {
                        Err(SkipReason::TooLarge { limit: MAX_ROW_BYTES as u64 })
                    }
                    csv::ErrorKind::Io(error) => return Err(error),
                    other => {
                        Err(SkipReason::Malformed { format: "CSV", reason: clean_message(format_args!("{other:?}")) })
                    }
                },
            };
            // Where a row does not end, no other begins.
            let lost = matches!(found, Err(SkipReason::TooLarge { .. } | SkipReason::Malformed { .. }));
            let locator = || context.locator((number > 0).then_some(number));
            let flow = sink(found.map_err(|reason| Skipped { locator: locator(), id, reason }).into());
            if flow.is_break() || lost {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn document(
    row: &ByteRecord,
    columns: &HashMap<String, usize>,
    context: &Context<'_>,
    number: u64,
    id: &mut Option<String>,
) -> Result<Document, SkipReason> {
    if row.iter().any(|cell| cell.contains(&0)) {
        return Err(SkipReason::Binary);
    }
    let get = |name: &str| decode(row.get(column(columns, name)?)?, None).ok().map(std::borrow::Cow::into_owned);
    context.fields.document(&get, context, number, id)
}

fn column(columns: &HashMap<String, usize>, name: &str) -> Option<usize> {
    columns.get(name).or_else(|| columns.get(&name.to_lowercase())).copied()
}

/// Whether a row has a cell for each of `width` columns; what is empty beyond them does no harm.
fn fits(row: &ByteRecord, width: usize) -> bool {
    row.len() >= width && row.iter().skip(width).all(|cell| cell.trim_ascii().is_empty())
}

/// Cells that stand under wrong names would become wrong documents.
fn misfit(cells: usize, width: usize, lines: u64) -> SkipReason {
    let open = if lines > 1 { format!(" over {lines} lines, so that a quote may be left open") } else { String::new() };
    let cure = "put quotes around cells that hold the mark between columns";
    SkipReason::WrongValue { field: "row", reason: format!("{cells} cells under {width} columns{open}; {cure}") }
}

/// Columns by their names, and by their names in small letters.
fn named(row: &ByteRecord) -> HashMap<String, usize> {
    let mut columns = HashMap::new();
    for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
        let name = decode(cell, None).unwrap_or_default().trim().to_owned();
        columns.entry(name.to_lowercase()).or_insert(column);
        columns.entry(name).or_insert(column);
    }
    columns
}

/// What parts the columns: of comma, tab, semicolon and bar the one that the first line has most of, outside quotes.
fn delimiter(head: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b'\t', 0), (b';', 0), (b'|', 0)];
    for &byte in head.iter().take_while(|byte| **byte != b'\n') {
        quoted ^= byte == b'"';
        counts.iter_mut().filter(|(mark, _)| *mark == byte && !quoted).for_each(|(_, count)| *count += 1);
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(mark, _)| mark)
}

/// Input that ends in an error where one row takes too much of it.
struct Capped<'a> {
    input: &'a mut dyn BufRead,
    taken: &'a Cell<usize>,
}

#[derive(Debug, thiserror::Error)]
#[error("a row that does not end")]
struct TooLong;

impl Read for Capped<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken.get() > MAX_ROW_BYTES {
            return Err(io::Error::other(TooLong));
        }
        let read = self.input.read(buffer)?;
        self.taken.set(self.taken.get() + read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::Metadata;

    use super::*;
    use crate::fields::{Fields, Names};

    fn read(fields: &Fields, rows: &[u8]) -> Vec<Result<Document, String>> {
        let context = Context { corpus: "c", file: "a.csv", defaults: &Metadata::default(), fields };
        let mut records = Vec::new();
        let mut sink = |record: Record| {
            records.push(record.into_result().map_err(|skip| skip.to_string()));
            ControlFlow::Continue(())
        };
        let flow = Csv.read(&mut io::Cursor::new(rows), &context, &mut sink).expect("read");
        assert!(flow.is_continue());
        records
    }

    #[test]
    fn rows_are_documents_whatever_parts_their_columns() {
        for mark in [",", "\t", ";", "|"] {
            let rows = "\u{feff}ID,Title,Text\n1,T,\"A \"\"b\"\"\nc\"\n2,U,caf\u{e9}\n".replace(',', mark);
            let records = read(&Fields::default(), rows.as_bytes());
            let found: Vec<(&str, &str)> = records
                .iter()
                .map(|record| record.as_ref().expect("a document"))
                .map(|it| (it.id.as_str(), it.text.as_str()))
                .collect();
            assert_eq!(found, [("1", "A \"b\" c"), ("2", "café")], "{mark:?}");
        }
    }

    #[test]
    fn rows_that_do_not_fit_their_columns_are_reported() {
        let records =
            read(&Fields::default(), b"id,title,text\n1,T,One, two\n2,U\n3,V,Three,,\n4,W,Four\n5,\"X,Five\n6,Y,Six\n");
        let fault = |at: usize| records[at].as_ref().expect_err("a skip").as_str();
        assert!(fault(0).contains("a.csv:1: wrong `row`: 4 cells under 3 columns; put quotes"), "{}", fault(0));
        assert!(fault(1).contains("2 cells under 3 columns"), "{}", fault(1));
        assert_eq!(records[2].as_ref().expect("a document").text, "Three");
        assert!(
            fault(4).contains("2 cells under 3 columns over 2 lines, so that a quote may be left open"),
            "{}",
            fault(4)
        );
        assert_eq!(records.len(), 5);
    }

    #[test]
    fn a_table_without_text_is_one_fault_that_says_what_to_do() {
        let records = read(&Fields::default(), b"nr,outcome\n1,x\n2,y\n");
        let [Err(fault)] = records.as_slice() else { panic!("{records:?}") };
        assert!(fault.contains("a.csv: no column is known to hold text, of nr, outcome; name it as `text`"), "{fault}");
        let fields = Fields { text: Names::One("outcome".into()), ..Fields::default() };
        assert_eq!(read(&fields, b"nr,outcome\n1,x\n2,y\n").len(), 2);
    }

    #[test]
    fn columns_are_mapped_and_bad_rows_reported() {
        let fields = Fields { text: Names::One("Answer".into()), title: Some("Q".into()), ..Fields::default() };
        let records = read(&fields, b"Q,Answer\nWhat?,Caf\xe9\n,\nx\0,y\nBlank,\n,Untitled\n");
        assert_eq!(records[0].as_ref().expect("a document").text, "Café");
        assert!(records[1].as_ref().expect_err("a skip").starts_with("a.csv:2 (a.csv:2): no text"));
        assert!(records[2].as_ref().expect_err("a skip").contains("binary"));
        assert!(records[3].as_ref().expect_err("a skip").contains("no text"), "a title answers nothing");
        assert_eq!(records[4].as_ref().expect("a document").title, "a.csv:5", "what is quoted has a name");
        let mut endless = b"id,text\n1,\"".to_vec();
        endless.resize(20 << 20, b'x');
        assert!(read(&Fields::default(), &endless)[0].as_ref().expect_err("a skip").contains("longer than"));
    }
}
