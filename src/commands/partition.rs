//! `--partition`: a part and a total, or `auto`, which asks the system that runs this job. Not: which trials are in a
//! part ([`Partition`]).

use crate::scenario::Partition;

/// A system that runs one command several times and tells each run its number, in variables of the environment.
struct System {
    name: &'static str,
    number: &'static str,
    /// The number of the first one.
    first: usize,
    /// How many there are. Kubernetes does not say it.
    total: Option<&'static str>,
}

const SYSTEMS: [System; 4] = [
    // https://docs.gitlab.com/ci/variables/predefined_variables/
    System { name: "GitLab", number: "CI_NODE_INDEX", first: 1, total: Some("CI_NODE_TOTAL") },
    // https://circleci.com/docs/reference/variables/
    System { name: "CircleCI", number: "CIRCLE_NODE_INDEX", first: 0, total: Some("CIRCLE_NODE_TOTAL") },
    // https://buildkite.com/docs/pipelines/configure/environment-variables
    System {
        name: "Buildkite",
        number: "BUILDKITE_PARALLEL_JOB",
        first: 0,
        total: Some("BUILDKITE_PARALLEL_JOB_COUNT"),
    },
    // https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
    System { name: "Kubernetes", number: "JOB_COMPLETION_INDEX", first: 0, total: None },
];

