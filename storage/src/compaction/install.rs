//! Putting a merged segment in the place of its inputs.

use std::sync::Arc;

use super::Plan;
use crate::error::Corruption;
use crate::segment::Tombstones;
use crate::version::{GalleryView, SegmentView, Version};

/// A version with `output` in the place of the plan's inputs. Rows that are deleted in this
/// version and were not yet in the plan's are deleted in the output.
pub(crate) fn install(
    version: &Version,
    plan: &Plan,
    output: Option<&SegmentView>,
) -> Result<Version, Corruption> {
    let mut changed = version.clone();
    let Some(view) = version.gallery(plan.gallery.id) else { return Ok(changed) };
    let mut view = GalleryView::clone(view);
    let mut output = output.cloned();
    let mut tombstones = Tombstones::default();
    for input in &plan.inputs {
        let id = input.segment.id();
        let Some(at) = view.segments.iter().position(|segment| segment.segment.id() == id) else {
            continue;
        };
        let present = view.segments.remove(at);
        let Some(output) = &output else { continue };
        for row in present.tombstones.without(&input.tombstones) {
            if let Some(row) = output.segment.find(input.segment.id_at(row)?)? {
                tombstones.insert(row);
            }
        }
    }
    if let Some(output) = &mut output {
        output.tombstones = Arc::new(tombstones);
    }
    view.segments.extend(output);
    changed.put_gallery(view);
    Ok(changed)
}
