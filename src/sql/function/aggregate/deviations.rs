//! Sums of two numbers and of their deviations from the mean, by Youngs and Cramer.

use std::ops::AddAssign;

/// How many pairs there are, their sums, and the sums of the products of their deviations.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Deviations {
    pub(super) count: f64,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) xx: f64,
    pub(super) yy: f64,
    pub(super) xy: f64,
}

impl Deviations {
    /// Its numbers in the order of [`Self::of`].
    pub(super) fn numbers(&self) -> [f64; 6] {
        [self.count, self.x, self.y, self.xx, self.yy, self.xy]
    }

    pub(super) fn of([count, x, y, xx, yy, xy]: [f64; 6]) -> Self {
        Self { count, x, y, xx, yy, xy }
    }

    /// A number by itself. To the last digit this is not a pair with the same `x`.
    pub(super) fn add(&mut self, x: f64) {
        let before = self.count;
        self.count += 1.0;
        self.x += x;
        if before > 0.0 {
            let dx = x * self.count - self.x;
            self.xx += dx * dx / (self.count * before);
        } else {
            self.xx = alone(x);
        }
    }

    pub(super) fn add_pair(&mut self, x: f64, y: f64) {
        let before = self.count;
        self.count += 1.0;
        self.x += x;
        self.y += y;
        if before > 0.0 {
            let (dx, dy) = (x * self.count - self.x, y * self.count - self.y);
            let scale = 1.0 / (self.count * before);
            self.xx += dx * dx * scale;
            self.yy += dy * dy * scale;
            self.xy += dx * dy * scale;
        } else {
            (self.xx, self.yy, self.xy) = (alone(x), alone(y), alone(x) + alone(y));
        }
    }

    /// A sum divided by the number of pairs.
    pub(super) fn population(&self, sum: f64) -> Option<f64> {
        (self.count >= 1.0).then(|| sum / self.count)
    }

    /// A sum divided by one less than the number of pairs.
    pub(super) fn sample(&self, sum: f64) -> Option<f64> {
        (self.count >= 2.0).then(|| sum / (self.count - 1.0))
    }

    /// A value where there are pairs, and `spread` tells that they differ.
    pub(super) fn where_spread(&self, spread: f64, value: f64) -> Option<f64> {
        (self.count >= 1.0 && spread != 0.0).then_some(value)
    }
}

/// One number by itself deviates by nothing, unless it is none.
fn alone(number: f64) -> f64 {
    if number.is_finite() { 0.0 } else { f64::NAN }
}

impl AddAssign for Deviations {
    fn add_assign(&mut self, other: Self) {
        if self.count == 0.0 || other.count == 0.0 {
            if self.count == 0.0 {
                *self = other;
            }
            return;
        }
        let count = self.count + other.count;
        let (dx, dy) = (
            self.x / self.count - other.x / other.count,
            self.y / self.count - other.y / other.count,
        );
        let weight = self.count * other.count / count;
        self.xx += other.xx + weight * dx * dx;
        self.yy += other.yy + weight * dy * dy;
        self.xy += other.xy + weight * dx * dy;
        self.x += other.x;
        self.y += other.y;
        self.count = count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let pairs = [(1.0, 2.0), (2.0, 4.0), (4.0, 7.0), (8.0, 1.0)];
        let sums = |pairs: &[(f64, f64)]| {
            let mut sums = Deviations::default();
            for (x, y) in pairs {
                sums.add_pair(*x, *y);
            }
            sums
        };
        let whole = sums(&pairs);
        let (left, right) = pairs.split_at(1);
        let mut parts = sums(left);
        parts += sums(right);
        parts += Deviations::default();
        for (part, whole) in parts.numbers().into_iter().zip(whole.numbers()) {
            assert!((part - whole).abs() < 1e-9, "{part} {whole}");
        }
        assert_eq!(whole.sample(1.0), Some(1.0 / 3.0));
        assert_eq!(sums(left).sample(1.0), None);
        assert_eq!(Deviations::default().population(1.0), None);
        assert!(sums(&[(f64::INFINITY, 0.0)]).xx.is_nan());
    }
}
