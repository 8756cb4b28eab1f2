//! Where is learned?

use candle_core::{DType, Device};
use clinqa_encoder::Checkpoint;

use crate::{TrainError, Twin};

impl Twin {
    /// The trunk of `checkpoint` on the processor, in f32.
    pub fn on_cpu(checkpoint: &mut Checkpoint) -> Result<Self, TrainError> {
        Self::open(checkpoint, &Device::Cpu, DType::F32)
    }
}
