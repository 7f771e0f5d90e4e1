//! Half-precision numbers (IEEE 754 binary16), for factors that are positive and need no more.
#![expect(clippy::inline_always, reason = "takes the instruction set of its caller")]

/// Relative error of a number that was rounded to the nearest half.
pub(crate) const ROUNDING: f64 = 1.0 / 2048.0;

/// The bits of infinity.
pub(crate) const INFINITY: u16 = 0x7C00;

/// 2 to the power of 112, the difference of the exponents' biases, and its inverse.
pub(crate) const BIAS: f32 = f32::from_bits((127 + 112) << 23);
const INVERSE_BIAS: f32 = f32::from_bits((127 - 112) << 23);
/// Bits that the mantissa of a half is shorter than that of a single-precision number.
pub(crate) const SHORTER: u32 = 13;

/// The value of a half that is not negative; 65,536 for infinity.
///
/// A shift and an exact product, so that it is done for many at a time.
#[inline(always)]
pub(crate) fn decode(bits: u32) -> f32 {
    f32::from_bits(bits << SHORTER) * BIAS
}

/// The half nearest to a number that is not negative, to even ones from the middle; infinity for
/// what is too large or no number.
pub(crate) fn nearest(value: f64) -> u16 {
    let bits = (value as f32 * INVERSE_BIAS).to_bits();
    let odd = bits >> SHORTER & 1;
    let rounded = (bits + (1 << (SHORTER - 1)) - 1 + odd) >> SHORTER;
    if value.is_nan() { INFINITY } else { rounded.min(u32::from(INFINITY)) as u16 }
}

/// The least half that is not below a number that is not negative.
pub(crate) fn up(value: f64) -> u16 {
    let nearest = nearest(value);
    let is_below = nearest < INFINITY && f64::from(decode(u32::from(nearest))) < value;
    nearest + u16::from(is_below)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition of the format.
    fn value(bits: u16) -> f64 {
        let (exponent, fraction) = (i32::from(bits >> 10), f64::from(bits & 0x3FF) / 1024.0);
        if exponent == 0 {
            fraction * 2f64.powi(-14)
        } else {
            (1.0 + fraction) * 2f64.powi(exponent - 15)
        }
    }

    #[test]
    fn every_half_has_its_value_and_is_nearest_to_it() {
        for bits in 0..INFINITY {
            assert_eq!(f64::from(decode(u32::from(bits))).to_bits(), value(bits).to_bits());
            assert_eq!((nearest(value(bits)), up(value(bits))), (bits, bits));
            let (low, high) = (value(bits), value(bits + 1));
            let between = |part: f64| low + part * (high - low);
            assert_eq!((nearest(between(0.4)), nearest(between(0.6))), (bits, bits + 1));
            assert_eq!((up(between(0.4)), up(between(0.6))), (bits + 1, bits + 1));
            assert_eq!(nearest(between(0.5)) % 2, 0, "to even");
            if low >= 2f64.powi(-14) {
                assert!(between(0.5) - low <= ROUNDING * between(0.5));
            }
        }
        for large in [65_520.0, 1e9, f64::INFINITY, f64::NAN] {
            assert_eq!((nearest(large), up(large)), (INFINITY, INFINITY), "{large}");
        }
    }
}
