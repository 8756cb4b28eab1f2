//! What does a large model know that a small one can take over?
//!
//! A student learns a task from a teacher of the same task: from its soft labels (Hinton et al. 2015), from its hidden states
//! through a projection (`TinyBERT`, Jiao et al. 2020), and from how the tokens of its last layer relate to one another
//! by their queries, keys and values (`MiniLMv2`, Wang et al. 2021), beside the labels of the data.

use candle_core::{D, Tensor, Var};
use clinqa_encoder::{Checkpoint, Sequence};
use serde_json::{Map, Value};

use super::reader;
use crate::batches::Draw;
use crate::{Digest, Layers, Packed, Pass, Score, Task, TrainError, Twin, log_softmax};

/// The projection's name among the variables; it is not part of the model.
const PROJECTION: &str = "distil.projection.weight";

/// A task whose model answers with distributions that a student can be shown.
pub trait Distillable: Task {
    /// Whether the model has learned the task; one that has not cannot teach it.
    fn can_teach(&self) -> bool;

    /// What the model reads.
    fn sequences(&self, batch: &[&Self::Example]) -> Vec<Sequence>;

    /// A distribution a row, as logits: of the student and of the teacher in the same order.
    fn answers(&self, packed: &Packed, batch: &[&Self::Example], pass: &mut Pass) -> Result<Tensor, TrainError>;

    /// The loss of [`Distillable::answers`], or of what they were made from, against the labels of the data.
    fn hard_loss(&self, answers: &Tensor, packed: &Packed, batch: &[&Self::Example]) -> Result<Tensor, TrainError>;
}

/// How much each lesson counts, and how soft the labels are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lessons {
    /// What logits are divided by before the softmax: 1 is as they are, more shows more of what the teacher rules out.
    pub temperature: f64,
    /// The weight of the teacher's soft labels.
    pub soft: f64,
    /// The weight of the data's own labels.
    pub hard: f64,
    /// The weight of the hidden states.
    pub hidden: f64,
    /// The weight of the relations.
    pub relations: f64,
}

impl Default for Lessons {
    /// Equal parts of what is common in distillation; nothing was tuned.
    fn default() -> Self {
        Self { temperature: 2.0, soft: 1.0, hard: 0.5, hidden: 1.0, relations: 1.0 }
    }
}

impl Lessons {
    fn check(&self) -> Result<(), TrainError> {
        let wrong =
            |setting, found: f64, expected| Err(TrainError::Setting { setting, found: found.to_string(), expected });
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return wrong("--soft-temperature", self.temperature, "above 0");
        }
        let weights = [
            ("--soft-weight", self.soft),
            ("--hard-weight", self.hard),
            ("--hidden-weight", self.hidden),
            ("--relations-weight", self.relations),
        ];
        match weights.into_iter().find(|(_, found)| !found.is_finite() || *found < 0.0) {
            Some((setting, found)) => wrong(setting, found, "a number of 0 or more"),
            None => Ok(()),
        }
    }
}

/// Learns `student` from `teacher`.
pub struct DistilTask<T> {
    student: T,
    teacher: T,
    teacher_twin: Twin,
    /// From the student's width to the teacher's, `[teacher, student]`.
    projection: Var,
    lessons: Lessons,
    layers: usize,
    teacher_fingerprint: String,
}

