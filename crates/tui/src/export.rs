//! How are passages written for others: on the clipboard, as Markdown, BibTeX, RIS, CSV or JSON (pure)?

use std::collections::BTreeMap;

use clinqa_qa::{Redacted, Redaction, redact};
use clinqa_schema::{Citation, Standing};
use serde_json::json;

use crate::message::{Complaint, Row};
use crate::text::{Charset, clean};

/// A form of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Markdown,
    Bibtex,
    Ris,
    Csv,
    Json,
}

impl Form {
    pub(crate) const ALL: [Self; 5] = [Self::Markdown, Self::Bibtex, Self::Ris, Self::Csv, Self::Json];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Markdown => "Markdown",
            Self::Bibtex => "BibTeX",
            Self::Ris => "RIS",
            Self::Csv => "CSV",
            Self::Json => "JSON",
        }
    }

    /// The ending of its files.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Bibtex => "bib",
            Self::Ris => "ris",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// The passages in `form`.
pub(crate) fn write(form: Form, rows: &[Row]) -> String {
    let each = |write: fn(&Row) -> String| rows.iter().map(write).collect::<Vec<_>>().join("\n");
    match form {
        Form::Markdown => each(markdown),
        Form::Bibtex => each(bibtex),
        Form::Ris => each(ris),
        Form::Csv => format!(
            "title,section,publisher,kind,published,grade,standing,page,url,document,passage,quote\r\n{}",
            rows.iter().map(csv).collect::<String>()
        ),
        Form::Json => {
            let list: Vec<_> = rows.iter().map(|row| &row.reading.citation).collect();
            serde_json::to_string_pretty(&list).map(|text| text + "\n").unwrap_or_default()
        }
    }
}

/// The sentence that a row was found by, on one line.
fn sentence(row: &Row) -> String {
    line(row.text().get(row.matched.clone()).unwrap_or(row.text()))
}

