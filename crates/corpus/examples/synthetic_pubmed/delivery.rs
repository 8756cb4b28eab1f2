//! A whole delivery: files of 30,000 records with faults spread evenly, and an update file that takes back 1% of the
//! articles and retracts 0.1%; with what a reader must make of it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::synthetic::{Article, FAULTS, HEAD, Planted, TAIL, write_file};

const PER_FILE: u64 = 30_000;

/// What was delivered.
#[derive(Default)]
pub(crate) struct Delivery {
    /// Each fault with its file, in the order of files.
    pub(crate) planted: Vec<(String, Planted)>,
    /// Records, deletions among them.
    pub(crate) read: u64,
    /// Articles to be indexed.
    pub(crate) indexed: u64,
    /// Deletions, and articles that they take out.
    pub(crate) retracted: u64,
    /// Articles that are indexed with a mark.
    pub(crate) marked: u64,
}

/// Writes `records` articles, `faults` of them spoilt, and the update file into `folder`.
pub(crate) fn deliver(records: u64, faults: u64, folder: &Path) -> io::Result<Delivery> {
    fs::create_dir_all(folder)?;
    let every = records.checked_div(faults).unwrap_or(u64::MAX).max(2);
    let mut delivery = Delivery::default();
    let mut spoilt = Vec::new();
    let mut next = 0;
    while next < records {
        let name = format!("synth26n{:04}.xml.gz", next / PER_FILE + 1);
        let mut out = packed(folder, &name)?;
        let count = PER_FILE.min(records - next);
        let planted = write_file(&mut out, next + 1, count, 1, &mut |record| {
            let due = (next + record) % every == 1 && (spoilt.len() as u64) < faults && record < count;
            due.then(|| {
                spoilt.push(next + record);
                FAULTS[spoilt.len() % FAULTS.len()]
            })
        })?;
        out.into_inner()?.finish()?.sync_all()?;
        delivery.planted.extend(planted.into_iter().map(|fault| (name.clone(), fault)));
        next += count;
    }
    let retracted: Vec<u64> = (0..records / 1_000).map(|step| step * 1_000 + 7).collect();
    let deleted: Vec<u64> = (0..records / 100).map(|step| step * 100 + 3).collect();
    update(records, &retracted, &deleted, folder)?;
    let sound = |pmids: &[u64]| pmids.iter().filter(|pmid| spoilt.binary_search(pmid).is_err()).count() as u64;
    let (notices, deletions, taken_out) = (retracted.len() as u64, deleted.len() as u64, sound(&deleted));
    Ok(Delivery {
        read: records + notices + deletions,
        indexed: records - spoilt.len() as u64 - taken_out + notices,
        retracted: deletions + taken_out,
        marked: sound(&retracted),
        ..delivery
    })
}

/// An update file with a notice for each article that is retracted, and the ids that are taken back.
fn update(records: u64, retracted: &[u64], deleted: &[u64], folder: &Path) -> io::Result<()> {
    let mut out = packed(folder, "synth26u0001.xml.gz")?;
    out.write_all(HEAD.as_bytes())?;
    for (own, pmid) in (records + 1..).zip(retracted) {
        let mut notice = Article::new(own, 2);
        notice.links.push(("RetractionOf", *pmid));
        out.write_all(notice.xml().as_bytes())?;
    }
    out.write_all(b"<DeleteCitation>\n")?;
    for pmid in deleted {
        writeln!(out, "<PMID Version=\"1\">{pmid}</PMID>")?;
    }
    out.write_all(b"</DeleteCitation>\n")?;
    out.write_all(TAIL.as_bytes())?;
    out.into_inner()?.finish()?.sync_all()
}

fn packed(folder: &Path, name: &str) -> io::Result<BufWriter<GzEncoder<File>>> {
    Ok(BufWriter::new(GzEncoder::new(File::create(folder.join(name))?, Compression::fast())))
}
