//! The trunk composed of candle's own operations: right on every device, and what the fused one is held to.

use candle_core::{D, Tensor};

use super::{Activation, Input, Layers, Twin, WORDS};
use crate::{Pass, TrainError, ops};

/// Last hidden states of `input`, `[tokens, width]`; every layer's go into `seen`.
pub(super) fn forward(
    twin: &Twin,
    input: &Input,
    pass: &mut Pass,
    mut seen: Option<&mut Layers>,
) -> Result<Tensor, TrainError> {
    let learns = pass.is_training();
    let rows = |name: &str, ids: &[u32]| -> Result<Tensor, TrainError> {
        Ok(twin.var(name, learns)?.index_select(&Tensor::new(ids, &twin.device)?, 0)?)
    };
    let sum = ((rows(WORDS, &input.ids)? + rows("embeddings.position_embeddings.weight", &input.places)?)?
        + rows("embeddings.token_type_embeddings.weight", &input.types)?)?;
    let mut hidden = ops::dropout(&norm((twin, learns), "embeddings", &sum)?, pass)?;
    if let Some(seen) = &mut seen {
        seen.hidden.push(hidden.clone());
    }
    for index in 0..twin.dimensions.layers {
        hidden = layer(twin, (index, input), &hidden, pass, seen.as_deref_mut())?;
    }
    Ok(hidden)
}

fn layer(
    twin: &Twin,
    (index, input): (usize, &Input),
    hidden: &Tensor,
    pass: &mut Pass,
    seen: Option<&mut Layers>,
) -> Result<Tensor, TrainError> {
    let prefix = format!("encoder.layer.{index}");
    let learns = pass.is_training();
    let dense = |name: &str, x: &Tensor| -> Result<Tensor, TrainError> {
        let weight = twin.var(&format!("{prefix}.{name}.weight"), learns)?;
        ops::linear(x, &weight, &twin.var(&format!("{prefix}.{name}.bias"), learns)?)
    };
    let queries = dense("attention.self.query", hidden)?;
    let keys = dense("attention.self.key", hidden)?;
    let values = dense("attention.self.value", hidden)?;
    let mut mixed = Vec::with_capacity(input.offsets.len());
    for ends in input.offsets.windows(2) {
        mixed.push(attend(twin, [&queries, &keys, &values], [ends[0], ends[1] - ends[0]], pass)?);
    }
    let mixed = dense("attention.output.dense", &Tensor::cat(&mixed, 0)?)?;
    let attended =
        norm((twin, learns), &format!("{prefix}.attention.output"), &(ops::dropout(&mixed, pass)? + hidden)?)?;
    let wide = activate(twin.activation, &dense("intermediate.dense", &attended)?)?;
    let narrow = ops::dropout(&dense("output.dense", &wide)?, pass)?;
    let output = norm((twin, learns), &format!("{prefix}.output"), &(narrow + attended)?)?;
    if let Some(seen) = seen {
        seen.queries.push(queries);
        seen.keys.push(keys);
        seen.values.push(values);
        seen.hidden.push(output.clone());
    }
    Ok(output)
}

/// The values of one sequence, rows `first..first + count`, mixed by attention: `[count, width]`.
fn attend(twin: &Twin, parts: [&Tensor; 3], [first, count]: [usize; 2], pass: &mut Pass) -> Result<Tensor, TrainError> {
    let (heads, width) = (twin.dimensions.heads, twin.dimensions.width);
    let split =
        |x: &Tensor| x.narrow(0, first, count)?.reshape((count, heads, width / heads))?.transpose(0, 1)?.contiguous();
    let [queries, keys, values] = [split(parts[0])?, split(parts[1])?, split(parts[2])?];
    let scale = 1.0 / ((width / heads) as f64).sqrt();
    let scores = (queries.matmul(&keys.transpose(1, 2)?.contiguous()?)? * scale)?;
    let shares = ops::dropout(&ops::log_softmax(&scores)?.exp()?, pass)?;
    Ok(shares.matmul(&values)?.transpose(0, 1)?.contiguous()?.reshape((count, width))?)
}

fn norm((twin, learns): (&Twin, bool), name: &str, x: &Tensor) -> Result<Tensor, TrainError> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + twin.dimensions.epsilon)?.sqrt()?)?;
    let gain = twin.var(&format!("{name}.LayerNorm.weight"), learns)?;
    Ok(normal.broadcast_mul(&gain)?.broadcast_add(&twin.var(&format!("{name}.LayerNorm.bias"), learns)?)?)
}

fn activate(activation: Activation, x: &Tensor) -> Result<Tensor, TrainError> {
    Ok(match activation {
        Activation::Gelu => x.gelu_erf()?,
        Activation::GeluTanh => x.gelu()?,
        Activation::Relu => x.relu()?,
    })
}
