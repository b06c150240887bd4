//! A gateway that runs already: the built-in one, in the test's process, as a target in `harness.toml`.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use gatecrash::builtin::{Builtin, Fault};
use gatecrash::gateway::litellm::config_yaml::config_yaml;
use gatecrash::secret::Secret;

use super::write;

pub const ADMIN_KEY: &str = "sk-of-the-tests";

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A gateway that runs already: the built-in one, in this process, under the name of an external target.
pub struct External {
    builtin: Option<Builtin>,
    pub runtime: tokio::runtime::Runtime,
    pub upstream: SocketAddr,
    pub url: String,
}

impl External {
    pub fn start(fault: Option<Fault>) -> External {
        let upstream = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (url, key) = (format!("http://{upstream}"), Secret::new(ADMIN_KEY));
        let builtin = runtime.block_on(Builtin::start(&config_yaml(&url, None), url, &key, fault)).unwrap();
        let url = format!("http://{}", builtin.address);
        External { builtin: Some(builtin), runtime, upstream, url }
    }

    /// A settings file in which it is the target `mine`, as a LiteLLM of this version.
    pub fn settings(&self, folder: &Path, more: &str) -> String {
        let text = format!(
            "[limits]\nrequest = \"10s\"\nsettle = \"2s\"\n[target.mine]\ngateway = \"litellm\"\nversion = \"1.81.0\"\n\
             url = \"{}\"\nadmin_key_env = \"ADMIN_KEY_OF_THE_TESTS\"\nupstream = \"{}\"\n{more}",
            self.url, self.upstream
        );
        write(folder, "harness.toml", text)
    }

    pub fn kill(&mut self) {
        let builtin = self.builtin.take();
        self.runtime.block_on(async { drop(builtin) });
    }
}