impl<T: Distillable> DistilTask<T> {
    /// `student` and `teacher` are the heads, `teacher_twin` the teacher's trunk; `student_twin` is only looked at, and so
    /// are the checkpoints of both. The projection is the identity where the widths are equal, else made by `seed`.
    pub fn new(
        (student, student_twin, own): (T, &Twin, &Checkpoint),
        (teacher, teacher_twin, teaching): (T, Twin, &Checkpoint),
        lessons: Lessons,
        seed: u64,
    ) -> Result<Self, TrainError> {
        lessons.check()?;
        if !teacher.can_teach() {
            return Err(TrainError::Setting {
                setting: "the teacher",
                found: "a model that has not learned this".to_owned(),
                expected: "one of the same task, with the same labels; train it first",
            });
        }
        let (small, large) = (student_twin.dimensions(), teacher_twin.dimensions());
        if !own.tokenizer.has_vocabulary_of(&teaching.tokenizer) {
            return Err(TrainError::Setting {
                setting: "the student's vocabulary",
                found: "another one".to_owned(),
                expected: "the teacher's: both must split text alike; make the student of the teacher's layers with `--layers`",
            });
        }
        let (device, dtype) = (student_twin.device(), student_twin.dtype());
        let values: Vec<f64> = if small.width == large.width {
            (0..small.width * small.width).map(|at| f64::from(u8::from(at / small.width == at % small.width))).collect()
        } else {
            let (mut draw, spread) = (Draw(seed), (small.width as f64).sqrt().recip());
            (0..small.width * large.width).map(|_| spread * reader::normal(&mut draw)).collect()
        };
        let projection = Tensor::from_vec(values, (large.width, small.width), device)?.to_dtype(dtype)?;
        let (projection, layers) = (Var::from_tensor(&projection)?, small.layers);
        let teacher_fingerprint = teaching.fingerprint.clone();
        Ok(Self { student, teacher, teacher_twin, projection, lessons, layers, teacher_fingerprint })
    }
}

/// Which layers of a teacher of `teacher` layers a student of `student` layers is made of: the last of each equal part.
pub fn kept_layers(teacher: usize, student: usize) -> Result<Vec<usize>, TrainError> {
    if student == 0 || student > teacher {
        return Err(TrainError::Setting {
            setting: "--layers",
            found: student.to_string(),
            expected: "at least 1 and at most as many as the teacher has",
        });
    }
    Ok((1..=student).map(|part| part * teacher / student - 1).collect())
}

/// The divergence of the student's distributions from the teacher's (both logits, `[rows, classes]`), both softened by
/// `temperature`, times its square, so that gradients keep their size whatever it is. The mean over the rows.
pub fn soft_loss(student: &Tensor, teacher: &Tensor, temperature: f64) -> Result<Tensor, TrainError> {
    let soft = |logits: &Tensor| -> Result<Tensor, TrainError> { log_softmax(&(logits / temperature)?) };
    Ok((divergence(&soft(student)?, &soft(&teacher.detach())?)? * (temperature * temperature))?)
}

/// The mean over the rows of `Σ p (log p - log q)`; `q` is the student's, `p` the teacher's, both as logarithms.
fn divergence(student: &Tensor, teacher: &Tensor) -> Result<Tensor, TrainError> {
    let terms = (teacher.exp()? * (teacher - student)?)?;
    Ok(terms.sum(D::Minus1)?.mean_all()?)
}

/// The mean square between the student's hidden states, projected, and the teacher's.
pub fn hidden_loss(student: &Tensor, teacher: &Tensor, projection: &Tensor) -> Result<Tensor, TrainError> {
    let difference = (student.matmul(&projection.t()?)? - teacher.detach())?;
    Ok(difference.sqr()?.mean_all()?)
}

/// How the tokens of each sequence relate to one another by `vectors` (`[tokens, width]`, packed): for each of `heads` parts
/// of the width the logarithm of the softmax over the scaled products of all pairs. Sequence by sequence `[heads, n, n]`.
fn relations(vectors: &Tensor, offsets: &[usize], heads: usize) -> Result<Vec<Tensor>, TrainError> {
    let width = vectors.dim(1)? / heads;
    let scale = (width as f64).sqrt().recip();
    let of = |ends: &[usize]| {
        let length = ends[1] - ends[0];
        let own = vectors.narrow(0, ends[0], length)?.reshape((length, heads, width))?;
        let own = own.transpose(0, 1)?.contiguous()?;
        let products = (own.matmul(&own.transpose(1, 2)?.contiguous()?)? * scale)?;
        log_softmax(&products)
    };
    offsets.windows(2).map(of).collect()
}

