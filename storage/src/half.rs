//! Half-precision numbers (IEEE 754 binary16): for factors, which are positive and need no more,
//! and for the embeddings of galleries that keep them so.
#![expect(clippy::inline_always, reason = "takes the instruction set of its caller")]

/// Relative error of a number that was rounded to the nearest half.
pub(crate) const ROUNDING: f64 = 1.0 / 2048.0;

/// The bits of infinity.
pub(crate) const INFINITY: u16 = 0x7C00;

/// 2 to the power of 112, the difference of the exponents' biases, and its inverse.
pub(crate) const BIAS: f32 = f32::from_bits((127 + 112) << 23);
const INVERSE_BIAS: f32 = f32::from_bits((127 - 112) << 23);
/// The bit of the sign.
const SIGN: u16 = 1 << 15;
/// The least number above zero that has all bits of its mantissa.
const LEAST_NORMAL: f32 = 1.0 / 16_384.0;
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

/// The half nearest to a number, to even ones from the middle; infinity for what is too large or
/// no number.
pub(crate) fn narrow(value: f32) -> u16 {
    let magnitude = value.abs();
    let bits = if magnitude < LEAST_NORMAL {
        // Next to one half a number has as many places as these halves have, and is rounded so.
        ((magnitude + 0.5).to_bits() - 0.5f32.to_bits()) as u16
    } else {
        nearest(magnitude.into())
    };
    if value.is_sign_negative() { bits | SIGN } else { bits }
}

/// The value of any half.
#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    let magnitude = u32::from(bits & !SIGN);
    let value = if bits & INFINITY == INFINITY {
        f32::from_bits(f32::INFINITY.to_bits() | magnitude << SHORTER)
    } else {
        decode(magnitude)
    };
    if bits & SIGN == 0 { value } else { -value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn every_half_is_widened_to_its_value_and_narrowed_to_itself() {
        for bits in 0..INFINITY {
            for (signed, sign) in [(bits, 1.0), (bits | SIGN, -1.0)] {
                let expected = sign * value(bits);
                assert_eq!(f64::from(widen(signed)).to_bits(), expected.to_bits());
                assert_eq!(narrow(widen(signed)), signed);
            }
        }
        for bits in INFINITY..SIGN {
            for signed in [bits, bits | SIGN] {
                assert_eq!(widen(signed).is_nan(), bits > INFINITY);
                assert_eq!(narrow(widen(signed)), signed & SIGN | INFINITY);
            }
        }
        let infinities = [f32::INFINITY, f32::NEG_INFINITY].map(f32::to_bits);
        assert_eq!([INFINITY, INFINITY | SIGN].map(|bits| widen(bits).to_bits()), infinities);
    }

    #[test]
    fn the_nearest_half_is_told_from_its_neighbours_by_the_last_bit() {
        // The largest half is followed by what the next one would be.
        for bits in 0..INFINITY {
            let next = if bits + 1 < INFINITY { value(bits + 1) } else { 65_536.0 };
            let middle = f64::midpoint(value(bits), next) as f32;
            assert_eq!(narrow(middle), bits + bits % 2, "to even");
            assert_eq!(narrow(middle.next_down()), bits);
            assert_eq!(narrow(middle.next_up()), bits + 1);
            assert_eq!(narrow(-middle.next_up()), (bits + 1) | SIGN);
        }
    }

    proptest! {
        #[test]
        fn no_half_is_nearer_than_the_nearest(value in -70_000.0f32..70_000.0, small in 0i32..40) {
            let value = value * 2f32.powi(-small);
            let nearest = narrow(value);
            let distance = |bits: u16| (f64::from(widen(bits)) - f64::from(value)).abs();
            prop_assume!(nearest & !SIGN < INFINITY);
            for other in [nearest.wrapping_sub(1), nearest + 1] {
                prop_assert!(distance(nearest) <= distance(other) || other & !SIGN >= INFINITY);
            }
        }
    }
}
