//! Two hosts that speak an application's words in turn over TCP, each turn in a few pieces with pauses
//! between them: whoever identifies the application sees it grow.

mod words;

use std::{net::IpAddr, time::Duration};

use bifrons_model::Timestamp;
use smoltcp::{
    iface::SocketHandle,
    socket::tcp::{Socket, State},
};

pub use words::Language;

use super::{
    Report,
    content::Way,
    stack::{Surroundings, Task, endpoint, tcp_socket},
};

const BUFFER: usize = 4 * 1024;
/// Connections that a server accepts at the same time.
const BACKLOG: usize = 2;
/// Pieces of a turn.
const PIECES: usize = 3;
/// Between two pieces.
const PAUSE: Duration = Duration::from_millis(9);

/// Where an end stands in a dialogue.
#[derive(Debug)]
struct Position {
    language: Language,
    own: Way,
    /// The turn that is being spoken, from 0.
    turn: u32,
    words: Vec<u8>,
    /// How many of its bytes were sent or have come.
    done: usize,
    next: Option<Timestamp>,
}

impl Position {
    fn new(language: Language, own: Way) -> Self {
        let words = language.turn(0);
        Self { language, own, turn: 0, words, done: 0, next: None }
    }

    fn speaks(&self) -> bool {
        self.language.speaker(self.turn) == self.own
    }

    /// Sends what is due, takes what has come; true if something happened.
    ///
    /// # Errors
    /// Where something else came than the other end says.
    fn advance(&mut self, now: Timestamp, socket: &mut Socket<'_>) -> Result<bool, String> {
        let before = (self.turn, self.done);
        if self.speaks() {
            self.send(now, socket);
        } else {
            self.receive(socket)?;
        }
        if self.done == self.words.len() {
            self.turn += 1;
            self.done = 0;
            self.words = self.language.turn(self.turn);
            self.next = None;
        }
        Ok((self.turn, self.done) != before)
    }

    fn send(&mut self, now: Timestamp, socket: &mut Socket<'_>) {
        if self.next.is_some_and(|next| next > now) || !socket.can_send() {
            return;
        }
        let piece = self.words.len().div_ceil(PIECES);
        let end = (self.done + piece).min(self.words.len());
        let rest = self.words.get(self.done..end).unwrap_or_default();
        if let Ok(sent) = socket.send_slice(rest) {
            self.done += sent;
            self.next = Some(now + PAUSE);
        }
    }

    fn receive(&mut self, socket: &mut Socket<'_>) -> Result<(), String> {
        let rest = self.words.get(self.done..).unwrap_or_default();
        let mut is_wrong = false;
        let taken = socket.recv(|bytes| {
            let taken = bytes.len().min(rest.len());
            is_wrong = bytes[..taken] != rest[..taken];
            (taken, taken)
        });
        if is_wrong {
            return Err(format!("turn {} of {} is wrong", self.turn, self.language.name()));
        }
        self.done += taken.unwrap_or_default();
        Ok(())
    }

    /// When the next piece is due.
    fn deadline(&self) -> Option<Timestamp> {
        self.next.filter(|_| self.speaks())
    }
}

/// The end that opens.
pub struct DialogueClient {
    talk: usize,
    begin: Timestamp,
    server: IpAddr,
    turns: u32,
    position: Position,
    socket: Option<SocketHandle>,
    is_over: bool,
}

impl DialogueClient {
    /// A dialogue of so many turns that begins at `begin`.
    pub fn new(talk: usize, begin: Timestamp, server: IpAddr, language: Language, turns: u32) -> Self {
        let position = Position::new(language, Way::Up);
        Self { talk, begin, server, turns, position, socket: None, is_over: false }
    }

    fn open(&mut self, surroundings: &mut Surroundings<'_>) {
        let port = surroundings.port();
        let mut socket = tcp_socket(BUFFER);
        let remote = endpoint(self.server, self.position.language.port());
        let opened = socket.connect(surroundings.interface.context(), remote, port);
        self.socket = Some(surroundings.sockets.add(socket));
        surroundings.report(Report::Begun { talk: self.talk, port });
        if opened.is_err() {
            self.is_over = true;
            surroundings.report(Report::Failed { talk: self.talk, why: "the stack did not connect" });
        }
    }
}