/// `text` on one line, without what hides or turns around.
fn line(text: &str) -> String {
    clean(text, Charset::Utf8).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A quote with where it stands, as it is pasted into notes.
pub(crate) fn quoted(quote: &str, citation: &Citation) -> String {
    format!("\"{}\"\n{}\n", line(quote), reference(citation))
}

/// Where a quote stands, in one line.
fn reference(citation: &Citation) -> String {
    let section =
        citation.section.as_ref().map(|section| format!(", section \"{}\"", line(section))).unwrap_or_default();
    let page = citation.page.map(|page| format!(", page {page}")).unwrap_or_default();
    let date = citation.published.as_ref().map(|date| format!(", {date}")).unwrap_or_default();
    let grade = citation.grade.as_ref().map(|grade| format!(", grade {}", line(grade))).unwrap_or_default();
    let url = citation.url.as_ref().map(|url| format!(". {}", line(url))).unwrap_or_default();
    let standing = standing(&citation.standing).map(|standing| format!("{standing}. ")).unwrap_or_default();
    let (title, publisher) = (line(&citation.title), line(&citation.publisher));
    format!("{standing}{title}{section}{page}. {publisher}{date}{grade}{url} [{}]", citation.passage_id)
}

/// What became of a document, with the notice that says so: what is pasted elsewhere must not lose it.
pub(crate) fn standing(standing: &Standing) -> Option<String> {
    standing.mark().map(|mark| line(&mark))
}

/// Mark, grade and page as the notes of a reference have them.
fn notes(citation: &Citation) -> Vec<String> {
    let grade = citation.grade.as_ref().map(|grade| format!("grade {}", line(grade)));
    standing(&citation.standing).into_iter().chain(grade).collect()
}

fn markdown(row: &Row) -> String {
    let escaped = |text: &str| {
        let mut out = String::new();
        for c in text.chars() {
            if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|') {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    format!("> {}\n>\n> {}\n", escaped(&sentence(row)), escaped(&reference(&row.reading.citation)))
}

fn bibtex(row: &Row) -> String {
    let citation = &row.reading.citation;
    let escaped = |text: &str| {
        let mut out = String::new();
        for c in line(text).chars() {
            match c {
                '{' | '}' | '%' | '$' | '#' | '&' | '_' => out.extend(['\\', c]),
                '\\' => out.push_str("\\textbackslash{}"),
                '~' => out.push_str("\\textasciitilde{}"),
                '^' => out.push_str("\\textasciicircum{}"),
                other => out.push(other),
            }
        }
        out
    };
    let mut fields =
        vec![("title", escaped(&citation.title)), ("author", format!("{{{}}}", escaped(&citation.publisher)))];
    if let Some(date) = &citation.published {
        fields.push(("year", date.as_str().split('-').next().unwrap_or_default().to_owned()));
        fields.push(("date", date.to_string()));
    }
    fields.extend(citation.url.as_ref().map(|url| ("url", escaped(url))));
    fields.extend(citation.page.map(|page| ("pages", page.to_string())));
    let notes: Vec<String> = notes(citation).into_iter().chain([sentence(row)]).collect();
    fields.push(("note", escaped(&notes.join(". "))));
    let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("  {name} = {{{value}}},\n")).collect();
    let fields = fields.concat();
    // A key may hold letters, digits and a few signs: `#` is none of them.
    let key = citation.passage_id.to_string().replace(['#', ':'], "-");
    format!("@misc{{{key},\n{fields}}}\n")
}

fn ris(row: &Row) -> String {
    let citation = &row.reading.citation;
    let mut lines = vec![("TY", "GEN".to_owned()), ("TI", line(&citation.title)), ("PB", line(&citation.publisher))];
    if let Some(date) = &citation.published {
        let mut parts = date.as_str().split('-');
        lines.push(("PY", parts.next().unwrap_or_default().to_owned()));
        let rest = |part: Option<&str>| part.unwrap_or_default().to_owned();
        lines.push((
            "DA",
            format!(
                "{}/{}/{}/",
                date.as_str().split('-').next().unwrap_or_default(),
                rest(parts.next()),
                rest(parts.next())
            ),
        ));
    }
    lines.extend(citation.section.as_ref().map(|section| ("SE", line(section))));
    lines.extend(citation.url.as_ref().map(|url| ("UR", line(url))));
    lines.push(("ID", citation.passage_id.to_string()));
    lines.extend(citation.page.map(|page| ("SP", page.to_string())));
    lines.extend(notes(citation).into_iter().map(|note| ("N1", note)));
    lines.push(("N1", sentence(row)));
    lines.push(("ER", String::new()));
    lines.into_iter().map(|(tag, value)| format!("{tag}  - {value}\n")).collect::<Vec<_>>().concat()
}

/// One record as RFC 4180 has it. A cell that a spreadsheet would compute is made text.
fn csv(row: &Row) -> String {
    let citation = &row.reading.citation;
    let cell = |text: &str| {
        let text = line(text);
        let computed = text.starts_with(['=', '+', '-', '@']);
        format!("\"{}{}\"", if computed { "'" } else { "" }, text.replace('"', "\"\""))
    };
    let date = citation.published.as_ref().map(ToString::to_string).unwrap_or_default();
    let cells = [
        cell(&citation.title),
        cell(citation.section.as_deref().unwrap_or_default()),
        cell(&citation.publisher),
        cell(&citation.kind),
        cell(&date),
        cell(citation.grade.as_deref().unwrap_or_default()),
        cell(citation.standing.state.mark().unwrap_or_default()),
        cell(&citation.page.map(|page| page.to_string()).unwrap_or_default()),
        cell(citation.url.as_deref().unwrap_or_default()),
        cell(citation.document_id.as_str()),
        cell(&citation.passage_id.to_string()),
        cell(&sentence(row)),
    ];
    cells.join(",") + "\r\n"
}

/// What a librarian needs to look into a wrong answer: what was asked, without what could tell by whom, what was said and
/// from where. What somebody else `found` in the question goes too.
pub(crate) fn report(complaint: &Complaint, found: &[Redaction]) -> String {
    let Complaint { question, reply, fault } = complaint;
    let asked = redact(question, found);
    let counts: BTreeMap<&str, usize> = asked.counts().map(|(kind, count)| (kind.name(), count)).collect();
    let Redacted { text, .. } = asked;
    let answer = reply.answer.as_ref().map(
        |answer| json!({"text": answer.text(), "confidence": answer.confidence(), "citations": answer.citations()}),
    );
    let reading: Vec<String> = reply.reading.iter().map(|reading| reading.citation.passage_id.to_string()).collect();
    let report = json!({
        "fault": fault,
        "question": text,
        "redacted": {"total": counts.values().sum::<usize>(), "kinds": counts},
        "outcome": reply.outcome,
        "reason": reply.reason,
        "answer": answer,
        "reading": reading,
        "rules": reply.notices.iter().map(|notice| notice.rule.as_str()).collect::<Vec<_>>(),
        "generation": reply.generation,
        "encoder": reply.encoder,
        "reader": reply.reader,
    });
    format!("{report}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn every_form_names_its_source_and_keeps_its_own_rules() {
        let mut row = sample::row("sepsis", 0, "A lactate of 5% is {bad} & \"high\".");
        row.reading.citation.title = "=cmd_\u{202e}x".to_owned();
        let text = |form| write(form, std::slice::from_ref(&row));
        assert!(text(Form::Markdown).contains("> A lactate of 5% is {bad} & \"high\"."));
        assert!(text(Form::Markdown).contains("=cmd\\_x"));
        assert!(text(Form::Bibtex).contains("note = {A lactate of 5\\% is \\{bad\\} \\& \"high\".}"));
        assert!(text(Form::Bibtex).starts_with("@misc{sepsis-0,\n  title = {=cmd\\_x},\n"));
        assert!(text(Form::Ris).contains("PY  - 2024\nDA  - 2024/05//\n"));
        assert!(text(Form::Ris).ends_with("ER  - \n"));
        let csv = text(Form::Csv);
        assert!(csv.contains("\"'=cmd_x\"") && csv.contains("\"\"high\"\""), "{csv}");
        assert!(csv.lines().all(|line| !line.is_empty()));
        let list: serde_json::Value = serde_json::from_str(&text(Form::Json)).expect("JSON");
        assert_eq!(list[0]["passage_id"], "sepsis#0");
    }

    #[test]
    fn what_is_copied_is_a_quote_with_its_citation() {
        let row = sample::row("sepsis", 3, "Give oxygen.\nNow.");
        assert_eq!(
            quoted(row.text(), &row.reading.citation),
            "\"Give oxygen. Now.\"\nSepsis in adults, section \"Treatment\". NICE, 2024-05. https://example.org/sepsis [sepsis#3]\n"
        );
    }

    #[test]
    fn a_report_holds_the_question_without_whoever_asked_it() {
        let asked = "My name is Agnes Holloway, tel 020 7946 0958: which antibiotic\nfor sepsis?";
        let reply = Box::new(sample::reply("Give oxygen."));
        let complaint = Complaint { question: asked.to_owned(), reply, fault: "wrong" };
        let report = report(&complaint, &[]);
        assert_eq!(report.lines().count(), 1);
        let read: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(read["fault"], "wrong");
        let question = read["question"].as_str().expect("a text");
        assert!(question.contains("antibiotic") && question.contains("[PHONE]"), "{question}");
        for identifier in ["Holloway", "7946"] {
            assert!(!report.contains(identifier), "{report}");
        }
        let redacted = &read["redacted"];
        assert_eq!((&redacted["total"], &redacted["kinds"]["phone"]), (&3.into(), &1.into()), "and two names");
    }

    #[test]
    fn what_was_withdrawn_says_so_wherever_it_is_pasted() {
        let mut row = sample::row("sepsis", 3, "Give oxygen.");
        let citation = &mut row.reading.citation;
        citation.standing =
            Standing { state: clinqa_schema::StandingState::Retracted, notice: Some("10.1000/x".into()), since: None };
        (citation.grade, citation.page) = (Some("strong".into()), Some(12));
        let said = quoted(row.text(), &row.reading.citation);
        assert!(said.contains("WITHDRAWN (10.1000/x). Sepsis in adults"), "{said}");
        assert!(said.contains("page 12") && said.contains("grade strong"), "{said}");
        for form in Form::ALL {
            let text = write(form, std::slice::from_ref(&row));
            // What a program reads has the word of the API.
            let mark = if form == Form::Json { "\"retracted\"" } else { "WITHDRAWN" };
            assert!(text.contains(mark) && text.contains("strong") && text.contains("12"), "{text}");
        }
    }
}