/// What the argument says.
pub(super) fn read(argument: &str) -> Result<Partition, String> {
    resolve(argument, |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

fn resolve(argument: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Partition, String> {
    let stated = match argument.strip_prefix("auto") {
        Some("") => None,
        Some(total) => {
            let total = total.strip_prefix('/').and_then(|total| total.parse::<u16>().ok()).filter(|total| *total > 0);
            Some(total.ok_or("`auto` alone, or with how many parts there are, such as auto/4")?)
        }
        None => return argument.parse(),
    };
    let number = |name: &str| match variable(name) {
        None => Ok(None),
        Some(value) => match value.trim().parse::<u16>() {
            Ok(number) => Ok(Some(usize::from(number))),
            Err(_) => Err(format!("{name} is `{value}`, which is not a number of a part")),
        },
    };
    let stated = stated.map(usize::from);
    let mut said = Vec::new();
    for System { name, number: variable, first, total } in SYSTEMS {
        let of = total.map(|total| Ok::<_, String>((total, number(total)?))).transpose()?;
        let part = match (number(variable)?, of) {
            (Some(part), _) => part,
            // Without `parallel`, GitLab gives a job a total too, but no number.
            (None, Some((_, Some(1)))) => first,
            (None, _) => continue,
        };
        let of = match (of, stated) {
            (Some((variable, Some(of))), Some(stated)) if of != stated => {
                return Err(format!("{variable} of {name} is {of}, and not {stated}"));
            }
            (Some((_, Some(of))), _) | (_, Some(of)) => of,
            (Some((total, None)), None) => return Err(format!("{name} sets {variable}, but {total} is not set")),
            (None, None) => {
                return Err(format!(
                    "{name} sets {variable}, and does not say how many parts there are: say auto/N, with N as in \
                     `completions`"
                ));
            }
        };
        if of == 0 {
            return Err(format!("{variable} of {name} is {part}, and there are 0 parts"));
        }
        if !(first..first + of).contains(&part) {
            let last = first + of - 1;
            return Err(format!("{variable} of {name} is {part}, and {of} parts are numbered {first} to {last}"));
        }
        said.push((name, variable, Partition { part: part - first + 1, of }));
    }
    match said[..] {
        [(_, _, partition)] => Ok(partition),
        [] => {
            let names = SYSTEMS.map(|system| format!("{} of {}", system.number, system.name)).join(", ");
            Err(format!("nothing says which part this is: none of {names} is set. Say it as a number, such as 1/4"))
        }
        [(one, its, _), (other, others, _), ..] => Err(format!(
            "both {one} ({its}) and {other} ({others}) say which part this is. Say it as a number, such as 1/4"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of an argument, with these variables set.
    fn of(argument: &str, set: &str) -> String {
        let variable = |name: &str| {
            let mut set = set.split(' ').filter_map(|variable| variable.split_once('='));
            set.find(|(own, _)| *own == name).map(|(_, value)| value.to_owned())
        };
        resolve(argument, variable).map_or_else(|why| format!("error: {why}"), |partition| partition.to_string())
    }

    #[test]
    fn each_system_says_which_part_this_is() {
        for (argument, set, expected) in [
            ("2/4", "CI_NODE_INDEX=3 CI_NODE_TOTAL=4", "2/4"),
            ("auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=4", "1/4"),
            ("auto", "CI_NODE_INDEX=4 CI_NODE_TOTAL=4", "4/4"),
            ("auto", "CI_NODE_TOTAL=1", "1/1"),
            ("auto", "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=3", "1/3"),
            ("auto", "CIRCLE_NODE_INDEX=2 CIRCLE_NODE_TOTAL=3", "3/3"),
            ("auto", "BUILDKITE_PARALLEL_JOB=1 BUILDKITE_PARALLEL_JOB_COUNT=2", "2/2"),
            ("auto/4", "JOB_COMPLETION_INDEX=0", "1/4"),
            ("auto/4", "JOB_COMPLETION_INDEX=3", "4/4"),
            ("auto/4", "CI_NODE_INDEX=2 CI_NODE_TOTAL=4", "2/4"),
        ] {
            assert_eq!(of(argument, set), expected, "{argument} with {set}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_an_error_that_names_the_variable() {
        for (argument, set, expected) in [
            ("auto", "", "none of CI_NODE_INDEX of GitLab, CIRCLE_NODE_INDEX of CircleCI"),
            ("auto/4", "CI_NODE_TOTAL=4", "nothing says which part this is"),
            ("auto", "CI_NODE_INDEX=one CI_NODE_TOTAL=4", "CI_NODE_INDEX is `one`, which is not a number"),
            ("auto", "CI_NODE_INDEX=-1 CI_NODE_TOTAL=4", "CI_NODE_INDEX is `-1`"),
            ("auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=", "CI_NODE_TOTAL is ``"),
            ("auto", "CI_NODE_INDEX=1", "GitLab sets CI_NODE_INDEX, but CI_NODE_TOTAL is not set"),
            (
                "auto",
                "CI_NODE_INDEX=0 CI_NODE_TOTAL=4",
                "CI_NODE_INDEX of GitLab is 0, and 4 parts are numbered 1 to 4",
            ),
            ("auto", "CI_NODE_INDEX=5 CI_NODE_TOTAL=4", "is 5, and 4 parts are numbered 1 to 4"),
            ("auto", "CIRCLE_NODE_INDEX=3 CIRCLE_NODE_TOTAL=3", "is 3, and 3 parts are numbered 0 to 2"),
            ("auto", "CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=0", "is 0, and there are 0 parts"),
            ("auto", "JOB_COMPLETION_INDEX=0", "say auto/N"),
            ("auto/4", "JOB_COMPLETION_INDEX=4", "is 4, and 4 parts are numbered 0 to 3"),
            ("auto/3", "CI_NODE_INDEX=1 CI_NODE_TOTAL=4", "CI_NODE_TOTAL of GitLab is 4, and not 3"),
            ("auto", "CI_NODE_INDEX=1 CI_NODE_TOTAL=4 CIRCLE_NODE_INDEX=0 CIRCLE_NODE_TOTAL=4", "both GitLab"),
            ("auto/0", "JOB_COMPLETION_INDEX=0", "such as auto/4"),
            ("automatic", "", "such as auto/4"),
        ] {
            let said = of(argument, set);
            assert!(said.starts_with("error: ") && said.contains(expected), "{argument} with {set}: {said}");
        }
    }
}
