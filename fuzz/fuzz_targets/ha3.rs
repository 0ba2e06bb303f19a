//! Frames of the other device, and of others: reading never panics, a frame without a right tag is no piece,
//! unfinished bodies stay bounded, and what is sent of any kind, keep-alives among them, arrives as it was,
//! in one piece or in many.
#![no_main]

use bifrons_fuzz::Input;
use bifrons_model::{InterfaceId, MacAddress, ZoneId};
use bifrons_wire::{Ha3Assembler, Ha3Header, Ha3Kind, Ha3Window, ha3_frames, ha3_pieces, ha3_read};
use libfuzzer_sys::fuzz_target;

const ENDS: (MacAddress, MacAddress) = (MacAddress([2, 0, 0, 0, 0, 1]), MacAddress([2, 0, 0, 0, 0, 2]));

/// With this key every frame whose tag is zero is right, so that what lies behind is reached.
fn open(_: &[u8], _: &[u8]) -> [u8; 16] {
    [0; 16]
}

fn shut(_: &[u8], _: &[u8]) -> [u8; 16] {
    [0xa5; 16]
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let (mtu, sequence) = (usize::from(input.u16()), u64::from(input.u16()));
    let description = usize::from(input.byte());
    let kind = Ha3Kind::ALL[usize::from(input.byte()) % Ha3Kind::ALL.len()];
    let mut assembler = Ha3Assembler::new();
    let mut window = Ha3Window::new(7);
    for frame in input.0.chunks(usize::from(mtu as u8).max(32)) {
        if let Ok(piece) = ha3_read(frame, &open) {
            let _ = piece.parts();
            if window.take(&piece.header) {
                assert!(!window.take(&piece.header));
            }
            let _ = assembler.handle_piece(&piece);
            assert!(ha3_read(frame, &shut).is_err());
        }
    }
    let (description, frame) = input.0.split_at(description.min(input.0.len()));
    let header = Ha3Header {
        kind,
        sender: 0,
        interface: InterfaceId(1),
        zone: ZoneId(2),
        epoch: 7,
        sequence,
        session: 9,
    };
    let Ok(frames) = ha3_frames(ENDS, &header, (description, frame), mtu, &open) else {
        assert!(ha3_pieces(input.0.len(), mtu).is_err());
        return;
    };
    let mut assembler = Ha3Assembler::new();
    let found: Vec<_> = frames
        .iter()
        .filter_map(|frame| {
            assert!(frame.len() <= 14 + mtu);
            assembler.handle_piece(&ha3_read(frame, &open).expect("a frame that was built"))
        })
        .collect();
    let [message] = found.as_slice() else { panic!("{} messages", found.len()) };
    assert_eq!((message.header, &*message.description, &*message.frame), (header, description, frame));
});
