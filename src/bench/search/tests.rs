//! A small run tells every figure.

use serde_json::Value;

use super::*;

fn args(precision: Precision, data: PathBuf, export: Option<PathBuf>) -> SearchArgs {
    let (join, no_recall, json) = (false, false, true);
    SearchArgs { rows: 1500, dim: 64, precision, probes: 6, export, join, no_recall, data, json }
}

#[test]
fn a_run_tells_each_figure_and_finds_what_brute_force_finds() {
    let bytes = [Precision::Single, Precision::Half].map(tells_each_figure);
    assert_eq!(bytes, [256, 128]);
}

/// Says what an embedding takes.
fn tells_each_figure(precision: Precision) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("bench");
    let mut out = Vec::new();
    run(args(precision, data.clone(), None), &mut out).unwrap();
    assert!(!data.exists());
    let text = String::from_utf8(out).unwrap();
    let figures: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let recalls: Vec<&Value> =
        figures.iter().filter(|figure| figure["figure"] == "recall").collect();
    assert_eq!(recalls.len(), 3 * FILTERS.len() * JUDGED.len());
    assert!(recalls.iter().all(|recall| recall["recall"] == 1.0), "{recalls:?}");
    assert!(recalls.iter().any(|recall| recall["expected"] == 600));
    for question in &TIMED {
        let figure = figures.iter().find(|figure| figure["figure"] == question.name).unwrap();
        assert!(figure["p50_ms"].is_number() && figure["p99_ms"].is_number());
    }
    for (figure, name) in [
        ("memory", "code_bytes_per_template"),
        ("plain_read_of_plane_1", "p50_ms"),
        ("one_thread", "searches_per_second"),
        ("all_threads_all_callers", "times_one_thread"),
        ("batch", "ratio"),
    ] {
        let found = figures.iter().find(|value| value["figure"] == figure).unwrap();
        assert!(found[name].is_number(), "{figure} {name}");
    }
    let memory = figures.iter().find(|value| value["figure"] == "memory").unwrap();
    memory["embedding_bytes_per_template"].as_u64().unwrap()
}

#[test]
fn a_join_is_timed_and_finds_what_brute_force_finds() {
    for precision in [Precision::Single, Precision::Half] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("bench");
        let mut out = Vec::new();
        run(SearchArgs { join: true, ..args(precision, data.clone(), None) }, &mut out).unwrap();
        assert!(!data.exists());
        let figure: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(figure["figure"], "join");
        assert_eq!(figure["templates_compared_with_brute_force"], 6);
        assert_eq!(figure["pairs_that_differ"], 0);
        // Two templates of one person are alike more often than not.
        assert!(figure["pairs"].as_u64().unwrap() > 1500, "{figure}");
        assert!(figure["seconds"].is_number());
    }
}

#[test]
fn an_export_needs_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let (data, export) = (folder.path().join("bench"), folder.path().join("out"));
    let args = args(Precision::Single, data.clone(), Some(export.clone()));
    run(args, &mut Vec::new()).unwrap();
    assert!(!data.exists());
    let bytes = std::fs::metadata(export.join("templates.f32")).unwrap().len();
    assert_eq!(bytes, 1500 * 64 * 4);
}
