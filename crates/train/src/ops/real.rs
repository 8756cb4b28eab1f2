//! Numbers that a tensor holds: f32 to learn with, f64 to hold gradients to finite differences.

use candle_core::{CpuStorage, Error, Result, Storage, Tensor, WithDType};

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
    + std::ops::MulAssign
    + std::iter::Sum
{
    const ZERO: Self;
    const ONE: Self;

    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
    fn root(self) -> Self;
    fn fused(self, times: Self, plus: Self) -> Self;
    fn slice(storage: &CpuStorage) -> Option<&[Self]>;
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
    fn stored(values: Vec<Self>) -> CpuStorage;
}

macro_rules! real {
    ($float:ty, $variant:ident) => {
        impl Real for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            fn of(value: f64) -> Self {
                value as Self
            }
            fn wide(self) -> f64 {
                f64::from(self)
            }
            fn root(self) -> Self {
                self.sqrt()
            }
            fn fused(self, times: Self, plus: Self) -> Self {
                self.mul_add(times, plus)
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

real!(f32, F32);
real!(f64, F64);

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
pub(crate) fn values<'a, T: Real>(storage: &'a CpuStorage, layout: &candle_core::Layout) -> Result<&'a [T]> {
    let (start, end) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("a tensor is not contiguous".into()).bt())?;
    let values = T::slice(storage).ok_or_else(|| Error::Msg("a tensor is of another type".into()).bt())?;
    Ok(&values[start..end])
}

/// As [`values`], to be changed in place.
pub(crate) fn values_mut<'a, T: Real>(
    storage: &'a mut CpuStorage,
    layout: &candle_core::Layout,
) -> Result<&'a mut [T]> {
    let (start, end) =
        layout.contiguous_offsets().ok_or_else(|| Error::Msg("a tensor is not contiguous".into()).bt())?;
    let values = T::slice_mut(storage).ok_or_else(|| Error::Msg("a tensor is of another type".into()).bt())?;
    Ok(&mut values[start..end])
}
