//! Is every fault in a large delivery reported at its place, and nothing else lost?

use std::io::BufWriter;
use std::time::Instant;

use crate::support::{each, folder};
use crate::synthetic::{Dice, FAULTS, Fault, Planted, write_file};
use clinqa_schema::SourceLocator;

/// Writes `records` articles into files of 10,000 with `faults` faults of every kind, and holds the report against them.
fn check(records: u64, faults: u64) {
    const PER_FILE: u64 = 10_000;
    let folder = folder(&[]);
    let mut dice = Dice(7);
    let mut spoilt = std::collections::BTreeMap::new();
    while (spoilt.len() as u64) < faults {
        // The kinds take turns, so that each is there. Never the last of a file: what stands behind it would be the
        // end of the file and no record.
        let record = dice.below(records);
        if !(record + 1).is_multiple_of(PER_FILE) && record + 1 < records {
            let next = FAULTS[spoilt.len() % FAULTS.len()];
            spoilt.entry(record).or_insert(next);
        }
    }
    let mut planted: Vec<(String, Planted)> = Vec::new();
    let mut next = 0;
    while next < records {
        let name = format!("synth26n{:04}.xml.gz", next / PER_FILE + 1);
        let file = std::fs::File::create(folder.path().join(&name)).expect("a file");
        let mut out = BufWriter::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        let count = PER_FILE.min(records - next);
        let fault_of = &mut |record: u64| spoilt.get(&(next + record - 1)).copied();
        let found = write_file(&mut out, next + 1, count, 1, fault_of).expect("written");
        out.into_inner().expect("flushed").finish().expect("packed");
        planted.extend(found.into_iter().map(|it| (name.clone(), it)));
        next += count;
    }
    let started = Instant::now();
    let mut characters = 0;
    let report = each(folder.path(), &mut |document| characters += document.text.len());
    let took = started.elapsed().as_secs_f64();
    say_rate(records, took, characters);
    assert_eq!(
        (report.read, report.indexed, report.skipped, report.duplicate),
        (records, records - faults, faults, 0),
        "{report}"
    );
    for ((file, it), skip) in planted.iter().zip(&report.skips) {
        let SourceLocator { file: found, record, offset, .. } = &skip.locator;
        assert_eq!((file, Some(it.record), Some(it.offset)), (found, *record, *offset), "{it:?}: {skip}");
        let names_its_id = !matches!(
            it.fault,
            Fault::NoPmid
                | Fault::BlankPmid
                | Fault::WordyPmid
                | Fault::LongPmid
                | Fault::WordyVersion
                | Fault::NulByte
                | Fault::NotUtf8
                | Fault::NakedAttribute
                | Fault::TwiceAttribute
                | Fault::NoEndTag
                | Fault::MisspeltStart
                | Fault::Truncated
                | Fault::EmptyRecord
        );
        assert_eq!(skip.id.is_some(), names_its_id, "{it:?}: {skip}");
    }
}

#[expect(clippy::print_stderr, reason = "a figure for whoever runs the long form with --nocapture")]
fn say_rate(records: u64, seconds: f64, characters: usize) {
    let rate = records as f64 / seconds;
    eprintln!("{records} records in {seconds:.1} s, two passes: {rate:.0} a second, {characters} bytes of text");
}

#[test]
fn every_fault_is_reported_at_its_place() {
    check(1_500, 140);
}

#[test]
#[ignore = "the long form of the promise: 350 MB of XML"]
fn a_thousand_faults_in_a_hundred_thousand_records_are_reported_at_their_places() {
    check(100_000, 1_000);
}
