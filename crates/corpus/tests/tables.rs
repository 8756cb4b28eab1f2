//! Do hostile tables, lines of JSON and pages cost little, and is each of them accounted for?
//!
//! One test, so that the peak of memory is its own.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clinqa_corpus::open;
use clinqa_schema::Silent;

const MEGABYTES: usize = 1 << 20;

#[test]
fn hostile_tables_and_pages_cost_little() {
    // A name, a beginning, what is repeated to so many bytes, and an end.
    let long: &[(&str, &str, &str, usize, &str)] = &[
        ("numbers.jsonl", "{\"text\":[", "0,", 4 * MEGABYTES - 64, "0]}\n{\"id\":\"after-1\",\"text\":\"Read 1.\"}\n"),
        ("objects.jsonl", "{\"text\":[", "{},", 4 * MEGABYTES - 64, "0]}\n"),
        ("deep.jsonl", "{\"text\":", "[", MEGABYTES, "\n{\"id\":\"after-2\",\"text\":\"Read 2.\"}\n"),
        ("line.ndjson", "{\"text\":\"", "x", 64 * MEGABYTES, "\"}\n{\"id\":\"after-3\",\"text\":\"Read 3.\"}\n"),
        ("paper.json", "{\"paper_id\":\"p\",\"body_text\":[", "{\"text\":\"\"},", 16 * MEGABYTES, "{}]}"),
        ("deep.json", "{\"paper_id\":\"q\",\"x\":", "{\"a\":", MEGABYTES, ""),
        ("columns.csv", "text", ",", 4 * MEGABYTES - 64, "\nx\n"),
        ("header.csv", "", "x", 32 * MEGABYTES, "\ny\n"),
        ("cells.csv", "id,text\n", ",", 4 * MEGABYTES - 64, "\nafter-4,Read 4.\n"),
        ("quote.csv", "id,text\n1,\"", "x\n", 32 * MEGABYTES, ""),
        ("nul.csv", "id,text\n", "1,One\n", 8_000, "2,T\0wo\nafter-5,Read 5.\n"),
        ("unnamed.csv", "x", ",", 4 * MEGABYTES - 64, "\ny\n"),
        ("deep.html", "<html><title>after-6</title><p>Read.", "<ul><li>", 4 * MEGABYTES, "deep"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for (name, start, piece, bytes, end) in long {
        // Written bit by bit: what is measured is what reading takes.
        let mut file = BufWriter::new(File::create(folder.path().join(name)).expect("a file"));
        file.write_all(start.as_bytes()).expect("written");
        for _ in 0..bytes / piece.len() {
            file.write_all(piece.as_bytes()).expect("written");
        }
        file.write_all(end.as_bytes()).expect("written");
        file.flush().expect("written");
    }
    let lying = b"<html><meta charset=utf-16><title>after-7</title><p>Caf\xe9 \xff\xfe is open all day.";
    fs::write(folder.path().join("lying.html"), lying).expect("a file");
    let started = Instant::now();
    let mut titles = String::new();
    let report = open(folder.path())
        .expect("a corpus")
        .read(&mut Silent, &mut |document| {
            titles.push_str(document.id.as_str());
            titles.push(' ');
            titles.push_str(&document.title);
            titles.push('\n');
            ControlFlow::Continue(())
        })
        .expect("a report");
    let took = started.elapsed();
    let places: Vec<String> = report.skips.iter().map(ToString::to_string).collect();
    for number in 1..=7 {
        assert!(titles.contains(&format!("after-{number}")), "after-{number}: {titles}{places:#?}");
    }
    for name in [
        "deep.jsonl:1",
        "line.ndjson:1",
        "deep.json",
        "cells.csv:1",
        "quote.csv:1",
        "header.csv: longer",
        "nul.csv:1334",
    ] {
        assert!(places.iter().any(|place| place.starts_with(name)), "{name}: {places:#?}");
    }
    assert_eq!(report.read, report.indexed + report.skipped + report.duplicate + report.superseded + report.retracted);
    assert!(took < Duration::from_mins(1), "{took:?}");
    let peak = peak_megabytes();
    assert!(peak.is_none_or(|peak| peak < 256), "{peak:?} MB");
}

/// The most memory that this process held, where the system tells.
fn peak_megabytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1_024)
}
