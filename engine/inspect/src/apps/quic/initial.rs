//! Opening a client's Initial packet (RFC 9001 sections 5.2 to 5.4).

use alloc::vec::Vec;

use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use aes_gcm::{Aes128Gcm, Tag, aead::AeadInOut};
use hkdf::Hkdf;
use sha2::Sha256;

use super::header::{LongPacket, Version};

/// The keys with which a client protects its Initial packets.
pub(super) struct ClientKeys {
    packet: Aes128Gcm,
    header: Aes128,
    iv: [u8; 12],
}

const TAG_LENGTH: usize = 16;
/// Longer ones are left closed: a first flight travels in packets of an ordinary path.
const LONGEST_PACKET: usize = 4096;

impl ClientKeys {
    /// The keys that follow from the destination connection ID of the client's first packet; none for a
    /// version that does not protect them.
    pub(super) fn derive(version: Version, destination: &[u8]) -> Option<Self> {
        let labels = labels(version);
        let initial = Hkdf::<Sha256>::new(Some(salt(version)?), destination);
        let secret: [u8; 32] = expand(&initial, b"client in")?;
        let client = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        Some(Self {
            packet: Aes128Gcm::new(&expand::<16>(&client, labels.key)?.into()),
            header: Aes128::new(&expand::<16>(&client, labels.header)?.into()),
            iv: expand(&client, labels.iv)?,
        })
    }

    /// The frames of the packet; `None` if it is not protected with these keys.
    pub(super) fn open(&self, packet: &LongPacket<'_>) -> Option<Vec<u8>> {
        let bytes = packet.bytes;
        let at = packet.packet_number_at;
        if bytes.len() > LONGEST_PACKET {
            return None;
        }
        let sample: [u8; 16] = *bytes.get(at + 4..)?.first_chunk()?;
        let mut mask = sample.into();
        self.header.encrypt_block(&mut mask);
        let first = bytes.first()? ^ (mask[0] & 0x0f);
        let number_length = usize::from(first & 3) + 1;

        let (header, protected) = bytes.split_at_checked(at + number_length)?;
        let mut header = Vec::from(header);
        *header.first_mut()? = first;
        let mut nonce = self.iv;
        for ((byte, mask), place) in
            header.get_mut(at..)?.iter_mut().zip(mask.iter().skip(1)).zip(12 - number_length..)
        {
            *byte ^= mask;
            *nonce.get_mut(place)? ^= *byte;
        }

        let (frames, tag) = protected.split_at_checked(protected.len().checked_sub(TAG_LENGTH)?)?;
        let tag: [u8; TAG_LENGTH] = tag.try_into().ok()?;
        let mut frames = Vec::from(frames);
        self.packet
            .decrypt_inout_detached(&nonce.into(), &header, frames.as_mut_slice().into(), &Tag::from(tag))
            .ok()?;
        Some(frames)
    }
}

struct Labels {
    key: &'static [u8],
    iv: &'static [u8],
    header: &'static [u8],
}

fn labels(version: Version) -> Labels {
    match version {
        Version::Two => Labels { key: b"quicv2 key", iv: b"quicv2 iv", header: b"quicv2 hp" },
        Version::One
        | Version::Draft29
        | Version::Draft23
        | Version::Draft22
        | Version::GoogleQ050
        | Version::GoogleT050
        | Version::GoogleT051
        | Version::GoogleClear => Labels { key: b"quic key", iv: b"quic iv", header: b"quic hp" },
    }
}

fn salt(version: Version) -> Option<&'static [u8]> {
    match version {
        Version::One => {
            Some(b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a")
        }
        Version::Two => {
            Some(b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9")
        }
        Version::Draft29 => {
            Some(b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99")
        }
        Version::Draft23 => {
            Some(b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02")
        }
        Version::Draft22 => {
            Some(b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a")
        }
        Version::GoogleQ050 => {
            Some(b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45")
        }
        Version::GoogleT050 => {
            Some(b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10")
        }
        Version::GoogleT051 => {
            Some(b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d")
        }
        Version::GoogleClear => None,
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 section 7.1).
fn expand<const LENGTH: usize>(secret: &Hkdf<Sha256>, label: &[u8]) -> Option<[u8; LENGTH]> {
    const PREFIX: &[u8] = b"tls13 ";
    let length = u16::try_from(LENGTH).ok()?.to_be_bytes();
    let label_length = [u8::try_from(PREFIX.len() + label.len()).ok()?];
    let mut output = [0; LENGTH];
    secret.expand_multi_info(&[&length, &label_length, PREFIX, label, &[0]], &mut output).ok()?;
    Some(output)
}
