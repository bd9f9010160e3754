//! Opens the addresses to listen on.
//!
//! In: the settings of one listener. Out: a [`Listener`] that already holds its port.
//!
//! Ports are taken before anything runs, so a port in use ends the start-up and not a request.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use super::front::InFront;
use super::settings::ListenerSettings;
use super::tls::TlsSwitch;
use crate::setup_error::SetupError;

/// One open address, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) tls: Option<Arc<TlsSwitch>>,
    pub(super) front: Arc<InFront>,
    address: SocketAddr,
}

impl Listener {
    /// Takes the port and loads the certificate.
    pub fn bind(settings: &ListenerSettings) -> Result<Listener, SetupError> {
        let tls = match &settings.tls {
            Some(files) => Some(Arc::new(TlsSwitch::load(files)?)),
            None => None,
        };
        let refused = |error| cannot_listen(settings.address, &error);
        let socket = open(settings.address).map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        Ok(Listener {
            socket,
            tls,
            front: Arc::new(settings.front.clone()),
            address,
        })
    }

    /// Where it listens; tells the port where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The certificate in use, to replace it while running; nothing in clear text.
    pub fn tls(&self) -> Option<Arc<TlsSwitch>> {
        self.tls.clone()
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for the old connections of the port to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> SetupError {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            SetupError::new(format!("`{address}` is in use")).hint(format!(
                "another program listens on port {}; stop it, or set another `listen` address",
                address.port()
            ))
        }
        io::ErrorKind::PermissionDenied => {
            SetupError::new(format!("not allowed to listen on `{address}`"))
                .hint("ports below 1024 need the capability `cap_net_bind_service`")
        }
        io::ErrorKind::AddrNotAvailable => {
            SetupError::new(format!("`{address}` is no address of this machine"))
                .hint("`0.0.0.0` or `[::]` listens on all of them")
        }
        _ => SetupError::new(format!("cannot listen on `{address}`: {error}")),
    }
}

/// Connections that the kernel keeps while the accept loop is paused.
const BACKLOG: i32 = 1024;
