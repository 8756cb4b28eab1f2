//! `cargo run --release -p clinqa-corpus --example synthetic_pubmed RECORDS FAULTS FOLDER`: a PubMed delivery of any
//! size for measuring, in files of 30,000 records, with faults of every kind spread evenly and 1% of deletions and 0.1%
//! of retractions in an update file. `README.tsv`, which no reading takes for records, says where each fault stands.

#[path = "../tests/literature/synthetic.rs"]
mod synthetic;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use synthetic::{Article, FAULTS, HEAD, Planted, TAIL, write_file};

const PER_FILE: u64 = 30_000;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [records, faults, folder] = &arguments[..] else {
        return Err(io::Error::other("name the records, the faults and the folder"));
    };
    let number = |text: &str| text.parse::<u64>().map_err(io::Error::other);
    generate(number(records)?, number(faults)?, Path::new(folder))
}

fn generate(records: u64, faults: u64, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let every = records.checked_div(faults).unwrap_or(u64::MAX).max(2);
    let mut places = BufWriter::new(File::create(folder.join("README.tsv"))?);
    let mut planted = 0;
    let mut next = 0;
    while next < records {
        let name = format!("synth26n{:04}.xml.gz", next / PER_FILE + 1);
        let mut out = packed(folder, &name)?;
        let count = PER_FILE.min(records - next);
        let spoilt = write_file(&mut out, next + 1, count, 1, &mut |record| {
            let due = (next + record) % every == 1 && planted < faults && record < count;
            planted += u64::from(due);
            due.then(|| FAULTS[planted as usize % FAULTS.len()])
        })?;
        for Planted { fault, record, offset } in spoilt {
            writeln!(places, "{name}\t{record}\t{offset}\t{fault:?}")?;
        }
        out.into_inner()?.finish()?.sync_all()?;
        next += count;
    }
    let mut out = packed(folder, "synth26u0001.xml.gz")?;
    out.write_all(HEAD.as_bytes())?;
    for step in 0..records / 1_000 {
        let mut notice = Article::new(records + step + 1, 2);
        notice.links.push(("RetractionOf", step * 1_000 + 7));
        out.write_all(notice.xml().as_bytes())?;
    }
    out.write_all(b"<DeleteCitation>\n")?;
    for step in 0..records / 100 {
        writeln!(out, "<PMID Version=\"1\">{}</PMID>", step * 100 + 3)?;
    }
    out.write_all(b"</DeleteCitation>\n")?;
    out.write_all(TAIL.as_bytes())?;
    out.into_inner()?.finish()?.sync_all()
}

fn packed(folder: &Path, name: &str) -> io::Result<BufWriter<GzEncoder<File>>> {
    Ok(BufWriter::new(GzEncoder::new(File::create(folder.join(name))?, Compression::fast())))
}
