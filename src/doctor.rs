//! What this machine can launch, for people to read: for each launcher whether it can, with what, what is missing and the
//! command that fixes it.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::host::console::print;
use crate::host::failure::Exit;
use crate::launch::doctor::Machine;
use crate::target::versions;

/// Says what this machine can launch. Broken if that is no real gateway.
pub fn tell() -> Exit {
    let machine = Machine::look();
    let can = if machine.launches_real_gateways() { Exit::Fine } else { Exit::Broke };
    can.worst(print(&render(&machine)))
}

fn render(machine: &Machine) -> String {
    let mut text = String::new();
    let mut launcher = |name: &str, can: bool, what: &str| {
        let _ = writeln!(text, "{name:9} {:4} {what}", if can { "yes" } else { "no" });
    };
    launcher("builtin", true, "the built-in gateway needs nothing");
    match &machine.docker {
        Ok(()) => launcher("docker", true, "an engine answers"),
        Err(why) => launcher(
            "docker",
            false,
            &format!("{why}\n{HELP}start Docker, or install it: docs.docker.com/engine/install"),
        ),
    }
    if machine.has_python() {
        launcher("process", true, "a gateway's Python package, and a PostgreSQL");
        parts(&mut text, machine);
    } else {
        launcher("process", false, &format!("neither uv nor python3 is on the PATH\n{HELP}{GET_UV}"));
    }
    let real = match (&machine.docker, machine.has_python()) {
        (Ok(()), _) => "run in Docker if they have an image, unless you set --launcher process",
        (Err(_), true) => "are launched as processes",
        (Err(_), false) => "cannot be launched here; `builtin` and gateways that are already running can be used",
    };
    let _ = writeln!(text, "\n{} {real}.", versions());
    text
}

const HELP: &str = "               help: ";
const GET_UV: &str = "curl -LsSf https://astral.sh/uv/install.sh | sh, or apt install python3 python3-venv";

/// What processes are made with; gatecrash makes up for what is missing, or skips some scenarios.
fn parts(text: &mut String, machine: &Machine) {
    let mut part = |name: &str, found: &Option<PathBuf>, else_what: &str| {
        let found = found.as_ref().map(|path| path.display().to_string());
        let _ = writeln!(text, "               {name:13} {}", found.as_deref().unwrap_or(else_what));
    };
    match (&machine.uv, &machine.python) {
        (None, Some(_)) => {
            part("uv", &None, "not on the PATH: gatecrash installs one for itself, with python3");
            part("python3", &machine.python, "");
        }
        (uv, None) => {
            part("uv", uv, "");
            part("python3", &None, "not on the PATH: uv brings one");
        }
        (uv, python) => {
            part("uv", uv, "");
            part("python3", python, "");
        }
    }
    let server = if machine.server { ", else the server of DATABASE_URL is used" } else { "" };
    let without = format!(
        "not found: a package that ships it is installed{server}\n                             help: apt install postgresql, or brew install postgresql"
    );
    part("PostgreSQL", &machine.postgres, &without);
    part(
        "redis-server",
        &machine.redis,
        "not on the PATH: scenarios with Redis are skipped\n                             help: apt install redis-server, or brew install redis",
    );
    let engines = if machine.prisma_is_told {
        "its engines are named by PRISMA_* variables"
    } else {
        "downloads its engines at the first launch of a version"
    };
    part("Prisma", &None, engines);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Machine {
        Machine {
            docker: Ok(()),
            uv: Some("/usr/bin/uv".into()),
            python: Some("/usr/bin/python3".into()),
            postgres: Some("/usr/lib/postgresql/17/bin".into()),
            server: false,
            redis: Some("/usr/bin/redis-server".into()),
            prisma_is_told: false,
        }
    }

    #[test]
    fn a_machine_with_everything() {
        insta::assert_snapshot!(render(&full()));
    }

    #[test]
    fn a_machine_with_python_alone() {
        let docker = Err("no Docker engine answers: connection refused".to_owned());
        let machine = Machine { docker, uv: None, postgres: None, redis: None, prisma_is_told: true, ..full() };
        assert!(machine.launches_real_gateways());
        insta::assert_snapshot!(render(&machine));
    }

    #[test]
    fn a_machine_with_a_server_of_postgresql() {
        let machine = Machine { postgres: None, server: true, ..full() };
        let text = render(&machine);
        assert!(
            text.contains("a package that ships it is installed, else the server of DATABASE_URL is used"),
            "{text}"
        );
    }

    #[test]
    fn a_machine_with_nothing() {
        let docker = Err("no Docker engine answers: connection refused".to_owned());
        let machine = Machine { docker, uv: None, python: None, postgres: None, redis: None, ..full() };
        assert!(!machine.launches_real_gateways());
        insta::assert_snapshot!(render(&machine));
    }
}
