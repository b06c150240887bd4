//! Where a kept target is found: a private folder with an order (what to keep), a record (what became of it) and a
//! lock, which its keeper holds as long as it lives. Not: keeping it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::gateway::Pace;
use crate::launch::{LaunchError, Setup, config};
use crate::secret::Secret;
use crate::target::Target;

/// What to keep, and how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Order {
    pub(super) wanted: Requirements,
    /// What `harness.toml` allows for the launch and for one answer.
    pub(super) launch: Duration,
    pub(super) request: Duration,
    /// It ends with this process; without one, when it is told to.
    pub(super) watched: Option<u32>,
}

/// All that a launch depends on: a run that wants something else does not get this target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Requirements {
    pub(super) target: Target,
    gatecrash: String,
    /// A digest of the gateway's configuration.
    models: u64,
}

impl Requirements {
    pub(super) fn new(target: &Target) -> Requirements {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        config(target.gateway.adapter(), target.own.as_deref(), "").hash(&mut hasher);
        Requirements {
            target: target.clone(),
            gatecrash: env!("CARGO_PKG_VERSION").to_owned(),
            models: hasher.finish(),
        }
    }

    /// How it differs from what is kept; nothing, if it is the same.
    pub(super) fn differs(&self, kept: &Requirements) -> Option<String> {
        if self == kept {
            return None;
        }
        if (&self.gatecrash, self.models) != (&kept.gatecrash, kept.models) {
            return Some("it was launched by another version of gatecrash".to_owned());
        }
        let fields = |wanted: &Requirements| serde_json::to_value(&wanted.target.launcher).unwrap_or_default();
        let (own, other) = (fields(self), fields(kept));
        let inner =
            |launcher: &serde_json::Value| launcher.as_object().and_then(|of| of.values().next()?.as_object().cloned());
        let (own, other) = (inner(&own).unwrap_or_default(), inner(&other).unwrap_or_default());
        let names: Vec<&str> =
            own.iter().filter(|(name, value)| other.get(*name) != Some(value)).map(|(name, _)| name.as_str()).collect();
        Some(match names.is_empty() {
            true => "it was launched in another way".to_owned(),
            false => format!("its {} in harness.toml was another", names.join(", ")),
        })
    }
}

/// What became of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Record {
    pub(super) order: Order,
    pub(super) pid: u32,
    pub(super) program: Program,
    pub(super) state: Phase,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Phase {
    Launching,
    Up(Up),
    Ending,
    Failed(LaunchError),
}

/// A kept target, and how its keeper is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Up {
    pub(super) url: String,
    #[serde(with = "revealed")]
    pub(super) token: Secret,
    pub(super) version: Option<String>,
    pub(super) pace: Pace,
    pub(super) since: jiff::Timestamp,
    pub(super) took: Duration,
    pub(super) setup: Option<Setup>,
}

/// What the keeper speaks. Not when it was built: `cargo build` and `cargo test` take turns putting their own build in
/// the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    version: String,
    /// Raised with every change to what a keeper and its runs say to one another.
    protocol: u32,
}

impl Program {
    pub(super) fn this() -> Program {
        Program { version: env!("CARGO_PKG_VERSION").to_owned(), protocol: 3 }
    }
}

/// Only for a file that nobody else can read.
mod revealed {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::secret::Secret;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.reveal())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// The folder of one kept target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Place(PathBuf);

/// How things are at a place.
pub(super) enum Occupancy {
    /// Nobody keeps anything; a killed keeper may have left something.
    Free(Option<Box<Record>>),
    /// It is on its way up, or down.
    Changing,
    Up(Box<Record>, Up),
    Failed(LaunchError),
}

const LOCK: &str = "lock";
const ORDER: &str = "order.json";
const RECORD: &str = "record.json";
/// The file for what a keeper says if it breaks.
const SAID: &str = "said";

impl Place {
    /// The place of what `gatecrash up` keeps.
    pub(in super::super) fn up(target: &str) -> Place {
        Place(base().join("up").join(file_name(target)))
    }

    /// The place of what the processes of one run of nextest share.
    pub(in super::super) fn of_nextest(run: &str, target: &str) -> Place {
        Place(base().join(file_name(&format!("nextest-{run}"))).join(file_name(target)))
    }

    pub(super) fn at(folder: impl Into<PathBuf>) -> Place {
        Place(folder.into())
    }

