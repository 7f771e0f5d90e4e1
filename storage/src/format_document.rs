//! Holds the constants of the code equal to the table in `docs/format.md`.

use crate::{change, code, gallery, inventory, limits, manifest, precision, segment, wal};

fn magic(bytes: [u8; 8]) -> String {
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}

#[test]
fn the_documented_constants_are_those_of_the_code() {
    let (log_magic, segment_layout) = (magic(wal::MAGIC), segment::LAYOUT);
    let operations = change::KINDS.map(|kind| kind.to_string()).join(" ");
    let constants: Vec<(&str, String)> = vec![
        ("manifest magic", magic(manifest::MAGIC)),
        ("manifest version", manifest::FORMAT_VERSION.to_string()),
        ("log magic", log_magic),
        ("log version", wal::FORMAT_VERSION.to_string()),
        ("log header bytes", wal::HEADER_BYTES.to_string()),
        ("record frame bytes", wal::FRAME_BYTES.to_string()),
        ("segment magic", magic(segment::SEGMENT_MAGIC)),
        ("segment version", segment_layout[0].to_string()),
        ("segment version with thumbnails", segment_layout[1].to_string()),
        ("segment version without codes", segment_layout[2].to_string()),
        ("segment header bytes max", segment_layout[3].to_string()),
        ("section alignment", segment_layout[4].to_string()),
        ("section entry bytes", segment_layout[5].to_string()),
        ("block bytes", segment_layout[6].to_string()),
        ("bits of a code", code::BITS.to_string()),
        ("planes of a code", code::PLANES.to_string()),
        ("rows of a group", code::GROUP_ROWS.to_string()),
        ("rows of an extent", code::EXTENT_ROWS.to_string()),
        ("least dimension with codes", code::CODED_DIM_MIN.to_string()),
        ("cell of a code", code::CELL.to_string()),
        ("least residual norm", code::RESIDUAL_LEAST.to_string()),
        ("id bytes", segment_layout[7].to_string()),
        ("fixed bytes", segment_layout[8].to_string()),
        ("text end bytes", segment_layout[9].to_string()),
        ("thumbnail end bytes", segment_layout[10].to_string()),
        ("thumbnail bytes max", limits::THUMBNAIL_BYTES_MAX.to_string()),
        ("bit of half precision", precision::HALF_BIT.to_string()),
        ("bit of thumbnails", gallery::THUMBNAILS_BIT.to_string()),
        ("tombstone magic", magic(segment::TOMBSTONE_MAGIC)),
        ("tombstone version", segment_layout[11].to_string()),
        ("backup title", inventory::TITLE.to_owned()),
        (
            "operations: create, drop, enrol, remove, attach, alter, enrol with thumbnail",
            operations,
        ),
    ];
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md");
    let document = std::fs::read_to_string(path).unwrap();
    let table = document.split("## Constants").nth(1).unwrap();
    let table = table.split("## ").next().unwrap();
    let documented: Vec<(&str, String)> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .skip(1)
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    assert_eq!(documented, constants);
}
