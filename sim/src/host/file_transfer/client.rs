//! The end that fetches a file.

use std::net::IpAddr;

use bifrons_model::Timestamp;
use smoltcp::{
    iface::SocketHandle,
    socket::tcp::{Socket, State},
};

use super::{BUFFER, CONTROL, Lines, file_name, say, six_numbers};
use crate::host::{
    Report,
    content::{Way, first_wrong},
    stack::{Surroundings, Task, endpoint, tcp_socket},
};

/// Fetches one file.
pub struct FtpClient {
    talk: usize,
    begin: Timestamp,
    server: IpAddr,
    is_passive: bool,
    length: u64,
    control: Option<SocketHandle>,
    data: Option<SocketHandle>,
    lines: Lines,
    received: u64,
    /// The server has said that it has sent all.
    is_told: bool,
    is_over: bool,
}

impl FtpClient {
    /// Fetches `length` bytes, over a data connection that the client opens (`is_passive`) or the server.
    pub fn new(talk: usize, begin: Timestamp, server: IpAddr, is_passive: bool, length: u64) -> Self {
        Self {
            talk,
            begin,
            server,
            is_passive,
            length,
            control: None,
            data: None,
            lines: Lines::default(),
            received: 0,
            is_told: false,
            is_over: false,
        }
    }

    fn open(&mut self, surroundings: &mut Surroundings<'_>) {
        let port = surroundings.port();
        let mut socket = tcp_socket(BUFFER);
        let remote = endpoint(self.server, CONTROL);
        let _ = socket.connect(surroundings.interface.context(), remote, port);
        self.control = Some(surroundings.sockets.add(socket));
        surroundings.report(Report::Begun { talk: self.talk, port });
    }

    /// What the client says to an answer of the server.
    fn answer(&mut self, line: &str, surroundings: &mut Surroundings<'_>) -> Option<String> {
        match line.get(..3)? {
            "220" => Some("USER anonymous".into()),
            "331" => Some("PASS guest@example.org".into()),
            "230" => Some(self.ask_for_data(surroundings)),
            "227" => {
                let (address, port) = six_numbers(line.get(4..)?)?;
                self.connect_data(address.into(), port, surroundings);
                Some(self.retrieve())
            }
            "229" => {
                let port = line.split('|').nth(3)?.parse().ok()?;
                self.connect_data(self.server, port, surroundings);
                Some(self.retrieve())
            }
            "200" => Some(self.retrieve()),
            "226" => {
                self.is_told = true;
                None
            }
            _ => None,
        }
    }

    fn retrieve(&self) -> String {
        format!("RETR {}", file_name(self.talk, self.length))
    }

    fn ask_for_data(&mut self, surroundings: &mut Surroundings<'_>) -> String {
        if self.is_passive {
            return if self.server.is_ipv4() { "PASV".into() } else { "EPSV".into() };
        }
        let port = surroundings.port();
        let mut socket = tcp_socket(BUFFER);
        let _ = socket.listen(port);
        self.data = Some(surroundings.sockets.add(socket));
        let own = surroundings.addresses;
        if self.server.is_ipv6() {
            return format!("EPRT |2|{}|{port}|", own.v6);
        }
        let ([a, b, c, d], [high, low]) = (own.v4.octets(), port.to_be_bytes());
        format!("PORT {a},{b},{c},{d},{high},{low}")
    }

    fn connect_data(&mut self, address: IpAddr, port: u16, surroundings: &mut Surroundings<'_>) {
        let own = surroundings.port();
        let mut socket = tcp_socket(BUFFER);
        let _ = socket.connect(surroundings.interface.context(), endpoint(address, port), own);
        self.data = Some(surroundings.sockets.add(socket));
    }

    /// Takes what came on the data connection.
    fn fetch(&mut self, surroundings: &mut Surroundings<'_>) -> bool {
        let Some(handle) = self.data else { return false };
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(handle);
        let mut has_worked = false;
        let mut wrong = None;
        while socket.can_recv() && wrong.is_none() {
            let (stream, offset) = (self.talk as u64, self.received);
            let taken = socket.recv(|bytes| {
                wrong = first_wrong(stream, Way::Down, offset, bytes);
                (bytes.len(), bytes.len())
            });
            self.received += taken.unwrap_or_default() as u64;
            has_worked = true;
        }
        if socket.state() == State::CloseWait {
            socket.close();
            has_worked = true;
        }
        if let Some(place) = wrong {
            self.is_over = true;
            let text = format!("byte {place} of the file is wrong");
            surroundings.report(Report::Wrong { talk: self.talk, text });
        }
        has_worked
    }

    /// Whether the data connection ended before the file did. The control connection may live for ever.
    fn has_lost_data(&self, surroundings: &Surroundings<'_>) -> bool {
        let is_closed = |data| surroundings.sockets.get::<Socket<'_>>(data).state() == State::Closed;
        self.received < self.length && self.data.is_some_and(is_closed)
    }

    fn tidy_up(&mut self, surroundings: &mut Surroundings<'_>) {
        if let Some(control) = self.control {
            let socket = surroundings.sockets.get_mut::<Socket<'_>>(control);
            if socket.send_queue() == 0 {
                socket.close();
            }
        }
        for handle in [&mut self.control, &mut self.data] {
            let is_closed = |open: &mut SocketHandle| {
                surroundings.sockets.get::<Socket<'_>>(*open).state() == State::Closed
            };
            if let Some(closed) = handle.take_if(is_closed) {
                surroundings.sockets.remove(closed);
            }
        }
    }
}

impl Task for FtpClient {
    fn advance(&mut self, now: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        if self.is_over {
            self.tidy_up(surroundings);
            return false;
        }
        let Some(control) = self.control else {
            let is_due = self.begin <= now;
            if is_due {
                self.open(surroundings);
            }
            return is_due;
        };
        let mut has_worked = self.fetch(surroundings);
        while let Some(line) = self.lines.next(surroundings.sockets.get_mut::<Socket<'_>>(control)) {
            if let Some(answer) = self.answer(&line, surroundings) {
                say(surroundings.sockets.get_mut::<Socket<'_>>(control), &answer);
            }
            has_worked = true;
        }
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(control);
        if self.is_told && self.received == self.length {
            say(socket, "QUIT");
            self.is_over = true;
            surroundings.report(Report::Finished { talk: self.talk });
            return true;
        }
        let why = if matches!(socket.state(), State::Closed | State::CloseWait) {
            "the control connection ended"
        } else if self.has_lost_data(surroundings) {
            "the data connection ended"
        } else {
            return has_worked;
        };
        for handle in [self.control, self.data].into_iter().flatten() {
            surroundings.sockets.get_mut::<Socket<'_>>(handle).abort();
        }
        self.is_over = true;
        surroundings.report(Report::Failed { talk: self.talk, why });
        has_worked
    }

    fn deadline(&self) -> Option<Timestamp> {
        (!self.is_over && self.control.is_none()).then_some(self.begin)
    }
}
