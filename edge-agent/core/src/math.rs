//! Exponentials and logarithms for the inner loops: additions, multiplications and shifts of bits only, which IEEE 754
//! defines exactly, so they give the same bits on every machine (`docs/decisions/0004-deterministic-math.md`). Single
//! precision to about one part in a million, a few times faster than a general library, and a compiler can do several at
//! once.

/// e to the power of x; 0 below about −87, and no more than e to the power of 88.
#[inline]
pub(crate) fn exp(x: f32) -> f32 {
    // x = n·ln 2 + r, |r| ≤ ½·ln 2; the sum with 1.5·2²³ rounds to the nearest integer.
    const TO_INTEGER: f32 = 12_582_912.0;
    let x = x.min(88.0);
    let scaled = x.max(-126.0 * core::f32::consts::LN_2) * core::f32::consts::LOG2_E;
    let n = (scaled + TO_INTEGER) - TO_INTEGER;
    // ln 2 in two parts: the first has few bits, so that the product with n is exact.
    let r = (x.max(-88.0) - n * 0.693_359_4) + n * 2.121_944_4e-4;
    // Taylor's series, in Horner's form.
    let p = 1.0
        + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0))))));
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
    if x < -87.0 { 0.0 } else { p * power }
}

/// Natural logarithm of a normal number above 0; of anything less, that of the smallest such.
#[inline]
pub(crate) fn ln(x: f32) -> f32 {
    // x = m·2ᵉ with m between √½ and √2.
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    let e = (bits.wrapping_sub(0x3F35_04F3) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((e << 23) as u32));
    // ln m = 2·artanh((m − 1)/(m + 1))
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0)))));
    series + e as f32 * core::f32::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exponentials_are_those_of_the_library(x in -87.0f32..88.0) {
            let exact = libm::exp(f64::from(x));
            prop_assert!((f64::from(exp(x)) / exact - 1.0).abs() < 1e-6, "{x}: {} {exact}", exp(x));
        }

        #[test]
        fn logarithms_are_those_of_the_library(x in f32::MIN_POSITIVE..f32::MAX) {
            let exact = libm::log(f64::from(x));
            prop_assert!((f64::from(ln(x)) - exact).abs() < 1e-6 * exact.abs().max(1.0), "{x}: {} {exact}", ln(x));
        }
    }

    #[test]
    fn the_edges_are_sane() {
        assert_eq!((exp(0.0), exp(f32::NEG_INFINITY), exp(-1e30), ln(1.0)), (1.0, 0.0, 0.0, 0.0));
        assert!(exp(f32::INFINITY).is_finite() && exp(f32::MAX).is_finite());
        assert!(ln(0.0) < -87.0 && ln(-1.0) < -87.0 && ln(f32::INFINITY) > 88.0);
    }
}