    /// The places of all that `gatecrash up` keeps, by name.
    pub(super) fn all_up() -> Vec<Place> {
        let folders = std::fs::read_dir(base().join("up")).into_iter().flatten().flatten();
        let mut places: Vec<Place> = folders.map(|folder| Place(folder.path())).collect();
        places.sort_by(|a, b| a.0.cmp(&b.0));
        places
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// Takes the lock, if nobody has it. It is held until the file, and every copy of it, is closed.
    pub(super) fn try_lock(&self) -> io::Result<Option<File>> {
        // A keeper that ends takes the folder away, perhaps at this moment.
        for _ in 0..10 {
            match self.try_lock_once() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                locked => return locked,
            }
        }
        self.try_lock_once()
    }

    fn try_lock_once(&self) -> io::Result<Option<File>> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        is_private(&base())?;
        let path = self.0.join(LOCK);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        match file.try_lock() {
            Ok(()) if std::fs::metadata(&path)?.ino() == file.metadata()?.ino() => Ok(Some(file)),
            Ok(()) => Err(io::ErrorKind::NotFound.into()),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether a keeper lives, or is being started.
    pub(super) fn is_kept(&self) -> bool {
        File::open(self.0.join(LOCK)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    pub(super) fn standing(&self) -> Occupancy {
        // The lock first: a keeper writes its record before it lets the lock go.
        let is_kept = self.is_kept();
        match (self.read(RECORD).map(|record: Record| (record.state.clone(), Box::new(record))), is_kept) {
            (Some((Phase::Up(up), record)), true) => Occupancy::Up(record, up),
            (Some((Phase::Failed(error), _)), _) => Occupancy::Failed(error),
            (_, true) => Occupancy::Changing,
            (record, false) => Occupancy::Free(record.map(|(_, record)| record)),
        }
    }

    pub(super) fn order(&self) -> Option<Order> {
        self.read(ORDER)
    }

    pub(super) fn record(&self) -> Option<Record> {
        self.read(RECORD)
    }

    pub(super) fn write_order(&self, order: &Order) -> io::Result<()> {
        self.write(ORDER, order)
    }

    pub(super) fn write_record(&self, record: &Record) -> io::Result<()> {
        self.write(RECORD, record)
    }

    /// The file for what the keeper says.
    pub(super) fn said(&self) -> io::Result<File> {
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(self.0.join(SAID))
    }

    pub(super) fn read_said(&self) -> String {
        std::fs::read_to_string(self.0.join(SAID)).unwrap_or_default()
    }

    /// Takes away everything but the lock, which the caller has to hold.
    pub(super) fn clear(&self) {
        for file in [RECORD, ORDER, SAID] {
            let _ = std::fs::remove_file(self.0.join(file));
        }
    }

    /// Takes away everything. The caller has to hold the lock.
    pub(super) fn remove(&self) {
        self.clear();
        let _ = std::fs::remove_file(self.0.join(LOCK));
        // The last one out takes the folders around it, too.
        for folder in self.0.ancestors().take(3).take_while(|folder| folder.starts_with(base())) {
            let _ = std::fs::remove_dir(folder);
        }
    }

    fn read<T: DeserializeOwned>(&self, file: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.0.join(file)).ok()?).ok()
    }

    /// Writes it whole or not at all.
    fn write(&self, file: &str, value: &impl Serialize) -> io::Result<()> {
        let beside = self.0.join(format!("{file}.new"));
        let mut new = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
        new.write_all(&serde_json::to_vec(value)?)?;
        std::fs::rename(beside, self.0.join(file))
    }
}

/// The folder of this user's kept targets.
fn base() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => Path::new(&folder).join("gatecrash"),
        None => std::env::temp_dir().join(format!("gatecrash-of-{}", rustix::process::getuid().as_raw())),
    }
}

/// In a folder that everybody can write to, somebody else may have come first.
fn is_private(folder: &Path) -> io::Result<()> {
    let is = std::fs::symlink_metadata(folder)?;
    match is.is_dir() && is.uid() == rustix::process::getuid().as_raw() && is.mode() & 0o077 == 0 {
        true => Ok(()),
        false => Err(io::Error::other(format!("other users can access the folder {}", folder.display()))),
    }
}

/// A name, made fit for a file: other characters become their numbers.
fn file_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '-' | '_' | '.');
    name.chars().map(|c| if plain(c) { c.to_string() } else { format!("%{:x}%", u32::from(c)) }).collect()
}
