//! The bytes of SFTP version 3, as OpenSSH speaks it.

use super::Fault;

pub(super) const INIT: u8 = 1;
pub(super) const VERSION: u8 = 2;
pub(super) const OPEN: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const READ: u8 = 5;
pub(super) const WRITE: u8 = 6;
pub(super) const LSTAT: u8 = 7;
pub(super) const FSETSTAT: u8 = 10;
pub(super) const OPENDIR: u8 = 11;
pub(super) const READDIR: u8 = 12;
pub(super) const REMOVE: u8 = 13;
pub(super) const MKDIR: u8 = 14;
pub(super) const RMDIR: u8 = 15;
pub(super) const REALPATH: u8 = 16;
pub(super) const STAT: u8 = 17;
pub(super) const RENAME: u8 = 18;
pub(super) const READLINK: u8 = 19;
pub(super) const SYMLINK: u8 = 20;
pub(super) const EXTENDED: u8 = 200;

pub(super) const TO_READ: u32 = 1;
/// Write, make, and only if nothing is there.
pub(super) const TO_MAKE: u32 = 2 | 8 | 32;

/// What is asked for of a file in one request.
pub(super) const LONGEST_DATA: usize = 32 * 1024;

const HAS_SIZE: u32 = 1;
const HAS_OWNER: u32 = 2;
const HAS_MODE: u32 = 4;
const HAS_TIMES: u32 = 8;
const HAS_EXTENDED: u32 = 0x8000_0000;
/// As for `chown(2)`: stays as it is. OpenSSH hands the number through.
const UNCHANGED: u32 = u32::MAX;

/// A request being put together: length, kind, number, and what follows.
#[derive(Debug)]
pub(super) struct Body(Vec<u8>);

impl Body {
    pub(super) fn new(kind: u8) -> Self {
        Self(vec![0, 0, 0, 0, kind, 0, 0, 0, 0])
    }

    pub(super) fn number(mut self, number: u32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn offset(mut self, offset: u64) -> Self {
        self.0.extend(offset.to_be_bytes());
        self
    }

    pub(super) fn text(mut self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.0.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn mode(self, mode: u32) -> Self {
        self.number(HAS_MODE).number(mode)
    }

    pub(super) fn owner(self, uid: Option<u32>, gid: Option<u32>) -> Self {
        self.number(HAS_OWNER).number(uid.unwrap_or(UNCHANGED)).number(gid.unwrap_or(UNCHANGED))
    }

    /// The whole packet.
    pub(super) fn finish(mut self, id: u32) -> Vec<u8> {
        let length = u32::try_from(self.0.len() - 4).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0[5..9].copy_from_slice(&id.to_be_bytes());
        self.0
    }
}

/// Reads a packet; everything in it comes from the other side and is checked.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(|| Fault::Lost("it sent a malformed packet".into()))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn number(&mut self) -> Result<u32, Fault> {
        Ok(self.take(4)?.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)))
    }

    pub(super) fn long(&mut self) -> Result<u64, Fault> {
        Ok(self.take(8)?.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)))
    }

    pub(super) fn text(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.number()? as usize;
        self.take(length)
    }

    pub(super) fn attributes(&mut self) -> Result<Attributes, Fault> {
        let flags = self.number()?;
        let mut found = Attributes::default();
        if flags & HAS_SIZE != 0 {
            found.size = self.long()?;
        }
        if flags & HAS_OWNER != 0 {
            (found.uid, found.gid) = (self.number()?, self.number()?);
        }
        if flags & HAS_MODE != 0 {
            found.mode = self.number()?;
        }
        if flags & HAS_TIMES != 0 {
            self.take(8)?;
        }
        if flags & HAS_EXTENDED != 0 {
            for _ in 0..self.number()? {
                self.text()?;
                self.text()?;
            }
        }
        Ok(found)
    }
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    pub(super) size: u64,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// With the bits of the kind.
    pub(super) mode: u32,
}

impl Attributes {
    fn kind(self) -> u32 {
        self.mode & 0o170_000
    }

    pub(super) fn is_file(self) -> bool {
        self.kind() == 0o100_000
    }

    pub(super) fn is_dir(self) -> bool {
        self.kind() == 0o040_000
    }

    pub(super) fn is_link(self) -> bool {
        self.kind() == 0o120_000
    }

    pub(super) fn bits(self) -> u32 {
        self.mode & 0o7777
    }
}

/// An answer.
#[derive(Debug)]
pub(super) enum Reply {
    Status(u32, String),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<Vec<u8>>),
    Attributes(Attributes),
    Extended(Vec<u8>),
}

/// The number an answer belongs to, and the answer.
pub(super) fn reply(packet: &[u8]) -> Result<(u32, Reply), Fault> {
    let mut reader = Reader(packet);
    let kind = reader.byte()?;
    let id = reader.number()?;
    let reply = match kind {
        101 => Reply::Status(reader.number()?, String::from_utf8_lossy(reader.text().unwrap_or_default()).into_owned()),
        102 => Reply::Handle(reader.text()?.to_vec()),
        103 => match reader.text()? {
            data if data.len() > LONGEST_DATA => return Err(Fault::Lost("it sent more of a file than was asked for".into())),
            data => Reply::Data(data.to_vec()),
        },
        104 => {
            let mut names = Vec::new();
            for _ in 0..reader.number()? {
                names.push(reader.text()?.to_vec());
                reader.text()?;
                reader.attributes()?;
            }
            Reply::Names(names)
        }
        105 => Reply::Attributes(reader.attributes()?),
        201 => Reply::Extended(reader.0.to_vec()),
        other => return Err(Fault::Lost(format!("it sent a packet of unknown kind {other}"))),
    };
    Ok((id, reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_as_the_draft_has_them() {
        let packet = Body::new(OPEN).text("/a").number(TO_READ).mode(0o600).finish(7);
        assert_eq!(packet, [0, 0, 0, 23, 3, 0, 0, 0, 7, 0, 0, 0, 2, b'/', b'a', 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 1, 0x80]);
    }

    #[test]
    fn no_bytes_of_the_other_side_make_it_panic() {
        let whole = [104, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0x81, 0xa4];
        assert!(matches!(reply(&whole), Ok((1, Reply::Names(n))) if n == [b"x".to_vec()]));
        for cut in 0..whole.len() {
            assert!(reply(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(reply(&[104, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(reply(&[103, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(reply(&[9, 0, 0, 0, 1]).is_err());
    }
}
