//! The trunk composed of candle's own operations: for every device, and what the fused one is held to.

use candle_core::{D, Result, Tensor};

use super::{Input, Layers, Twin, WORDS};
use crate::Pass;
use crate::ops::{Activation, Mask, composed_dropout, composed_linear, composed_log_softmax};

/// Last hidden states of `input`, `[tokens, width]`; every layer's go into `seen`.
pub(super) fn forward(twin: &Twin, input: &Input, pass: &mut Pass, mut seen: Option<&mut Layers>) -> Result<Tensor> {
    let learns = pass.is_training();
    let rows = |name: &str, ids: &[u32]| twin.var(name, learns)?.index_select(&Tensor::new(ids, &twin.device)?, 0);
    let sum = ((rows(WORDS, &input.ids)? + rows("embeddings.position_embeddings.weight", &input.places)?)?
        + rows("embeddings.token_type_embeddings.weight", &input.types)?)?;
    let mut hidden = drop(&norm((twin, learns), "embeddings", &sum)?, pass)?;
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
) -> Result<Tensor> {
    let prefix = format!("encoder.layer.{index}");
    let learns = pass.is_training();
    let dense = |name: &str, x: &Tensor| {
        let weight = twin.var(&format!("{prefix}.{name}.weight"), learns)?;
        composed_linear(x, &weight, &twin.var(&format!("{prefix}.{name}.bias"), learns)?)
    };
    let queries = dense("attention.self.query", hidden)?;
    let keys = dense("attention.self.key", hidden)?;
    let values = dense("attention.self.value", hidden)?;
    let mask = Mask::next(pass);
    let mut mixed = Vec::with_capacity(input.offsets.len());
    for (number, ends) in input.offsets.windows(2).enumerate() {
        let place = [number, ends[0], ends[1] - ends[0]];
        mixed.push(attend(twin, [&queries, &keys, &values], place, mask)?);
    }
    let mixed = dense("attention.output.dense", &Tensor::cat(&mixed, 0)?)?;
    let attended = norm((twin, learns), &format!("{prefix}.attention.output"), &(drop(&mixed, pass)? + hidden)?)?;
    let wide = activate(twin.activation, &dense("intermediate.dense", &attended)?)?;
    let narrow = drop(&dense("output.dense", &wide)?, pass)?;
    let output = norm((twin, learns), &format!("{prefix}.output"), &(narrow + attended)?)?;
    if let Some(seen) = seen {
        seen.queries.push(queries);
        seen.keys.push(keys);
        seen.values.push(values);
        seen.hidden.push(output.clone());
    }
    Ok(output)
}

/// The values of sequence `number`, rows `first..first + count`, mixed by attention: `[count, width]`.
fn attend(twin: &Twin, parts: [&Tensor; 3], [number, first, count]: [usize; 3], mask: Option<Mask>) -> Result<Tensor> {
    let (heads, width) = (twin.dimensions.heads, twin.dimensions.width);
    let split =
        |x: &Tensor| x.narrow(0, first, count)?.reshape((count, heads, width / heads))?.transpose(0, 1)?.contiguous();
    let [queries, keys, values] = [split(parts[0])?, split(parts[1])?, split(parts[2])?];
    let scale = 1.0 / ((width / heads) as f64).sqrt();
    let scores = (queries.matmul(&keys.transpose(1, 2)?.contiguous()?)? * scale)?;
    let mut shares = composed_log_softmax(&scores)?.exp()?;
    if let Some(mask) = mask {
        let of = |head: usize| composed_dropout(&shares.get(head)?, mask.part((number * heads + head) as u64));
        shares = Tensor::stack(&(0..heads).map(of).collect::<Result<Vec<_>>>()?, 0)?;
    }
    shares.matmul(&values)?.transpose(0, 1)?.contiguous()?.reshape((count, width))
}

fn drop(x: &Tensor, pass: &mut Pass) -> Result<Tensor> {
    Mask::next(pass).map_or_else(|| Ok(x.clone()), |mask| composed_dropout(x, mask))
}

fn norm((twin, learns): (&Twin, bool), name: &str, x: &Tensor) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + twin.dimensions.epsilon)?.sqrt()?)?;
    let gain = twin.var(&format!("{name}.LayerNorm.weight"), learns)?;
    normal.broadcast_mul(&gain)?.broadcast_add(&twin.var(&format!("{name}.LayerNorm.bias"), learns)?)
}

fn activate(activation: Activation, x: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::Relu => x.relu(),
    }
}
