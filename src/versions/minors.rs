//! A few of many versions: the newest of each minor one, and those at the ends.

use crate::gateway::adapter::About;

/// A version, and those of the same minor one that will do if it cannot be had: older ones, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub version: String,
    pub instead: Vec<String>,
}

/// How many older ones to try: if none of them can be had, the versions are not the cause.
const OLDER: usize = 3;

/// Of versions in order: the first, the last, and the last of each minor one between them.
pub fn newest_of_each(about: &About, versions: &[String]) -> Vec<Chosen> {
    let minor = |version: &String| {
        (about.order)(version).map(|order| order.release().iter().take(2).copied().collect::<Vec<u64>>())
    };
    let mut chosen: Vec<Chosen> = Vec::new();
    for (nth, own) in versions.chunk_by(|a, b| minor(a) == minor(b)).enumerate() {
        let own = match own {
            // Whoever names the first one wants exactly that.
            [first, rest @ ..] if nth == 0 => {
                chosen.push(Chosen { version: first.clone(), instead: Vec::new() });
                rest
            }
            all => all,
        };
        if let [older @ .., newest] = own {
            chosen.push(Chosen { version: newest.clone(), instead: older.iter().rev().take(OLDER).cloned().collect() });
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::newest_of_each;
    use crate::gateway::OF_BUILTIN;

    #[test]
    fn each_minor_version_has_one_and_the_first_is_there_too() {
        let cases = [
            ("1.81.0 1.81.1 1.81.16 1.82.3 1.82.6 1.100.0", "1.81.0 1.81.16(1.81.1) 1.82.6(1.82.3) 1.100.0"),
            ("1.81.0 1.82.0", "1.81.0 1.82.0"),
            ("1.0.0 1.1.0 1.1.1 1.1.2 1.1.3 1.1.4", "1.0.0 1.1.4(1.1.3,1.1.2,1.1.1)"),
            ("1.81.0", "1.81.0"),
            ("", ""),
        ];
        for (versions, expected) in cases {
            let versions: Vec<String> = versions.split_whitespace().map(str::to_owned).collect();
            let told = newest_of_each(OF_BUILTIN.about(), &versions).into_iter().map(|chosen| {
                match chosen.instead.join(",") {
                    none if none.is_empty() => chosen.version,
                    instead => format!("{}({instead})", chosen.version),
                }
            });
            assert_eq!(told.collect::<Vec<_>>().join(" "), expected);
        }
    }
}