/// The divergence of the relations among queries, keys and values in the last layer: the mean over the three, the
/// sequences, the heads and the tokens. Works for any two widths that `heads` divides.
pub fn relation_loss(student: &Layers, teacher: &Layers, heads: usize) -> Result<Tensor, TrainError> {
    let last = |of: fn(&Layers) -> &Vec<Tensor>| Some((of(student).last()?, of(teacher).last()?));
    let kinds = [last(|layers| &layers.queries), last(|layers| &layers.keys), last(|layers| &layers.values)];
    let mut losses = Vec::new();
    for (student_vectors, teacher_vectors) in kinds.into_iter().flatten() {
        let own = relations(student_vectors, &student.offsets, heads)?;
        let shown = relations(&teacher_vectors.detach(), &teacher.offsets, heads)?;
        for (own, shown) in own.iter().zip(&shown) {
            losses.push(divergence(own, shown)?);
        }
    }
    Ok(Tensor::stack(&losses, 0)?.mean_all()?)
}

impl<T: Distillable> Task for DistilTask<T> {
    type Example = T::Example;

    fn name(&self) -> &'static str {
        "distil"
    }

    fn architecture(&self) -> &'static str {
        self.student.architecture()
    }

    fn identity(&self) -> Vec<(&'static str, String)> {
        let Lessons { temperature, soft, hard, hidden, relations } = self.lessons;
        let lessons = [
            ("the teacher's fingerprint", self.teacher_fingerprint.clone()),
            ("--soft-temperature", temperature.to_string()),
            ("--soft-weight", soft.to_string()),
            ("--hard-weight", hard.to_string()),
            ("--hidden-weight", hidden.to_string()),
            ("--relations-weight", relations.to_string()),
        ];
        self.student.identity().into_iter().chain(lessons).collect()
    }

    fn describe(&self, example: &T::Example, digest: &mut Digest) {
        self.student.describe(example, digest);
    }

    fn length(&self, example: &T::Example) -> usize {
        self.student.length(example)
    }

    fn variables(&self) -> Vec<(String, Var)> {
        let mut variables = self.student.variables();
        if self.lessons.hidden > 0.0 {
            variables.push((PROJECTION.to_owned(), self.projection.clone()));
        }
        variables
    }

    fn keeps(&self, name: &str) -> bool {
        name != PROJECTION && self.student.keeps(name)
    }

    fn loss(&self, twin: &Twin, batch: &[&T::Example], pass: &mut Pass) -> Result<Tensor, TrainError> {
        let sequences = self.student.sequences(batch);
        let inside = self.lessons.hidden > 0.0 || self.lessons.relations > 0.0;
        let look = |twin: &Twin, pass: &mut Pass| -> Result<(Packed, Option<Layers>), TrainError> {
            if !inside {
                return Ok((twin.forward(&sequences, pass)?, None));
            }
            let layers = twin.forward_all(&sequences, pass)?;
            let hidden = layers.hidden[layers.hidden.len() - 1].clone();
            Ok((Packed { hidden, offsets: layers.offsets.clone() }, Some(layers)))
        };
        let (shown, teacher) = look(&self.teacher_twin, &mut Pass::evaluation())?;
        let (packed, student) = look(twin, pass)?;
        let answers = self.student.answers(&packed, batch, pass)?;
        let mut total = Tensor::zeros((), twin.dtype(), twin.device())?;
        let Lessons { temperature, soft, hard, hidden, relations } = self.lessons;
        if soft > 0.0 {
            let shown = self.teacher.answers(&shown, batch, &mut Pass::evaluation())?.to_dtype(twin.dtype())?;
            total = (total + (soft_loss(&answers, &shown, temperature)? * soft)?)?;
        }
        if hard > 0.0 {
            total = (total + (self.student.hard_loss(&answers, &packed, batch)? * hard)?)?;
        }
        if let (Some(student), Some(teacher)) = (student, teacher) {
            if hidden > 0.0 {
                total = (total + (self.hidden(&student, &teacher)? * hidden)?)?;
            }
            if relations > 0.0 {
                let heads = common_heads(twin, &self.teacher_twin);
                total = (total + (relation_loss(&student, &teacher, heads)? * relations)?)?;
            }
        }
        Ok(total)
    }

    fn score(&self, twin: &Twin, dev: &[T::Example]) -> Result<Score, TrainError> {
        self.student.score(twin, dev)
    }

    fn config(&self, config: &mut Map<String, Value>) {
        self.student.config(config);
        config.insert("num_hidden_layers".to_owned(), self.layers.into());
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.student.files()
    }
}

