//! How does this machine multiply bytes? The inner loop of [`super::byte_product`]: AVX-512 VNNI, AVX2, or plain code.
//!
//! All three do the same whole-number sums and the same roundings in the same order, so their results are equal to the
//! bit; a property test beside the product holds them to it.

use super::byte_product::{ByteRows, OFFSET, Panel, QUAD, Step};
use super::product::{PANEL, Target};

/// What the inner loop is written for, and this machine has: only [`Machine::all`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// AVX-512 with its products of bytes.
    #[cfg(target_arch = "x86_64")]
    Vnni,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Any machine.
    Plain,
}

impl Machine {
    /// Every kind that runs here, the best first.
    pub(super) fn all() -> Vec<Self> {
        let mut machines = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                machines.push(Self(Set::Vnni));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                machines.push(Self(Set::Avx2));
            }
        }
        machines.push(Self(Set::Plain));
        machines
    }

    /// The best kind that runs here.
    pub(super) fn best() -> Self {
        Self::all()[0]
    }
}

/// Every kind that runs here, for tests; says which do not.
#[cfg(test)]
pub(super) fn every_machine() -> Vec<Machine> {
    let machines = Machine::all();
    #[cfg(target_arch = "x86_64")]
    {
        use std::io::Write as _;
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| {
            for (set, name) in [(Set::Vnni, "VNNI"), (Set::Avx2, "AVX2")] {
                if !machines.contains(&Machine(set)) {
                    let _ = writeln!(std::io::stderr(), "{name} not tested: this processor lacks it");
                }
            }
        });
    }
    machines
}

/// The product of the rows of `left` with one panel, into columns `first..` of the rows of `target`.
pub(super) fn panel(machine: Machine, left: &ByteRows, panel: Panel<'_>, target: &mut Target<'_>, first: usize) {
    match machine.0 {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "`Machine::all` has seen that the machine has these instructions")]
        Set::Vnni => unsafe { x86::panel_vnni(left, panel, target, first) },
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "`Machine::all` has seen that the machine has these instructions")]
        Set::Avx2 => unsafe { x86::panel_avx2(left, panel, target, first) },
        Set::Plain => {
            for row in 0..left.count() {
                store(&plain(left.row(row), panel), target, [row, first]);
            }
        }
    }
}

/// Writes one row of results where it belongs; what lies beyond the last column is dropped.
#[inline(always)]
#[expect(clippy::inline_always, reason = "what is not inlined into the kernels is compiled without their registers")]
fn store(sums: &[f32; PANEL], target: &mut Target<'_>, [row, first]: [usize; 2]) {
    let end = target.stride.min(first + PANEL);
    let place = &mut target.values[row * target.stride..][first..end];
    match place.as_mut_array::<PANEL>() {
        Some(place) => *place = *sums,
        None => place.copy_from_slice(&sums[..end - first]),
    }
}

