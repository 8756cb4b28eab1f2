//! What can be wrong with a checkpoint or a text, and what to do about it.

/// Why a checkpoint cannot be used. Every message names the file and the cure.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The folder does not exist.
    #[error(
        "cannot open the checkpoint {folder}: no such folder; give a folder in Hugging Face layout, or `clinqa model pull NAME`"
    )]
    NoFolder {
        /// The folder.
        folder: String,
    },
    /// A needed file is not there.
    #[error("the checkpoint {folder} lacks {file}; copy it from where the model was published")]
    MissingFile {
        /// The folder.
        folder: String,
        /// What is missing.
        file: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file is larger than such a file ever is.
    #[error("{path} has {found} bytes, over the limit of {limit}; this is not a file of a checkpoint")]
    TooLarge {
        /// The file.
        path: String,
        /// Bytes found.
        found: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// A JSON file is not JSON of the right shape.
    #[error("cannot understand {path}: {source}; copy it anew from where the model was published")]
    Json {
        /// The file.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A setting has a value that cannot be served.
    #[error("{path}: `{field}` is {found}, expected {expected}")]
    Field {
        /// The file.
        path: String,
        /// The setting.
        field: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        expected: String,
    },
    /// The architecture has no code here.
    #[error("{path}: the architecture `{found}` is not known; known are {known}")]
    Architecture {
        /// The file.
        path: String,
        /// `model_type`.
        found: String,
        /// Those that load.
        known: String,
    },
    /// The weights are a pickle saved before PyTorch 1.6, or something else that is no zip archive.
    #[error(
        "{path} is not a zip-style PyTorch file (saved before PyTorch 1.6, or damaged); convert it once with: python -c \"import torch; from safetensors.torch import save_file; save_file({{k: v.contiguous().clone() for k, v in torch.load('pytorch_model.bin', weights_only=True).items()}}, 'model.safetensors', metadata={{'format': 'pt'}})\""
    )]
    OldPickle {
        /// The file.
        path: String,
    },
    /// A pickle goes by the name of a safetensors file.
    #[error(
        "{path} is a Python pickle, not safetensors, and is not opened; get the safetensors file from a source you trust"
    )]
    PickleInDisguise {
        /// The file.
        path: String,
    },
    /// A pickle asks for code that has nothing to do with tensors.
    #[error(
        "{path} names {name}, which no checkpoint needs, and is not opened; get the safetensors file from a source you trust"
    )]
    ForeignCode {
        /// The file.
        path: String,
        /// The class or function, as the pickle names it.
        name: String,
    },
    /// The weights are cut short or damaged.
    #[error("{path} is damaged or cut short ({detail}); download it again and compare its SHA-256")]
    Damaged {
        /// The file.
        path: String,
        /// What the parser said.
        detail: String,
    },
    /// The weights are stored in a type that is not served.
    #[error(
        "{path}: tensor `{tensor}` is stored as {found}; f32, f16, bf16 and 8-bit rows (i8 with `.scale`) are served"
    )]
    DataType {
        /// The file.
        path: String,
        /// The tensor.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// What comes out of it is not the vector of a text.
    #[error("{name} ends in a Dense module, so that labels come out of it and no vectors; use it with `clinqa label`")]
    Classifier {
        /// The checkpoint.
        name: String,
    },
    /// A tensor that the configuration asks for is not there.
    #[error("{path} holds no tensor `{tensor}`; config.json and weights are not of one model")]
    MissingTensor {
        /// The file.
        path: String,
        /// The tensor.
        tensor: String,
    },
    /// A tensor has another shape than the configuration asks for.
    #[error(
        "{path}: tensor `{tensor}` has shape {found:?}, config.json asks for {expected:?}; config.json and weights are not of one model"
    )]
    Shape {
        /// The file.
        path: String,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape asked for.
        expected: Vec<usize>,
    },
    /// A tensor holds a number that is not finite.
    #[error("{path}: tensor `{tensor}` holds a number that is not finite; download it again and compare its SHA-256")]
    NotFinite {
        /// The file.
        path: String,
        /// The tensor.
        tensor: String,
    },
    /// The tokenizer cannot be read.
    #[error("cannot understand the tokenizer {path}: {detail}")]
    Tokenizer {
        /// The file.
        path: String,
        /// What the parser said.
        detail: String,
    },
    /// The tokenizer's ids do not fit the model.
    #[error("{path} has {found} entries, config.json allows {allowed}; tokenizer and weights are not of one model")]
    Vocabulary {
        /// The file.
        path: String,
        /// Entries found.
        found: usize,
        /// Rows of the embedding table.
        allowed: usize,
    },
    /// A checkpoint would be written over a model, maybe the one that it is made from.
    #[error("{folder} already holds a model, and none is written over; name another folder, or remove that one first")]
    Occupied {
        /// The folder.
        folder: String,
    },
    /// A checkpoint cannot be written.
    #[error("cannot write {path}: {source}; free some space or choose another folder")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Why a text has no embedding. None of these repeats the text.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The tokenizer failed.
    #[error("the tokenizer failed on a text of {bytes} bytes: {detail}")]
    Tokenize {
        /// Length of the text.
        bytes: usize,
        /// What it said; it speaks of its model, not of the text.
        detail: String,
    },
    /// The model that texts of many windows are read with could not be opened.
    #[error("cannot open the model in f32, in which long texts are read: {0}")]
    Reopen(Box<CheckpointError>),
    /// The forward pass failed.
    #[error("the forward pass failed: {0}")]
    Forward(#[from] candle_core::Error),
    /// More tokens than the model has positions.
    #[error("a sequence of {found} tokens was given to a model of {limit} positions; ask for shorter windows")]
    TooLong {
        /// Tokens found.
        found: usize,
        /// Positions there are.
        limit: usize,
    },
    /// A token id, or the type of a token, has no row in its embedding table.
    #[error(
        "a sequence holds the {table} id {found}, the model has {rows}; tokenizer and weights are not of one model"
    )]
    TokenId {
        /// `token` or `type`.
        table: &'static str,
        /// The id.
        found: u32,
        /// Rows of the table.
        rows: usize,
    },
    /// A sequence does not give every token a type.
    #[error("a sequence of {tokens} tokens came with {types} token types; give one a token")]
    TypeCount {
        /// Tokens.
        tokens: usize,
        /// Types.
        types: usize,
    },
    /// Fewer components than one or more than there are were asked for.
    #[error("vectors of {asked} components were asked for; this encoder's have {width}: ask for 1 to {width}")]
    Dimensions {
        /// Components asked for.
        asked: usize,
        /// Components there are.
        width: usize,
    },
    /// What a head gave is no number.
    #[error("the model gave what is no number; its weights may be damaged")]
    NoNumber,
    /// The model's output has no direction.
    #[error(transparent)]
    Embedding(#[from] clinqa_schema::EmbeddingError),
}
