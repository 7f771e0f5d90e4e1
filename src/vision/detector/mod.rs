//! Image to face candidates: what is shown to the network, which decoder reads it, second looks.

mod candidate;
mod canvas;
mod centerface;
mod grid;
mod scrfd;
mod yunet;

use ::image::RgbImage;

pub(super) use candidate::FaceCandidate;

use super::error::ModelError;
use super::planes::Encoding;
use crate::onnx::{Outputs, SessionPool};
use crate::pack::DetectorKind;
use canvas::Canvas;

/// Roll in degrees above which landmarks found on a turned face are not exact enough: at 20 degrees
/// a second look brings the median similarity to the upright photo from 0.96 to 0.98, at 45 the
/// worst from 0.76 to 0.96.
const ROLL_MAX: f32 = 15.0;
/// Most upright views of one face.
const UPRIGHT_LOOKS_MAX: usize = 3;

/// A face detector: a network and the conventions of its kind.
#[derive(Debug)]
pub(super) struct Detector {
    kind: DetectorKind,
    sessions: SessionPool,
    /// Width and height where the network accepts no other.
    fixed: Option<(u32, u32)>,
}

impl Detector {
    /// A detector of this kind running in these sessions.
    pub(super) fn new(kind: DetectorKind, sessions: SessionPool) -> Self {
        let fixed = match *sessions.input_shape() {
            [_, _, Some(height), Some(width)] => {
                u32::try_from(width).ok().zip(u32::try_from(height).ok())
            }
            _ => None,
        };
        Self { kind, sessions, fixed }
    }

    /// The faces of an image in pixels of the image, best first, without overlaps.
    ///
    /// Where nothing is certain at first sight, a view with a border finds faces that touch the
    /// edges, and after that an uncertain face is better than none.
    ///
    /// # Errors
    /// When the network cannot be run or is not of its declared kind.
    pub(super) fn find(&self, image: &RgbImage) -> Result<Vec<FaceCandidate>, ModelError> {
        let sure = self.kind.threshold();
        let certain = |faces: &[FaceCandidate]| faces.iter().any(|face| face.score >= sure);
        let mut faces = self.look(image, &Canvas::letterbox(image, self.fixed))?;
        if !certain(&faces) {
            let bordered = self.look(image, &Canvas::bordered(image, self.fixed))?;
            if certain(&bordered) || faces.is_empty() {
                faces = bordered;
            }
        }
        if certain(&faces) {
            faces.retain(|face| face.score >= sure);
        }
        Ok(faces)
    }

    /// Replaces the landmarks of a face that is turned in the image plane by those found on an
    /// upright view of it; leaves other faces, and those not found again, as they are.
    ///
    /// The angle of a face lying on its side is itself a rough guess, so where the upright view
    /// turns out not to be upright, the better angle gives another view.
    ///
    /// # Errors
    /// When the network cannot be run or is not of its declared kind.
    pub(super) fn refine(
        &self,
        image: &RgbImage,
        face: &mut FaceCandidate,
    ) -> Result<(), ModelError> {
        let mut remaining = face.roll();
        for _ in 0..UPRIGHT_LOOKS_MAX {
            if remaining.to_degrees().abs() <= ROLL_MAX {
                break;
            }
            let before = face.roll();
            let Some(again) = self.look_upright(image, face)? else { break };
            face.landmarks = again.landmarks;
            let turn = face.roll() - before;
            remaining = turn.sin().atan2(turn.cos());
        }
        Ok(())
    }

    /// The same face on a view in which its eyes are level.
    fn look_upright(
        &self,
        image: &RgbImage,
        face: &FaceCandidate,
    ) -> Result<Option<FaceCandidate>, ModelError> {
        let centre = face.centre();
        let distance = |other: &FaceCandidate| {
            let [x, y] = other.centre();
            (x - centre[0]).hypot(y - centre[1])
        };
        let seen = self.look(image, &Canvas::upright(face, self.fixed))?;
        let nearest = seen.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        // Farther than half a face away it is somebody else.
        let reach = face.size()[0].max(face.size()[1]) / 2.0;
        Ok(nearest.filter(|again| distance(again) <= reach))
    }

    /// Everything on the canvas that may be a face, in pixels of the image, best first.
    fn look(&self, image: &RgbImage, canvas: &Canvas) -> Result<Vec<FaceCandidate>, ModelError> {
        let input = canvas.tensor(image, self.kind.encoding());
        let outputs = self.sessions.run(input)?;
        let found = self.kind.decode(&outputs, canvas.input(), self.kind.threshold_uncertain())?;
        let distinct = candidate::suppress_overlaps(found);
        Ok(distinct.iter().map(|face| canvas.to_image(face)).collect())
    }
}

/// What differs between the kinds.
trait Conventions {
    /// The colours the network was trained on.
    fn encoding(self) -> Encoding;
    /// Score from which a candidate is a face.
    fn threshold(self) -> f32;
    /// Score from which a candidate may be a face where nothing better is found.
    fn threshold_uncertain(self) -> f32;
    /// Reads the network's answer for an input of this size.
    fn decode(
        self,
        outputs: &Outputs,
        input: (u32, u32),
        threshold: f32,
    ) -> Result<Vec<FaceCandidate>, ModelError>;
}

impl Conventions for DetectorKind {
    fn encoding(self) -> Encoding {
        match self {
            Self::CenterFace => Encoding::RGB_RAW,
            Self::YuNet => Encoding::BGR_RAW,
            Self::Scrfd => Encoding::rgb_centred(128.0),
        }
    }

    fn threshold(self) -> f32 {
        match self {
            Self::CenterFace | Self::Scrfd => 0.5,
            Self::YuNet => 0.6,
        }
    }

    fn threshold_uncertain(self) -> f32 {
        match self {
            Self::CenterFace | Self::Scrfd => 0.3,
            Self::YuNet => 0.4,
        }
    }

    fn decode(
        self,
        outputs: &Outputs,
        input: (u32, u32),
        threshold: f32,
    ) -> Result<Vec<FaceCandidate>, ModelError> {
        match self {
            Self::CenterFace => centerface::decode(outputs, input, threshold),
            Self::YuNet => yunet::decode(outputs, input, threshold),
            Self::Scrfd => scrfd::decode(outputs, input, threshold),
        }
    }
}
