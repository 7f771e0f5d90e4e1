//! The shapes on the wire, to the letter.

use serde_json::json;

use super::*;
use crate::biometric::{Comparison, FaceId, LandmarkKind, Pose};

const BOX: BoundingBox = BoundingBox { left: 0.1, top: 0.2, width: 0.3, height: 0.4 };

fn enrolled(number: u128) -> EnrolledFace {
    EnrolledFace {
        face_id: FaceId::from_u128(number),
        model: "default@1".to_owned(),
        external_face_id: Some("anna".to_owned()),
        external_image_id: None,
        bounding_box: Some(BOX),
        confidence: Some(0.97),
        quality: Some(0.8),
        attributes: Some(r#"{"sharpness":0.53,"pose":{"roll":-1.5}}"#.to_owned()),
        metadata: Some(r#"{"secret":true}"#.to_owned()),
        created_at_us: 0,
    }
}

fn text(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap()
}

#[test]
fn a_face_record_has_five_fields_and_no_more() {
    assert_eq!(
        text(&FaceBody::from(enrolled(1))),
        [
            r#"{"face_id":"f_00000000000000000000000001","external_image_id":null,"#,
            r#""external_face_id":"anna","#,
            r#""bounding_box":{"left":0.1,"top":0.2,"width":0.3,"height":0.4},"#,
            r#""attributes":{"pose":{"roll":-1.5},"sharpness":0.53}}"#,
        ]
        .concat()
    );
}

#[test]
fn attributes_are_an_object_whatever_is_stored() {
    for stored in [None, Some("null"), Some("[1]"), Some("{"), Some("")] {
        let face = EnrolledFace { attributes: stored.map(str::to_owned), ..enrolled(1) };
        assert_eq!(FaceBody::from(face).attributes, Map::new(), "{stored:?}");
    }
}

#[test]
fn one_indexed_face_also_stands_at_the_top_level() {
    let unenrolled =
        UnenrolledFace { bounding_box: BOX, confidence: 0.4, reasons: vec!["small_face".into()] };
    let enrollment = Enrollment { faces: vec![enrolled(1)], unenrolled: vec![unenrolled] };
    let body = serde_json::to_value(IndexBody::from(enrollment)).unwrap();
    let face = body["faces"][0].clone();
    for field in ["face_id", "external_image_id", "external_face_id", "bounding_box", "attributes"]
    {
        assert_eq!(body[field], face[field], "{field}");
    }
    assert_eq!(body["confidence"], face["confidence"]);
    assert_eq!(body.as_object().unwrap().len(), 8);
    let left_out = &body["unindexed_faces"][0];
    assert_eq!(left_out["reasons"], json!(["small_face"]));
    assert_eq!(left_out.as_object().unwrap().len(), 3);
}

#[test]
fn several_indexed_faces_or_none_stand_in_the_list_only() {
    for faces in [vec![], vec![enrolled(1), enrolled(2)]] {
        let count = faces.len();
        let body = IndexBody::from(Enrollment { faces, unenrolled: vec![] });
        assert_eq!(body.has_faces(), count > 0);
        let body = serde_json::to_value(body).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 2);
        assert_eq!(body["faces"].as_array().unwrap().len(), count);
    }
}

#[test]
fn a_detection_shows_fractions_pixels_and_named_points() {
    let detection = |attributes| Detection {
        image_size: ImageSize { width: 640, height: 480 },
        faces: vec![DetectedFace {
            bounding_box: BOX,
            confidence: 0.999_5,
            landmarks: LandmarkKind::FIVE.map(|kind| Landmark { kind, x: 0.25, y: 0.5 }).to_vec(),
            attributes,
        }],
    };
    let pose = Some(Pose { roll: 1.0, yaw: -2.5, pitch: 0.0 });
    let attributes = Attributes { pose, brightness: Some(0.53), sharpness: Some(0.7) };
    let body = DetectionBody::new(detection(attributes), AttributeSet::Default);
    assert_eq!(
        text(&body),
        [
            r#"{"faces":[{"bounding_box":{"left":0.1,"top":0.2,"width":0.3,"height":0.4},"#,
            r#""confidence":0.9995,"landmarks":[{"type":"left_eye","x":0.25,"y":0.5},"#,
            r#"{"type":"right_eye","x":0.25,"y":0.5},{"type":"nose","x":0.25,"y":0.5},"#,
            r#"{"type":"mouth_left","x":0.25,"y":0.5},{"type":"mouth_right","x":0.25,"y":0.5}],"#,
            r#""attributes":{"pose":{"roll":1.0,"yaw":-2.5,"pitch":0.0},"brightness":0.53,"#,
            r#""sharpness":0.7}}],"image_size":{"width":640,"height":480}}"#,
        ]
        .concat()
    );
    let bare = DetectionBody::new(detection(Attributes::default()), AttributeSet::None);
    assert_eq!(
        text(&bare),
        [
            r#"{"faces":[{"bounding_box":{"left":0.1,"top":0.2,"width":0.3,"height":0.4},"#,
            r#""confidence":0.9995,"landmarks":[],"attributes":{}}],"#,
            r#""image_size":{"width":640,"height":480}}"#,
        ]
        .concat()
    );
}

#[test]
fn a_comparison_tells_similarity_decision_and_threshold() {
    let comparison = Comparison { similarity: 0.65, threshold: 0.65 };
    let compared = ImageComparison { comparison, source_face: BOX, target_face: BOX };
    let body = serde_json::to_value(ComparisonBody::from(compared)).unwrap();
    assert_eq!(body["is_match"], true);
    assert_eq!(
        text(&ComparisonBody::from(compared)).split(',').next(),
        Some(r#"{"similarity":0.65"#)
    );
    assert_eq!(body["source_face"], body["target_face"]);
    assert_eq!(body.as_object().unwrap().len(), 5);
}

#[test]
fn times_are_iso_8601_in_utc_with_microseconds() {
    assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000Z");
    assert_eq!(timestamp(1_769_903_999_123_456), "2026-01-31T23:59:59.123456Z");
    assert_eq!(timestamp(i64::MAX), "1970-01-01T00:00:00.000000Z");
}
