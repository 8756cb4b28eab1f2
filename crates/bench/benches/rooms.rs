//! How long does each room take by itself? `cargo bench -p clinqa-bench [-- NAME]`
//!
//! What has to be built first, an index of the starter corpus, takes a minute once; it is kept under the target folder
//! and made again when the corpus or the encoder has changed.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clinqa_bench::{Model, Precision, Starter, embedded, engine, filler, passages};
use clinqa_encoder::Sequence;
use clinqa_qa::{AnswerConfig, Ask, Engine, Explain, Search, answer};
use clinqa_retrieval::{RetrievalConfig, Retriever, Understood, fuse, understand};
use clinqa_schema::{Embedding, Filters, Passage, Question, Turn};
use clinqa_weights::ENCODER;
use criterion::{BatchSize, Criterion, Throughput};

/// Passages of the mixed batch: enough that short and long ones meet.
const MIXED: usize = 64;

/// Passages that are read.
const READ: usize = 10;

/// Questions that take turns, so that no figure is that of one question.
const QUESTIONS: usize = 32;

/// Passages that the reply shows beside the answer.
const READING: usize = 3;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    encode(&mut criterion);
    let house = House::open();
    search(&mut criterion, &house);
    read(&mut criterion, &house);
    ask(&mut criterion, &house);
    criterion.final_summary();
}

/// The forward pass alone, on token ids of real passages.
fn encode(criterion: &mut Criterion) {
    let model = Model::open(&embedded(&ENCODER), Precision::Default).expect("the embedded encoder");
    let passages = passages(&corpus()).expect("the starter corpus");
    let spread = passages.iter().step_by((passages.len() / MIXED).max(1)).take(MIXED);
    let mixed: Vec<Vec<u32>> =
        spread.map(|passage| model.ids(&passage.contextual_text()).expect("token ids")).collect();
    let real = mixed.concat();
    let plain = |ids: Vec<u32>| Sequence { types: vec![0; ids.len()], ids };
    let shapes = [
        ("1x16", filler(&real, &[16])),
        ("1x256", filler(&real, &[256])),
        ("32x128", filler(&real, &[128; 32])),
        ("mixed", mixed.into_iter().map(plain).collect()),
    ];
    let mut group = criterion.benchmark_group("encode");
    for (name, sequences) in &shapes {
        let tokens: usize = sequences.iter().map(Sequence::len).sum();
        group.throughput(Throughput::Elements(tokens as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| model.forward(black_box(sequences)).expect("a forward pass"));
        });
    }
    group.finish();
}

/// Both indexes and the fusion of what they find, a question after the other.
fn search(criterion: &mut Criterion, house: &House) {
    let index = house.engine.index();
    let depth = RetrievalConfig::default().depth;
    let everything = Filters::default();
    let lexical = |understood: &Understood| index.lexical(&understood.lexical, depth, &everything).expect("a ranking");
    let dense = |embedding: &Embedding| index.dense(embedding, depth, &everything).expect("a ranking");
    let embeddings: Vec<Embedding> =
        house.understood.iter().map(|understood| house.encode(&understood.dense)).collect();
    let rankings: Vec<_> =
        house.understood.iter().zip(&embeddings).map(|(words, vector)| (lexical(words), dense(vector))).collect();

    let mut words = house.understood.iter().cycle();
    criterion.bench_function("lexical", |bencher| bencher.iter(|| words.next().map(lexical)));
    let mut vectors = embeddings.iter().cycle();
    criterion.bench_function("dense", |bencher| bencher.iter(|| vectors.next().map(dense)));
    let mut pairs = rankings.iter().cycle();
    let fusion = RetrievalConfig::default().fusion;
    criterion.bench_function("fuse", |bencher| {
        bencher.iter(|| pairs.next().map(|(lexical, dense)| fuse(fusion, lexical, dense)));
    });
}

/// Ten passages beside their question.
fn read(criterion: &mut Criterion, house: &House) {
    let models = house.engine.models();
    let retriever =
        Retriever { index: house.engine.index(), encoder: models.encoder.as_ref(), config: RetrievalConfig::default() };
    let found = |ask: &Ask| -> Vec<Passage> {
        retriever.retrieve(&ask.question, &ask.history, &ask.filters, READ).expect("passages").passages
    };
    let jobs: Vec<(Question, Vec<Passage>)> =
        house.asked.iter().map(|ask| (ask.question.clone(), found(ask))).collect();
    let mut jobs = jobs.iter().cycle();
    criterion.bench_function("read ten passages", |bencher| {
        bencher.iter_batched(
            || jobs.next().cloned(),
            |job| job.map(|(question, passages)| models.reader.read(&question, passages).expect("readings")),
            BatchSize::SmallInput,
        );
    });
}

/// A question from its text to its reply, everything open.
fn ask(criterion: &mut Criterion, house: &House) {
    let mut asked = house.asked.iter().cycle();
    criterion.bench_function("ask", |bencher| {
        bencher.iter(|| asked.next().map(|ask| answer(&house.engine, ask, &AnswerConfig::default()).expect("a reply")));
    });
}

/// Everything open, and questions for it.
struct House {
    engine: Engine,
    asked: Vec<Ask>,
    understood: Vec<Understood>,
}

impl House {
    fn open() -> Self {
        let corpus = corpus();
        let index = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-starter");
        let starter = Starter { corpus: &corpus, index: &index };
        let engine = engine(starter).expect("models and index");
        let questions = starter.questions().expect("the judged questions");
        let dev = questions.iter().filter(|question| question.split == "dev").take(QUESTIONS);
        let asked: Vec<Ask> = dev.map(|judged| ask_of(&judged.question, judged.turns())).collect();
        let lexicon = engine.index().lexicon();
        let config = RetrievalConfig::default().understanding;
        let understood = asked.iter().map(|ask| understand(&ask.question, &ask.history, lexicon, config)).collect();
        Self { engine, asked, understood }
    }

    fn encode(&self, text: &str) -> Embedding {
        let encoder = self.engine.models().encoder.as_ref().expect("an encoder");
        encoder.encode_one(text).expect("a vector")
    }
}

fn ask_of(question: &str, history: Vec<Turn>) -> Ask {
    Ask {
        question: Question::new(question).expect("a question"),
        history,
        filters: Filters::default(),
        region: None,
        top_k: READING,
        search: Search::Fused,
        explain: Explain::No,
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpora/starter")
}
