//! What is the dot product of two vectors of bytes?
//!
//! Sums of whole numbers are exact, so every way of computing them gives the same: no result depends on the machine.
//! A row is stored with 128 added to each component, because AVX-512 VNNI multiplies an unsigned by a signed byte; the
//! surplus, 128 times the sum of the other side, is taken away at the end.
#![expect(clippy::inline_always, reason = "what is not inlined is compiled without the wide registers")]

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256i, __m512i, _MM_HINT_T0, _mm_prefetch, _mm256_abs_epi8, _mm256_add_epi32, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_si256, _mm256_sign_epi8,
    _mm256_xor_si256, _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_reduce_add_epi32, _mm512_setzero_si512,
};

#[cfg(target_arch = "x86_64")]
use bytemuck::must_cast;

/// Components in a line of the cache.
pub(crate) const LINE: usize = 64;
/// What is added to each component of a row.
pub(crate) const ZERO: u8 = 128;
/// Most components of a vector: beyond, a sum might not fit 32 bits.
pub(crate) const MAX_DIMENSION: usize = 65_536;
/// Rows that are on their way from memory while one is multiplied.
const AHEAD: usize = 4;

/// Components of a row, -127 to 127 each, with [`ZERO`] added. What fills the last line up is 0, so [`ZERO`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub(crate) struct Line(pub(crate) [u8; LINE]);

/// Rows of equal length, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) lines: &'a [Line],
    /// Lines of one row, above 0.
    pub(crate) per_row: usize,
}

impl<'a> Rows<'a> {
    /// The row at `place`, which exists.
    #[inline(always)]
    pub(crate) fn at(self, place: u32) -> &'a [Line] {
        let start = place as usize * self.per_row;
        &self.lines[start..start + self.per_row]
    }
}

/// A vector that rows are multiplied with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Factor {
    /// Signed components, in lines so that they are aligned.
    lines: Vec<Line>,
    /// [`ZERO`] times their sum.
    surplus: i32,
}

impl Factor {
    /// Becomes what `row` stands for.
    pub(crate) fn set(&mut self, row: &[Line]) {
        self.lines.clear();
        self.lines.extend(row.iter().map(|line| Line(line.0.map(|byte| byte ^ ZERO))));
        let components = self.lines.iter().flat_map(|line| line.0);
        self.surplus = components.map(|byte| i32::from(byte.cast_signed())).sum::<i32>() * i32::from(ZERO);
    }
}

/// A set of instructions that this machine has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernel(Set);

#[derive(Debug, Clone, Copy)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Kernel {
    /// The fastest one.
    pub(crate) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512f") {
                return Self(Set::Vnni);
            }
            if is_x86_feature_detected!("avx2") {
                return Self(Set::Avx2);
            }
        }
        Self(Set::Portable)
    }

    /// The products of `factor` with the rows at `places`, in their order; all are of one length.
    pub(crate) fn dots(self, factor: &Factor, rows: Rows<'_>, places: &[u32], dots: &mut Vec<i32>) {
        dots.clear();
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "a walk takes 0.4 of its time; `best` has seen that the machine has these")]
            Set::Vnni => unsafe { dots_vnni(factor, rows, places, dots) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "a walk takes 0.4 of its time; `best` has seen that the machine has these")]
            Set::Avx2 => unsafe { dots_avx2(factor, rows, places, dots) },
            Set::Portable => each(rows, places, dots, |row| dot_portable(factor, row)),
        }
    }
}

#[inline(always)]
fn each(rows: Rows<'_>, places: &[u32], dots: &mut Vec<i32>, dot: impl Fn(&[Line]) -> i32) {
    places.iter().take(AHEAD).for_each(|&place| prefetch(rows.at(place)));
    for (index, &place) in places.iter().enumerate() {
        if let Some(&next) = places.get(index + AHEAD) {
            prefetch(rows.at(next));
        }
        dots.push(dot(rows.at(place)));
    }
}