impl<T: Distillable> DistilTask<T> {
    /// The embeddings against the embeddings, and each layer of the student against the last of its part of the teacher.
    fn hidden(&self, student: &Layers, teacher: &Layers) -> Result<Tensor, TrainError> {
        let (small, large) = (student.hidden.len() - 1, teacher.hidden.len() - 1);
        let mut losses = Vec::with_capacity(small + 1);
        for (layer, hidden) in student.hidden.iter().enumerate() {
            losses.push(hidden_loss(hidden, &teacher.hidden[layer * large / small], self.projection.as_tensor())?);
        }
        Ok(Tensor::stack(&losses, 0)?.mean_all()?)
    }

    /// How good the teacher is on the same development part.
    pub fn teacher_score(&self, dev: &[T::Example]) -> Result<Score, TrainError> {
        self.teacher.score(&self.teacher_twin, dev)
    }
}

/// The teacher's heads where the student's width allows them, else the student's own.
fn common_heads(student: &Twin, teacher: &Twin) -> usize {
    let (small, large) = (student.dimensions(), teacher.dimensions());
    let fits = |heads: usize| small.width.is_multiple_of(heads) && large.width.is_multiple_of(heads);
    [large.heads, small.heads].into_iter().find(|&heads| fits(heads)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use clinqa_encoder::Source;

    use super::*;
    use crate::data::SpanExample;
    use crate::task::reader::tests::random_windows;
    use crate::task::reader::{DevPart, ReaderTask};
    use crate::{Parts, Settings, tiny, train};

    fn tensor(rows: &[[f64; 4]]) -> Tensor {
        Tensor::from_vec(rows.concat(), (rows.len(), 4), &Device::Cpu).expect("a tensor")
    }

    fn number(tensor: &Tensor) -> f64 {
        tensor.to_scalar::<f64>().expect("a number")
    }

    /// Compares the gradient of `loss` by every value of a variable with finite differences.
    fn check_gradient(before: &[[f64; 4]], loss: impl Fn(&Tensor) -> Tensor) {
        let var = Var::from_tensor(&tensor(before)).expect("a variable");
        let store = loss(var.as_tensor()).backward().expect("gradients");
        let gradient: Vec<Vec<f64>> = store.get(&var).expect("one").to_vec2().expect("rows");
        for row in 0..before.len() {
            for column in 0..4 {
                let moved = |by: f64| {
                    let mut values = before.to_vec();
                    values[row][column] += by;
                    number(&loss(&tensor(&values)))
                };
                let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                let found = gradient[row][column];
                assert!((found - expected).abs() < 1e-8, "{row} {column}: {found}, not {expected}");
            }
        }
    }

    const STUDENT: [[f64; 4]; 3] = [[0.1, -0.4, 0.9, 0.0], [1.5, 0.2, -0.3, 0.7], [0.0, 0.3, 0.3, -1.1]];
    const TEACHER: [[f64; 4]; 3] = [[0.6, 0.4, -0.9, 0.2], [0.5, 0.2, 0.3, -0.7], [1.0, -0.3, 0.1, 0.1]];

    #[test]
    fn soft_labels_are_kullback_leibler_at_a_temperature() {
        let softmax = |row: [f64; 2]| {
            let shares = row.map(f64::exp);
            shares.map(|share| share / (shares[0] + shares[1]))
        };
        let (p, q) = (softmax([1.0, 0.0]), softmax([0.0, 0.5]));
        let expected = 4.0 * (p[0] * (p[0] / q[0]).ln() + p[1] * (p[1] / q[1]).ln());
        let logits = |row: [f64; 2]| Tensor::new(&[row], &Device::Cpu).expect("a tensor");
        let loss = soft_loss(&logits([0.0, 1.0]), &logits([2.0, 0.0]), 2.0).expect("a loss");
        assert!((number(&loss) - expected).abs() < 1e-12, "{}", number(&loss));
        let same = soft_loss(&tensor(&TEACHER), &tensor(&TEACHER), 3.0).expect("a loss");
        assert!(number(&same).abs() < 1e-12);
        check_gradient(&STUDENT, |student| soft_loss(student, &tensor(&TEACHER), 2.0).expect("a loss"));
    }

    #[test]
    fn what_lies_outside_a_sequence_adds_nothing() {
        let padded = |row: [f64; 2]| tensor(&[[row[0], row[1], -1e9, -1e9]]);
        let bare = |row: [f64; 2]| Tensor::new(&[row], &Device::Cpu).expect("a tensor");
        let loss = soft_loss(&padded([0.0, 1.0]), &padded([2.0, 0.0]), 2.0).expect("a loss");
        let expected = soft_loss(&bare([0.0, 1.0]), &bare([2.0, 0.0]), 2.0).expect("a loss");
        assert!((number(&loss) - number(&expected)).abs() < 1e-12, "{}", number(&loss));
    }

    #[test]
    fn hidden_states_are_compared_through_the_projection() {
        let projection = tensor(&[[2.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]);
        let shown = Tensor::new(&[[1.0_f64, 0.0]], &Device::Cpu).expect("a tensor");
        let loss = hidden_loss(&tensor(&[[1.0, 3.0, 9.0, 9.0]]), &shown, &projection).expect("a loss");
        // (2 - 1)² and (3 - 0)², in the mean.
        assert!((number(&loss) - 5.0).abs() < 1e-12);
        let wide = tensor(&STUDENT);
        check_gradient(&TEACHER, |projection| {
            hidden_loss(&wide, &tensor(&STUDENT).narrow(1, 0, 3).expect("three"), projection).expect("a loss")
        });
    }

    fn layers(vectors: &Tensor) -> Layers {
        let all = || vec![vectors.clone()];
        Layers { hidden: all(), queries: all(), keys: all(), values: all(), offsets: vec![0, 1, 3] }
    }

    #[test]
    fn relations_are_learned_whatever_the_width_and_are_nothing_between_equals() {
        let same = relation_loss(&layers(&tensor(&TEACHER)), &layers(&tensor(&TEACHER)), 2).expect("a loss");
        assert!(number(&same).abs() < 1e-12);
        let narrow = tensor(&TEACHER).narrow(1, 0, 2).expect("two").contiguous().expect("a tensor");
        let other = relation_loss(&layers(&tensor(&STUDENT)), &layers(&narrow), 2).expect("a loss");
        assert!(number(&other) > 0.0);
        check_gradient(&STUDENT, |student| {
            relation_loss(&layers(student), &layers(&tensor(&TEACHER)), 2).expect("a loss")
        });
    }

    #[test]
    fn a_student_comes_to_answer_as_its_teacher_does_and_keeps_no_projection() {
        let folder = tiny::folder("gelu");
        let source = tiny::source(folder.path());
        let open = || {
            let mut checkpoint = Checkpoint::open(&source).expect("a checkpoint");
            let twin = Twin::open(&mut checkpoint, &Device::Cpu, DType::F32).expect("a twin");
            let mut head = ReaderTask::open(&mut checkpoint, &twin, DevPart::default(), 3).expect("a head");
            head.new_head = false;
            (head, twin, checkpoint)
        };
        let (teacher, teacher_twin, teaching) = open();
        let (student, whole, own) = open();
        let mut twin = whole.thinned(&[1]).expect("a student");
        let examples = random_windows(20);
        let batch: Vec<&SpanExample> = examples.iter().collect();
        let lessons = Lessons { hard: 0.0, ..Lessons::default() };
        let task = DistilTask::new((student, &twin, &own), (teacher, teacher_twin, &teaching), lessons, 1);
        let task = task.expect("a task");
        let told = task.identity();
        assert!(told.contains(&("the teacher's fingerprint", teaching.fingerprint.clone())));
        assert!(told.contains(&("--hard-weight", "0".to_owned())) && told.contains(&("--soft-weight", "1".to_owned())));
        let loss = |twin: &Twin| {
            let loss = task.loss(twin, &batch, &mut Pass::evaluation()).expect("a loss");
            loss.to_scalar::<f32>().expect("a number")
        };
        let before = loss(&twin);
        let settings =
            Settings { epochs: 60, batch: 10, rate: 5e-3, dropout: 0.0, ..Settings::new(folder.path().join("run")) };
        let parts = Parts { train: &examples, dev: &[] };
        train(&task, (&mut twin, &source, "f"), parts, &settings, &mut clinqa_schema::Silent).expect("a run");
        let after = loss(&twin);
        assert!(after < 0.5 * before, "{before} to {after}");
        let saved = Source::Folder(folder.path().join("run/checkpoint"));
        let checkpoint = Checkpoint::open(&saved).expect("a checkpoint");
        assert_eq!(checkpoint.dimensions().layers, 1);
        assert!(checkpoint.shape_of(PROJECTION).is_none() && checkpoint.shape_of("qa_outputs.weight").is_some());
    }

    #[test]
    fn another_vocabulary_and_weights_that_are_none_are_refused() {
        let [folder, other] = ["gelu", "gelu"].map(tiny::folder);
        let words = std::fs::read_to_string(other.path().join("vocab.txt")).expect("a vocabulary");
        std::fs::write(other.path().join("vocab.txt"), words.replace("heart\nlung", "lung\nheart")).expect("written");
        let open = |folder: &tempfile::TempDir| {
            let mut checkpoint = Checkpoint::open(&tiny::source(folder.path())).expect("a checkpoint");
            let twin = Twin::open(&mut checkpoint, &Device::Cpu, DType::F32).expect("a twin");
            let mut head = ReaderTask::open(&mut checkpoint, &twin, DevPart::default(), 3).expect("a head");
            head.new_head = false;
            (head, twin, checkpoint)
        };
        let refused = |own: &tempfile::TempDir, lessons: Lessons, part: &str| {
            let ((student, twin, own), (teacher, teacher_twin, teaching)) = (open(own), open(&folder));
            let task = DistilTask::new((student, &twin, &own), (teacher, teacher_twin, &teaching), lessons, 1);
            let error = task.map(drop).expect_err("refused").to_string();
            assert!(error.contains(part), "{error}");
        };
        let usual = Lessons::default();
        refused(&other, usual, "the student's vocabulary");
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            refused(&folder, Lessons { temperature, ..usual }, "--soft-temperature");
        }
        refused(&folder, Lessons { soft: -1.0, ..usual }, "--soft-weight is -1");
        refused(&folder, Lessons { hard: f64::NAN, ..usual }, "--hard-weight");
        refused(&folder, Lessons { hidden: f64::INFINITY, ..usual }, "--hidden-weight");
        refused(&folder, Lessons { relations: -0.5, ..usual }, "--relations-weight");
        let ((student, twin, own), (mut teacher, teacher_twin, teaching)) = (open(&folder), open(&folder));
        teacher.new_head = true;
        let task = DistilTask::new((student, &twin, &own), (teacher, teacher_twin, &teaching), usual, 1);
        assert!(task.map(drop).expect_err("refused").to_string().contains("has not learned this"));
    }

    #[test]
    fn a_student_is_made_of_the_last_layer_of_each_part() {
        let check = |teacher, student, expected: &[usize]| {
            assert_eq!(kept_layers(teacher, student).expect("layers"), expected);
        };
        check(12, 3, &[3, 7, 11]);
        check(6, 3, &[1, 3, 5]);
        check(6, 4, &[0, 2, 3, 5]);
        check(6, 6, &[0, 1, 2, 3, 4, 5]);
        assert!(kept_layers(6, 7).is_err() && kept_layers(6, 0).is_err());
    }
}
