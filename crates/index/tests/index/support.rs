//! What do the tests index?

use std::path::{Path, PathBuf};

use clinqa_index::{Clause, EncoderIdentity, FieldWeights, Generation, GraphParams, LexicalQuery, Store, WriterConfig};
use clinqa_schema::{Date, Document, DocumentId, Embedding, Metadata, Passage, Section, Silent, SourceLocator};

pub(crate) const DIMENSION: usize = 8;

/// A document with its passages and their vectors.
pub(crate) type Item = (Document, Vec<Passage>, Vec<Embedding>);

/// A repeatable sequence of numbers (splitmix64).
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// -1 to 1.
    pub(crate) fn component(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 8_388_608.0 - 1.0
    }

    pub(crate) fn vector(&mut self, dimension: usize) -> Embedding {
        Embedding::normalised((0..dimension).map(|_| self.component()).collect()).expect("a direction")
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }
}

pub(crate) fn encoder(name: &str) -> EncoderIdentity {
    EncoderIdentity { name: name.to_owned(), fingerprint: format!("{name}-0123"), dimension: DIMENSION }
}

pub(crate) fn config() -> WriterConfig {
    WriterConfig { created: 1_700_000_000, encoder: Some(encoder("tiny")), ..WriterConfig::default() }
}

pub(crate) fn words_only() -> WriterConfig {
    WriterConfig { encoder: None, ..config() }
}

/// A configuration under which a walk over a graph is tried even for few vectors.
pub(crate) fn with_graph() -> WriterConfig {
    let graph = GraphParams { m: 4, ef_construction: 40, ef_search: 8, exact_below: 0 };
    WriterConfig { graph, ..config() }
}

/// A document of one section a text.
pub(crate) fn item(id: &str, title: &str, texts: &[&str], metadata: Metadata, seed: u64) -> Item {
    let mut text = String::new();
    let mut sections = Vec::new();
    for (number, body) in texts.iter().enumerate() {
        let heading = format!("Part {number}");
        text.push_str(&heading);
        text.push('\n');
        let start = text.len();
        text.push_str(body);
        sections.push(Section { heading, bytes: start..text.len() });
        text.push('\n');
    }
    let document = Document {
        id: DocumentId::new(id).expect("an id"),
        title: title.to_owned(),
        text,
        sections,
        metadata,
        source: SourceLocator::default(),
    };
    let mut seeded = Seeded(seed);
    let cut = |(ordinal, section): (u32, &Section)| {
        Passage::cut(&document, ordinal, &section.heading, section.bytes.clone()).expect("a passage")
    };
    let passages: Vec<Passage> = (0u32..).zip(&document.sections).map(cut).collect();
    let embeddings = passages.iter().map(|_| seeded.vector(DIMENSION)).collect();
    (document, passages, embeddings)
}

/// Five short documents about different things.
pub(crate) fn five() -> Vec<Item> {
    let about = |kind: &str, year: &str, synonyms: &[&str]| Metadata {
        kind: kind.to_owned(),
        publisher: "tests".to_owned(),
        published: Date::new(year).ok(),
        synonyms: synonyms.iter().map(|&name| name.to_owned()).collect(),
        ..Metadata::default()
    };
    vec![
        item(
            "asthma",
            "Asthma",
            &["Wheezing and a tight chest are typical.", "Inhaled steroids calm the airways."],
            about("leaflet", "2024", &["reactive airways"]),
            1,
        ),
        item(
            "diabetes",
            "Type 2 diabetes",
            &["Thirst, tiredness and passing much urine.", "Metformin lowers blood sugar.", "Walk every day."],
            about("guideline", "2022", &["high blood sugar", "T2DM"]),
            2,
        ),
        item(
            "gout",
            "Gout",
            &["A hot, swollen toe joint.", "Uric acid crystals cause it."],
            about("leaflet", "2021", &[]),
            3,
        ),
        item(
            "migraine",
            "Migraine",
            &["A throbbing headache on one side."],
            about("leaflet", "2023", &["headache"]),
            4,
        ),
        item("scurvy", "Scurvy", &["Gums bleed for want of vitamin C."], about("guideline", "2020", &[]), 5),
    ]
}

/// Publishes `items` below `root`.
pub(crate) fn publish(root: &Path, items: &[Item], config: WriterConfig) -> Store {
    let store = Store::at(root);
    let has_vectors = config.encoder.is_some();
    let mut writer = store.writer(config).expect("a writer");
    for (document, passages, embeddings) in items {
        writer.add(document, passages, has_vectors.then_some(embeddings)).expect("added");
    }
    let sealed = writer.finish(&mut Silent).expect("sealed");
    store.publish(&sealed).expect("published");
    store
}

/// Publishes and opens.
pub(crate) fn open(root: &Path, items: &[Item], config: WriterConfig) -> Generation {
    publish(root, items, config).open_current().expect("open")
}

pub(crate) fn words(text: &str) -> LexicalQuery {
    let clauses = text.split(' ').map(|word| Clause { text: word.to_owned(), weight: 1.0 }).collect();
    LexicalQuery { clauses, weights: FieldWeights::default() }
}

/// The folder of the current generation.
pub(crate) fn current_folder(store: &Store) -> PathBuf {
    let pointer = store.current().expect("readable").expect("published");
    store.root().join("generations").join(pointer.generation.to_string())
}

/// Every file of an index but those that are not read.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                pending.push(path);
            } else if !path.file_name().is_some_and(|name| name == ".lock" || name == ".published") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Replaces a sealed file, which nobody may write to.
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).expect("removed");
    std::fs::write(path, bytes).expect("written");
}

pub(crate) fn ids(ranking: &clinqa_schema::Ranking) -> Vec<String> {
    ranking.hits().iter().map(|hit| hit.passage_id.to_string()).collect()
}
