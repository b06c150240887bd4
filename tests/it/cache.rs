//! `gatecrash cache`.

use std::path::Path;

use super::{answer, gatecrash, write};

fn cache(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = gatecrash(&[&["cache"], arguments].concat());
    command.env("GATECRASH_CACHE", folder);
    answer(command)
}

#[test]
fn what_is_kept_is_listed_until_it_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let in_use = folder.path().join("cache");
    let empty = (0, format!("0 B in {}\n", in_use.display()), String::new());
    assert_eq!(cache(&in_use, &[]), empty);
    std::fs::create_dir(&in_use).unwrap();
    write(&in_use, "CACHEDIR.TAG", include_str!("cases/CACHEDIR.TAG"));
    write(&in_use, "litellm-1.82.3-0af1.sql", "CREATE TABLE");
    let (code, stdout, _) = cache(&in_use, &[]);
    let shown = stdout.starts_with("template     litellm  1.82.3  ") && stdout.contains("12 B in ");
    assert!(code == 0 && shown, "{stdout}");
    assert_eq!(cache(&in_use, &["clear"]).0, 0);
    assert_eq!(cache(&in_use, &[]), empty);
}

#[test]
fn a_folder_of_somebody_else_is_not_cleared() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "letter.txt", "dear");
    let (code, stdout, stderr) = cache(folder.path(), &["clear"]);
    assert_eq!((code, stdout.as_str(), stderr.contains("contains other files")), (3, "", true), "{stderr}");
    assert!(folder.path().join("letter.txt").exists());
}
