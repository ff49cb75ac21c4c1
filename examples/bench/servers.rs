//! Servers that are not ours, each on core 0: the bare answer, and two peers.
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::house::on_cores;

pub struct Server {
    pub address: String,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Starts what prints its address as its first line.
fn start(mut command: Command) -> Server {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    Server { address: address.trim().to_owned(), child }
}

pub fn bare() -> Server {
    let mut command = on_cores(Some("0"), &std::env::current_exe().unwrap());
    command.arg("bare");
    start(command)
}

/// What `make peers` installed.
fn peers() -> &'static Path {
    Path::new("target/peers")
}

pub fn node_oidc_provider() -> Option<Server> {
    if !peers().join("node_modules/oidc-provider").exists() {
        return None;
    }
    let mut command = on_cores(Some("0"), Path::new("node"));
    command.current_dir(peers()).arg("oidc.mjs").env("NODE_ENV", "production");
    Some(start(command))
}

pub fn authlib() -> Option<Server> {
    let program = std::fs::canonicalize(peers().join("venv/bin")).ok()?.join("gunicorn");
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = on_cores(Some("0"), &program);
    // Its plain worker closes each connection after its answer; with threads they stay open, as they do with all others here.
    command.args(["-w", "1", "-k", "gthread", "--threads", "8", "--keep-alive", "75", "-b", &address, "authlib_server:app"]);
    command.current_dir(peers()).env("AUTHLIB_INSECURE_TRANSPORT", "1").stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    while TcpStream::connect(&address).is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(Server { address, child })
}
