//! What happens between two matrix products, forward and backward?
//!
//! Fused, threaded and laid into vector registers on the CPU, in f32 and in f64; composed of candle's own operations on
//! every other device. The matrix products themselves are candle's.

mod attention;
mod embed;
mod functions;
mod gelu;
mod linear;
mod loss;
mod mask;
mod norm;
mod real;
mod rows;

pub(crate) use attention::{Attention, Shares};
pub(crate) use embed::{gather, scatter};
pub(crate) use gelu::{Activation, backward as activation_backward};
pub use linear::linear;
pub(crate) use linear::{composed as composed_linear, product_transposed};
pub(crate) use loss::{composed_log_softmax, linear_cross_entropy};
pub use loss::{cross_entropy, log_softmax};
pub use mask::dropout;
pub(crate) use mask::{Mask, composed as composed_dropout};
pub(crate) use norm::{Norm, Saved as SavedNorm};
pub(crate) use real::{Real, change, values, values_mut, with_values};
pub(crate) use rows::{add_bias, columns};
