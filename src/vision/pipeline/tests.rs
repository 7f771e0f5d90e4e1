//! The whole sequence on small networks of the right shapes: what a picture shows is reported.
//!
//! Goal: decoding, canvas, colours, decoders, order and embedding conventions work together, for
//! every kind of detector and embedder. Method: networks that see a face in every red square,
//! written as ONNX files and run by the installed ONNX Runtime. Where none is installed, it is
//! installed first, and where that is not possible the tests fail.

use std::io::Cursor;

use ::image::{ImageFormat, Rgb};
use tempfile::TempDir;

use super::network;
use super::*;
use crate::pack::{DetectorKind, EmbedderKind, ModelLibrary, NoProgress};
use crate::vision::QualityRefusal;

const SMALL: Rgb<u8> = Rgb([255, 0, 0]);
const LARGE: Rgb<u8> = Rgb([255, 255, 0]);

/// The runtime, installed as users get it where it is not there yet.
fn runtime() -> OnnxRuntime {
    let library = ModelLibrary::default()
        .runtime_or_install(&NoProgress)
        .expect("these tests run small networks and need ONNX Runtime (pip installs it)");
    OnnxRuntime::load(&library).expect("the installed runtime loads")
}

/// A pipeline of these networks, with as many sessions as given.
fn pipeline(
    runtime: &OnnxRuntime,
    (detector, detector_file): (DetectorKind, Vec<u8>),
    (embedder, side, dimensions): (EmbedderKind, usize, usize),
    workers: usize,
) -> Pipeline {
    let folder = TempDir::new().unwrap();
    let sessions = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        runtime.session_pool(&file, workers).unwrap()
    };
    let dim = Dim::new(dimensions).unwrap();
    let embedder_sessions = sessions("embedder.onnx", &network::embedder(side, dimensions));
    Pipeline {
        model: "test@1".to_owned(),
        detector: Detector::new(detector, sessions("detector.onnx", &detector_file)),
        embedder: Embedder::new(embedder, embedder_sessions, dim),
        dim,
        similarity: SimilarityMapping::identity(),
        calibration: None,
    }
}

/// CenterFace and SFace, the plainest pair.
fn plain(runtime: &OnnxRuntime) -> Pipeline {
    let detector = (DetectorKind::CenterFace, network::centerface(0.0));
    pipeline(runtime, detector, (EmbedderKind::SFace, 112, 128), 1)
}

