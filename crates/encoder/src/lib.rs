//! Which vector is this text?
//!
//! A checkpoint in Hugging Face or sentence-transformers layout becomes an [`Encoder`]: text in, unit vector out.
//! The reader shares the lower half: [`Checkpoint`] is the only opener of weights, [`Transformer`] the only
//! forward pass, [`TextTokenizer`] the only tokenizer.

mod arch;
mod batch;
mod checkpoint;
mod encode;
mod error;
mod pooling;

pub use arch::{ARCHITECTURES, Hidden, Sequence, TableRows, Transformer};
pub use batch::{Batch, TokenBudget, plan};
pub use checkpoint::{
    Array, BlendReport, Checkpoint, Dimensions, Embedded, Encoding, HeadLabels, PackReport, PooledHead, Precision,
    Source, SpecialTokens, Tensors, TextTokenizer, blend, pack,
};
pub use encode::Encoder;
pub use error::{CheckpointError, EncodeError};
pub use pooling::Pooling;
