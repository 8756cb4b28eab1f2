//! Under which licence does a data file come, if something beside it says so?

use std::path::Path;

/// Largest file that is looked into for a licence, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// The licence of `path` as a table in a `README.md` of its folder or the folder above states it, or the name of a licence
/// file beside it.
pub(crate) fn beside(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: Vec<String> = [name(path), name(folder)].into_iter().flatten().collect();
    for place in [Some(folder), folder.parent()].into_iter().flatten() {
        let stated = read(&place.join("README.md")).and_then(|readme| in_table(&readme, &names));
        if stated.is_some() {
            return stated;
        }
    }
    let beside = ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENCE.md", "COPYING"];
    let file = beside.into_iter().find(|file| folder.join(file).is_file())?;
    Some(format!("see {file} beside the data"))
}

fn read(path: &Path) -> Option<String> {
    let small = std::fs::metadata(path).ok()?.len() <= MOST_BYTES;
    if small { std::fs::read_to_string(path).ok() } else { None }
}

/// The cell under a heading that begins with "licence" or "license", in the first row whose first cell begins with one of
/// `names`.
fn in_table(readme: &str, names: &[String]) -> Option<String> {
    let cells = |line: &str| -> Vec<String> {
        let inside = line.trim().trim_matches('|');
        inside.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
    };
    let mut column = None;
    for line in readme.lines().filter(|line| line.trim_start().starts_with('|')) {
        let row = cells(line);
        let heading = |cell: &String| {
            let cell = cell.to_lowercase();
            cell.starts_with("licence") || cell.starts_with("license")
        };
        if column.is_none() {
            column = row.iter().position(heading);
            continue;
        }
        let first = row.first().map_or("", |cell| cell.split(['/', '`', ' ']).next().unwrap_or_default());
        if !first.is_empty() && names.iter().any(|name| name == first) {
            return column.and_then(|column| row.get(column).cloned()).filter(|cell| !cell.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# Data\n\n| folder | use | licence (as stated) |\n|---|---|---|\n| `squad/` | train | CC BY 4.0 |\n| `bio/7b 9b` | train | CC BY 2.5 |\n| `none/` | test | |\n";

    #[test]
    fn a_table_states_the_licence_of_a_folder_or_a_file() {
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(in_table(README, &[name.to_owned()]).as_deref(), expected, "{name}");
        };
        check("squad", Some("CC BY 4.0"));
        check("bio", Some("CC BY 2.5"));
        check("none", None);
        check("other", None);
    }

    #[test]
    fn the_folder_above_and_a_licence_file_are_looked_at() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("squad");
        std::fs::create_dir(&folder).expect("a folder");
        assert_eq!(beside(&folder.join("a.json")), None);
        std::fs::write(folder.join("LICENSE"), "x").expect("a file");
        assert_eq!(beside(&folder.join("a.json")).as_deref(), Some("see LICENSE beside the data"));
        std::fs::write(root.path().join("README.md"), README).expect("a file");
        assert_eq!(beside(&folder.join("a.json")).as_deref(), Some("CC BY 4.0"));
    }
}