/// Asks for a row that will be wanted.
#[inline(always)]
fn prefetch(row: &[Line]) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "every x86-64 has the instruction, and it may be given any address")]
    for line in row {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.0.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

#[inline(always)]
fn dot_portable(factor: &Factor, row: &[Line]) -> i32 {
    let line = |(factor, row): (&Line, &Line)| -> i32 {
        let product = |(a, b): (&u8, &u8)| i32::from(a.cast_signed()) * i32::from((b ^ ZERO).cast_signed());
        factor.0.iter().zip(&row.0).map(product).sum()
    };
    factor.lines.iter().zip(row).map(line).sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
fn dots_vnni(factor: &Factor, rows: Rows<'_>, places: &[u32], dots: &mut Vec<i32>) {
    let load = |line: &Line| -> __m512i { must_cast(line.0) };
    each(rows, places, dots, |row| {
        // Two sums, because each product waits for the one before it in its sum.
        let mut sums = [_mm512_setzero_si512(); 2];
        let (factor_pairs, factor_rest) = factor.lines.as_chunks::<2>();
        let (row_pairs, row_rest) = row.as_chunks::<2>();
        for (a, b) in factor_pairs.iter().zip(row_pairs) {
            sums[0] = _mm512_dpbusd_epi32(sums[0], load(&b[0]), load(&a[0]));
            sums[1] = _mm512_dpbusd_epi32(sums[1], load(&b[1]), load(&a[1]));
        }
        for (a, b) in factor_rest.iter().zip(row_rest) {
            sums[0] = _mm512_dpbusd_epi32(sums[0], load(b), load(a));
        }
        _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1])) - factor.surplus
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dots_avx2(factor: &Factor, rows: Rows<'_>, places: &[u32], dots: &mut Vec<i32>) {
    let load = |half: &[u8; 32]| -> __m256i { must_cast(*half) };
    let (zero, ones) = (_mm256_set1_epi8(ZERO.cast_signed()), _mm256_set1_epi16(1));
    each(rows, places, dots, |row| {
        let mut sum = _mm256_setzero_si256();
        for (a, b) in factor.lines.iter().zip(row) {
            for (a, b) in a.0.as_chunks().0.iter().zip(b.0.as_chunks().0) {
                let (a, b) = (load(a), _mm256_xor_si256(load(b), zero));
                // The sign of a goes over to b; two products of at most 127 × 127 fit 16 bits.
                let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(b, a));
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
            }
        }
        let lanes: [i32; 8] = must_cast(sum);
        lanes.iter().sum()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set that this machine has; says which it lacks.
    fn sets() -> Vec<Kernel> {
        let mut sets = vec![Kernel(Set::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            use std::io::Write as _;
            static SAID: std::sync::Once = std::sync::Once::new();
            let vnni = is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512f");
            let known = [(Set::Vnni, vnni), (Set::Avx2, is_x86_feature_detected!("avx2"))];
            sets.extend(known.iter().filter(|(_, found)| *found).map(|(set, _)| Kernel(*set)));
            SAID.call_once(|| {
                for (set, _) in known.iter().filter(|(_, found)| !found) {
                    let _ = writeln!(std::io::stderr(), "{set:?} not tested: this processor lacks it");
                }
            });
        }
        sets
    }

    fn check(components: &[i8], per_row: usize, places: &[u32]) {
        let line = |part: &[i8]| {
            let mut line = Line([ZERO; LINE]);
            line.0.iter_mut().zip(part).for_each(|(byte, value)| *byte = value.cast_unsigned() ^ ZERO);
            line
        };
        let lines: Vec<Line> = components.chunks(LINE).map(line).collect();
        let rows = Rows { lines: &lines, per_row };
        let mut factor = Factor::default();
        factor.set(rows.at(0));
        let value =
            |row: u32, at: usize| i64::from(components.get(row as usize * per_row * LINE + at).map_or(0, |v| *v));
        let expected: Vec<i64> =
            places.iter().map(|&row| (0..per_row * LINE).map(|at| value(0, at) * value(row, at)).sum()).collect();
        for kernel in sets() {
            let mut dots = vec![7];
            kernel.dots(&factor, rows, places, &mut dots);
            assert_eq!(dots.iter().map(|dot| i64::from(*dot)).collect::<Vec<_>>(), expected, "{kernel:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_set_of_instructions_gives_the_exact_sum(
            per_row in 1usize..8,
            count in 1usize..12,
            seed in proptest::collection::vec(-127i8..=127, 1..700),
            picks in proptest::collection::vec(0u32..1_000, 0..40),
        ) {
            let components: Vec<i8> = seed.iter().copied().cycle().take(per_row * count * LINE).collect();
            let places: Vec<u32> = picks.iter().map(|pick| pick % count as u32).collect();
            check(&components, per_row, &places);
        }
    }

    #[test]
    fn the_greatest_and_longest_vectors_do_not_overflow() {
        let per_row = MAX_DIMENSION / LINE;
        for (first, second) in [(127, 127), (127, -127), (-127, 127), (-127, -127), (0, 127)] {
            let mut components = vec![first; MAX_DIMENSION];
            components.extend(vec![second; MAX_DIMENSION]);
            check(&components, per_row, &[0, 1]);
        }
    }
}