/// One row times one panel, as the definition says it.
fn plain((bytes, steps): (&[u8], &[Step]), panel: Panel<'_>) -> [f32; PANEL] {
    let mut sums = *panel.bias;
    let groups = bytes.chunks_exact(panel.group).zip(panel.bytes.chunks_exact(panel.group / QUAD));
    let columns = panel.scales.iter().zip(panel.corrections);
    for (((bytes, weights), step), (scales, corrections)) in groups.zip(steps).zip(columns) {
        let mut whole = [0_i32; PANEL];
        for (four, weights) in bytes.as_chunks::<QUAD>().0.iter().zip(weights) {
            let four = four.map(|byte| i32::from(byte) - OFFSET);
            for (whole, weights) in whole.iter_mut().zip(weights.0.as_chunks::<QUAD>().0) {
                *whole += four.iter().zip(weights).map(|(x, weight)| x * i32::from(*weight)).sum::<i32>();
            }
        }
        let columns = whole.iter().zip(corrections.0).zip(scales.0);
        for (sum, ((whole, correction), scale)) in sums.iter_mut().zip(columns) {
            *sum = (*whole as f32 * scale).mul_add(step.scale, *sum);
            *sum = (correction as f32 * scale).mul_add(step.shift, *sum);
        }
    }
    sums
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, __m512, __m512i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
        _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
        _mm256_setzero_si256, _mm256_sign_epi8, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
        _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps,
    };

    use bytemuck::must_cast;

    use super::super::byte_product::{ByteRows, Panel, QUAD, Step};
    use super::super::product::Target;
    use super::store;

    // Closures would be compiled without the registers of the function around them: these loops have none.

    /// Rows of a tile whose sums, in whole numbers and in f32, fill the 32 registers.
    const TILE: usize = 6;

    /// All rows times one panel, in tiles of nearly equal height.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn panel_vnni(left: &ByteRows, panel: Panel<'_>, target: &mut Target<'_>, first: usize) {
        let count = left.count();
        let mut row = 0;
        for tiles in (1..=count.div_ceil(TILE)).rev() {
            let height = (count - row).div_ceil(tiles);
            match height {
                1 => tile_vnni::<1>(left, panel, target, [row, first]),
                2 => tile_vnni::<2>(left, panel, target, [row, first]),
                3 => tile_vnni::<3>(left, panel, target, [row, first]),
                4 => tile_vnni::<4>(left, panel, target, [row, first]),
                5 => tile_vnni::<5>(left, panel, target, [row, first]),
                _ => tile_vnni::<TILE>(left, panel, target, [row, first]),
            }
            row += height;
        }
    }

    /// `M` rows times one panel: the panel's 32 columns are two registers.
    #[target_feature(enable = "avx512f,avx512vnni")]
    #[inline]
    fn tile_vnni<const M: usize>(left: &ByteRows, panel: Panel<'_>, target: &mut Target<'_>, [row, first]: [usize; 2]) {
        let groups = panel.corrections.len();
        let quads = panel.group / QUAD;
        // The same length for all, known to the compiler: no bounds check is left in the loops.
        let mut rows: [&[[u8; QUAD]]; M] = [&[]; M];
        let mut steps: [&[Step]; M] = [&[]; M];
        for m in 0..M {
            let (bytes, row_steps) = left.row(row + m);
            rows[m] = &bytes.as_chunks::<QUAD>().0[..groups * quads];
            steps[m] = &row_steps[..groups];
        }
        let bias: [__m512; 2] = must_cast(*panel.bias);
        let mut sums = [bias; M];
        for group in 0..groups {
            let corrections: [__m512i; 2] = must_cast(panel.corrections[group].0);
            let mut whole = [corrections; M];
            let weights = &panel.bytes[group * quads..][..quads];
            let mut fours: [&[[u8; QUAD]]; M] = [&[]; M];
            for m in 0..M {
                fours[m] = &rows[m][group * quads..][..quads];
            }
            for quad in 0..quads {
                let weights: [__m512i; 2] = must_cast(weights[quad].0);
                for m in 0..M {
                    let four = _mm512_set1_epi32(i32::from_le_bytes(fours[m][quad]));
                    whole[m][0] = _mm512_dpbusd_epi32(whole[m][0], four, weights[0]);
                    whole[m][1] = _mm512_dpbusd_epi32(whole[m][1], four, weights[1]);
                }
            }
            let scales: [__m512; 2] = must_cast(panel.scales[group].0);
            let mut shifted = scales;
            for half in 0..2 {
                shifted[half] = _mm512_mul_ps(_mm512_cvtepi32_ps(corrections[half]), scales[half]);
            }
            for m in 0..M {
                let step = steps[m][group];
                let (scale, shift) = (_mm512_set1_ps(step.scale), _mm512_set1_ps(step.shift));
                for half in 0..2 {
                    let product = _mm512_mul_ps(_mm512_cvtepi32_ps(whole[m][half]), scales[half]);
                    sums[m][half] = _mm512_fmadd_ps(product, scale, sums[m][half]);
                    sums[m][half] = _mm512_fmadd_ps(shifted[half], shift, sums[m][half]);
                }
            }
        }
        for (m, sums) in sums.into_iter().enumerate() {
            store(&must_cast(sums), target, [row + m, first]);
        }
    }

    /// All rows times one panel, row by row: the panel's 32 columns are four registers.
    ///
    /// Products of unsigned and signed bytes are added in pairs of 16 bits, which would overflow; with the row's sign
    /// moved to the weights no byte exceeds 128 times 127 and no pair 32,512.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn panel_avx2(left: &ByteRows, panel: Panel<'_>, target: &mut Target<'_>, first: usize) {
        let quads = panel.group / QUAD;
        let ones = _mm256_set1_epi16(1);
        for row in 0..left.count() {
            let (bytes, steps) = left.row(row);
            let fours = bytes.as_chunks::<QUAD>().0;
            let mut sums: [__m256; 4] = must_cast(*panel.bias);
            let columns = panel.scales.iter().zip(panel.corrections);
            for (group, (step, (scales, corrections))) in steps.iter().zip(columns).enumerate() {
                let mut whole = [_mm256_setzero_si256(); 4];
                let weights = &panel.bytes[group * quads..][..quads];
                for (four, weights) in fours[group * quads..][..quads].iter().zip(weights) {
                    let weights: [__m256i; 4] = must_cast(weights.0);
                    // Taking 128 off a byte is flipping its highest bit.
                    let four = _mm256_set1_epi32(i32::from_le_bytes(*four) ^ i32::from_le_bytes([0x80; 4]));
                    let size = _mm256_abs_epi8(four);
                    for part in 0..4 {
                        let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(weights[part], four));
                        whole[part] = _mm256_add_epi32(whole[part], _mm256_madd_epi16(pairs, ones));
                    }
                }
                let scales: [__m256; 4] = must_cast(scales.0);
                let corrections: [__m256i; 4] = must_cast(corrections.0);
                let (scale, shift) = (_mm256_set1_ps(step.scale), _mm256_set1_ps(step.shift));
                for part in 0..4 {
                    let product = _mm256_mul_ps(_mm256_cvtepi32_ps(whole[part]), scales[part]);
                    let shifted = _mm256_mul_ps(_mm256_cvtepi32_ps(corrections[part]), scales[part]);
                    sums[part] = _mm256_fmadd_ps(product, scale, sums[part]);
                    sums[part] = _mm256_fmadd_ps(shifted, shift, sums[part]);
                }
            }
            store(&must_cast(sums), target, [row, first]);
        }
    }
}
