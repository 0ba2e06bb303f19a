//! The end that has the files: they are computed as they are sent.

use std::net::IpAddr;

use bifrons_model::Timestamp;
use smoltcp::{
    iface::SocketHandle,
    socket::tcp::{Socket, State},
};

use super::{BUFFER, CONTROL, DATA, Lines, read_file_name, say, six_numbers};
use crate::host::{
    Report,
    content::{Way, fill},
    stack::{Surroundings, Task, endpoint, tcp_socket},
};

/// Control connections that may be opened in one moment.
const BACKLOG: usize = 2;

/// An FTP server.
#[derive(Default)]
pub struct FtpServer {
    visits: Vec<Visit>,
}

/// One control connection.
struct Visit {
    control: SocketHandle,
    data: Option<SocketHandle>,
    lines: Lines,
    is_greeted: bool,
    /// Where the client waits for data.
    active: Option<(IpAddr, u16)>,
    file: Option<Sending>,
}

struct Sending {
    talk: usize,
    length: u64,
    sent: u64,
    is_announced: bool,
}

impl FtpServer {
    fn tend(&mut self, surroundings: &mut Surroundings<'_>) -> bool {
        self.visits.retain(|visit| {
            let is_over = state(surroundings, visit.control) == State::Closed;
            if is_over {
                surroundings.sockets.remove(visit.control);
                visit.data.map(|data| surroundings.sockets.remove(data));
            }
            !is_over
        });
        let is_open = |visit: &&Visit| state(surroundings, visit.control) == State::Listen;
        let open = self.visits.iter().filter(is_open).count();
        for _ in open..BACKLOG {
            let mut socket = tcp_socket(BUFFER);
            if socket.listen(CONTROL).is_ok() {
                let control = surroundings.sockets.add(socket);
                self.visits.push(Visit {
                    control,
                    data: None,
                    lines: Lines::default(),
                    is_greeted: false,
                    active: None,
                    file: None,
                });
            }
        }
        open < BACKLOG
    }
}

fn state(surroundings: &Surroundings<'_>, handle: SocketHandle) -> State {
    surroundings.sockets.get::<Socket<'_>>(handle).state()
}

impl Visit {
    fn advance(&mut self, surroundings: &mut Surroundings<'_>) -> bool {
        let mut has_worked = false;
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(self.control);
        if !self.is_greeted && socket.may_send() {
            say(socket, "220 Service ready for new user.");
            self.is_greeted = true;
            has_worked = true;
        }
        while let Some(line) = self.lines.next(surroundings.sockets.get_mut::<Socket<'_>>(self.control)) {
            let answer = self.answer(&line, surroundings);
            say(surroundings.sockets.get_mut::<Socket<'_>>(self.control), &answer);
            has_worked = true;
        }
        has_worked |= self.send(surroundings);
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(self.control);
        if socket.state() == State::CloseWait {
            socket.close();
            has_worked = true;
        }
        has_worked
    }

    fn answer(&mut self, line: &str, surroundings: &mut Surroundings<'_>) -> String {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "USER" => "331 User name okay, need password.".into(),
            "PASS" => "230 User logged in, proceed.".into(),
            "PASV" | "EPSV" => self.listen(word == "EPSV", surroundings),
            "PORT" => {
                self.active = six_numbers(rest).map(|(address, port)| (address.into(), port));
                "200 Command okay.".into()
            }
            "EPRT" => {
                let mut parts = rest.split('|').skip(2);
                let address = parts.next().and_then(|text| text.parse().ok());
                let port = parts.next().and_then(|text| text.parse().ok());
                self.active = address.zip(port);
                "200 Command okay.".into()
            }
            "RETR" => self.retrieve(rest, surroundings),
            "QUIT" => "221 Service closing control connection.".into(),
            _ => "502 Command not implemented.".into(),
        }
    }

    fn listen(&mut self, is_extended: bool, surroundings: &mut Surroundings<'_>) -> String {
        let port = surroundings.port();
        let mut socket = tcp_socket(BUFFER);
        let _ = socket.listen(port);
        self.data = Some(surroundings.sockets.add(socket));
        if is_extended {
            return format!("229 Entering Extended Passive Mode (|||{port}|)");
        }
        let ([a, b, c, d], [high, low]) = (surroundings.addresses.v4.octets(), port.to_be_bytes());
        format!("227 Entering Passive Mode ({a},{b},{c},{d},{high},{low}).")
    }

    fn retrieve(&mut self, name: &str, surroundings: &mut Surroundings<'_>) -> String {
        let Some((talk, length)) = read_file_name(name) else { return "550 No such file.".into() };
        surroundings.report(Report::Heard { talk });
        if let Some((address, port)) = self.active {
            let mut socket = tcp_socket(BUFFER);
            let _ = socket.connect(surroundings.interface.context(), endpoint(address, port), DATA);
            self.data = Some(surroundings.sockets.add(socket));
        }
        self.file = Some(Sending { talk, length, sent: 0, is_announced: false });
        "150 File status okay; about to open data connection.".into()
    }

    /// Sends the file, closes, and says so on the control connection.
    fn send(&mut self, surroundings: &mut Surroundings<'_>) -> bool {
        let (Some(file), Some(data)) = (&mut self.file, self.data) else { return false };
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(data);
        let mut has_worked = false;
        while file.sent < file.length && socket.can_send() {
            let (stream, offset, left) = (file.talk as u64, file.sent, file.length - file.sent);
            let written = socket.send(|room| {
                let taken = room.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                fill(stream, Way::Down, offset, &mut room[..taken]);
                (taken, taken)
            });
            let Ok(written) = written else { break };
            file.sent += written as u64;
            has_worked = true;
        }
        // smoltcp forgets a FIN that comes with data ahead of its turn, so it leaves alone.
        let is_acknowledged = file.sent == file.length && socket.send_queue() == 0;
        if is_acknowledged && socket.state() == State::Established {
            socket.close();
            has_worked = true;
        }
        let is_taken = matches!(socket.state(), State::FinWait2 | State::TimeWait | State::Closed);
        if file.sent == file.length && is_taken && !file.is_announced {
            file.is_announced = true;
            has_worked = true;
            let control = surroundings.sockets.get_mut::<Socket<'_>>(self.control);
            say(control, "226 Closing data connection. Requested file action successful.");
        }
        has_worked
    }
}

impl Task for FtpServer {
    fn advance(&mut self, _: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        let mut has_worked = false;
        for visit in &mut self.visits {
            has_worked |= visit.advance(surroundings);
        }
        has_worked | self.tend(surroundings)
    }

    fn deadline(&self) -> Option<Timestamp> {
        None
    }
}
