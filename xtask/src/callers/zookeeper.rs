//! A `ZooKeeper` server of our own, on the loopback interface, with certificates that are made for it.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::progress;
use crate::scratch_build;
use crate::task_error::TaskError;

use super::place::{self, Place, Running};

/// The server's Java libraries. Debian's `zookeeper.jar` names those of netty in an older shape, so that they are not
/// found through it.
const LIBRARIES: [&str; 11] = [
    "zookeeper",
    "netty-buffer",
    "netty-codec",
    "netty-common",
    "netty-handler",
    "netty-resolver",
    "netty-transport",
    "netty-transport-native-epoll",
    "netty-transport-native-unix-common",
    "log4j-1.2",
    "slf4j-log4j12",
];

/// Its log goes to what the process prints.
const LOG: &str = "\
log4j.rootLogger=INFO, CONSOLE
log4j.appender.CONSOLE=org.apache.log4j.ConsoleAppender
log4j.appender.CONSOLE.layout=org.apache.log4j.PatternLayout
log4j.appender.CONSOLE.layout.ConversionPattern=%d %p %c: %m%n
";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that runs as long as this is there.
#[derive(Debug)]
pub(super) struct ZooKeeper {
    running: Running,
    port: u16,
    directory: Utf8PathBuf,
}

/// Starts a server in a place and waits until it answers.
pub(super) fn start(place: &Place) -> Result<ZooKeeper, TaskError> {
    let directory = place.directory("zookeeper")?;
    make_certificates(place, &directory)?;
    place.write("zookeeper/log4j.properties", LOG)?;
    let port = free_port()?;
    // The settings are those of ZooKeeper's administrator's guide, "Encryption, Authentication, Authorization Options".
    let settings = format!(
        "tickTime=2000\n\
         dataDir={directory}/data\n\
         secureClientPort={port}\n\
         secureClientPortAddress=127.0.0.1\n\
         serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n\
         ssl.keyStore.location={directory}/key-and-certificate.pem\n\
         ssl.trustStore.location={directory}/authority.pem\n\
         admin.enableServer=false\n"
    );
    let settings = place.write("zookeeper/zoo.cfg", &settings)?;
    let mut class_path = directory.to_string();
    for library in LIBRARIES {
        class_path.push_str(":/usr/share/java/");
        class_path.push_str(library);
        class_path.push_str(".jar");
    }
    let mut command = place.command("java", &[]);
    command.args(["-Xmx256m", "-cp", &class_path]);
    command.args([
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        settings.as_str(),
    ]);
    let mut running = place.start("zookeeper", &mut command)?;
    place::wait_for("an answer of ZooKeeper", PATIENCE, || {
        running.check_that_it_runs()?;
        Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())
    })?;
    progress::step(format!("ZooKeeper is at 127.0.0.1:{port}"));
    Ok(ZooKeeper {
        running,
        port,
        directory,
    })
}

impl ZooKeeper {
    /// The part of nodepool's configuration that leads to it.
    pub(super) fn settings_of_nodepool(&self) -> String {
        let Self { port, directory, .. } = self;
        format!(
            "zookeeper-servers:\n  \
               - host: 127.0.0.1\n    \
                 port: {port}\n\
             zookeeper-tls:\n  \
               cert: {directory}/certificate.pem\n  \
               key: {directory}/key.pem\n  \
               ca: {directory}/authority.pem\n"
        )
    }

    /// Fails when it has ended.
    pub(super) fn check_that_it_runs(&mut self) -> Result<(), TaskError> {
        self.running.check_that_it_runs()
    }
}

/// Makes an authority, and one certificate by it, which server and clients show to each other.
fn make_certificates(place: &Place, directory: &Utf8Path) -> Result<(), TaskError> {
    let openssl = |arguments: &[&str]| {
        let mut command: Command = place.command("openssl", &[]);
        command
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(arguments)
            .current_dir(directory);
        scratch_build::succeed(&mut command, "making a certificate")
    };
    openssl(&[
        "-subj",
        "/CN=an authority for a test",
        "-keyout",
        "authority-key.pem",
        "-out",
        "authority.pem",
    ])?;
    openssl(&[
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-CA",
        "authority.pem",
        "-CAkey",
        "authority-key.pem",
        "-keyout",
        "key.pem",
        "-out",
        "certificate.pem",
    ])?;
    let mut store = String::new();
    for name in ["key.pem", "certificate.pem"] {
        let path = directory.join(name);
        store.push_str(&std::fs::read_to_string(&path).map_err(TaskError::file("read", &path))?);
    }
    place.write("zookeeper/key-and-certificate.pem", &store)?;
    Ok(())
}

/// Finds a port that nobody listens on now.
fn free_port() -> Result<u16, TaskError> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(TaskError::file("listen on", "loopback"))?;
    let address = listener
        .local_addr()
        .map_err(TaskError::file("ask for", "a port"))?;
    Ok(address.port())
}
