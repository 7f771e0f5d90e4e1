//! From the error rate that a search may have to the similarity that its candidates need.

use likeness_storage::GalleryDescriptor;

use super::{EXTERNAL_MODEL, EngineError, Tenant, TenantSnapshot};
use crate::biometric::{Calibration, SimilarityMapping, fmr_of_fpir};

/// How often a search may name a wrong person.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ErrorRate {
    /// False match rate: of all comparisons of two different people.
    Fmr(f64),
    /// False positive identification rate: of all searches for somebody who is not enrolled.
    Fpir(f64),
}

/// The similarity that belongs to an error rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibratedThreshold {
    /// Least similarity of a candidate.
    pub similarity: f32,
    /// The false match rate of one comparison there.
    pub fmr: f64,
    /// Whether that is rarer than what was measured of the model.
    pub extrapolated: bool,
}

impl ErrorRate {
    const fn name(self) -> &'static str {
        match self {
            Self::Fmr(_) => "FMR",
            Self::Fpir(_) => "FPIR",
        }
    }

    /// The false match rate of one of `faces` comparisons.
    fn fmr(self, faces: u64) -> f64 {
        match self {
            Self::Fmr(rate) => rate,
            Self::Fpir(rate) => fmr_of_fpir(rate, faces),
        }
    }
}

/// Error rates of a decade for which a table has a point.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];
/// Decades below 1 that a table can reach.
const DECADES: i32 = 12;

impl Tenant {
    /// What similarities mean with the loaded model pack: false match rates from the most frequent
    /// one measured down, three a decade, and the similarity of each. Empty where nobody measured
    /// the pack.
    ///
    /// # Errors
    /// [`EngineError::ModelUnavailable`].
    pub fn operating_points(&self) -> Result<Vec<CalibratedThreshold>, EngineError> {
        let pipeline = self.engine.inference().pipeline()?;
        let table = pipeline.calibration().map(|known| table(known, pipeline.similarity()));
        Ok(table.unwrap_or_default())
    }
}

fn table(calibration: &Calibration, similarity: &SimilarityMapping) -> Vec<CalibratedThreshold> {
    let (least, greatest) = calibration.range();
    let steps = (1..=DECADES)
        .flat_map(|decade| STEPS.iter().rev().map(move |step| step * 10_f64.powi(-decade)));
    let between = steps.filter(|rate| *rate > least && *rate < greatest);
    let rates = [greatest].into_iter().chain(between).chain([least]);
    let point = |fmr: f64| {
        let point = calibration.at(fmr)?;
        let similarity = similarity.similarity(point.cosine);
        Some(CalibratedThreshold { similarity, fmr, extrapolated: point.extrapolated })
    };
    rates.filter_map(point).collect()
}

impl TenantSnapshot {
    /// The threshold at which searches of `gallery` err as often as `rate` says. The size of the
    /// gallery counts as it is, also for searches that only some of its faces can be found by.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`]; [`EngineError::InvalidValue`] for a rate that the
    /// gallery's model is not calibrated for; [`EngineError::ModelUnavailable`],
    /// [`EngineError::ModelMismatch`].
    pub fn threshold_at(
        &self,
        gallery: &str,
        rate: ErrorRate,
    ) -> Result<CalibratedThreshold, EngineError> {
        let descriptor = self.descriptor(gallery)?;
        let similarity = self.similarity(descriptor)?;
        let calibration = self.calibration(descriptor, rate)?;
        threshold(calibration, &similarity, rate, self.snapshot.row_count(descriptor.id))
    }

    fn calibration(
        &self,
        gallery: &GalleryDescriptor,
        rate: ErrorRate,
    ) -> Result<&Calibration, EngineError> {
        let pack = self.pipeline.as_ref().filter(|_| *gallery.model != *EXTERNAL_MODEL);
        pack.and_then(|pipeline| pipeline.calibration()).ok_or_else(|| {
            let (name, model) = (&gallery.name, &gallery.model);
            let why = format!(
                "cannot be asked for: nobody measured the error rates of model {model:?}, whose \
                 embeddings collection {name:?} holds; give a similarity instead"
            );
            EngineError::invalid(rate.name(), why)
        })
    }
}

