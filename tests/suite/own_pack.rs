//! A model pack of the user's own: a directory with a manifest, chosen by `--pack`.
//!
//! The pack is made of the default one's models under another name. Where `LIKENESS_TEST_YUNET`
//! names a real YuNet model file, a second pack has that as its detector, so that the decoder is
//! held against a real network too; without it the small networks of the unit tests do that.

use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::support::{ServerBuilder, models_dir, sample_photos};

/// A models directory that shares the runtime and has one pack, `mine`.
pub(crate) fn own_pack(directory: &Path, detector_kind: &str, detector: &Path) -> PathBuf {
    let models = directory.join("models");
    let pack = models.join("packs/mine");
    fs::create_dir_all(&pack).unwrap();
    let installed = models_dir();
    std::os::unix::fs::symlink(installed.join("runtime"), models.join("runtime")).unwrap();
    fs::copy(detector, pack.join("a.onnx")).unwrap();
    let embedder = installed.join("packs/dlib-centerface/embedder.onnx");
    fs::copy(embedder, pack.join("b.onnx")).unwrap();
    let listed = |file: &str| {
        let bytes = fs::read(pack.join(file)).unwrap();
        let (length, hash) = (bytes.len(), hex::encode(digest(&SHA256, &bytes)));
        format!("[[files]]\npath = \"{file}\"\nbytes = {length}\nsha256 = \"{hash}\"\n")
    };
    let manifest = format!(
        "schema = 1\nid = \"mine\"\nversion = \"7\"\nname = \"own\"\nnormalisation = \"l2\"\n\
         licence = \"own\"\nweaknesses = []\n\
         [detector]\nkind = \"{detector_kind}\"\nfile = \"a.onnx\"\n\
         [embedder]\nkind = \"dlib\"\nfile = \"b.onnx\"\ndimensions = 129\n{}{}",
        listed("a.onnx"),
        listed("b.onnx")
    );
    fs::write(pack.join("pack.toml"), manifest).unwrap();
    models
}

/// Faces per sample photo that a server with this pack finds.
async fn faces_found(detector_kind: &str, detector: &Path) -> Vec<usize> {
    let directory = tempfile::tempdir().unwrap();
    let models = own_pack(directory.path(), detector_kind, detector);
    let server = ServerBuilder::new().with_pack(models, "mine").start().await;
    let rest = server.rest(&server.first_key());
    rest.post_json("/collections", &json!({"external_id": "c"})).await.unwrap();
    let client = server.admin().await;
    let model = client.query_one("SHOW COLLECTIONS", &[]).await.unwrap();
    assert_eq!(model.get::<_, String>("model"), "mine@7");
    let mut found = Vec::new();
    for photo in sample_photos() {
        let image = fs::read(photo).unwrap();
        let answer = rest.post_form("/faces:detect", &[("image", &image)], &[]).await.unwrap().1;
        found.push(answer["faces"].as_array().unwrap().len());
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_of_the_users_own_reads_images_under_its_own_name() {
    let centerface = models_dir().join("packs/dlib-centerface/detector.onnx");
    let found = faces_found("centerface", &centerface).await;
    assert!(found.iter().all(|faces| *faces > 0), "{found:?}");
    let Some(yunet) = std::env::var_os("LIKENESS_TEST_YUNET") else {
        println!("LIKENESS_TEST_YUNET names no real YuNet: only CenterFace was tried");
        return;
    };
    let by_yunet = faces_found("yunet", Path::new(&yunet)).await;
    assert_eq!(by_yunet, found, "both detectors see the same faces on the sample photos");
}
