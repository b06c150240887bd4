//! A PostgreSQL as a process on loopback: how it is set up and started, and when it is ready. Not: where its programs are
//! ([`Programs`]).

use std::path::Path;
use std::time::Duration;

use super::super::LaunchError;
use super::super::stack::{Spot, USER};
use super::base::{About, Base, Children, Process};
use super::postgres::Programs;
use super::system::{self, Signal};
use crate::secret::Secret;

/// Sets one up in its home, and starts it.
pub(super) async fn start(
    base: &Base,
    programs: &Programs,
    spot: &Spot,
    password: &Secret,
    limit: Duration,
) -> Result<Process, LaunchError> {
    let home = &spot.home;
    let (data, file) = (home.join(DATA), home.join("password"));
    base.write(&file, password.reveal())?;
    // It refuses to be root.
    let user = system::instead_of_root();
    if let Some(user) = user {
        let given = system::give(home, user).and_then(|()| system::give(&file, user));
        given.map_err(|error| base.failed(format!("{} cannot be given away: {error}", home.display())))?;
    }

    let mut init = base.command(&programs.initdb(), home, None);
    init.arg("--pgdata").arg(&data).arg("--pwfile").arg(&file);
    init.args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"]);
    // Its children are servers without connections.
    let about = About { children: Children::LeftToEnd, user, ..About::of("initdb") };
    base.run(about, init, limit).await?;
    let _ = std::fs::remove_file(&file);

    let mut server = base.command(&programs.postgres(), home, None);
    server.arg("-D").arg(&data).args(["-p", &spot.port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        // It is thrown away at the end.
        "fsync=off",
        // In its folder, not in the system's: it goes when the folder goes, however the server ends.
        "dynamic_shared_memory_type=mmap",
    ] {
        server.args(["-c", setting]);
    }
    let about = About { stop: Signal::Interrupt, abandon: Signal::Quit, user, ..About::of("its database") };
    base.start(about, server)
}

const DATA: &str = "data";

/// Whether it says so where its own `pg_ctl` looks: in the eighth line of its lock file.
pub(super) fn is_ready(process: &Process, home: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(home.join(DATA).join("postmaster.pid")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_own = lines.first().is_some_and(|line| *line == process.id().to_string());
    match lines.get(7) {
        Some(&"ready") if is_own => Ok(()),
        _ => Err("it is starting".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::server::{Own, Server};
    use super::super::super::{GatewayName, Launcher, RunId, Target};
    use super::super::base::free_port;
    use super::*;
    use crate::secret::redact;

    /// A server as `DATABASE_URL` may name it; none where this machine has no PostgreSQL, which it then says.
    #[expect(clippy::disallowed_macros)]
    async fn server(run: &RunId, password: &Secret) -> Option<(Base, Spot, Process)> {
        let Some(programs) = Programs::of_this_machine() else {
            println!("not tried: this machine has no PostgreSQL");
            return None;
        };
        let target = Target {
            name: "litellm@1.82.3".to_owned(),
            gateway: GatewayName::of(&crate::gateway::litellm::LiteLlm),
            version: None,
            launcher: Launcher::Builtin { fault: None },
            chosen: None,
            own: None,
        };
        let base = Base::new(&target, run).await.unwrap();
        let home = base.make_folder("database").unwrap();
        let spot = Spot { host: "127.0.0.1".to_owned(), port: free_port().unwrap(), home };
        let process = start(&base, &programs, &spot, password, Duration::from_secs(60)).await.unwrap();
        while is_ready(&process, &spot.home).is_err() {
            assert_eq!(process.stopped(), None);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some((base, spot, process))
    }

    #[tokio::test]
    async fn of_a_server_that_runs_already_each_run_has_databases_of_its_own() {
        let owner = RunId::new();
        let password = Secret::named("sk-database-of-a-server".to_owned(), "database password");
        let Some((base, spot, process)) = server(&owner, &password).await else { return };
        let url = format!("postgresql://{USER}:{}@127.0.0.1:{}/postgres", password.reveal(), spot.port);
        // As others write it, with parameters for Prisma in it.
        let named = Server::of(&format!("{url}?schema=public&connection_limit=5")).unwrap();
        let (run, other) = (RunId::new(), RunId::new());
        let first = named.create(&run).await.unwrap();
        let second = named.create(&run).await.unwrap();
        let others = named.create(&other).await.unwrap();
        assert!(first.url.reveal().ends_with("?schema=public&connection_limit=5"));
        assert!(!redact(&format!("at {}", first.url.reveal())).contains(password.reveal()));

        // A connection that is open does not keep it.
        let connect = async |own: &Own| {
            let url = own.url.reveal().split('?').next().unwrap().to_owned();
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
            tokio::spawn(connection);
            Ok::<_, tokio_postgres::Error>(client)
        };
        let _connected = connect(&first).await.unwrap();
        second.drop().await.unwrap();
        assert!(connect(&second).await.is_err());
        assert_eq!(named.drop_all(&run).await, Ok(1));
        assert!(connect(&first).await.is_err());
        assert_eq!(named.drop_all(&run).await, Ok(0));
        assert!(connect(&others).await.is_ok(), "that of another run is not touched");
        assert_eq!(named.drop_all(&other).await, Ok(1));

        assert!(first.answers().await.is_ok(), "the server is there");
        process.abandon().await;
        let why = first.answers().await.unwrap_err();
        assert!(why.contains("connect"), "{why}");
        base.remove();
        owner.sweep().await.unwrap();
    }
}