/// A dark picture with squares of 8 x 8 pixels at these positions, as PNG.
fn picture(width: u32, height: u32, squares: &[(u32, u32, Rgb<u8>)]) -> Vec<u8> {
    let mut image = RgbImage::from_pixel(width, height, Rgb([0, 0, 90]));
    for &(left, top, colour) in squares {
        for (x, y) in (0..64).map(|at| (left + at % 8, top + at / 8)) {
            image.put_pixel(x, y, colour);
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Centre and size of a face's box in pixels.
fn place(face: &DetectedFace, image: ImageSize) -> [f32; 4] {
    let [left, top, width, height] = face.bounding_box.to_array();
    let (w, h) = (image.width as f32, image.height as f32);
    [(left + width / 2.0) * w, (top + height / 2.0) * h, width * w, height * h]
}

#[track_caller]
fn assert_near(actual: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(actual.len(), expected.len());
    let near = actual.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(near, "{actual:?} is not within {tolerance} of {expected:?}");
}

#[test]
fn every_kind_of_detector_finds_the_faces_largest_first() {
    let runtime = runtime();
    let kinds = [
        (DetectorKind::CenterFace, network::centerface(0.0)),
        (DetectorKind::YuNet, network::yunet([None, None])),
        (DetectorKind::YuNet, network::yunet([Some(640), Some(640)])),
        (DetectorKind::Scrfd, network::scrfd()),
    ];
    let bytes = picture(250, 200, &[(40, 48, SMALL), (160, 96, LARGE), (40, 144, SMALL)]);
    for (kind, file) in kinds {
        let pipeline = pipeline(&runtime, (kind, file), (EmbedderKind::SFace, 112, 128), 1);
        let seen = pipeline.detect(&bytes, AttributeSet::None).unwrap();
        assert_eq!(seen.image_size, ImageSize { width: 250, height: 200 });
        let [large, first, second] = &seen.faces[..] else { panic!("{kind:?}: {seen:?}") };
        let [width, height] = network::FACE;
        // CenterFace sees four cells in a square and keeps one of them, 2 pixels off the middle.
        let expected = [164.0, 100.0, 2.0 * width, 2.0 * height];
        assert_near(&place(large, seen.image_size), &expected, 2.1);
        for (face, y) in [(first, 52.0), (second, 148.0)] {
            assert_near(&place(face, seen.image_size), &[44.0, y, width, height], 2.1);
            assert!((face.confidence - 1.0).abs() < 1e-3, "{kind:?}: {face:?}");
            assert_eq!(face.attributes, Attributes::default());
            let nose = face.landmarks[2];
            assert_eq!(nose.kind, LandmarkKind::Nose);
            assert_near(&[nose.x * 250.0, nose.y * 200.0], &[44.0, y + 2.0], 2.1);
        }
    }
}

#[test]
fn positions_in_a_large_picture_are_those_of_the_picture() {
    let runtime = runtime();
    // Shrunk by 4: a square of 32 x 32 pixels becomes one of 8 x 8.
    let mut squares = Vec::new();
    for at in 0..16 {
        squares.push((1280 + at % 4 * 8, 640 + at / 4 * 8, SMALL));
    }
    let bytes = picture(2560, 1280, &squares);
    let seen = plain(&runtime).detect(&bytes, AttributeSet::Default).unwrap();
    let [face] = &seen.faces[..] else { panic!("{seen:?}") };
    let [width, height] = network::FACE.map(|side| side * 4.0);
    assert_near(&place(face, seen.image_size), &[1296.0, 656.0, width, height], 10.0);
    let pose = face.attributes.pose.expect("asked for");
    assert!(pose.roll.abs() < 0.5 && pose.yaw.abs() < 0.5, "{pose:?}");
    let brightness = face.attributes.brightness.expect("asked for");
    assert!(brightness > 0.02 && brightness < 0.3, "{brightness}");
}

#[test]
fn a_picture_without_faces_is_an_empty_list() {
    let runtime = runtime();
    for (width, height) in [(64, 64), (1, 1), (640, 3)] {
        let analysis = plain(&runtime).analyze(&picture(width, height, &[]), AttributeSet::All, 5);
        let analysis = analysis.unwrap();
        assert!(analysis.faces.is_empty() && analysis.rest.is_empty(), "{analysis:?}");
    }
}

#[test]
fn only_as_many_faces_as_asked_for_get_a_template() {
    let runtime = runtime();
    let bytes = picture(250, 200, &[(40, 48, SMALL), (160, 96, LARGE), (40, 144, SMALL)]);
    for (asked, embedded, others) in [(0, 0, 3), (1, 1, 2), (3, 3, 0), (100, 3, 0)] {
        let analysis = plain(&runtime).analyze(&bytes, AttributeSet::Default, asked).unwrap();
        assert_eq!((analysis.faces.len(), analysis.rest.len()), (embedded, others));
        assert!(analysis.rest.iter().all(|face| face.attributes.pose.is_some()));
    }
}

#[test]
fn every_kind_of_embedder_gets_the_colours_it_was_trained_on() {
    let runtime = runtime();
    let kinds = [
        (EmbedderKind::Dlib, 150, 129, [204.0, 102.0, 51.0]),
        (EmbedderKind::SFace, 112, 128, [204.0, 102.0, 51.0]),
        (EmbedderKind::ArcFace, 112, 512, [0.6, -0.2, -0.6]),
    ];
    for (kind, side, dimensions, encoded) in kinds {
        let detector = (DetectorKind::CenterFace, network::centerface(0.0));
        let pipeline = pipeline(&runtime, detector, (kind, side, dimensions), 1);
        let colour = Rgb([204, 102, 51]);
        let chip = RgbImage::from_pixel(side as u32, side as u32, colour);
        assert_eq!(pipeline.embedder.chip().side as usize, side);
        let embedding = pipeline.embedder.embed(&chip).unwrap();
        assert_eq!(embedding.dim(), pipeline.dim());
        let mut expected = vec![1.0; dimensions];
        expected[..3].copy_from_slice(&encoded);
        let length = expected.iter().map(|value| value * value).sum::<f32>().sqrt();
        let expected: Vec<f32> = expected.iter().map(|value| value / length).collect();
        assert_near(embedding.as_slice(), &expected, 1e-4);
    }
}

#[test]
fn an_embedder_of_another_size_than_declared_is_an_error() {
    let runtime = runtime();
    let mut pipeline = plain(&runtime);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("other.onnx");
    std::fs::write(&file, network::embedder(112, 64)).unwrap();
    let sessions = runtime.session_pool(&file, 1).unwrap();
    pipeline.embedder = Embedder::new(EmbedderKind::SFace, sessions, pipeline.dim);
    let bytes = picture(160, 160, &[(80, 80, SMALL)]);
    let refused = pipeline.analyze(&bytes, AttributeSet::None, 1);
    assert!(matches!(refused, Err(VisionError::Model(ModelError::Shape { .. }))), "{refused:?}");
    assert!(pipeline.detect(&bytes, AttributeSet::None).is_ok());
}

#[test]
fn a_detector_of_another_kind_than_declared_is_an_error() {
    let runtime = runtime();
    let detector = (DetectorKind::YuNet, network::centerface(0.0));
    let pipeline = pipeline(&runtime, detector, (EmbedderKind::SFace, 112, 128), 1);
    let refused = pipeline.detect(&picture(64, 64, &[]), AttributeSet::None);
    assert!(matches!(refused, Err(VisionError::Model(_))), "{refused:?}");
}

#[test]
fn a_turned_face_is_looked_at_again_upright() {
    let runtime = runtime();
    // This network believes every face to be turned by 40 degrees, also in the upright view: what
    // is reported after three upright views is turned by 160.
    let roll = 40.0_f32.to_radians();
    let detector = (DetectorKind::CenterFace, network::centerface(roll));
    let pipeline = pipeline(&runtime, detector, (EmbedderKind::SFace, 112, 128), 1);
    let bytes = picture(200, 200, &[(96, 96, SMALL)]);
    let seen = pipeline.detect(&bytes, AttributeSet::Default).unwrap();
    let [face] = &seen.faces[..] else { panic!("{seen:?}") };
    let pose = face.attributes.pose.expect("asked for");
    assert!((pose.roll - 160.0).abs() < 2.0, "{pose:?}");
    assert_near(&place(face, seen.image_size)[2..], &network::FACE, 1.0);
}

#[test]
fn an_uncertain_face_is_reported_only_where_no_certain_one_is() {
    let runtime = runtime();
    let uncertain = (40, 48, Rgb([110, 0, 0]));
    let alone = plain(&runtime).analyze(&picture(250, 200, &[uncertain]), AttributeSet::None, 9);
    let alone = alone.unwrap();
    let [face] = &alone.faces[..] else { panic!("{alone:?}") };
    assert!(face.face.confidence > 0.3 && face.face.confidence < 0.5, "{face:?}");
    assert!(face.refusals.contains(&QualityRefusal::LowConfidence), "{face:?}");
    let both = picture(250, 200, &[uncertain, (160, 96, SMALL)]);
    let both = plain(&runtime).detect(&both, AttributeSet::None).unwrap();
    assert_eq!(both.faces.len(), 1);
    assert!(both.faces[0].confidence > 0.9);
}

#[test]
fn a_face_too_small_for_the_first_look_is_found_enlarged() {
    let runtime = runtime();
    let mut image = RgbImage::new(100, 100);
    for (x, y) in [(48, 48), (49, 48), (48, 49), (49, 49)] {
        image.put_pixel(x, y, SMALL);
    }
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let seen = plain(&runtime).detect(bytes.get_ref(), AttributeSet::None).unwrap();
    let [face] = &seen.faces[..] else { panic!("{seen:?}") };
    // Enlarged by 4, so that the face the network sees is a quarter as large.
    let [width, height] = network::FACE.map(|side| side / 4.0);
    assert_near(&place(face, seen.image_size), &[49.0, 49.0, width, height], 1.0);
}

#[test]
fn more_threads_than_sessions_wait_their_turn_and_agree() {
    let runtime = runtime();
    let detector = (DetectorKind::CenterFace, network::centerface(0.0));
    let pipeline = pipeline(&runtime, detector, (EmbedderKind::SFace, 112, 128), 2);
    let bytes = picture(160, 160, &[(80, 80, LARGE)]);
    let analyze = || pipeline.analyze(&bytes, AttributeSet::All, 1).unwrap();
    let first = analyze();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..6).map(|_| scope.spawn(analyze)).collect();
        for other in others {
            let other = other.join().expect("no panic");
            assert_eq!(other.faces[0].face, first.faces[0].face);
            assert_eq!(other.faces[0].embedding, first.faces[0].embedding);
        }
    });
}

#[test]
fn bytes_that_are_no_image_never_reach_the_models() {
    let runtime = runtime();
    let refused = plain(&runtime).detect(b"not an image", AttributeSet::None);
    assert!(
        matches!(refused, Err(VisionError::Image(crate::vision::ImageError::Unsupported))),
        "{refused:?}"
    );
}
