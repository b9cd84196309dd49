//! What the documentation names is there: files, models, twins, tests, versions and pages. And the table of protocols has them all.

#![cfg(not(loom))]
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ARCHITECTURE: &str = "docs/architecture.md";
const OTHERS: &str = "docs/src/third-party.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is around this package")
}

/// Every file below `dir` with this extension, as its path from the workspace's root and its text.
fn files(dir: &str, extension: &str) -> Vec<(String, String)> {
    let (mut found, mut dirs) = (Vec::new(), vec![root().join(dir)]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|is| is == extension) {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// All Rust sources but those of the packages apart, which have target directories of their own.
fn sources() -> Vec<(String, String)> {
    let parts =
        ["executor", "reactor", "blocking-pool", "benches", "tests/src", "tests/tests", "tests/ecosystem"];
    parts.iter().flat_map(|part| files(part, "rs")).collect()
}

fn pages() -> Vec<(String, String)> {
    let mut pages = files("docs", "md");
    for name in ["README.md", "CONTRIBUTING.md"] {
        pages.push((name.to_owned(), fs::read_to_string(root().join(name)).unwrap()));
    }
    pages
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The names of all functions in them.
fn functions(sources: &[(String, String)]) -> BTreeSet<&str> {
    sources.iter().flat_map(|(_, text)| all_between(text, "fn ", '(')).collect()
}

/// What stands between backticks, on one line each.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// What follows each `before`, up to `end`.
fn all_between<'a>(text: &'a str, before: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split_once(end)).map(|(found, _)| found)
}

#[test]
fn each_source_file_that_a_page_names_exists() {
    let apart = ["web", "quic", "dns"].map(|part| files(&format!("tests/third-party/{part}/src"), "rs"));
    let all: Vec<_> = sources().into_iter().chain(apart.into_iter().flatten()).collect();
    let is_there =
        |file: &str| all.iter().any(|(name, _)| name == file || name.ends_with(&format!("/{file}")));
    let mut missing = Vec::new();
    for (page, text) in pages() {
        for file in quoted(&text).filter(|word| word.ends_with(".rs") && !word.contains(' ')) {
            if !is_there(file) {
                missing.push(format!("{page}: {file}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn each_model_that_a_page_or_a_comment_names_exists() {
    let sources = sources();
    let functions = functions(&sources);
    let mut missing = Vec::new();
    for (file, text) in sources.iter().chain(&pages()) {
        let is_page = file.ends_with(".md");
        let prose = text.lines().filter(|line| is_page || line.trim_start().starts_with("//"));
        for word in prose.flat_map(quoted) {
            let model = word.rsplit("::").next().expect("a split has a last part");
            if model.contains("_against_") && !functions.contains(model) {
                missing.push(format!("{file}: {model}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What has broken elsewhere, and the tests that would notice it here; and what the software of others has found, and the tests for that.
#[test]
fn each_test_that_a_history_names_exists() {
    let sources = sources();
    let functions = functions(&sources);
    let histories = sources.iter().filter(|(name, _)| name.ends_with("/history.rs"));
    let mut tables: Vec<_> =
        histories.map(|(file, text)| (&**file, rows(text, "//! |").join("\n"))).collect();
    tables.push((OTHERS, faults_found().join("\n")));
    let mut missing = Vec::new();
    for (file, table) in tables {
        for word in quoted(&table).filter(|word| word.contains('_') && !word.contains('/')) {
            let test = word.rsplit("::").next().expect("a split has a last part");
            if test != "block_on" && !functions.contains(test) {
                missing.push(format!("{file}: {test}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

fn rows<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

/// The tests of each fault that the software of others has found.
fn faults_found() -> Vec<String> {
    let text = page(OTHERS);
    let (_, table) = text.split_once("\n| fault |").expect("the table has this heading");
    let tests = rows(table, "| ").into_iter().filter_map(|row| row.rsplit(" | ").next());
    let tests: Vec<_> = tests.map(str::to_owned).collect();
    assert!(!tests.is_empty() && tests.iter().all(|tests| tests.contains('`')), "without a test: {tests:#?}");
    tests
}

/// An update changes the locks; the page would go on to say what was run before.
#[test]
fn the_versions_of_others_are_those_that_are_locked() {
    let locks = ["Cargo.lock", "tests/third-party/Cargo.lock"].map(page).concat();
    let is_locked =
        |name: &str, version: &str| locks.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n"));
    let text = page(OTHERS);
    let mut versions = 0;
    for row in rows(&text, "| ") {
        let [_, what, column, ..] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let names = || what.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let is_version = |word: &&str| word.split('.').count() == 3;
        for version in column.split([' ', ',', ';']).filter(is_version) {
            assert!(names().any(|name| is_locked(name, version)), "no {version} of what is in: {what}");
            versions += 1;
        }
    }
    assert!(versions > 10, "{versions}");
}

/// The walks name functions: after a change of names they would lead nowhere.
#[test]
fn each_name_in_the_architecture_is_in_the_sources() {
    let architecture = page(ARCHITECTURE);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = |word: &str| word.contains('_') && word.chars().all(is_part);
    let sources = sources();
    let words: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| text.split(|c| !is_part(c))).collect();
    let missing: Vec<_> =
        quoted(&architecture).filter(|word| is_name(word) && !words.contains(word)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_table_of_protocols_has_each_model_and_each_twin() {
    let architecture = page(ARCHITECTURE);
    let named: BTreeSet<&str> = quoted(&architecture).collect();
    // `starts.rs` is about real threads, and no model.
    let is_of_models = |name: &str| name.contains("/models") && !name.ends_with("starts.rs");
    // Not models: the runs of twins, guards, and what needs one thread only.
    let others = ["twins_are_caught", "loom_is_really_on"];
    let alone = ["entries_are_dropped_with_their_queues", "everything_comes_out_once_and_in_order"];
    let mut missing = Vec::new();
    for (name, text) in sources() {
        for step in all_between(&text, "left_out(\"", '"').filter(|step| !named.contains(step)) {
            missing.push(format!("{name}: twin {step}"));
        }
        for model in all_between(&text, "#[test]\n", '(').filter_map(|test| test.trim().strip_prefix("fn ")) {
            let is_model = is_of_models(&name) && !others.contains(&model) && !alone.contains(&model);
            if is_model && !named.contains(model) {
                missing.push(format!("{name}: model {model}"));
            }
        }
    }
    missing.retain(|line| !line.starts_with("tests/tests/documentation.rs"));
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn each_link_to_a_page_leads_somewhere() {
    let mut broken = Vec::new();
    for (name, text) in pages() {
        let directory: PathBuf = root().join(&name).parent().unwrap().to_owned();
        for target in all_between(&text, "](", ')').filter(|target| !target.contains("://")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { root().join(&name) } else { directory.join(path) };
            if !file.exists() {
                broken.push(format!("{name}: {target}"));
            } else if !anchor.is_empty() && !has_heading(&fs::read_to_string(file).unwrap(), anchor) {
                broken.push(format!("{name}: {target}, which has no such heading"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

fn has_heading(text: &str, anchor: &str) -> bool {
    let as_anchor = |heading: &str| -> String {
        let kept = heading.trim().to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
    };
    text.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| as_anchor(line.trim_start_matches('#')) == anchor)
}
