//! Estimates about one face beside its identity, and how many of them a caller asks for.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much a caller wants to know about each face (`attributes=` on the REST door).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AttributeSet {
    /// The bounding box only; the fastest.
    None,
    /// The core quality signals: pose, brightness and sharpness.
    #[default]
    Default,
    /// Everything the model pack can estimate.
    All,
}

/// The text is not one of `none`, `default`, `all`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attributes must be one of none, default, all; got {0:?}")]
pub struct UnknownAttributeSet(pub String);

impl FromStr for AttributeSet {
    type Err = UnknownAttributeSet;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "default" => Ok(Self::Default),
            "all" => Ok(Self::All),
            other => Err(UnknownAttributeSet(other.chars().take(40).collect())),
        }
    }
}

/// Head pose in degrees; all zero is frontal and upright.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pose {
    /// Rotation in the image plane; positive is clockwise as seen in the image.
    pub roll: f32,
    /// Rotation about the vertical axis; positive is the nose towards the image's left.
    pub yaw: f32,
    /// Rotation about the ear axis; positive is looking down. The least certain of the three.
    pub pitch: f32,
}

/// What was estimated about a face; absent fields were not asked for or cannot be estimated.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Attributes {
    /// Head pose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pose: Option<Pose>,
    /// Mean grey level of the face region, 0 (black) to 1 (white).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1, nullable = false)]
    pub brightness: Option<f32>,
    /// Focus of the face region, 0 (blurred) to 1 (sharp).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1, nullable = false)]
    pub sharpness: Option<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_sets_parse_exactly() {
        assert_eq!("all".parse(), Ok(AttributeSet::All));
        assert_eq!("none".parse(), Ok(AttributeSet::None));
        assert_eq!("default".parse(), Ok(AttributeSet::Default));
        assert!("ALL".parse::<AttributeSet>().is_err());
        assert!("".parse::<AttributeSet>().is_err());
    }

    #[test]
    fn absent_attributes_leave_no_trace_in_json() {
        let json = serde_json::to_string(&Attributes::default()).unwrap();
        assert_eq!(json, "{}");
    }
}
