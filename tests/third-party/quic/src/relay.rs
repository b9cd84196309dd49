//! A bad line: passes datagrams on between clients and a server, and loses some of them.

use sideline::net::UdpSocket;
use sideline::{JoinHandle, spawn};
use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use support::Dice;

/// Stops when it is dropped.
pub struct Relay {
    /// Where clients connect to, in place of the server.
    pub address: SocketAddr,
    /// How many datagrams were passed on.
    pub passed: Rc<Cell<u64>>,
    /// How many were not.
    pub lost: Rc<Cell<u64>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Loses so many of a thousand datagrams, in each direction, the same ones each time.
    ///
    /// # Errors
    /// If no port is to be had.
    pub async fn start(server: SocketAddr, lost_per_mille: u64) -> io::Result<Self> {
        let socket = Rc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let address = socket.local_addr()?;
        let line = Line { per_mille: lost_per_mille, passed: Rc::default(), lost: Rc::default() };
        let (passed, lost) = (Rc::clone(&line.passed), Rc::clone(&line.lost));
        let task = spawn(async move {
            // A socket for each client, so that the server can tell them apart.
            let mut upstream: HashMap<SocketAddr, Rc<UdpSocket>> = HashMap::new();
            let mut dice = Dice::new(1);
            let mut buffer = vec![0; 65_536];
            loop {
                let Ok((len, client)) = socket.recv_from(&mut buffer).await else { return };
                let to_server = match upstream.get(&client) {
                    Some(to_server) => Rc::clone(to_server),
                    None => {
                        let to_server = Rc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a port"));
                        let back = line.clone().back(Rc::clone(&to_server), Rc::clone(&socket), client);
                        // Ends with the runtime.
                        drop(spawn(back));
                        upstream.insert(client, Rc::clone(&to_server));
                        to_server
                    }
                };
                line.pass(&mut dice, &to_server, &buffer[..len], server).await;
            }
        });
        Ok(Self { address, passed, lost, task })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Line {
    per_mille: u64,
    passed: Rc<Cell<u64>>,
    lost: Rc<Cell<u64>>,
}

impl Line {
    async fn pass(&self, dice: &mut Dice, from: &UdpSocket, datagram: &[u8], to: SocketAddr) {
        let counter = if dice.below(1000) < self.per_mille { &self.lost } else { &self.passed };
        counter.set(counter.get() + 1);
        if Rc::ptr_eq(counter, &self.passed) {
            let _ = from.send_to(datagram, to).await;
        }
    }

    async fn back(self, to_server: Rc<UdpSocket>, socket: Rc<UdpSocket>, client: SocketAddr) {
        let mut dice = Dice::new(2);
        let mut buffer = vec![0; 65_536];
        while let Ok((len, _server)) = to_server.recv_from(&mut buffer).await {
            self.pass(&mut dice, &socket, &buffer[..len], client).await;
        }
    }
}