fn threshold(
    calibration: &Calibration,
    similarity: &SimilarityMapping,
    rate: ErrorRate,
    faces: u64,
) -> Result<CalibratedThreshold, EngineError> {
    let name = rate.name();
    let (ErrorRate::Fmr(asked) | ErrorRate::Fpir(asked)) = rate;
    if !(asked > 0.0 && asked < 1.0) {
        let why = format!("must be above 0 and below 1, got {asked}");
        return Err(EngineError::invalid(name, why));
    }
    let fmr = rate.fmr(faces);
    let point = calibration.at(fmr).ok_or_else(|| {
        let (least, greatest) = calibration.range();
        let needs = match rate {
            ErrorRate::Fmr(_) => String::new(),
            ErrorRate::Fpir(_) => format!(
                " needs a false match rate of {fmr:.2e} with {faces} \
                 faces, which"
            ),
        };
        let why = format!(
            "{asked}{needs} is outside of what the model is calibrated for, {least} to {greatest}; \
             give a similarity instead"
        );
        EngineError::invalid(name, why)
    })?;
    let similarity = similarity.similarity(point.cosine);
    Ok(CalibratedThreshold { similarity, fmr, extrapolated: point.extrapolated })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::{World, create};

    fn calibrated() -> (Calibration, SimilarityMapping) {
        let points = vec![(0.3, 0.1), (0.4, 0.01), (0.5, 0.001)];
        let mapping = SimilarityMapping::from_anchors(&[(0.5, 0.65)]).unwrap();
        (Calibration::new(points, 1e-5).unwrap(), mapping)
    }

    #[test]
    fn a_search_of_more_faces_asks_for_more_similarity() {
        let (calibration, mapping) = calibrated();
        let at = |rate, faces| threshold(&calibration, &mapping, rate, faces).unwrap();
        let single = at(ErrorRate::Fmr(0.001), 1000);
        assert!((single.similarity - 0.65).abs() < 1e-6, "{single:?}");
        assert!(!single.extrapolated);
        let search = at(ErrorRate::Fpir(0.001), 1);
        assert!((search.similarity - 0.65).abs() < 1e-6, "{search:?}");
        let wide = at(ErrorRate::Fpir(0.01), 100);
        assert!(wide.similarity > 0.65 && wide.extrapolated, "{wide:?}");
        assert!((wide.fmr - 1.005e-4).abs() < 1e-7);
    }

    #[test]
    fn what_the_model_is_not_calibrated_for_is_refused_by_name() {
        let (calibration, mapping) = calibrated();
        let cases = [
            (ErrorRate::Fmr(0.2), "FMR 0.2 is outside of what the model is calibrated for"),
            (ErrorRate::Fmr(1e-6), "FMR 0.000001 is outside"),
            (ErrorRate::Fmr(0.0), "FMR must be above 0"),
            (ErrorRate::Fpir(f64::NAN), "FPIR must be above 0"),
            (ErrorRate::Fpir(0.003), "FPIR 0.003 needs a false match rate of 3.00e-9 with 1000000"),
        ];
        for (rate, expected) in cases {
            let error = threshold(&calibration, &mapping, rate, 1_000_000).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_table_reaches_from_the_most_frequent_rate_to_the_rarest_and_says_what_was_measured() {
        let (calibration, mapping) = calibrated();
        let table = table(&calibration, &mapping);
        let rates: Vec<f64> = table.iter().map(|point| point.fmr).collect();
        let expected =
            [0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5];
        assert_eq!(rates.len(), expected.len(), "{rates:?}");
        for (rate, expected) in rates.iter().zip(expected) {
            assert!((rate / expected - 1.0).abs() < 1e-9, "{rates:?}");
        }
        assert!(table.windows(2).all(|pair| pair[0].similarity < pair[1].similarity));
        let extrapolated = table.iter().filter(|point| point.extrapolated);
        assert!(extrapolated.clone().all(|point| point.fmr < 0.000_999));
        assert_eq!(extrapolated.count(), 6);
    }

    #[tokio::test]
    async fn without_a_model_pack_there_are_no_operating_points() {
        let world = World::new();
        let answered = world.tenant("acme").operating_points();
        assert!(matches!(answered, Err(EngineError::ModelUnavailable(_))), "{answered:?}");
    }

    #[tokio::test]
    async fn nobody_knows_the_error_rates_of_a_callers_own_model() {
        let world = World::new();
        let tenant = world.tenant("acme");
        create(&tenant, "users").await.unwrap();
        let error = tenant.snapshot().threshold_at("users", ErrorRate::Fmr(0.001)).unwrap_err();
        assert!(matches!(error, EngineError::InvalidValue { what: "FMR", .. }), "{error}");
        let absent = tenant.snapshot().threshold_at("nobody", ErrorRate::Fmr(0.001));
        assert!(matches!(absent, Err(EngineError::GalleryNotFound(_))));
    }
}
