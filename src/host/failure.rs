//! How a command ends: its exit code, and what ends it early.

use std::fmt;
use std::process::ExitCode;

/// How a command ends. Scripts rely on the codes; the least bad comes first here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Exit {
    /// 0: all is as it should be.
    #[default]
    Fine,
    /// 4: nothing was run.
    NothingRun,
    /// 3: something is wrong with this machine or what was launched on it.
    Broke,
    /// 2: the user's input is wrong. clap uses the same code for wrong arguments.
    WrongInput,
    /// 1: something regressed, or a scenario failed.
    Failed,
    /// 130: it was interrupted; shells use the same code.
    Interrupted,
}

impl Exit {
    /// Its number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::WrongInput => 2,
            Exit::Broke => 3,
            Exit::NothingRun => 4,
            Exit::Interrupted => 130,
        }
    }

    /// Of two ends, the worse one counts.
    #[must_use]
    pub fn worst(self, other: Exit) -> Exit {
        self.max(other)
    }

    /// The worst of several; fine if there are none.
    pub fn worst_of(all: impl IntoIterator<Item = Exit>) -> Exit {
        all.into_iter().fold(Exit::Fine, Exit::worst)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// What ends a command early: what is wrong, what helps, and how it exits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    what: String,
    help: Option<String>,
    exit: Exit,
}

impl Failure {
    /// The user's input is wrong.
    pub fn wrong(what: impl fmt::Display) -> Failure {
        Failure { what: format!("error: {what}"), help: None, exit: Exit::WrongInput }
    }

    /// The same, with a text that is shown as it is, such as all mistakes in a file.
    pub fn mistakes(text: String) -> Failure {
        Failure { what: text, help: None, exit: Exit::WrongInput }
    }

    /// Something is wrong with this machine.
    pub fn broke(what: impl fmt::Display) -> Failure {
        Failure { what: format!("error: {what}"), help: None, exit: Exit::Broke }
    }

    /// It was interrupted, and that has been said.
    pub fn interrupted() -> Failure {
        Failure { what: String::new(), help: None, exit: Exit::Interrupted }
    }

    /// Adds what helps.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Failure {
        Failure { help: Some(help.into()), ..self }
    }

    /// How the command exits.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what.trim_end())?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_end_counts() {
        use Exit::{Broke, Failed, Fine, Interrupted, NothingRun};
        for (one, other, expected) in [
            (Fine, Broke, Broke),
            (Failed, Broke, Failed),
            (NothingRun, Broke, Broke),
            (Interrupted, Failed, Interrupted),
        ] {
            assert_eq!((one.worst(other), other.worst(one)), (expected, expected));
        }
        assert_eq!(Exit::worst_of([]), Fine);
    }
}
