//! Numbers that a tensor holds: f32 to learn with, f64 to hold gradients to finite differences.

use std::cell::Cell;

use candle_core::{CpuStorage, Error, InplaceOp1, Layout, Result, Storage, Tensor, WithDType};

use super::functions;

/// f32 or f64.
pub(crate) trait Real:
    WithDType
    + Copy
    + Send
    + Sync
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::MulAssign
    + std::iter::Sum
{
    const ZERO: Self;
    const ONE: Self;

    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
    fn root(self) -> Self;
    /// `e^self`.
    fn power(self) -> Self;
    /// The normal distribution: the share of it below `self`.
    fn below(self) -> Self;
    fn slice(storage: &CpuStorage) -> Option<&[Self]>;
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
    fn stored(values: Vec<Self>) -> CpuStorage;
}

macro_rules! real {
    ($float:ty, $variant:ident, $functions:ident) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn root(self) -> Self {
                self.sqrt()
            }
            #[inline(always)]
            fn power(self) -> Self {
                functions::$functions::power(self)
            }
            #[inline(always)]
            fn below(self) -> Self {
                functions::$functions::below(self)
            }
            fn slice(storage: &CpuStorage) -> Option<&[Self]> {
                match storage {
                    CpuStorage::$variant(values) => Some(values),
                    _ => None,
                }
            }
            fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                match storage {
                    CpuStorage::$variant(values) => Some(values),
                    _ => None,
                }
            }
            fn stored(values: Vec<Self>) -> CpuStorage {
                CpuStorage::$variant(values)
            }
        }
    };
}

real!(f32, F32, single);
real!(f64, F64, double);

/// What `read` makes of the values of `tensor`, in row-major order, without a copy.
pub(crate) fn with_values<T: Real, R>(tensor: &Tensor, read: impl FnOnce(&[T]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(Error::Msg("this step is computed on the CPU alone".into()).bt());
    };
    let (start, end) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("a tensor is not contiguous".into()).bt())?;
    let values = T::slice(storage).ok_or_else(|| Error::Msg("a tensor is of another type".into()).bt())?;
    Ok(read(&values[start..end]))
}

/// The values of the tensor that `layout` describes, of one type and contiguous.
pub(crate) fn values<'a, T: Real>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    let (start, end) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("a tensor is not contiguous".into()).bt())?;
    let values = T::slice(storage).ok_or_else(|| Error::Msg("a tensor is of another type".into()).bt())?;
    Ok(&values[start..end])
}

/// As [`values`], to be changed in place.
pub(crate) fn values_mut<'a, T: Real>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [T]> {
    let (start, end) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("a tensor is not contiguous".into()).bt())?;
    let values = T::slice_mut(storage).ok_or_else(|| Error::Msg("a tensor is of another type".into()).bt())?;
    Ok(&mut values[start..end])
}

/// Changes the values of `tensor` in place.
pub(crate) fn change<T: Real, F: FnOnce(&mut [T]) -> Result<()>>(tensor: &Tensor, work: F) -> Result<()> {
    tensor.inplace_op1(&Change { work: Cell::new(Some(work)), kind: std::marker::PhantomData::<T> })
}

struct Change<T, F> {
    work: Cell<Option<F>>,
    kind: std::marker::PhantomData<T>,
}

impl<T: Real, F: FnOnce(&mut [T]) -> Result<()>> InplaceOp1 for Change<T, F> {
    fn name(&self) -> &'static str {
        "change"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let values = values_mut::<T>(storage, layout)?;
        self.work.take().map_or(Ok(()), |work| work(values))
    }
}
