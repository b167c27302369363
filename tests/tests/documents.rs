//! What documents and comments point at is there: files, headings, sections of the contract, decisions of the design.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const SOURCES: [&str; 12] = ["css", "html", "js", "md", "mjs", "rs", "sh", "svelte", "template", "tf", "toml", "ts"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

/// Our own files below `folder` that end in one of `extensions`.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            if !name.starts_with('.') && !["target", "node_modules", "dist", "data"].contains(&&*name) {
                found.extend(files(&path, extensions));
            }
        } else if path.extension().is_some_and(|it| extensions.iter().any(|extension| it == *extension)) {
            found.push(path);
        }
    }
    found
}

/// `text` without its code, in which brackets mean other things.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    lines.flat_map(|line| line.split('`').step_by(2).chain(["\n"])).collect()
}

/// Where the links of a page lead, in itself or beside it.
fn links(page: &str) -> Vec<String> {
    let prose = prose(page);
    let after = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    after.map(str::to_owned).filter(|link| !link.contains("://") && !link.starts_with("mailto:")).collect()
}

/// The fragments under which the headings of a page are found, as forges make them.
fn fragments(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| heading.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect())
        .collect()
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut broken = Vec::new();
    for path in files(&root(), &["md"]) {
        for link in links(&fs::read_to_string(&path).unwrap()) {
            let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let to = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            let there = to.exists()
                && (fragment.is_empty()
                    || fs::read_to_string(&to).is_ok_and(|page| fragments(&page).contains(fragment)));
            if !there {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Numbers that stand directly after `words` in `text`.
fn numbers_after(text: &str, words: &str) -> Vec<u32> {
    let after = text.split(words).skip(1);
    after.filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).collect()
}

#[test]
fn every_section_and_decision_that_is_named_exists() {
    let contract = fs::read_to_string(root().join("docs/contract.md")).unwrap();
    let design = fs::read_to_string(root().join("docs/design.md")).unwrap();
    let (mut named, mut missing) = (0, Vec::new());
    for path in files(&root(), &SOURCES) {
        let text = fs::read_to_string(&path).unwrap();
        let sections = ["contract, section ", "contract section ", "contract's section ", "contract §", "contract, §"];
        let sections = sections.iter().flat_map(|words| numbers_after(&text, words));
        let sections = sections.map(|number| (contract.contains(&format!("\n## {number}. ")), "section", number));
        let decisions = numbers_after(&text, "decision ").into_iter().chain(numbers_after(&text, "Decision "));
        let decisions = decisions.map(|number| (design.contains(&format!("\n{number}. **")), "decision", number));
        for (there, kind, number) in sections.chain(decisions) {
            named += 1;
            if !there {
                missing.push(format!("{}: {kind} {number}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named > 10, "only {named} were found");
}
