//! `cargo run --release -p clinqa-corpus --example synthetic_pubmed RECORDS FAULTS FOLDER`: a PubMed delivery of any
//! size for measuring, in files of 30,000 records, with faults of every kind spread evenly and 1% of deletions and 0.1%
//! of retractions in an update file. `README.tsv`, which no reading takes for records, says where each fault stands.

mod delivery;
#[path = "../../tests/literature/synthetic.rs"]
mod synthetic;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use delivery::deliver;
use synthetic::Planted;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [records, faults, folder] = &arguments[..] else {
        return Err(io::Error::other("name the records, the faults and the folder"));
    };
    let number = |text: &str| text.parse::<u64>().map_err(io::Error::other);
    let folder = Path::new(folder);
    let delivery = deliver(number(records)?, number(faults)?, folder)?;
    let mut places = BufWriter::new(File::create(folder.join("README.tsv"))?);
    for (name, Planted { fault, record, offset }) in &delivery.planted {
        writeln!(places, "{name}\t{record}\t{offset}\t{fault:?}")?;
    }
    writeln!(
        io::stderr(),
        "{} to be read = {} indexed ({} of them marked) + {} skipped + {} retracted",
        delivery.read,
        delivery.indexed,
        delivery.marked,
        delivery.planted.len(),
        delivery.retracted
    )
}
