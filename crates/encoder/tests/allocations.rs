//! How often does a forward pass ask for memory? As often in a deep model as in a shallow one: never in a layer.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clinqa_encoder::{Checkpoint, Sequence, Source, Transformer, pack};
use safetensors::SafeTensors;

static ASKED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[expect(unsafe_code, reason = "nothing else sees what a process asks for; the system's allocator does the work")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }
}

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/checkpoints/tiny-safetensors")
}

/// Writes the tiny checkpoint with its first layer `layers` times.
fn deepened(layers: usize, folder: &Path) {
    let config = fs::read(tiny().join("config.json")).expect("a config");
    let mut config: serde_json::Value = serde_json::from_slice(&config).expect("JSON");
    config["num_hidden_layers"] = layers.into();
    fs::write(folder.join("config.json"), config.to_string()).expect("written");
    for name in ["tokenizer.json", "tokenizer_config.json", "vocab.txt"] {
        fs::copy(tiny().join(name), folder.join(name)).expect("copied");
    }
    let bytes = fs::read(tiny().join("model.safetensors")).expect("weights");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let mut tensors = Vec::new();
    for (name, tensor) in file.tensors() {
        match name.strip_prefix("encoder.layer.0.") {
            Some(part) => {
                let copies = (0..layers).map(|layer| (format!("encoder.layer.{layer}.{part}"), tensor.clone()));
                tensors.extend(copies);
            }
            None if name.starts_with("encoder.layer.") => {}
            None => tensors.push((name, tensor)),
        }
    }
    safetensors::serialize_to_file(tensors, None, &folder.join("model.safetensors")).expect("written");
}

/// The models of 2 and of 12 layers, in f32 or in bytes.
fn models(packed: bool) -> [Box<dyn Transformer>; 2] {
    [2, 12].map(|layers| {
        let [plain, bytes] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        deepened(layers, plain.path());
        pack(&Source::Folder(plain.path().to_owned()), bytes.path()).expect("packed");
        let folder = if packed { bytes.path() } else { plain.path() };
        let mut checkpoint = Checkpoint::open(&Source::Folder(folder.to_owned())).expect("a checkpoint");
        checkpoint.transformer().expect("a model")
    })
}

/// What one forward pass asks for, its memory laid in by earlier ones.
fn asked(model: &dyn Transformer, sequences: &[Sequence]) -> usize {
    let pass = |_| {
        let before = ASKED.load(Ordering::Relaxed);
        model.forward(sequences).expect("a forward pass");
        ASKED.load(Ordering::Relaxed) - before
    };
    // The first passes lay memory in, and so does one in which more threads are at work at once than in any before.
    (0..30).map(pass).min().expect("thirty passes")
}

#[test]
fn a_warm_pass_of_twelve_layers_asks_for_memory_as_often_as_one_of_two() {
    let sequence =
        |tokens: u32| Sequence { ids: (0..tokens).map(|id| 5 + id).collect(), types: vec![0; tokens as usize] };
    let sequences: Vec<Sequence> = [64, 1, 33, 64, 17, 64, 0, 50].map(sequence).into();
    for packed in [false, true] {
        let models = models(packed);
        for threads in [1, 2] {
            // Inside the pool: what is handed in from outside goes through a queue of rayon's, which grows now and then.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let [shallow, deep] = pool.install(|| [0, 1].map(|at| asked(models[at].as_ref(), &sequences)));
            assert_eq!(shallow, deep, "in bytes: {packed}, threads: {threads}");
            assert!((1..12).contains(&deep), "{deep}: its result is new, and nothing for each layer");
        }
    }
}