impl Task for DialogueClient {
    fn advance(&mut self, now: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        let Some(handle) = self.socket else {
            let is_due = !self.is_over && self.begin <= now;
            if is_due {
                self.open(surroundings);
            }
            return is_due;
        };
        let socket = surroundings.sockets.get_mut::<Socket<'_>>(handle);
        if self.is_over {
            if socket.state() == State::Closed {
                surroundings.sockets.remove(handle);
                self.socket = None;
            }
            return false;
        }
        if socket.state() == State::SynSent {
            return false;
        }
        let advanced = self.position.advance(now, socket);
        let is_open = socket.may_recv() || socket.can_recv();
        let talk = self.talk;
        let report = match &advanced {
            Err(text) => {
                socket.abort();
                Report::Wrong { talk, text: text.clone() }
            }
            Ok(_) if self.position.turn >= self.turns && socket.send_queue() == 0 => {
                socket.close();
                Report::Finished { talk }
            }
            Ok(_) if !is_open => Report::Failed { talk, why: "the connection ended early" },
            Ok(has_worked) => return *has_worked,
        };
        self.is_over = true;
        surroundings.report(report);
        true
    }

    fn deadline(&self) -> Option<Timestamp> {
        if self.is_over {
            return None;
        }
        if self.socket.is_none() { Some(self.begin) } else { self.position.deadline() }
    }
}

/// The end that is opened to, on a language's port.
pub struct DialogueServer {
    language: Language,
    connections: Vec<(SocketHandle, Position)>,
    deadline: Option<Timestamp>,
}

impl DialogueServer {
    /// Speaks a language.
    pub const fn new(language: Language) -> Self {
        Self { language, connections: Vec::new(), deadline: None }
    }

    /// Lets go what is closed and keeps a few sockets open for the next ones.
    fn tend(&mut self, surroundings: &mut Surroundings<'_>) -> bool {
        let sockets = &mut *surroundings.sockets;
        self.connections.retain(|(handle, _)| {
            let is_over = sockets.get::<Socket<'_>>(*handle).state() == State::Closed;
            if is_over {
                sockets.remove(*handle);
            }
            !is_over
        });
        let is_open =
            |(handle, _): &&(_, Position)| sockets.get::<Socket<'_>>(*handle).state() == State::Listen;
        let open = self.connections.iter().filter(is_open).count();
        for _ in open..BACKLOG {
            let mut socket = tcp_socket(BUFFER);
            if socket.listen(self.language.port()).is_ok() {
                let handle = sockets.add(socket);
                self.connections.push((handle, Position::new(self.language, Way::Down)));
            }
        }
        open < BACKLOG
    }
}

impl Task for DialogueServer {
    fn advance(&mut self, now: Timestamp, surroundings: &mut Surroundings<'_>) -> bool {
        let mut has_worked = false;
        for (handle, position) in &mut self.connections {
            let socket = surroundings.sockets.get_mut::<Socket<'_>>(*handle);
            match socket.state() {
                State::Listen | State::SynSent | State::SynReceived | State::Closed => {}
                State::CloseWait if !socket.can_recv() && socket.send_queue() == 0 => {
                    socket.close();
                    has_worked = true;
                }
                State::Established
                | State::FinWait1
                | State::FinWait2
                | State::CloseWait
                | State::Closing
                | State::LastAck
                | State::TimeWait => match position.advance(now, socket) {
                    Ok(worked) => has_worked |= worked,
                    // The client does not get what it waits for, and says so.
                    Err(_) => socket.abort(),
                },
            }
        }
        has_worked |= self.tend(surroundings);
        self.deadline = self.connections.iter().filter_map(|(_, position)| position.deadline()).min();
        has_worked
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }
}
