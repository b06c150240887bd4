//! What processes need of the system they run on: a group of their own, signals, another user for programs that refuse
//! to run as root, links. Not: which processes there are.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::{Pid, geteuid, kill_process, kill_process_group, test_kill_process_group};

/// The first executable file of this name on the PATH.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

/// How a process is told to end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    /// As an operator does.
    Terminate,
    /// PostgreSQL's fast shutdown: sessions are ended, what was committed is kept.
    Interrupt,
    /// PostgreSQL's immediate shutdown: nothing is kept, and no shared memory is left.
    Quit,
    Kill,
}

/// A user that is not root, for a program that refuses to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LoginUser {
    uid: u32,
    gid: u32,
}

impl From<Signal> for rustix::process::Signal {
    fn from(signal: Signal) -> rustix::process::Signal {
        match signal {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Interrupt => rustix::process::Signal::INT,
            Signal::Quit => rustix::process::Signal::QUIT,
            Signal::Kill => rustix::process::Signal::KILL,
        }
    }
}

pub(super) fn in_a_group_of_its_own(command: &mut Command) {
    command.process_group(0);
}

pub(super) fn as_user(command: &mut Command, user: LoginUser) {
    command.uid(user.uid).gid(user.gid);
}

/// A process that has ended already need not be told.
pub(super) fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = pid(child) {
        let _ = kill_process(pid, signal.into());
    }
}

/// Kills a process and what it has started.
pub(super) fn kill_group(child: &Child) {
    if let Some(pid) = pid(child) {
        let _ = kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

/// Whether a process, or anything it has started, is still there.
pub(super) fn is_group_there(child: &Child) -> bool {
    pid(child).is_some_and(|pid| test_kill_process_group(pid).is_ok())
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Which user to run a program as that refuses root: nobody in particular. None if we are not root.
pub(super) fn instead_of_root() -> Option<LoginUser> {
    if !geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(user(&users, "postgres").or_else(|| user(&users, "nobody")).unwrap_or(NOBODY))
}

pub(super) fn give(path: &Path, user: LoginUser) -> io::Result<()> {
    chown(path, Some(user.uid), Some(user.gid))
}

/// Makes a folder for us alone; or one that others may pass through, to reach what is theirs.
pub(super) fn make_private(folder: &Path, others_go_through: bool) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mode = if others_go_through { 0o711 } else { 0o700 };
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode))
}

/// Whether everybody may enter it.
pub(super) fn is_open_to_all(folder: &Path) -> bool {
    let may = |folder: &Path| folder.metadata().is_ok_and(|about| about.permissions().mode() & 0o001 != 0);
    folder.canonicalize().is_ok_and(|folder| folder.ancestors().all(may))
}

pub(super) fn link(original: &Path, link: &Path) -> io::Result<()> {
    symlink(original, link)
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// The ids Linux uses for nobody, unless a list of users says otherwise.
const NOBODY: LoginUser = LoginUser { uid: 65534, gid: 65534 };

/// A user as `/etc/passwd` has it.
fn user(users: &str, name: &str) -> Option<LoginUser> {
    let mut fields = users.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
    let mut number = |skipped| fields.nth(skipped).and_then(|number| number.parse().ok());
    Some(LoginUser { uid: number(2)?, gid: number(0)? })
}

#[cfg(test)]
mod tests {
    use super::{LoginUser, user};

    #[test]
    fn a_user_is_found_by_name() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres:x:105:113:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(user(users, "postgres"), Some(LoginUser { uid: 105, gid: 113 }));
        assert_eq!(user(users, "nobody"), None);
    }
}
