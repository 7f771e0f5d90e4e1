//! Answers that are made again of what is kept of them.

use super::Door;
use crate::biometric::BoundingBox;
use crate::engine::{Enrollment, UnenrolledFace};
use crate::rest::error::ErrorCode;
use crate::rest::replay::IndexedImage;

#[tokio::test]
async fn an_answer_is_made_again_without_what_was_deleted_since() {
    let door = Door::new();
    door.create("acme", "users").await;
    let (one, two) = ([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]);
    let ann = door.enroll("acme", "users", one, "ann", Some("photo")).await;
    let bob = door.enroll("acme", "users", two, "bob", Some("photo")).await;
    let acme = door.tenant("acme");
    let face = |id| acme.snapshot().face("users", id).unwrap();
    let left_out = UnenrolledFace {
        bounding_box: BoundingBox::from_array([0.1, 0.2, 0.3, 0.123_456_79]),
        confidence: 0.9,
        reasons: vec!["small_face".into(), "exceeds_max_faces".into()],
    };
    let mut told =
        Enrollment { faces: vec![face(bob), face(ann)], unenrolled: vec![left_out; 301] };
    let kept = serde_json::to_string(&IndexedImage::of(&told)).unwrap();
    assert!(kept.len() < 64 * 1024 - 100, "a receipt has no room for {} bytes", kept.len());
    assert!(!kept.contains("ann") && !kept.contains("photo"), "{kept}");
    let again = || {
        let kept: IndexedImage = serde_json::from_str(&kept).unwrap();
        kept.enrollment(&acme.snapshot(), "users")
    };
    told.unenrolled.pop();
    assert_eq!(again().unwrap(), told);
    acme.remove_faces("users", vec![bob]).await.unwrap();
    told.faces.remove(0);
    assert_eq!(again().unwrap(), told);
    acme.drop_gallery("users").await.unwrap();
    assert_eq!(again().unwrap_err().code(), ErrorCode::CollectionNotFound);
}
