//! Face-like templates without faces, for demonstrations, tests and benchmarks.
//!
//! Identities lie on the unit sphere with an exponentially decaying spectrum, so that impostor
//! cosines spread as those of real face models do (standard deviation about 0.06 at 512
//! dimensions, where white noise has 0.044). A template's cosine to its identity's centre is
//! normal(0.72, 0.10), clipped to 0.35..=0.97. A seed names a data set, on every machine.

/// Decay of the spectrum: amplitude² falls to 1/e after this share of the dimensions.
const SPECTRUM_DECAY: f64 = 0.293;

/// A reproducible stream of identities and their templates.
#[derive(Debug, Clone)]
pub struct SyntheticFaces {
    random: SplitMix64,
    amplitudes: Vec<f64>,
}

impl SyntheticFaces {
    /// The data set named by `seed`, of `dimensions` >= 2.
    pub fn new(seed: u64, dimensions: usize) -> Self {
        let decay = SPECTRUM_DECAY * dimensions as f64;
        let amplitudes = (0..dimensions).map(|i| (-0.5 * i as f64 / decay).exp()).collect();
        Self { random: SplitMix64(seed), amplitudes }
    }

    /// The stream of one person alone, so that people can be made in any order: the first identity
    /// of it is person `number` of the data set named by `seed`. Another data set than [`new`]'s.
    ///
    /// [`new`]: Self::new
    pub fn of_person(seed: u64, number: u64, dimensions: usize) -> Self {
        // The number-th output of the generator that `seed` starts becomes the person's own seed.
        let seed = SplitMix64(seed.wrapping_add(number.wrapping_mul(SplitMix64::STEP))).next();
        Self::new(seed, dimensions)
    }

    /// The next identity: `count` unit-length templates of one person.
    pub fn identity(&mut self, count: usize) -> Vec<Vec<f32>> {
        let centre = self.direction();
        (0..count).map(|_| self.template(&centre)).collect()
    }

    fn template(&mut self, centre: &[f64]) -> Vec<f32> {
        let cosine = (0.72 + 0.10 * self.random.normal()).clamp(0.35, 0.97);
        let mut away = self.direction();
        let along: f64 = away.iter().zip(centre).map(|(a, c)| a * c).sum();
        for (a, c) in away.iter_mut().zip(centre) {
            *a -= along * c;
        }
        let away = unit(away);
        let sine = (1.0 - cosine * cosine).sqrt();
        centre.iter().zip(&away).map(|(c, a)| (cosine * c + sine * a) as f32).collect()
    }

    fn direction(&mut self) -> Vec<f64> {
        let Self { random, amplitudes } = self;
        unit(amplitudes.iter().map(|amplitude| amplitude * random.normal()).collect())
    }
}

fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    for x in &mut vector {
        *x /= norm;
    }
    vector
}

/// Steele, Lea and Flood's generator (OOPSLA 2014). Ours, because a data set must stay the same
/// when a random-number library moves on.
#[derive(Debug, Clone)]
struct SplitMix64(u64);

impl SplitMix64 {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller's transform.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    }

    #[test]
    fn a_seed_names_a_data_set() {
        let first = SyntheticFaces::new(7, 64).identity(2);
        assert_eq!(first, SyntheticFaces::new(7, 64).identity(2));
        assert_ne!(first, SyntheticFaces::new(8, 64).identity(2));
    }

    #[test]
    fn people_can_be_made_in_any_order() {
        let person = |number| SyntheticFaces::of_person(7, number, 64).identity(3);
        let last = person(1);
        assert_ne!(person(0), last);
        assert_eq!(person(1), last);
        let more = SyntheticFaces::of_person(7, 1, 64).identity(5);
        assert_eq!(more[..3], last, "further templates leave the first ones as they are");
    }

    #[test]
    fn impostors_spread_like_faces_and_genuine_pairs_stand_out() {
        let mut faces = SyntheticFaces::new(1, 512);
        let people: Vec<_> = (0..300).map(|_| faces.identity(2)).collect();
        let mut impostors = Vec::new();
        for (i, a) in people.iter().enumerate() {
            impostors.extend(people[..i].iter().map(|b| cosine(&a[0], &b[0])));
        }
        let count = impostors.len() as f64;
        let deviation = (impostors.iter().map(|c| c * c).sum::<f64>() / count).sqrt();
        assert!((0.05..0.07).contains(&deviation), "impostor deviation {deviation}");
        let genuine = people.iter().map(|p| cosine(&p[0], &p[1])).sum::<f64>() / 300.0;
        assert!((0.45..0.60).contains(&genuine), "genuine mean {genuine}");
        assert!(people.iter().flatten().all(|t| (cosine(t, t) - 1.0).abs() < 1e-5));
    }
}
